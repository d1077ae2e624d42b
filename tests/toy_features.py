"""Features without a backbone: coloured rectangles on a ground, one colour an object, on a square grid."""

from math import isqrt

import torch
from torch import Tensor, nn

from dias.backbones import Tokens
from dias.models import ImageModel
from moving import every_weight_moves


def toy_features(
    images: int = 8, *, side: int = 6, channels: int = 12, objects: int = 2, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Features (images, side * side, channels), and the true label of each token (0: ground)."""
    chance = torch.Generator().manual_seed(seed)
    colours = torch.randn(images, objects + 1, channels, generator=chance)
    labels = torch.zeros(images, side, side, dtype=torch.int64)
    for image in range(images):
        for label in range(1, objects + 1):
            y, x = torch.randint(0, side - 2, (2,), generator=chance).tolist()
            labels[image, y : y + 3, x : x + 3] = label
    flat = labels.flatten(1)
    clean = colours.gather(1, flat[..., None].expand(-1, -1, channels))
    return clean + 0.05 * torch.randn(clean.shape, generator=chance), flat


def fit(model: ImageModel, features: Tensor, *, steps: int, lr: float = 3e-3) -> tuple[float, float]:
    """Train on these alone, selection always on; the reconstruction error before and after, in evaluation.

    Fails if training leaves a weight where it was.
    """
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    first = error(model, features)
    model.train()
    side = isqrt(features.shape[1])
    with every_weight_moves(model):
        for step in range(steps):
            output = model.from_tokens(Tokens(features=features, grid=(side, side)), progress=step / steps)
            assert output.error is not None
            loss = output.error.mean() + sum(output.penalties.values())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return first, error(model, features)


@torch.no_grad()
def error(model: ImageModel, features: Tensor) -> float:
    """Mean reconstruction error in evaluation, with queries of a fixed seed."""
    output = model.eval().from_features(features, generator=torch.Generator().manual_seed(0))
    assert output.error is not None
    return float(output.error.mean())
