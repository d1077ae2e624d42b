"""Methods through time on rendered clips, told boxes and told nothing; DIAS without each of its techniques.

python benchmarks/clip_methods.py [--steps 300] [--seeds 42 43 44] [--rows DIAS "RandSF.Q, boxes"]
    [--out runs/clip-methods] [--table]

Every row has the data, views, steps, batch, rate and slots of `dias-clips-cpu`. All but SAVi, which sees
pixels, start from the weights of the picture model that ships wherever theirs have the same name and shape:
the reduction of features, the projection, the queries, the aggregation. Decoder and transition are new for
all, and from the seed. There is one validation, at the end, so that no row chooses a checkpoint.

Runs and scores that are there already are not made again: stopped, the same command goes on. `--table` makes
the table of what is done.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file

from dias.backbones import BackboneConfig
from dias.checkpoints import save_model
from dias.data.frames import images_of
from dias.data.sources import config_for
from dias.evaluation.clips import (
    ClipEvaluation,
    clip_candidate,
    clips_for,
    evaluate_linked,
    load_clips,
    save_clips,
)
from dias.models.clip import ClipModel
from dias.training.recipe import read_recipe
from harness import Row, markdown, run_dias, save, spread

PICTURES = Path("data/models/scenes-cpu.safetensors")
TRAIN, TEST = Path("data/clips/train"), Path("data/clips/test")
FOLLOWS = "clip.transition={kind: residual, heads: 2}"  # starts as the model of pictures follows
DIAS = ("dias-clips-cpu", FOLLOWS)
ROWS: dict[str, tuple[str, ...]] = {  # recipe, changes
    "DIAS": DIAS,
    "DIAS, no reduction": (*DIAS, "model.aggregation.reduction=false"),
    "DIAS, no distillation": (*DIAS, "objective.distillation=none"),
    "DIAS, no random order": (*DIAS, "model.decoder.random_order=false"),
    "RandSF.Q": ("randsfq-cpu",),
    "SlotContrast": ("slotcontrast-cpu",),
    "VideoSAUR": ("videosaur-cpu",),
    "SmoothSA": ("smoothsa-video-cpu",),
    "STEVE": ("steve-cpu",),
    "VVO-TfdT": ("vvo-tfdt-cpu",),
    "SAVi": ("savi-cpu",),
}
TOLD = ", boxes"
LOOKS_NOT = "DIAS, no arrivals"  # the runs of DIAS, measured without looking for what comes
NAMES = [f"{name}{told}" for told in ("", TOLD) for name in ("DIAS", LOOKS_NOT, *list(ROWS)[1:])]


def main() -> None:
    """Train and measure what is missing, row by row; print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--rows", nargs="+", choices=NAMES, default=NAMES, metavar="ROW")
    parser.add_argument("--out", type=Path, default=Path("runs/clip-methods"))
    parser.add_argument("--name", default="clip-methods", help="of the table")
    parser.add_argument("--table", action="store_true", help="of what is done; train nothing")
    given = parser.parse_args()
    if not given.table:
        for seed in given.seeds:
            for name in given.rows:
                scored(name, seed, given=given)
                print(f"done: {name}, seed {seed}", flush=True)
    seeds = {name: [seed for seed in given.seeds if _scores(name, seed, given).exists()] for name in NAMES}
    rows = [_row(name, seeds[name], given=given) for name in NAMES if seeds[name]]
    print(markdown(rows))
    about = f"{TEST}, percent; {given.steps} steps of 8 windows of 6 frames, mean ± sample std over seeds"
    print(save(given.name, rows, about=about))


def scored(name: str, seed: int, *, given: argparse.Namespace) -> None:
    """Train a row with a seed, and measure it."""
    run, scores = _run(name, seed, given), _scores(name, seed, given)
    if scores.exists():
        return
    if not (run / "done").exists():
        _train(name, seed, given=given)
        (run / "done").touch()
    source = images_of(config_for(TEST, use="evaluate").build())
    found = clip_candidate(run).changed(arrivals=False if name.startswith(LOOKS_NOT) else None)
    save_clips(evaluate_linked([found], clips_for(source, scores), progress=False), scores)


