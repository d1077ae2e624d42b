"""The folder of one version of a data set, as TensorFlow Datasets writes it: record files and two of JSON."""

import re
from pathlib import Path

import msgspec

from dias.data.formats.json_file import read_json
from dias.data.formats.records import RecordFile
from dias.errors import FileError

INFO = "dataset_info.json"
_SMALLEST_RECORD = 16  # bytes
_NAME = re.compile(r"[a-z0-9_]+")


class _Split(msgspec.Struct, rename="camel"):
    name: str
    shard_lengths: list[int | str] = []  # protobuf writes 64-bit integers as text


class _Info(msgspec.Struct):
    name: str
    splits: list[_Split]


class _Shape(msgspec.Struct):
    dimensions: list[int | str] = []


class _Video(msgspec.Struct):
    shape: _Shape


class _Feature(msgspec.Struct):
    video: _Video | None = None


class _Named(msgspec.Struct):
    features: dict[str, _Feature]


class _Features(msgspec.Struct, rename="camel"):
    features_dict: _Named


class TfdsFolder:
    """What the JSON says of a version.

    Args:
        folder: such as `movi_c/256x256/1.0.0`.

    Attributes:
        name: of the data set, such as `movi_c`.
        splits: numbers of records in each file, by the name of the split.

    Raises:
        FileError: `dataset_info.json` is missing, damaged, or not TFDS's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        info = read_json(folder / INFO, _Info)
        for name in (info.name, *(split.name for split in info.splits)):
            if not _NAME.fullmatch(name):  # they become names of files
                raise FileError(folder / INFO, f"has a name {name[:200]!r}, expected letters, digits and _")
        self.name = info.name
        self.splits = {split.name: self._whole(split.shard_lengths) for split in info.splits}

    def files(self, split: str, *, partial: bool = False) -> list[RecordFile]:
        """The record files of a split.

        Args:
            split: one of `splits`.
            partial: leave out files that are not there.

        Raises:
            FileError: a file is missing, or smaller than its records can be.
        """
        counts = self.splits[split]
        names = [
            f"{self.name}-{split}.tfrecord-{place:05d}-of-{len(counts):05d}" for place in range(len(counts))
        ]
        present = {
            file.name: file.stat().st_size for file in self.folder.glob(f"{self.name}-{split}.tfrecord-*")
        }
        missing = [name for name in names if name not in present]
        if len(missing) == len(names) or (missing and not partial):
            raise FileError(
                self.folder / (missing or ["no file of records"])[0],
                f"does not exist; {len(missing)} of the {len(names)} files of {split!r} are missing",
                do="download them" + ("" if len(missing) == len(names) else ", or set partial to do without"),
            )
        found = {name: count for name, count in zip(names, counts, strict=True) if name in present}
        for name, count in found.items():
            if count * _SMALLEST_RECORD > present[name]:
                problem = f"has {present[name]:,} bytes, too few for the {count:,} records that {INFO} names"
                raise FileError(self.folder / name, problem, do="download it again")
        return [RecordFile(self.folder / name, count=count) for name, count in found.items()]

    def video_shape(self, feature: str) -> tuple[int | None, ...]:
        """What `features.json` declares of a feature of videos: frames, height, width, channels; None: any.

        Raises:
            FileError: the file is missing, damaged, or has no such feature.
        """
        file = self.folder / "features.json"
        found = read_json(file, _Features).features_dict.features.get(feature)
        if found is None or found.video is None or len(found.video.shape.dimensions) != 4:
            raise FileError(file, f"declares no video {feature!r}", do="download it again")
        sizes = self._whole(found.video.shape.dimensions, least=-1, file=file)
        return tuple(None if size < 0 else size for size in sizes)

    def _whole(self, numbers: list[int | str], *, least: int = 0, file: Path | None = None) -> list[int]:
        try:
            found = [int(number) for number in numbers]
        except ValueError:
            found = [least - 1]
        if min(found, default=least) < least:
            raise FileError(file or self.folder / INFO, f"has {numbers[:5]}, expected whole numbers")
        return found
