"""What tokenizers that quantize vectors share: vectors to codes, and codes to pictures, which teach both."""

from abc import abstractmethod

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from dias.nn.tokenizers.autoencoders import Autoencoder
from dias.nn.tokenizers.output import Coded
from dias.nn.tokenizers.quantizers import Quantizer, alignment, commitment
from dias.nn.tokenizers.tokenizer import TokenizerPart
from dias.nn.tokenizers.views import picture_error, to_grid


class VectorQuantizer(TokenizerPart):
    """Encoder, quantizer, decoder (van den Oord et al. 2017); what is encoded, each kind says.

    Attributes:
        encoder: a grid into a grid of vectors, as wide as a code's embedding.
        quantizer: vectors into codes.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        quantizer: Quantizer,
        autoencoder: Autoencoder,
        code_dim: int,
        positions: int,
    ) -> None:
        super().__init__(codes=quantizer.codes, channels=code_dim, positions=positions)
        self.encoder = encoder
        self.quantizer = quantizer.build(dim=code_dim)
        self.decoder = autoencoder.decoder(into=code_dim)

    @abstractmethod
    def encoded(self, seen: Tensor) -> Float[Tensor, "b m c"]:
        """Vectors of what `encode` sees, before they are quantized; float32, with their gradient."""

    @torch.no_grad()
    def encode(self, seen: Tensor) -> Coded:
        """The code of each vector."""
        with torch.autocast(seen.device.type, enabled=False):
            codes = self.quantizer.codes(self.encoded(seen))
            return Coded(tokens=self.embed(codes), codes=codes)

    def embed(self, codes: Int64[Tensor, "b k"]) -> Float[Tensor, "b k c"]:
        """Embeddings of codes."""
        embedded: Tensor = self.quantizer.embed(codes)
        return embedded

    def _losses(
        self,
        seen: Float[Tensor, "b 3 s s"],
        *,
        encoded: Float[Tensor, "b m c"],
        codes: Float[Tensor, "b m c"],
        shown: Float[Tensor, "b m c"],
        held: Float[Tensor, "b m c"],
        weight: float,
    ) -> dict[str, Tensor]:
        """Reconstruction, alignment of the codebook, commitment of the encoder (equation 3 of the paper).

        Args:
            seen: the picture.
            encoded: vectors.
            codes: embeddings of their codes.
            shown: what is decoded.
            held: what the vectors commit themselves to.
            weight: of the commitment.
        """
        return {
            "reconstruction": picture_error(self.decoder(to_grid(shown)), seen),
            "alignment": alignment(encoded, codes),
            "commitment": weight * commitment(encoded, held),
        }
