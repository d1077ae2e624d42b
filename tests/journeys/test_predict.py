"""`dias predict`, as a user meets it: slots of small clips, a predictor of a few steps, curves, a video."""

import json
from collections.abc import Callable
from pathlib import Path

import av
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import tiny_clip_run
from conftest import Said

pytest.importorskip("pyarrow")
Dias = Callable[..., Said]
SHORT = ("--burn-in", 2, "--predicted", 2, "--width", 8, "--heads", 2, "--hidden", 8, "--steps", 3)


def test_from_clips_to_a_rollout(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    for seed, part in enumerate(("train", "test")):
        tiny_clip_run.make_clips(tmp_path / part, 2, seed=seed)
        said = dias("slots", tiny / "run", tmp_path / part, "--follow", "--out", tmp_path / f"slots-{part}")
        assert said.code == 0, said.err
    single = tmp_path / "single"
    assert dias("slots", tiny / "run", tmp_path / "train", "--out", single).code == 0
    predictor, result = tmp_path / "predictor.safetensors", tmp_path / "prediction.json"
    all_clips = ("--features", 1, "--held-out", 0)
    said = dias("predict", "train", tmp_path / "slots-train", "--out", predictor, *SHORT, *all_clips)
    assert said.code == 0, said.err
    assert "trained on 8 windows of 2 clips" in said.out
    chosen = ("--noise", 0.1, "--dropout", 0.1, "--weight-decay", 0.1)
    said = dias("predict", "train", tmp_path / "slots-train", "--out", predictor, *SHORT, *chosen)
    assert said.code == 0, said.err
    assert "trained on 4 windows of 1 clips; the weights of step" in said.out
    said = dias("predict", "eval", predictor, tmp_path / "slots-test", "--out", result, "--steps", 4)
    assert said.code == 0, said.err
    told = json.loads(result.read_text())
    assert list(told["rows"]) == ["predictor", "last frame stays", "linear extrapolation", "true slots"]
    assert told["counted"] == [2] * 4
    for row in told["rows"].values():
        assert set(row["curves"]) >= {"slot_error", "feature_error", "ari_foreground", "miou"}
        assert all(len(curve) == 4 for curve in row["curves"].values())
    assert told["rows"]["true slots"]["curves"]["slot_mse"] == [0.0] * 4
    assert Image.open(result.with_suffix(".png")).width > 300

    clip, out = tmp_path / "test" / "frames" / "000000", tmp_path / "rolled"
    said = dias("predict", "rollout", predictor, clip, "--out", out, "--steps", 8)
    assert said.code == 0, said.err
    assert "2 frames seen, 8 predicted, 5 of those beside what came" in said.out
    with av.open(str(out / "rollout.mp4")) as container:
        assert len(list(container.decode(video=0))) == 10
    arrays = load_file(out / "rollout.safetensors")
    assert arrays["slots"].shape == (10, 4, 8)
    assert arrays["predicted"].tolist() == [False] * 2 + [True] * 8
    assert torch.equal(arrays["kept"][2:], arrays["kept"][1].expand(8, -1))
    assert set(json.loads((out / "rollout.json").read_text())["provenance"]["hashes"]) == {
        "checkpoint",
        "predictor",
    }

    # What cannot be is one line.
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes((tiny / "run" / "last.safetensors").read_bytes() + b" ")
    refused = {
        ("train", single, "--out", copy): "holds slots of single pictures",
        (
            "train",
            tmp_path / "slots-train",
            "--held-out",
            0,
            "--predicted",
            20,
        ): "none of 2 clips has 26 frames, 1 apart",
        ("train", tmp_path / "slots-train", "--held-out", 1): "2 clips are too few to hold 2 out",
        ("eval", predictor, single, "--out", copy): "followed False for True",
        ("eval", tiny / "run" / "last.safetensors", single, "--out", copy): "expected 'dias-predictor-1'",
        ("rollout", predictor, clip, "--out", out, "--model", copy): "the slots are of",
    }
    for words, line in refused.items():
        assert line in dias("predict", *words).line
    few = tmp_path / "few"
    few.mkdir()
    (few / "0.png").write_bytes((clip / "00000.png").read_bytes())
    line = dias("predict", "rollout", predictor, few, "--out", tmp_path / "no").line
    assert "1 frames, 1 apart, fewer than the burn-in of 2" in line
    assert not (tmp_path / "no").exists()
