"""Where CLEVRER's files lie: as its archives unpack, or as loaders such as SlotFormer's sort them."""

from collections.abc import Mapping
from pathlib import Path

from dias.data.clevrer.values import Split

SPLITS: Mapping[Split, range] = {
    "train": range(10_000),
    "validation": range(10_000, 15_000),
    "test": range(15_000, 20_000),
}
_A_FOLDER = 1_000  # files
_SHORT = {"train": "train", "validation": "val", "test": "test"}


def video_file(folder: Path, split: Split, scene: int) -> Path:
    """`video_train/video_00000-01000/video_00000.mp4`."""
    return folder / f"video_{split}" / _thousand("video", scene) / f"video_{scene:05d}.mp4"


def annotation_file(folder: Path, split: Split, scene: int) -> Path:
    """`annotation_train/annotation_00000-01000/annotation_00000.json`."""
    return folder / f"annotation_{split}" / _thousand("annotation", scene) / f"annotation_{scene:05d}.json"


def proposals_file(folder: Path, scene: int) -> Path:
    """`derender_proposals/proposal_00000.json`."""
    return folder / "derender_proposals" / f"proposal_{scene:05d}.json"


def questions_file(folder: Path, split: Split) -> Path:
    """`train.json`."""
    return folder / f"{split}.json"


def places(folder: Path, part: str, split: Split) -> list[Path]:
    """Folders that may hold the `video`s or `annotation`s of a split, those of the archives first."""
    names = {split: None, _SHORT[split]: None}
    return [
        *(folder / f"{part}_{name}" for name in names),
        *(folder / f"{part}s" / name for name in names),
        *(folder / f"{part}s" / f"{part}_{name}" for name in names),
    ]


def found_questions(folder: Path, split: Split) -> Path | None:
    """The file of a split's questions, in the folder or in `questions/`."""
    names = dict.fromkeys((split, _SHORT[split]))
    files = [place / f"{name}.json" for place in (folder, folder / "questions") for name in names]
    return next((file for file in files if file.is_file()), None)


def _thousand(part: str, scene: int) -> str:
    first = scene // _A_FOLDER * _A_FOLDER
    return f"{part}_{first:05d}-{first + _A_FOLDER:05d}"
