"""Objects of a visitor's picture or clip, under any cut of its merge trees."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dias.backbones import Tokens
from dias.checkpoints import CLIP_FORMAT, describe, load_clip_model, load_model
from dias.data.streams import StreamFrame
from dias.errors import DiasError
from dias.evaluation.closely import Tree
from dias.inference.looking import see
from dias.inference.segment import Segmenter
from dias.inference.shortcuts import on_device, shipped
from dias.models import ClipModel, ImageModel, SlotOutput, following
from dias.models.clip_frames import one_frame
from dias.models.unmerged import merges_by_distance, unmerged, unmerged_clip
from dias.nn.slots.aggregation import Aggregation, AggregationConfig
from dias.nn.slots.dendrogram import dendrogram
from dias.nn.slots.thresholds import AUTOMATIC, ClusterCount, Evidence, Threshold
from dias.precision import arithmetic
from dias.web.looking import Looked, Shown, shrunk, spread
from dias.web.settings import PageConfig
from dias.web.uploads import Upload

MapOf = Literal["aggregation", "decoder"]
_BATCH = 8  # frames that the backbone sees at once


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Where merge trees are cut.

    Attributes:
        how: "auto" lets each picture tell; "distance" and "number" take what is said below.
        distance: cosine distance, 0 to 2.
        number: of objects, 2 or more.
    """

    how: Literal["auto", "distance", "number"] = "auto"
    distance: float = 0.2
    number: int = 2

    @property
    def threshold(self) -> Threshold:
        """As models take it."""
        if self.how == "auto":
            return AUTOMATIC
        return float(self.distance) if self.how == "distance" else ClusterCount(clusters=self.number)


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameObjects:
    """What was found in one picture; a slot has the same number in all stages.

    Attributes:
        first: how slots share the tokens after the first iteration.
        last: after the last one, had nothing been merged.
        final: after reduction and re-initialized aggregation; rows of slots that are not kept mean nothing.
        grid: rows and columns of the tokens.
        kept: slots that are left.
        slots: one vector a slot; likewise.
        before: the slots that were to be merged; None for a model that does not merge by distance.
        tree: how they merge; likewise.
    """

    first: Float[Tensor, "n m"]
    last: Float[Tensor, "n m"]
    final: Float[Tensor, "n m"]
    grid: tuple[int, int]
    kept: Bool[np.ndarray, " n"]
    slots: Float[np.ndarray, "n d"]
    before: Float[np.ndarray, "n d"] | None
    tree: Tree | None


def open_finder(
    path: Path | None, *, map: MapOf | None = None, weights: str | None = None, device: str = "auto"
) -> "Finder":
    """Load a model of pictures or of clips; the one that ships with the package if None.

    Args:
        path: a checkpoint file, or the folder of a run.
        map: whose attention gives the masks; None: the decoder's of the model that ships, else the
            aggregation's, as `dias segment` has it.
        weights: local path of the backbone's weights.
        device: where it computes.

    Raises:
        DiasError: it cannot be loaded.
    """
    place = path or shipped()
    of_clips = describe(place)["format"] == CLIP_FORMAT
    model: ClipModel | ImageModel
    if of_clips:
        model = on_device(load_clip_model(place, weights=weights), device)
    else:
        model = on_device(load_model(place, weights=weights), device)
    name = str(path) if path else "the model that ships with DIAS"
    return Finder(model, map=map or ("aggregation" if path else "decoder"), name=name)


