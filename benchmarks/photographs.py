"""JPEG files as COCO's are: its usual sizes, about 160 KB each, out of the sample photos."""

from pathlib import Path

import numpy as np
from PIL import Image

from dias.data.sources import pictures_at

# Height, width: how often each comes in COCO, roughly.
_SIZES = [(480, 640)] * 4 + [(640, 480)] * 2 + [(427, 640)] * 3 + [(375, 500)]
_GRAIN = 8.0  # of a camera's sensor; it is what brings resized photos to the bytes of real ones


def write_photographs(folder: Path, *, count: int, seed: int = 0) -> list[Path]:
    """Random parts of the sample photos, half of them mirrored, with grain, at quality 90 to 95, 4:2:0."""
    folder.mkdir(parents=True)
    photos = pictures_at("photos")
    images = [photos[index].image for index in range(len(photos))]
    rng = np.random.default_rng(seed)
    files = [folder / f"{number:06d}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        image = images[int(rng.integers(len(images)))]
        picture = _photograph(image, *_SIZES[number % len(_SIZES)], rng)
        picture.save(file, quality=int(rng.integers(90, 96)), subsampling="4:2:0")
    return files


def _photograph(image: np.ndarray, height: int, width: int, rng: np.random.Generator) -> Image.Image:
    scale = rng.uniform(0.6, 1) * min(image.shape[0] / height, image.shape[1] / width)
    h, w = int(height * scale), int(width * scale)
    y, x = int(rng.integers(image.shape[0] - h + 1)), int(rng.integers(image.shape[1] - w + 1))
    part = Image.fromarray(np.ascontiguousarray(image[y : y + h, x : x + w]))
    pixels = np.asarray(part.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)
    grain = rng.normal(0, _GRAIN, (height, width, 1)).astype(np.float32)
    mirrored = pixels[:, ::-1] if rng.random() < 0.5 else pixels
    return Image.fromarray((mirrored + grain).clip(0, 255).astype(np.uint8))
