"""Scripted scenes under the shipped model of clips: two alike things cross; one leaves, another enters."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from dias.data.samples import ClipSample
from dias.data.sources import ClipsConfig
from dias.data.streams import StreamFrame
from dias.errors import DiasError
from dias.inference.shortcuts import load_tracking
from dias.inference.tracks import Tracked, Tracker
from dias.models import ClipModel

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def kept(benchmark_of: Callable[[str], ModuleType]) -> Callable[[ClipModel, ClipSample], list[bool]]:
    found: Callable[[ClipModel, ClipSample], list[bool]] = benchmark_of("crossing").kept
    return found


@pytest.fixture(scope="module")
def model() -> ClipModel:
    return load_tracking(ROOT / "data" / "models" / "clips-cpu.safetensors").eval()


def moving(model: ClipModel) -> ClipModel:
    return model.with_continuity(model.config.continuity.changed(motion=True))


def test_alike_things_that_cross_keep_their_slots_with_motion_and_not_without(
    model: ClipModel, kept: Callable[[ClipModel, ClipSample], list[bool]]
) -> None:
    clip = ClipsConfig(path=str(ROOT / "data" / "clips" / "crossing")).build().read(0)
    assert kept(moving(model), clip) == [True, True]
    assert not all(kept(model, clip))


def test_what_stays_keeps_its_slot_and_what_leaves_gives_its_own_back(model: ClipModel) -> None:
    """Thing 1 stays, thing 3 has gone after half of the clip."""
    clip = ClipsConfig(path=str(ROOT / "data" / "clips" / "enter-leave")).build().read(1)
    assert clip.mask is not None
    frames = (
        StreamFrame(at, float(at), partial(clip.frames.__getitem__, at)) for at in range(len(clip.frames))
    )
    found = [one for one in Tracker(model, map="decoder").stream(frames) if isinstance(one, Tracked)]
    stays = {np.bincount(one.labels[mask == 1]).argmax() for one, mask in zip(found, clip.mask, strict=True)}
    assert len(stays) == 1
    left = np.bincount(found[0].labels[clip.mask[0] == 3]).argmax()
    assert left not in stays
    assert [one.kept[left] for one in found[12:]] == [False] * 12


def test_what_enters_has_a_slot_of_its_own_once_each_frame_is_looked_at_anew(
    model: ClipModel, benchmark_of: Callable[[str], ModuleType]
) -> None:
    has_its_own = benchmark_of("arrivals").has_its_own
    clip = ClipsConfig(path=str(ROOT / "data" / "clips" / "enter-leave")).build().read(0)
    without = model.with_continuity(model.config.continuity.changed(arrivals=False))
    assert sum(has_its_own(model, clip)) >= 10  # of 15 frames
    assert sum(has_its_own(without, clip)) <= 3


def test_features_without_places_are_refused(model: ClipModel) -> None:
    with pytest.raises(DiasError, match="motion: features alone have no places"):
        moving(model).from_features(torch.zeros(1, 2, 256, 384))
