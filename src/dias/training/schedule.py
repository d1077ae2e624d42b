"""Learning rate over training: linear warm-up, then half a cosine (method, section 6)."""

import math


def learning_rate_share(step: int, *, steps: int, warmup: float, floor: float) -> float:
    """Learning rate at `step` as a share of its peak (0 to 1).

    Args:
        step: number of optimizer steps already made.
        steps: of the whole run.
        warmup: share of the steps in which the rate rises linearly.
        floor: share of the peak at the end.
    """
    rising = max(round(warmup * steps), 1)
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(steps - rising, 1)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
