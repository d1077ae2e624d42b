"""Clips of label maps: rectangles that move, and tracks of them with every kind of fault."""

import numpy as np
from jaxtyping import Bool, Int64


def moving_rectangles(
    rng: np.random.Generator, *, frames: int, objects: int, height: int = 48, width: int = 64
) -> Int64[np.ndarray, "t h w"]:
    """Object 1, 2, ... where it is seen, 0 elsewhere; objects enter, leave and cover one another."""
    clip = np.zeros((frames, height, width), dtype=np.int64)
    for number in range(1, objects + 1):
        size = rng.integers(8, 20, 2)
        place, speed = rng.uniform(-5, (height, width)), rng.uniform(-3, 3, 2)
        first, last = sorted(rng.integers(0, frames + 1, 2)) if rng.random() < 0.4 else (0, frames)
        for time in range(first, last):
            y0, x0 = (place + time * speed).astype(int)
            y1, x1 = y0 + size[0], x0 + size[1]
            clip[time, max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = number
    return clip


def faulty_tracks(
    rng: np.random.Generator, truth: Int64[np.ndarray, "t h w"], *, faults: int
) -> Int64[np.ndarray, "t h w"]:
    """Predicted segments: the truth under other numbers, shifted, with swaps, misses, splits and merges."""
    names = rng.permutation(int(truth.max()) + 1) + 3
    clip = names[np.roll(truth, tuple(rng.integers(-2, 3, 2)), axis=(1, 2))]
    for _ in range(faults):
        start, one, other = rng.integers(len(clip)), rng.choice(names), rng.choice(names)
        rest, kind = clip[start:], rng.integers(4)
        if kind == 0:  # two tracks exchange their objects
            clip[start:] = np.where(rest == one, other, np.where(rest == other, one, rest))
        elif kind == 1:  # one takes over the other
            clip[start:][rest == one] = other
        elif kind == 2:  # half of a track becomes a new one
            rest[:, :, : clip.shape[2] // 2][rest[:, :, : clip.shape[2] // 2] == one] = clip.max() + 1
        else:  # nothing is found in a frame
            clip[start] = names[0]
    return clip


def some_clips(count: int = 12) -> list[tuple[Int64[np.ndarray, "t h w"], Int64[np.ndarray, "t h w"]]]:
    """Pairs of prediction and truth, from perfect to poor."""
    clips = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        truth = moving_rectangles(rng, frames=int(rng.integers(4, 16)), objects=int(rng.integers(1, 6)))
        clips.append((faulty_tracks(rng, truth, faults=seed), truth))
    return clips


def some_ignored(rng: np.random.Generator, shape: tuple[int, ...]) -> Bool[np.ndarray, "*shape"]:
    """A tenth of the pixels, and a corner."""
    ignored = rng.random(shape) < 0.1
    ignored[..., :10, :10] = True
    return ignored
