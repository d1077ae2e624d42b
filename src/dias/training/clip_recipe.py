"""The part of a recipe that makes a model of pictures one of clips."""

from typing import Annotated

from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.windows import Short
from dias.models.clip import ClipModelConfig
from dias.models.image import ImageModelConfig
from dias.nn.slots.continuity import ContinuityConfig
from dias.nn.slots.cues import CuesConfig
from dias.nn.slots.transitions import AnyTransition, EncoderTransitionConfig


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ClipConfig:
    """What goes through time: windows of clips in place of pictures, and how slots go from frame to frame.

    Attributes:
        frames: of a training window.
        stride: frames from the start of a window to the start of the next; as many as a window has if None.
        short: what becomes of clips with fewer frames than a window.
        transition, continuity, cues: as in `ClipModelConfig`. With cues, training reads masks: it tells the
            boxes of what the first frame of a window shows.
    """

    frames: Annotated[int, Field(ge=2)] = 6
    stride: PositiveInt | None = None
    short: Short = "skip"
    transition: AnyTransition = Field(default_factory=EncoderTransitionConfig)
    continuity: ContinuityConfig = Field(default_factory=ContinuityConfig)
    cues: CuesConfig | None = None

    def model(self, image: ImageModelConfig) -> ClipModelConfig:
        """The model of clips around one of pictures."""
        return ClipModelConfig(
            image=image, transition=self.transition, continuity=self.continuity, cues=self.cues
        )
