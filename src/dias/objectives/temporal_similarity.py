"""What a token of one frame becomes in the next: predicted, and compared with how alike the features are.

Zadaianchuk et al., "Object-Centric Learning for Real-World Videos by Predicting Temporal Feature
Similarities" (VideoSAUR), NeurIPS 2023.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def temporal_similarity(
    features: Float[Tensor, "b t m c"], prediction: Float[Tensor, "b s m k"], *, temperature: float
) -> Float[Tensor, ""]:
    """Cross-entropy of predicted with true similarities of a frame's tokens and the next frame's; in nats.

    Truth, without gradient: the softmax over the next frame's tokens of the cosine over `temperature`. Tokens
    of a cosine below 0 have no share in it, as in the paper; where all are below, all have the same. The mean
    is over clips, frames and tokens.

    Args:
        features: that are compared, in the paper the keys of the ViT's last block; k = m.
        prediction: logits over the next frame's tokens, of the first t - 1 frames.
        temperature: 0.075 for MOVi, 0.25 (patches of 16) or 0.15 (of 14) for YouTube-VIS in the paper.
    """
    truth = similar_tokens(features, temperature=temperature)
    predicted = prediction.to(torch.promote_types(prediction.dtype, torch.float32)).log_softmax(dim=-1)
    return -(truth * predicted).sum(dim=-1).mean()


@torch.no_grad()
def similar_tokens(features: Float[Tensor, "b t m c"], *, temperature: float) -> Float[Tensor, "b s m m"]:
    """How much each of the next frame's tokens (last axis) is like each token, of all frames but the last."""
    unit = F.normalize(features.to(torch.promote_types(features.dtype, torch.float32)), dim=-1)
    with torch.autocast(features.device.type, enabled=False):  # bf16 is coarse beside a temperature of 0.075
        cosine = unit[:, :-1] @ unit[:, 1:].mT
    alike = (cosine / temperature).masked_fill(cosine < 0, -torch.inf)
    nothing = (cosine < 0).all(dim=-1, keepdim=True)
    return alike.masked_fill(nothing, 0.0).softmax(dim=-1)
