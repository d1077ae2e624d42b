"""A user's video: its first frames are seen, what follows is predicted, and shown beside what came."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64, UInt8
from safetensors.torch import save
from torch import Tensor

from dias.config import from_dict, to_dict
from dias.data.samples import Skipped
from dias.data.streams import FrameStream
from dias.errors import DiasError
from dias.files import atomic, sha256, write_atomic, write_json
from dias.inference.shortcuts import load_tracking
from dias.inference.tracks import Tracked, Tracker
from dias.nn.slots.aggregation import AggregationConfig
from dias.prediction.decoding import decoded, explains_alone
from dias.prediction.trained import TrainedRollouter
from dias.provenance import record
from dias.viz import colours, overlay, panels

FORMAT = "dias-rollout-1"
VIDEO, SLOTS, SUMMARY = "rollout.mp4", "rollout.safetensors", "rollout.json"
TITLES = ("video", "slots of what is seen", "slots predicted")
_SIZE = 256  # side in pixels of the maps, and height of the panels
_OPACITY = 0.8
_RATE = 25.0  # frames a second, where nobody knows
_DARK = 24  # of 255: where the video has ended


@dataclass(frozen=True, kw_only=True)
class RolledOut:
    """How it went: frames that were seen, predicted, and of those the ones that the video has, too."""

    burn_in: int
    predicted: int
    beside_truth: int


def tracker_for(
    trained: TrainedRollouter, checkpoint: Path, *, weights: str | None = None, device: str = "auto"
) -> Tracker:
    """What finds slots such as a rollouter was trained on.

    Args:
        trained: the rollouter.
        checkpoint: of the model, as `TrainedRollouter.model_file` gives it.
        weights: local path of the backbone's weights.
        device: where it goes.

    Raises:
        DiasError: the model cannot be loaded, or its decoder needs more than slots.
    """
    wanted = trained.extraction
    model = load_tracking(checkpoint, weights=weights, device=device)
    explains_alone(model.image)
    if wanted.threshold is not None:
        told = from_dict(AggregationConfig, {"threshold": wanted.threshold}, where="predictor")
        model = model.with_threshold(told.threshold)
    return Tracker(model, map=wanted.map, fit=wanted.fit, size=wanted.size, seed=wanted.seed)


def save_rollout(
    trained: TrainedRollouter,
    tracker: Tracker,
    stream: FrameStream,
    out: Path,
    *,
    steps: int = 40,
    checkpoint: Path,
    predictor: Path,
    on_frame: Callable[[], None] = lambda: None,
) -> RolledOut:
    """See the burn-in of a video, predict what follows, and write it below `out`.

    `rollout.mp4`: the video, masks decoded from the slots that the model finds when it sees each frame, and
    masks decoded from predicted slots; a colour a slot. Where the video has ended, the first two are dark.
    `rollout.safetensors`: slots (frame, slot, dim), kept, and which were predicted. `rollout.json`: counts,
    and where all of it came from.

    Args:
        trained: the rollouter.
        tracker: as `tracker_for` gives it.
        stream: the video.
        out: folder for the results.
        steps: frames to predict, in the rollouter's stride.
        checkpoint: the model's file.
        predictor: the rollouter's file.
        on_frame: called after each frame that the model has seen.

    Raises:
        DiasError: the video has fewer frames than the burn-in.
        SampleError: it cannot be opened.
        FileError: a result cannot be written.
    """
    burn_in, stride = trained.rollouter.config.burn_in, trained.fit.stride
    seen = list[Tracked]()
    wanted = islice(iter(stream), (burn_in + steps - 1) * stride + 1)
    for item in tracker.stream(wanted):
        on_frame()
        if isinstance(item, Skipped):
            if len(seen) <= burn_in * stride:
                raise DiasError(f"{stream.name}: {item.name} cannot be read ({item.reason}); copy it again")
            break
        seen.append(item)
    seen = seen[::stride]
    if len(seen) < burn_in:
        raise DiasError(
            f"{stream.name}: {len(seen)} frames, {stride} apart, fewer than the burn-in of {burn_in}; give a "
            "longer video, or a predictor with a shorter burn-in"
        )
    kept = torch.from_numpy(np.stack([one.kept for one in seen]))
    slots = torch.from_numpy(np.stack([one.slots for one in seen])).masked_fill(~kept[..., None], 0.0)
    with torch.no_grad():
        found = trained.rollouter.rollout(slots[None, :burn_in], kept[None, :burn_in], steps=steps)[0]
    there = kept[burn_in - 1].expand(steps, -1)
    rate = None if stream.rate is None else stream.rate / stride
    _write_video(out / VIDEO, tracker, seen, (slots, kept), (found, there), burn_in=burn_in, rate=rate)
    _write_slots(out / SLOTS, slots[:burn_in], kept[:burn_in], found, there)
    done = RolledOut(burn_in=burn_in, predicted=steps, beside_truth=len(seen) - burn_in)
    write_json(out / SUMMARY, _summary(done, trained, stream, checkpoint=checkpoint, predictor=predictor))
    return done


def _write_video(
    file: Path,
    tracker: Tracker,
    seen: list[Tracked],
    true: tuple[Float[Tensor, "t n d"], Bool[Tensor, "t n"]],
    found: tuple[Float[Tensor, "s n d"], Bool[Tensor, "s n"]],
    *,
    burn_in: int,
    rate: float | None,
) -> None:
    from dias.viz.mp4 import Mp4  # only here: it needs an extra

    image, palette = tracker.model.image, colours(tracker.slots)
    of_seen, of_found = (decoded(image, *each, size=_SIZE).labels.numpy() for each in (true, found))
    dark = np.full_like(seen[0].picture, _DARK)
    grey = np.full_like(seen[0].picture, 128)

    def painted(labels: Int[np.ndarray, "s s"]) -> UInt8[np.ndarray, "h w 3"]:
        return overlay(grey, _in_picture(labels, seen[0]), palette=palette, opacity=_OPACITY)

    with atomic(file) as part, part.open("wb") as stream:
        video: Mp4 | None = None
        for frame in range(burn_in + len(of_found)):
            shown = [
                seen[frame].picture if frame < len(seen) else dark,
                painted(of_seen[frame]) if frame < len(seen) else dark,
                painted(of_found[frame - burn_in]) if frame >= burn_in else dark,
            ]
            sheet = panels(shown, titles=TITLES, height=_SIZE)
            video = video or Mp4(stream, height=sheet.shape[0], width=sheet.shape[1], rate=rate)
            video.add(sheet, time=frame / (rate or _RATE))
        assert video is not None
        video.close()


def _in_picture(labels: Int64[np.ndarray, "s s"], of: Tracked) -> Int64[np.ndarray, "h w"]:
    """A map of the square that the model sees, where it lies in the frame; -1 around it."""
    x0, y0, x1, y1 = of.coverage
    rows = np.arange(y1 - y0) * labels.shape[0] // (y1 - y0)
    columns = np.arange(x1 - x0) * labels.shape[1] // (x1 - x0)
    whole = np.full(of.picture.shape[:2], -1, dtype=np.int64)
    whole[y0:y1, x0:x1] = labels[np.ix_(rows, columns)]
    return whole


def _write_slots(
    file: Path,
    slots: Float[Tensor, "t n d"],
    kept: Bool[Tensor, "t n"],
    found: Float[Tensor, "s n d"],
    there: Bool[Tensor, "s n"],
) -> None:
    arrays = {
        "slots": torch.cat([slots, found]).contiguous(),
        "kept": torch.cat([kept, there]).contiguous(),
        "predicted": torch.arange(len(slots) + len(found)) >= len(slots),
    }
    content = save(arrays)
    write_atomic(file, lambda stream: stream.write(content))


def _summary(
    done: RolledOut, trained: TrainedRollouter, stream: FrameStream, *, checkpoint: Path, predictor: Path
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "source": stream.name,
        "burn_in": done.burn_in,
        "predicted": done.predicted,
        "beside_truth": done.beside_truth,
        "stride": trained.fit.stride,
        "extraction": to_dict(trained.extraction),
        "rollouter": to_dict(trained.rollouter.config),
        "faults": list(stream.faults()),
        "provenance": record(checkpoint=sha256(checkpoint), predictor=sha256(predictor)).to_dict(),
    }
