"""How much is taken at once, and for how long."""

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from dias.config import STRICT


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ServingConfig:
    """Limits of a server.

    Attributes:
        batch: pictures that the model is given at once, of one request or of several.
        wait: seconds that a picture waits for others to share its batch.
        waiting: pictures that may be in the house, computed ones included; more are refused with 503.
        images: a request may hold.
        bytes: a request may have, all in all.
        pixels: a picture may have.
        upload_seconds: that a request's body may take to arrive.
        seconds: that an answer may take from there on.
    """

    batch: PositiveInt = 8
    wait: NonNegativeFloat = 0.005
    waiting: PositiveInt = 64
    images: PositiveInt = 16
    bytes: PositiveInt = 32 * 2**20
    pixels: PositiveInt = 16_000_000
    upload_seconds: PositiveFloat = 30.0
    seconds: PositiveFloat = 60.0
