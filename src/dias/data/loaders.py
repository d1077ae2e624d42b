"""Batches for training (and, from `centre`, evaluation) in an order that follows from the settings alone.

Nothing here draws from a global random state: the order follows from (seed, step), what is seen of a picture
from (seed, view number, picture); frames of a clip share their views. So a resumed run gets the same batches
with no saved state, and the number of worker processes changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float16, Int, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dias.data.centre import EvaluationBatch, evaluation_batches
from dias.data.frames import scene_of
from dias.data.order import Key, TrainingOrder
from dias.data.samples import ImageSample, ImageSource, Skipped, picture_of
from dias.data.showing import show
from dias.data.transforms import numbered_view
from dias.data.workers import heed_the_main_process_alone, read_ahead
from dias.errors import DiasError, LoadingError, SampleError

__all__ = [
    "Batch",
    "CachedViews",
    "EvaluationBatch",
    "Skipped",
    "TrainingOrder",
    "ViewedImages",
    "evaluation_batches",
    "training_loader",
]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Pictures (0 to 255), or the backbone's features of them, or both.

    Attributes:
        indices: place of each in the data set; of clips, of each window.
        boxes: of clips, what is told of each one's first frame: x0, y0, x1, y1 in shares of it, rows of zeros
            for objects that are not seen; the pictures are then all frames of the first clip, of the second,
            and so on.
        flow: of clips, motion of each pixel of the pictures to the next frame, in their pixels.
    """

    images: UInt8[Tensor, "b 3 h w"] | None
    features: Float[Tensor, "b m c"] | None
    indices: Int[Tensor, " n"]
    boxes: Float[Tensor, "n k 4"] | None = None
    flow: Float[Tensor, "b 2 h w"] | None = None

    def to(self, device: torch.device | str) -> "Batch":
        """Move to a device; from pinned memory without waiting."""
        return self._each(lambda value: value.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """Move to memory that a GPU can fetch from by itself; the loader calls it."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        return Batch(
            images=None if self.images is None else change(self.images),
            features=None if self.features is None else change(self.features),
            indices=change(self.indices),
            boxes=None if self.boxes is None else change(self.boxes),
            flow=None if self.flow is None else change(self.flow),
        )


@runtime_checkable
class Batches(Protocol):
    """What a training loader reads."""

    def batch(self, keys: list[Key]) -> Batch:
        """Read a batch.

        Raises:
            DiasError: it cannot be made.
        """
        ...


class ViewedImages(Dataset[Tensor]):
    """Random views of pictures, by (index, view number).

    Args:
        source: where the pictures are.
        size: side of what is shown, pixels.
        seed: of the views.
        policy: stop at an unreadable picture; or show the next readable one in its place and remember it.
        indices: pictures of `source` to use, all if None. Views go by the place in `source`, so a part of a
            data set is seen as the whole is.

    Attributes:
        unreadable: which pictures could not be read so far, by any worker.
    """

    def __init__(
        self,
        source: ImageSource,
        *,
        size: int,
        seed: int,
        policy: Literal["stop", "skip"] = "stop",
        indices: Sequence[int] | None = None,
    ) -> None:
        self.source = source
        self.size = size
        self.seed = seed
        self.policy = policy
        self.indices = range(len(source)) if indices is None else indices
        # Shared with the worker processes, so that each file is tried once and the main process knows of it.
        self.unreadable = torch.zeros(len(self.indices), dtype=torch.bool)
        self.unreadable.share_memory_()  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, key: Key) -> UInt8[Tensor, "3 h w"]:
        return self._read(key)[1]

    def batch(self, keys: list[Key]) -> Batch:
        """Read a batch."""
        found = [self._read(key) for key in keys]
        return Batch(
            images=torch.stack([image for _, image in found]),
            features=None,
            indices=torch.tensor([index for index, _ in found]),
        )

    def skipped(self) -> list[Skipped]:
        """The pictures found unreadable so far; they are tried again to say why."""
        return [self._reason(self.indices[i]) for i in self.unreadable.nonzero().flatten().tolist()]

    def _read(self, key: Key) -> tuple[int, UInt8[Tensor, "3 h w"]]:
        index, number = key
        for place in range(index, index + len(self)):
            place %= len(self)
            if self.unreadable[place]:
                continue
            try:
                sample = picture_of(self.source, self.indices[place])
            except SampleError:
                if self.policy == "stop":
                    raise
                self.unreadable[place] = True
                continue
            return place, self._view(sample, index=self.indices[place], number=number)
        raise DiasError(f"training: none of the {len(self)} pictures could be read; check the data folder")

    def _view(self, sample: ImageSample, *, index: int, number: int) -> UInt8[Tensor, "3 h w"]:
        height, width = sample.image.shape[:2]
        scene = scene_of(self.source, index)
        view = numbered_view(height, width, size=self.size, seed=self.seed, index=scene, number=number)
        return show(sample.image, view)

    def _reason(self, index: int) -> Skipped:
        reason = "could not be read at first; it can now"
        try:
            picture_of(self.source, index)
        except SampleError as error:
            reason = error.problem
        return Skipped(name=self.source.name(index), reason=reason)


class CachedViews(Dataset[Tensor]):
    """Features computed before, by (index, view number); kept in half precision.

    Args:
        read: gives the features, tokens by channels, of a picture's view.
        pictures: the same views, for models that explain pictures; None leaves them out.
    """

    def __init__(
        self, read: Callable[[int, int], np.ndarray], *, pictures: ViewedImages | None = None
    ) -> None:
        self.read = read
        self.pictures = pictures

    def __getitem__(self, key: Key) -> Float16[Tensor, "m c"]:
        return torch.from_numpy(np.array(self.read(*key), dtype=np.float16))  # copied out of the mapped file

    def batch(self, keys: list[Key]) -> Batch:
        """Read a batch."""
        return Batch(
            images=None if self.pictures is None else self.pictures.batch(keys).images,
            features=torch.stack([self[key] for key in keys]),
            indices=torch.tensor([index for index, _ in keys]),
        )


def training_loader(samples: Batches, order: TrainingOrder, *, workers: int = 0) -> DataLoader[Batch]:
    """Load the batches of an order, `workers` processes ahead (0: in this one).

    Workers need no seeds of their own: nothing in them is random beyond the numbered views. What a picture or
    a cache raises is raised here as a LoadingError with the same line, whichever process met it.
    """
    return _Loader(
        _Batches(samples),
        batch_sampler=order,
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=heed_the_main_process_alone,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
        generator=torch.Generator().manual_seed(order.seed),  # else the loader draws from the global state
    )


@dataclass(frozen=True)
class _Fault:
    """What went wrong in a worker; torch itself would hand on a traceback in place of the user's line."""

    line: str


class _Batches(Dataset[Batch]):
    def __init__(self, samples: Batches) -> None:
        self.samples = samples

    def __getitems__(self, keys: list[Key]) -> Batch | _Fault:
        try:
            return self.samples.batch(keys)
        except DiasError as error:
            return _Fault(str(error))


class _Loader(DataLoader[Batch]):
    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # torch names its own iterator class
        start = super().__iter__
        for batch in read_ahead(start) if self.num_workers else start():
            if isinstance(batch, _Fault):
                raise LoadingError(batch.line)
            yield batch


def _as_it_is(batch: Any) -> Any:
    return batch
