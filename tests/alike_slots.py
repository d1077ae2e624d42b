"""Slots as a model gives them: some repeat others."""

import torch


def slots_of(seed: int, *, n: int, d: int = 6, images: int = 8) -> torch.Tensor:
    """In float64; about half repeat another one, with noise."""
    generator = torch.Generator().manual_seed(seed)
    parents = torch.randn(images, n, d, generator=generator, dtype=torch.float64)
    chosen = torch.randint(n, (images, n, 1), generator=generator).expand(-1, -1, d)
    return parents.gather(1, chosen) + 0.2 * torch.randn(images, n, d, generator=generator)
