"""Three toy clips, each method's own recipe made small: what cannot fit these can learn nothing."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from dias.backbones import PixelsConfig, Tokens
from dias.config import from_dict, merged
from dias.models import ClipModel, Cues
from dias.nn.decoders.counted import decode
from dias.objectives import clip_loss
from dias.training.recipe import Recipe, read_settings
from moving import every_weight_moves

SIDE, CHANNELS, CLIPS, FRAMES, COLOURS, PATCH = 4, 16, 3, 3, 6, 8
CONV = {"kind": "conv", "width": 16, "blocks": 1, "fine_blocks": 0}
SMALL: dict[str, Any] = {
    "channels": CHANNELS,
    "positions": SIDE * SIDE,
    "pca": None,
    "queries": {"slots": 3},
    "aggregation": {"slot_dim": 32},
}
CODES = {"decoder": {"kind": "code_ar", "layers": 2, "heads": 2, "width": 32}}
DVAE = {"kind": "dvae", "codes": 16, "code_dim": 16, "autoencoder": CONV}
FEATURE_VQ = {
    "kind": "feature_vq",
    "code_dim": 4,
    "width": 16,
    "layers": 2,
    "autoencoder": CONV,
    "quantizer": {"kind": "similarity", "codes": 16, "hidden": 16},
}
PIXELS: dict[str, Any] = {
    "backbone": {"kind": "pixels", "input_size": 8},
    "channels": 3,
    "positions": 64,
    "projection": {"kind": "cnn", "width": 16, "strides": [1, 1]},
    "decoder": {"kind": "pixel_broadcast", "start": 4, "width": 16},
}
METHODS: dict[str, tuple[dict[str, Any], float]] = {  # what is small, and what reconstruction falls to
    "slotcontrast-cpu": ({"decoder": {"kind": "broadcast_mlp", "hidden": 64}}, 0.6),  # starts slowly
    "randsfq-cpu": ({}, 0.33),
    "videosaur-cpu": ({"decoder": {"kind": "slot_mixer", "hidden": 64}}, 0.33),
    "steve-cpu": (CODES | {"tokenizer": DVAE}, 0.33),
    "savi-cpu": (PIXELS, 0.33),
    "temporal-ar-cpu": ({}, 0.33),
    "smoothsa-video-cpu": ({}, 0.33),
    "vvo-tfdt-cpu": (CODES | {"tokenizer": FEATURE_VQ}, 0.33),
}
STEPS = 60
CUES = Cues(places=torch.rand(CLIPS, 2, 4).sort(dim=2).values, there=torch.ones(CLIPS, 2).bool())


def clips() -> Tokens:
    """A square that moves by a column a frame on a ground; a colour has features of its own; and noise."""
    chance = torch.Generator().manual_seed(0)
    colours = torch.rand(COLOURS, 3, generator=chance)
    looks = torch.randn(COLOURS, CHANNELS, generator=chance)
    place = torch.randn(SIDE * SIDE, CHANNELS, generator=chance)
    shown = torch.empty(CLIPS, FRAMES, SIDE, SIDE, dtype=torch.long)
    for clip in range(CLIPS):
        ground, thing = torch.randperm(COLOURS, generator=chance)[:2]
        for frame in range(FRAMES):
            shown[clip, frame] = ground
            shown[clip, frame, clip % 3 : clip % 3 + 2, frame : frame + 2] = thing
    images = colours[shown.flatten(0, 1)].movedim(-1, 1)
    noise = 0.1 * torch.randn(CLIPS * FRAMES, SIDE * SIDE, CHANNELS, generator=chance)
    features = looks[shown.flatten(0, 1).flatten(1)] + place + noise
    large = images.repeat_interleave(PATCH, dim=2).repeat_interleave(PATCH, dim=3)
    return Tokens(features=features, grid=(SIDE, SIDE), images=large)


def small(name: str) -> Recipe:
    settings = {"model": merged(SMALL, METHODS[name][0])}
    return from_dict(Recipe, merged(read_settings(name), settings))


def fitted(model: ClipModel, recipe: Recipe, seen: Tokens) -> list[float]:
    """Losses of the recipe's own objective; all weights that it trains have moved."""
    cues = None if model.told is None else CUES
    trained = [value for value in model.parameters() if value.requires_grad]
    optimizer, losses = torch.optim.Adam(trained, lr=4e-3, fused=True), []
    with every_weight_moves(model.train()):
        for step in range(STEPS):
            output = model.from_tokens(
                seen, frames=FRAMES, cues=cues, reduce=False, progress=0.2 + 0.8 * step / STEPS
            )
            loss = clip_loss(output, config=recipe.objective, progress=step / STEPS)
            optimizer.zero_grad()
            loss.total.backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            losses.append(float(loss.reconstruction.detach()))
    return losses


@torch.no_grad()
def explained(model: ClipModel, seen: Tokens) -> tuple[float, float]:
    """What the clips' own slots leave unexplained, and what another clip's do."""
    cues = None if model.told is None else CUES
    output = model.eval().from_tokens(
        seen, frames=FRAMES, cues=cues, generator=torch.Generator().manual_seed(0)
    )
    assert output.error is not None
    others = []
    for frame in output.frames:
        assert frame.target is not None
        others.append(
            decode(model.image.decoder, frame.slots.roll(1, dims=0), frame.mask, frame.target).error.mean()
        )
    return float(output.error.mean()), float(torch.stack(others).mean())


@pytest.mark.parametrize("name", METHODS)
def test_a_method_fits_three_clips_by_their_slots(name: str) -> None:
    """Reconstruction falls to a share, and another clip's slots explain a clip worse than its own."""
    recipe, seen = small(name), clips()
    torch.manual_seed(0)
    assert recipe.clip is not None
    config = recipe.clip.model(recipe.model)
    backbone = None
    if isinstance(recipe.model.backbone, PixelsConfig):
        backbone = recipe.model.backbone.build()
        seen = replace(backbone(seen.images), images=seen.images)
    model = config.build(backbone=backbone)
    losses = fitted(model, recipe, seen)
    assert sum(losses[-5:]) < METHODS[name][1] * sum(losses[:5])
    own, other = explained(model, seen)
    assert other > 1.2 * own
