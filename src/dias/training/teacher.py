"""A frozen model that a student learns from (SPOT's second stage, Kakogeorgiou et al. 2024)."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from dias.backbones import Backbone, BackboneConfig, Tokens
from dias.checkpoints import load_model
from dias.errors import DiasError, SettingError
from dias.models.image import ImageModel
from dias.models.outputs import SlotOutput
from dias.nn.chance import Chance
from dias.nn.decoders import PermutedARDecoder


class Teacher(nn.Module):
    """Says how its decoder shares the tokens of a batch among its slots; never trained, never saved.

    A decoder of several orders reads each batch in a random one, as published.
    """

    def __init__(self, model: ImageModel) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        if isinstance(model.decoder, PermutedARDecoder):
            model.decoder.config = replace(model.decoder.config, evaluation="random")
        self.eval()

    def train(self, mode: bool = True) -> "Teacher":
        """Stay in evaluation mode, whatever the module around does."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, seen: Tokens, *, generator: Chance = None) -> SlotOutput:
        """Slots and the decoder's attention for what its student sees.

        Args:
            seen: features of the backbone that it was trained on; its student's.
            generator: source of its queries' noise and of its decoder's order.

        Raises:
            SettingError: its decoder has no attention.
            DiasError: it has last blocks of its own, and there are no pictures.
        """
        if self.model.config.tuned_blocks:  # of its own: what the student's are given may not fit them
            if seen.images is None:
                raise DiasError(
                    "the teacher has last blocks of its own, and must see pictures: use a cache without "
                    "--last-blocks, or none"
                )
            seen = self.model.see(seen.images)
        output = self.model.from_tokens(seen, generator=generator)
        if output.decoder_attention is None:
            kind = self.model.config.decoder.kind
            raise SettingError("earlier.model.decoder.kind", kind, "gives no attention to learn from")
        return output


def load_teacher(path: Path, *, backbone: Backbone) -> Teacher:
    """Load a checkpoint, or a run's best, as the teacher of a student on the same backbone.

    Raises:
        CheckpointError: as `load_model`.
        DiasError: it was trained on other features than the backbone gives.
    """
    model = load_model(path, backbone=backbone)
    trained_on, given = _anywhere(model.config.backbone), _anywhere(backbone.config)
    if trained_on != given:
        raise DiasError(
            f"{path}: the teacher was trained on features of {trained_on}, its student's are of {given}"
        )
    return Teacher(model)


def _anywhere(config: object) -> object:
    """Settings of a backbone, wherever its weights lie."""
    return replace(config, path=None) if isinstance(config, BackboneConfig) else config
