"""A decoder is run in validation and evaluation as often as something is learned from it, and no more."""

from pathlib import Path
from typing import Any

import pytest
import torch

from dias.backbones import Tokens
from dias.data.sources import ImageFolderConfig
from dias.evaluation.passes import both_passes
from dias.models.image import ImageModel
from dias.nn.decoders.counted import decode
from dias.training.held_out import HeldOut, look_at
from dias.training.module import ImageTraining
from dias.training.recipe import Recipe
from dias.training.validation import Validation, validate
from tiny_run import make_files, recipe

CPU = torch.device("cpu")
CODES = {
    "tokenizer": {
        "kind": "image_vq",
        "code_dim": 4,
        "autoencoder": {"kind": "conv", "width": 8, "blocks": 1},
        "quantizer": {"kind": "nearest", "codes": 16},
    },
    "target": "codes",
}
CASES: dict[str, tuple[dict[str, Any], int, int]] = {  # calls in a validation; in its picture
    "diffusion": (
        CODES | {"decoder": {"kind": "diffusion", "channels": [8, 8], "layers": 1, "heads": 2}},
        1,
        0,
    ),
    "code_ar": (CODES | {"decoder": {"kind": "code_ar", "layers": 1, "heads": 2}}, 1, 0),
    "broadcast_mlp": ({"decoder": {"kind": "broadcast_mlp", "layers": 1, "hidden": 8}}, 1, 1),
    "DINOSAUR": ({"decoder": {"kind": "permuted_ar", "layers": 1, "heads": 2, "orders": 1}}, 1, 1),
    "SPOT": ({"decoder": {"kind": "permuted_ar", "layers": 1, "heads": 2, "orders": 9}}, 2, 1),
    "DIAS": ({}, 2, 1),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("files"))


def prepared(files: Path, changes: dict[str, Any]) -> tuple[Recipe, ImageModel, list[HeldOut], list[int]]:
    """A model, one batch that is held out, and a list that grows by one at each call of the decoder."""
    if changes.get("decoder", {}).get("kind") == "diffusion":
        pytest.importorskip("diffusers")
    chosen = recipe(files, model=changes)
    torch.manual_seed(0)
    model = chosen.model.build(backbone=chosen.model.backbone.build()).eval()
    folder = files / "pictures"
    source = ImageFolderConfig(path=str(folder / "images"), masks=str(folder / "masks")).build()
    held_out, _ = look_at(source, model.see, size=28, batch=8, device=CPU)
    calls: list[int] = []
    model.decoder.register_forward_hook(lambda *given: calls.append(1))
    return chosen, model, held_out, calls


@pytest.mark.parametrize("name", CASES)
def test_no_pass_is_wasted(name: str, files: Path) -> None:
    changes, validating, drawing = CASES[name]
    chosen, model, held_out, calls = prepared(files, changes)
    scores = validate(model, held_out, device=CPU)
    assert len(calls) == validating
    assert {"mbo", "reconstruction"} <= scores.keys()
    assert not model.decoder.training

    calls.clear()
    shown = Validation.drawn(Validation.__new__(Validation), ImageTraining(chosen, model), held_out[0])
    assert len(calls) == drawing
    assert len(shown) == 8

    calls.clear()
    tokens: Tokens = held_out[0].tokens(CPU)
    plain, final = both_passes(model, tokens, indices=range(8), seed=0)
    assert len(calls) == 2 * drawing
    assert (plain.decoder_attention is None) == (final.decoder_attention is None) == (drawing == 0)


@pytest.mark.parametrize("name", ["code_ar", "broadcast_mlp", "DIAS", "DINOSAUR"])
def test_the_error_is_that_of_the_task_in_training(name: str, files: Path) -> None:
    """By a pass of the decoder in training mode, whose random numbers follow those of the queries."""
    _, model, held_out, _ = prepared(files, CASES[name][0])
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        output = model.from_tokens(held_out[0].tokens(CPU), generator=noise)
        model.decoder.train()
        assert output.target is not None
        error = decode(model.decoder, output.slots, output.mask, output.target, generator=noise).error
    model.decoder.eval()
    found = validate(model, held_out, device=CPU)["reconstruction"]
    assert found == pytest.approx(float(error.mean()), rel=1e-5)
