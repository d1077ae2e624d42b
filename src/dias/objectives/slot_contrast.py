"""A slot is more like itself in the next frame than any other slot of the batch is.

Manasyan et al., "Temporally Consistent Object-Centric Learning by Contrasting Slots", CVPR 2025.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def slot_contrast(
    slots: Float[Tensor, "b t n d"], kept: Bool[Tensor, "b t n"], *, temperature: float = 0.1
) -> Float[Tensor, ""]:
    """Cross-entropy, in nats, of which slot of a frame each slot of the next one was.

    Every slot of frame t + 1 is compared (cosine, over `temperature`) with all slots of frame t, those of the
    other clips of the batch too; the right one is that of its own clip and index. A slot that is not there in
    a frame is compared with nothing: it is no choice in that frame, asks nothing in it, and a slot that was
    not there in the frame before has no right answer. The mean is over slots that are there in two frames in
    a row; without any, the loss is 0. Where all slots are there, this is the published loss.

    Args:
        slots: of each frame, a slot at the same index throughout its clip.
        kept: which of them are there.
        temperature: that divides the cosine.
    """
    exact = slots.to(torch.promote_types(slots.dtype, torch.float32))
    unit = F.normalize(exact, dim=-1).transpose(0, 1).flatten(1, 2)  # t b*n d
    there = kept.transpose(0, 1).flatten(1, 2)
    with torch.autocast(slots.device.type, enabled=False):  # bf16 is coarse beside a temperature of 0.1
        logits = unit[1:] @ unit[:-1].mT / temperature  # of each later slot (rows), all earlier ones
    lowest = torch.finfo(
        logits.dtype
    ).min  # not -inf: a row without any choice would have no gradient but NaN
    scores = logits.masked_fill(~there[:-1, None], lowest).log_softmax(dim=-1)
    right = scores.diagonal(dim1=-2, dim2=-1)
    asked = there[1:] & there[:-1]
    return -torch.where(asked, right, 0.0).sum() / asked.sum().clamp(min=1)
