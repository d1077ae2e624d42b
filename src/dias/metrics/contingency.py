"""How many pixels each predicted segment shares with each true one: all that the metrics need to know."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int64, Integer
from torch import Tensor

from dias.errors import DiasError

# Labels that span no more than this are columns as they are; others are numbered anew, image by image.
_WIDEST_SPAN = 256


@dataclass(frozen=True, kw_only=True)
class Contingency:
    """Pixel counts of a batch of label maps.

    Attributes:
        counts: valid pixels that predicted segment k and true segment d share; rows and columns of zeros
            belong to labels that are not there.
        invalid: pixels of predicted segment k that are not valid.
        background: the column of the target's label 0, if there is one.
    """

    counts: Int64[Tensor, "b k d"]
    invalid: Int64[Tensor, "b k"]
    background: Bool[Tensor, "b d"]


@torch.no_grad()
def contingency_table(
    pred: Integer[Tensor, "b *pixels"],
    target: Integer[Tensor, "b *pixels"],
    *,
    valid: Bool[Tensor, "b *pixels"] | None = None,
) -> Contingency:
    """Count, on the labels' device, in int64: no sum of squares overflows below 3e9 pixels an image.

    Args:
        pred: segment of each pixel, any numbers.
        target: likewise; 0 is the background.
        valid: pixels to look at; all if None.

    Raises:
        DiasError: the maps are not of one shape, or no integers.
    """
    check_maps(pred, target, valid=valid)
    images = len(pred)
    if pred.numel() == 0:
        counts = torch.zeros(images, 1, 1, dtype=torch.int64, device=pred.device)
        background = torch.zeros_like(counts[:, 0], dtype=torch.bool)
        return Contingency(counts=counts, invalid=counts[:, :, 0], background=background)
    rows, row_is_zero = _numbered(pred.reshape(images, -1).long())
    columns, background = _numbered(target.reshape(images, -1).long())
    k, d = row_is_zero.shape[1], background.shape[1]
    width = d
    if valid is not None:  # one more column takes the rest, which is cheaper than picking pixels
        columns, width = columns.masked_fill(~valid.reshape(images, -1), d), d + 1
    cells = torch.add(columns, rows, alpha=width)
    cells += torch.arange(0, images * k * width, k * width, device=pred.device)[:, None]
    counts = torch.bincount(cells.flatten(), minlength=images * k * width).view(images, k, width)
    return Contingency(counts=counts[:, :, :d], invalid=counts[:, :, d:].sum(dim=2), background=background)


def check_maps(
    pred: Integer[Tensor, "*pixels"],
    target: Integer[Tensor, "*pixels"],
    *,
    valid: Bool[Tensor, "*pixels"] | None,
) -> None:
    """See that label maps can be compared.

    Raises:
        DiasError: they are not of one shape, or no integers.
    """
    for name, labels in (("prediction", pred), ("target", target)):
        if not isinstance(labels, Tensor) or labels.is_floating_point():
            kind = getattr(labels, "dtype", "")
            raise DiasError(
                f"metrics: the {name} is {type(labels).__name__} {kind}; give a tensor of integer labels"
            )
    for name, other in (("target", target), ("valid", valid)):
        if other is not None and other.shape != pred.shape:
            raise DiasError(
                f"metrics: the prediction has shape {tuple(pred.shape)}, {name} has {tuple(other.shape)}; "
                "resize the prediction to the ground truth"
            )


def _numbered(labels: Int64[Tensor, "b p"]) -> tuple[Int64[Tensor, "b p"], Bool[Tensor, "b k"]]:
    """Number labels from 0; and say which of the k numbers stands for label 0."""
    low, high = (int(extreme) for extreme in labels.aminmax())
    if high - low >= _WIDEST_SPAN or low == -(2**63):  # which has no opposite
        return _ranks(labels)
    zero = torch.arange(high - low + 1, device=labels.device) == -low
    return labels - low if low else labels, zero.expand(len(labels), -1)


def _ranks(labels: Int64[Tensor, "b p"]) -> tuple[Int64[Tensor, "b p"], Bool[Tensor, "b k"]]:
    """The same by sorting each image's labels, for wild ones such as colours or tracking numbers."""
    ordered, place = labels.sort(dim=1)
    rank = F.pad(ordered[:, 1:] != ordered[:, :-1], (1, 0)).cumsum(dim=1)
    rank_of_zero = rank.masked_fill(ordered != 0, -1).amax(dim=1, keepdim=True)
    zero = torch.arange(int(rank[:, -1].max()) + 1, device=labels.device) == rank_of_zero
    return torch.empty_like(rank).scatter_(1, place, rank), zero
