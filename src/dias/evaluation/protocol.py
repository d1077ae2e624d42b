"""Every choice that changes a number; stored in each result."""

from dataclasses import fields
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass

from dias.config import STRICT, from_dict, to_dict
from dias.errors import DiasError
from dias.nn.slots.thresholds import Threshold

MapSource = Literal["aggregation", "decoder"]
Protocol = Literal["dias", "spot", "videosaur"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Rules:
    """What masks are compared with, and what counts: a protocol's rules, perhaps some changed (docs/data.md).

    All protocols look at the largest centre square, resize maps bilinearly to the ground truth's size, take
    the argmax over kept slots, leave unlabelled pixels out of both ARIs, and take the mean over the images
    for which a score is defined.

    Attributes:
        protocol: whose rules these are, but for those that `name` lists.
        size: side in pixels of the ground truth, which masks are compared with.
        view: side in pixels of the picture that the backbone is given; None: as `size`.
        map: whose attention gives the protocol's numbers, if the model has it; results have rows of both.
        background: mBO and mIoU count the background as a segment, like any other.
        unlabelled: where unlabelled pixels stand for mBO and mIoU: in the area of the predicted segment that
            covers them, so that it loses IoU; or nowhere.
        objectless: an image without an object is left out of ARIfg's mean, or counts as 1 there.
        int64: ARI and ARIfg with the integer overflow of the authors' code, to reproduce their tables; wrong.
    """

    protocol: Protocol
    size: PositiveInt
    view: PositiveInt | None = None
    map: MapSource = "decoder"
    background: bool
    unlabelled: Literal["area", "nowhere"]
    objectless: Literal["left-out", "one"] = "left-out"
    int64: bool = False

    def __post_init__(self) -> None:
        if self.int64 and self.protocol != "dias":
            raise DiasError(
                f"protocol {self.protocol} with int64: only the code of dias overflows; leave one of them out"
            )

    @property
    def name(self) -> str:
        """The protocol, and each rule that is not its own: `dias`, `dias+size=320`, `spot+background=yes`."""
        own = rules_of(self.protocol)
        changed = [
            field.name for field in fields(self) if getattr(self, field.name) != getattr(own, field.name)
        ]
        return "".join([self.protocol, *(f"+{name}={_word(getattr(self, name))}" for name in changed)])

    @property
    def warning(self) -> str | None:
        """What has to stand beside every number, if anything."""
        return INT64_WARNING if self.int64 else None


# Sources: docs/data.md names file and line of each rule.
DIAS = Rules(protocol="dias", size=256, background=True, unlabelled="area")
SPOT = Rules(protocol="spot", size=320, view=224, background=False, unlabelled="nowhere", objectless="one")
VIDEOSAUR = Rules(protocol="videosaur", size=224, background=False, unlabelled="nowhere")
INT64_WARNING = "ARI and ARIfg overflow in int64 as the authors' code does: they are not the true values"


def rules_of(protocol: Protocol, **changes: object) -> Rules:
    """Rules of a protocol, with changes such as `size=320`, which `Rules.name` then tells.

    Raises:
        DiasError: a change that cannot be, such as int64 for a protocol whose code does not overflow.
    """
    own = next(rules for rules in (DIAS, SPOT, VIDEOSAUR) if rules.protocol == protocol)
    return from_dict(Rules, to_dict(own) | changes, where="protocol") if changes else own


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EvaluationConfig:
    """How a model is measured (method, section 5).

    Attributes:
        rules: of the protocol.
        batch: images at once; changes speed and memory only.
        maps: whose attention gives masks.
        seed: of the queries' noise, which depends on it and on the image's place in the data set alone.
        threshold: cosine distance below which slots are merged, or the kind of an automatic one; None takes
            the checkpoint's own.
        bad_images: stop at an unreadable file, or leave it out and list it in the result.
    """

    rules: Rules = DIAS
    batch: PositiveInt = 32
    maps: Annotated[tuple[MapSource, ...], Field(min_length=1)] = ("aggregation", "decoder")
    seed: NonNegativeInt = 0
    threshold: Threshold | None = None
    bad_images: Literal["stop", "skip"] = "stop"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ClusteringConfig:
    """Settings of the training-free rows: clustering an image's own features.

    The defaults scored best (mean of ARI, ARIfg, mBO and mIoU) on the validation scenes that ship with the
    repository: features among raw, standardised and principal components, with and without unit length;
    linkage and `power` as `benchmarks/clustering.py` shows, which tries the same powers for every method. Of
    numbers that are not told, more than there are segments score best there: 9 to 11, where 5.5 are true.

    Attributes:
        kmeans_starts: random starts of k-means; the best one counts.
        spectral_power: exponent on the cosine similarities, which makes near neighbours count more.
        linkage: distance of two groups of the agglomerative method, from those of their tokens.
        power: the exponent for the agglomerative method, and wherever the number of clusters is not told.
        most: clusters, where their number is not told; at least 2.
        seed: of the methods' starts.
    """

    kmeans_starts: PositiveInt = 4
    spectral_power: PositiveInt = 4
    linkage: Literal["average", "complete", "single"] = "average"
    power: PositiveInt = 32
    most: Annotated[int, Field(ge=2)] = 12
    seed: NonNegativeInt = 0


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "size" if value is None else str(value)
