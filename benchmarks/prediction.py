"""What comes next in slots: error against horizon of trained predictors, two floors and a ceiling.

python benchmarks/prediction.py NAME=CHECKPOINT... --train CLIPS --test CLIPS --work FOLDER

A checkpoint of clips is followed as it is; one of pictures starts each frame from its last slots
(`dias slots --follow`). Slots and predictors are kept in the work folder, so a stopped run goes on.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from dias.backbones import Backbone
from dias.checkpoints import CLIP_FORMAT, describe, load_clip_model, load_model
from dias.config import to_dict
from dias.data.frames import ClipFrames, images_of
from dias.data.samples import ClipSource
from dias.data.sources import config_for
from dias.evaluation.protocol import rules_of
from dias.inference.tracks import Tracker
from dias.models import ClipModel, following
from dias.prediction import (
    FitConfig,
    Forecast,
    HorizonConfig,
    Prediction,
    RollouterConfig,
    evaluate,
    load_rollouter,
    save_rollouter,
)
from dias.prediction.curves import write_figure
from dias.prediction.evaluation import STAYS, STRAIGHT, TRUE
from dias.prediction.results import Measure
from dias.prediction.training import train_on
from dias.progress import ProgressLine
from dias.slots import SlotFiles, clips_of, extract, load
from dias.slots.header import header_of
from harness import Row, markdown, save, spread
from recognition import remember

DOCS = Path(__file__).parents[1] / "docs"
Curve = Float64[np.ndarray, " steps"]
MARKS = (1, 5, 10, 20, 40)
SHOWN: tuple[Measure, ...] = ("slot_error", "feature_error", "ari_foreground", "miou")
_SHARES = ("ari", "ari_foreground", "miou")
NAMES = {
    "slot_error": "slot error (1: as the mean slot)",
    "feature_error": "feature error (1 - cosine)",
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


def predictor_of(files: SlotFiles, config: RollouterConfig, how: FitConfig, share: float, file: Path) -> Path:
    """As `dias predict train` does."""
    if not file.exists():
        with ProgressLine(file.stem, total=how.steps) as line:
            done = train_on(
                files, config, how, held_out=share, on_step=lambda loss: line.step(note=f"{loss:.4f}")
            )
        save_rollouter(file, done.trained, notes=done.notes)
        print(f"{file}: {done.told}", flush=True)
    return file


def rows_of(slots: str, found: Prediction, groups: dict[str, Sequence[str]]) -> dict[str, list[Row]]:
    """By measure: a row a group of seeds, with a column a step; and of the whole future as one image."""
    tables: dict[str, list[Row]] = {}
    marks = [mark for mark in MARKS if mark <= found.steps]
    for name, members in groups.items():
        own = [one for one in found.rows if one.name in members]
        for measure in SHOWN:
            row: Row = {"slots": slots, NAMES[measure]: name}
            for mark in marks:
                row[f"step {mark}"] = spread(
                    [one.curve(measure)[mark - 1] for one in own], percent=measure in _SHARES
                )
            tables.setdefault(measure, []).append(row)
        whole: Row = {"slots": slots, "the whole future as one image": name}
        for key in ("ari", "ari_foreground", "miou"):
            whole[NAMES[key]] = spread([float(np.nanmean(one.whole[key])) for one in own])
        tables.setdefault("whole", []).append(whole)
    return tables


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A model with its slots of both sets of clips."""

    model: ClipModel
    test: SlotFiles
    clips: ClipSource
    train: SlotFiles
    place: Path


def prepared(given: argparse.Namespace) -> dict[str, Prepared]:
    """Extract the slots of all models; backbones of the same settings are one, which sees each frame once."""
    shared: dict[object, Backbone] = {}
    found = {}
    for word in given.models:
        name, path = word.split("=", 1)
        model = model_at(Path(path), None)
        own = model.image.backbone
        assert own is not None
        if model.image.config.backbone not in shared:
            shared[model.image.config.backbone] = remember(own)
        model = model_at(Path(path), shared[model.image.config.backbone])
        place = given.work / Path(path).stem
        test, source = slots_of(model, Path(path), given.test, place / "test")
        train, _ = slots_of(model, Path(path), given.train, place / "train")
        found[name] = Prepared(model=model, test=test, clips=source.clips, train=train, place=place)
    return found


