"""A model of images follows things through a clip."""

from dataclasses import replace

import pytest
import torch

from dias.backbones import Tokens
from dias.errors import SettingError
from dias.models import ImageModelConfig, following
from dias.models.clip_frames import explained_at_once
from dias.nn.slots.adaslot import AdaSlotConfig
from dias.nn.slots.aggregation import AggregationConfig
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


@torch.no_grad()
def test_a_counted_slot_weighs_in_later_frames_too_what_it_stands_for() -> None:
    """By hand, as of the first frame; slots of what has left settle on the ground, and are counted there."""
    image = soft_k_means(counted=True).image
    features, _ = toy_clip_features([[(0, 6)], [(0, 3)]], clips=1)
    found = following(image).from_features(features, generator=torch.Generator().manual_seed(0))
    counts = {2: [2, 0, 1, 1, 0], 5: [4, 0, 1, 0, 0]}  # two began at the ground; the last found nothing
    for frame, wanted in counts.items():
        output = found.frames[frame]
        kept, stand_in = output.mask[0], output.stand_in
        assert stand_in is not None
        there = stand_in[0][kept[stand_in[0]]]
        assert torch.bincount(there, minlength=5).tolist() == wanted
        painted = image.decoder.mlp(output.slots[:, kept, None] + image.decoder.positions)
        weights = (painted[..., -1] + torch.tensor(wanted)[kept].log()[:, None]).softmax(dim=1)
        assert output.decoder_attention is not None
        torch.testing.assert_close(output.decoder_attention[:, kept], weights)
        assert (output.decoder_attention[:, ~kept] == 0).all()


@torch.no_grad()
def test_frames_explained_at_once_count_as_one_by_one() -> None:
    model = following(soft_k_means(counted=True).image)
    features, _ = toy_clip_features([[(0, 6)], [(0, 3)]])
    alone = model.from_features(features, generator=torch.Generator().manual_seed(0)).frames
    seen = Tokens(features=features.flatten(0, 1), grid=(1, features.shape[2]))
    for one, other in zip(alone, explained_at_once(model.image, list(alone), seen), strict=True):
        torch.testing.assert_close(one.decoder_attention, other.decoder_attention)


@torch.no_grad()
def test_clips_are_followed_by_the_distance_of_training() -> None:
    """Whatever threshold a model of pictures has outside training; one that is asked for then is taken."""
    features, _ = toy_clip_features([[(0, 6)], [(2, 4)]])
    image, other = soft_k_means().image, soft_k_means().image
    of_training = image.config.aggregation
    assert isinstance(of_training, AggregationConfig)
    other.config = replace(other.config, aggregation=replace(of_training, in_use=2.0))
    other.aggregation.config = other.config.aggregation  # type: ignore[assignment]
    wanted, found = following(image.eval()), following(other.eval())
    assert found.config == wanted.config
    masks = [
        model.from_features(features, generator=torch.Generator().manual_seed(0)).mask
        for model in (wanted, found)
    ]
    assert torch.equal(*masks)
    assert found.with_threshold(2.0).config.image.aggregation == replace(of_training, threshold=2.0)


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
