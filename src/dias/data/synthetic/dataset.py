"""Writes rendered scenes to a folder: in parallel, resumable, the same pixels for the same seed."""

import json
import os
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from dias.data.parallel import each
from dias.data.synthetic.render import Rendering, render
from dias.data.synthetic.scene import SHAPES, Scene, Variant, draw_scene
from dias.errors import DiasError
from dias.files import write_atomic, write_json, write_text
from dias.masks.boxes import boxes_from_labels
from dias.progress import ProgressLine
from dias.provenance import record

FORMAT = "dias-scenes-1"
_LEAST_VISIBLE = 0.003  # share of the picture that an object must fill to count
_ATTEMPTS = 50
_MILLIMETRES = 1000


@dataclass(frozen=True, kw_only=True)
class SceneSettings:
    """Everything that decides the pixels of a set, and how they are stored."""

    count: int
    seed: int = 0
    variant: Variant = "standard"
    size: int = 224
    objects: tuple[int, int] = (3, 8)
    format: Literal["png", "webp", "jpg"] = "png"
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
    _check(folder, settings)
    if (folder / "scenes.json").exists():
        return  # whole already
    for part in ("images", "masks", "parts", *(["depth"] if settings.depth else [])):
        (folder / part).mkdir(parents=True, exist_ok=True)
    write_json(folder / "parts" / "settings.json", asdict(settings))
    todo = [i for i in range(settings.count) if not _part(folder, i).exists()]
    done = settings.count - len(todo)
    with ProgressLine("render", total=settings.count, done=done, shown=progress) as line:
        for _ in each(partial(_write_one, folder, settings), todo, workers=workers):
            line.step(note=f"{line.speed:.1f} images/s")
    _finish(folder, settings)


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


def _write_one(folder: Path, settings: SceneSettings, index: int) -> int:
    """Render and store a scene; its description comes last and says that the rest is whole."""
    scene, picture = render_visible(settings, index)
    name = f"{index:06d}"
    image = Image.fromarray(picture.image)
    match settings.format:
        case "png":
            write_atomic(folder / "images" / f"{name}.png", lambda f: image.save(f, "PNG"))
        case "webp":
            write_atomic(
                folder / "images" / f"{name}.webp",
                lambda f: image.save(f, "WEBP", quality=settings.quality, method=6),
            )
        case "jpg":
            write_atomic(
                folder / "images" / f"{name}.jpg",
                lambda f: image.save(f, "JPEG", quality=settings.quality, optimize=True),
            )
    write_atomic(
        folder / "masks" / f"{name}.png",
        lambda f: Image.fromarray(picture.mask).save(f, "PNG", optimize=True),
    )
    if settings.depth:
        depth = np.clip(picture.depth * _MILLIMETRES, 0, 65535).round().astype(np.uint16)
        write_atomic(folder / "depth" / f"{name}.png", lambda f: Image.fromarray(depth).save(f, "PNG"))
    write_json(_part(folder, index), _description(index, scene, picture))
    return index


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


def _finish(folder: Path, settings: SceneSettings) -> None:
    """Gather the descriptions into one file; scenes.json says that the set is whole."""
    parts = [json.loads(_part(folder, i).read_text()) for i in range(settings.count)]
    write_text(
        folder / "objects.jsonl", "".join(json.dumps(part, separators=(",", ":")) + "\n" for part in parts)
    )
    write_json(
        folder / "scenes.json",
        {"format": FORMAT, "settings": asdict(settings), "classes": SHAPES, "provenance": record().to_dict()},
    )
    for file in (folder / "parts").iterdir():
        file.unlink()
    (folder / "parts").rmdir()


def _check(folder: Path, settings: SceneSettings) -> None:
    for file in (folder / "scenes.json", folder / "parts" / "settings.json"):
        if not file.exists():
            continue
        found = json.loads(file.read_text())
        found = found.get("settings", found)
        wanted = json.loads(json.dumps(asdict(settings)))
        if found != wanted:
            odd = sorted(key for key in wanted if found.get(key) != wanted[key])
            raise DiasError(
                f"{folder}: holds scenes made with another {', '.join(odd)}; choose another folder"
            )


def _part(folder: Path, index: int) -> Path:
    return folder / "parts" / f"{index:06d}.json"


def default_workers() -> int:
    """One process a core."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
