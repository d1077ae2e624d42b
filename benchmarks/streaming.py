"""`dias track` against the bare backbone on the same frames, in turns; and its memory over 10,000 frames.

python benchmarks/streaming.py [--checkpoint FILE] [--device cuda] [--frames 48] [--rounds 5]
python benchmarks/streaming.py --memory [--frames 10000]

Bare backbone: the frozen ViT alone on tensors that are ready. Tracker: an H.264 file decoded, its frames
resized, tracked, labels at the frames' own size. Files too: what the command does, every result written.
Times are those of the processor for this process (all its threads), for others want the same cores.

Memory: the whole command's work, with a random ViT of two layers, on a file of 64 x 48 pixels; what the
process holds (RSS) is read on the way.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image

from dias.backbones import BackboneConfig
from dias.data.sources import pictures_at
from dias.data.streams import open_stream
from dias.inference.shortcuts import load_tracking
from dias.inference.tracks import Tracker, save_tracks
from dias.models import ClipModel, ClipModelConfig, ImageModelConfig
from dias.nn.decoders import RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSharedConfig
from dias.provenance import record
from dias.viz.mp4 import Mp4
from harness import Row, compare, markdown, save

SIZES = [(224, 224), (480, 640)]  # height, width: the backbone's own size, and a usual video
BATCH = 8


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="the paper's size with random weights if not given")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--frames", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.memory:
            rows, name, about = _memory(Path(folder), given.frames or 10_000), "streaming-memory", _MEMORY
        else:
            model = (
                load_tracking(given.checkpoint, device=given.device)
                if given.checkpoint
                else _paper().to(given.device)
            )
            rows = []
            for height, width in SIZES:
                file = _film(Path(folder) / "a.mp4", given.frames or 48, height=height, width=width)
                rows += _speed(model, file, given.frames or 48, rounds=given.rounds)
            name, about = f"streaming-{given.device}", _SPEED
    print(markdown(rows))
    print(save(name, rows, about=about))


_SPEED = "frames a second of processor time, median of the rounds, ViT-S/14, 7 slots of 256"
_MEMORY = "what the process holds while it tracks, a random ViT of two layers, 64 x 48 pixels"


def _speed(model: ClipModel, file: Path, frames: int, *, rounds: int) -> list[Row]:
    backbone = model.image.backbone
    assert backbone is not None
    pixels = torch.randint(0, 256, (frames, 3, 224, 224), dtype=torch.uint8, device=backbone.device)
    fast, decoder = Tracker(model, batch=BATCH), Tracker(model, batch=BATCH, map="decoder")

    def stream(tracker: Tracker, at_once: int | None = None) -> Callable[[], object]:
        return lambda: [None for _ in tracker.stream(open_stream(str(file)), at_once=at_once)]

    ways: dict[str, Callable[[], object]] = {
        f"bare backbone, {BATCH} at once": lambda: [backbone(part) for part in pixels.split(BATCH)],
        "tracker": stream(fast),
        "files too": lambda: save_tracks(fast, open_stream(str(file)), file.parent / "out", origin=record()),
        "tracker, decoder's maps": stream(decoder),
        "bare backbone, one at a time": lambda: [backbone(part) for part in pixels.split(1)],
        "tracker, one at a time": stream(fast, 1),
    }
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    found = compare(ways, repeats=rounds, warm_up=1, clock=clock)
    speeds = {name: 1000 * frames / timing.median for name, timing in found.items()}
    alone, bare = speeds["bare backbone, one at a time"], speeds[f"bare backbone, {BATCH} at once"]
    first = next(iter(open_stream(str(file)))).picture
    return [
        {
            "frames": f"{first.shape[1]} x {first.shape[0]}",
            "way": name,
            "frames/s": speed,
            "IQR (%)": 100 * found[name].spread / found[name].median,
            "of the backbone's": speed / (alone if name.endswith("one at a time") else bare),
        }
        for name, speed in speeds.items()
    ]


def _memory(folder: Path, frames: int) -> list[Row]:
    model = _tiny(folder / "vit")
    file = _film(folder / "long.mp4", frames, height=48, width=64)
    rows: list[Row] = []
    began = time.perf_counter()

    def on_frame(done: int, dropped: int, rate: float) -> None:
        if done in (100, 500) or done % 1000 == 0:
            seconds = round(time.perf_counter() - began, 1)
            rows.append({"frames": done, "RSS, MB": _held(), "seconds": seconds})
            print(rows[-1], flush=True)

    stream = open_stream(str(file))
    save_tracks(Tracker(model), stream, folder / "out", origin=record(), on_frame=on_frame)
    return rows


def _held() -> float:
    """Megabytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _film(file: Path, frames: int, *, height: int, width: int) -> Path:
    """A slow pan over the sample photos."""
    photos = pictures_at("photos")
    large = [
        np.asarray(Image.fromarray(photos[index].image).resize((width + 64, height)))
        for index in range(min(len(photos), 4))
    ]
    with file.open("wb") as stream:
        film = Mp4(stream, height=height, width=width, rate=25.0)
        for number in range(frames):
            shift = number % 64
            film.add(large[number // 64 % len(large)][:, shift : shift + width], time=number / 25)
        film.close()
    return file


def _paper() -> ClipModel:
    torch.manual_seed(0)
    config = ImageModelConfig(
        backbone=BackboneConfig(),
        queries=NormalSharedConfig(slots=7),
        aggregation=AggregationConfig(slot_dim=256),
    )
    return ClipModelConfig(image=config).build(backbone=config.backbone.build()).eval()


def _tiny(vit: Path) -> ClipModel:
    torch.manual_seed(0)
    settings = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7
    )
    transformers.Dinov2Model(settings).save_pretrained(vit)
    config = ImageModelConfig(
        backbone=BackboneConfig(path=str(vit), input_size=28, precision="fp32"),
        channels=16,
        positions=16,
        queries=NormalSharedConfig(slots=7),
        aggregation=AggregationConfig(slot_dim=8),
        decoder=RandomARConfig(layers=1, heads=2, width=8),
    )
    return ClipModelConfig(image=config).build(backbone=config.backbone.build()).eval()


if __name__ == "__main__":
    main()
