"""VVO's quantizer: a frozen codebook seen through one learned map, codes drawn by their similarity.

Sources: SimVQ (Zhu et al. 2024) for the frozen codebook and its map; VVO (Zhao et al. 2025) for the
standardised similarity and the Gumbel noise (reference study, 3.5).
"""

import math
from typing import Literal

import torch
from jaxtyping import Float, Int64
from pydantic import PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.nn.chance import Chance, gumbel
from dias.nn.tokenizers.annealing import cosine_between
from dias.nn.tokenizers.quantizers.output import Quantized


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SimilarityConfig:
    """Settings of VVO's quantizer.

    Attributes:
        codes: size of the codebook.
        hidden: channels of the frozen codebook, before the map.
        std_start: standard deviation that similarities are brought to before Gumbel noise, at the start.
        std_end: the same at the end; between the two along a cosine of the logarithm. The larger, the less
            the noise decides.
    """

    kind: Literal["similarity"] = "similarity"
    codes: PositiveInt = 4096
    hidden: PositiveInt = 1024
    std_start: PositiveFloat = 1.0
    std_end: PositiveFloat = 2.35

    def build(self, *, dim: int) -> "Similarity":
        """Make the module for vectors of `dim` channels."""
        return Similarity(self, dim=dim)

    def std_at(self, progress: float) -> float:
        """Standard deviation of similarities at `progress` (0 to 1) of training."""
        return math.exp(cosine_between(math.log(self.std_start), math.log(self.std_end), progress=progress))


class Similarity(nn.Module):
    """All codes move with one linear map, so that none is left behind; noise in training only."""

    directions: Float[Tensor, "k h"]

    def __init__(self, config: SimilarityConfig, *, dim: int) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("directions", torch.randn(config.codes, config.hidden))
        self.map = nn.Linear(config.hidden, dim, bias=False)
        nn.init.normal_(
            self.map.weight, std=config.hidden**-0.5
        )  # codes of variance 1, as is standardised by
        self._mean, self._deviation = normal_distance(dim)

    def codebook(self) -> Float[Tensor, "k c"]:
        """Embeddings of all codes."""
        with torch.autocast(self.directions.device.type, enabled=False):
            mapped: Tensor = self.map(self.directions)
        return mapped

    def similarities(self, encoded: Float[Tensor, "b m c"]) -> Float[Tensor, "b m k"]:
        """Negative distance to each code, standardised as if vectors and codes were standard normal."""
        with torch.autocast(encoded.device.type, enabled=False):
            distance = torch.cdist(encoded.float().flatten(0, 1), self.codebook())
        return (self._mean - distance.view(*encoded.shape[:2], -1)) / self._deviation

    @torch.no_grad()
    def codes(self, encoded: Float[Tensor, "b m c"]) -> Int64[Tensor, "b m"]:
        """The most similar code of each vector, without noise."""
        return self.similarities(encoded).argmax(dim=-1)

    def embed(self, codes: Int64[Tensor, "b m"]) -> Float[Tensor, "b m c"]:
        """Embeddings of codes."""
        return self.codebook()[codes]

    def forward(
        self, encoded: Float[Tensor, "b m c"], *, progress: float, generator: Chance = None
    ) -> Quantized:
        """Quantize; in training by a draw from the softmax of the similarities at `progress` (0 to 1)."""
        with torch.no_grad():
            scores = self.similarities(encoded)
            if self.training:
                noise = gumbel(*scores.shape, chance=generator, device=scores.device)
                scores = self.config.std_at(progress) * scores + noise.to(scores.device)
            codes = scores.argmax(dim=-1)
        return Quantized(tokens=self.embed(codes), codes=codes)


def normal_distance(dim: int) -> tuple[float, float]:
    """Mean and standard deviation of the distance of two standard normal vectors: sqrt(2) times chi's."""
    mean = math.sqrt(2) * math.exp(math.lgamma((dim + 1) / 2) - math.lgamma(dim / 2))
    return math.sqrt(2) * mean, math.sqrt(2) * math.sqrt(dim - mean**2)
