"""Labelled images as evaluation sees them: the centre square at the protocol's sizes, in batches."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from dias.data.centre import EvaluationBatch, evaluation_batches
from dias.data.samples import ImageSource, Skipped, Unlabelled
from dias.errors import DiasError, SampleError
from dias.evaluation.protocol import EvaluationConfig

_READERS = 2  # threads that read ahead


@dataclass(frozen=True, kw_only=True)
class SeenImages:
    """A batch.

    Attributes:
        indices: places in the data set.
        classes: the masks with all objects of one class as one segment; None when classes are not known.
        valid: pixels that are labelled; None when all are.
        segments: number of segments in each valid ground truth, background included where it is seen.
    """

    indices: tuple[int, ...]
    images: UInt8[Tensor, "b 3 y x"]
    masks: Int64[Tensor, "b h w"]
    classes: Int64[Tensor, "b h w"] | None
    valid: Bool[Tensor, "b h w"] | None
    segments: Int64[Tensor, " b"]


def require_masks(source: ImageSource, *, do: str = "use `dias segment` on it") -> None:
    """See that there is something to measure, before anything is loaded: as the set says, or its first image.

    Args:
        source: what is to be measured.
        do: what to do if there is nothing, where the data set does not say.

    Raises:
        DiasError: there are no masks.
    """
    why = source.without_masks() if isinstance(source, Unlabelled) else None
    if why is not None:
        raise DiasError(why)
    with suppress(SampleError):  # whether an image may be unreadable is settled when it is its turn
        if len(source) and source[0].mask is None:
            raise DiasError(f"{source.name(0)}: has no masks, so it cannot be measured; {do}")


class Reader:
    """Reads a data set once; remembers which images there were, what was in them, which were left out."""

    def __init__(self, source: ImageSource, *, config: EvaluationConfig) -> None:
        self.source = source
        self.config = config
        self.batches = -(-len(source) // config.batch)
        self.names: list[str] = []
        self.segments: list[int] = []
        self.objects: list[int] = []
        self.skipped: list[str] = []
        self._places = {source.name(index): index for index in range(len(source))}

    def __iter__(self) -> Iterator[SeenImages]:
        """Give batch after batch.

        Raises:
            DiasError: an image has no mask, or none could be read.
            SampleError: an image cannot be read and the settings say stop.
        """
        config, skipped = self.config, list[Skipped]()
        batches = evaluation_batches(
            self.source,
            size=config.rules.view or config.rules.size,
            batch=config.batch,
            mask_size=config.rules.size,
            skipped=skipped if config.bad_images == "skip" else None,
            workers=_READERS,
        )
        for batch in batches:
            yield self._seen(batch)
        self.skipped = [f"{one.name}: {one.reason}" for one in skipped]
        if not self.names:
            raise DiasError(
                f"evaluation: none of the {len(self.source)} images could be read; check the data folder"
            )

    def _seen(self, batch: EvaluationBatch) -> SeenImages:
        indices = tuple(self._places[name] for name in batch.names)
        if batch.masks is None:
            bare = next(index for index in indices if self.source[index].mask is None)
            raise DiasError(
                f"{self.source.name(bare)}: has no masks, so it cannot be measured; use `dias segment` on it"
            )
        valid = None if batch.ignore is None else ~batch.ignore
        shown = [mask if valid is None else mask[valid[place]] for place, mask in enumerate(batch.masks)]
        labels = [torch.unique(one) for one in shown]
        self.names += batch.names
        self.segments += [len(found) for found in labels]
        self.objects += [int((found > 0).sum()) for found in labels]
        return SeenImages(
            indices=indices,
            images=batch.images,
            masks=batch.masks,
            classes=_by_class(batch, batch.masks),
            valid=valid,
            segments=torch.tensor([len(found) for found in labels]),
        )


def _by_class(batch: EvaluationBatch, masks: Int64[Tensor, "b h w"]) -> Int64[Tensor, "b h w"] | None:
    """Class masks, as SegmentationClass is to SegmentationObject; classes counted from 1 in each image."""
    merged = []
    for name, mask, classes in zip(batch.names, masks, batch.classes, strict=True):
        if classes is None:
            return None
        last = int(mask.max())
        if last > len(classes):
            raise DiasError(
                f"{name}: its mask has object {last}, but {len(classes)} objects have a class; give each one"
            )
        number = np.unique(classes, return_inverse=True)[1] + 1
        merged.append(torch.from_numpy(np.concatenate([[0], number]))[mask])
    return torch.stack(merged)
