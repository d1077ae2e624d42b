"""A small feed-forward part that several modules share, and how it starts."""

from torch import nn


def mlp(dim: int, *, hidden: int, out: int | None = None) -> nn.Sequential:
    """Linear, GELU, Linear."""
    return nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, out or dim))


def zero_biases(module: nn.Module) -> None:
    """Start every linear layer's bias at zero, as the authors' code does."""
    for part in module.modules():
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
        if isinstance(part, nn.GRUCell):
            nn.init.zeros_(part.bias_ih)
            nn.init.zeros_(part.bias_hh)
