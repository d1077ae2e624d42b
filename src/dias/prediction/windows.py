"""Windows of slots to train on: runs of frames out of clips of any length."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from dias.errors import DiasError
from dias.slots.clips import ClipSlots


@dataclass(frozen=True, kw_only=True)
class SlotWindows:
    """Windows of one length.

    Attributes:
        slots: zeros where `kept` is False.
        kept: which are there.
        clips: how many clips there are.
        left_out: of them are shorter than a window.
    """

    slots: Float[Tensor, "windows time slots dim"]
    kept: Bool[Tensor, "windows time slots"]
    clips: int
    left_out: int

    def __len__(self) -> int:
        return len(self.slots)


def held_out_clips(clips: Sequence[ClipSlots], *, share: float) -> tuple[list[ClipSlots], list[ClipSlots]]:
    """Clips to train on, and some to choose the weights by: whole ones, a fixed random choice.

    Args:
        clips: all.
        share: of them that is held out, 0 to 1; one at least if it is above 0.

    Raises:
        DiasError: none would be left to train on.
    """
    count = max(round(share * len(clips)), 1) if share else 0
    if count >= len(clips):
        raise DiasError(
            f"prediction: {len(clips)} clips are too few to hold {count} out; give more clips, or hold fewer "
            "out (0: none)"
        )
    chosen = set(np.random.default_rng(0).permutation(len(clips))[:count].tolist())
    return (
        [clip for place, clip in enumerate(clips) if place not in chosen],
        [clip for place, clip in enumerate(clips) if place in chosen],
    )


def windows_of(clips: Iterable[ClipSlots], *, frames: int, stride: int) -> SlotWindows:
    """Every window of `frames` frames, `stride` apart, that no missing frame interrupts.

    Args:
        clips: as `dias.slots.clips_of` gives them.
        frames: of a window.
        stride: from frame to frame, in the clip's own frames.

    Raises:
        DiasError: no clip is long enough.
    """
    slots, kept, lengths, left_out = list[Tensor](), list[Tensor](), list[int](), 0
    for clip in clips:
        places = _windows(clip.frames, frames=frames, stride=stride)
        lengths.append(len(clip))
        left_out += not len(places)
        slots.append(torch.from_numpy(clip.slots[places]))
        kept.append(torch.from_numpy(clip.kept[places]))
    if left_out == len(lengths):
        raise DiasError(
            f"prediction: none of {len(lengths)} clips has {frames} frames, {stride} apart (the longest has "
            f"{max(lengths, default=0)}): ask for fewer frames, or a smaller stride"
        )
    return SlotWindows(slots=torch.cat(slots), kept=torch.cat(kept), clips=len(lengths), left_out=left_out)


def _windows(numbers: Sequence[int] | np.ndarray, *, frames: int, stride: int) -> Int64[np.ndarray, "w t"]:
    """Rows of each window's frames."""
    row = {int(number): place for place, number in enumerate(numbers)}
    wanted = [[int(start) + stride * step for step in range(frames)] for start in numbers]
    found = [[row[number] for number in each] for each in wanted if all(number in row for number in each)]
    return np.array(found, dtype=np.int64).reshape(-1, frames)
