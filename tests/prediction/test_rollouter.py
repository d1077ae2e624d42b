"""Predicting slots: shapes, what is looked at, order of slots, and learning how things move."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from dias.errors import DiasError, SettingError
from dias.nn.decoders import RandomARConfig
from dias.prediction import (
    FitConfig,
    Rollouter,
    RollouterConfig,
    SlotWindows,
    fit,
    last_stays,
    straight_on,
    windows_of,
)
from dias.prediction.fit import window_loss
from dias.prediction.rollouter import sines
from dias.slots import ClipSlots

SMALL = RollouterConfig(burn_in=3, width=16, layers=2, heads=2, hidden=32)


def made(config: RollouterConfig = SMALL, *, dim: int = 5, seed: int = 0) -> Rollouter:
    """With weights in its last layer too, or all it says would be the last frame."""
    torch.manual_seed(seed)
    model = config.build(slot_dim=dim).eval()
    nn.init.normal_(model.slot_out.weight, std=0.3)
    return model


def some(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("time", [3, 7])
def test_shapes_and_only_the_last_frames_are_looked_at(time: int, residual: bool) -> None:
    model, slots = made(replace(SMALL, residual=residual)), some(2, time, 4, 5)
    found = model.rollout(slots, steps=6)
    assert found.shape == (2, 6, 4, 5)
    assert torch.equal(found, model.rollout(slots[:, -3:], steps=6))
    changed = slots.clone()
    changed[:, -3] += 1
    assert not torch.allclose(found[:, 0], model.rollout(changed, steps=1)[:, 0])


def test_the_window_slides_over_what_was_predicted() -> None:
    """By hand: each frame is asked of the three before it."""
    model, frames = made(), list(some(1, 3, 4, 5).unbind(1))
    kept = torch.ones(1, 3, 4, dtype=torch.bool)
    for _ in range(5):
        frames.append(model(torch.stack(frames[-3:], dim=1), kept))
    found = model.rollout(torch.stack(frames[:3], dim=1), kept, steps=5)
    torch.testing.assert_close(found, torch.stack(frames[3:], dim=1))


def test_slots_have_no_position_and_frames_have_one() -> None:
    model, slots = made(), some(2, 3, 4, 5)
    kept = torch.ones(2, 3, 4, dtype=torch.bool)
    kept[0, 1, 2] = kept[1, :, 0] = False
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(
        model.rollout(slots[:, :, order], kept[:, :, order], steps=4),
        model.rollout(slots, kept, steps=4)[:, :, order],
        atol=1e-5,
        rtol=1e-5,
    )
    turned = torch.cat([slots[:, :2].flip(1), slots[:, 2:]], dim=1)
    assert not torch.allclose(model.rollout(turned, steps=1), model.rollout(slots, steps=1), atol=1e-4)


def test_slots_that_are_not_kept_are_not_looked_at() -> None:
    """Whatever they hold; all steps on, those of the last frame; and a frame with none is no NaN."""
    model, slots = made(), some(2, 3, 4, 5)
    kept = torch.ones(2, 3, 4, dtype=torch.bool)
    kept[:, 0, 1] = kept[:, :, 3] = False
    other = slots.clone()
    other[:, 0, 1] = other[:, :, 3] = 100.0
    found = model.rollout(slots, kept, steps=4)
    torch.testing.assert_close(found, model.rollout(other, kept, steps=4))
    torch.testing.assert_close(
        found[:, :, :3], model.rollout(slots[:, :, :3], kept[:, :, :3], steps=4), atol=1e-5, rtol=1e-5
    )
    assert not found[:, :, 3].any()
    assert not model.rollout(slots, torch.zeros_like(kept), steps=2).any()


def test_sines_are_those_of_the_transformer() -> None:
    angle = 3 / 10_000 ** (4 / 16)
    assert sines(5, 16)[3, 4:6].tolist() == pytest.approx([np.sin(angle), np.cos(angle)], abs=1e-6)


def test_a_residual_rollouter_begins_as_what_is_stays() -> None:
    model, slots = SMALL.build(slot_dim=5).eval(), some(2, 3, 4, 5)
    kept = torch.ones(2, 3, 4, dtype=torch.bool)
    torch.testing.assert_close(model.rollout(slots, steps=4), last_stays(slots, kept, steps=4))


def test_what_cannot_be_is_told() -> None:
    model = made()
    with pytest.raises(DiasError, match="2 frames, fewer than the burn-in of 3"):
        model.rollout(some(1, 2, 4, 5), steps=1)
    with pytest.raises(DiasError, match="slots of 6, the predictor knows 5"):
        model.rollout(some(1, 3, 4, 6), steps=1)
    with pytest.raises(DiasError, match="at least one"):
        model.rollout(some(1, 3, 4, 5), steps=0)
    with pytest.raises(SettingError, match="must divide the width"):
        replace(SMALL, heads=3).build(slot_dim=5)


def test_a_straight_line_goes_straight_on() -> None:
    """Exact on linear motion, with frames missing; by hand on three points; a slot seen once stays."""
    start, slope = some(2, 1, 3, 4), some(2, 1, 3, 4, seed=2)
    line = start + slope * torch.arange(10.0)[None, :, None, None]
    kept = torch.ones(2, 6, 3, dtype=torch.bool)
    kept[0, [1, 3], 2] = False
    torch.testing.assert_close(straight_on(line[:, :6], kept, steps=4), line[:, 6:], atol=1e-4, rtol=1e-4)
    bent = torch.tensor([0.0, 0.0, 3.0])[None, :, None, None]  # slope 1.5, from 3 on
    every = torch.ones(1, 3, 1, dtype=torch.bool)
    assert straight_on(bent, every, steps=2).flatten().tolist() == [4.5, 6.0]
    once = torch.tensor([[[False], [False], [True]]])
    assert straight_on(bent, once, steps=2).flatten().tolist() == [3.0, 3.0]


def moving(count: int, *, frames: int, seed: int) -> torch.Tensor:
    """Three slots that go round, each at its own angle; (count, frames, 3, 4)."""
    generator = torch.Generator().manual_seed(seed)
    phase = 6.28 * torch.rand(count, 1, 3, 1, generator=generator)
    angle = phase + 0.35 * torch.arange(frames)[None, :, None, None]
    name = torch.eye(3)[None, None, :, :2].expand(count, frames, -1, -1)
    return torch.cat([angle.sin(), angle.cos(), name], dim=-1)


@pytest.mark.parametrize("residual", [True, False])
def test_motion_is_learned(residual: bool) -> None:
    """On new circles, beyond the frames of training, it is far better than the floors."""
    slots, kept = moving(96, frames=6, seed=0), torch.ones(96, 6, 3, dtype=torch.bool)
    windows = SlotWindows(slots=slots, kept=kept, clips=96, left_out=0)
    config = RollouterConfig(burn_in=3, width=32, layers=1, heads=2, hidden=64, residual=residual)
    losses = list[float]()
    how = FitConfig(steps=120, batch=32, lr=6e-3, predicted=3, shift=0, seed=0)
    model = fit(windows, config, how, on_step=losses.append)
    assert np.mean(losses[-20:]) < 0.02 * losses[0]
    new = moving(16, frames=13, seed=1)
    seen, there = new[:, :3], torch.ones(16, 3, 3, dtype=torch.bool)
    errors = [
        float((way(seen, there, steps=10) - new[:, 3:]).square().mean().detach())
        for way in (model.rollout, last_stays, straight_on)
    ]
    assert errors[0] < 0.1 * min(errors[1:])


def test_training_is_its_seeds_and_leaves_the_global_state() -> None:
    windows = SlotWindows(
        slots=moving(8, frames=5, seed=0), kept=torch.rand(8, 5, 3) > 0.2, clips=8, left_out=0
    )
    how = FitConfig(steps=3, batch=4, predicted=2)
    torch.manual_seed(5)
    one = fit(windows, SMALL, how).state_dict()
    after = torch.rand(1)
    torch.manual_seed(6)
    two = fit(windows, SMALL, how).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))


def test_the_loss_by_hand() -> None:
    """Two predicted frames; of two slots one goes before the second, one comes after burn-in."""
    model = RollouterConfig(burn_in=1, width=8, layers=1, heads=1, hidden=8).build(slot_dim=2)  # stays
    slots = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]], [[2.0, 1.0], [9.0, 9.0]], [[7.0, 7.0], [9.0, 9.0]]]])
    kept = torch.tensor([[[True, False], [True, True], [False, True]]])
    loss = window_loss(model, slots, kept, FitConfig(predicted=2, shift=0))
    assert float(loss.detach()) == pytest.approx(0.5)  # (1 + 0) / 2 of slot 0 in the first frame alone


def test_features_count_where_they_have_a_weight() -> None:
    torch.manual_seed(0)
    decoder = RandomARConfig(layers=1, heads=1, width=8).build(slot_dim=5, token_dim=4, positions=9)
    model, slots = made(), some(2, 5, 4, 5)
    kept = torch.ones(2, 5, 4, dtype=torch.bool)
    how = FitConfig(predicted=2, features_weight=2.0, features_frames=2, shift=0)
    plain = window_loss(model, slots, kept, replace(how, features_weight=0.0))
    both = window_loss(model, slots, kept, how, decoder=decoder)
    found = model.rollout(slots[:, :3], steps=2)
    ours, true = (
        decoder.alone(each.flatten(0, 1), torch.ones(4, 4, dtype=torch.bool)).tokens
        for each in (found, slots[:, 3:])
    )
    torch.testing.assert_close(both - plain, 2 * (ours - true).square().mean())
    windows = SlotWindows(slots=slots, kept=kept, clips=2, left_out=0)
    with pytest.raises(DiasError, match="needs the decoder"):
        fit(windows, SMALL, how)
    with pytest.raises(DiasError, match="windows of 5 frames, the burn-in of 3 and 4 predicted"):
        fit(windows, SMALL, replace(how, features_weight=0.0, predicted=4))


def clip(frames: list[int]) -> ClipSlots:
    """A slot whose numbers are its frame's place."""
    places = np.array(frames)
    slots = np.repeat(places[:, None, None], 2, axis=2).astype(np.float32)
    return ClipSlots(name="c", clip=0, slots=slots, kept=np.ones((len(frames), 1), bool), frames=places)


def test_windows_have_their_stride_and_no_gap() -> None:
    clips = [clip([0, 1, 2, 3, 5, 6]), clip([0, 1])]
    found = windows_of(clips, frames=3, stride=1)
    assert found.slots[..., 0, 0].tolist() == [[0, 1, 2], [1, 2, 3]]
    assert (found.clips, found.left_out) == (2, 1)
    assert windows_of(clips, frames=3, stride=2).slots[..., 0, 0].tolist() == [[1, 3, 5]]
    with pytest.raises(DiasError, match="none of 2 clips has 7 frames, 1 apart"):
        windows_of(clips, frames=7, stride=1)
