"""Writes rendered scenes to a folder: in parallel, resumable, the same pixels for the same seed."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from dias.data.synthetic.job import Job, run
from dias.data.synthetic.render import Rendering, render
from dias.data.synthetic.scene import SHAPES, Scene, Variant, draw_scene
from dias.data.synthetic.storing import Format, store_depth, store_labels, store_picture
from dias.errors import DiasError
from dias.masks.boxes import boxes_from_labels

FORMAT = "dias-scenes-1"
_LEAST_VISIBLE = 0.003  # share of the picture that an object must fill to count
_ATTEMPTS = 50


@dataclass(frozen=True, kw_only=True)
class SceneSettings:
    """Everything that decides the pixels of a set, and how they are stored."""

    count: int
    seed: int = 0
    variant: Variant = "standard"
    size: int = 224
    objects: tuple[int, int] = (3, 8)
    format: Format = "png"
    quality: int = 90
    depth: bool = True


def write_scenes(folder: Path, settings: SceneSettings, *, workers: int, progress: bool = True) -> None:
    """Render a set of scenes, or finish one that was stopped.

    Scene i is drawn from (seed, i) alone: neither the number of workers nor a stop changes a pixel. The
    folder gets images/, masks/ (8-bit index PNG, 0 = background), depth/ (16-bit PNG, millimetres),
    objects.jsonl (classes, visible boxes and shares, materials, places) and, last, scenes.json.

    Raises:
        DiasError: the folder holds another set; or no OpenGL library can be used.
    """
    job = Job(
        mark="scenes.json",
        unfinished="settings.json",
        format=FORMAT,
        unit="images",
        parts=("images", "masks", *(["depth"] if settings.depth else [])),
    )
    run(job, folder, settings, _write_one, classes=SHAPES, workers=workers, progress=progress)


def render_visible(settings: SceneSettings, index: int) -> tuple[Scene, Rendering]:
    """Scene `index` of a set: drawn again until enough objects can be seen.

    Objects that fill too little of the picture are taken out of the scene, so that nothing in the picture is
    without a segment.
    """
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([settings.seed, index, attempt])
        scene = draw_scene(rng, objects=settings.objects, variant=settings.variant)
        picture = render(scene, size=settings.size)
        visible = _visible(picture.mask, len(scene.objects))
        if len(visible) < len(scene.objects):
            scene = replace(scene, objects=tuple(scene.objects[i] for i in visible))
            picture = render(scene, size=settings.size)
        if settings.objects[0] <= len(_visible(picture.mask, len(scene.objects))) == len(scene.objects):
            return scene, picture
    raise DiasError(
        f"scene {index}: no view with {settings.objects[0]} visible objects in {_ATTEMPTS} attempts"
    )


def _visible(mask: UInt8[np.ndarray, "s s"], objects: int) -> list[int]:
    """Objects (from 0) that fill enough of the picture."""
    pixels = np.bincount(mask.ravel(), minlength=objects + 1)[1:]
    return [int(i) for i in np.flatnonzero(pixels >= _LEAST_VISIBLE * mask.size)]


def _write_one(folder: Path, settings: SceneSettings, index: int) -> dict[str, Any]:
    """Render and store a scene."""
    scene, picture = render_visible(settings, index)
    name = f"{index:06d}"
    store_picture(folder / "images" / name, picture.image, format=settings.format, quality=settings.quality)
    store_labels(folder / "masks" / f"{name}.png", picture.mask)
    if settings.depth:
        store_depth(folder / "depth" / f"{name}.png", picture.depth)
    return _description(index, scene, picture)


def _description(index: int, scene: Scene, picture: Rendering) -> dict[str, Any]:
    boxes = boxes_from_labels(picture.mask, len(scene.objects))
    pixels = np.bincount(picture.mask.ravel(), minlength=len(scene.objects) + 1)[1:]
    return {
        "scene": index,
        "objects": [
            {
                "class": SHAPES.index(thing.shape),
                "shape": thing.shape,
                "box": [round(float(x), 6) for x in box],
                "visible": round(float(count) / picture.mask.size, 6),
                "radius": round(thing.radius, 4),
                "place": [round(x, 4) for x in thing.place],
                "pattern": thing.surface.pattern,
                "specular": round(thing.surface.specular, 3),
                "shininess": round(thing.surface.shininess, 3),
            }
            for thing, box, count in zip(scene.objects, boxes, pixels, strict=True)
        ],
    }
