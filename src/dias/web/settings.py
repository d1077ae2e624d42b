"""How much is taken from a visitor, and for how long it is remembered."""

from pydantic import PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from dias.config import STRICT


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PageConfig:
    """Limits of the page.

    Attributes:
        bytes: an upload may have.
        pixels: a picture, or a frame, may have.
        seconds: a clip may last.
        frames: of a clip that are looked at, spread evenly over it.
        side: of the pictures that are shown, in pixels at most.
        visitors: whose pictures are remembered; of more, those that came first are forgotten.
        remembered: seconds that a visitor's picture is kept without being asked for.
    """

    bytes: PositiveInt = 32 * 2**20
    pixels: PositiveInt = 24_000_000
    seconds: PositiveFloat = 30.0
    frames: PositiveInt = 24
    side: PositiveInt = 480
    visitors: PositiveInt = 32
    remembered: PositiveFloat = 1800.0
