"""Clips of features without a backbone, and a model of them that needs no training.

Coloured squares move, come and go; colour i is the i-th unit vector. The model's weights are set by hand so
that a round of Slot Attention is a step of soft k-means, and a slot of one frame is its query in the next.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from dias.models import ClipModel, ClipModelConfig, ImageModelConfig
from dias.nn.decoders import BroadcastMLPConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.competition import Competition
from dias.nn.slots.continuity import ContinuityConfig
from dias.nn.slots.queries import NormalSeparateConfig
from dias.nn.slots.transitions import StillTransitionConfig

SIDE, COLOURS = 6, 8
Life = Sequence[tuple[int, int]]  # first frame, and the one after the last; one pair an appearance


def toy_clip_features(lives: Sequence[Life], *, clips: int = 2, frames: int = 6) -> tuple[Tensor, Tensor]:
    """Features (clips, frames, 36, 8), and the true label of each token (0: ground; i + 1: object i).

    Object i is 2 x 2 tokens in rows 2 i and 2 i + 1, and moves one column a frame, back and forth; it starts
    one column further in each clip.
    """
    labels = torch.zeros(clips, frames, SIDE, SIDE, dtype=torch.int64)
    for clip in range(clips):
        for number, life in enumerate(lives):
            for frame in (frame for first, end in life for frame in range(first, end)):
                place = 4 - abs((clip + number + frame) % 8 - 4)
                labels[clip, frame, 2 * number : 2 * number + 2, place : place + 2] = number + 1
    flat = labels.flatten(2)
    noise = torch.randn(*flat.shape, COLOURS, generator=torch.Generator().manual_seed(0))
    return torch.eye(COLOURS)[flat] + 0.02 * noise, flat


def soft_k_means(
    *,
    starts: Sequence[int] = (0, 0, 1, 2, 3),
    enter: float = 0.05,
    arrivals: bool = True,
    **aggregation: object,
) -> ClipModel:
    """A model whose slot i starts near colour `starts[i]`; in evaluation mode."""
    torch.manual_seed(0)
    config = ClipModelConfig(
        image=ImageModelConfig(
            channels=COLOURS,
            positions=SIDE**2,
            queries=NormalSeparateConfig(slots=len(starts)),
            aggregation=replace(AggregationConfig(slot_dim=COLOURS, threshold=0.1), **aggregation),  # type: ignore[arg-type]
            decoder=BroadcastMLPConfig(layers=1, hidden=16),
        ),
        transition=StillTransitionConfig(),
        continuity=ContinuityConfig(enter=enter).changed(arrivals=arrivals),
    )
    model = config.build().eval()
    model.image.projection = Plain()
    model.image.aggregation.competition.load_state_dict(_k_means(model.image.aggregation.competition))
    near = torch.eye(COLOURS)[list(starts)] + 0.05 * torch.randn(len(starts), COLOURS)
    with torch.no_grad():
        model.image.queries.mean.copy_(near[None])
    return model


class Plain(nn.Identity):
    """Slots compete for the features as they are."""

    channels_out = COLOURS

    def maps(self, logits: Tensor) -> Tensor:
        return logits


@torch.no_grad()
def _k_means(part: Competition) -> dict[str, Tensor]:
    """A slot becomes the weighted mean of what it sees; it sees colours that are like it."""
    state = {name: torch.zeros_like(value) for name, value in part.state_dict().items()}
    one = torch.eye(COLOURS)
    for norm in ("norm_slots", "norm_tokens", "norm_update"):
        state[f"{norm}.weight"] += 1
    state["query.weight"] += 4 * one
    state["key.weight"] += one
    state["value.weight"] += 0.1 * one  # small: the GRU's tanh is then nearly the identity
    state["gru.weight_ih"][2 * COLOURS :] += one
    state["gru.bias_ih"][COLOURS : 2 * COLOURS] -= 20  # nothing of the old state stays
    return state
