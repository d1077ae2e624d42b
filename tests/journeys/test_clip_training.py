"""A model of clips from the recipe to its scores, as a user meets it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import tiny_clip_run
from conftest import Said
from dias.evaluation.clips import load_clips

Dias = Callable[..., Said]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_clip_run.make_files(tmp_path_factory.mktemp("clips"))
    values = tiny_clip_run.settings(folder)
    values["clip"]["cues"] = {"kind": "boxes"}
    values["training"] |= {"steps": 4, "validate_every": 2}
    (folder / "clips.yaml").write_text(yaml.safe_dump(values))
    return folder


def test_from_a_cache_to_a_table(files: Path, tmp_path: Path, dias: Dias) -> None:
    said = dias(
        "cache", files / "train", tmp_path / "cache", "--weights", files / "vit", "--size", 28,
        "--input-size", 28, "--views", 2, "--precision", "fp32",
    )  # fmt: skip
    assert said.code == 0, said.err
    run = tmp_path / "run"
    words = ["train", files / "clips.yaml", "--cache", tmp_path / "cache", "--out", run, "--logger", "none"]
    said = dias(*words, "--set", "training.steps=2")
    assert said.code == 0, said.err
    assert f"best checkpoint: {run / 'best.safetensors'}" in said.out
    assert "differs from the recipe" in dias(*words, "--resume").line
    again = dias(*words, "--set", "training.steps=2", "--resume")
    assert again.code == 0, again.err

    out = tmp_path / "result.json"
    said = dias("eval", run, files / "val", "--size", 28, "--out", out)
    assert said.code == 0, said.err
    assert "2 clips, 14 frames, protocol dias+size=28, percent." in said.out
    found = load_clips(out)
    file = run / "best.safetensors"
    ways = [", aggregation", ", decoder", ", not reduced, aggregation", ", not reduced, decoder"]
    assert [one.name for one in found] == [f"{file}{way}" for way in ways]
    assert all(one.frames.tolist() == [7, 7] for one in found)
    same = dias("eval", run, files / "val", "--size", 28, "--out", tmp_path / "same.json", "--batch", 3)
    assert same.code == 0
    for one, other in zip(found, load_clips(tmp_path / "same.json"), strict=True):
        assert one.whole.mean == other.whole.mean

    images = files / "pictures" / "images"
    assert "holds a model of clips, not of pictures" in dias("segment", run, images, "--out", out).line
    assert "--clips is for models of pictures" in dias("eval", run, files / "val", "--clips", out).line
    assert "the data set has images" in dias("eval", run, files / "pictures").line
