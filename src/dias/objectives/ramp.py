"""Weights that change over training."""

import math


def cosine_ramp(progress: float) -> float:
    """From 0 at the start (progress 0) to 1 at the end (progress 1), along half a cosine."""
    return 0.5 * (1 - math.cos(math.pi * min(max(progress, 0.0), 1.0)))
