"""The README's picture: scenes and photos, first iteration, last iteration without reduction, final.

python demo/picture.py runs/demo docs/demo.png

The scenes are not picked by eye: they are those with the 75th, the 50th and the 25th percentile of mBO.
"""

import argparse
from pathlib import Path

import numpy as np
from jaxtyping import Int32, UInt8
from PIL import Image

from dias import load
from dias.data.sources import pictures_at
from dias.evaluation.results import Results
from dias.inference.segment import Segmenter
from dias.viz.overlay import overlay
from dias.viz.palette import colours
from dias.viz.panels import contact_sheet

SCENES = "data/scenes/test"
PERCENTILES = (75, 50, 25)
PHOTOS = ("chelsea", "astronaut")
TITLES = ["picture", "first iteration", "last, not reduced", "final"]


def main() -> None:
    """Segment and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("demo", type=Path, help="what `make demo` wrote, such as runs/demo")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    scenes = pictures_at(SCENES)
    images = [scenes[index].image for index in _representative(given.demo / "evaluation.json")]
    photos = pictures_at("photos")
    images += [photos[i].image for i in range(len(photos)) if Path(photos.name(i)).stem in PHOTOS]
    found = Segmenter(load(given.demo / "run"), map="decoder").compare(images)
    rows = []
    for image, one in zip(images, found, strict=True):
        assert one.stages is not None
        stages = (one.stages.first, one.stages.last, one.stages.final)
        rows.append([image, *(_drawn(image, labels) for labels in stages)])
    given.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(contact_sheet(rows, titles=TITLES)).save(given.out, optimize=True)


def _representative(evaluation: Path) -> list[int]:
    scores = Results.load(evaluation).evaluations[0].best_map.mbo
    ranked = np.argsort(scores, kind="stable")
    return [int(ranked[round((len(ranked) - 1) * percentile / 100)]) for percentile in PERCENTILES]


def _drawn(image: UInt8[np.ndarray, "h w 3"], labels: Int32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    return overlay(image, labels, palette=colours(int(labels.max()) + 1))


if __name__ == "__main__":
    main()
