"""Follow objects through frames that come one after another, at the speed of the backbone."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int32, UInt8
from torch import Tensor

from dias.backbones import Tokens
from dias.data.samples import Skipped
from dias.data.streams import StreamFrame
from dias.errors import DiasError, SampleError, SettingError
from dias.inference.looking import ROUNDS, UNSEEN, USUAL_SIZE, Fit, Quality, Seen, see, seeing, winners
from dias.models import ClipModel, ClipState, SlotOutput
from dias.models.clip_frames import one_frame
from dias.precision import arithmetic


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracked:
    """The objects of one frame; slot i is one thing in all frames.

    Attributes:
        number: of the frame, as its stream counts.
        time: seconds since the beginning of the video.
        picture: the frame.
        labels: slot of each pixel, 0 to n - 1; -1 where the model did not look.
        slots: one vector a slot; rows of slots that are not kept mean nothing.
        kept: slots that are there.
        attention: the map over tokens that each slot's mask was made of.
        grid: rows and columns of those tokens.
        coverage: x0, y0, x1, y1 in pixels of the part that the model saw, the last two exclusive.
    """

    number: int
    time: float
    picture: UInt8[np.ndarray, "h w 3"]
    labels: Int32[np.ndarray, "h w"]
    slots: Float32[np.ndarray, "n d"]
    kept: Bool[np.ndarray, " n"]
    attention: Float32[np.ndarray, "n m"]
    grid: tuple[int, int]
    coverage: tuple[int, int, int, int]


class Tracker:
    """Finds the objects of a clip frame by frame; its memory does not grow with the clip.

    The backbone looks at a few frames at once, where they need not be waited for; slots then go through them
    one by one. Sizes, fit and precision are those of `dias.inference.Segmenter`.

    Args:
        model: with its backbone; runs on the device that it is on.
        map: take the masks from the aggregation's last map, or from the decoder's (slower).
        size: side in pixels of the square that the model sees, a multiple of the patch; what it was trained
            with when None (224 where that was any size).
        batch: frames that the backbone sees at once.
        fit: "whole" squeezes the whole frame into the square, "centre" takes its largest centre square.
        seed: of the first frame's queries.
        quality: of the masks' edges, as for `dias.inference.Segmenter`.

    Raises:
        DiasError: the model has no backbone.
        SettingError: `size` fits neither the patch nor the decoder whose map is wanted.
    """

    def __init__(
        self,
        model: ClipModel,
        *,
        map: Literal["aggregation", "decoder"] = "aggregation",
        size: int | None = None,
        batch: int = 8,
        fit: Fit = "whole",
        seed: int = 0,
        quality: Quality = "fast",
    ) -> None:
        backbone = model.image.backbone
        if backbone is None:
            raise DiasError("tracking: the model has no backbone; load it with one")
        self.size = size or backbone.input_size or USUAL_SIZE
        self.model, self.backbone = model.eval(), seeing(backbone, self.size)
        self.map, self.batch, self.fit, self.seed, self.quality = map, batch, fit, seed, quality
        tokens = math.prod(self.backbone.grid(self.size, self.size))
        if map == "decoder" and tokens != model.image.config.positions:
            raise SettingError(
                "size",
                self.size,
                f"gives {tokens} tokens, the decoder knows {model.image.config.positions}; use "
                "map=aggregation",
            )

    @property
    def slots(self) -> int:
        """How many there are, kept or not."""
        return int(self.model.image.config.queries.slots)

    @property
    def slot_dim(self) -> int:
        """Numbers a slot has."""
        return int(self.model.image.config.aggregation.slot_dim)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.backbone.device

    def stream(
        self, frames: Iterable[StreamFrame], *, at_once: int | None = None
    ) -> Iterator[Tracked | Skipped]:
        """Follow the objects of one clip, as its frames come.

        Args:
            frames: of one clip, in order; one that cannot be read comes back as `Skipped`.
            at_once: instead of `batch`; 1 waits for no other frame before it answers.
        """
        state, frames = None, iter(frames)
        generator = torch.Generator().manual_seed(self.seed)
        while batch := list(islice(frames, at_once or self.batch)):
            read = [self._read(frame) for frame in batch]
            seen = [one for one in read if isinstance(one, Seen)]
            found = self._look(seen) if seen else None
            place = 0
            for frame, one in zip(batch, read, strict=True):
                if isinstance(one, Skipped):
                    yield one
                    continue
                assert found is not None
                with torch.inference_mode():
                    tokens = one_frame(found, place, of=len(seen))
                    state, output = self._step(state, tokens, generator)
                yield self._tracked(frame, one, output, grid=found.grid)
                place += 1

    def _read(self, frame: StreamFrame) -> Seen | Skipped:
        name = f"frame {frame.number}"
        try:
            guided = self.quality != "fast"
            return see(frame.picture, name=name, size=self.size, fit=self.fit, guided=guided)
        except SampleError as error:
            return Skipped(name=name, reason=str(error))

    @torch.inference_mode()
    def _look(self, seen: list[Seen]) -> Tokens:
        pictures = torch.from_numpy(np.stack([one.picture for one in seen])).permute(0, 3, 1, 2)
        return self.model.image.see(pictures.to(self.device), backbone=self.backbone)

    def _step(
        self, state: ClipState | None, tokens: Tokens, generator: torch.Generator
    ) -> tuple[ClipState, SlotOutput]:
        half = arithmetic(self.backbone.precision, self.device) == torch.bfloat16
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            return self.model.step(state, tokens, decode=self.map == "decoder", generator=generator)

    def _tracked(
        self, frame: StreamFrame, seen: Seen, output: SlotOutput, *, grid: tuple[int, int]
    ) -> Tracked:
        decoded = output.decoder_attention
        maps: Tensor = output.attention[-1] if decoded is None else decoded
        maps, kept = maps[0].float().cpu(), output.mask[0].cpu()
        slots = np.append(torch.nonzero(kept)[:, 0].numpy(), UNSEEN).astype(np.int32)  # the last: of UNSEEN
        return Tracked(
            number=frame.number,
            time=frame.time,
            picture=frame.picture,
            labels=slots.take(winners(maps[kept], seen, grid=grid, rounds=ROUNDS[self.quality]), mode="wrap"),
            slots=output.slots[0].float().cpu().numpy(),
            kept=kept.numpy(),
            attention=maps.numpy(),
            grid=grid,
            coverage=seen.view.box,
        )
