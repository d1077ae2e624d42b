"""Models of clips: the image model's parts, frame after frame, with slots that keep their index."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from einops import rearrange
from jaxtyping import Bool, Float, UInt8
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.backbones import Backbone, Tokens
from dias.config import STRICT
from dias.errors import DiasError, SettingError
from dias.models.clip_frames import explained_at_once, one_frame, starts
from dias.models.clip_outputs import ClipOutput, ClipState, Cues, told_of
from dias.models.image import ImageModel, ImageModelConfig
from dias.models.outputs import SlotOutput, slot_output
from dias.nn.chance import Chance
from dias.nn.slots.aggregation import Aggregation, AggregationConfig
from dias.nn.slots.arrivals import Anew
from dias.nn.slots.continuity import ContinuityConfig, go_on
from dias.nn.slots.cues import CuesConfig, ToldQueries
from dias.nn.slots.motion import course_after, expected_places
from dias.nn.slots.thresholds import Threshold
from dias.nn.slots.transitions import AnyTransition, EncoderTransitionConfig


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ClipModelConfig:
    """Settings of a model of clips.

    Attributes:
        image: what finds the objects of the first frame, and decodes every one.
        transition: from a frame's slots to the next one's queries.
        continuity: how later frames are aggregated, and what makes slots come and go.
        cues: what slots may be told of objects in the first frame; None: nothing.
    """

    image: ImageModelConfig = Field(default_factory=ImageModelConfig)
    transition: AnyTransition = Field(default_factory=EncoderTransitionConfig)
    continuity: ContinuityConfig = Field(default_factory=ContinuityConfig)
    cues: CuesConfig | None = None

    def build(self, *, backbone: Backbone | None = None) -> "ClipModel":
        """Put the parts together; without a backbone the model takes features only.

        Raises:
            DiasError: parts do not fit one another, or the backbone.
        """
        self.check()
        return ClipModel(self, image=self.image.build(backbone=backbone))

    def check(self) -> None:
        """See whether the image model's aggregation can go on after the first frame.

        Raises:
            SettingError: it is of a kind that cannot, or `ContinuityConfig.check` refuses it.
        """
        if not isinstance(self.image.aggregation, AggregationConfig):
            raise SettingError(
                "model.image.aggregation.kind",
                self.image.aggregation.kind,
                "cannot go on after the first frame; slot_attention can",
            )
        self.continuity.check(self.image.aggregation)


class ClipModel(nn.Module):
    """DIAS through time: the first frame as an image, later ones from the slots before (docs/video.md)."""

    def __init__(self, config: ClipModelConfig, *, image: ImageModel) -> None:
        super().__init__()
        self.config = config
        self.image = image
        settings = image.config
        dim = settings.aggregation.slot_dim
        self.transition = config.transition.build(dim=dim, feature_dim=settings.pca or settings.channels)
        self.told: ToldQueries | None = None if config.cues is None else config.cues.build(dim=dim)

    def forward(
        self,
        clips: UInt8[Tensor, "b t 3 h w"] | Float[Tensor, "b t 3 h w"],
        *,
        cues: Cues | None = None,
        reduce: bool | Bool[Tensor, " b"] = True,
        decode: bool = True,
        generator: Chance = None,
    ) -> tuple[ClipOutput, tuple[int, int]]:
        """Find the objects of a batch of clips; also return the token grid (rows, columns).

        The backbone sees all frames at once.

        Raises:
            DiasError: the model was built without a backbone.
        """
        seen = self.image.see(rearrange(clips, "b t c h w -> (b t) c h w"))
        found = self.from_tokens(
            seen, frames=clips.shape[1], cues=cues, reduce=reduce, decode=decode, generator=generator
        )
        return found, seen.grid

    def from_features(
        self,
        features: Float[Tensor, "b t m c"],
        *,
        cues: Cues | None = None,
        reduce: bool | Bool[Tensor, " b"] = True,
        decode: bool = True,
        generator: Chance = None,
    ) -> ClipOutput:
        """Find the objects in backbone features, of no grid; otherwise as `from_tokens`.

        Raises:
            DiasError: as for `from_tokens`; or the model expects slots in places (`continuity.motion`).
        """
        if self.config.continuity.motion is not None:
            raise DiasError(
                "motion: features alone have no places; give tokens with their grid (from_tokens)"
            )
        frames, tokens = features.shape[1:3]
        seen = Tokens(features=features.flatten(0, 1), grid=(1, tokens))
        return self.from_tokens(
            seen, frames=frames, cues=cues, reduce=reduce, decode=decode, generator=generator
        )

    def from_tokens(
        self,
        seen: Tokens,
        *,
        frames: int,
        cues: Cues | None = None,
        reduce: bool | Bool[Tensor, " b"] = True,
        decode: bool = True,
        generator: Chance = None,
        progress: float = 1.0,
    ) -> ClipOutput:
        """Find the objects in clips.

        In evaluation this is `step` for each frame, to the bit. In training too, but for the decoder, which
        sees all frames at once afterwards.

        Args:
            seen: all frames of the first clip, of the second, and so on.
            frames: of each clip.
            cues: as for `step`.
            reduce: likewise; one answer for a whole clip.
            decode: likewise.
            generator: likewise.
            progress: likewise.

        Raises:
            DiasError: as for `step`; or the frames are not whole clips.
        """
        if frames < 1 or len(seen.features) % frames:
            raise DiasError(f"clips: {len(seen.features)} frames are no whole number of clips of {frames}")
        together = decode and self.training
        state, outputs = None, []
        for at in range(frames):
            state, output = self.step(
                state,
                one_frame(seen, at, of=frames),
                cues=cues if at == 0 else None,
                reduce=reduce,
                decode=decode and not together,
                generator=generator,
                progress=progress,
            )
            outputs.append(output)
        if together:
            outputs = explained_at_once(self.image, outputs, seen, generator=generator)
        return ClipOutput(frames=tuple(outputs))

    def stream(
        self,
        frames: Iterable[Tokens],
        *,
        cues: Cues | None = None,
        decode: bool = True,
        generator: Chance = None,
    ) -> Iterator[SlotOutput]:
        """Find the objects frame by frame, as they come, with a memory that does not grow."""
        state = None
        for seen in frames:
            state, output = self.step(state, seen, cues=cues, decode=decode, generator=generator)
            cues = None
            yield output

    def step(
        self,
        state: ClipState | None,
        seen: Tokens,
        *,
        cues: Cues | None = None,
        reduce: bool | Bool[Tensor, " b"] = True,
        decode: bool = True,
        generator: Chance = None,
        progress: float = 1.0,
    ) -> tuple[ClipState, SlotOutput]:
        """One frame of each clip.

        Args:
            state: what the frames before left; None: this is the first.
            seen: the frame, as `ImageModel.see` gives it.
            cues: what is told of the objects in the first frame.
            reduce: whether slots can be masked; a tensor decides clip by clip, the same in all its frames.
            decode: also reconstruct. In evaluation this gives the decoder's attention.
            generator: source of all that is random.
            progress: share of training that is done, 0 to 1, for parts that change with it.

        Returns:
            What the next frame needs; and this one's slots and maps, each at its index in the clip. The first
            and the last map are those that self-distillation compares.

        Raises:
            DiasError: features have another width than the model, or more or fewer tokens than its decoder
                knows; cues come after the first frame, or the model was not made for them; or the model has
                blocks of its own and there are features alone.
        """
        self._check_cues(state, cues)
        continuity = self.config.continuity
        self.image.check(seen, decode=decode)
        reduced, tokens = self.image.project(seen)
        if state is None:
            drawn, queries = starts(
                self.image, tokens, self.told, cues, generator=generator, progress=progress
            )
            found = self.image.aggregation(
                tokens, queries, reduce=reduce, generator=generator, progress=progress
            )
            waits = ~found.kept
            penalties = found.penalties | self.image.queries.penalties(drawn, found.slots, found.kept)
        else:
            moved = self.transition(state.past, reduced, generator=generator)
            queries = torch.where(state.waits[..., None], state.queries.to(moved), moved)
            bias = expected_places(state.course, continuity.motion, grid=seen.grid)
            kept, aggregation, anew = state.past.kept, self.image.aggregation, None
            assert isinstance(aggregation, Aggregation)  # ClipModelConfig.build has seen to it
            if reduce is not False and not self.training and continuity.looks_anew(aggregation.config):
                _, fresh = starts(self.image, tokens, generator=generator, progress=progress)
                anew = Anew(queries=fresh, ever=state.ever)
            found, held = go_on(
                aggregation, continuity, tokens, queries, kept, reduce=reduce, bias=bias, anew=anew
            )
            waits, penalties = ~found.kept | held[:, None], found.penalties
        output = slot_output(found, maps=self.image.projection.maps, penalties=penalties)
        if decode:
            output = self.image.explain(output, seen, reduced, generator=generator)
        past = self.transition.remember(
            None if state is None else state.past,
            slots=torch.where(waits[..., None], queries.to(found.slots), found.slots),
            features=reduced,
            kept=found.kept,
        )
        course, ever = (None, found.kept) if state is None else (state.course, state.ever | found.kept)
        course = course_after(course, continuity.motion, output.attention[-1], output.mask, grid=seen.grid)
        return ClipState(past=past, queries=queries, waits=waits, ever=ever, course=course), output

    def cues(self, boxes: Float[Tensor, "b k 4"] | None) -> Cues | None:
        """What the model is told where the boxes of a first frame's objects are known; None: nothing.

        Args:
            boxes: x0, y0, x1, y1 in shares of the frame; rows without an area are of no object.
        """
        if boxes is None or self.config.cues is None:
            return None
        return told_of(boxes, kind=self.config.cues.kind, room=self.config.image.queries.slots - 1)

    def with_threshold(self, threshold: Threshold) -> "ClipModel":
        """The same weights under another threshold of reduction: a cosine distance, or an automatic one."""
        image = self.image.with_threshold(threshold)
        twin = self._twin(replace(self.config, image=image.config))
        twin.image = image
        return twin

    def with_continuity(self, continuity: ContinuityConfig) -> "ClipModel":
        """The same weights under other rules of later frames."""
        return self._twin(replace(self.config, continuity=continuity))

    def head_state(self) -> dict[str, Tensor]:
        """Every weight but the frozen backbone's."""
        state = self.state_dict()
        return {name: state[name] for name in state if not name.startswith("image.backbone.")}

    def _twin(self, config: ClipModelConfig) -> "ClipModel":
        twin = copy.copy(self)
        twin._modules = dict(self._modules)
        twin.config = config
        return twin

    def _check_cues(self, state: ClipState | None, cues: Cues | None) -> None:
        if cues is not None and self.told is None:
            raise DiasError("cues: this model was made without (model.cues)")
        if cues is not None and state is not None:
            raise DiasError("cues: belong to the first frame of a clip; give them with no state")