def _train(name: str, seed: int, *, given: argparse.Namespace) -> None:
    run = _run(name, seed, given)
    recipe, *changes = ROWS[_trained(name).removesuffix(TOLD)]
    changes += ["clip.cues={kind: boxes}"] if name.endswith(TOLD) else []
    changes += [f"training.{key}={given.steps}" for key in ("steps", "validate_every")]
    changes += ["data.validation_images=24", f"training.seed={seed}"]
    words: list[object] = ["train", recipe, "--out", run, "--logger", "none", "--accelerator", "cpu"]
    if isinstance(read_recipe(recipe).model.backbone, BackboneConfig):
        words += ["--cache", _cache(given.out / "cache")]
        start = _start(recipe, changes, run.with_name(f"{run.name}.start.safetensors"))
        changes.append(f"training.start={start}")
    words += [word for change in changes for word in ("--set", change)]
    run_dias([*words, *(["--resume"] if any(run.rglob("state.ckpt")) else [])])


def _start(recipe: str, changes: Sequence[str], file: Path) -> Path:
    """What a run starts from: weights of the picture model, and new ones where it has none alike."""
    if file.exists():
        return file
    settings = read_recipe(recipe, changes=changes)
    torch.manual_seed(settings.training.seed)
    model = settings.built(settings.model.backbone.build())
    assert isinstance(model, ClipModel)
    own, pictures = model.image.head_state(), load_file(PICTURES)
    alike = {
        key: value
        for key, value in pictures.items()
        if not key.startswith("decoder.") and key in own and own[key].shape == value.shape
    }
    for key, value in alike.items():
        own[key].copy_(value)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_model(file, model, notes={"from": str(PICTURES), "copied": sorted(alike)})
    return file


@cache
def _cache(folder: Path) -> Path:
    """Features of the training clips, and keys for VideoSAUR."""
    run_dias(["cache", TRAIN, folder, "--size", 140, "--input-size", 140, "--keys"])
    return folder


def _run(name: str, seed: int, given: argparse.Namespace) -> Path:
    return Path(given.out / f"{_trained(name).replace(',', '').replace(' ', '-')}-{seed}")


def _trained(name: str) -> str:
    """The row whose runs a row measures."""
    return name.replace(LOOKS_NOT, "DIAS")


def _scores(name: str, seed: int, given: argparse.Namespace) -> Path:
    file = "clips-no-arrivals.json" if name.startswith(LOOKS_NOT) else "clips.json"
    return _run(name, seed, given) / file


def _row(name: str, seeds: Sequence[int], *, given: argparse.Namespace) -> Row:
    found = [_asked(load_clips(_scores(name, seed, given))) for seed in seeds]
    minutes = [_cpu_seconds(_run(name, seed, given)) / 60 for seed in seeds]
    whole, frames, tracks = ([getattr(one, part).mean for one in found] for part in _PARTS)
    return {
        "method": name.removesuffix(TOLD),
        "told": "boxes" if name.endswith(TOLD) else "",
        "seeds": len(seeds),
        "ARI": spread([one.ari for one in whole]),
        "ARIfg": spread([one.ari_foreground for one in whole]),
        "mBO": spread([one.mbo for one in whole]),
        "mIoU": spread([one.miou for one in whole]),
        "ARIfg of frames": spread([one.ari_foreground for one in frames]),
        "HOTA": spread([one.hota for one in tracks]),
        "IDF1": spread([one.idf1 for one in tracks]),
        "switches a clip": f"{statistics.mean(one.switches for one in tracks):.1f}",
        "CPU minutes": f"{statistics.mean(minutes):.1f}",
    }


_PARTS = ("whole", "per_frame", "tracks")


def _asked(found: Sequence[ClipEvaluation]) -> ClipEvaluation:
    """Reduced, by the decoder's map where there is one."""
    reduced = [one for one in found if ", not reduced" not in one.name]
    return next((one for one in reduced if one.name.endswith(", decoder")), reduced[0])


def _cpu_seconds(run: Path) -> float:
    """Of the steps of all stages."""
    costs = [json.loads(file.read_text()) for file in run.rglob("cost.json")]
    return sum(float(cost["training"]["cpu_seconds"]) for cost in costs)


if __name__ == "__main__":
    main()
