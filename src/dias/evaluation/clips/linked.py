"""Models of clips on clips: followed frame by frame, with recurrent state only, as in use."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from dias.backbones import Tokens
from dias.checkpoints import CLIP_FORMAT, describe, find, load_clip_model
from dias.data.samples import ClipSource
from dias.errors import DiasError
from dias.evaluation.clips.results import ClipEvaluation
from dias.evaluation.clips.run import evaluate_together
from dias.evaluation.clips.views import ShownFrame
from dias.evaluation.passes import backbone_of, device_of, noise
from dias.evaluation.protocol import EvaluationConfig, MapSource
from dias.inference.shortcuts import on_device
from dias.masks.resize import label_map
from dias.models.clip import ClipModel
from dias.models.clip_frames import one_frame
from dias.models.clip_outputs import ClipState, Cues


@dataclass(frozen=True, kw_only=True)
class ClipCandidate:
    """A model of clips to measure, with its backbone, and what it is called."""

    model: ClipModel
    name: str = "model"

    def changed(self, *, motion: bool = False, arrivals: bool | None = None) -> "ClipCandidate":
        """The same under other rules of later frames (`ContinuityConfig.changed`); its name says so."""
        continuity = self.model.config.continuity.changed(motion=motion, arrivals=arrivals)
        words = [", motion"] if motion else []
        words += [] if arrivals is None else [", arrivals" if arrivals else ", no arrivals"]
        return ClipCandidate(model=self.model.with_continuity(continuity), name=self.name + "".join(words))


def clip_candidate(path: Path, *, weights: str | None = None, device: str = "auto") -> ClipCandidate:
    """Load a checkpoint (a file, or a run's folder) of a model of clips to measure it.

    Args:
        path: as `dias.checkpoints.load_clip_model` takes it.
        weights: local path of the backbone's weights.
        device: auto takes a GPU when there is one.

    Raises:
        DiasError: as `load_clip_model`; or there is no such device.
    """
    return ClipCandidate(
        model=on_device(load_clip_model(path, weights=weights), device), name=str(find(path))
    )


def are_of_clips(paths: Sequence[Path]) -> bool:
    """Whether checkpoints are of models of clips; if not, they are of pictures.

    Raises:
        DiasError: one cannot be read, or only some are of clips.
    """
    of_clips = {path: describe(path)["format"] == CLIP_FORMAT for path in paths}
    if len(set(of_clips.values())) == 2:
        odd = next(path for path, found in of_clips.items() if not found)
        raise DiasError(f"{odd}: is a model of pictures, others are of clips; evaluate those by themselves")
    return all(of_clips.values())


def evaluate_linked(
    candidates: Sequence[ClipCandidate],
    clips: ClipSource,
    *,
    config: EvaluationConfig | None = None,
    progress: bool = True,
) -> tuple[ClipEvaluation, ...]:
    """Measure models of clips in one pass: with reduction and without, by each map.

    Args:
        candidates: at least one.
        clips: with masks; boxes of a first frame's objects are told to models that were made for it.
        config: the protocol; its defaults when None.
        progress: show a bar on stderr.

    Raises:
        DiasError: as `evaluate_clips`; or a model has no backbone.
        SampleError: a frame cannot be read and `config.bad_images` is "stop".
    """
    config = config or EvaluationConfig()
    ways = [
        _Way(
            name=f"{one.name}{'' if reduce else ', not reduced'}",
            model=one.model.eval()
            if config.threshold is None
            else one.model.eval().with_threshold(config.threshold),
            reduce=reduce,
            maps=tuple(
                map for map in config.maps if map == "aggregation" or one.model.image.decoder.gives_map
            ),
        )
        for one in candidates
        for reduce in (True, False)
    ]
    return evaluate_together(
        Linked(ways, config=config),
        clips,
        config.rules,
        names=[f"{way.name}, {map}" for way in ways for map in way.maps],
        bad_clips=config.bad_images,
        progress=progress,
    )


@dataclass(frozen=True, kw_only=True)
class _Way:
    """A model, with or without reduction, and the maps that it is measured by."""

    name: str
    model: ClipModel
    reduce: bool
    maps: tuple[MapSource, ...]

    @property
    def seen_by(self) -> str:
        """The same for models that see the same of a frame."""
        backbone = backbone_of(self.model.image)
        tuned = self.model.image.config.tuned_blocks
        return f"{backbone.weights.sha256} {backbone.config} {device_of(backbone)} {tuned}"


class Linked:
    """Follows a clip in several ways at once; gives of each frame a label map for each way and map.

    A segment's number is its slot's, which is one thing for the whole clip. Frames are seen `config.batch` at
    a time, once for all models with the same backbone; what goes from frame to frame is the models' state.
    """

    def __init__(self, ways: Sequence[_Way], *, config: EvaluationConfig) -> None:
        self._ways = ways
        self._config = config

    @torch.no_grad()
    def __call__(self, frames: Iterator[ShownFrame], /) -> Iterator[tuple[Int64[Tensor, "h w"], ...]]:
        """Segment one clip."""
        follow: list[_Follower] | None = None
        while batch := list(islice(frames, self._config.batch)):
            images, seen = torch.stack([frame.image for frame in batch]), dict[str, Tokens]()
            for way in self._ways:
                if way.seen_by not in seen:
                    device = device_of(backbone_of(way.model.image))
                    seen[way.seen_by] = way.model.image.see(images.to(device))
            follow = follow or [_Follower(way, batch[0], seed=self._config.seed) for way in self._ways]
            for at, frame in enumerate(batch):
                yield tuple(
                    labels
                    for one in follow
                    for labels in one(one_frame(seen[one.way.seen_by], at, of=len(batch)), size=frame.size)
                )


class _Follower:
    """One way through one clip; its random numbers depend on the seed and on the clip's place alone."""

    def __init__(self, way: _Way, first: ShownFrame, *, seed: int) -> None:
        self.way = way
        self._state: ClipState | None = None
        self._noise = noise(seed, first.clip)
        self._cues = _told(way.model, first)

    def __call__(self, seen: Tokens, *, size: int) -> Iterator[Int64[Tensor, "h w"]]:
        """The next frame's label maps."""
        self._state, output = self.way.model.step(
            self._state,
            seen,
            cues=self._cues if self._state is None else None,
            reduce=self.way.reduce,
            decode="decoder" in self.way.maps,
            generator=self._noise,
        )
        for source in self.way.maps:
            maps = output.decoder_attention if source == "decoder" else output.attention[-1]
            assert maps is not None
            yield label_map(maps, grid=seen.grid, size=(size, size), kept=output.mask)[0]


def _told(model: ClipModel, first: ShownFrame) -> Cues | None:
    if first.boxes is None:
        return None
    boxes = torch.from_numpy(np.asarray(first.boxes, dtype=np.float32))
    return model.cues(boxes[None].to(device_of(backbone_of(model.image))))
