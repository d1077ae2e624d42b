"""VVO's tokenizer: a frozen backbone's features into shared codes, learned by decoding the picture.

Source: VVO (Zhao et al. 2025), with the schedules of its code (reference study, 3.5).
"""

from typing import Annotated, Literal

import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT, Fraction
from dias.errors import DiasError
from dias.nn.chance import Chance
from dias.nn.tokenizers.annealing import cosine_between
from dias.nn.tokenizers.autoencoders import Autoencoder, ConvConfig
from dias.nn.tokenizers.autoencoders.head import head
from dias.nn.tokenizers.quantizers import Quantizer, SimilarityConfig, straight_through
from dias.nn.tokenizers.tokenizer import Images
from dias.nn.tokenizers.vector_quantizer import VectorQuantizer
from dias.nn.tokenizers.views import to_grid, to_tokens

Weight = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FeatureVQConfig:
    """Settings of VVO's tokenizer.

    Attributes:
        code_dim: channels of a code: 256, and 4 where a diffusion decoder follows.
        width: channels of the encoder's convolutions; None means as many as a feature has.
        layers: 3 x 3 convolutions of the encoder.
        autoencoder: its decoder turns codes into pictures; its encoder is not used.
        quantizer: vectors into codes.
        commitment: weight of the vectors' way to what is decoded.
        normalization: weight of the vectors' way to their own normalised value, which keeps their scale.
        residual_end: share of the unquantized vector in what is decoded, at the end; it starts at 1. The
            authors' settings for synthetic scenes (ClevrTex, MOVi-D) keep 1: codes then only follow.
        residual_until: share of training in which it falls, along a cosine.
    """

    kind: Literal["feature_vq"] = "feature_vq"
    code_dim: PositiveInt = 256
    width: PositiveInt | None = None
    layers: PositiveInt = 3
    autoencoder: Autoencoder = Field(default_factory=ConvConfig)
    quantizer: Quantizer = Field(default_factory=SimilarityConfig)
    commitment: Weight = 0.25
    normalization: Weight = 0.1
    residual_end: Fraction = 0.0
    residual_until: Annotated[float, Field(gt=0, le=1)] = 0.5

    def build(self, *, channels: int, positions: int) -> "FeatureVQ":
        """Make the module for `positions` features of `channels` a picture.

        Raises:
            SettingError: `positions` is no square.
        """
        return FeatureVQ(self, channels=channels, positions=positions)

    def residual_at(self, progress: float) -> float:
        """Share of the unquantized vector at `progress` (0 to 1) of training."""
        return cosine_between(1.0, self.residual_end, progress=progress, until=self.residual_until)


class FeatureVQ(VectorQuantizer):
    """Features through convolutions to the quantizer; a picture decoder teaches both."""

    source = "features"

    def __init__(self, config: FeatureVQConfig, *, channels: int, positions: int) -> None:
        super().__init__(
            _encoder(config, channels=channels),
            quantizer=config.quantizer,
            autoencoder=config.autoencoder,
            code_dim=config.code_dim,
            positions=positions,
        )
        self.config = config
        # VVO's features come from after the backbone's last norm; ours, from before it, have outliers.
        self.norm = nn.LayerNorm(channels, elementwise_affine=False)

    def encoded(self, seen: Float[Tensor, "b m k"]) -> Float[Tensor, "b m c"]:
        """A vector for each feature, before quantization, in float32.

        Raises:
            DiasError: there are more or fewer features than the tokenizer was made for, or they are wider.
        """
        known = self.positions, *self.norm.normalized_shape
        if seen.shape[1:] != known:
            found, asked = (" x ".join(map(str, shape)) for shape in (seen.shape[1:], known))
            raise DiasError(f"features: {found}, the tokenizer was made for {asked}")
        return to_tokens(self.encoder(to_grid(self.norm(seen)))).float()

    def loss(
        self,
        images: Images,
        features: Float[Tensor, "b m c"] | None,
        *,
        progress: float,
        generator: Chance = None,
    ) -> dict[str, Tensor]:
        """Reconstruction of the picture, alignment, commitment, normalization.

        Raises:
            DiasError: there are no features.
        """
        if features is None:
            raise DiasError("a feature_vq tokenizer is trained on features and pictures: give both")
        encoded = self.encoded(features)
        codes = self.quantizer(encoded, progress=progress, generator=generator).tokens
        residual = self.config.residual_at(progress) if self.training else self.config.residual_end
        shown = straight_through(encoded, codes, share=1 - residual)
        losses = self._losses(
            self._seen(images),
            encoded=encoded,
            codes=codes,
            shown=shown,
            held=shown,
            weight=self.config.commitment,
        )
        own = F.group_norm(to_grid(encoded.detach()), num_groups=1)
        return losses | {"normalization": self.config.normalization * F.mse_loss(to_grid(encoded), own)}


def _encoder(config: FeatureVQConfig, *, channels: int) -> nn.Sequential:
    width = config.width or channels
    parts: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1)]
    for _ in range(config.layers - 1):
        parts += [nn.GroupNorm(1, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)]
    return nn.Sequential(*parts, head(width, out=config.code_dim, spread=1.0))
