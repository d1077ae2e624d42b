"""What a cache was made with: everything that changes a feature."""

from dataclasses import asdict, dataclass, fields

from dias.backbones import Backbone, FrozenBackbone
from dias.errors import DiasError

_WORDS = {
    "weights": "backbone weights",
    "final_norm": "features before or after the final norm",
    "input_size": "backbone input size",
    "precision": "precision",
    "size": "size of a view",
    "views": "number of views",
    "seed": "seed of the views",
    "data": "data set (its names or file sizes changed)",
    "count": "number of pictures",
    "keys": "choice of whether keys are kept",
    "last_blocks": "number of last blocks whose input is kept",
}
BESIDE = ("keys", "last_blocks")  # what a cache may keep with the features


@dataclass(frozen=True, kw_only=True)
class CacheKey:
    """Two caches with equal keys hold the same features.

    Attributes:
        weights: SHA-256 of the backbone's weights.
        views: random views of each picture; 0 is the centre view alone.
        seed: of the random views.
        data: fingerprint of the data set.
        keys: those of the tokens stand beside their features.
        last_blocks: what so many of the ViT's last blocks are given is kept too.
    """

    weights: str
    final_norm: bool
    input_size: int | None
    precision: str
    size: int
    views: int
    seed: int
    data: str
    count: int
    keys: bool = False
    last_blocks: int = 0

    @classmethod
    def of(
        cls,
        backbone: Backbone,
        *,
        size: int,
        views: int,
        seed: int,
        data: str,
        count: int,
        last_blocks: int = 0,
    ) -> "CacheKey":
        """Put a key together.

        Raises:
            DiasError: the features are pixels, which need no cache; or both of keys and the last blocks'
                input are asked for.
        """
        if not isinstance(backbone, FrozenBackbone):
            raise DiasError(
                "feature cache: pixels are read faster than a cache of them; leave data.cache null"
            )
        if last_blocks and backbone.config.keys:
            raise DiasError("feature cache: keeps keys, or what the last blocks are given; not both")
        return cls(
            weights=backbone.weights.sha256,
            final_norm=backbone.config.final_norm,
            input_size=backbone.config.input_size,
            precision=backbone.config.precision,
            size=size,
            views=views,
            seed=seed,
            data=data,
            count=count,
            keys=backbone.config.keys,
            last_blocks=last_blocks,
        )

    def lacks(self, wanted: "CacheKey") -> list[str]:
        """As `differences`; what nobody asks for does no harm."""
        unasked = {name for name in BESIDE if not getattr(wanted, name)}
        return self.differences(wanted, leave_out=frozenset(unasked))

    def differences(self, other: "CacheKey", *, leave_out: frozenset[str] = frozenset()) -> list[str]:
        """What differs, in words: `other backbone weights (b94a57bd8f82, now 1c2d...)`."""
        mine, theirs = asdict(self), asdict(other)
        return [
            f"other {_WORDS[field.name]} ({_short(mine[field.name])}, now {_short(theirs[field.name])})"
            for field in fields(self)
            if field.name not in leave_out and mine[field.name] != theirs[field.name]
        ]


def _short(value: object) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else text
