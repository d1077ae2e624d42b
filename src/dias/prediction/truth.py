"""What the future really shows: masks, features and pictures of the frames that were predicted."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from dias.data.samples import ClipSample, ClipSource, ImageSample
from dias.data.transforms import View, as_tensor, centre_view, look
from dias.errors import DiasError
from dias.inference.looking import seeing
from dias.models.image import ImageModel
from dias.slots.header import Extraction

_AT_ONCE = 8  # frames that the backbone sees


@dataclass(frozen=True, kw_only=True)
class Future:
    """The frames after burn-in.

    Attributes:
        pictures: as the model sees them, 0 to 255.
        features: that its decoder explains; None where that is something else.
        masks: true segments, 0 is the background.
        valid: pixels that are labelled; None when all are.
    """

    pictures: UInt8[Tensor, "t 3 s s"]
    features: Float[Tensor, "t m c"] | None
    masks: Int64[Tensor, "t h w"]
    valid: Bool[Tensor, "t h w"] | None


@torch.no_grad()
def future_of(
    clips: ClipSource, clip: int, frames: list[int], *, model: ImageModel, extraction: Extraction, size: int
) -> Future:
    """Read and see some frames of a clip.

    Args:
        clips: with masks.
        clip: its place.
        frames: places in it, rising.
        model: with its backbone.
        extraction: how the slots came out of frames: the same part of each is looked at.
        size: side of the masks in pixels.

    Raises:
        DiasError: the clips have no masks, or the model no backbone.
        SampleError: a frame cannot be read.
    """
    read = clips.read(clip, frames)
    if read.mask is None:
        raise DiasError(f"{read.name}: has no masks to measure predictions by; give clips with masks")
    pictures = torch.stack(
        [as_tensor(_shown(read, place, extraction, extraction.size).image) for place in range(len(frames))]
    )
    compared = [_shown(read, place, extraction, size) for place in range(len(frames))]
    ignored = [one.ignore for one in compared if one.ignore is not None]
    return Future(
        pictures=pictures,
        features=_features(pictures, model, extraction) if model.config.target == "features" else None,
        masks=torch.from_numpy(np.stack([one.mask for one in compared if one.mask is not None])).long(),
        valid=~torch.from_numpy(np.stack(ignored)) if ignored else None,
    )


def _shown(read: ClipSample, place: int, extraction: Extraction, size: int) -> ImageSample:
    """One frame as a square of `size` pixels, without what is not needed."""
    height, width = read.frames.shape[1:3]
    view = centre_view(height, width, size=size)
    if extraction.fit == "whole":
        view = View(box=(0, 0, width, height), flip=False, size=size)
    sample = ImageSample(
        image=read.frames[place],
        name=read.name,
        mask=None if read.mask is None else read.mask[place],
        ignore=None if read.ignore is None else read.ignore[place],
    )
    return look(sample, view)


def _features(
    pictures: UInt8[Tensor, "t 3 s s"], model: ImageModel, extraction: Extraction
) -> Float[Tensor, "t m c"]:
    """As the model takes them: principal components, where it reduces channels."""
    if model.backbone is None:
        raise DiasError("prediction: the model has no backbone; load it with one")
    backbone = seeing(model.backbone, extraction.size)
    parts = [
        model.reduce_features(model.see(batch, backbone=backbone).features)
        for batch in torch.split(pictures.to(backbone.device), _AT_ONCE)
    ]
    return torch.cat(parts).float().cpu()
