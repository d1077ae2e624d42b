"""A model of clips learns three clips of toy features by heart, and says the same of them as a stream."""

import torch
from torch import Tensor

from dias.backbones import Tokens
from dias.models import ClipModel, ClipModelConfig, ClipOutput, ImageModelConfig
from dias.nn.decoders import BroadcastMLPConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSeparateConfig
from dias.nn.slots.transitions import EncoderTransitionConfig
from dias.objectives import ObjectiveConfig, clip_loss
from moving import every_weight_moves
from toy_clip_features import toy_clip_features

TINY = ClipModelConfig(
    image=ImageModelConfig(
        channels=8,
        positions=36,
        queries=NormalSeparateConfig(slots=4),
        aggregation=AggregationConfig(slot_dim=16, threshold=0.1),
        decoder=BroadcastMLPConfig(layers=1, hidden=32),
    ),
    transition=EncoderTransitionConfig(heads=2, dropout=0.0),
)
STEPS = 80


def fit(model: ClipModel, features: Tensor) -> list[float]:
    """Train on these alone; the reconstruction error of each step. Fails if a weight stays where it was."""
    clips, frames = features.shape[:2]
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    objective, errors = ObjectiveConfig(distillation_weight=0.1, contrast_weight=0.5), []
    seen = Tokens(features=features.flatten(0, 1), grid=(6, 6))
    model.train()
    with every_weight_moves(model):
        for step in range(STEPS):
            reduce = torch.rand(clips) < 0.5 * step / STEPS
            output = model.from_tokens(seen, frames=frames, reduce=reduce, progress=step / STEPS)
            loss = clip_loss(output, config=objective, progress=step / STEPS)
            optimizer.zero_grad()
            loss.total.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            errors.append(float(loss.reconstruction.detach()))
    model.eval()
    return errors


def test_three_clips_are_fitted_and_followed_as_a_stream() -> None:
    torch.manual_seed(0)
    model = TINY.build()
    features, _ = toy_clip_features([[(0, 5)], [(0, 5)]], clips=3, frames=5)
    errors = fit(model, features)
    assert errors[-1] < 0.3 * errors[0]
    with torch.no_grad():
        chance = [torch.Generator().manual_seed(0) for _ in range(2)]
        whole = model.from_features(features, generator=chance[0])
        frames = [Tokens(features=one.contiguous(), grid=(6, 6)) for one in features.unbind(dim=1)]
        stream = ClipOutput(frames=tuple(model.stream(frames, generator=chance[1])))
    assert torch.equal(whole.slots, stream.slots)
    assert torch.equal(whole.attention, stream.attention)
    assert torch.equal(whole.mask, stream.mask)
    assert torch.equal(whole.error, stream.error)