class Finder:
    """Finds the objects of pictures and clips; several threads may ask, and wait for one another.

    Pictures are treated as by `dias.inference.Segmenter`, clips as by `dias.inference.tracks.Tracker`.

    Args:
        model: with its backbone; of clips, or of pictures, which follows clips where it can.
        map: whose attention gives the masks.
        name: of the model, for people.

    Raises:
        DiasError: the model has no backbone, or sees another size than its decoder knows.
    """

    def __init__(
        self, model: ImageModel | ClipModel, *, map: MapOf = "aggregation", name: str = "model"
    ) -> None:
        self.model, self.map, self.name = model.eval(), map, name
        self.image = model.image if isinstance(model, ClipModel) else model
        self._plain = Segmenter(self.image, map=map)  # checks the model, and draws its queries
        self._lock = threading.Lock()

    @property
    def slots(self) -> int:
        """With which every picture begins."""
        return int(self._plain.queries.shape[1])

    @property
    def merges(self) -> bool:
        """Whether there are trees to cut."""
        return merges_by_distance(self.image)

    @property
    def distance(self) -> float | None:
        """The model's own threshold; None: it is an automatic one, or there is none."""
        config = self.image.config.aggregation
        return config.distance if isinstance(config, AggregationConfig) else None

    def look(self, upload: Upload, limits: PageConfig) -> Looked:
        """Let the backbone look at an upload.

        Raises:
            DiasError: no frame can be decoded, or the clip is too long after all.
        """
        frames = spread(upload.frames, limits.frames, partial(self._shown, upload.name, limits.side))
        if not frames:
            raise DiasError(f"{upload.name}: no frame of it can be decoded; convert it to MP4")
        with self._computing():
            tokens = tuple(self._tokens(frames))
        return Looked(name=upload.name, of_clip=upload.of_clip, frames=tuple(frames), tokens=tokens)

    def find(self, looked: Looked, cut: Cut) -> list[FrameObjects]:
        """The objects of what was looked at, frame by frame.

        Raises:
            DiasError: it is a clip, and this model cannot follow one.
        """
        with self._computing():
            if not looked.of_clip:
                image = self.image.with_threshold(cut.threshold) if self.merges else self.image
                return [self._in_picture(image, looked.tokens[0])]
            clip = self.model if isinstance(self.model, ClipModel) else following(self.image)
            clip = clip.with_threshold(cut.threshold) if self.merges else clip
            return list(self._in_clip(clip, looked.tokens))

    def _shown(self, name: str, side: int, frame: StreamFrame) -> Shown:
        seen = see(frame.picture, name=name, size=self._plain.size, fit="whole")
        return Shown(time=frame.time, seen=seen, picture=shrunk(frame.picture, side))

    def _tokens(self, frames: Sequence[Shown]) -> Iterator[Tokens]:
        for start in range(0, len(frames), _BATCH):
            batch = frames[start : start + _BATCH]
            pictures = torch.from_numpy(np.stack([one.seen.picture for one in batch])).permute(0, 3, 1, 2)
            found = self.image.see(pictures.to(self._plain.queries.device), backbone=self._plain.backbone)
            yield from (one_frame(found, place, of=len(batch)) for place in range(len(batch)))

    def _in_picture(self, image: ImageModel, tokens: Tokens) -> FrameObjects:
        queries, decode = self._plain.queries, self.map == "decoder"
        final = image.from_tokens(tokens, queries, decode=decode)
        plain = image.from_tokens(tokens, queries, reduce=False, decode=decode)
        stopped = unmerged(image).from_tokens(tokens, queries, decode=False) if self.merges else None
        return _objects(image, tokens, final=final, plain=plain, stopped=stopped)

    def _in_clip(self, clip: ClipModel, tokens: Sequence[Tokens]) -> Iterator[FrameObjects]:
        state, decode, chance = None, self.map == "decoder", _chance()
        twin = unmerged_clip(clip) if self.merges else None
        for one in tokens:
            _, plain = clip.step(state, one, reduce=False, decode=decode, generator=_chance())
            stopped = twin.step(state, one, decode=False, generator=_chance())[1] if twin else None
            state, final = clip.step(state, one, decode=decode, generator=chance)
            yield _objects(clip.image, one, final=final, plain=plain, stopped=stopped)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """One at a time, and in the precision of `Segmenter`."""
        device = self._plain.queries.device
        half = arithmetic(self._plain.backbone.precision, device) == torch.bfloat16
        with self._lock, torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
            yield


def _chance() -> torch.Generator:
    """That of `Tracker`, at its start."""
    return torch.Generator().manual_seed(0)


def _objects(
    image: ImageModel, tokens: Tokens, *, final: SlotOutput, plain: SlotOutput, stopped: SlotOutput | None
) -> FrameObjects:
    return FrameObjects(
        first=plain.attention[0][0].float().cpu(),
        last=_map_of(plain),
        final=_map_of(final),
        grid=tokens.grid,
        kept=final.mask[0].cpu().numpy(),
        slots=final.slots[0].float().cpu().numpy(),
        before=None if stopped is None else stopped.slots[0].float().cpu().numpy(),
        tree=None if stopped is None else _tree(image, tokens, stopped),
    )


def _map_of(output: SlotOutput) -> Float[Tensor, "n m"]:
    decoded = output.decoder_attention
    return (output.attention[-1] if decoded is None else decoded)[0].float().cpu()


def _tree(image: ImageModel, seen: Tokens, stopped: SlotOutput) -> Tree:
    """The merges that the threshold makes, of all that there are."""
    aggregation = image.aggregation
    assert isinstance(aggregation, Aggregation)
    keys, _ = aggregation.competition.keys_values(image.project(seen)[1])
    evidence = Evidence(attention=stopped.attention_logits[-1].softmax(dim=1), tokens=keys)
    clusters = int(aggregation.clusters(stopped.slots, evidence).max()) + 1
    count = stopped.slots.shape[1]
    return Tree(
        merges=dendrogram(stopped.slots).steps(0),
        slots=count,
        cut=count - clusters,
        threshold=aggregation.config.distance,
    )
