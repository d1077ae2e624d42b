"""The recipes for data sets of clips, on miniatures in the official layouts and with a tiny model."""

from pathlib import Path

import pytest

from dias.training.recipe import read_recipe
from dias.training.run import train
from miniatures import davis, videos, ytvis
from tiny_run import QUIET, journal, make_files, recipe

TINY = [
    "data.size=28",
    "data.workers=0",
    "data.validation_images=4",
    "model.channels=16",
    "model.positions=16",
    "model.pca=8",
    "model.queries.slots=4",
    "model.aggregation.slot_dim=8",
    "model.decoder={kind: random_ar, layers: 1, heads: 2, width: 8}",
    "training.steps=4",
    "training.batch=4",
    "training.validate_every=2",
    "training.precision=fp32",
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("name", ["ytvis", "davis"])
def test_a_recipe_trains_on_its_miniature(name: str, files: Path, tmp_path: Path) -> None:
    data = ytvis.write(tmp_path / "data", "hq") if name == "ytvis" else davis.write(tmp_path / "data")
    backbone = f"{{path: {files / 'vit'}, input_size: 28, precision: fp32}}"
    changes = [f"data.train.path={data}", f"model.backbone={backbone}"]
    if name == "ytvis":
        changes.append(f"data.validation.path={data}")
    train(read_recipe(name, changes=[*TINY, *changes]), tmp_path / "run", machine=QUIET)
    lines = journal(tmp_path / "run")
    assert [line["step"] for line in lines] == [2, 4]
    assert all("val_mbo" in line for line in lines)


def test_frames_of_video_files_train_too(files: Path, tmp_path: Path) -> None:
    """In worker processes, forked after a video was opened, with a file that is damaged."""
    videos.write(tmp_path / "data" / "a.mp4")
    videos.write(tmp_path / "data" / "b.mkv", 12)
    videos.write_cut_short(tmp_path / "data" / "c.mp4")
    data = {
        "train": {"kind": "videos", "path": str(tmp_path / "data")},
        "validation": None,
        "workers": 2,
        "bad_images": "skip",
    }
    short = recipe(files, data=data, training={"steps": 2, "validate_every": 2})
    train(short, tmp_path / "run", machine=QUIET)
    assert [line["step"] for line in journal(tmp_path / "run")] == [2]
