"""What comes next in slots: error against horizon of trained predictors, two floors and a ceiling.

python benchmarks/prediction.py NAME=CHECKPOINT... --train CLIPS --test CLIPS --work FOLDER

A checkpoint of clips is followed as it is; one of pictures starts each frame from its last slots
(`dias slots --follow`). Slots and predictors are kept in the work folder, so a stopped run goes on.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from dias.backbones import Backbone
from dias.checkpoints import CLIP_FORMAT, describe, load_clip_model, load_model
from dias.config import to_dict
from dias.data.frames import ClipFrames, images_of
from dias.data.sources import config_for
from dias.evaluation.protocol import rules_of
from dias.inference.tracks import Tracker
from dias.metrics import mean_and_deviation
from dias.models import ClipModel, following
from dias.prediction import (
    FitConfig,
    HorizonConfig,
    Prediction,
    RollouterConfig,
    evaluate,
    fit,
    load_rollouter,
    save_rollouter,
    trained_on,
    windows_of,
)
from dias.prediction.curves import write_figure
from dias.prediction.evaluation import STAYS, STRAIGHT, TRUE
from dias.prediction.results import Measure
from dias.progress import ProgressLine
from dias.slots import SlotFiles, clips_of, extract, load
from dias.slots.header import header_of
from harness import RESULTS, Row, markdown, save
from recognition import remember

MARKS = (1, 5, 10, 20, 40)
SHOWN: tuple[Measure, ...] = ("slot_error", "feature_error", "ari_foreground", "miou")
NAMES = {
    "slot_error": "slot error",
    "feature_error": "feature error",
    "ari_foreground": "ARIfg",
    "miou": "mIoU",
    "ari": "ARI",
}


def model_at(path: Path, shared: Backbone | None) -> ClipModel:
    """A model that follows clips; all look through one backbone, at each frame once."""
    if describe(path)["format"] == CLIP_FORMAT:
        return load_clip_model(path, backbone=shared)
    return following(load_model(path, backbone=shared))


def slots_of(model: ClipModel, checkpoint: Path, data: Path, out: Path) -> tuple[SlotFiles, ClipFrames]:
    """As `dias slots` does."""
    config = config_for(data, use="evaluate")
    source = images_of(config.build())
    assert isinstance(source, ClipFrames)
    tracker = Tracker(model)
    header = header_of(
        tracker, source, checkpoint=checkpoint, data=to_dict(config), threshold=None, per_shard=48
    )
    with ProgressLine(out.name, total=len(source)) as line:
        extract(tracker, source, out, header=header, on_pictures=line.to)
    return load(out, checkpoint=checkpoint), source


def predictor_of(files: SlotFiles, config: RollouterConfig, how: FitConfig, file: Path) -> Path:
    """As `dias predict train` does."""
    if not file.exists():
        windows = windows_of(clips_of(files), frames=config.burn_in + how.predicted, stride=how.stride)
        with ProgressLine(file.stem, total=how.steps) as line:
            found = fit(windows, config, how, on_step=lambda loss: line.step(note=f"{loss:.4f}"))
        save_rollouter(file, trained_on(found, files.header, how), notes={"windows": len(windows)})
    return file


def rows_of(slots: str, found: Prediction, groups: dict[str, Sequence[str]]) -> list[Row]:
    """A row a group of seeds, with its measures at some steps."""
    rows: list[Row] = []
    for name, members in groups.items():
        row: Row = {"slots": slots, "prediction": name}
        for measure in SHOWN:
            curves = [one.curve(measure) for one in found.rows if one.name in members]
            for mark in (mark for mark in MARKS if mark <= found.steps):
                row[f"{NAMES[measure]} {mark}"] = _told([curve[mark - 1] for curve in curves], measure)
        for key in ("ari_foreground", "miou"):
            wholes = [float(np.nanmean(one.whole[key])) for one in found.rows if one.name in members]
            row[f"{NAMES[key]} of the whole future"] = _told(wholes, "miou")
        rows.append(row)
    return rows


def _told(values: Sequence[float], measure: Measure) -> str:
    both = mean_and_deviation(values)
    scale, digits = (100, 1) if measure in ("ari", "ari_foreground", "miou") else (1, 2)
    spread = f" ± {scale * both.deviation:.{digits}f}" if len(values) > 1 else ""
    return f"{scale * both.mean:.{digits}f}{spread}"


def main() -> None:
    """Extract, train, measure, draw and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="NAME=CHECKPOINT")
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--horizon", type=int, default=40)
    parser.add_argument("--size", type=int, default=128, help="of the masks, in pixels")
    parser.add_argument("--outright", action="store_true", help="also predict slots outright, first seed")
    parser.add_argument("--name", default="prediction")
    given = parser.parse_args()
    shared: Backbone | None = None
    prepared = {}
    for word in given.models:
        name, path = word.split("=", 1)
        model = model_at(Path(path), shared)
        assert model.image.backbone is not None
        shared = shared or remember(model.image.backbone)
        place = given.work / Path(path).stem
        test = slots_of(model, Path(path), given.test, place / "test")
        train, _ = slots_of(model, Path(path), given.train, place / "train")
        prepared[name] = (model, test, train, place)
    rows, panels, about = list[Row](), {measure: {} for measure in SHOWN}, ""
    how = FitConfig(steps=given.steps, batch=given.batch, lr=given.lr)
    for name, (model, (files, source), train, place) in prepared.items():
        shape = RollouterConfig(width=given.width, hidden=4 * given.width)
        kinds = {"residual": shape}
        if given.outright:
            kinds["outright"] = replace(shape, residual=False)
        forecasts, groups = {}, {}
        for kind, config in kinds.items():
            for seed in given.seeds if kind == "residual" else given.seeds[:1]:
                own = replace(how, seed=seed)
                file = predictor_of(
                    train, config, own, place / f"{kind}-{given.width}-{own.steps}-{seed}.safetensors"
                )
                forecasts[f"{kind} {seed}"] = load_rollouter(file).rollouter.rollout
                groups.setdefault(f"predictor, {kind}", []).append(f"{kind} {seed}")
        horizon = HorizonConfig(steps=given.horizon, rules=rules_of("dias", size=given.size))
        with ProgressLine("measure", total=len(source.clips)) as line:
            found = evaluate(
                forecasts, files, source.clips, model.image, config=horizon, on_clip=partial(line.step)
            )
        groups |= {one: [one] for one in (STAYS, STRAIGHT, TRUE)}
        rows += rows_of(name, found, groups)
        for measure in SHOWN:
            for group, members in groups.items():
                curves = [one.curve(measure) for one in found.rows if one.name in members]
                panels[measure][f"{name}: {group}"] = np.mean(curves, axis=0)
        covered = ", ".join(f"{100 * found.covered[mark - 1]:.0f}% at {mark}" for mark in MARKS)
        about += f" Slots of {name} that were there at burn-in's end: {covered}."
        print(markdown(rows), flush=True)
    write_figure(panels, RESULTS / f"{given.name}.png")
    clips = f"{len(found.clips)} test and {len(list(clips_of(train)))} training clips"
    seeds = ", ".join(map(str, given.seeds))
    about = (
        f"{clips}, burn-in {found.burn_in}, {found.steps} predicted frames; predictors of width "
        f"{given.width}, {given.steps} steps of {given.batch} windows; mean ± sample standard deviation over "
        f"seeds {seeds}; masks of the decoder by slots alone at {given.size} pixels, in percent.{about}"
    )
    print(save(given.name, rows, about=about))


if __name__ == "__main__":
    main()
