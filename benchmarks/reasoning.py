"""What frozen slots tell of events: answers to questions about rendered clips, per type, beside floors.

dias synth clevrer toys --clips 180 --validation 40 --frames 32 --size 192x128
python benchmarks/reasoning.py toys data/models/clips-cpu.safetensors --work runs/reasoning

Slots are extracted once (`dias slots`); networks of several seeds train on the training split (`dias reason
train RECIPE`), and answer the questions of the validation split. Rows:

- slots: of the checkpoint;
- question only: the same network without slots;
- true objects: in place of slots what the simulator knows of each object that is in the picture (colour,
  material and shape as ones and zeros, place and velocity on the table): whether the network could learn from
  perfect slots, of as many clips;
- most common answer, random: exact, from the training questions.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dias.config import to_dict
from dias.data.clevrer import COLORS, MATERIALS, SHAPES, Annotation
from dias.data.frames import ClipFrames
from dias.data.sources import ClevrerConfig
from dias.data.sources.clevrer import Clevrer
from dias.metrics import mean_and_deviation
from dias.progress import ProgressLine
from dias.reasoning import (
    Contender,
    Material,
    Reasoning,
    ReasoningRecipe,
    evaluate,
    evidence_of,
    material_of,
    read_recipe,
    train_on,
)
from dias.slots import ClipSlots, SlotFiles, extract, load
from dias.slots.finding import finder_of
from dias.slots.header import header_of
from harness import Row, markdown, save

SPLITS = ("train", "validation")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What stands for the clips in a row."""

    name: str
    train: Material
    test: Material
    recipe: ReasoningRecipe
    seeds: Sequence[int]


def main() -> None:
    """Extract, train, measure, print and save."""
    given = arguments()
    recipe = read_recipe(given.recipe, changes=given.change)
    files = [slots_of(given.checkpoint, given.data, split, given.work / split) for split in SPLITS]
    slots = [material_of(one, path=given.data) for one in files]
    truth = [true_objects(given.data, split) for split in SPLITS]
    blind = replace(recipe, network=replace(recipe.network, sees=False))
    kinds = [
        Kind(name="slots", train=slots[0], test=slots[1], recipe=recipe, seeds=given.seeds),
        Kind(name="question only", train=slots[0], test=slots[1], recipe=blind, seeds=given.seeds),
        Kind(name="true objects", train=truth[0], test=truth[1], recipe=recipe, seeds=given.seeds),
    ]
    rows, fitted = [], []
    for kind in kinds:
        found = [measured(kind, seed, files[0]) for seed in kind.seeds]
        rows.append(row(kind.name, [one[0] for one in found]))
        fitted.append(row(kind.name, [one[1] for one in found]))
        print(markdown(rows), markdown(fitted), sep="\n\n", flush=True)
    known = found[0][0]
    rows += [row(name, [known], place=place) for place, name in ((1, "most common answer"), (2, "random"))]
    rows.append({"": "number", **counts(known)})
    print(markdown(rows))
    videos = [len(one.clips) for one in slots]
    about = (
        f"accuracy (%) on questions about {videos[1]} rendered videos, networks trained on "
        f"{len(slots[0].asked)} questions about {videos[0]} others ({recipe.fit.steps} steps of "
        f"{recipe.fit.batch}), mean ± sample standard deviation over seeds "
        f"{', '.join(map(str, given.seeds))}; then the same networks on the questions that they were trained on"
    )
    print(save("reasoning", [*rows, *({"trained on": one.pop(""), **one} for one in fitted)], about=about))


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument(
        "--work", type=Path, required=True, help="slots go here; what is there is not made again"
    )
    parser.add_argument("--recipe", default="clevrer-cpu")
    parser.add_argument("--set", dest="change", action="append", default=[])
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    return parser.parse_args()


def slots_of(checkpoint: Path, data: Path, split: str, out: Path) -> SlotFiles:
    """As `dias slots CHECKPOINT DATA --data-set split=SPLIT`."""
    config = ClevrerConfig(path=str(data), split=split)  # type: ignore[arg-type]
    source = ClipFrames(config.build())
    finder = finder_of(checkpoint, source)
    header = header_of(
        finder, source, checkpoint=checkpoint, data=to_dict(config), threshold=None, per_shard=256
    )
    with ProgressLine("slots", total=len(source)) as line:
        extract(finder, source, out, header=header, on_pictures=line.to)
    return load(out)


def true_objects(data: Path, split: str) -> Material:
    """A slot an object: what it looks like, where it is, how it moves; kept while it is in the picture."""
    videos = ClevrerConfig(path=str(data), split=split).build()  # type: ignore[arg-type]
    most = max(len(videos.annotation(index).object_property) for index in range(len(videos)))
    clips = [_true(videos, index, most) for index in range(len(videos))]
    asked = tuple((index, one) for index in range(len(videos)) for one in videos.questions(index))
    return Material(clips=clips, asked=asked, lost=0)


def _true(videos: Clevrer, index: int, most: int) -> ClipSlots:
    annotation: Annotation = videos.annotation(index)
    frames = len(annotation.motion_trajectory)
    looks = (*COLORS, *MATERIALS, *SHAPES)
    slots = np.zeros((frames, most, len(looks) + 4), dtype=np.float32)
    kept = np.zeros((frames, most), dtype=np.bool_)
    for thing in annotation.object_property:
        for word in (thing.color, thing.material, thing.shape):
            slots[:, thing.object_id, looks.index(word)] = 1
    for frame, moment in enumerate(annotation.motion_trajectory):
        for pose in moment.objects:
            slots[frame, pose.object_id, -4:] = [*pose.location[:2], *pose.velocity[:2]]
            kept[frame, pose.object_id] = pose.inside_camera_view
    return ClipSlots(
        name=videos.name(index),
        clip=index,
        slots=slots * kept[..., None],
        kept=kept,
        frames=np.arange(frames),
    )


def measured(kind: Kind, seed: int, files: SlotFiles) -> tuple[Reasoning, Reasoning]:
    """Train one network; what it reaches on the questions held out, and on its own."""
    recipe = replace(kind.recipe, fit=replace(kind.recipe.fit, seed=seed))
    evidence = evidence_of(kind.train.clips, recipe.view)
    header = replace(files.header, slot_dim=evidence.slots.shape[-1])
    with ProgressLine(f"{kind.name}, {seed}", total=recipe.fit.steps) as line:
        trained = train_on(
            kind.train,
            evidence,
            header,
            recipe=recipe,
            on_step=lambda loss: line.step(note=f"loss {loss:.3f}"),
        )
    contenders = [Contender(name=kind.name, trained=trained)]
    return evaluate(contenders, kind.test), evaluate(contenders, kind.train)


def row(name: str, found: Sequence[Reasoning], *, place: int = 0) -> Row:
    """Mean and deviation over seeds, in percent."""
    cells: Row = {"": name}
    for number, one in enumerate(found[0].rows[place].scores):
        several = [each.rows[place].scores[number] for each in found]
        if one.options:
            cells[f"{one.type} / option"] = _cell([each.per_option for each in several])
        cells[one.type + (" / question" if one.options else "")] = _cell(
            [each.per_question for each in several]
        )
    return cells


def counts(found: Reasoning) -> Row:
    """How many."""
    cells: Row = {}
    for one in found.rows[0].scores:
        if one.options:
            cells[f"{one.type} / option"] = one.options
        cells[one.type + (" / question" if one.options else "")] = one.questions
    return cells


def _cell(values: Sequence[float]) -> str:
    found = mean_and_deviation([100 * value for value in values])
    return f"{found.mean:.1f}" + (f" ± {found.deviation:.1f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
