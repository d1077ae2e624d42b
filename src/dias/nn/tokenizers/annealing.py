"""What changes while a tokenizer trains, and the noise that is annealed."""

import math

import torch
from torch import Tensor

from dias.nn.chance import Chance, uniform


def cosine_between(start: float, end: float, *, progress: float, until: float = 1.0) -> float:
    """From `start` at progress 0 to `end` at progress `until` (0 to 1) along half a cosine, then `end`."""
    share = 1.0 if progress >= until else max(progress, 0.0) / until
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))


def gumbel(*shape: int, chance: Chance, device: torch.device) -> Tensor:
    """Standard Gumbel float32 noise; the first axis of `shape` is the batch.

    The largest of logits + noise is a draw from their softmax (Gumbel 1954; Jang et al. 2017).
    """
    drawn = uniform(*shape, chance=chance, device=device).clamp(min=torch.finfo(torch.float32).tiny)
    return -(-drawn.log()).log()
