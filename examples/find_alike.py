"""Point at an object in one picture, and find its like in all others: slots as vectors in a search.

dias slots data/models/scenes-cpu.safetensors data/scenes/test --out slots
python examples/find_alike.py slots --picture 000000.webp --at 150 110 --out alike.png

The slot whose mask lies under the point is compared, by the cosine of its vector, with every kept slot of
every other picture. The sheet shows the object and its nearest neighbours, the rest of each picture darker.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from sklearn.neighbors import NearestNeighbors

from dias.data.samples import ImageSource, picture_of
from dias.errors import DiasError
from dias.files import write_atomic
from dias.slots import SlotFiles, load, source_of
from dias.viz import contact_sheet, overlay, png

COLUMNS = 5
_LARGEST = 0.5  # share of a picture above which a slot is taken for background, and left out


@dataclass(frozen=True, kw_only=True)
class Alike:
    """An object that was found.

    Attributes:
        index: of its picture in the slot files.
        slot: of the object.
        distance: 1 - cosine of the vectors.
    """

    index: int
    slot: int
    distance: float


def slot_at(files: SlotFiles, index: int, *, x: int, y: int) -> int:
    """The slot whose mask covers a pixel.

    Raises:
        DiasError: the pixel is outside the picture, or the model did not look there.
    """
    labels = files.masks(index).labels
    height, width = labels.shape
    if not (0 <= x < width and 0 <= y < height) or labels[y, x] < 0:
        raise DiasError(
            f"{files.names[index]}: there is no object at ({x}, {y}) in {width} x {height} pixels"
        )
    return int(labels[y, x])


def find_alike(files: SlotFiles, index: int, slot: int, *, count: int) -> list[Alike]:
    """Objects of other pictures, the likest first."""
    arrays, table = files.arrays(), files.table(["area", "height", "width"])
    area, height, width = (table[name].to_numpy().reshape(arrays.kept.shape) for name in table.column_names)
    objects = arrays.kept & (area > 0) & (area <= _LARGEST * height * width)
    objects[index] = False
    places = np.argwhere(objects)
    if not len(places):
        raise DiasError(f"{files.folder}: no other picture has an object to compare with")
    search = NearestNeighbors(metric="cosine").fit(arrays.slots[objects])
    distances, rows = search.kneighbors(arrays.slots[index, slot][None], n_neighbors=min(count, len(places)))
    return [
        Alike(index=int(places[row, 0]), slot=int(places[row, 1]), distance=float(distance))
        for distance, row in zip(distances[0], rows[0], strict=True)
    ]


def sheet(
    files: SlotFiles, source: ImageSource, asked: tuple[int, int], found: Sequence[Alike]
) -> UInt8[np.ndarray, "H W 3"]:
    """The object that was pointed at, and those that were found."""
    shown = [shown_object(files, source, *asked)]
    shown += [shown_object(files, source, one.index, one.slot) for one in found]
    rows = [shown[start : start + COLUMNS] for start in range(0, len(shown), COLUMNS)]
    names = [f"object in {files.names[asked[0]]}, its nearest neighbours"]
    return contact_sheet(rows, row_titles=names)


def shown_object(files: SlotFiles, source: ImageSource, index: int, slot: int) -> UInt8[np.ndarray, "h w 3"]:
    """A picture, darker outside the object."""
    masks, place = files.masks(index), files.pictures[index]
    labels = np.where(masks.labels == slot, 0, -1).astype(np.int32)
    return overlay(picture_of(source, place).image, labels, opacity=0.0)


def main() -> None:
    """Find and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("slots", type=Path, help="a folder that `dias slots` wrote")
    parser.add_argument("--picture", required=True, help="its name in the data set")
    parser.add_argument(
        "--at", type=int, nargs=2, required=True, metavar=("X", "Y"), help="pixel of the object"
    )
    parser.add_argument("--count", type=int, default=9, help="of neighbours")
    parser.add_argument("--data", type=Path, help="where the pictures lie now; where they lay if not given")
    parser.add_argument("--out", type=Path, default=Path("alike.png"))
    given = parser.parse_args()
    try:
        files = load(given.slots)
        if given.picture not in files.names:
            raise DiasError(
                f"{given.slots}: has no picture {given.picture}, but {', '.join(files.names[:3])} ..."
            )
        index = files.names.index(given.picture)
        source = source_of(files, path=given.data)
        slot = slot_at(files, index, x=given.at[0], y=given.at[1])
        found = find_alike(files, index, slot, count=given.count)
        picture = png(sheet(files, source, (index, slot), found))
    except DiasError as error:
        raise SystemExit(f"find_alike: {error}") from None
    given.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(given.out, lambda stream: stream.write(picture))
    for one in found:
        print(f"{files.names[one.index]} slot {one.slot}: distance {one.distance:.3f}")
    print(given.out)


if __name__ == "__main__":
    main()
