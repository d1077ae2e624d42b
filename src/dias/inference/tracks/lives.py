"""Which slot lives when, in a memory that does not grow: of a long clip, several frames are one column."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64

_MOST = 960  # columns


class Lives:
    """Counts frames and areas of slots. When all columns are full, each two become one.

    Args:
        slots: how many there are.
    """

    def __init__(self, slots: int) -> None:
        self.frames = 0
        self._wide = 1  # frames a column
        self._kept = np.zeros((slots, _MOST))
        self._area = np.zeros((slots, _MOST))
        self._begins = np.zeros(_MOST)
        self._first = np.full(slots, np.nan)
        self._last = np.full(slots, np.nan)
        self._times = (0.0, 0.0)  # of the first frame, and of the last

    def add(self, kept: Bool[np.ndarray, " n"], areas: Int64[np.ndarray, " n"], *, time: float) -> None:
        """Add a frame: slots that are there, pixels of each, and when it is."""
        column = self.frames // self._wide
        if column == _MOST:
            self._halve()
            column //= 2
        if self.frames % self._wide == 0:
            self._begins[column] = time
        share = areas / max(int(areas.sum()), 1)
        self._kept[:, column] += kept
        self._area[:, column] += share
        self._first = np.where(kept & np.isnan(self._first), time, self._first)
        self._last = np.where(kept, time, self._last)
        self._times = (time if self.frames == 0 else self._times[0], time)
        self.frames += 1

    def columns(self) -> tuple[Float[np.ndarray, "n c"], Float[np.ndarray, "n c"], list[float]]:
        """Of each column: share of its frames in which a slot is there, its mean area then, and times.

        Times are those at which columns begin, and that at which the last ends.
        """
        used = -(-self.frames // self._wide)
        counts = np.full(used, self._wide)
        counts[-1] = self.frames - (used - 1) * self._wide
        kept = self._kept[:, :used]
        area = self._area[:, :used] / np.maximum(kept, 1)
        first, last = self._times
        step = (last - first) / max(self.frames - 1, 1)
        return kept / counts, area, [*self._begins[:used].tolist(), last + step]

    def summary(self) -> list[dict[str, Any]]:
        """Of each slot that was ever there: number, frames, first and last time, mean area while there."""
        frames, area = self._kept.sum(axis=1), self._area.sum(axis=1)
        return [
            {
                "slot": slot,
                "frames": int(frames[slot]),
                "first": float(self._first[slot]),
                "last": float(self._last[slot]),
                "mean_area": float(area[slot] / frames[slot]),
            }
            for slot in np.flatnonzero(frames).tolist()
        ]

    def _halve(self) -> None:
        for values in (self._kept, self._area):
            values[:, : _MOST // 2] = values[:, ::2] + values[:, 1::2]
            values[:, _MOST // 2 :] = 0
        self._begins[: _MOST // 2] = self._begins[::2]
        self._wide *= 2
