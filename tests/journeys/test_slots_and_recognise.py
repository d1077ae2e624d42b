"""`dias slots` and `dias recognise`, as a user meets them: pictures of two kinds of things, a tiny model."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny_clip_run
from conftest import Said
from dias.checkpoints import load_model, save_model
from dias.models import ClipModelConfig
from dias.nn.slots.transitions import EncoderTransitionConfig
from dias.slots import clips_of, load
from miniatures import scenes

pytest.importorskip("pyarrow")
Dias = Callable[..., Said]


def slots_of(dias: Dias, run: Path, data: Path, out: Path, *more: object) -> Path:
    said = dias("slots", run, data, "--out", out, *more)
    assert said.code == 0, said.err
    return out


def test_from_a_checkpoint_to_named_pictures(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    data = scenes.write(tmp_path / "scenes", count=6)
    others = scenes.write(tmp_path / "others", count=5)
    train = slots_of(dias, tiny / "run", data, tmp_path / "train", "--shard", 4)
    before = {file: file.read_bytes() for file in train.rglob("0*")}
    assert (
        "slots of 6 pictures, 0 skipped"
        in dias("slots", tiny / "run", data, "--out", train, "--shard", 4).out
    )
    assert {file: file.read_bytes() for file in train.rglob("0*")} == before
    test = slots_of(dias, tiny / "run", others, tmp_path / "test")
    files = load(test, checkpoint=tiny / "run")
    assert files.arrays().slots.shape == (5, 4, 8)
    assert files.header.weights_name.endswith(str(tiny / "vit"))

    head = tmp_path / "head.safetensors"
    said = dias("recognise", "train", train, "--out", head, "--iou", 0, "--steps", 20)
    assert said.code == 0, said.err
    assert "classes, trained on" in said.out
    assert "of 12 objects in 6 pictures" in said.out
    said = dias("recognise", "eval", head, test, "--out", tmp_path / "result.json")
    assert said.code == 0, said.err
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["objects"], result["pictures"]) == (10, 5)
    assert 0 < result["matched"] <= 10
    assert result["recall"] == result["matched"] / 10
    assert result["of_all"]["top1"] <= result["of_matched"]["top1"]
    assert result["extraction"]["checkpoint"] == files.header.extraction.checkpoint
    assert (
        "was trained on these very pictures"
        in dias("recognise", "eval", head, train, "--out", head.parent / "r").err
    )

    named = tmp_path / "named"
    (data / "images" / "broken.png").write_text("no picture")
    said = dias("recognise", "run", head, tiny / "run", data / "images", "--out", named, "--agreement", 0)
    assert said.code == 0, said.err
    assert "objects of 6 pictures, 1 skipped" in said.out
    assert "skipped broken.png" in said.err
    told = json.loads((named / "000000.objects.json").read_text())
    assert told["format"] == "dias-named-objects-1"
    assert told["objects"]
    for thing in told["objects"]:
        assert thing["name"] in ("class 0", "class 1")
        x0, y0, x1, y1 = thing["box"]
        assert 0 <= min(x0, x1, y0, y1) <= max(x0, x1, y0, y1) <= scenes.SIZE
    drawn = np.asarray(Image.open(named / "000000.objects.png"))
    plain = np.asarray(Image.open(data / "images" / "000000.png"))
    assert drawn.shape == plain.shape
    assert (drawn != plain).any()


def test_slots_of_other_models_are_refused(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    data = scenes.write(tmp_path / "scenes", count=3)
    train = slots_of(dias, tiny / "run", data, tmp_path / "train")
    other = slots_of(dias, tiny / "run" / "last.safetensors", data, tmp_path / "centre", "--fit", "centre")
    head = tmp_path / "head.safetensors"
    assert dias("recognise", "train", train, "--out", head, "--iou", 0, "--steps", 2).code == 0
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes((tiny / "run" / "last.safetensors").read_bytes())
    line = dias("recognise", "eval", head, other, "--out", tmp_path / "r.json").line
    assert "of checkpoint" in line or "fit centre for whole" in line
    line = dias("slots", tiny / "run", data, "--out", train, "--fit", "centre").line
    assert "holds slots of another extraction: fit differ" in line
    line = dias(
        "recognise", "eval", tiny / "run" / "best.safetensors", train, "--out", tmp_path / "r.json"
    ).line
    assert "expected 'dias-recognition-1'" in line


def test_data_that_cannot_teach_is_told(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    bare = slots_of(dias, tiny / "run", tiny / "pictures" / "images", tmp_path / "bare")
    assert "has no masks" in dias("recognise", "train", bare, "--out", tmp_path / "h").line
    nameless = slots_of(dias, tiny / "run", tiny / "pictures", tmp_path / "nameless")
    assert "its objects have no classes" in dias("recognise", "train", nameless, "--out", tmp_path / "h").line

    data = scenes.write(tmp_path / "scenes", count=3)
    train = slots_of(dias, tiny / "run", data, tmp_path / "train")
    assert "label=pattern" in dias("recognise", "train", train, "--data-set", "label=pattern").line
    assert (
        "none of 6 objects was matched"
        in dias("recognise", "train", train, "--iou", 1, "--out", tmp_path / "h").line
    )
    head = tmp_path / "head.safetensors"
    assert dias("recognise", "train", train, "--out", head, "--iou", 0, "--steps", 2).code == 0
    lines = (data / "objects.jsonl").read_text()
    (data / "objects.jsonl").write_text(lines.replace('"class": 1', '"class": 8'))
    said = dias("recognise", "eval", head, train, "--out", tmp_path / "r.json")
    assert "never seen, counted as wrong: class 8 (3)" in said.out
    (data / "objects.jsonl").write_text(
        lines.replace('"class": 1', '"class": 8').replace('"class": 0', '"class": 9')
    )
    assert "no object is of a class that the head has seen" in dias("recognise", "eval", head, train).line
    for file in (data / "masks").iterdir():
        Image.fromarray(np.zeros((scenes.SIZE, scenes.SIZE), dtype=np.uint8)).save(file)
    assert "no object in the labels of 3 pictures" in dias("recognise", "train", train, "--out", head).line
    assert (
        "was not made of the pictures in"
        in dias(
            "recognise", "train", train, "--data", scenes.write(tmp_path / "more", count=4), "--out", head
        ).line
    )


def test_clips_are_followed(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    """By a model of clips, or by one of pictures where that is asked; what is refused is told."""
    tiny_clip_run.make_clips(tmp_path / "clips", 2, seed=0)
    image = load_model(tiny / "run")
    config = ClipModelConfig(image=image.config, transition=EncoderTransitionConfig(heads=2))
    save_model(tmp_path / "clips.safetensors", config.build(backbone=image.backbone))
    for number, words in enumerate([(tmp_path / "clips.safetensors",), (tiny / "run", "--follow")]):
        out = slots_of(dias, words[0], tmp_path / "clips", tmp_path / f"out-{number}", *words[1:])
        files = load(out, checkpoint=words[0])
        clips = list(clips_of(files))
        assert [one.slots.shape for one in clips] == [(7, 4, 8)] * 2
        assert [one.frames.tolist() for one in clips] == [list(range(7))] * 2
        assert all(one.kept.any(axis=1).all() for one in clips)
    single = slots_of(dias, tiny / "run", tmp_path / "clips", tmp_path / "single")
    assert load(single).header.clips is None
    line = dias("slots", tiny / "run", tmp_path / "clips", "--out", single, "--follow").line
    assert "slots of another extraction" in line
    line = dias("slots", tmp_path / "clips.safetensors", tiny / "pictures", "--out", tmp_path / "no").line
    assert "follows clips; this data set is of pictures" in line
    line = dias("slots", tiny / "run", tiny / "pictures", "--out", tmp_path / "no", "--follow").line
    assert "--follow: this data set is of pictures" in line
