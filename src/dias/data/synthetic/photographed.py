"""Rendered objects on photographs: the floor of a set of scenes is replaced by parts of photos."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from dias.data.samples import ImageSource
from dias.data.synthetic.storing import store_labels, store_picture
from dias.errors import DiasError, FileError
from dias.files import write_json

_SMALLEST = 0.5  # side of the part of a photo, as a share of its shorter side
_MARK = "photographed.json"


def on_photo(
    image: UInt8[np.ndarray, "h w 3"],
    mask: UInt8[np.ndarray, "h w"],
    photo: UInt8[np.ndarray, "_ _ 3"],
    *,
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "h w 3"]:
    """Put a random part of a photo, mirrored half of the time, where the mask is 0.

    The objects stand in the photo as if cut out: their shadows are gone, and whatever the photo shows counts
    as background.
    """
    height, width = mask.shape
    share = rng.uniform(_SMALLEST, 1)
    scale = share * min(photo.shape[0] / height, photo.shape[1] / width)
    h, w = max(1, int(height * scale)), max(1, int(width * scale))
    y, x = (int(rng.integers(whole - part + 1)) for whole, part in zip(photo.shape, (h, w), strict=False))
    part = Image.fromarray(np.ascontiguousarray(photo[y : y + h, x : x + w]))
    shown = np.asarray(part.resize((width, height), Image.Resampling.BICUBIC))
    shown = shown[:, ::-1] if rng.random() < 0.5 else shown
    return np.where(mask[..., None] == 0, shown, image)


def write_photographed(
    scenes: ImageSource, photos: Mapping[str, UInt8[np.ndarray, "_ _ 3"]], folder: Path, *, seed: int
) -> None:
    """Write `images/` (WebP) and `masks/` of scenes on photos, as a folder of labelled pictures.

    Picture i is drawn from (seed, i) alone. A folder that is whole already is left as it is; one of other
    scenes, photos or another seed is refused.

    Args:
        scenes: pictures with masks of at most 255 objects.
        photos: where the backgrounds come from, by name.
        folder: where to.
        seed: of the parts.

    Raises:
        DiasError: the folder holds another set, or there is no photo, or a scene has no mask.
    """
    if not photos:
        raise DiasError(f"{folder}: there are no photos to put objects on")
    made = {"seed": seed, "scenes": scenes.fingerprint(), "photos": ", ".join(sorted(photos))}
    if _is_whole(folder / _MARK, made):
        return
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for index in range(len(scenes)):
        sample, rng = scenes[index], np.random.default_rng([seed, index])
        if sample.mask is None:
            raise DiasError(f"{sample.name}: has no mask, so its objects cannot be cut out")
        mask = sample.mask.astype(np.uint8)
        photo = photos[sorted(photos)[int(rng.integers(len(photos)))]]
        picture = on_photo(sample.image, mask, photo, rng=rng)
        store_picture(folder / "images" / f"{index:06d}", picture, format="webp", quality=80)
        store_labels(folder / "masks" / f"{index:06d}.png", mask)
    write_json(folder / _MARK, made)


def _is_whole(mark: Path, wanted: Mapping[str, object]) -> bool:
    if not mark.exists():
        return False
    if json.loads(mark.read_text(encoding="utf-8")) != wanted:
        raise FileError(mark, "is of other scenes, photos or another seed", do="choose another folder")
    return True
