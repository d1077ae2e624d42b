"""A VQ-VAE of pictures (van den Oord et al. 2017): SlotDiffusion's latents, SLATE's codes in the VVO code."""

from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT
from dias.nn.chance import Chance
from dias.nn.tokenizers.autoencoders import Autoencoder, ConvConfig
from dias.nn.tokenizers.output import Coded
from dias.nn.tokenizers.quantizers import (
    Nearest,
    NearestConfig,
    Quantizer,
    alignment,
    commitment,
    straight_through,
)
from dias.nn.tokenizers.tokenizer import Images, TokenizerPart
from dias.nn.tokenizers.views import picture_error, random_pictures, to_grid, to_tokens


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


class ImageVQ(TokenizerPart):
    """Encoder, quantizer, decoder."""

    source = "images"

    def __init__(self, config: ImageVQConfig, *, positions: int) -> None:
        super().__init__(codes=config.quantizer.codes, channels=config.code_dim, positions=positions)
        self.config = config
        self.encoder = config.autoencoder.encoder(out=config.code_dim)
        self.quantizer = config.quantizer.build(dim=config.code_dim)
        self.decoder = config.autoencoder.decoder(into=config.code_dim)

    @torch.no_grad()
    def start(self) -> str | None:
        """As every tokenizer; then nearest codes become encodings of random pictures.

        Codes that start elsewhere are never the nearest, and are never learned (docs/methods/slate.md).
        """
        line = super().start()
        if isinstance(self.quantizer, Nearest):
            device = self.quantizer.codebook.device
            count = -(-self.codes // self.positions)
            encoded = to_tokens(self.encoder(random_pictures(count, side=self.side, device=device)))
            self.quantizer.codebook.copy_(encoded.flatten(0, 1)[: self.codes])
        return line

    @torch.no_grad()
    def encode(self, seen: Images) -> Coded:
        """The code of each place."""
        with torch.autocast(seen.device.type, enabled=False):
            codes = self.quantizer.codes(to_tokens(self.encoder(self._seen(seen))))
            return Coded(tokens=self.embed(codes), codes=codes)

    def embed(self, codes: Int64[Tensor, "b k"]) -> Float[Tensor, "b k c"]:
        """Embeddings of codes."""
        embedded: Tensor = self.quantizer.embed(codes)
        return embedded

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
        encoded = to_tokens(self.encoder(seen)).float()
        chosen = self.quantizer(encoded, progress=progress, generator=generator)
        decoded = self.decoder(to_grid(straight_through(encoded, chosen.tokens)))
        return {
            "reconstruction": picture_error(decoded, seen),
            "alignment": alignment(encoded, chosen.tokens),
            "commitment": self.config.commitment * commitment(encoded, chosen.tokens),
        }
