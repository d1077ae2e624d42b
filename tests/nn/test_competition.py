import hypothesis.strategies as st
import torch
from hypothesis import given, settings
from torch import nn

from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.competition import Competition, straight_through


def reference(
    part: Competition, slots: torch.Tensor, tokens: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Locatello et al. 2020, Algorithm 1, image by image, with the 1e-5 of the method."""
    tokens = part.norm_tokens(tokens)
    keys, values = part.key(tokens), part.value(tokens)
    new_slots, maps = [], []
    for s, k, v in zip(slots, keys, values, strict=True):
        q = part.query(part.norm_slots(s))
        attention = torch.softmax(q @ k.T / s.shape[-1] ** 0.5, dim=0)
        weights = attention / (attention.sum(dim=1, keepdim=True) + 1e-5)
        hidden = part.gru(weights @ v, s)
        new_slots.append(hidden + part.mlp(part.norm_update(hidden)))
        maps.append(attention)
    return torch.stack(new_slots), torch.stack(maps)


def test_one_round_is_the_algorithm_of_the_paper() -> None:
    torch.manual_seed(0)
    part = Competition(slot_dim=8, token_dim=6)
    slots, tokens = torch.randn(3, 4, 8), torch.randn(3, 10, 6)
    new_slots, logits = part(slots, *part.keys_values(tokens))
    expected_slots, expected_maps = reference(part, slots, tokens)
    torch.testing.assert_close(new_slots, expected_slots)
    torch.testing.assert_close(logits.softmax(dim=1), expected_maps)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 9), data=st.data())
def test_order_of_slots_does_not_matter_and_masked_slots_take_nothing(
    seed: int, n: int, data: st.DataObject
) -> None:
    torch.manual_seed(seed)
    order, kept = list(data.draw(st.permutations(range(n)))), torch.rand(2, n) > 0.3
    kept[:, 0] = True  # somebody competes
    part, slots, tokens = Competition(slot_dim=8, token_dim=6), torch.randn(2, n, 8), torch.randn(2, 5, 6)
    keys, values = part.keys_values(tokens)
    updates, logits = part(slots, keys, values, kept)
    shuffled, _ = part(slots[:, order], keys, values, kept[:, order])
    torch.testing.assert_close(shuffled, updates[:, order])
    attention = logits.softmax(dim=1)
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(2, 5))  # every token is given out whole
    assert (attention[~kept] == 0).all()  # a merged slot takes nothing


def test_masked_slots_change_nothing_for_the_others() -> None:
    torch.manual_seed(1)
    part, slots, tokens = Competition(slot_dim=8, token_dim=6), torch.randn(1, 4, 8), torch.randn(1, 7, 6)
    keys, values = part.keys_values(tokens)
    kept = torch.tensor([[True, False, True, True]])
    masked, _ = part(slots, keys, values, kept)
    absent, _ = part(slots[:, [0, 2, 3]], keys, values)
    torch.testing.assert_close(masked[:, [0, 2, 3]], absent)


def test_biases_start_at_zero() -> None:
    part = Competition(slot_dim=8, token_dim=6)
    assert all((m.bias == 0).all() for m in part.modules() if isinstance(m, nn.Linear) and m.bias is not None)


def test_straight_through_has_the_slots_value_and_the_queries_gradient() -> None:
    slots, queries = torch.randn(2, 3, 4, requires_grad=True), torch.randn(2, 3, 4, requires_grad=True)
    seen = straight_through(slots, queries)
    assert torch.equal(seen, slots)
    weights = torch.randn(2, 3, 4)
    to_slots, to_queries = torch.autograd.grad((seen * weights).sum(), [slots, queries], allow_unused=True)
    assert to_slots is None
    assert torch.equal(to_queries, weights)


def test_bo_qsa_gives_the_queries_the_gradient_of_the_last_round() -> None:
    """Jia et al. 2023: as if the slots of the round before were the queries; in float64."""
    torch.manual_seed(2)
    config = AggregationConfig(slot_dim=8, bilevel=True, reduction=False, reinitialization=False)
    model = config.build(token_dim=6).double()
    tokens, queries = torch.randn(2, 7, 6).double(), torch.randn(2, 4, 8, requires_grad=True).double()
    weights = torch.randn(2, 4, 8).double()
    (gradient,) = torch.autograd.grad((model(tokens, queries).slots * weights).sum(), queries)
    keys, values = model.competition.keys_values(tokens)
    slots = queries.detach()
    for _ in range(2):
        slots, _ = model.competition(slots, keys, values)
    slots = slots.detach().requires_grad_()
    last, _ = model.competition(slots, keys, values)
    (expected,) = torch.autograd.grad((last * weights).sum(), slots)
    torch.testing.assert_close(gradient, expected, atol=1e-6, rtol=1e-5)
