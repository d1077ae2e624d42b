"""The rivals of re-initialization, trained for a few steps: whatever they keep follows the step."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from dias.config import from_dict
from dias.training.recipe import Recipe
from dias.training.run import train
from tiny_run import QUIET, make_files, settings

MIXTURE = {"kind": "broadcast_mlp", "layers": 1, "hidden": 8}
RIVALS: dict[str, dict[str, Any]] = {
    "adaslot": {"aggregation": {"kind": "adaslot", "slot_dim": 8}, "decoder": MIXTURE},
    "metaslot": {
        "aggregation": {"kind": "metaslot", "slot_dim": 8, "prototypes": 6, "patience": 0.5},
        "decoder": MIXTURE,
    },
    "smoothsa": {"queries": {"kind": "preheated", "slots": 4, "heads": 2, "detach": 0.5}},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("files"))


def trained(files: Path, out: Path, name: str, **changes: object) -> dict[str, torch.Tensor]:
    values = settings(files)
    values["model"] |= RIVALS[name]
    values["training"] |= {
        "steps": 4,
        "validate_every": 4,
        "reduce_probability": 1.0,
        "reduce_ramp": 0,
        **changes,
    }
    values["objective"] = {"distillation": "none"}
    train(from_dict(Recipe, values), out, machine=QUIET)
    return load_file(out / "last.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("name", RIVALS)
def test_a_step_in_parts_is_the_same_step(name: str, files: Path, tmp_path: Path) -> None:
    """Draws, penalties, prototypes and counters do not depend on `training.accumulate`."""
    whole = trained(files, tmp_path / "whole", name)
    parts = trained(files, tmp_path / "parts", name, accumulate=2)
    for key, value in whole.items():
        torch.testing.assert_close(parts[key], value, atol=2e-3, rtol=1e-3, msg=key)
