"""A model leaves PyTorch: exported, run without it, served by a process of its own."""

import io
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import onnx
import pytest
from pages import run_dias
from PIL import Image

from dias import load
from dias.checkpoints import save_model
from dias.errors import DiasError, FileError
from dias.export import agreement
from dias.export.graph import Graph
from dias.export.int8 import in_int8
from dias.inference import Segmenter
from dias.masks.rle import decode
from dias.runtime import Runtime
from tiny_run import make_files, recipe

PICTURE = np.random.default_rng(3).integers(0, 256, (2, 2, 3), dtype=np.uint8).repeat(30, 0).repeat(25, 1)
BARE = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "lightning", "transformers", "scipy", "PIL", "jaxtyping",
                                      "pydantic", "onnx", "safetensors", "matplotlib", "einops"}:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Nothing())
import numpy as np
from dias.runtime import Runtime

images = list(np.load(sys.argv[2]))
found = Runtime(sys.argv[1], threads=1)(images)
np.savez(sys.argv[3], slots=found.slots, kept=found.kept, labels=np.stack(found.labels))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`model.safetensors`, and `model.onnx` made of it by the command."""
    folder = make_files(tmp_path_factory.mktemp("deployed"))
    config = recipe(folder, model={"pca": None}).model
    save_model(folder / "model.safetensors", config.build(backbone=config.backbone.build()))
    words = "export onnx model.safetensors --out model.onnx --map decoder --threshold 0.2"
    run_dias(words.split(), folder)
    return folder


@pytest.mark.slow
def test_the_file_equals_pytorch_and_says_what_it_is(home: Path) -> None:
    model = load(home / "model.safetensors", device="cpu").with_threshold(0.2)
    graph = Graph(model, map="decoder")
    found = agreement(graph, home / "model.onnx", seed=1)
    assert found.difference < 1e-5
    assert found.changed == 0
    runtime = Runtime(home / "model.onnx")
    assert (runtime.size, runtime.grid) == (28, (4, 4))
    told = runtime.settings
    assert told["threshold"] == 0.2
    assert told["model"]["queries"]["slots"] == 4
    assert re.fullmatch("[0-9a-f]{64}", told["backbone"]["sha256"])
    assert re.fullmatch("[0-9a-f]{64}", told["exported_by"]["hashes"]["checkpoint"])
    assert told["provenance"]["versions"]["torch"]
    ours = runtime([PICTURE])
    theirs = Segmenter(model, map="decoder")([PICTURE])[0]
    numbers = theirs.slot_indices[theirs.labels]
    assert (ours.labels[0] == numbers).mean() > 0.99
    # the runtime resizes as Pillow does, but for ties: pixels may differ by 1 of 255
    np.testing.assert_allclose(ours.slots[0][ours.kept[0]], theirs.slots, atol=1e-2)


@pytest.mark.slow
def test_where_each_picture_says_is_in_the_file_too(home: Path) -> None:
    """What recipes leave a model of pictures with: a distance in training, `in_use: auto` afterwards."""
    chosen = {"slot_dim": 8, "bilevel": True, "threshold": 0.05, "in_use": "auto"}
    config = recipe(home, model={"pca": None, "aggregation": chosen}).model
    save_model(home / "auto.safetensors", config.build(backbone=config.backbone.build()))
    run_dias(["export", "onnx", "auto.safetensors", "--out", "auto.onnx", "--map", "decoder"], home)
    graph = Graph(load(home / "auto.safetensors", device="cpu"), map="decoder")
    found = agreement(graph, home / "auto.onnx", seed=1)
    assert found.difference < 1e-5
    assert found.changed == 0
    assert Runtime(home / "auto.onnx").settings["threshold"]["kind"] == "removal"


@pytest.mark.slow
def test_in_eight_bits_it_stays_a_model(home: Path) -> None:
    small = home / "int8.onnx"
    whole = onnx.load(home / "model.onnx")
    onnx.save(in_int8(whole), small)
    kinds = [node.op_type for node in onnx.load(small).graph.node]
    assert kinds.count("MatMulInteger") == 12  # two layers of q, k, v, o and two of the MLP
    model = load(home / "model.safetensors", device="cpu").with_threshold(0.2)
    found = agreement(Graph(model, map="decoder"), small)
    assert found.difference > 0
    assert found.changed < 0.5


@pytest.mark.slow
def test_the_runtime_needs_no_pytorch(home: Path) -> None:
    np.save(home / "images.npy", np.stack([PICTURE, PICTURE[::-1]]))
    command = [sys.executable, "-c", BARE, "model.onnx", "images.npy", "found.npz"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(home / "found.npz") as bare:
        here = Runtime(home / "model.onnx", threads=1)([PICTURE, PICTURE[::-1]], batch=1)
        np.testing.assert_allclose(bare["slots"], here.slots, atol=1e-5)
        np.testing.assert_array_equal(bare["kept"], here.kept)
        np.testing.assert_array_equal(bare["labels"], np.stack(here.labels))


@pytest.mark.slow
def test_it_is_served_until_it_is_told_to_stop(home: Path) -> None:
    command = [sys.executable, "-m", "dias.cli.main", "serve", "model.onnx", "--port", "0"]
    with subprocess.Popen(
        [*command, "--threads", "1"], cwd=home, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert address, line
            stream = io.BytesIO()
            Image.fromarray(PICTURE).save(stream, "PNG")
            said = httpx.post(
                f"{address[0]}/segment",
                files={"images": stream.getvalue()},
                params={"slots": True},
                timeout=60,
            )
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0
        finally:
            server.kill()
    objects = said.json()["pictures"][0]["objects"]
    found = Runtime(home / "model.onnx")([PICTURE])
    assert [one["slot"] for one in objects] == np.flatnonzero(found.kept[0]).tolist()
    for one in objects:
        np.testing.assert_array_equal(decode(one["mask"]), found.labels[0] == one["slot"])
        np.testing.assert_allclose(one["vector"], found.slots[0][one["slot"]], atol=1e-5)


def test_what_cannot_be_run_is_named(home: Path, tmp_path: Path, dias: Callable[..., object]) -> None:
    with pytest.raises(FileError, match="does not exist; give a file that `dias export onnx` wrote"):
        Runtime(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(FileError, match="is no ONNX model that can be run"):
        Runtime(tmp_path / "text.onnx")
    other = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])],
        "other",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])],
    )
    opset = onnx.helper.make_opsetid("", 20)
    onnx.save(onnx.helper.make_model(other, opset_imports=[opset], ir_version=10), tmp_path / "other.onnx")
    with pytest.raises(FileError, match="has format None, expected 'dias-onnx-1'"):
        Runtime(tmp_path / "other.onnx")
    runtime = Runtime(home / "model.onnx")
    with pytest.raises(DiasError, match="no pictures"):
        runtime([])
    with pytest.raises(DiasError, match=r"picture 1: an array of float64 \(4, 4, 3\)"):
        runtime([PICTURE, np.zeros((4, 4, 3))])
    said = dias("export", "onnx", home / "model.safetensors", "--out", tmp_path / "m.onnx", "--size", "30")
    assert "must be a multiple of the patch" in said.line  # type: ignore[attr-defined]
    assert not (tmp_path / "m.onnx").exists()
