"""Do alike things that cross keep their slots, with motion and without?

dias synth videos runs/crossing --count 10 --seed 910 --size 128 --format webp --quality 75 --script crossing
python benchmarks/crossing.py data/models/clips-cpu.safetensors runs/crossing data/clips/crossing

A thing's slot in a frame is the one that the decoder gives most of its tokens. It is kept if the slot that
the thing has most often before the crossing (frames 4 to 8) is the one that it has most often after (from
frame 18 on), and is not the background's.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from torch import Tensor

from dias.data.samples import ClipSample
from dias.data.sources import ClipsConfig
from dias.inference.shortcuts import load_tracking
from dias.models import ClipModel
from dias.models.clip_frames import one_frame
from dias.nn.slots.motion import MotionConfig
from harness import Row, markdown, save

SIDE = 224
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
        for way, motion in (("without", None), ("with", MotionConfig())):
            found = [kept(model.with_motion(motion), clip) for clip in clips]
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


@torch.inference_mode()
def kept(model: ClipModel, clip: ClipSample) -> list[bool]:
    """Whether each thing of a clip has the same slot, its own, before the crossing and after."""
    assert clip.mask is not None
    pictures = np.stack([_resized(frame) for frame in clip.frames])
    seen = model.image.see(torch.from_numpy(pictures).movedim(3, 1))
    rows, columns = seen.grid
    masks = [_resized(mask, (columns, rows)) for mask in clip.mask.astype(np.uint8)]
    state, maps, chance = None, list[Int64[Tensor, "h w"]](), torch.Generator().manual_seed(0)
    for at in range(len(masks)):
        state, output = model.step(state, one_frame(seen, at, of=len(masks)), generator=chance)
        assert output.decoder_attention is not None
        maps.append(output.decoder_attention[0].argmax(dim=0).view(rows, columns))
    ground = _slot(maps, masks, 0, range(len(masks)))
    things = sorted(set(np.unique(np.stack(masks)).tolist()) - {0})
    before, after = ([_slot(maps, masks, thing, when) for thing in things] for when in (BEFORE, AFTER))
    return [one == other != ground for one, other in zip(before, after, strict=True)]


def _slot(
    maps: Sequence[Int64[Tensor, "h w"]],
    masks: Sequence[UInt8[np.ndarray, "h w"]],
    thing: int,
    when: Iterable[int],
) -> int:
    """The slot that a thing has most often; -1 if it is not seen."""
    seen = [Counter(maps[at][torch.from_numpy(masks[at] == thing)].tolist()) for at in when]
    slots = Counter(tokens.most_common(1)[0][0] for tokens in seen if tokens)
    return slots.most_common(1)[0][0] if slots else -1


def _resized(
    picture: UInt8[np.ndarray, "..."], size: tuple[int, int] | None = None
) -> UInt8[np.ndarray, "..."]:
    """A picture at the model's side; a mask at the tokens' grid, each token its centre's."""
    image = Image.fromarray(picture)
    return np.array(
        image.resize((SIDE, SIDE)) if size is None else image.resize(size, Image.Resampling.NEAREST)
    )


if __name__ == "__main__":
    main()
