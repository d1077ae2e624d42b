"""What changes while a tokenizer trains."""

import math


def cosine_between(start: float, end: float, *, progress: float, until: float = 1.0) -> float:
    """From `start` at progress 0 to `end` at progress `until` (0 to 1) along half a cosine, then `end`."""
    share = 1.0 if progress >= until else max(progress, 0.0) / until
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))
