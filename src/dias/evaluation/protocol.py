"""Every choice that changes a number; stored in each result."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass

from dias.config import STRICT

MapSource = Literal["aggregation", "decoder"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EvaluationConfig:
    """How a model is measured (method, section 5).

    Attributes:
        protocol: largest centre square, resized to `size`; maps resized bilinearly to it, argmax over kept
            slots; scores an image at a time, then their mean over the images where they are defined.
        size: side in pixels of the view, and of the ground truth that maps are compared with.
        batch: images at once; changes speed and memory only.
        maps: whose attention gives masks.
        include_background: mBO and mIoU count the background as a segment, like any other.
        seed: of the queries' noise, which depends on it and on the image's place in the data set alone.
        threshold: cosine distance below which slots are merged; None takes the checkpoint's own.
        bad_images: stop at an unreadable file, or leave it out and list it in the result.
    """

    protocol: Literal["dias"] = "dias"
    size: PositiveInt = 224
    batch: PositiveInt = 32
    maps: Annotated[tuple[MapSource, ...], Field(min_length=1)] = ("aggregation", "decoder")
    include_background: bool = True
    seed: NonNegativeInt = 0
    threshold: Annotated[float, Field(ge=0, le=2)] | None = None
    bad_images: Literal["stop", "skip"] = "stop"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ClusteringConfig:
    """Settings of the training-free rows: clustering an image's own features, the number of segments given.

    The defaults scored best on the validation scenes that ship with the repository, among raw, standardised
    and principal-component features, with and without unit length, and powers from 1 to 8.

    Attributes:
        kmeans_starts: random starts of k-means; the best one counts.
        spectral_power: exponent on the cosine similarities, which makes near neighbours count more.
        seed: of both methods' starts.
    """

    kmeans_starts: PositiveInt = 4
    spectral_power: PositiveInt = 4
    seed: NonNegativeInt = 0
