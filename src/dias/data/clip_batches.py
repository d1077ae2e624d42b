"""Batches of windows: all frames of the first clip, of the second, and so on, each clip in one view."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from dias.data.clip_views import look_flow
from dias.data.frames import ClipFrames, scene_of
from dias.data.loaders import Batch, CachedViews, ViewedImages
from dias.data.order import Key
from dias.data.samples import Skipped
from dias.data.transforms import View, centre_view, nearest, numbered_view
from dias.data.windows import Short, Windows, windows_of
from dias.errors import DiasError, SampleError
from dias.masks.boxes import boxes_from_labels


def frames_of_windows(
    clips: ClipFrames, indices: Sequence[int], *, length: int, stride: int | None, short: Short
) -> tuple[list[tuple[int, ...]], Windows]:
    """Choose the windows all of whose frames may be used.

    Args:
        clips: all frames of all clips.
        indices: those that may be used.
        length: as for `windows_of`.
        stride: likewise.
        short: likewise.

    Returns:
        Of each window the places of its frames in `indices`; and what the windows were chosen from.

    Raises:
        DiasError: there is none.
    """
    source = clips.clips
    lengths = [source.length(clip) for clip in range(len(source))]
    windows = windows_of(lengths, length=length, stride=stride, short=short)
    first = np.cumsum([0, *lengths])
    place = {index: at for at, index in enumerate(indices)}
    found = []
    for clip, start in windows.starts:
        frames = [int(first[clip]) + min(start + step, lengths[clip] - 1) for step in range(length)]
        if all(frame in place for frame in frames):
            found.append(tuple(place[frame] for frame in frames))
    if not found:
        raise DiasError(f"data.train: no clip has {length} readable frames; take a smaller clip.frames")
    return found, windows


class ShownFrames:
    """Frames of clips in the numbered views that training has of them.

    Args:
        source: the frames, with what is asked for.
        size: side of a view, pixels.
        seed: of the views.
        centre: views are the centre alone, as in a cache without random ones.
    """

    def __init__(self, source: ClipFrames, *, size: int, seed: int, centre: bool = False) -> None:
        self.source = source
        self.size = size
        self.seed = seed
        self.centre = centre

    def view(self, index: int, number: int, height: int, width: int) -> View:
        """What view `number` shows of frame `index`."""
        if self.centre:
            return centre_view(height, width, size=self.size)
        scene = scene_of(self.source, index)
        return numbered_view(height, width, size=self.size, seed=self.seed, index=scene, number=number)


class FirstBoxes(ShownFrames):
    """Boxes of what a view shows of a picture's objects, from its masks."""

    def __call__(self, index: int, number: int) -> Float[Tensor, "k 4"]:
        """Of frame `index` in view `number`: x0, y0, x1, y1 in shares of the view; zeros for what is unseen.

        Raises:
            SampleError: the frame cannot be read.
            DiasError: it has no mask.
        """
        sample = self.source[index]
        if sample.mask is None:
            raise DiasError(f"{sample.name}: has no masks, which told queries need; leave clip.cues out")
        view = self.view(index, number, *sample.image.shape[:2])
        count = len(sample.boxes) if sample.boxes is not None else int(sample.mask.max())
        return torch.from_numpy(boxes_from_labels(nearest(sample.mask, view), count)).float()


class WindowFlow(ShownFrames):
    """Optical flow of a window's frames as a view shows them."""

    def __call__(self, indices: Sequence[int], number: int) -> Float[Tensor, "t 2 s s"]:
        """Of frames `indices` of one clip in view `number`: pixels of the view to the next frame.

        Where a clip's last frame is repeated, nothing moves.

        Raises:
            SampleError: a frame cannot be read.
            DiasError: the clip has no flow.
        """
        places = [self.source.place(index) for index in indices]
        clip, frames = places[0][0], [frame for _, frame in places]
        different = sorted(set(frames))
        sample = self.source.clips.read(clip, different)
        if sample.flow is None:
            raise DiasError(
                f"{sample.name}: has no optical flow, which model.target=flow needs; read it with "
                "data.train.flow=true, or take clips that have it (dias synth videos)"
            )
        view = self.view(indices[0], number, *sample.flow.shape[1:3])
        shown = {
            frame: torch.from_numpy(np.ascontiguousarray(look_flow(flow, view))).float().movedim(-1, 0)
            for frame, flow in zip(different, sample.flow, strict=True)
        }
        found = torch.stack([shown[frame] for frame in frames])
        for at, (frame, following) in enumerate(pairwise(frames)):
            if frame == following:
                found[at] = 0
        return found


