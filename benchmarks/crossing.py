"""Do alike things that cross keep their slots, with motion and without?

dias synth videos runs/crossing --count 10 --seed 910 --size 128 --format webp --quality 75 --script crossing
python benchmarks/crossing.py data/models/clips-cpu.safetensors runs/crossing data/clips/crossing

A thing's slot in a frame is the one that the decoder's map gives most of its pixels. It is kept if the slot
that the thing has most often before the crossing (frames 4 to 8) is the one that it has most often after
(from frame 18 on), and is not the background's.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int, Int32

from dias.data.samples import ClipSample
from dias.data.sources import ClipsConfig
from dias.inference.shortcuts import load_tracking
from dias.models import ClipModel
from followed import labels_of, slot_of
from harness import Row, markdown, save

BEFORE, AFTER = range(3, 8), range(17, 24)


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path, nargs="+")
    told = parser.parse_args()
    model, rows = load_tracking(told.model).eval(), list[Row]()
    for data in told.data:
        source = ClipsConfig(path=str(data)).build()
        clips = [source.read(index) for index in range(len(source.clips))]
        for way, motion in (("without", False), ("with", True)):
            continuity = model.config.continuity.changed(motion=motion)
            found = [kept(model.with_continuity(continuity), clip) for clip in clips]
            rows.append(
                {
                    "clips": str(data),
                    "motion": way,
                    "things": sum(map(len, found)),
                    "kept": sum(map(sum, found)),
                    "clips with both kept": f"{sum(map(all, found))} of {len(found)}",
                }
            )
    print(markdown(rows))
    print(save("crossing", rows, about=f"things that keep their slots through a crossing, {told.model}"))


def kept(model: ClipModel, clip: ClipSample) -> list[bool]:
    """Whether each thing of a clip has the same slot, its own, before the crossing and after."""
    assert clip.mask is not None
    maps = labels_of(model, clip)
    ground = _slot(maps, clip.mask, 0, range(len(maps)))
    things = sorted(set(np.unique(clip.mask).tolist()) - {0})
    before, after = ([_slot(maps, clip.mask, thing, when) for thing in things] for when in (BEFORE, AFTER))
    return [one == other != ground for one, other in zip(before, after, strict=True)]


def _slot(
    maps: Sequence[Int32[np.ndarray, "h w"]],
    masks: Int[np.ndarray, "t h w"],
    thing: int,
    when: Iterable[int],
) -> int:
    """The slot that a thing has most often; -1 if it is not seen."""
    found = (slot_of(maps[at], masks[at], thing) for at in when)
    slots = Counter(slot for slot in found if slot is not None)
    return slots.most_common(1)[0][0] if slots else -1


if __name__ == "__main__":
    main()
