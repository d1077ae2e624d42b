"""What frozen slots know: class and box of objects, by heads of several seeds; and floors without slots.

python benchmarks/recognition.py CHECKPOINT... [--seeds 42 43 44] [--train DATA] [--test DATA]

A checkpoint is a file or the folder of a run; NAME=PATH calls it so, and several of one name are one row
(seeds of a method). Slots are extracted once, the heads train on those. Runs of `dias compare` can be given
as they are: they are called by their method.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dias.backbones import Backbone, Tokens
from dias.checkpoints import describe, load_model
from dias.config import to_dict
from dias.data.samples import ImageSample, ImageSource, class_names_of
from dias.data.sources import config_for
from dias.inference.segment import Segmenter
from dias.metrics import box_iou
from dias.models.image import ImageModel
from dias.recognition import Answers, FitConfig, Objects, Recognition, fit, match_objects, score
from dias.recognition.head import RecognitionHead
from dias.recognition.objects import match_picture
from dias.slots import SlotFiles, extract, load
from dias.slots.header import header_of
from harness import Row, markdown, save, spread
from pooled import clustered, looked_at, pooled

CLUSTERS = "no model: k-means of a picture's features, 7 means"
AGREEMENTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)


class Remembered:
    """A data set in memory: all models and heads look at the same pictures."""

    def __init__(self, path: Path) -> None:
        self.config = config_for(path, use="evaluate")
        self.source = self.config.build()
        self.samples = [self.source[index] for index in range(len(self.source))]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> ImageSample:
        return self.samples[index]

    def name(self, index: int) -> str:
        """Of a picture."""
        return self.samples[index].name

    def class_names(self) -> dict[int, str]:
        """As the data set has them."""
        return dict(class_names_of(self.source))

    def fingerprint(self) -> str:
        """Of the data set."""
        return self.source.fingerprint()


def remember(backbone: Backbone) -> Backbone:
    """Let a backbone look at each picture once, whichever model asks."""
    look_at, known = backbone.forward, dict[bytes, Float[Tensor, "m c"]]()

    def forward(images: Tensor) -> Tokens:
        keys = [np.asarray(image).tobytes() for image in images]
        if not all(key in known for key in keys):
            seen = look_at(images)
            known.update(zip(keys, seen.features, strict=True))
        grid = backbone.grid(*images.shape[-2:])
        return Tokens(features=torch.stack([known[key] for key in keys]), grid=grid)

    backbone.forward = forward  # type: ignore[method-assign]
    return backbone


def slots_of(model: ImageModel, checkpoint: Path, data: Remembered, out: Path, *, map: str) -> SlotFiles:
    """Extract slots, as `dias slots` does."""
    segmenter = Segmenter(model, map=map)  # type: ignore[arg-type]
    header = header_of(
        segmenter, data, checkpoint=checkpoint, data=to_dict(data.config), threshold=None, per_shard=256
    )
    extract(segmenter, data, out, header=header)
    return load(out, checkpoint=checkpoint)


def heads(train: Objects, test: Objects, seeds: Sequence[int]) -> list[tuple[RecognitionHead, Recognition]]:
    """A head a seed, and its result."""
    found = []
    for seed in seeds:
        head, classes = fit(train, FitConfig(seed=seed))
        found.append((head, score(test, head.answer(test.slots), classes=classes)))
    return found


def row_of(name: str, results: Sequence[Recognition], *, models: int) -> Row:
    """Mean and spread over models and heads."""

    def told(value: Callable[[Recognition], float], *, percent: bool = True) -> str:
        return spread([value(one) for one in results], percent=percent)

    return {
        "slots": name,
        "models x heads": f"{models} x {len(results) // models}",
        "recall": told(lambda one: one.recall),
        "top-1": told(lambda one: one.of_matched.top1),
        "top-3": told(lambda one: one.of_matched.top3),
        "box IoU": told(lambda one: one.of_matched.box_iou),
        "box R2": told(lambda one: one.of_matched.box_r2, percent=False),
        "all: top-1": told(lambda one: one.of_all.top1),
        "all: box IoU": told(lambda one: one.of_all.box_iou),
        "all: box R2": told(lambda one: one.of_all.box_r2, percent=False),
    }


def floors(backbone: Backbone, train: Remembered, test: Remembered, seeds: Sequence[int]) -> list[Row]:
    """Rows without a trained model; in those called "none" all objects are known: nothing has to be found."""
    rows = []
    sets = [(looked_at(backbone, data.samples), data.class_names()) for data in (train, test)]
    both = [clustered(pictures, names=names) for pictures, names in sets]
    rows.append(row_of(CLUSTERS, [result for _, result in heads(*both, seeds)], models=1))
    for name, inside in (("mean feature in the true box", True), ("mean feature of the picture", False)):
        both = [pooled(pictures, names=names, inside=inside) for pictures, names in sets]
        rows.append(row_of(f"none: {name}", [result for _, result in heads(*both, seeds)], models=1))
    known, asked = both
    numbers, counts = known.classes.unique(return_counts=True)
    logits = counts.float().expand(len(asked), -1)
    answers = Answers(logits=logits, boxes=known.boxes.mean(dim=0).expand(len(asked), -1))
    result = score(asked, answers, classes=numbers.tolist())
    rows.append(row_of("none: most frequent class, mean box", [result], models=1))
    return rows


def agreement_rows(head: RecognitionHead, sets: dict[str, tuple[SlotFiles, ImageSource]]) -> list[Row]:
    """How well the agreement of a head's box with the mask's tells objects from what else slots hold."""
    measured = {name: _agreements(head, files, source) for name, (files, source) in sets.items()}
    rows: list[Row] = []
    for least in AGREEMENTS:
        row: Row = {"agreement at least": f"{least:g}"}
        for name, (agreement, matched) in measured.items():
            drawn = agreement >= least
            row[f"{name}: drawn that are objects"] = f"{100 * matched[drawn].mean():.1f}"
            row[f"{name}: objects that are drawn"] = f"{100 * drawn[matched].mean():.1f}"
        rows.append(row)
    return rows


def _agreements(
    head: RecognitionHead, files: SlotFiles, source: ImageSource
) -> tuple[np.ndarray, np.ndarray]:
    agreement, matched = [], []
    slots = files.arrays().slots
    for index in range(len(files)):
        masks = files.masks(index)
        truth = match_picture(masks, source[files.pictures[index]], slots=files.header.slots)
        boxes = head.answer(torch.from_numpy(slots[index])).boxes.clamp(0, 1)
        overlap = box_iou(boxes, torch.from_numpy(masks.boxes)).tolist()
        for slot in np.unique(masks.labels[masks.labels >= 0]).tolist():
            agreement.append(overlap[slot])
            matched.append(slot in truth.slot)
    return np.array(agreement), np.array(matched)


def named(words: Sequence[str]) -> dict[str, list[Path]]:
    """Checkpoints by what their row is called."""
    found: dict[str, list[Path]] = {}
    for word in words:
        name, equals, path = word.rpartition("=")
        place = Path(path)
        if not equals:
            name = place.parent.name if place.name.startswith("seed-") else place.stem
        found.setdefault(name, []).append(place)
    return found


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--train", type=Path, default=Path("data/scenes/train"))
    parser.add_argument("--val", type=Path, default=Path("data/scenes/val"))
    parser.add_argument("--test", type=Path, default=Path("data/scenes/test"))
    parser.add_argument("--map", choices=("aggregation", "decoder"), default="aggregation")
    parser.add_argument("--name", default="recognition")
    given = parser.parse_args()
    groups = named(given.checkpoints)
    data = {part: Remembered(getattr(given, part)) for part in ("train", "val", "test")}
    first = load_model(next(iter(groups.values()))[0])
    assert first.backbone is not None
    shared = remember(first.backbone)
    rows: list[Row] = []
    agreements: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, paths in groups.items():
            results: list[Recognition] = []
            for number, path in enumerate(paths):
                model = _model(path, shared)
                files = {
                    part: slots_of(
                        model, path, data[part], Path(scratch, name, f"{number}-{part}"), map=given.map
                    )
                    for part in (("train", "val", "test") if not agreements else ("train", "test"))
                }
                train, test = (match_objects(files[part], data[part]) for part in ("train", "test"))
                trained = heads(train, replace(test, names=train.names), given.seeds)
                results += [result for _, result in trained]
                if not agreements:
                    sets = {part: (files[part], data[part]) for part in ("val", "test")}
                    agreements = agreement_rows(trained[0][0], sets)
            rows.append(row_of(name, results, models=len(paths)))
            print(markdown(rows[-1:]), flush=True)
    rows += floors(shared, data["train"], data["test"], given.seeds)
    print(markdown(rows))
    print(markdown(agreements))
    seeds = ", ".join(map(str, given.seeds))
    about = (
        f"{given.test}, heads trained on {given.train}, {given.map} masks, matched above IoU 0.1, in percent "
        f"but for R2, mean ± sample standard deviation over models and heads (seeds {seeds}); then of the "
        "first row's first head: how the agreement of boxes tells objects"
    )
    print(save(given.name, rows + agreements, about=about))


def _model(path: Path, shared: Backbone) -> ImageModel:
    settings = describe(path)["model"]
    own = settings.get("backbone") or {}
    tuned = settings.get("tuned_blocks", 0)
    same = own.get("kind", "vit") == to_dict(shared.config).get("kind", "vit") and not tuned
    return load_model(path, backbone=shared) if same else load_model(path)


if __name__ == "__main__":
    main()
