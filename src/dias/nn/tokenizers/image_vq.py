"""A VQ-VAE of pictures (van den Oord et al. 2017): SlotDiffusion's latents, SLATE's codes in the VVO code."""

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT
from dias.nn.chance import Chance
from dias.nn.tokenizers.autoencoders import Autoencoder, ConvConfig
from dias.nn.tokenizers.quantizers import Nearest, NearestConfig, Quantizer, straight_through
from dias.nn.tokenizers.tokenizer import Images
from dias.nn.tokenizers.vector_quantizer import VectorQuantizer
from dias.nn.tokenizers.views import random_pictures, to_tokens


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ImageVQConfig:
    """Settings of the VQ-VAE.

    Attributes:
        code_dim: channels of a code: 256 for SLATE, 4 for SlotDiffusion's latents (reference study, 3.1).
        autoencoder: pictures into vectors, and codes into pictures.
        quantizer: vectors into codes.
        commitment: weight of the vectors' way to their codes (beta in the paper).
    """

    kind: Literal["image_vq"] = "image_vq"
    code_dim: PositiveInt = 256
    autoencoder: Autoencoder = Field(default_factory=ConvConfig)
    quantizer: Quantizer = Field(default_factory=NearestConfig)
    commitment: Annotated[float, Field(ge=0)] = 0.25

    def build(self, *, channels: int, positions: int) -> "ImageVQ":
        """Make the module for `positions` codes a picture; the backbone's `channels` are not asked for.

        Raises:
            SettingError: `positions` is no square.
        """
        return ImageVQ(self, positions=positions)


class ImageVQ(VectorQuantizer):
    """Pictures through an encoder to the quantizer."""

    source = "images"

    def __init__(self, config: ImageVQConfig, *, positions: int) -> None:
        super().__init__(
            config.autoencoder.encoder(out=config.code_dim),
            quantizer=config.quantizer,
            autoencoder=config.autoencoder,
            code_dim=config.code_dim,
            positions=positions,
        )
        self.config = config

    @torch.no_grad()
    def start(self) -> str | None:
        """As every tokenizer; then nearest codes become encodings of random pictures.

        Codes that start elsewhere are never the nearest, and are never learned (docs/methods/slate.md).
        """
        line = super().start()
        if isinstance(self.quantizer, Nearest):
            device = self.quantizer.codebook.device
            count = -(-self.codes // self.positions)
            encoded = self.encoded(random_pictures(count, side=self.side, device=device))
            self.quantizer.codebook.copy_(encoded.flatten(0, 1)[: self.codes])
        return line

    def encoded(self, seen: Images) -> Float[Tensor, "b m c"]:
        """A vector for each place of pictures, before quantization, in float32."""
        return to_tokens(self.encoder(self._seen(seen))).float()

    def loss(
        self,
        images: Images,
        features: Float[Tensor, "b m c"] | None = None,
        *,
        progress: float,
        generator: Chance = None,
    ) -> dict[str, Tensor]:
        """Reconstruction, alignment of the codebook, commitment of the encoder (equation 3 of the paper)."""
        seen = self._seen(images)
        encoded = self.encoded(seen)
        codes = self.quantizer(encoded, progress=progress, generator=generator).tokens
        return self._losses(
            seen,
            encoded=encoded,
            codes=codes,
            shown=straight_through(encoded, codes),
            held=codes,
            weight=self.config.commitment,
        )
