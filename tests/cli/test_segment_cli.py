"""dias segment and dias import-official, on real files."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from colour_model import colour_model, three_colours
from dias.cli.import_official import import_official
from dias.cli.segment import segment
from dias.errors import CheckpointError, DiasError


def run(verb: object, *arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(verb)  # type: ignore[type-var]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dias.inference.shortcuts.load", lambda path, **settings: colour_model())


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for name, shape in {
        "portrait.png": (90, 40),
        "more/panorama.jpg": (20, 200),
        "flat.png": (2, 50),
    }.items():
        Image.fromarray(three_colours(*shape)[0]).save(folder / name, quality=95)
    (folder / "broken.jpg").write_bytes((folder / "more/panorama.jpg").read_bytes()[:200])
    (folder / "dot.png").write_bytes(b"")
    return folder


@pytest.mark.usefixtures("colours")
def test_a_folder(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(segment, "model", pictures, "--out", out, "--compare", "--batch", "2")
    assert result.exit_code == 0, result.output
    assert "3 pictures segmented, 2 skipped" in result.stdout
    assert "skipped broken.jpg" in result.output
    assert "skipped dot.png" in result.output
    made = sorted(file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file())
    endings = ("compare.png", "mask.png", "overlay.png", "slots.npz")
    names = [f"{name}.{ending}" for name in ("flat", "more/panorama", "portrait") for ending in endings]
    assert made == sorted([*names, "segments.json"])
    truth = three_colours(90, 40)[1]
    assert (np.asarray(Image.open(out / "portrait.mask.png")) == truth).mean() > 0.95
    assert np.asarray(Image.open(out / "flat.mask.png")).shape == (2, 50)
    listed = [image["file_name"] for image in json.loads((out / "segments.json").read_text())["images"]]
    assert sorted(listed) == ["flat.png", "more/panorama.jpg", "portrait.png"]


@pytest.mark.usefixtures("colours")
def test_one_picture_with_every_option(pictures: Path, tmp_path: Path) -> None:
    result = run(
        segment,
        *("model", pictures / "portrait.png", "--out", tmp_path / "out", "--map", "decoder"),
        *("--fit", "centre", "--threshold", "0.3", "--size", "224", "--device", "cpu"),
    )
    assert result.exit_code == 0, result.output
    mask = np.asarray(Image.open(tmp_path / "out/portrait.mask.png"))
    assert (mask == 255).sum() == 40 * 50


@pytest.mark.usefixtures("colours")
def test_nothing_to_segment(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("flat.png", "portrait.png", "more/panorama.jpg"):
        (pictures / name).write_bytes(b"no picture")
    result = run(segment, "model", pictures, "--out", out)
    assert isinstance(result.exception, DiasError)
    assert "5 of 5 skipped" in str(result.exception)
    assert not (out / "segments.json").exists()
    assert isinstance(run(segment, "model", tmp_path / "nowhere", "--out", out).exception, DiasError)
    shutil.rmtree(pictures)
    pictures.mkdir()
    assert isinstance(run(segment, "model", pictures, "--out", out).exception, DiasError)


@pytest.mark.usefixtures("colours")
def test_results_may_not_lie_among_the_pictures(pictures: Path) -> None:
    result = run(segment, "model", pictures, "--out", pictures / "out")
    assert isinstance(result.exception, DiasError)
    assert "pictures" in str(result.exception)


def test_a_missing_checkpoint_is_named(pictures: Path, tmp_path: Path) -> None:
    result = run(segment, tmp_path / "absent", pictures, "--out", tmp_path / "out")
    assert isinstance(result.exception, CheckpointError)
    assert "absent" in str(result.exception)


def test_import_official(tmp_path: Path) -> None:
    from dias.checkpoints import describe, load_model
    from dias.interop import load_official

    state = official_state()
    torch.save(state, tmp_path / "a.pth")
    out = tmp_path / "ours.safetensors"
    result = run(import_official, tmp_path / "a.pth", out, "--heads", "2", "--slots", "5")
    assert result.exit_code == 0, result.output
    assert "no ViT inside" in result.stdout
    assert describe(out)["model"]["queries"] == {"kind": "shared", "slots": 5}
    features, queries = torch.randn(2, 9, 8), torch.randn(2, 5, 4)
    ours, theirs = load_model(out, with_backbone=False), load_official(tmp_path / "a.pth", 2)
    torch.testing.assert_close(
        ours.from_features(features, queries).slots, theirs.from_features(features, queries).slots
    )
    assert isinstance(run(import_official, tmp_path / "a.pth", tmp_path / "ours.pth").exception, DiasError)


def official_state(c: int = 8, d: int = 4, m: int = 9) -> dict[str, torch.Tensor]:
    """Random weights under the authors' names, one decoder layer."""
    shapes: dict[str, tuple[int, ...]] = {"initializ.mean": (1, 1, d), "initializ.logstd": (1, 1, d)}
    for part, kind, out, into in (("1", "w", c, c), ("3", "w", c, c), ("0", "n", c, c)):
        shapes[f"encode_project.{part}.weight"] = (out, into) if kind == "w" else (out,)
        shapes[f"encode_project.{part}.bias"] = (out,)
    for name, size in (("norm1q", d), ("norm1kv", c), ("norm2", d)):
        shapes |= {f"aggregat.{name}.weight": (size,), f"aggregat.{name}.bias": (size,)}
    shapes |= {
        "aggregat.proj_q.weight": (d, d),
        "aggregat.proj_k.weight": (d, c),
        "aggregat.proj_v.weight": (d, c),
    }
    for side in ("ih", "hh"):
        shapes |= {f"aggregat.rnn.weight_{side}": (3 * d, d), f"aggregat.rnn.bias_{side}": (3 * d,)}
    shapes |= {"aggregat.ffn.0.weight": (4 * d, d), "aggregat.ffn.0.bias": (4 * d,)}
    shapes |= {"aggregat.ffn.2.weight": (d, 4 * d), "aggregat.ffn.2.bias": (d,)}
    shapes |= {
        "decode.mask_token": (1, 1, c),
        "decode.posit_embed._pe": (1, m, c),
        "decode.norm0.weight": (c,),
    }
    for name, size in (("project1", c), ("project2", d)):
        shapes |= {f"decode.{name}.0.weight": (c, size)}
        shapes |= {f"decode.{name}.1.weight": (c,), f"decode.{name}.1.bias": (c,)}
    layer = "decode.backbone.layers.0."
    for name in ("self_attn", "multihead_attn"):
        shapes |= {f"{layer}{name}.in_proj_weight": (3 * c, c), f"{layer}{name}.out_proj.weight": (c, c)}
    shapes |= {f"{layer}linear1.weight": (4 * c, c), f"{layer}linear2.weight": (c, 4 * c)}
    shapes |= {f"{layer}norm2.weight": (c,), f"{layer}norm3.weight": (c,)}
    return {f"m.{name}": torch.randn(shape) for name, shape in shapes.items()}
