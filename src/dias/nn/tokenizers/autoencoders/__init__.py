"""Pictures into a grid an eighth as wide, and back. What is between the two, a tokenizer adds."""

from typing import Annotated

from pydantic import Field

from dias.nn.tokenizers.autoencoders.conv import ConvConfig
from dias.nn.tokenizers.autoencoders.taesd import TAESDConfig, start_from_published

Autoencoder = Annotated[ConvConfig | TAESDConfig, Field(discriminator="kind")]

__all__ = ["Autoencoder", "ConvConfig", "TAESDConfig", "start_from_published"]
