"""The moving picture of the README and of docs/track.md: rendered clips, and what is followed in them.

python demo/tracks.py data/models/clips-cpu.safetensors docs/tracks.gif

The clips are not picked by eye: they are spread evenly over the test clips.
"""

import argparse
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from dias.data.streams import open_stream
from dias.inference.shortcuts import load_tracking
from dias.inference.tracks import Tracked, Tracker
from dias.viz import colours, overlay

CLIPS, COUNT, RATE = Path("data/clips/test/frames"), 4, 12
SIDE, GAP = 144, 4  # pixels
COLOURS = 80
Picture = UInt8[np.ndarray, "_ _ 3"]


def main() -> None:
    """Follow, draw, and write the frames one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--map", choices=("aggregation", "decoder"), default="decoder")
    given = parser.parse_args()
    names = sorted(clip.name for clip in CLIPS.iterdir())
    chosen = np.linspace(0, len(names) - 1, COUNT).round().astype(int).tolist()
    tracker = Tracker(load_tracking(given.checkpoint), map=given.map)
    clips = [_followed(tracker, CLIPS / names[index]) for index in chosen]
    frames = [_sheet(pair) for pair in zip(*clips, strict=True)]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    _write(given.out, frames)
    print(f"{given.out}: {given.out.stat().st_size / 1e6:.2f} MB, clips {[names[index] for index in chosen]}")


def _followed(tracker: Tracker, clip: Path) -> list[tuple[Picture, Picture]]:
    """Each frame, plain and with its tracks."""
    palette = colours(tracker.slots)
    found = tracker.stream(open_stream(str(clip), rate=float(RATE)))
    return [
        (one.picture, overlay(one.picture, one.labels, palette=palette))
        for one in found
        if isinstance(one, Tracked)
    ]


def _sheet(pairs: tuple[tuple[Picture, Picture], ...]) -> Image.Image:
    """Plain frames above, tracks below, a column a clip."""
    step = SIDE + GAP
    sheet = Image.new("RGB", (len(pairs) * step - GAP, 2 * step - GAP), "white")
    for column, pair in enumerate(pairs):
        for row, picture in enumerate(pair):
            small = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            sheet.paste(small, (column * step, row * step))
    return sheet


def _write(file: Path, frames: list[Image.Image]) -> None:
    """As a GIF of one palette, so that nothing flickers."""
    strip = Image.new("RGB", (frames[0].width, sum(frame.height for frame in frames[::4])))
    for place, frame in enumerate(frames[::4]):
        strip.paste(frame, (0, place * frame.height))
    palette = strip.quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    flat = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    flat[0].save(file, save_all=True, append_images=flat[1:], duration=1000 // RATE, loop=0, optimize=False)


if __name__ == "__main__":
    main()
