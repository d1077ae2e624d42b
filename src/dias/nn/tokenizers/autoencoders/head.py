"""Where an encoder ends, so that what it gives has a known scale from the start."""

from torch import nn


def head(width: int, *, out: int, spread: float) -> nn.Sequential:
    """GroupNorm and a 1 x 1 convolution whose outputs have standard deviation `spread` at the start."""
    last = nn.Conv2d(width, out, 1)
    nn.init.normal_(last.weight, std=spread * width**-0.5)
    assert last.bias is not None
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.GroupNorm(1, width), last)
