"""Clips read from record files, against the same PNGs as loose files, in one run on one core.

python benchmarks/records.py
"""

import os
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path

import google_crc32c
import numpy as np
from PIL import Image

from dias.data.sources import MoviConfig
from dias.files import write_json
from harness import Row, compare, markdown, save

SCENES = Path(__file__).parents[1] / "data" / "scenes" / "test"
CLIPS, FRAMES, SIDE = 4, 24, 256  # of MOVi; a record of it has 27 MB


def main() -> None:
    """Measure, print and save."""
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder))
    print(markdown(rows))
    about = "reading clips of 24 frames of 256 x 256, mask and boxes too, one thread, files in memory"
    print(save("records-cpu", rows, about=about))


def measure(folder: Path) -> list[Row]:
    """One row a way of reading, in pairs: loose files, records."""
    size = write(folder)
    plain, checked, all_of_it = (
        MoviConfig(path=str(folder), **settings).build()  # type: ignore[arg-type]
        for settings in ({}, {"checksums": True}, {"flow": True, "depth": True})
    )
    assert np.array_equal(
        plain.read(1).frames, np.stack([pixels(each) for each in loose(folder, 1, range(FRAMES))])
    )
    six = range(9, 15)
    ways = {
        ("whole clip", "loose files, pixels only"): (FRAMES, lambda: read_loose(folder, range(FRAMES))),
        ("whole clip", "records"): (FRAMES, lambda: [plain.read(clip) for clip in range(CLIPS)]),
        ("whole clip", "records, sums of all bytes"): (
            FRAMES,
            lambda: [checked.read(clip) for clip in range(CLIPS)],
        ),
        ("whole clip", "records, flow and depth"): (
            FRAMES,
            lambda: [all_of_it.read(clip) for clip in range(CLIPS)],
        ),
        ("6 frames", "loose files, pixels only"): (6, lambda: read_loose(folder, six)),
        ("6 frames", "records"): (6, lambda: [plain.read(clip, six) for clip in range(CLIPS)]),
        ("1 frame", "loose files, pixels only"): (1, lambda: read_loose(folder, [7])),
        ("1 frame", "records"): (1, lambda: [plain.read(clip, [7]) for clip in range(CLIPS)]),
    }
    times = compare({str(way): call for way, (_, call) in ways.items()}, repeats=7, warm_up=1)
    rows: list[Row] = []
    for (part, way), (frames, _) in ways.items():
        time, base = times[str((part, way))], times[str((part, "loose files, pixels only"))]
        clips = CLIPS * 1e3 / time.median
        row: Row = {"read": part, "from": way, "clips/s": clips, "frames/s": clips * frames}
        rows.append({**row, "IQR (%)": 100 * time.spread / time.median, "ratio": base.median / time.median})
    print(f"{size / CLIPS / 1e6:.1f} MB a clip")
    return rows


def loose(folder: Path, clip: int, frames: Sequence[int], kind: str = "video") -> list[Path]:
    """Files of some frames."""
    return [folder / "loose" / f"{clip}-{kind}-{frame}.png" for frame in frames]


def read_loose(folder: Path, frames: Sequence[int]) -> None:
    """Pictures and masks of all clips, decoded."""
    for clip in range(CLIPS):
        for kind in ("video", "segmentations"):
            np.stack([pixels(file) for file in loose(folder, clip, frames, kind)])


def pixels(file: Path) -> np.ndarray:
    """Decode a file with Pillow."""
    with Image.open(file) as image:
        return np.array(image)


def write(folder: Path) -> int:
    """Rendered scenes as if they were frames: loose, and as one file of records; gives its size."""
    (folder / "loose").mkdir()
    payloads = []
    rng = np.random.default_rng(0)
    for clip in range(CLIPS):
        scenes = sorted(SCENES.glob("images/*"))[clip * FRAMES : (clip + 1) * FRAMES]
        for frame, (file, mask) in enumerate(
            zip(scenes, loose(folder, clip, range(FRAMES), "segmentations"), strict=True)
        ):
            Image.open(file).convert("RGB").resize((SIDE, SIDE)).save(loose(folder, clip, [frame])[0])
            index = Image.open(SCENES / "masks" / f"{file.stem}.png")
            index.resize((SIDE, SIDE), Image.Resampling.NEAREST).convert("L").save(mask)
        depth = rng.integers(0, 65_536, (SIDE // 8, SIDE // 8), dtype=np.uint16).repeat(8, 0).repeat(8, 1)
        Image.fromarray(depth).save(folder / "depth.png")
        flow = rng.normal(32_768, 3_000, FRAMES * SIDE * SIDE * 2).astype(int)
        pictures = {
            kind: [file.read_bytes() for file in loose(folder, clip, range(FRAMES), kind)]
            for kind in ("video", "segmentations")
        }
        pictures["depth"] = [(folder / "depth.png").read_bytes()] * FRAMES
        numbers = sized(1, b"".join(varint(value) for value in flow.tolist()))
        features = {
            name: sized(1, b"".join(sized(1, each) for each in list_)) for name, list_ in pictures.items()
        }
        features |= {"forward_flow": sized(3, numbers), "backward_flow": sized(3, numbers)}
        features["instances/category"] = sized(3, sized(1, bytes(20)))
        for name in ("depth", "forward_flow"):
            features[f"metadata/{name}_range"] = sized(2, sized(1, struct.pack("<2f", 1, 9)))
        entries = (sized(1, sized(1, name.encode()) + sized(2, value)) for name, value in features.items())
        payloads.append(sized(1, b"".join(entries)))
    version = folder / "movi_e" / "256x256" / "1.0.0"
    file = version / "movi_e-train.tfrecord-00000-of-00001"
    splits = [{"name": "train", "shardLengths": [str(CLIPS)]}]
    write_json(version / "dataset_info.json", {"name": "movi_e", "splits": splits})
    shape = {"shape": {"dimensions": [str(size) for size in (FRAMES, SIDE, SIDE, 3)]}}
    write_json(version / "features.json", {"featuresDict": {"features": {"video": {"video": shape}}}})
    lengths = [struct.pack("<Q", len(payload)) for payload in payloads]
    file.write_bytes(
        b"".join(
            a + masked(a) + payload + masked(payload) for a, payload in zip(lengths, payloads, strict=True)
        )
    )
    return os.path.getsize(file)


def masked(data: bytes) -> bytes:
    """The sum that follows data in a record file."""
    found = google_crc32c.value(data)
    return struct.pack("<I", ((found >> 15 | found << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def sized(field: int, data: bytes) -> bytes:
    """A protobuf field with a length."""
    return varint(field << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    """A protobuf number."""
    found = bytearray()
    while value >= 128:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


if __name__ == "__main__":
    main()
