"""Pictures as evaluation sees them: the centre square, in order, in batches."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64, UInt8
from torch import Tensor

from dias.data.samples import ImageSample, ImageSource, Skipped
from dias.data.transforms import as_tensor, centre_view, look
from dias.errors import DiasError, SampleError


@dataclass(frozen=True, kw_only=True)
class EvaluationBatch:
    """Pictures as evaluation sees them: the centre square.

    Attributes:
        names: of the pictures.
        images: 0 to 255.
        masks: segment numbers, 0 = background; None when the data set has none.
        ignore: pixels that nobody has labelled; None when all are.
        classes: of each picture the class number of objects 1, 2, ...; None where they are not known.
    """

    names: tuple[str, ...]
    images: UInt8[Tensor, "b 3 y x"]
    masks: Int64[Tensor, "b h w"] | None
    ignore: Bool[Tensor, "b h w"] | None
    classes: tuple[Int[np.ndarray, " _"] | None, ...]


def evaluation_batches(
    source: ImageSource,
    *,
    size: int,
    batch: int,
    mask_size: int | None = None,
    skipped: list[Skipped] | None = None,
    workers: int = 0,
) -> Iterator[EvaluationBatch]:
    """See the centre square of every picture, in order.

    Args:
        source: where the pictures are.
        size: side of what is shown, pixels.
        batch: pictures at a time; the last batch may be smaller.
        mask_size: side of masks and ignored pixels, if it is another one.
        skipped: pictures that cannot be read are left out and added here; None: stop at the first.
        workers: threads that read ahead; 0: read when asked.

    Raises:
        SampleError: a picture cannot be read and `skipped` is None.
        DiasError: only some pictures of a batch have masks.
    """
    waiting: list[_Seen] = []
    sizes = size, mask_size or size
    for index, found in enumerate(_seen(source, sizes=sizes, ahead=batch, workers=workers)):
        if isinstance(found, SampleError):
            if skipped is None:
                raise found
            skipped.append(Skipped(name=source.name(index), reason=found.problem))
            continue
        waiting.append(found)
        if len(waiting) == batch:
            yield _labelled(waiting)
            waiting = []
    if waiting:
        yield _labelled(waiting)


@dataclass(frozen=True)
class _Seen:
    """The square as the backbone gets it, and as masks are compared with it."""

    shown: ImageSample
    compared: ImageSample


def _seen(
    source: ImageSource, *, sizes: tuple[int, int], ahead: int, workers: int
) -> Iterator[_Seen | SampleError]:
    """Read in order; with threads, up to `ahead` pictures before they are asked for."""

    def read(index: int) -> _Seen | SampleError:
        try:
            sample = source[index]
        except SampleError as error:
            return error
        height, width = sample.image.shape[:2]
        views = [centre_view(height, width, size=size) for size in sizes]
        shown = look(sample, views[0])
        return _Seen(shown, shown if views[0] == views[1] else look(sample, views[1]))

    if not workers:
        yield from map(read, range(len(source)))
        return
    pool = ThreadPoolExecutor(workers)
    try:
        reading: deque[Future[_Seen | SampleError]] = deque()
        for index in range(len(source)):
            reading.append(pool.submit(read, index))
            if len(reading) > ahead:
                yield reading.popleft().result()
        while reading:
            yield reading.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)  # whoever stops early does not wait for the rest


def _labelled(seen: list[_Seen]) -> EvaluationBatch:
    samples = [one.compared for one in seen]
    masks = [sample.mask for sample in samples if sample.mask is not None]
    if 0 < len(masks) < len(samples):
        bare = next(sample.name for sample in samples if sample.mask is None)
        raise DiasError(f"{bare}: has no mask, others have; give all masks or none")
    ignore = None
    if any(sample.ignore is not None for sample in samples):
        ignore = torch.from_numpy(np.stack([_ignored(sample) for sample in samples]))
    return EvaluationBatch(
        names=tuple(sample.name for sample in samples),
        images=torch.stack([as_tensor(one.shown.image) for one in seen]),
        masks=torch.from_numpy(np.stack(masks)).long() if masks else None,
        ignore=ignore,
        classes=tuple(sample.classes for sample in samples),
    )


def _ignored(sample: ImageSample) -> Bool[np.ndarray, "h w"]:
    return np.zeros(sample.image.shape[:2], dtype=np.bool_) if sample.ignore is None else sample.ignore
