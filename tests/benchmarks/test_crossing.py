"""Two alike things cross, the nearer hiding the other, under the shipped model of clips."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import torch

from dias.data.samples import ClipSample
from dias.data.sources import ClipsConfig
from dias.errors import DiasError
from dias.inference.shortcuts import load_tracking
from dias.models import ClipModel
from dias.nn.slots.motion import MotionConfig

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def kept() -> Callable[[ClipModel, ClipSample], list[bool]]:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(ROOT / "benchmarks")
        return import_module("crossing").kept


@pytest.fixture(scope="module")
def model() -> ClipModel:
    return load_tracking(ROOT / "data" / "models" / "clips-cpu.safetensors").eval()


def test_alike_things_that_cross_keep_their_slots_with_motion_and_not_without(
    model: ClipModel, kept: Callable[[ClipModel, ClipSample], list[bool]]
) -> None:
    clip = ClipsConfig(path=str(ROOT / "data" / "clips" / "crossing")).build().read(0)
    assert kept(model.with_motion(MotionConfig()), clip) == [True, True]
    assert kept(model, clip) == [False, False]


def test_features_without_places_are_refused(model: ClipModel) -> None:
    with pytest.raises(DiasError, match="motion: features alone have no places"):
        model.with_motion(MotionConfig()).from_features(torch.zeros(1, 2, 256, 384))
