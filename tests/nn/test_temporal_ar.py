"""The temporal decoder: which frames it puts together, its definition in float64, and what it hides."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dias.errors import SettingError
from dias.models import ClipModelConfig, ImageModelConfig
from dias.nn.chance import Share
from dias.nn.decoders import Target, TemporalARConfig, TemporalARDecoder
from dias.nn.decoders.masked import draw_known
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.transitions import EncoderTransitionConfig
from toy_clip_features import toy_clip_features

FRAMES = 4


def build(**settings: object) -> TemporalARDecoder:
    torch.manual_seed(0)
    config = TemporalARConfig(**{"layers": 2, "heads": 2, "reach": 2, **settings})  # type: ignore[arg-type]
    return config.build(slot_dim=8, token_dim=8, positions=20).double()


def given() -> tuple[Tensor, Tensor, Target]:
    """Two clips of four frames; the second slot of the first clip is there in the first two frames alone."""
    chance = torch.Generator().manual_seed(1)
    slots = torch.randn(2 * FRAMES, 3, 8, generator=chance, dtype=torch.float64)
    kept = torch.ones(2 * FRAMES, 3).bool()
    kept[2:4, 1] = False
    tokens = torch.randn(2 * FRAMES, 20, 8, generator=chance, dtype=torch.float64)
    return slots, kept, Target(tokens=tokens, frames=FRAMES)


def drawn(part: TemporalARDecoder, kept: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    known = draw_known(len(kept), 20, share=0.1, device=torch.device("cpu"), generator=chance)
    return known, part.draw_ago(kept, frames=FRAMES, generator=chance)


@torch.no_grad()
def test_first_channels_are_of_the_frame_and_last_ones_of_the_frame_that_is_explained() -> None:
    part, (slots, kept, target) = build().train(), given()
    out = part(slots, kept, target, generator=torch.Generator().manual_seed(7))
    known, ago = drawn(part, kept, seed=7)
    assert set(ago.tolist()) == {0, 1, 2}
    for row in range(2 * FRAMES):
        other = row - int(ago[row])
        slot = torch.stack([torch.cat([slots[row, n, :6], slots[other, n, 6:]]) for n in range(3)])
        both = [n for n in range(3) if kept[row, n] and kept[other, n]]
        tokens = []
        for place in range(20):
            if known[row, place]:
                own = part.token_in(target.tokens[row, place])
                token = torch.cat([own[:6], part.token_in(target.tokens[other, place])[6:]])
            else:
                token = part.mask_token[0, 0]
            tokens.append(token + part.positions[0, place])
        time = part.ago.weight[ago[row]]
        x = part.norm_in(torch.stack([time, *tokens]))[None]
        memory = torch.cat([time[None], part.slot_in(slot[both])])[None]
        for layer in part.layers:
            x = layer(x, memory, torch.ones(1, len(both) + 1).bool())
        torch.testing.assert_close(out.reconstruction[row], x[0, 1:])
        error = (x[0, 1:] - target.tokens[other]).square().mean()
        torch.testing.assert_close(out.error[row], error.float())


def test_frames_are_drawn_evenly_from_the_clip_and_no_further_back_than_the_reach() -> None:
    part = build()
    ago = part.draw_ago(torch.ones(4000 * FRAMES, 3).bool(), frames=FRAMES).reshape(-1, FRAMES)
    for at in range(FRAMES):
        found = ago[:, at].bincount(minlength=3) / 4000
        expected = torch.tensor([1 / (min(at, 2) + 1) if back <= min(at, 2) else 0.0 for back in range(3)])
        torch.testing.assert_close(found, expected, atol=0.03, rtol=0)


def test_frames_without_a_common_slot_are_not_put_together() -> None:
    kept = torch.tensor([[True, False], [False, True]]).repeat(500, 1)
    assert (build().draw_ago(kept, frames=2) == 0).all()


@torch.no_grad()
def test_a_slot_that_is_not_kept_in_both_has_no_influence() -> None:
    part, (slots, kept, target) = build(), given()
    changed = torch.where(kept[..., None], slots, 9.0)
    for mode in (True, False):
        part.train(mode)
        pair = [
            part(one, kept, target, generator=torch.Generator().manual_seed(3)).error
            for one in (slots, changed)
        ]
        assert torch.equal(*pair)


@torch.no_grad()
def test_in_evaluation_each_frame_is_explained_by_itself() -> None:
    part, (slots, kept, target) = build().eval(), given()
    whole = part(slots, kept, target)
    assert whole.attention is not None
    torch.testing.assert_close(whole.attention.sum(dim=1), torch.ones(8, 20, dtype=torch.float64))
    assert (whole.attention[~kept] == 0).all()
    for row in range(8):
        one = part(slots[row, None], kept[row, None], Target(tokens=target.tokens[row, None]))
        torch.testing.assert_close(one.reconstruction[0], whole.reconstruction[row])
        torch.testing.assert_close(one.attention[0], whole.attention[row])


def test_a_part_of_a_batch_draws_what_it_would_in_the_whole() -> None:
    part, (slots, kept, target) = build().train(), given()
    torch.manual_seed(5)
    whole = part(slots, kept, target)
    torch.manual_seed(5)
    last = Target(tokens=target.tokens[FRAMES:], frames=FRAMES)
    found = part(slots[FRAMES:], kept[FRAMES:], last, generator=Share(start=FRAMES, total=2 * FRAMES))
    torch.testing.assert_close(found.reconstruction, whole.reconstruction[FRAMES:])


def test_a_clip_is_fitted_and_every_weight_learns() -> None:
    """The whole model, by the training path of clips: the decoder is given all frames at once."""
    clip, _ = toy_clip_features([[(0, 4)], [(1, 3)]], clips=1, frames=4)
    config = ClipModelConfig(
        image=ImageModelConfig(
            channels=8,
            positions=36,
            aggregation=AggregationConfig(slot_dim=8),
            decoder=TemporalARConfig(layers=1, heads=2),
        ),
        transition=EncoderTransitionConfig(heads=2, dropout=0),
    )
    torch.manual_seed(0)
    part = config.build()
    asked = []
    draw = part.image.decoder.draw_ago
    part.image.decoder.draw_ago = lambda kept, **how: asked.append(how["frames"]) or draw(kept, **how)  # type: ignore[func-returns-value]

    def error() -> float:
        found = part.eval().from_features(clip, reduce=False, generator=torch.Generator().manual_seed(0))
        return float(found.error.detach().mean())

    first = error()
    optimizer = torch.optim.Adam(part.parameters(), lr=3e-3)
    part.train()
    for _ in range(40):
        optimizer.zero_grad()
        part.from_features(clip, reduce=False).error.mean().backward()
        optimizer.step()
    assert set(asked) == {4}
    for name, value in part.image.decoder.named_parameters():
        assert value.grad is not None, name
        assert value.grad.any(), name
    assert error() < first / 4


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SettingError, match=r"model\.decoder\.dynamic: 0\.02 leaves one kind of"):
        build(dynamic=0.02)
    with pytest.raises(SettingError, match=r"model\.decoder\.heads: 3 must divide"):
        replace(TemporalARConfig(), heads=3).build(slot_dim=8, token_dim=8, positions=20)
