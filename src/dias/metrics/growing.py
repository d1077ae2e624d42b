"""Pixel counts of a whole clip, frame by frame: memory grows with the number of segments, not of frames."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int64, Integer, Shaped
from torch import Tensor

from dias.metrics.contingency import Contingency, check_maps, contingency_table

_WIDEST_SPAN = 256  # labels that span no more need no sorting
_LEAST = -(2**63)  # has no opposite


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameCounts:
    """Pixel counts of one frame, and which segments of the clip they belong to.

    Attributes:
        table: a batch of one; segments without a pixel have no row or column. A predicted segment may have
            pixels that are not valid only.
        rows: number of each predicted segment in the clip, from 0 in order of appearance.
        columns: likewise of each true segment.
    """

    table: Contingency
    rows: Int64[np.ndarray, " k"]
    columns: Int64[np.ndarray, " d"]


class GrowingContingency:
    """The contingency table of a clip, to which frames are added one by one.

    `total()` is what `contingency_table` counts in the clip with time flattened into pixels, so a segment
    that changes its number spreads over two rows. Only the table is kept, int64, with room for at most twice
    the predicted and twice the true segments. Frames may differ in size.
    """

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}
        self._columns: dict[int, int] = {}
        self._counts = np.zeros((8, 8), dtype=np.int64)
        self._invalid = np.zeros(8, dtype=np.int64)

    def add(
        self,
        pred: Integer[Tensor, "h w"],
        target: Integer[Tensor, "h w"],
        *,
        valid: Bool[Tensor, "h w"] | None = None,
    ) -> FrameCounts:
        """Count one more frame, on the labels' device; the table itself is on the CPU.

        Args:
            pred: segment of each pixel, any numbers; the same number in another frame is the same segment.
            target: likewise; 0 is the background.
            valid: pixels to look at; all if None.

        Raises:
            DiasError: the maps are not of one shape, or no integers.
        """
        frame, names, true_names = _counted(pred, target, valid)
        rows, columns = _numbers(names, self._rows), _numbers(true_names, self._columns)
        self._counts = grown(self._counts, (len(self._rows), len(self._columns)))
        self._invalid = grown(self._invalid, (len(self._rows),))
        self._counts[np.ix_(rows, columns)] += frame.counts[0].numpy()
        self._invalid[rows] += frame.invalid[0].numpy()
        return FrameCounts(table=frame, rows=rows, columns=columns)

    def total(self) -> Contingency:
        """All frames so far as one image, a batch of one; segments in the order of their labels."""
        order = np.array([self._rows[name] for name in sorted(self._rows)], dtype=np.int64)
        names = sorted(self._columns)
        true_order = np.array([self._columns[name] for name in names], dtype=np.int64)
        return Contingency(
            counts=torch.from_numpy(self._counts[np.ix_(order, true_order)])[None],
            invalid=torch.from_numpy(self._invalid[order])[None],
            background=torch.tensor([name == 0 for name in names], dtype=torch.bool)[None],
        )


def grown(values: Shaped[np.ndarray, "*any"], shape: tuple[int, ...]) -> Shaped[np.ndarray, "*larger"]:
    """The same values with room for at least `shape`, zeros beside them; twice what is needed, so seldom."""
    axes = list(zip(shape, values.shape, strict=True))
    if all(need <= have for need, have in axes):
        return values
    room = [2 * need if need > have else have for need, have in axes]
    larger = np.zeros(room, dtype=values.dtype)
    larger[tuple(slice(have) for have in values.shape)] = values
    return larger


def _counted(
    pred: Integer[Tensor, "h w"], target: Integer[Tensor, "h w"], valid: Bool[Tensor, "h w"] | None
) -> tuple[Contingency, Int64[np.ndarray, " k"], Int64[np.ndarray, " d"]]:
    """One frame's table without empty rows and columns, on the CPU, and the labels of both."""
    check_maps(pred, target, valid=valid)
    if pred.numel() == 0:
        none = np.zeros(0, dtype=np.int64)
        line = torch.zeros(1, 0, dtype=torch.int64)
        return Contingency(counts=line.view(1, 0, 0), invalid=line, background=line.bool()), none, none
    (rows, names), (columns, true_names) = _indexed(pred), _indexed(target)
    table = contingency_table(rows[None], columns[None], valid=None if valid is None else valid[None])
    counts, invalid = table.counts[0].cpu(), table.invalid[0].cpu()
    there, truly = counts.sum(dim=1) + invalid > 0, counts.sum(dim=0) > 0
    names, true_names = names[there], true_names[truly]
    shown = Contingency(
        counts=counts[there][:, truly][None], invalid=invalid[there][None], background=(true_names == 0)[None]
    )
    return shown, names.numpy(), true_names.numpy()


def _indexed(labels: Integer[Tensor, "h w"]) -> tuple[Int64[Tensor, "h w"], Int64[Tensor, " k"]]:
    """Numbers from 0, and the label of each number."""
    low, high = (int(extreme) for extreme in labels.aminmax())
    if high - low < _WIDEST_SPAN and low != _LEAST:
        return labels.long() - low, torch.arange(high - low + 1) + low
    names, index = torch.unique(labels.long(), return_inverse=True)
    return index, names.cpu()


def _numbers(names: Int64[np.ndarray, " k"], known: dict[int, int]) -> Int64[np.ndarray, " k"]:
    """Number of each label in the clip; new labels are added."""
    return np.array([known.setdefault(int(name), len(known)) for name in names], dtype=np.int64)
