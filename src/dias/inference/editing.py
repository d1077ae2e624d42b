"""Pictures made of slots alone: as they are, with one object less, with objects exchanged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float32, Int32, UInt8
from torch import Tensor

from dias.data.samples import ImageSample
from dias.data.transforms import centre_view, look
from dias.errors import SettingError
from dias.inference.segment import Segmentation, Segmenter
from dias.models.image import ImageModel
from dias.models.pictures import check_pictures, pictures_of_slots, pictures_of_tokens
from dias.models.target import target_of

Picture = UInt8[np.ndarray, "_ _ 3"]
Slots = Float32[np.ndarray, "_ _"]  # slots by channels; sets of several pictures differ in size
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The centre square of a picture, and its k objects, that with the largest area first.

    Attributes:
        name: of the picture.
        picture: what the model saw.
        labels: object of each pixel, 0 to k - 1.
        slots: one vector an object.
        best: the decoder's own target turned back into a picture: no slots can do better.
    """

    name: str
    picture: UInt8[np.ndarray, "s s 3"]
    labels: Int32[np.ndarray, "s s"]
    slots: Float32[np.ndarray, "k d"]
    best: UInt8[np.ndarray, "t t 3"]


class Editor:
    """Finds the slots of pictures and makes pictures of slots; `check_pictures` says which models can.

    Args:
        model: with its backbone; runs on the device that it is on.
        batch: pictures at once.
        seed: of the queries, and of the noise that sampling starts from. All pictures start from the same, so
            a picture depends on its slots alone, and what an edit changes is due to the edit.

    Raises:
        DiasError: the model has no backbone, or cannot make pictures of slots; the message says why.
        SettingError: it sees pictures of another size than its decoder makes.
    """

    def __init__(self, model: ImageModel, *, batch: int = 16, seed: int = 0) -> None:
        check_pictures(model)
        self.segmenter = Segmenter(model, batch=batch, fit="centre", seed=seed)
        self.model, self.batch, self.seed = self.segmenter.model, batch, seed
        positions, size = model.config.positions, self.segmenter.size
        rows, columns = self.segmenter.backbone.grid(size, size)
        if rows * columns != positions:
            raise SettingError(
                "backbone.input_size",
                size,
                f"gives {rows * columns} tokens, the model was made for {positions}",
            )

    def see(self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]], *, names: Sequence[str]) -> list[Scene]:
        """Find the objects of pictures of any size."""
        squares = [_square(image, self.segmenter.size) for image in images]
        found = self.segmenter(squares)
        best = [picture for batch in _batches(squares, self.batch) for picture in self._best(batch)]
        return [
            _scene(*each, best=one, name=name)
            for each, one, name in zip(zip(squares, found, strict=True), best, names, strict=True)
        ]

    @torch.inference_mode()
    def pictures(self, sets: Sequence[Slots]) -> list[Picture]:
        """A picture of each set of slots; sets may differ in size, none is empty."""
        made: list[Picture] = []
        device = self.segmenter.queries.device
        for batch in _batches(sets, self.batch):
            slots, kept = _padded(batch)
            noise = torch.Generator().manual_seed(self.seed)
            shown = pictures_of_slots(self.model, slots.to(device), kept.to(device), generator=noise)
            made += _as_pictures(shown)
        return made

    @torch.inference_mode()
    def _best(self, squares: Sequence[Picture]) -> list[Picture]:
        images = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)
        seen = self.model.see(images.to(self.segmenter.queries.device))
        model = self.model
        reduced = model.reduce_features(seen.features)
        target = target_of(seen, reduced, kind=model.config.target, tokenizer=model.tokenizer)
        return _as_pictures(pictures_of_tokens(model, target.tokens))


def without(slots: Slots, index: int) -> Slots:
    """All slots but one."""
    return np.delete(slots, index, axis=0)


def exchanged(one: Slots, other: Slots, index: int) -> tuple[Slots, Slots]:
    """Both sets after each has given its slot `index` to the other."""
    first, second = one.copy(), other.copy()
    first[index], second[index] = other[index], one[index]
    return first, second


def _square(image: UInt8[np.ndarray, "h w 3"], size: int) -> Picture:
    height, width = image.shape[:2]
    return look(ImageSample(image=image, name=""), centre_view(height, width, size=size)).image


def _scene(square: Picture, found: Segmentation, *, best: Picture, name: str) -> Scene:
    order = np.argsort(-found.areas, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return Scene(
        name=name,
        picture=square,
        labels=place[found.labels].astype(np.int32),
        slots=found.slots[order],
        best=best,
    )


def _batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _padded(sets: Sequence[Slots]) -> tuple[Tensor, Tensor]:
    """Slots (b n d) with rows of zeros where a set has fewer, and which are kept (b n)."""
    slots = torch.zeros(len(sets), max(len(one) for one in sets), sets[0].shape[1])
    kept = torch.zeros(slots.shape[:2], dtype=torch.bool)
    for row, one in enumerate(sets):
        slots[row, : len(one)] = torch.from_numpy(one)
        kept[row, : len(one)] = True
    return slots, kept


def _as_pictures(shown: Tensor) -> list[Picture]:
    bytes_ = (shown.float() * 255).round().clamp(0, 255).to(torch.uint8)
    return list(bytes_.permute(0, 2, 3, 1).contiguous().cpu().numpy())
