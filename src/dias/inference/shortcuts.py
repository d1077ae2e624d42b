"""What `import dias` offers for five-line programs."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image

from dias.checkpoints import CLIP_FORMAT, AnyModel, describe, load_clip_model, load_model
from dias.data.images import read_image
from dias.errors import SettingError
from dias.inference.looking import Quality
from dias.inference.segment import Segmentation, Segmenter
from dias.models import ClipModel, ImageModel, following


def shipped() -> Path:
    """The folder of the model that the package ships: weights, settings and card (docs/pretrained.md)."""
    return Path(str(files("dias") / "pretrained"))


def load(path: str | Path | None = None, *, weights: str | None = None, device: str = "auto") -> ImageModel:
    """Load a model with its backbone, ready for pictures.

    Args:
        path: a checkpoint file, or the folder of a run; None: the model that the package ships.
        weights: local path of the backbone's weights, instead of what the checkpoint names.
        device: such as "cpu" or "cuda"; "auto" takes a GPU when there is one.

    Raises:
        CheckpointError: there is no checkpoint at `path`, or it is damaged.
        WeightsError: the backbone's weights cannot be found.
        SettingError: there is no such device.
    """
    return on_device(load_model(shipped() if path is None else Path(path), weights=weights), device)


def load_tracking(path: str | Path, *, weights: str | None = None, device: str = "auto") -> ClipModel:
    """Load what can follow objects: a model of clips, or one of images that does (`models.following`).

    Args:
        path: as for `load`; so are the others.
        weights: of the backbone.
        device: where it goes.

    Raises:
        DiasError: as for `load`; or it is a model of images that cannot go on after the first frame.
    """
    of_clips = describe(Path(path))["format"] == CLIP_FORMAT
    model = (
        load_clip_model(Path(path), weights=weights)
        if of_clips
        else following(load_model(Path(path), weights=weights))
    )
    return on_device(model, device)


def on_device(model: AnyModel, name: str) -> AnyModel:
    """Move a model to what a user calls a device; "auto" takes a GPU when there is one.

    Raises:
        SettingError: there is no such device.
    """
    return model.to(device_called(name))


def device_called(name: str) -> torch.device:
    """What a user calls a device; "auto" is a GPU when there is one.

    Raises:
        SettingError: there is no such device.
    """
    try:
        best = "cuda" if torch.cuda.is_available() else "cpu"
        device = torch.device(best if name == "auto" else name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch says it in both ways
        raise SettingError("device", name, f"cannot be used ({str(error).splitlines()[0]})") from None
    return device


def segment(
    model: ImageModel,
    picture: str | Path | np.ndarray | Image.Image,
    *,
    map: Literal["aggregation", "decoder"] = "aggregation",
    size: int | None = None,
    fit: Literal["whole", "centre"] = "whole",
    quality: Quality = "fast",
) -> Segmentation:
    """Find the objects in one picture; for many, `dias.inference.Segmenter` is quicker.

    Args:
        model: what `load` gave.
        picture: a file, an array of RGB values from 0 to 255, or a picture of Pillow.
        map: take the masks from the aggregation's map or the decoder's.
        size: side in pixels of the square that the model sees; what it was trained with when None.
        fit: squeeze the whole picture into it, or take the largest centre square.
        quality: of the masks' edges, as for `Segmenter`.

    Raises:
        SampleError: the file is no picture that can be read.
        DiasError: nor is the array.
    """
    segmenter = Segmenter(model, map=map, size=size, fit=fit, quality=quality)
    if isinstance(picture, str | Path):
        return replace(segmenter([read_image(Path(picture))])[0], name=Path(picture).name)
    return segmenter([picture])[0]
