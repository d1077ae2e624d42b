"""What every decoder is given to explain, and what it returns."""

from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a decoder has to explain.

    Attributes:
        tokens: vectors: frozen features, or what a tokenizer made of the picture, or both side by side.
        codes: their numbers in the tokenizer's codebook; None where there is none.
        frames: of each clip, where the batch is all frames of the first clip, of the second, and so on.
        alike: what tells how alike tokens of two frames are, where `tokens` does not: a ViT's keys.
    """

    tokens: Float[Tensor, "b m c"]
    codes: Int64[Tensor, "b m"] | None = None
    frames: int = 1
    alike: Float[Tensor, "b m k"] | None = None


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """What slots explain.

    Attributes:
        reconstruction: what the decoder predicts: tokens, logits over codes, or the noise of a diffusion.
        attention: how each token's explanation is shared by slots (sums to 1 over n); None if there is none.
        error: how far each image's prediction is from the truth, in the decoder's own measure; float32.
        similarity: logits of which tokens of a clip's next frame are like each token; None where it is not
            predicted. No part of the error: what is similar is known once the next frame is.
    """

    reconstruction: Float[Tensor, "b m c"]
    attention: Float[Tensor, "b n m"] | None
    error: Float[Tensor, " b"]
    similarity: Float[Tensor, "b m k"] | None = None


def squared_error(prediction: Float[Tensor, "b m c"], truth: Float[Tensor, "b m c"]) -> Float[Tensor, " b"]:
    """Mean over tokens and channels of the squared difference, for each image; truth has no gradient."""
    return (prediction.float() - truth.detach().float()).square().mean(dim=(1, 2))


def similarity_width(wanted: bool, positions: int) -> int:
    """Channels that a prediction of the next frame's similar tokens takes, behind those of a token."""
    return positions if wanted else 0


def split_similarity(
    found: Float[Tensor, "b m c"], token_dim: int
) -> tuple[Float[Tensor, "b m k"], Float[Tensor, "b m p"] | None]:
    """Tokens, and the prediction behind them, if there is one."""
    if found.shape[-1] == token_dim:
        return found, None
    return found[..., :token_dim], found[..., token_dim:]
