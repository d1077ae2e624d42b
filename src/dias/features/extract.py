"""Computes a cache: every view of every picture once, resumable after a kill."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float16, UInt8
from torch import Tensor

from dias.backbones import Backbone, FrozenBackbone
from dias.data.frames import scene_of
from dias.data.samples import ImageSource, picture_of
from dias.data.showing import show
from dias.data.transforms import centre_view, numbered_view
from dias.errors import CacheError, DiasError, SampleError
from dias.features.kept import joined
from dias.features.key import CacheKey
from dias.features.lock import only_writer
from dias.features.store import FeatureCache, Layout
from dias.features.writing import CacheWriter, list_unreadable, prepare
from dias.progress import ProgressLine

_HALF_MAX = 65504.0
_READERS = 2
_CHECKED = 4  # pictures
_ALIKE = 0.25  # relative distance; bf16 on another device makes about 0.01, another picture about 1

Pictures = UInt8[Tensor, "v 3 s s"]


@dataclass(frozen=True, kw_only=True)
class Views:
    """Which views of each picture: `number` random ones (0: the centre alone), `size` pixels a side."""

    number: int
    size: int
    seed: int


def build_cache(
    source: ImageSource,
    backbone: Backbone,
    folder: Path,
    *,
    views: Views,
    last_blocks: int = 0,
    batch: int = 32,
    skip_bad: bool = False,
    progress: bool = True,
) -> FeatureCache:
    """Compute the features of a data set, or go on where an earlier run was stopped.

    Pictures are flagged only after their bytes are on the disk, so a run that was killed at any moment and
    started again gives the same bytes as one that was not (with the same `batch`: its size may change how
    sums are rounded).

    Args:
        source: the pictures.
        backbone: where features come from; its device is used.
        folder: where the cache goes; one of other pictures or weights there is refused.
        views: what is seen of each picture.
        last_blocks: also keep what so many of the ViT's last blocks are given, for models that train a copy
            of those (`ImageModelConfig.tuned_blocks`): twice the room.
        batch: views at a time.
        skip_bad: leave out unreadable pictures instead of stopping; cache.json lists them.
        progress: show a progress bar, with pictures a second and the time left.

    Raises:
        CacheError: `folder` holds a cache made with something else, another process writes it, the disk has
            no room, or features are larger than half precision holds.
        SampleError: a picture cannot be read, unless `skip_bad`.
        DiasError: none can be read; or the backbone's keys and `last_blocks` are both asked for.
    """
    layout = _layout(source, backbone, views, last_blocks=last_blocks)
    try:
        with only_writer(folder):
            prepare(folder, layout)
            with CacheWriter(folder, layout) as writer:
                to_do = writer.to_do(again=not skip_bad)
                done = layout.key.count - len(to_do)
                with ProgressLine("cache", total=layout.key.count, done=done, shown=progress) as line:
                    for found in _batches(source, to_do, views, batch=batch, skip_bad=skip_bad):
                        _write(writer, found, backbone, layout, batch=batch)
                        done += len(found)
                        line.to(done, note=f"{line.speed:.1f} images/s")
    except OSError as error:
        raise CacheError(
            folder,
            f"could not be written ({error.strerror or error})",
            do="free space and run it again: finished pictures are kept",
        ) from error
    cache = FeatureCache.open(folder)
    left_out = unreadable(cache)
    if len(left_out) == len(cache):
        raise DiasError(f"{folder}: none of the {len(cache)} pictures could be read; check the data folder")
    list_unreadable(folder, left_out)
    return cache


def unreadable(cache: FeatureCache) -> list[str]:
    """Names of the pictures that a cache leaves out."""
    return [name for index, name in enumerate(cache.names) if not cache.readable(index)]


@torch.no_grad()
def check_some(cache: FeatureCache, source: ImageSource, backbone: Backbone) -> None:
    """Compute the first view of a few pictures again: pictures may change and keep their names and sizes.

    That finds a data set that was made anew in place; a single picture that was exchanged, only by luck.

    Raises:
        CacheError: names a picture whose features are no longer those in the cache.
        SampleError: a picture cannot be read any more.
    """
    views = Views(number=cache.key.views, size=cache.key.size, seed=cache.key.seed)
    readable = [index for index in range(len(cache)) if cache.readable(index)]
    for place in np.linspace(0, len(readable) - 1, min(_CHECKED, len(readable))).astype(int).tolist():
        seen = _read(source, index := readable[place], views)
        if isinstance(seen, SampleError):
            raise seen
        then = cache.read(index, 0)
        now = _features(backbone, seen[:1], batch=1)[0, :, : then.shape[1]].astype(np.float32)
        if np.linalg.norm(then - now) > _ALIKE * np.linalg.norm(now):
            raise CacheError(
                cache.folder,
                f"was made of another picture {cache.names[index]} than is there now",
                do="make it anew with `dias cache`",
            )


def _batches(
    source: ImageSource, to_do: list[int], views: Views, *, batch: int, skip_bad: bool
) -> Iterator[dict[int, Pictures | None]]:
    """Views of some pictures at a time, read while the ones before are computed; None: unreadable.

    Which pictures come together depends on their places alone, so that it is the same after a kill.
    """
    each = max(batch // max(views.number, 1), 1)
    chunks: dict[int, list[int]] = {}
    for index in to_do:
        chunks.setdefault(index // each, []).append(index)
    order: list[Sequence[int]] = list(chunks.values())
    with ThreadPoolExecutor(_READERS) as pool:
        ahead = [pool.submit(_read, source, index, views) for index in order[0]] if order else []
        for chunk, following in zip_longest(order, order[1:], fillvalue=()):
            now, ahead = ahead, [pool.submit(_read, source, index, views) for index in following]
            found: dict[int, Pictures | None] = {}
            for index, future in zip(chunk, now, strict=True):
                seen = future.result()
                if isinstance(seen, SampleError) and not skip_bad:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise seen
                found[index] = None if isinstance(seen, SampleError) else seen
            yield found


def _read(source: ImageSource, index: int, views: Views) -> Pictures | SampleError:
    try:
        image = picture_of(source, index).image
    except SampleError as error:
        return error
    height, width = image.shape[:2]
    if not views.number:
        return show(image, centre_view(height, width, size=views.size))[None]
    scene = scene_of(source, index)
    seen = [
        numbered_view(height, width, size=views.size, seed=views.seed, index=scene, number=number)
        for number in range(views.number)
    ]
    return torch.stack([show(image, view) for view in seen])


def _write(
    writer: CacheWriter,
    found: dict[int, Pictures | None],
    backbone: Backbone,
    layout: Layout,
    *,
    batch: int,
) -> None:
    readable = {index: pictures for index, pictures in found.items() if pictures is not None}
    for index in found.keys() - readable.keys():
        writer.leave_out(index)
    if readable:
        seen, last_blocks = torch.cat(list(readable.values())), layout.key.last_blocks
        features = _features(backbone, seen, batch=batch, last_blocks=last_blocks)
        rows = features.reshape(len(readable), *layout.shape[1:])
        for index, row in zip(readable, rows, strict=True):
            writer.put(index, row)
    writer.commit_sometimes()


def _features(
    backbone: Backbone, images: UInt8[Tensor, "b 3 s s"], *, batch: int, last_blocks: int = 0
) -> Float16[np.ndarray, "b r k"]:
    device, asked = backbone.device, {"last_blocks": last_blocks} if last_blocks else {}
    starts = range(0, len(images), batch)
    seen = (backbone(images[start : start + batch].to(device), **asked) for start in starts)
    tokens = torch.cat([joined(one).cpu() for one in seen])
    largest = float(tokens.abs().max())
    if not largest <= _HALF_MAX:  # so that NaN is caught too
        raise CacheError(
            backbone.weights.name,
            f"gives features of {largest:.3g}, half precision holds {_HALF_MAX:.0f}",
            do="train without a cache, or with final_norm",
        )
    return tokens.half().numpy()


def _layout(source: ImageSource, backbone: Backbone, views: Views, *, last_blocks: int) -> Layout:
    key = CacheKey.of(
        backbone,
        size=views.size,
        views=views.number,
        seed=views.seed if views.number else 0,
        data=source.fingerprint(),
        count=len(source),
        last_blocks=last_blocks,
    )
    grid = backbone.grid(views.size, views.size)
    prefix = backbone.prefix if isinstance(backbone, FrozenBackbone) else 0
    return Layout(
        key=key,
        grid=grid,
        below=prefix + grid[0] * grid[1] if last_blocks else 0,
        channels=backbone.channels * (2 if key.keys else 1),
        names=tuple(source.name(index) for index in range(len(source))),
    )
