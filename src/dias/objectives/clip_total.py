"""What training on clips minimises: the decoder's error in every frame, and what ties frames together."""

from dias.models.clip_outputs import ClipOutput
from dias.objectives.ramp import cosine_ramp
from dias.objectives.slot_contrast import slot_contrast
from dias.objectives.total import Loss, ObjectiveConfig, distillation_of


def clip_loss(output: ClipOutput, *, config: ObjectiveConfig, progress: float) -> Loss:
    """The decoder's error, distillation weighted by the ramp at `progress` (0 to 1), contrast and penalties.

    Distillation is that of each clip's first frame: it teaches queries that know nothing of the picture. A
    later frame's queries come from slots that do, and its few maps (`ContinuityConfig.iterations`) are alike
    from the start (docs/video.md).

    Args:
        output: of the model, in training.
        config: which parts, how weighted.
        progress: of training.
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
    return Loss(
        total=reconstruction + weight * distillation + sum(penalties.values()),
        reconstruction=reconstruction,
        distillation=distillation,
        penalties=penalties,
    )
