"""Choosing weights by clips that are not trained on; noise on what is seen; weight decay."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dias.errors import DiasError
from dias.prediction import FitConfig, RollouterConfig, SlotWindows, fit, held_out_clips, last_stays
from dias.prediction.fit import window_loss
from dias.slots import ClipSlots

SMALL = RollouterConfig(burn_in=2, width=8, layers=1, heads=2, hidden=8)
HOW = FitConfig(steps=12, batch=4, lr=1e-2, predicted=2, check_every=4, shift=0, seed=3)


def windows(count: int, *, seed: int, turned: bool = False) -> SlotWindows:
    """Two slots that go up, or down."""
    start = torch.randn(count, 1, 2, 3, generator=torch.Generator().manual_seed(seed))
    ahead = torch.arange(4.0)[None, :, None, None] * (-0.5 if turned else 0.5)
    return SlotWindows(
        slots=start + ahead, kept=torch.ones(count, 4, 2, dtype=torch.bool), clips=count, left_out=0
    )


def test_the_weights_that_predict_other_clips_best_are_given() -> None:
    """Each look is at the weights of that step; the least error wins, and is what the model then has."""
    trained, others = windows(16, seed=0), windows(8, seed=1)
    checks = dict[int, float]()
    model = fit(trained, SMALL, HOW, held_out=others, on_check=checks.__setitem__)
    assert list(checks) == [0, 4, 8, 12]
    found = float(window_loss(model, others.slots, others.kept, HOW).detach())
    assert found == pytest.approx(min(checks.values()), rel=1e-5)
    assert found < 0.5 * checks[0]


def test_what_only_does_harm_is_not_learned() -> None:
    """Others go the other way: a residual rollouter stays what it was, the last frame that stays."""
    trained, others = windows(16, seed=0), windows(8, seed=1, turned=True)
    model = fit(trained, SMALL, HOW, held_out=others)
    seen = others.slots[:, :2], others.kept[:, :2]
    torch.testing.assert_close(model.rollout(*seen, steps=3), last_stays(*seen, steps=3))
    moved = fit(trained, SMALL, HOW).rollout(*seen, steps=3)
    assert not torch.allclose(moved, last_stays(*seen, steps=3), atol=0.05)


def test_looking_changes_no_weight_and_no_random_number() -> None:
    """With the last look the best, the weights are those of a training that looks at nothing."""
    config = replace(SMALL, dropout=0.3)
    how = replace(HOW, steps=4, noise=0.1, weight_decay=0.1)
    checks = dict[int, float]()
    trained = windows(16, seed=0)
    one = fit(trained, config, how, held_out=trained, on_check=checks.__setitem__)
    assert min(checks, key=checks.__getitem__) == how.steps
    two = fit(trained, config, how)
    assert all(torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items())


def test_noise_is_on_what_is_seen_in_training_alone() -> None:
    """An untrained rollouter says its last frame: the error is the noise's variance, in the slots' units."""
    data = windows(512, seed=0)
    still = SlotWindows(slots=data.slots[:, :1].expand(-1, 4, -1, -1), kept=data.kept, clips=512, left_out=0)
    model = SMALL.build(slot_dim=3)
    model.spread.copy_(torch.tensor([1.0, 2.0, 3.0]))
    how = replace(HOW, noise=0.5)
    torch.manual_seed(0)
    told = float(window_loss(model.train(), still.slots, still.kept, how).detach())
    assert told == pytest.approx(0.25 * (1 + 4 + 9) / 3, rel=0.1)
    assert float(window_loss(model.eval(), still.slots, still.kept, how).detach()) == 0.0


def test_a_shift_moves_a_slot_in_all_frames_alike() -> None:
    """What stays, still stays; what the predictor sees is another thing each time."""
    data = windows(4, seed=0)
    still = data.slots[:, :1].expand(-1, 4, -1, -1)
    model = SMALL.build(slot_dim=3).train()
    seen = list[torch.Tensor]()
    model.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    assert float(window_loss(model, still, data.kept, replace(HOW, shift=2.0)).detach()) == pytest.approx(0)
    moved = seen[0] - still[:, :2]
    assert torch.allclose(moved[:, 0], moved[:, 1], atol=1e-5)
    assert moved.std() > 1
    assert moved[:, 0].flatten(0, 1).unique(dim=0).shape[0] == 8  # each slot of each window its own


def test_weight_decay_makes_weights_smaller() -> None:
    """Of the first layer's: the last one's start at zero."""
    plain, decayed = (
        fit(windows(16, seed=0), SMALL, replace(HOW, weight_decay=decay)) for decay in (0.0, 5.0)
    )
    assert decayed.slot_in.weight.square().mean() < 0.8 * plain.slot_in.weight.square().mean()


def clip(number: int) -> ClipSlots:
    return ClipSlots(
        name=str(number),
        clip=number,
        slots=np.zeros((4, 1, 2), dtype=np.float32),
        kept=np.ones((4, 1), dtype=np.bool_),
        frames=np.arange(4),
    )


def test_whole_clips_are_held_out_always_the_same_ones() -> None:
    clips = [clip(number) for number in range(10)]
    trained, others = held_out_clips(clips, share=0.2)
    assert sorted(one.clip for one in (*trained, *others)) == list(range(10))
    assert len(others) == 2
    assert [one.clip for one in held_out_clips(clips, share=0.2)[1]] == [one.clip for one in others]
    assert held_out_clips(clips, share=0.0) == (clips, [])
    assert len(held_out_clips(clips, share=0.01)[1]) == 1
    with pytest.raises(DiasError, match="1 clips are too few to hold 1 out"):
        held_out_clips(clips[:1], share=0.2)


def test_held_out_windows_need_a_frame_to_predict() -> None:
    short = windows(2, seed=0)
    short = replace(short, slots=short.slots[:, :2], kept=short.kept[:, :2])
    with pytest.raises(DiasError, match="windows of 2 frames are held out; after the burn-in of 2"):
        fit(windows(4, seed=0), SMALL, HOW, held_out=short)
