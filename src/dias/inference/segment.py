"""Segment a user's own pictures: any size, any number, at the speed of the backbone."""

import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int32, Int64, UInt8
from PIL import Image
from torch import Tensor

from dias.data.images import as_rgb
from dias.data.samples import ImageSource, Skipped, picture_of
from dias.errors import DiasError, SampleError, SettingError
from dias.inference.looking import ROUNDS, UNSEEN, USUAL_SIZE, Fit, Quality, Seen, see, seeing, winners
from dias.masks.boxes import boxes_from_labels
from dias.models.image import ImageModel
from dias.precision import arithmetic


@dataclass(frozen=True, kw_only=True)
class Stages:
    """How the masks came about: slot number of each pixel (-1: not seen), before any renumbering.

    Attributes:
        first: after the first iteration of the aggregation.
        last: after the last iteration, had nothing been merged.
        final: after reduction and re-initialized aggregation.
    """

    first: Int32[np.ndarray, "h w"]
    last: Int32[np.ndarray, "h w"]
    final: Int32[np.ndarray, "h w"]


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """The objects of one picture; k slots were kept, in the order of their numbers.

    Attributes:
        name: of the picture.
        labels: object of each pixel of the picture, 0 to k - 1; -1 where the model did not look.
        slots: one vector an object.
        slot_indices: number that each object's slot has in the model.
        attention: the map over tokens that each object's mask was made of.
        grid: rows and columns of those tokens.
        areas: pixels of each object; 0 for a slot that wins no pixel.
        boxes: x0, y0, x1, y1 of each object, the last two exclusive, as shares (0 to 1) of width and height.
        coverage: x0, y0, x1, y1 in pixels of the part that the model saw, the last two exclusive.
        stages: how the masks came about, when that was asked.
    """

    name: str
    labels: Int32[np.ndarray, "h w"]
    slots: Float32[np.ndarray, "k d"]
    slot_indices: Int64[np.ndarray, " k"]
    attention: Float32[np.ndarray, "k m"]
    grid: tuple[int, int]
    areas: Int64[np.ndarray, " k"]
    boxes: Float[np.ndarray, "k 4"]
    coverage: tuple[int, int, int, int]
    stages: Stages | None = None


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What the model says about a batch, on the CPU."""

    slots: Float[Tensor, "b n d"]
    kept: Bool[Tensor, "b n"]
    grid: tuple[int, int]
    final: Float[Tensor, "b n m"]
    first: Float[Tensor, "b n m"] | None
    last: Float[Tensor, "b n m"] | None


class Segmenter:
    """Finds the objects in pictures.

    All pictures start from the same queries, drawn once from `seed`, so what is found in a picture does not
    depend on its place or its neighbours. Soft maps are resized to the picture, but to 512 pixels on its
    longer side at most (1024 where they follow edges); larger masks are stretched from there without
    smoothing. Everything runs in the backbone's precision: in bf16, what is found may differ in a pixel from
    what `dias eval` scores in fp32.

    Args:
        model: with its backbone; runs on the device that it is on.
        map: take the masks from the aggregation's last map, or from the decoder's (slower).
        size: side in pixels of the square that the model sees, a multiple of the patch; what it was trained
            with when None (224 where that was any size).
        batch: pictures at once.
        fit: "whole" squeezes the whole picture into the square, "centre" takes its largest centre square.
        seed: of the queries.
        quality: of the masks' edges (docs/quality.md). "fast" stretches the soft maps; "fine" lets a guided
            filter draw them to the picture's edges; "best" does so twice.

    Raises:
        DiasError: the model has no backbone.
        SettingError: `size` fits neither the patch nor the decoder whose map is wanted.
    """

    def __init__(
        self,
        model: ImageModel,
        *,
        map: Literal["aggregation", "decoder"] = "aggregation",
        size: int | None = None,
        batch: int = 16,
        fit: Fit = "whole",
        seed: int = 0,
        quality: Quality = "fast",
    ) -> None:
        if model.backbone is None:
            raise DiasError("segmentation: the model has no backbone; load it with one (dias.load)")
        self.size = size or model.backbone.input_size or USUAL_SIZE
        self.model, self.backbone = model.eval(), seeing(model.backbone, self.size)
        self.map, self.batch, self.fit, self.seed, self.quality = map, batch, fit, seed, quality
        tokens = math.prod(self.backbone.grid(self.size, self.size))
        if map == "decoder" and tokens != model.config.positions:
            raise SettingError(
                "size",
                self.size,
                f"gives {tokens} tokens, the decoder knows {model.config.positions}; use map=aggregation",
            )
        with torch.inference_mode():
            self.queries = model.queries(1, generator=torch.Generator().manual_seed(seed))

    @property
    def slots(self) -> int:
        """How many there are, kept or not."""
        return int(self.queries.shape[1])

    @property
    def slot_dim(self) -> int:
        """Numbers a slot has."""
        return int(self.queries.shape[2])

    def __call__(self, images: Sequence[np.ndarray | Image.Image]) -> list[Segmentation]:
        """Segment arrays of RGB or pictures of Pillow; their names are their numbers, from 0."""
        return self._segment_all(images, compare=False)

    def compare(self, images: Sequence[np.ndarray | Image.Image]) -> list[Segmentation]:
        """The same, with `stages` filled in: first iteration, last without reduction, final."""
        return self._segment_all(images, compare=True)

    def stream(self, source: ImageSource, *, compare: bool = False) -> Iterator[Segmentation | Skipped]:
        """Segment a data set in its order, reading ahead of the model in threads, in constant memory.

        Args:
            source: pictures; one that cannot be read comes back as `Skipped`.
            compare: fill in `stages`.
        """
        waiting: list[Seen | Skipped] = []
        for item in self._read_ahead(source):
            waiting.append(item)
            if sum(isinstance(one, Seen) for one in waiting) == self.batch:
                yield from self._segment(waiting, compare=compare)
                waiting = []
        yield from self._segment(waiting, compare=compare)

    def _segment_all(
        self, images: Sequence[np.ndarray | Image.Image], *, compare: bool
    ) -> list[Segmentation]:
        done: list[Segmentation] = []
        for start in range(0, len(images), self.batch):
            chosen = range(start, min(start + self.batch, len(images)))
            seen = [self._see(as_rgb(images[index]), str(index)) for index in chosen]
            done += [one for one in self._segment(seen, compare=compare) if isinstance(one, Segmentation)]
        return done

    def _read_ahead(self, source: ImageSource) -> Iterator[Seen | Skipped]:
        pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="dias-read")
        reading: deque[Future[Seen | Skipped]] = deque()
        try:
            for index in range(len(source)):
                reading.append(pool.submit(self._read, source, index))
                if len(reading) > 2 * self.batch:
                    yield reading.popleft().result()
            while reading:
                yield reading.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _read(self, source: ImageSource, index: int) -> Seen | Skipped:
        try:
            return self._see(picture_of(source, index).image, source.name(index))
        except SampleError as error:
            return Skipped(name=source.name(index), reason=error.problem)
        except (OSError, MemoryError) as error:
            return Skipped(name=source.name(index), reason=f"cannot be read ({error})")

    def _see(self, image: UInt8[np.ndarray, "h w 3"], name: str) -> Seen:
        guided = self.quality != "fast"
        return see(image, name=name, size=self.size, fit=self.fit, guided=guided)

    def _segment(self, items: Sequence[Seen | Skipped], *, compare: bool) -> Iterator[Segmentation | Skipped]:
        seen = [item for item in items if isinstance(item, Seen)]
        found = self._find(seen, compare=compare) if seen else None
        number = 0
        for item in items:
            if isinstance(item, Skipped):
                yield item
            else:
                assert found is not None
                yield _segmentation(
                    item, found, number, rounds=ROUNDS[self.quality]
                )  # one at a time: full-size masks are large
                number += 1

    @torch.inference_mode()
    def _find(self, seen: Sequence[Seen], *, compare: bool) -> _Found:
        pictures = torch.from_numpy(np.stack([one.picture for one in seen])).permute(0, 3, 1, 2)
        pictures = pictures.to(self.queries.device)
        tokens = self.model.see(pictures, backbone=self.backbone)
        queries, decode = self.queries.expand(len(seen), -1, -1), self.map == "decoder"
        plain = None
        half = arithmetic(self.backbone.precision, queries.device) == torch.bfloat16
        with torch.autocast(queries.device.type, torch.bfloat16, enabled=half):
            final = self.model.from_tokens(tokens, queries, decode=decode)
            if compare:
                plain = self.model.from_tokens(tokens, queries, reduce=False, decode=decode)

        def chosen(aggregation: Tensor, decoder: Tensor | None) -> Tensor:
            return (aggregation if decoder is None else decoder).float().cpu()

        return _Found(
            slots=final.slots.float().cpu(),
            kept=final.mask.cpu(),
            grid=tokens.grid,
            final=chosen(final.attention[-1], final.decoder_attention),
            first=None if plain is None else plain.attention[0].float().cpu(),
            last=None if plain is None else chosen(plain.attention[-1], plain.decoder_attention),
        )


def _segmentation(seen: Seen, found: _Found, number: int, *, rounds: int) -> Segmentation:
    kept = found.kept[number]
    indices = torch.nonzero(kept)[:, 0]
    labels = winners(found.final[number][kept], seen, grid=found.grid, rounds=rounds)
    stages = None
    if found.first is not None and found.last is not None:
        slot_of = np.append(indices.numpy(), UNSEEN).astype(np.int32)  # the last answers for -1
        stages = Stages(
            first=winners(found.first[number], seen, grid=found.grid, rounds=rounds),
            last=winners(found.last[number], seen, grid=found.grid, rounds=rounds),
            final=slot_of[labels],
        )
    return Segmentation(
        name=seen.name,
        labels=labels,
        slots=found.slots[number][kept].numpy(),
        slot_indices=indices.numpy(),
        attention=found.final[number][kept].numpy(),
        grid=found.grid,
        areas=np.array([np.count_nonzero(labels == one) for one in range(len(indices))], dtype=np.int64),
        boxes=boxes_from_labels(labels + 1, len(indices)),
        coverage=seen.view.box,
        stages=stages,
    )
