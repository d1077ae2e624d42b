"""Writes videos, annotations and questions to a folder laid out as CLEVRER's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Bool, UInt8
from pycocotools import mask as coco

from dias.data.clevrer import values
from dias.data.clevrer.layout import SPLITS, annotation_file, proposals_file, questions_file, video_file
from dias.data.clevrer.log import MOVING, log_of
from dias.data.clevrer.proposals import Proposal, ProposalFrame, Proposals
from dias.data.formats.coco_mask import RunLengths
from dias.data.synthetic.clevrer.asking import Candidate
from dias.data.synthetic.clevrer.balancing import balanced
from dias.data.synthetic.clevrer.describing import describing
from dias.data.synthetic.clevrer.drawing import SECONDS
from dias.data.synthetic.clevrer.filming import film
from dias.data.synthetic.clevrer.reasoning import reasoning
from dias.data.synthetic.clevrer.telling import Told, tell
from dias.data.synthetic.engine import load_mujoco
from dias.data.synthetic.job import Job, run
from dias.files import write_atomic

FORMAT = "dias-clevrer-1"
_UNCLEAR = (0.4 * MOVING, 2.0 * MOVING)  # metres a second: about as fast as what counts as moving
_TURNING = 0.3  # radians a second: turns, though it may be on the spot
_STREAMS = {"draw": 0, "ask": 1, "balance": 2}  # random numbers of each have nothing to do with the others


@dataclass(frozen=True, kw_only=True)
class ClevrerSettings:
    """Everything that decides a set.

    Attributes:
        clips: videos of the training split.
        validation: videos of the validation split.
        seed: of all that is drawn.
        frames: of a video, in 5.12 seconds.
        size: width and height of the pictures.
        objects: fewest and most.
        render: write videos and segments; without, annotations and questions alone.
    """

    clips: int
    validation: int = 0
    seed: int = 0
    frames: int = 128
    size: tuple[int, int] = (480, 320)
    objects: tuple[int, int] = (4, 6)
    render: bool = True

    @property
    def count(self) -> int:
        """Videos of both splits."""
        return self.clips + self.validation

    def scene(self, index: int) -> tuple[values.Split, int]:
        """Split and number of a video; CLEVRER's validation begins with 10,000."""
        split: values.Split = "train" if index < self.clips else "validation"
        return split, index if split == "train" else SPLITS[split].start + index - self.clips


def write_clevrer(folder: Path, settings: ClevrerSettings, *, workers: int, progress: bool = True) -> None:
    """Make a set, or finish one that was stopped.

    Video i follows from (seed, i) alone; which questions are kept, from all videos of its split. Neither the
    number of workers nor a stop changes a byte.

    Raises:
        DiasError: the folder holds another set; mujoco or PyAV is missing; or no OpenGL library can be used.
    """
    if settings.render:
        import dias.data.formats.video_write  # noqa: F401 - says at once if PyAV is missing
    job = Job(
        mark="clevrer.json",
        unfinished="clevrer-settings.json",
        format=FORMAT,
        unit="videos",
        parts=(),
        gather=_gather,
    )
    run(job, folder, settings, _write_one, classes=values.SHAPES, workers=workers, progress=progress)


def questions_about(annotation: values.Annotation, seed: Sequence[int]) -> list[Candidate]:
    """All questions that may be asked about a video."""
    rng = np.random.default_rng(seed)
    log = log_of(annotation)
    return [*describing(log, unclear_frames(annotation), rng), *reasoning(log, rng)]


def unclear_frames(annotation: values.Annotation) -> Bool[np.ndarray, " t"]:
    """Frames in which some object in the picture is nearly as slow as what rests, or turns on the spot."""

    def unclear(pose: values.Pose) -> bool:
        speed = float(np.hypot(*pose.velocity[:2]))
        turning = abs(pose.angular_velocity[2]) > _TURNING and speed <= MOVING
        return pose.inside_camera_view and (_UNCLEAR[0] < speed < _UNCLEAR[1] or turning)

    return np.array([any(map(unclear, moment.objects)) for moment in annotation.motion_trajectory])


def _write_one(folder: Path, settings: ClevrerSettings, index: int) -> dict[str, Any]:
    """Simulate, ask about, render and store a video; the description holds its possible questions."""
    split, scene = settings.scene(index)
    mujoco = load_mujoco()
    told = tell(
        mujoco,
        (settings.seed, _STREAMS["draw"], index),
        scene=scene,
        frames=settings.frames,
        objects=settings.objects,
    )
    if settings.render:
        _render(mujoco, folder, settings, told, split, scene)
    _store(annotation_file(folder, split, scene), told.annotation)
    candidates = questions_about(told.annotation, (settings.seed, _STREAMS["ask"], index))
    return {"candidates": msgspec.to_builtins(candidates)}


def _render(
    mujoco: Any, folder: Path, settings: ClevrerSettings, told: Told, split: values.Split, scene: int
) -> None:
    from dias.data.formats.video_write import write_mp4

    segments: list[ProposalFrame] = []

    def frames() -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        drawn = film(mujoco, told.actors, told.motion, frames=settings.frames, size=settings.size)
        for number, (picture, mask) in enumerate(drawn):
            segments.append(ProposalFrame(number, _segments(told.annotation, mask)))
            yield picture

    rate = Fraction(settings.frames) / Fraction(str(SECONDS))
    write_mp4(video_file(folder, split, scene), frames(), rate=rate)
    found = Proposals(scene, told.annotation.video_filename, tuple(segments))
    _store(proposals_file(folder, scene), found)


def _segments(annotation: values.Annotation, mask: UInt8[np.ndarray, "h w"]) -> tuple[Proposal, ...]:
    """Each object that is seen, with what it looks like, as CLEVRER's proposals have it."""
    found = []
    for thing in annotation.object_property:
        own = np.asfortranarray(mask == thing.object_id + 1)
        if own.any():
            encoded = coco.encode(own.astype(np.uint8))
            height, width = encoded["size"]
            runs = RunLengths((int(height), int(width)), encoded["counts"].decode("ascii"))
            found.append(Proposal(runs, thing.color, thing.material, thing.shape, 1.0))
    return tuple(found)


def _gather(folder: Path, settings: Any, parts: Iterator[dict[str, Any]]) -> None:
    """Choose among the possible questions of each split, and write them."""
    assert isinstance(settings, ClevrerSettings)
    found: dict[values.Split, list[list[Candidate]]] = {"train": [], "validation": []}
    scenes: dict[values.Split, list[int]] = {"train": [], "validation": []}
    for index, part in enumerate(parts):
        split, scene = settings.scene(index)
        found[split].append(msgspec.convert(part["candidates"], list[Candidate]))
        scenes[split].append(scene)
    for number, (split, videos) in enumerate(found.items()):
        if not videos:
            continue
        chosen = balanced(videos, seed=(settings.seed, _STREAMS["balance"], number))
        asked = [
            values.VideoQuestions(scene, f"video_{scene:05d}.mp4", questions)
            for scene, questions in zip(scenes[split], chosen, strict=True)
        ]
        _store(questions_file(folder, split), asked)


def _store(file: Path, content: Any) -> None:
    encoded = msgspec.json.encode(content)
    write_atomic(file, lambda f: f.write(encoded))