class ViewedWindows(Dataset[Batch]):
    """Windows of clips, by (window, view number); all frames of a window share the view.

    Args:
        frames: views of the single frames, or their cached features.
        windows: of each the places of its frames.
        boxes: gives those of a window's first frame, where they are wanted.
        flow: gives that of a window's frames, where it is wanted.
        indices: of each place its index in the data set, for `boxes` and `flow`.
        policy: stop at a window with an unreadable frame; or show the next readable window in its place and
            remember it.

    Attributes:
        unreadable: windows that could not be read so far, by any worker.
    """

    def __init__(
        self,
        frames: ViewedImages | CachedViews,
        windows: Sequence[Sequence[int]],
        *,
        indices: Sequence[int],
        boxes: FirstBoxes | None = None,
        flow: WindowFlow | None = None,
        policy: Literal["stop", "skip"] = "stop",
    ) -> None:
        self.frames = frames
        self.windows = windows
        self.indices = indices
        self.boxes = boxes
        self.flow = flow
        self.policy = policy
        self.unreadable = torch.zeros(len(windows), dtype=torch.bool)
        self.unreadable.share_memory_()  # type: ignore[no-untyped-call]  # tried once, by whichever worker

    def __len__(self) -> int:
        return len(self.windows)

    def batch(self, keys: list[Key]) -> Batch:
        """Read a batch: every window's frames, one window after another.

        Raises:
            SampleError: a frame cannot be read and the policy is "stop".
            DiasError: no window can be read.
        """
        return _joined([self._read(key) for key in keys])

    def skipped(self) -> list[Skipped]:
        """The windows found unreadable so far; they are tried again to say why."""
        return [self._reason(window) for window in self.unreadable.nonzero().flatten().tolist()]

    def _read(self, key: Key) -> Batch:
        index, number = key
        for window in range(index, index + len(self)):
            window %= len(self)
            if self.unreadable[window]:
                continue
            try:
                return self._window(window, number)
            except SampleError:
                if self.policy == "stop":
                    raise
                self.unreadable[window] = True
        raise DiasError(f"training: none of the {len(self)} windows could be read; check the data folder")

    def _window(self, window: int, number: int) -> Batch:
        frames = self.windows[window]
        found = self.frames.batch([(place, number) for place in frames])
        indices = [self.indices[place] for place in frames]
        return replace(
            found,
            indices=torch.tensor([window]),
            boxes=None if self.boxes is None else self.boxes(indices[0], number)[None],
            flow=None if self.flow is None else self.flow(indices, number),
        )

    def _reason(self, window: int) -> Skipped:
        reason, name = "could not be read at first; it can now", f"window {window}"
        try:
            self._window(window, 0)
        except SampleError as error:
            name, reason = str(error.file), error.problem
        return Skipped(name=name, reason=reason)


def _joined(parts: Sequence[Batch]) -> Batch:
    images = [part.images for part in parts if part.images is not None]
    features = [part.features for part in parts if part.features is not None]
    boxes = [part.boxes[0] for part in parts if part.boxes is not None]
    flow = [part.flow for part in parts if part.flow is not None]
    return Batch(
        images=torch.cat(images) if images else None,
        features=torch.cat(features) if features else None,
        indices=torch.cat([part.indices for part in parts]),
        boxes=_padded(boxes) if boxes else None,
        flow=torch.cat(flow) if flow else None,
    )


def _padded(boxes: Sequence[Float[Tensor, "_ 4"]]) -> Float[Tensor, "c k 4"]:
    """Boxes of several clips side by side, with rows of zeros where a clip has fewer objects."""
    padded = torch.zeros(len(boxes), max(len(one) for one in boxes), 4)
    for row, one in zip(padded, boxes, strict=True):
        row[: len(one)] = one
    return padded
