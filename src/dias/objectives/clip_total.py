"""What training on clips minimises: the decoder's error in every frame, and what ties frames together."""

import torch
from jaxtyping import Float
from torch import Tensor

from dias.errors import SettingError
from dias.models.clip_outputs import ClipOutput
from dias.objectives.ramp import cosine_ramp
from dias.objectives.slot_contrast import slot_contrast
from dias.objectives.temporal_similarity import temporal_similarity
from dias.objectives.total import Loss, ObjectiveConfig, distillation_of


def clip_loss(output: ClipOutput, *, config: ObjectiveConfig, progress: float) -> Loss:
    """The decoder's error, distillation weighted by the ramp at `progress` (0 to 1), and what ties frames.

    Distillation is that of each clip's first frame: it teaches queries that know nothing of the picture. A
    later frame's queries come from slots that do, and its few maps (`ContinuityConfig.iterations`) are alike
    from the start (docs/video.md).

    Args:
        output: of the model, in training.
        config: which parts, how weighted.
        progress: of training.

    Raises:
        SettingError: similarities are asked for, and the decoder predicts none.
    """
    error, first = output.error, output.frames[0]
    assert error is not None
    reconstruction, distillation = error.mean(), distillation_of(first, config)
    weight = config.distillation_weight * cosine_ramp(progress)
    penalties = dict(first.penalties)
    for frame in output.frames[1:]:
        for name, value in frame.penalties.items():
            penalties[name] = penalties.get(name, 0) + value
    if config.contrast_weight:
        contrast = slot_contrast(output.slots, output.mask, temperature=config.contrast_temperature)
        penalties["contrast"] = config.contrast_weight * contrast
    if config.similarity_weight:
        penalties["similarity"] = config.similarity_weight * _similarity(output, config)
    return Loss(
        total=reconstruction + weight * distillation + sum(penalties.values()),
        reconstruction=reconstruction,
        distillation=distillation,
        penalties=penalties,
    )


def _similarity(output: ClipOutput, config: ObjectiveConfig) -> Float[Tensor, ""]:
    """Of keys where the backbone gives them, else of what is explained.

    Nothing is known of what follows a window's last frame.
    """
    predicted, targets = output.similarity, [frame.target for frame in output.frames]
    if predicted is None:
        raise SettingError(
            "objective.similarity_weight",
            config.similarity_weight,
            "but the decoder predicts no similarities; slot_mixer, broadcast_mlp and random_ar do with "
            "model.decoder.similarity=true",
        )
    compared = [
        target.tokens if target.alike is None else target.alike for target in targets if target is not None
    ]
    return temporal_similarity(
        torch.stack(compared, dim=1), predicted[:, :-1], temperature=config.similarity_temperature
    )