def trained(given: argparse.Namespace, of: Prepared) -> tuple[dict[str, Forecast], dict[str, list[str]]]:
    """Predictors by name, and which of them are one row."""
    shape = RollouterConfig(
        width=given.width, hidden=4 * given.width, layers=given.layers, dropout=given.dropout
    )
    forecasts: dict[str, Forecast] = {}
    groups: dict[str, list[str]] = {}
    for kind in ("residual", "outright"):
        config = replace(shape, residual=kind == "residual")
        for seed in given.seeds if config.residual else given.seeds[: given.outright]:
            how = FitConfig(
                steps=given.steps, batch=given.batch, lr=given.lr, seed=seed, predicted=given.predicted,
                noise=given.noise, shift=given.shift, weight_decay=given.weight_decay,
            )  # fmt: skip
            told = json.dumps([to_dict(config), to_dict(how), given.held_out], sort_keys=True)
            mark = hashlib.sha256(told.encode()).hexdigest()[:8]
            file = of.place / f"{kind}-{mark}-{seed}.safetensors"
            predictor_of(of.train, config, how, given.held_out, file)
            forecasts[f"{kind} {seed}"] = load_rollouter(file).rollouter.rollout
            groups.setdefault(f"predictor, {kind}", []).append(f"{kind} {seed}")
    return forecasts, groups


def measured(given: argparse.Namespace, of: Prepared, forecasts: dict[str, Forecast]) -> Prediction:
    """As `dias predict eval` does."""
    horizon = HorizonConfig(steps=given.horizon, rules=rules_of("dias", size=given.size))
    with ProgressLine("measure", total=len(of.clips)) as line:
        return evaluate(
            forecasts, of.test, of.clips, of.model.image, config=horizon, on_clip=partial(line.step)
        )


def main() -> None:
    """Extract, train, measure, draw and save."""
    given = arguments()
    tables: dict[str, list[Row]] = {}
    panels: dict[Measure, dict[str, Curve]] = {measure: {} for measure in SHOWN}
    about = ""
    for name, one in prepared(given).items():
        forecasts, groups = trained(given, one)
        found = measured(given, one, forecasts)
        groups |= {floor: [floor] for floor in (STAYS, STRAIGHT, TRUE)}
        for key, rows in rows_of(name, found, groups).items():
            tables.setdefault(key, []).extend(rows)
            print(markdown(rows), flush=True)
        for measure in SHOWN:
            for group, members in groups.items():
                curves = [row.curve(measure) for row in found.rows if row.name in members]
                panels[measure][f"{name}: {group}"] = np.mean(curves, axis=0)
        shares = ", ".join(f"{100 * found.covered[mark - 1]:.0f} % at {mark}" for mark in MARKS)
        about += f"; of {name}'s true slots were there at burn-in's end: {shares}"
    write_figure(panels, DOCS / f"{given.name}.png")
    seeds = f"seed{'s' * (len(given.seeds) > 1)} {', '.join(map(str, given.seeds))}"
    spread = f"mean ± sample standard deviation over {seeds}" if len(given.seeds) > 1 else f"one, {seeds}"
    about = (
        f"{len(found.clips)} test and {len(list(clips_of(one.train)))} training clips, burn-in "
        f"{found.burn_in}, {found.steps} predicted frames; predictors of width {given.width}, at most "
        f"{given.steps} steps of {given.batch} windows ({spread}; outright: {given.outright}), weights "
        f"chosen by {100 * given.held_out:g} % of the training clips, shift {given.shift:g}, "
        f"noise {given.noise:g}, dropout {given.dropout:g}, weight decay {given.weight_decay:g}; masks by "
        f"the decoder from slots alone, at {given.size} pixels, in percent{about}"
    )
    rows = [row for each in tables.values() for row in each]
    print(save(given.name, rows, about=about))


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="NAME=CHECKPOINT")
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--outright", type=int, default=1, help="seeds that also predict slots outright")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--predicted", type=int, default=10, help="frames, in training")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--shift", type=float, default=1.0)
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--held-out", type=float, default=0.2, help="share of the training clips")
    parser.add_argument("--horizon", type=int, default=40)
    parser.add_argument("--size", type=int, default=128, help="of the masks, in pixels")
    parser.add_argument("--name", default="prediction")
    return parser.parse_args()


if __name__ == "__main__":
    main()
