"""Pictures or features into codes. A new tokenizer is a file here and its name in the union."""

from typing import Annotated

from pydantic import Field

from dias.nn.tokenizers.dvae import DVAE, DVAEConfig
from dias.nn.tokenizers.feature_vq import FeatureVQ, FeatureVQConfig
from dias.nn.tokenizers.image_vq import ImageVQ, ImageVQConfig
from dias.nn.tokenizers.output import Coded
from dias.nn.tokenizers.tokenizer import TokenizerPart

Tokenizer = Annotated[DVAEConfig | ImageVQConfig | FeatureVQConfig, Field(discriminator="kind")]

__all__ = [
    "DVAE",
    "Coded",
    "DVAEConfig",
    "FeatureVQ",
    "FeatureVQConfig",
    "ImageVQ",
    "ImageVQConfig",
    "Tokenizer",
    "TokenizerPart",
]
