"""The recurrent model: the same frame by frame and at once, trained through time, and what it refuses."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from dias.backbones import Tokens
from dias.config import from_dict, to_dict
from dias.errors import DiasError, SettingError
from dias.models import ClipModel, ClipModelConfig, ClipOutput, ClipState, Cues, ImageModelConfig
from dias.nn.chance import Share
from dias.nn.decoders import RandomARConfig
from dias.nn.slots.adaslot import AdaSlotConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.continuity import ContinuityConfig
from dias.nn.slots.cues import BoxesConfig
from dias.nn.slots.queries import AnnealedConfig, NormalSharedConfig, PreheatedConfig
from dias.nn.slots.transitions import EncoderTransitionConfig, PairTransitionConfig, Past
from dias.objectives.distillation import matched_distillation
from toy_clip_features import toy_clip_features

SMALL = ClipModelConfig(
    image=ImageModelConfig(
        channels=8,
        positions=36,
        queries=NormalSharedConfig(slots=5),
        aggregation=AggregationConfig(slot_dim=8, threshold=0.2),
        decoder=RandomARConfig(layers=1, heads=2),
    ),
    transition=EncoderTransitionConfig(heads=2),
)
PAIR = replace(SMALL, transition=PairTransitionConfig(heads=2, window=4))
TOLD = replace(SMALL, cues=BoxesConfig())
KINDS = {"encoder": SMALL, "pair": PAIR, "told": TOLD}
CUES = Cues(
    places=torch.tensor([[[0.0, 0.0, 0.3, 0.3]] * 3, [[0.5, 0.5, 1.0, 1.0]] * 3]),
    there=torch.tensor([[True, True, True], [True, False, False]]),
)


def build(config: ClipModelConfig = SMALL, **aggregation: object) -> ClipModel:
    torch.manual_seed(0)
    changed = replace(config.image.aggregation, **aggregation)
    return replace(config, image=replace(config.image, aggregation=changed)).build().eval()


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def features(frames: int = 5, *, seed: int = 1, clips: int = 2) -> Tensor:
    return torch.randn(clips, frames, 36, 8, generator=seeded(seed))


def frames_of(clip: Tensor) -> list[Tokens]:
    return [Tokens(features=clip[:, at].contiguous(), grid=(1, 36)) for at in range(clip.shape[1])]


@torch.no_grad()
def test_the_share_of_training_that_is_done_reaches_the_queries() -> None:
    """Theirs have noise early in training and none later."""
    noisy = replace(SMALL, image=replace(SMALL.image, queries=AnnealedConfig(slots=5)))
    part, seen = build(noisy).train(), frames_of(features(1))[0]

    def slots(seed: int, progress: float) -> Tensor:
        _, found = part.step(
            None, seen, reduce=False, decode=False, generator=seeded(seed), progress=progress
        )
        return found.slots

    assert not torch.equal(slots(1, 0.0), slots(2, 0.0))
    assert torch.equal(slots(1, 1.0), slots(2, 1.0))


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_stream_is_the_batch_to_the_bit(kind: str) -> None:
    part, cues = build(KINDS[kind]), CUES if kind == "told" else None
    whole = part.from_features(features(), cues=cues, generator=seeded())
    stream = ClipOutput(frames=tuple(part.stream(frames_of(features()), cues=cues, generator=seeded())))
    assert len(stream.frames) == 5
    assert torch.equal(stream.slots, whole.slots)
    assert torch.equal(stream.mask, whole.mask)
    assert torch.equal(stream.attention, whole.attention)
    assert torch.equal(stream.error, whole.error)
    assert torch.equal(stream.decoder_attention, whole.decoder_attention)


@pytest.mark.parametrize("kind", ["encoder", "pair"])
def test_in_training_too_but_for_the_decoder(kind: str) -> None:
    part, state, chance = build(KINDS[kind]).train(), None, seeded()
    whole = part.from_features(features(), generator=seeded())
    for frame, expected in zip(frames_of(features()), whole.frames, strict=True):
        state, output = part.step(state, frame, decode=False, generator=chance)
        assert torch.equal(output.slots, expected.slots)
        assert torch.equal(output.attention[-1], expected.attention[-1])
        assert output.error is None
        assert expected.error is not None


@torch.no_grad()
def test_explained_at_once_is_explained_one_by_one() -> None:
    part = build(replace(SMALL, continuity=ContinuityConfig(arrivals=None)))  # as in training
    whole = part.from_features(features(), generator=seeded())
    part.train()
    part.image.decoder.eval()  # nothing of the tokens is hidden, so nothing is random
    part.transition.eval()
    found = part.from_features(features(), generator=seeded())
    torch.testing.assert_close(found.error, whole.error)
    for one, expected in zip(found.frames, whole.frames, strict=True):
        assert one.target is not None
        assert torch.equal(one.target.tokens, expected.target.tokens)
        torch.testing.assert_close(one.reconstruction, expected.reconstruction)
        torch.testing.assert_close(one.decoder_attention, expected.decoder_attention)


def test_each_frame_has_its_own_known_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    part, drawn = build().train(), []
    draw = part.image.decoder.draw_known

    def spied(*given: object, **options: object) -> Tensor:
        drawn.append(draw(*given, **options))
        return drawn[-1]

    monkeypatch.setattr(part.image.decoder, "draw_known", spied)
    part.from_features(features(), generator=seeded())
    (known,) = drawn
    assert known.shape == (2 * 5, 36)
    assert len(known.unique(dim=0)) > 5


def test_part_of_a_batch_draws_what_it_would_in_the_whole() -> None:
    part = build().train()
    torch.manual_seed(4)
    whole = part.from_features(features(), generator=Share(start=0, total=2))
    torch.manual_seed(4)
    last = part.from_features(features()[1:], generator=Share(start=1, total=2))
    torch.testing.assert_close(last.slots, whole.slots[1:])
    torch.testing.assert_close(last.error, whole.error[1:])


@pytest.mark.parametrize("kind", KINDS)
def test_maps_are_probabilities_over_the_slots_that_are_there(kind: str) -> None:
    out = build(KINDS[kind]).from_features(features(), generator=seeded())
    assert [len(frame.attention) for frame in out.frames] == [3, 2, 2, 2, 2]
    assert out.attention.shape == (2, 5, 5, 36)
    assert (out.mask.sum(dim=2) >= 2).all()
    assert not out.mask.all()
    for maps in (out.attention, out.decoder_attention):
        torch.testing.assert_close(maps.sum(dim=2), torch.ones(2, 5, 36))
        assert (maps[~out.mask] == 0).all()


@torch.no_grad()
def test_the_first_frame_is_the_image_models() -> None:
    part = build()
    out = part.from_features(features(), generator=seeded()).frames[0]
    image = part.image.from_features(features()[:, 0], generator=seeded())
    for name in ("slots", "mask", "error", "decoder_attention"):
        assert torch.equal(getattr(out, name), getattr(image, name))
    assert all(torch.equal(a, b) for a, b in zip(out.attention_logits, image.attention_logits, strict=True))


@torch.no_grad()
def test_slots_may_be_in_any_order() -> None:
    for config in (SMALL, PAIR):
        part, order = build(config), torch.tensor([2, 4, 0, 3, 1])
        first, *rest = frames_of(features())
        state, _ = part.step(None, first, generator=seeded())
        past = Past(
            slots=tuple(one[:, order] for one in state.past.slots),
            features=state.past.features,
            kept=state.past.kept[:, order],
        )
        moved = ClipState(
            past=past,
            queries=state.queries[:, order],
            waits=state.waits[:, order],
            ever=state.ever[:, order],
        )
        for frame in rest:
            state, expected = part.step(state, frame, generator=seeded())
            moved, found = part.step(moved, frame, generator=seeded())
            assert torch.equal(found.mask, expected.mask[:, order])
            torch.testing.assert_close(found.attention[-1], expected.attention[-1][:, order])
            torch.testing.assert_close(found.error, expected.error)


@torch.no_grad()
def test_a_stream_remembers_no_more_after_many_frames_than_after_two() -> None:
    part, state, sizes = build(PAIR), None, []
    for frame in frames_of(features(12)):
        state, _ = part.step(state, frame, generator=seeded())
        tensors = [*state.past.slots, *state.past.features, state.past.kept, state.queries]
        sizes.append(sum(one.numel() for one in tensors))
    assert sizes[1:] == [sizes[1]] * 11


@torch.no_grad()
def test_masked_slots_wait_with_their_query_and_the_others_move_on() -> None:
    part, (first, *rest) = build(), frames_of(features(8))
    state, output = part.step(None, first, generator=seeded())
    waited = 0
    for frame in rest:
        after, next_output = part.step(state, frame)
        same = (after.queries == state.queries).all(dim=2)
        assert torch.equal(same, state.waits)
        held = state.waits.all(dim=1, keepdim=True)  # a frame that showed nothing: all wait
        assert torch.equal(state.waits, ~output.mask | held)
        moved = part.transition(state.past, frame.features)
        assert torch.equal(after.queries[~state.waits], moved[~state.waits])
        assert torch.equal(after.past.slots[-1][after.waits], after.queries[after.waits])
        assert torch.equal(after.past.slots[-1][~after.waits], next_output.slots[~after.waits])
        waited += int((same & ~held).sum())
        state, output = after, next_output
    assert waited > 0


@torch.no_grad()
def test_clips_that_are_not_reduced_have_all_slots_in_all_frames() -> None:
    part = build()
    reduced = part.from_features(features(), generator=seeded())
    plain = part.from_features(features(), reduce=False, generator=seeded())
    assert plain.mask.all()
    mixed = part.from_features(features(), reduce=torch.tensor([True, False]), generator=seeded())
    assert mixed.mask[1].all()
    torch.testing.assert_close(mixed.attention[0], reduced.attention[0])
    assert not reduced.mask.all()
    assert build(reduction=False).from_features(features(), generator=seeded()).mask.all()


@torch.no_grad()
def test_without_reinitialization_the_maps_of_merged_slots_add_up() -> None:
    out = build(reinitialization=False).from_features(features(), generator=seeded())
    assert not out.mask[:, 1:].all()
    torch.testing.assert_close(out.attention.sum(dim=2), torch.ones(2, 5, 36))
    assert (out.attention[~out.mask] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bilevel", [False, True])
def test_gradients_reach_every_part(kind: str, bilevel: bool) -> None:
    part = build(KINDS[kind], bilevel=bilevel).train()
    out = part.from_features(features(), cues=CUES if kind == "told" else None, generator=seeded())
    first = out.frames[0]
    assert out.error is not None
    loss = out.error.mean() + matched_distillation(first.attention_logits[0], first.attention[-1], first.mask)
    loss.backward()
    for name, value in part.named_parameters():
        assert value.grad is not None, name
        assert value.grad.isfinite().all(), name
        assert value.grad.any(), name


def test_penalties_of_the_first_frame_are_reported() -> None:
    config = replace(SMALL, image=replace(SMALL.image, queries=PreheatedConfig(slots=5, heads=2)))
    out = build(config).train().from_features(features(), generator=seeded())
    assert [list(frame.penalties) for frame in out.frames] == [["preheat"], [], [], [], []]


def test_a_clip_is_fitted() -> None:
    clip, _ = toy_clip_features([[(0, 4)], [(1, 3)]], clips=1, frames=4)
    part = build(replace(SMALL, transition=EncoderTransitionConfig(heads=2, dropout=0)))

    def error() -> float:
        out = part.eval().from_features(clip, generator=seeded())
        return float(out.error.detach().mean())

    torch.manual_seed(1)
    optimizer, first = torch.optim.Adam(part.parameters(), lr=3e-3), error()
    part.train()
    for _ in range(60):
        optimizer.zero_grad()
        part.from_features(clip).error.mean().backward()
        nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        optimizer.step()
    assert error() < first / 8


def test_the_backbone_sees_all_frames_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    part, clips = build(), torch.randint(0, 255, (2, 3, 3, 6, 6), dtype=torch.uint8, generator=seeded())
    seen = []

    def see(images: Tensor) -> Tokens:
        seen.append(images)
        pixels = images.float().flatten(2).mT / 255
        return Tokens(features=pixels.repeat(1, 1, 3)[..., :8], grid=(6, 6), images=images)

    monkeypatch.setattr(part.image, "see", see)
    found, grid = part(clips, generator=seeded())
    assert [len(images) for images in seen] == [6]
    assert grid == (6, 6)
    one_by_one = part.stream((see(clips[:, at]) for at in range(3)), generator=seeded())
    for expected, output in zip(found.frames, one_by_one, strict=True):
        assert torch.equal(output.attention[-1], expected.attention[-1])


def test_another_threshold_is_the_same_weights() -> None:
    part = build()
    twin = part.with_threshold(0.0)
    assert twin.image.aggregation.competition is part.image.aggregation.competition
    assert twin.config.image.aggregation.threshold == 0
    assert part.config.image.aggregation.threshold == 0.2
    twin.from_features(features(), generator=seeded())


def test_settings_go_through_plain_values() -> None:
    for config in KINDS.values():
        assert from_dict(ClipModelConfig, to_dict(config)) == config


def test_what_does_not_fit_is_refused() -> None:
    part, told = build(), build(TOLD)
    frame = frames_of(features())[0]
    state, _ = told.step(None, frame, cues=CUES)
    with pytest.raises(DiasError, match=r"cues: this model was made without"):
        part.step(None, frame, cues=CUES)
    with pytest.raises(DiasError, match="cues: belong to the first frame"):
        told.step(state, frame, cues=CUES)
    with pytest.raises(DiasError, match="5 channels, the model was made for 8"):
        part.from_features(torch.zeros(1, 2, 36, 5))
    with pytest.raises(DiasError, match="4 tokens, the decoder knows 36"):
        part.from_features(torch.zeros(1, 2, 4, 8))
    with pytest.raises(DiasError, match="5 frames are no whole number of clips of 2"):
        part.from_tokens(Tokens(features=torch.zeros(5, 36, 8), grid=(6, 6)), frames=2)
    with pytest.raises(SettingError, match="cannot go on after the first frame"):
        replace(SMALL, image=replace(SMALL.image, aggregation=AdaSlotConfig())).build()
    with pytest.raises(SettingError, match="iterations: 1 leaves no round before the reduction"):
        replace(SMALL, continuity=ContinuityConfig(iterations=1)).build()


def test_told_queries_are_preheated_as_others_are() -> None:
    """What slots are told comes before the picture: SmoothSA's module looks at the picture from there."""
    config = replace(TOLD, image=replace(SMALL.image, queries=PreheatedConfig(slots=5, heads=2)))
    part = build(config).train()
    part.from_features(features(), cues=CUES, generator=seeded()).frames[0].penalties["preheat"].backward()
    for value in part.told.parameters():
        assert value.grad.any()
