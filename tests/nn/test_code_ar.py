import math

import pytest
import torch
from torch import Tensor, nn

from dias.errors import DiasError, SettingError
from dias.nn.decoders import CodeARConfig, CodeARDecoder, Target

CODES, PLACES, CHANNELS = 5, 7, 8


def decoder(**settings: object) -> CodeARDecoder:
    torch.manual_seed(0)
    config = CodeARConfig(**{"layers": 2, "heads": 2, **settings})  # type: ignore[arg-type]
    part = config.build(slot_dim=6, token_dim=CHANNELS, positions=PLACES, codes=CODES)
    for weight in part.parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=0.5)  # large, so that choices differ from place to place
    return part


def book(dtype: torch.dtype = torch.float32) -> nn.Embedding:
    torch.manual_seed(1)
    return nn.Embedding(CODES, CHANNELS, dtype=dtype)


def inputs(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Target]:
    generator = torch.Generator().manual_seed(2)
    slots = torch.randn(3, 4, 6, generator=generator, dtype=dtype)
    kept = torch.tensor([[True, True, False, True], [True, True, True, True], [True, False, True, True]])
    codes = torch.randint(CODES, (3, PLACES), generator=generator)
    return slots, kept, Target(tokens=book(dtype)(codes).detach(), codes=codes)


def test_logits_are_computed_from_the_codes_before() -> None:
    part = decoder().double()
    slots, kept, target = inputs(torch.float64)
    body = part.transformer
    assert body.places is not None
    x = body.token_in(torch.cat([body.begin.expand(3, 1, -1), target.tokens[:, :-1]], dim=1)) + body.places
    for layer in body.layers:
        x = layer(x, body.slot_in(slots), kept, causal=True)
    torch.testing.assert_close(part(slots, kept, target).reconstruction, x @ part.out.weight.T)


@pytest.mark.parametrize("place", [0, 3, 6])
def test_a_code_changes_only_later_logits(place: int) -> None:
    part = decoder()
    slots, kept, target = inputs()
    changed = target.tokens.clone()
    changed[:, place] += 1
    before = part(slots, kept, target).reconstruction
    after = part(slots, kept, Target(tokens=changed, codes=target.codes)).reconstruction
    torch.testing.assert_close(before[:, : place + 1], after[:, : place + 1])
    assert (before[:, place + 1 :] != after[:, place + 1 :]).any(dim=2).all()


def test_the_error_is_the_cross_entropy_of_the_true_codes() -> None:
    part = decoder().double()
    slots, kept, target = inputs(torch.float64)
    assert target.codes is not None
    with torch.no_grad():
        out = part(slots, kept, target)
    for b in range(3):
        nats = 0.0
        for place in range(PLACES):
            logits = out.reconstruction[b, place].tolist()
            chosen = logits[int(target.codes[b, place])]
            nats += math.log(sum(math.exp(logit) for logit in logits)) - chosen
        assert float(out.error[b]) == pytest.approx(nats / PLACES, rel=1e-6)


def test_generated_codes_are_what_teacher_forcing_finds_most_probable() -> None:
    """Greedy: given its own output, the most probable code at every place is that output."""
    part, codebook = decoder(layers=3), book()
    slots, kept, _ = inputs()
    with torch.no_grad():
        codes = part.generate(slots, kept, codebook)
        assert codes.shape == (3, PLACES)
        assert len(codes.unique(dim=0)) == 3  # the slots have a say
        assert codes.unique(dim=1).shape[1] > 1  # and so have places
        forced = part(slots, kept, Target(tokens=codebook(codes), codes=codes)).reconstruction
    assert torch.equal(forced.argmax(dim=-1), codes)


def test_a_step_of_generation_computes_what_the_whole_pass_does() -> None:
    part, codebook = decoder().double(), book(torch.float64)
    slots, kept, _ = inputs(torch.float64)
    codes = part.generate(slots, kept, codebook)
    hidden, _ = part.transformer(codebook(codes), slots, kept)
    generation, token = part.transformer.generation(slots, kept), None
    for place in range(PLACES):
        torch.testing.assert_close(generation.next(token), hidden[:, place])
        token = codebook(codes[:, place])


@pytest.mark.parametrize("training", [True, False])
def test_masked_slots_have_no_influence(training: bool) -> None:
    part, codebook = decoder().train(training), book()
    slots, kept, target = inputs()
    changed = torch.where(kept[..., None], slots, slots + 100)
    first, second = part(slots, kept, target), part(changed, kept, target)
    torch.testing.assert_close(first.reconstruction, second.reconstruction)
    assert torch.equal(part.generate(slots, kept, codebook), part.generate(changed, kept, codebook))


@pytest.mark.parametrize("training", [True, False])
def test_masks_are_left_to_the_aggregation(training: bool) -> None:
    assert decoder().train(training)(*inputs()).attention is None


def test_without_codes_there_is_nothing_to_predict() -> None:
    with pytest.raises(SettingError, match=r"model\.decoder\.kind: 'code_ar' predicts codes: set"):
        CodeARConfig().build(slot_dim=6, token_dim=8, positions=PLACES)
    slots, kept, target = inputs()
    with pytest.raises(DiasError, match="the target has none"):
        decoder()(slots, kept, Target(tokens=target.tokens))
