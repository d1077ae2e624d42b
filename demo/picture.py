"""The README's picture: scenes and photos, first iteration, last iteration without reduction, final.

python demo/picture.py runs/demo/run docs/demo.png
"""

import argparse
from pathlib import Path

import numpy as np
from jaxtyping import Int32, UInt8
from PIL import Image

from dias import load
from dias.data.sources import pictures_at
from dias.inference.segment import Segmenter
from dias.viz.overlay import overlay
from dias.viz.palette import colours
from dias.viz.panels import contact_sheet

SCENES = {"data/scenes/test": (23, 45, 91)}
PHOTOS = ("chelsea", "astronaut")
TITLES = ["picture", "first iteration", "last, not reduced", "final"]


def main() -> None:
    """Segment and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    images = [pictures_at(folder)[index].image for folder, chosen in SCENES.items() for index in chosen]
    photos = pictures_at("photos")
    images += [photos[i].image for i in range(len(photos)) if Path(photos.name(i)).stem in PHOTOS]
    found = Segmenter(load(given.checkpoint), map="decoder").compare(images)
    rows = []
    for image, one in zip(images, found, strict=True):
        assert one.stages is not None
        stages = (one.stages.first, one.stages.last, one.stages.final)
        rows.append([image, *(_drawn(image, labels) for labels in stages)])
    given.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(contact_sheet(rows, titles=TITLES)).save(given.out, optimize=True)


def _drawn(image: UInt8[np.ndarray, "h w 3"], labels: Int32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    return overlay(image, labels, palette=colours(int(labels.max()) + 1))


if __name__ == "__main__":
    main()
