"""What a transition is given: the last slots of a clip, and what the frames showed."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Past:
    """The frames before this one that a transition can look at; the newest is the last.

    Attributes:
        slots: of each of them; of a slot that waits, the query that it waits with.
        features: of each of them; may be fewer than there are slots, since most transitions ask for none.
        kept: slots that the newest frame kept.
    """

    slots: tuple[Float[Tensor, "b n d"], ...]
    features: tuple[Float[Tensor, "b m c"], ...]
    kept: Bool[Tensor, "b n"]
