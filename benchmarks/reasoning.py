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
- true objects of more videos (`--more SET`, of which no picture is needed: `dias synth clevrer --no-frames`):
  whether more of them would help;
- most common answer, random: exact, from the training questions.

The last table says which true objects have a slot at all.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dias.config import to_dict
from dias.data.clevrer import COLORS, MATERIALS, SHAPES, Annotation
from dias.data.frames import ClipFrames
from dias.data.sources import ClevrerConfig
from dias.data.sources.clevrer import Clevrer
from dias.files import write_json
from dias.progress import ProgressLine
from dias.reasoning import (
    Material,
    ReasoningRecipe,
    decisions,
    evidence_of,
    judge,
    language_of,
    material_of,
    read_recipe,
    score,
)
from dias.reasoning.fit import fit
from dias.reasoning.scores import Row as Scores
from dias.reasoning.scores import Score, by_chance, by_habit
from dias.slots import ClipSlots, SlotFiles, extract, load
from dias.slots.finding import finder_of
from dias.slots.header import header_of
from harness import Row, markdown, save, spread

SPLITS = ("train", "validation")
LEAST = 40  # pixels of an object that counts
ENOUGH = 0.3  # IoU


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What stands for the clips in a row."""

    name: str
    train: Material
    test: Material
    recipe: ReasoningRecipe


def main() -> None:
    """Extract, train, measure, print and save."""
    given = arguments()
    recipe = read_recipe(given.recipe, changes=given.change)
    blind = replace(recipe, network=replace(recipe.network, sees=False))
    truth = [true_objects(given.data, split) for split in SPLITS]
    shown: list[list[Row]] = []
    kinds = [
        Kind(name="question only", train=truth[0], test=truth[1], recipe=blind),
        Kind(name="true objects", train=truth[0], test=truth[1], recipe=recipe),
    ]
    if given.more is not None:
        more = true_objects(given.more, "train")
        name = f"true objects of {len(more.clips)} videos"
        kinds.append(Kind(name=name, train=more, test=truth[1], recipe=recipe))
    if given.checkpoint is not None:
        files = [slots_of(given.checkpoint, given.data, split, given.work / split) for split in SPLITS]
        slots = [material_of(one, path=given.data) for one in files]
        shown = [covered(files[1], given.data)]
        kinds.append(Kind(name="slots", train=slots[0], test=slots[1], recipe=recipe))
    found = {kind.name: [measured(kind, seed, given.work) for seed in given.seeds] for kind in kinds}
    language = language_of((one for _, one in truth[0].asked), recipe.lengths)
    known = decisions(truth[1].asked, language)
    rows = [row(name, [test for test, _ in several]) for name, several in reversed(found.items())]
    rows += [
        row("most common answer", [score("", known, by_habit(known, language))]),
        row("random", [score("", known, by_chance(known, language))]),
        counts(found["question only"][0][0]),
    ]
    own = [row(name, [train for _, train in several], first="trained on") for name, several in found.items()]
    print(*(markdown(part) for part in (rows, own, *shown)), sep="\n\n")
    about = (
        f"accuracy (%) on questions about {len(truth[1].clips)} rendered videos, networks trained on "
        f"{len(truth[0].asked)} questions about {len(truth[0].clips)} others ({recipe.fit.steps} steps of "
        f"{recipe.fit.batch}), mean ± sample standard deviation over seeds "
        f"{', '.join(map(str, given.seeds))}; then the same on the questions that they were trained on"
        + ("; then how many objects have a slot, frame by frame" if shown else "")
    )
    print(save("reasoning", [*rows, *own, *(one for several in shown for one in several)], about=about))


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("checkpoint", type=Path, nargs="?", help="without one, there is no row `slots`")
    parser.add_argument(
        "--work", type=Path, required=True, help="slots and scores go here; what is there is not made again"
    )
    parser.add_argument("--more", type=Path, help="a larger set for a row of true objects")
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


def covered(files: SlotFiles, data: Path) -> list[Row]:
    """Which objects have a slot: of those that are in the first frame, and of those that come later."""
    frames = ClipFrames(ClevrerConfig(path=str(data), split="validation").build())
    first, best = set[int](), {"in the first frame": [], "that come later": []}  # type: dict[str, list[float]]
    for row, place in enumerate(files.pictures):
        truth, labels = frames[place].mask, files.masks(row).labels
        assert truth is not None
        there = [number for number in np.unique(truth).tolist() if (truth == number).sum() >= LEAST]
        if not frames.place(place)[1]:
            first = set(there)
        for number in set(there) - {0}:
            own = truth == number
            ious = [
                (own & (labels == n)).sum() / (own | (labels == n)).sum() for n in range(files.header.slots)
            ]
            best["in the first frame" if number in first else "that come later"].append(float(max(ious)))
    return [
        {
            "objects": name,
            "number x frames": len(found),
            f"with a slot of IoU > {ENOUGH} (%)": round(100 * float(np.mean(np.array(found) > ENOUGH)), 1),
            "IoU of the best slot (%)": round(100 * float(np.mean(found)), 1),
        }
        for name, found in best.items()
    ]


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


def measured(kind: Kind, seed: int, work: Path) -> tuple[Scores, Scores]:
    """Train one network; what it reaches on the questions held out, and on its own. Kept in `work`."""
    recipe = replace(kind.recipe, fit=replace(kind.recipe.fit, seed=seed))
    file = work / f"{kind.name.replace(' ', '-')}-{seed}.json"
    told = {"recipe": to_dict(recipe), "clips": len(kind.train.clips)}
    if file.exists():
        stored = json.loads(file.read_text())
        if stored["of"] == told:
            return tuple(scores_from(part) for part in stored["scores"])  # type: ignore[return-value]
    evidence = evidence_of(kind.train.clips, recipe.view)
    language = language_of((one for _, one in kind.train.asked), recipe.lengths)
    asked = decisions(kind.train.asked, language)
    with ProgressLine(f"{kind.name}, {seed}", total=recipe.fit.steps) as line:
        network = fit(
            evidence, asked, language, network=recipe.network, view=recipe.view, config=recipe.fit,
            on_step=lambda step, loss: line.to(step, note=f"loss {loss:.3f}"),
        )  # fmt: skip
    held_out = decisions(kind.test.asked, language)
    found = (
        score(kind.name, held_out, judge(network, evidence_of(kind.test.clips, recipe.view), held_out)),
        score(kind.name, asked, judge(network, evidence, asked)),
    )
    write_json(file, {"of": told, "scores": [asdict(one) for one in found]})
    return found


def scores_from(stored: dict[str, Any]) -> Scores:
    """As `measured` keeps them; JSON has no NaN."""
    parts = [
        {key: math.nan if value is None else value for key, value in one.items()} for one in stored["scores"]
    ]
    return Scores(name=stored["name"], scores=tuple(Score(**one) for one in parts))


def row(name: str, found: Sequence[Scores], *, first: str = "") -> Row:
    """Mean and deviation over seeds, in percent."""
    cells: Row = {first: name}
    for number, one in enumerate(found[0].scores):
        several = [each.scores[number] for each in found]
        if one.options:
            cells[f"{one.type} / option"] = spread([each.per_option for each in several])
        whole = spread([each.per_question for each in several])
        cells[one.type + (" / question" if one.options else "")] = whole
    return cells


def counts(found: Scores) -> Row:
    """How many of each."""
    cells: Row = {"": "number"}
    for one in found.scores:
        if one.options:
            cells[f"{one.type} / option"] = one.options
        cells[one.type + (" / question" if one.options else "")] = one.questions
    return cells


if __name__ == "__main__":
    main()
