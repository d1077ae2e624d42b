"""Training of a model of clips, and how it is judged on held-out ones."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from dias.backbones import Tokens
from dias.checkpoints import save_model
from dias.data.frames import scenes_of
from dias.data.loaders import Batch
from dias.errors import DiasError
from dias.evaluation.clips import ClipScorer
from dias.evaluation.clips.results import SEGMENTATION
from dias.evaluation.protocol import rules_of
from dias.masks.boxes import boxes_from_labels
from dias.metrics import mean_over_valid
from dias.models.clip import ClipModel
from dias.models.clip_frames import one_frame
from dias.models.clip_outputs import Cues
from dias.models.outputs import SlotOutput
from dias.objectives import clip_loss
from dias.training.held_out import HeldOut, everyones
from dias.training.module import Training, parts_of
from dias.training.recipe import Recipe
from dias.training.validation import Validation, fixed_noise, labels_of, painted, reconstruction_error

_RULES = rules_of("dias")


class ClipTraining(Training):
    """Trains a model of clips by a recipe.

    Args:
        recipe: what to do.
        model: with its backbone.
    """

    def __init__(self, recipe: Recipe, model: ClipModel) -> None:
        super().__init__()
        assert model.image.backbone is not None
        assert recipe.clip is not None
        self.recipe = recipe
        self.model = model
        self.backbone = model.image.backbone
        self.frames = recipe.clip.frames

    def loss(self, batch: Batch, *, part: int) -> dict[str, Tensor]:
        """As the recipe's objective says, of windows: their frames go through the backbone at once."""
        seen, progress = replace(self.seen(batch), flow=batch.flow), self.progress()
        clips = len(seen.features) // self.frames
        chance = self.chance(clips, part=part)
        output = self.model.from_tokens(
            seen,
            frames=self.frames,
            cues=self.model.cues(batch.boxes),
            reduce=self.reductions(clips, chance=chance, device=seen.features.device),
            generator=chance,
            progress=progress,
        )
        return parts_of(clip_loss(output, config=self.recipe.objective, progress=progress))

    def see(self, images: UInt8[Tensor, "b 3 h w"]) -> Tokens:
        """What the model is given of pictures."""
        return self.model.image.see(images)

    def trained(self) -> dict[str, Tensor]:
        """The model but for its backbone."""
        return self.model.head_state()

    def save(self, file: Path, *, notes: dict[str, Any]) -> None:
        """Write the model."""
        save_model(file, self.model, notes=notes)


class ClipValidation(Validation):
    """Follows whole held-out clips frame by frame, as in use; identity counts in choosing a checkpoint."""

    def together(self) -> Sequence[Sequence[int]]:
        """The frames of each clip."""
        return scenes_of(self.source)

    def scores(self, module: Training) -> dict[str, float]:
        """What a validation finds, by name."""
        assert isinstance(module, ClipTraining)
        return validate_clips(module.model, self.held_out, device=module.device)

    def shown(self, pictures: int, *, most: int) -> Sequence[int]:
        """Frames spread over the clip."""
        return [int(place) for place in np.linspace(0, pictures - 1, min(most, pictures)).round()]

    def drawn(self, module: Training, batch: HeldOut) -> list[UInt8[np.ndarray, "h w 3"]]:
        """What is found in each frame; a slot has one colour in all."""
        assert isinstance(module, ClipTraining)
        found: list[UInt8[np.ndarray, "h w 3"]] = []
        for at, output in enumerate(_followed(module.model, batch, device=module.device)):
            labels = labels_of(output, batch).cpu()
            found.append(painted(batch.images[at], labels[0]))
        return found


@torch.no_grad()
def validate_clips(
    model: ClipModel, held_out: Sequence[HeldOut], *, device: torch.device
) -> dict[str, float]:
    """Mean scores over the clips of all processes, which must all call it.

    Returns:
        `ari`, `ari_foreground`, `mbo`, `miou` of whole clips; the same of single frames, `frame_` before the
        name; `idf1` and `switches` of tracks; `reconstruction`, the training task's error; `slots_kept`.
    """
    mine = [(clip.number, _scores(model, clip, device=device)) for clip in held_out]
    parts = sorted((part for share in everyones(mine) for part in share), key=lambda part: part[0])
    names = dict.fromkeys(name for _, scores in parts for name in scores)
    values = {name: [scores[name] for _, scores in parts if name in scores] for name in names}
    return {
        name: float(mean_over_valid(torch.tensor(found, dtype=torch.float64)))
        for name, found in values.items()
    }


def _scores(model: ClipModel, clip: HeldOut, *, device: torch.device) -> dict[str, float]:
    scorer, errors, kept = ClipScorer(_RULES), list[float](), list[float]()
    noise = fixed_noise()
    for at, output in enumerate(_followed(model, clip, device=device)):
        errors.append(float(reconstruction_error(model.image, output, generator=noise)))
        kept.append(float(output.mask.sum()))
        if clip.masks is not None:
            valid = None if clip.valid is None else clip.valid[at].to(device)
            scorer.add(labels_of(output, clip)[0], clip.masks[at].to(device), valid=valid)
    found = {"reconstruction": float(np.mean(errors)), "slots_kept": float(np.mean(kept))}
    if clip.masks is None:
        return found
    total = scorer.finished()
    found |= {name: total.whole[name] for name in SEGMENTATION}
    found |= {f"frame_{name}": total.per_frame[name] for name in SEGMENTATION}
    return found | {"idf1": total.tracks.idf1, "switches": float(total.tracks.switches)}


def _followed(model: ClipModel, clip: HeldOut, *, device: torch.device) -> Iterator[SlotOutput]:
    """A clip frame by frame, recurrent state only, from the same queries at every validation."""
    seen, noise = clip.tokens(device), fixed_noise()
    frames = len(clip.images)
    singles = (one_frame(seen, at, of=frames) for at in range(frames))
    return model.stream(singles, cues=_told(model, clip, device=device), generator=noise)


def _told(model: ClipModel, clip: HeldOut, *, device: torch.device) -> Cues | None:
    if model.told is None:
        return None
    if clip.masks is None:
        raise DiasError("data.validation: has no masks, which told queries need; leave clip.cues out")
    first = clip.masks[0].numpy()
    boxes = boxes_from_labels(first, int(first.max()))
    return model.cues(torch.from_numpy(boxes)[None].float().to(device))
