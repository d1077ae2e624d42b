"""The nearest code (VQ-VAE; van den Oord et al. 2017, equation 1)."""

from typing import Literal

import torch
from jaxtyping import Float, Int64
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.nn.chance import Chance
from dias.nn.tokenizers.quantizers.output import Quantized


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NearestConfig:
    """Settings of nearest-neighbour quantization: the size of the codebook."""

    kind: Literal["nearest"] = "nearest"
    codes: PositiveInt = 4096

    def build(self, *, dim: int) -> "Nearest":
        """Make the module for vectors of `dim` channels."""
        return Nearest(codes=self.codes, dim=dim)


class Nearest(nn.Module):
    """A learned codebook, at the start uniform in ± 1 / codes as the VVO code has it."""

    def __init__(self, *, codes: int, dim: int) -> None:
        super().__init__()
        self.codebook = nn.Parameter(torch.empty(codes, dim).uniform_(-1 / codes, 1 / codes))

    def codes(self, encoded: Float[Tensor, "b m c"]) -> Int64[Tensor, "b m"]:
        """The nearest code of each vector, in Euclidean distance."""
        with torch.no_grad(), torch.autocast(encoded.device.type, enabled=False):
            return (
                torch.cdist(encoded.float().flatten(0, 1), self.codebook)
                .argmin(dim=-1)
                .view(encoded.shape[:2])
            )

    def embed(self, codes: Int64[Tensor, "b m"]) -> Float[Tensor, "b m c"]:
        """Embeddings of codes."""
        return self.codebook[codes]

    def forward(
        self, encoded: Float[Tensor, "b m c"], *, progress: float, generator: Chance = None
    ) -> Quantized:
        """Quantize; nothing is random and nothing changes with `progress`."""
        codes = self.codes(encoded)
        return Quantized(tokens=self.embed(codes), codes=codes)
