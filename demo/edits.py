"""The picture of docs/editing.md: scenes made of their slots, with one object removed, with one exchanged.

python demo/edits.py runs/pixels docs/editing.png

The scenes are not picked by eye: they are spread evenly over the test scenes.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from dias import load
from dias.data.sources import pictures_at
from dias.inference.editing import Editor, Scene, exchanged, without
from dias.viz.overlay import overlay
from dias.viz.panels import contact_sheet

SCENES, COUNT = "data/scenes/test", 4  # an even number: objects are exchanged in pairs
TITLES = ["picture", "objects", "best possible", "from its slots", "without object 2", "object 2 exchanged"]
OBJECT = 1  # counted from 0, the largest first, which usually is the background
Picture = UInt8[np.ndarray, "_ _ 3"]


def main() -> None:
    """Find, edit and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, help="of slot-attention, slate or slotdiffusion; or a checkpoint")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    scenes = pictures_at(SCENES)
    chosen = np.linspace(0, len(scenes) - 1, COUNT).round().astype(int).tolist()
    editor = Editor(load(given.run))
    found = editor.see([scenes[index].image for index in chosen], names=[scenes.name(i) for i in chosen])
    given.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(contact_sheet(rows(editor, found), titles=TITLES)).save(given.out, optimize=True)


def rows(editor: Editor, scenes: Sequence[Scene]) -> list[list[Picture]]:
    """A row of pictures of each scene; neighbours are pairs, and one without such an object has two less."""
    made = []
    for one, other in zip(scenes[::2], scenes[1::2], strict=True):
        pair = [one.slots, other.slots]
        edited = all(len(slots) > OBJECT for slots in pair)
        sets = [*pair, *((without(slots, OBJECT) for slots in pair) if edited else ())]
        sets += exchanged(*pair, OBJECT) if edited else ()
        pictures = editor.pictures(sets)
        made += [_seen(one) + pictures[::2], _seen(other) + pictures[1::2]]
    return made


def _seen(scene: Scene) -> list[Picture]:
    return [scene.picture, overlay(scene.picture, scene.labels), scene.best]


if __name__ == "__main__":
    main()
