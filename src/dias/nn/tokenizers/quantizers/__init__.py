"""Vectors into numbers of codes."""

from typing import Annotated

from pydantic import Field

from dias.nn.tokenizers.quantizers.nearest import Nearest, NearestConfig
from dias.nn.tokenizers.quantizers.output import Quantized, alignment, commitment, straight_through
from dias.nn.tokenizers.quantizers.similarity import Similarity, SimilarityConfig

Quantizer = Annotated[NearestConfig | SimilarityConfig, Field(discriminator="kind")]

__all__ = [
    "Nearest",
    "NearestConfig",
    "Quantized",
    "Quantizer",
    "Similarity",
    "SimilarityConfig",
    "alignment",
    "commitment",
    "straight_through",
]
