"""The pre-norm layer, beside PyTorch's own; what it gives when some tokens ask alone, and its map."""

import pytest
import torch
from torch import Tensor, nn

from dias.nn.transformer import EncoderLayer


@pytest.fixture
def layer() -> EncoderLayer:
    torch.manual_seed(0)
    return EncoderLayer(16, heads=2, hidden=32, dropout=0.3).eval()


def some() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(2, 6, 16, generator=generator), torch.rand(2, 6, generator=generator) > 0.4


def test_it_is_pytorchs(layer: EncoderLayer) -> None:
    """The same weights in `nn.TransformerEncoderLayer`, whose attention has biases: of zero."""
    theirs = nn.TransformerEncoderLayer(
        16, 2, 32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    ).eval()
    with torch.no_grad():
        inner = layer.attention
        theirs.self_attn.in_proj_weight.copy_(
            torch.cat([inner.to_queries.weight, inner.to_keys_values.weight])
        )
        theirs.self_attn.in_proj_bias.zero_()
        theirs.self_attn.out_proj.weight.copy_(inner.out.weight)
        theirs.self_attn.out_proj.bias.zero_()
        theirs.linear1.load_state_dict(layer.mlp[0].state_dict())
        theirs.linear2.load_state_dict(layer.mlp[2].state_dict())
    x, kept = some()
    expected = theirs(x, src_key_padding_mask=~kept)
    torch.testing.assert_close(layer(x, kept), expected, atol=1e-5, rtol=1e-5)


def test_the_last_tokens_alone_say_what_they_would_among_all(layer: EncoderLayer) -> None:
    x, kept = some()
    torch.testing.assert_close(layer(x, kept, asking=2), layer(x, kept)[:, -2:])


def test_the_map_goes_with_the_same_answer(layer: EncoderLayer) -> None:
    x, kept = some()
    found, attention = layer.with_map(x, kept)
    torch.testing.assert_close(found, layer(x, kept))
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(2, 6))
    assert (attention[~kept] == 0).all()
