"""Writes rendered clips to a folder: in parallel, resumable, the same pixels for the same seed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dias.data.formats.flow_png import flow_to_numbers
from dias.data.synthetic.clip import Clip, draw_clip
from dias.data.synthetic.engine import Eye, load_mujoco, looking
from dias.data.synthetic.film import Film, Stage
from dias.data.synthetic.job import Job, run
from dias.data.synthetic.physics import Trajectory, simulate
from dias.data.synthetic.scene import SHAPES, Variant
from dias.data.synthetic.scripted import Script, draw_script
from dias.data.synthetic.storing import (
    Format,
    store_depth,
    store_labels,
    store_numbers,
    store_picture,
)
from dias.data.synthetic.world import build
from dias.errors import DiasError
from dias.masks.boxes import boxes_from_labels

FORMAT = "dias-clips-1"
_LEAST_VISIBLE = 0.003  # share of the picture that an object must fill to count as seen
_LEAST_SEEN = 1 / 3  # share of the frames in which each object must be seen
_EVERY = 3  # frames that are looked at to tell
_ATTEMPTS = 100


@dataclass(frozen=True, kw_only=True)
class ClipSettings:
    """Everything that decides the pixels of a set, and how they are stored.

    Attributes:
        count: clips.
        seed: of all that is drawn.
        variant: of textures and shapes.
        size: side of the pictures in pixels.
        frames: of a clip.
        rate: frames a second.
        objects: fewest and most; a script has a number of its own.
        camera: `moving`: distance and angles change evenly (as in MOVi-E).
        script: what happens, if it is not left to physics.
        format: of the pictures.
        quality: of webp and jpg.
        depth: write depth.
        flow: write optical flow.
    """

    count: int
    seed: int = 0
    variant: Variant = "standard"
    size: int = 224
    frames: int = 24
    rate: float = 12.0
    objects: tuple[int, int] = (3, 8)
    camera: Literal["still", "moving"] = "still"
    script: Script | None = None
    format: Format = "png"
    quality: int = 90
    depth: bool = True
    flow: bool = True


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A clip, how it went, and its pictures."""

    clip: Clip
    trajectory: Trajectory
    film: Film


def write_clips(folder: Path, settings: ClipSettings, *, workers: int, progress: bool = True) -> None:
    """Render a set of clips, or finish one that was stopped.

    Clip i is drawn from (seed, i) alone: neither the number of workers nor a stop changes a pixel. The
    folder gets frames/, masks/ (8-bit index PNG, 0 = background), depth/ (16-bit PNG, millimetres) and flow/
    (`dias.data.formats.flow_png`), each with a folder a clip and a file a frame, objects.jsonl (classes,
    boxes, poses, contacts and camera of a clip a line) and, last, clips.json.

    Raises:
        DiasError: the folder holds another set; or no OpenGL library can be used.
    """
    parts = ["frames", "masks"]
    parts += ["depth"] * settings.depth + ["flow"] * settings.flow
    job = Job(
        mark="clips.json", unfinished="clip-settings.json", format=FORMAT, unit="clips", parts=tuple(parts)
    )
    run(job, folder, settings, _write_one, classes=SHAPES, workers=workers, progress=progress)


def render_clip(settings: ClipSettings, index: int) -> Shot:
    """Clip `index` of a set: drawn again until every object is seen in a third of the frames.

    Raises:
        DiasError: no such clip is found; mujoco or an OpenGL library is missing.
    """
    mujoco = load_mujoco()
    for attempt in range(_ATTEMPTS):
        clip = _drawn(settings, np.random.default_rng([settings.seed, index, attempt]))
        model = build(mujoco, clip, size=settings.size, free=True)
        trajectory = simulate(mujoco, model, clip, frames=settings.frames, rate=settings.rate)
        stage = Stage(mujoco, model, clip, trajectory)
        with looking(mujoco, model, size=settings.size) as eye:
            if settings.script is not None or _all_seen(stage, eye, len(clip.objects)):
                return Shot(clip=clip, trajectory=trajectory, film=stage.film(eye))
    raise DiasError(f"clip {index}: objects leave the picture too soon in {_ATTEMPTS} attempts; take fewer")


def _drawn(settings: ClipSettings, rng: np.random.Generator) -> Clip:
    if settings.script is None:
        return draw_clip(rng, objects=settings.objects, variant=settings.variant, camera=settings.camera)
    seconds = max(1, settings.frames - 1) / settings.rate
    return draw_script(rng, settings.script, seconds=seconds, variant=settings.variant)


def _all_seen(stage: Stage, eye: Eye, objects: int) -> bool:
    """Whether each object fills enough of the picture in enough frames."""
    masks = [stage.mask(eye, frame) for frame in range(0, stage.frames, _EVERY)]
    pixels = np.stack([np.bincount(mask.ravel(), minlength=objects + 1)[1:] for mask in masks])
    return bool(((pixels >= _LEAST_VISIBLE * masks[0].size).mean(axis=0) >= _LEAST_SEEN).all())


def _write_one(folder: Path, settings: ClipSettings, index: int) -> dict[str, Any]:
    """Render and store a clip."""
    shot = render_clip(settings, index)
    film = shot.film
    for frame in range(settings.frames):
        name = f"{index:06d}/{frame:05d}"
        store_picture(
            folder / "frames" / name, film.frames[frame], format=settings.format, quality=settings.quality
        )
        store_labels(folder / "masks" / f"{name}.png", film.mask[frame])
        if settings.depth:
            store_depth(folder / "depth" / f"{name}.png", film.depth[frame])
        if settings.flow:
            store_numbers(folder / "flow" / f"{name}.png", flow_to_numbers(film.flow[frame]))
    return _description(index, shot)


def _description(index: int, shot: Shot) -> dict[str, Any]:
    count, size = len(shot.clip.objects), shot.film.mask.shape[1]
    boxes = [(boxes_from_labels(mask, count) * size).round().astype(int).tolist() for mask in shot.film.mask]
    path, last = shot.trajectory, len(shot.film.frames)
    cameras = [shot.clip.camera(frame / max(1, last - 1)) for frame in range(last)]
    return {
        "clip": index,
        "objects": [
            {
                "class": SHAPES.index(thing.shape),
                "shape": thing.shape,
                "radius": round(thing.radius, 4),
                "pattern": thing.surface.pattern,
                "boxes": [frame[number] for frame in boxes],
                "positions": path.positions[:last, number].round(3).tolist(),
                "rotations": path.rotations[:last, number].round(4).tolist(),
            }
            for number, thing in enumerate(shot.clip.objects)
        ],
        "contacts": [
            {
                "frame": contact.frame,
                "objects": contact.objects,
                "force": round(contact.force, 1),
                "position": [round(x, 3) for x in contact.position],
            }
            for contact in path.contacts
        ],
        "camera": [
            [round(camera.distance, 4), round(camera.azimuth, 3), round(camera.elevation, 3)]
            for camera in cameras
        ],
    }
