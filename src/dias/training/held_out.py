"""Held-out pictures: each process reads and keeps its share, and hears what the others found."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
import torch.distributed as processes
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from dias.backbones import Tokens
from dias.data.centre import EvaluationBatch, evaluation_batches
from dias.data.part import Part
from dias.data.samples import ImageSource, Skipped
from dias.errors import DiasError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """One batch of held-out pictures, with the features that never change.

    Attributes:
        number: of the batch among those of all processes.
        valid: pixels that are labelled; None when all are.
        unfinished: as in `Tokens`.
    """

    number: int
    images: UInt8[Tensor, "b 3 h w"]
    features: Float[Tensor, "b m c"]
    grid: tuple[int, int]
    masks: Int64[Tensor, "b h w"] | None
    valid: Bool[Tensor, "b h w"] | None
    unfinished: Float[Tensor, "b p c"] | None = None

    def tokens(self, device: torch.device) -> Tokens:
        """As a model sees it, on its device."""
        unfinished = None if self.unfinished is None else self.unfinished.to(device).float()
        return Tokens(
            features=self.features.to(device).float(),
            grid=self.grid,
            images=self.images.to(device),
            unfinished=unfinished,
        )


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which of how many processes this is."""

    rank: int = 0
    world: int = 1


def look_at(
    source: ImageSource,
    see: Callable[[Tensor], Tokens],
    *,
    size: int,
    batch: int,
    device: torch.device,
    together: Sequence[Sequence[int]] | None = None,
    skip_bad: bool = False,
    place: Place | None = None,
    ended: Callable[[], bool] = lambda: False,
) -> tuple[list[HeldOut], list[Skipped]]:
    """Read this process's share of the pictures once and keep their features (fp16) in memory.

    A share is whole batches, the same ones however many processes there are: so is every number that comes of
    them. All processes must call it; a fault of one is raised in all, which else would wait for it for ever.

    Args:
        source: the pictures, the same in every process.
        see: gives the features of pictures: a backbone, or a model's `see`.
        size: side of the centre square, pixels.
        batch: pictures at once.
        device: where it computes.
        together: places of the pictures of each batch that is kept, such as the frames of each clip; `batch`
            pictures in a row if None.
        skip_bad: leave out pictures that cannot be read; if not, stop at the first.
        place: of this process; alone if None.
        ended: asked before each batch; what is left is not read once it says yes, since it is not wanted.

    Returns:
        This process's batches, which may be none; and the pictures that any process left out.

    Raises:
        SampleError: a picture cannot be read and `skip_bad` is False.
        DiasError: none can be read; or another process failed.
    """
    found, skipped, failure = list[HeldOut](), list[Skipped](), None
    try:
        groups = together or [
            range(start, min(start + batch, len(source))) for start in range(0, len(source), batch)
        ]
        for number, part in _share(source, groups, place=place or Place()):
            if ended():
                break
            batches = evaluation_batches(part, size=size, batch=batch, skipped=skipped if skip_bad else None)
            parts = [_with_features(seen, see, number=number, device=device) for seen in batches]
            found += [_joined(parts)] if parts else []
    except Exception as error:  # of whatever kind: the others must hear of it
        failure = error
    told = everyones((len(found), skipped, None if failure is None else str(failure), ended()))
    if failure is not None:
        raise failure
    left_out = [file for _, files, _, _ in told for file in files]
    for _, _, problem, _ in told:
        if problem is not None:
            raise DiasError(problem)
    if not any(count or over for count, _, _, over in told):
        first = f" (the first: {left_out[0].name}, {left_out[0].reason})" if left_out else ""
        raise DiasError(f"data.validation: no picture can be read{first}")
    return found, left_out


def everyones(value: T) -> list[T]:
    """What each process has, in the order of their ranks; every process must call it."""
    if not (processes.is_available() and processes.is_initialized()):
        return [value]
    found: list[Any] = [None] * processes.get_world_size()
    processes.all_gather_object(found, value)
    return found


def _share(
    source: ImageSource, groups: Sequence[Sequence[int]], *, place: Place
) -> Iterator[tuple[int, Part]]:
    """Every `world`-th group of places in the data set, and its number."""
    for number in range(place.rank, len(groups), place.world):
        yield number, Part(source, groups[number])


def _joined(parts: Sequence[HeldOut]) -> HeldOut:
    """One batch of several, of the same pictures' kind."""
    if len(parts) == 1:
        return parts[0]

    def joined(values: Sequence[Tensor | None]) -> Tensor | None:
        there = [value for value in values if value is not None]
        return torch.cat(there) if there else None

    valid = [part.valid for part in parts]
    if any(one is not None for one in valid):
        valid = [
            torch.ones(len(part.images), *part.images.shape[-2:], dtype=torch.bool) if one is None else one
            for part, one in zip(parts, valid, strict=True)
        ]
    return replace(
        parts[0],
        images=torch.cat([part.images for part in parts]),
        features=torch.cat([part.features for part in parts]),
        masks=joined([part.masks for part in parts]),
        valid=joined(valid),
        unfinished=joined([part.unfinished for part in parts]),
    )


def _with_features(
    seen: EvaluationBatch, see: Callable[[Tensor], Tokens], *, number: int, device: torch.device
) -> HeldOut:
    tokens = see(seen.images.to(device))
    return HeldOut(
        number=number,
        images=seen.images,
        features=tokens.features.half().cpu(),
        unfinished=None if tokens.unfinished is None else tokens.unfinished.half().cpu(),
        grid=tokens.grid,
        masks=seen.masks,
        valid=None if seen.ignore is None else ~seen.ignore,
    )
