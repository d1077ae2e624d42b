"""SLATE's tokenizer: a discrete VAE by Gumbel-softmax (Singh et al. 2022; Ramesh et al. 2021)."""

from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.nn.chance import Chance, gumbel
from dias.nn.tokenizers.annealing import cosine_between
from dias.nn.tokenizers.autoencoders import Autoencoder, ConvConfig
from dias.nn.tokenizers.output import Coded
from dias.nn.tokenizers.tokenizer import Images, TokenizerPart
from dias.nn.tokenizers.views import picture_error, to_grid, to_tokens

# Of the logits at the start, well above the Gumbel noise's 1.3: below it, few codes are ever learned
# (docs/methods/slate.md).
_SPREAD = 4.0


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DVAEConfig:
    """Settings of the discrete VAE.

    Attributes:
        codes: size of the codebook.
        code_dim: channels of a code's embedding.
        autoencoder: pictures into logits over codes, and embeddings into pictures.
        temperature_start: of the Gumbel-softmax at the start.
        temperature_end: what it falls to along a cosine: codes are then all but one-hot.
        annealed: share of training in which it falls.
    """

    kind: Literal["dvae"] = "dvae"
    codes: PositiveInt = 4096
    code_dim: PositiveInt = 256
    autoencoder: Autoencoder = Field(default_factory=ConvConfig)
    temperature_start: PositiveFloat = 1.0
    temperature_end: PositiveFloat = 0.1
    annealed: Annotated[float, Field(gt=0, le=1)] = 1.0

    def build(self, *, channels: int, positions: int) -> "DVAE":
        """Make the module for `positions` codes a picture; the backbone's `channels` are not asked for.

        Raises:
            SettingError: `positions` is no square.
        """
        return DVAE(self, positions=positions)

    def temperature_at(self, progress: float) -> float:
        """Temperature at `progress` (0 to 1) of training."""
        return cosine_between(
            self.temperature_start, self.temperature_end, progress=progress, until=self.annealed
        )


class DVAE(TokenizerPart):
    """In training a soft mixture of codes is decoded, otherwise the likeliest code."""

    source = "images"

    def __init__(self, config: DVAEConfig, *, positions: int) -> None:
        super().__init__(codes=config.codes, channels=config.code_dim, positions=positions)
        self.config = config
        self.encoder = config.autoencoder.encoder(out=config.codes, spread=_SPREAD)
        self.codebook = nn.Parameter(torch.randn(config.codes, config.code_dim))
        self.decoder = config.autoencoder.decoder(into=config.code_dim)

    @torch.no_grad()
    def encode(self, seen: Images) -> Coded:
        """The likeliest code of each place."""
        with torch.autocast(seen.device.type, enabled=False):
            codes = to_tokens(self.encoder(self._seen(seen))).argmax(dim=-1)
        return Coded(tokens=self.embed(codes), codes=codes)

    def embed(self, codes: Int64[Tensor, "b k"]) -> Float[Tensor, "b k c"]:
        """Embeddings of codes."""
        embedded: Tensor = self.codebook[codes]
        return embedded

    def mixture(
        self, logits: Float[Tensor, "b m k"], *, progress: float, generator: Chance = None
    ) -> Float[Tensor, "b m k"]:
        """Shares of the codes, by Gumbel-softmax (Jang et al. 2017) at the temperature of `progress`."""
        noise = gumbel(*logits.shape, chance=generator, device=logits.device).to(logits.device)
        return ((logits.float() + noise) / self.config.temperature_at(progress)).softmax(dim=-1)

    def loss(
        self,
        images: Images,
        features: Float[Tensor, "b m c"] | None = None,
        *,
        progress: float,
        generator: Chance = None,
    ) -> dict[str, Tensor]:
        """Squared error of the decoded picture alone: SLATE has no prior term."""
        seen = self._seen(images)
        if self.training:
            logits = to_tokens(self.encoder(seen))
            mixture = self.mixture(logits, progress=progress, generator=generator)
            tokens = mixture.to(self.codebook.dtype) @ self.codebook
        else:
            tokens = self.encode(seen).tokens
        return {"reconstruction": picture_error(self.decoder(to_grid(tokens)), seen)}
