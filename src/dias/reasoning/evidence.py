"""What a network that answers questions sees of clips: slots of frames, and of frames that are foretold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from pydantic import NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from dias.config import STRICT
from dias.errors import DiasError, SettingError


@settings(frozen=True, kw_only=True, config=STRICT)
class View:
    """Which frames of a clip are seen.

    Attributes:
        frames: how many.
        stride: frames of the clip from one to the next; the first is the clip's first.
        ahead: frames that a predictor adds behind the clip's last, for predictive questions; as far apart.
    """

    frames: PositiveInt = 25
    stride: PositiveInt = 5
    ahead: NonNegativeInt = 0

    @property
    def needs(self) -> int:
        """Frames that a clip must have."""
        return (self.frames - 1) * self.stride + 1

    @property
    def times(self) -> int:
        """Frames that a model sees, foretold ones too."""
        return self.frames + self.ahead


@runtime_checkable
class Slots(Protocol):
    """Slots of a whole clip, such as `dias.slots.ClipSlots`."""

    @property
    def name(self) -> str:
        """Of the clip."""

    @property
    def slots(self) -> Float32[np.ndarray, "time slots dim"]:
        """Row n is one thing in all frames."""

    @property
    def kept(self) -> Bool[np.ndarray, "time slots"]:
        """In which frames it is there."""

    @property
    def frames(self) -> Int64[np.ndarray, " time"]:
        """Place of each frame in the clip, rising."""


@runtime_checkable
class Rollouter(Protocol):
    """What foretells slots, such as `dias.prediction`'s."""

    def rollout(
        self, slots: Float[Tensor, "b t n d"], kept: Bool[Tensor, "b t n"], *, steps: int
    ) -> Float[Tensor, "b s n d"]:
        """The slots of the next `steps` frames."""


@dataclass(frozen=True, kw_only=True)
class Foresight:
    """A predictor, and how it wants to be asked.

    Attributes:
        rollouter: foretells slots.
        stride: frames of a clip from one that it sees to the next, and of its steps.
        history: frames that it sees at least.
        sha256: of its file; empty if it has none.
    """

    rollouter: Rollouter
    stride: int
    history: int
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Clips as a model of questions sees them.

    Attributes:
        slots: of the frames of a `View`, foretold ones last; zeros where not kept.
        kept: which slots are there.
        ahead: how many of the frames are foretold.
    """

    slots: Float32[Tensor, "v t n d"]
    kept: Bool[Tensor, "v t n"]
    ahead: int = 0

    def __len__(self) -> int:
        return len(self.slots)

    def to(self, device: torch.device) -> "Evidence":
        """The same on a device."""
        return replace(self, slots=self.slots.to(device), kept=self.kept.to(device))


def evidence_of(clips: Sequence[Slots], view: View, *, foresight: Foresight | None = None) -> Evidence:
    """See the frames of clips.

    A frame that could not be read has no slot that is kept.

    Args:
        clips: slots of whole clips.
        view: which frames.
        foresight: foretells what comes after a clip; needed where `view.ahead` is not 0.

    Raises:
        DiasError: a clip is too short, or there is none.
        SettingError: the view looks ahead without a predictor, or in steps that the predictor has not.
    """
    if not clips:
        raise DiasError("slots: there is no clip to ask about")
    seen = [_seen(clip, range(0, view.needs, view.stride)) for clip in clips if _long_enough(clip, view)]
    slots, kept = (torch.from_numpy(np.stack(part)) for part in zip(*seen, strict=True))
    if not view.ahead:
        return Evidence(slots=slots, kept=kept)
    if foresight is None:
        raise SettingError("view.ahead", view.ahead, "needs a predictor: give one with --predictor")
    coming, there = zip(*(_foretold(clip, view, foresight) for clip in clips), strict=True)
    return Evidence(
        slots=torch.cat([slots, torch.stack(coming)], dim=1),
        kept=torch.cat([kept, torch.stack(there)], dim=1),
        ahead=view.ahead,
    )


def _long_enough(clip: Slots, view: View) -> bool:
    found = int(clip.frames[-1]) + 1 if len(clip.frames) else 0
    if found < view.needs:
        raise DiasError(
            f"{clip.name}: is too short: {found} frames, {view.needs} are needed ({view.frames} frames, "
            f"{view.stride} apart); give a longer clip, or train with a smaller view.stride or view.frames"
        )
    return True


def _seen(clip: Slots, wanted: Sequence[int]) -> tuple[Float32[np.ndarray, "t n d"], Bool[np.ndarray, "t n"]]:
    """Slots of some frames of a clip."""
    there = np.isin(wanted, clip.frames)
    rows = np.searchsorted(clip.frames, wanted).clip(max=len(clip.frames) - 1)
    kept = clip.kept[rows] & there[:, None]
    return np.where(kept[..., None], clip.slots[rows], np.float32(0)), kept


@torch.inference_mode()
def _foretold(
    clip: Slots, view: View, foresight: Foresight
) -> tuple[Float32[Tensor, "s n d"], Bool[Tensor, "s n"]]:
    """Slots after the last frame that the view sees; those are there that its last frame has."""
    each, rest = divmod(view.stride, foresight.stride)
    if rest:
        raise SettingError(
            "view.stride", view.stride, f"must be a multiple of the predictor's {foresight.stride}"
        )
    last = view.needs - 1
    first = last - (foresight.history - 1) * foresight.stride
    if first < 0:
        raise DiasError(
            f"{clip.name}: is too short: the predictor looks back {last - first} frames, the view has "
            f"{last}; train with a greater view.frames"
        )
    slots, kept = _seen(clip, range(first, last + 1, foresight.stride))
    told = foresight.rollouter.rollout(
        torch.from_numpy(slots)[None], torch.from_numpy(kept)[None], steps=view.ahead * each
    )
    there = torch.from_numpy(kept[-1]).expand(view.ahead, -1)
    coming = told[0, each - 1 :: each].float().cpu()
    return coming * there[..., None], there
