"""SPOT's self-training: the student's slots learn the masks of a frozen teacher's decoder.

Kakogeorgiou et al., "SPOT", CVPR 2024 (arXiv 2312.00648): attention-based self-training.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from dias.masks.matching import hungarian
from dias.masks.overlap import soft_iou


def attention_matching(
    student_logits: Float[Tensor, "b n m"],
    teacher_attention: Float[Tensor, "b k m"],
    *,
    student_kept: Bool[Tensor, "b n"],
    teacher_kept: Bool[Tensor, "b k"],
) -> Float[Tensor, ""]:
    """Cross-entropy of the student's attention logits with the teacher's hard masks, in nats.

    Masks are the argmax over kept slots; the student's and the teacher's are matched one to one at the
    largest total IoU. A token whose teacher slot has no partner, as when the student kept fewer, is left out
    of the mean over tokens and images; without any token the loss is 0.

    Args:
        student_logits: of the last round of its aggregation, before the softmax over slots (-inf: not kept).
        teacher_attention: of its decoder; a constant.
        student_kept: slots of the student that are there, at least one in each image.
        teacher_kept: likewise.
    """
    target = _matched_labels(student_logits, teacher_attention, student_kept, teacher_kept)
    summed = F.cross_entropy(student_logits, target, ignore_index=-1, reduction="sum")
    return summed / (target >= 0).sum().clamp(min=1)


def double_softmax_matching(
    student_logits: Float[Tensor, "b n m"],
    teacher_attention: Float[Tensor, "b k m"],
    *,
    student_kept: Bool[Tensor, "b n"],
    teacher_kept: Bool[Tensor, "b k"],
) -> Float[Tensor, ""]:
    """As in the code that DIAS's authors compare with, for comparison: attention taken for logits.

    The match and the masks are the same; like `double_softmax_distillation` it never comes near 0.
    """
    attention = student_logits.softmax(dim=1)
    return attention_matching(
        attention, teacher_attention, student_kept=student_kept, teacher_kept=teacher_kept
    )


@torch.no_grad()
def _matched_labels(
    student: Float[Tensor, "b n m"],
    teacher: Float[Tensor, "b k m"],
    student_kept: Bool[Tensor, "b n"],
    teacher_kept: Bool[Tensor, "b k"],
) -> Int64[Tensor, "b m"]:
    """The student's slot that each token should go to; -1 where the teacher's slot has no partner."""
    wanted, found = _winners(teacher, teacher_kept), _winners(student, student_kept)
    overlap = soft_iou(_masks(wanted, teacher.shape[1]), _masks(found, student.shape[1]))
    partner = hungarian(-overlap, rows=teacher_kept, columns=student_kept)
    return partner.gather(1, wanted)


def _winners(maps: Float[Tensor, "b n m"], kept: Bool[Tensor, "b n"]) -> Int64[Tensor, "b m"]:
    return maps.masked_fill(~kept[..., None], -torch.inf).argmax(dim=1)


def _masks(labels: Int64[Tensor, "b m"], count: int) -> Float[Tensor, "b n m"]:
    return F.one_hot(labels, count).mT.float()
