"""A model of images follows things through a clip."""

from dataclasses import replace

import pytest
import torch

from dias.errors import SettingError
from dias.models import ImageModelConfig, following
from dias.nn.slots.adaslot import AdaSlotConfig
from dias.nn.slots.continuity import ContinuityConfig
from toy_clip_features import soft_k_means, toy_clip_features


@torch.no_grad()
def test_it_is_the_model_of_clips_with_a_transition_that_does_nothing() -> None:
    expected = soft_k_means(enter=ContinuityConfig().enter)
    features, _ = toy_clip_features([[(0, 6)], [(2, 4)]])
    found = following(expected.image).from_features(features, generator=torch.Generator().manual_seed(0))
    wanted = expected.from_features(features, generator=torch.Generator().manual_seed(0))
    assert torch.equal(found.slots, wanted.slots)
    assert torch.equal(found.mask, wanted.mask)
    assert bool(found.mask.any(dim=1).sum() > found.mask[:, 0].sum())  # something came in


def test_weights_are_shared_and_modes_kept() -> None:
    image = soft_k_means().image.eval()
    model = following(image)
    assert model.image is image
    assert not model.training
    assert set(model.state_dict()) == {f"image.{name}" for name in image.state_dict()}


def test_a_model_that_cannot_go_on_is_refused() -> None:
    config = replace(soft_k_means().config.image, aggregation=AdaSlotConfig(slot_dim=8))
    assert isinstance(config, ImageModelConfig)
    with pytest.raises(SettingError, match="cannot go on after the first frame"):
        following(config.build())
