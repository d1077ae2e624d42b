"""Two small feed-forward parts that several modules share."""

from torch import nn


def mlp(dim: int, *, hidden: int, out: int | None = None) -> nn.Sequential:
    """Linear, GELU, Linear."""
    return nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, out or dim))


def token_projection(channels: int) -> nn.Sequential:
    """What stands between frozen features and slot attention: LayerNorm, Linear, GELU, Linear (method, 1)."""
    projection = nn.Sequential(nn.LayerNorm(channels), *mlp(channels, hidden=channels))
    zero_biases(projection)
    return projection


def zero_biases(module: nn.Module) -> None:
    """Start every linear layer's bias at zero, as the authors' code does."""
    for part in module.modules():
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
        if isinstance(part, nn.GRUCell):
            nn.init.zeros_(part.bias_ih)
            nn.init.zeros_(part.bias_hh)
