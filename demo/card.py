"""The model card of what `demo/pretrain.py` trained, out of its files: no number is typed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from dias.checkpoints import describe
from dias.evaluation.results import METRIC_NAMES, Metric, Results
from dias.files import write_text
from dias.interop.model_card import card
from dias.training.cost import cost_of

SETS = ("in distribution", "out of distribution", "photo backgrounds")
_SHOWN: tuple[Metric, ...] = ("ari", "ari_foreground", "mbo", "miou")
_ABOUT = """
Pictures in, a handful of object vectors (slots) with masks out; trained without a label. A frozen DINOv2
ViT-S/14 sees the picture at 224 x 224 pixels; this file holds everything after it. It is what
`dias segment photo.jpg` uses, and `dias.Dias.from_pretrained()`. Method: *Slot Attention with
Re-Initialization and Self-Distillation* (arXiv 2507.23755).
"""
_LIMITS = """
- It was trained on rendered things alone: photographs were backgrounds, never objects. On photos of one's own
  it is a first look, not a measurement; what serves them is a run on pictures of their kind
  (`dias train coco --data FOLDER`).
- Masks have 16 x 16 tokens: thin and small things are lost, edges are soft.
- What a photograph shows counts as background in the third set, although it may show things: those numbers
  are low for a model that finds them.
- Objects on photographs are cut out: no shadows, a rim of a pixel.
- Trained {distilled}: the first iteration's masks are {first} by this.
"""


def write_card(out: Path, *, beside: Path | None, photos: Mapping[str, Sequence[str]]) -> None:
    """Write `model/README.md` out of what lies in the folder of `demo/pretrain.py`."""
    told, recipe = describe(out / "model"), yaml.safe_load((out / "run" / "recipe.yaml").read_text("utf-8"))
    objective = recipe["objective"]["distillation"]
    limits = _LIMITS.format(
        distilled="without self-distillation" if objective == "none" else "with self-distillation",
        first="worse" if objective == "none" else "better",
    )
    parts = {
        "": _ABOUT,
        "Metrics": _metrics(out, beside=beside),
        "Data": _data(out, photos=photos),
        "Training": _training(out, recipe=recipe, told=told),
        "Limits": limits,
        "Backbone": _backbone(told["backbone"]),
    }
    write_text(out / "model" / "README.md", card(title="DIAS, pretrained on rendered scenes", parts=parts))


def _backbone(told: Mapping | None) -> str:
    if told is None:
        return "Not written down."
    return (
        f"`{told['name']}`, SHA-256 of the weights\n`{told['sha256']}`\n"
        "(Meta, Apache 2.0); not part of this file."
    )


def _metrics(out: Path, *, beside: Path | None) -> str:
    titles = ["test set", "images", "model", *(METRIC_NAMES[metric] for metric in _SHOWN), "kept", "true"]
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    names = {"new": "**this one**"} | ({"old": "the one before"} if beside else {})
    for title in SETS:
        for label, name in names.items():
            found = Results.load(out / "results" / f"{title.replace(' ', '-')}-{label}.json").evaluations[0]
            scores = [f"{100 * getattr(found.best_map.mean, metric):.1f}" for metric in _SHOWN]
            counts = [f"{found.slots_kept.mean():.1f}", f"{found.true_segments.mean():.1f}"]
            lines.append(f"| {' | '.join([title, str(len(found.names)), name, *scores, *counts])} |")
    rules = found.config.rules.name
    return (
        "\n".join(lines)
        + f"\n\nPercent; final masks from the {found.best_map.map}'s map, protocol `{rules}`;\n"
        "slots kept and true segments (background included), means. In distribution: 1 to 12 objects,\n"
        "textures and shapes as in training; out of distribution: other textures and shapes;\n"
        "photo backgrounds: the first set's objects on photographs that training has not."
    )


def _data(out: Path, *, photos: Mapping[str, Sequence[str]]) -> str:
    pictures = len(list((out / "sets" / "train").iterdir()))
    sources = sorted((out / "train").glob("photos-*"))
    held = len(list((out / "sets" / "val" / "images").iterdir()))
    return (
        f"{pictures:,} pictures: rendered scenes (`dias synth images`, MuJoCo; {_of(len(sources), 'set')}),\n"
        f"and the same objects on parts of photographs ({', '.join(photos['train'])}).\n"
        f"Held out to choose the checkpoint: {held} more, half of them on those photographs.\n"
        f"Tested on photographs: {', '.join(photos['test'])}. The photographs\n"
        "are those that scikit-image and scikit-learn ship."
    )


def _training(out: Path, *, recipe: Mapping, told: Mapping) -> str:
    cost, training = cost_of(out / "run"), recipe["training"]
    machine = cost.provenance["hardware"]
    where = machine.get("gpu", machine["processor"])
    rows = {
        "recipe": "pretrained",
        "steps": f"{cost.steps:,} of {training['batch']} pictures; best: step {told['notes']['step']:,}",
        "seed": training["seed"],
        "time": f"{cost.training.seconds / 60:.0f} minutes ({cost.training.cpu_seconds / 60:.0f} of CPU)",
        "hardware": f"{where}, {_of(machine['cores'], 'core')}, {_of(machine['threads'], 'thread')}",
        "parameters": f"{cost.trained_parameters:,} trained, {cost.frozen_parameters:,} frozen",
        "code revision": told["provenance"]["revision"],
        "command": f"`{told['provenance']['command']}`",
    }
    return "\n".join(f"- {name}: {value}" for name, value in rows.items())


def _of(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
