"""Flow as a target: SAVi's colours, by colorsys and by compass; and a model that explains it."""

import colorsys
import math
from dataclasses import replace

import pytest
import torch

from dias.backbones import PixelsConfig, Tokens
from dias.errors import DiasError
from dias.models import ClipModelConfig, ImageModelConfig
from dias.models.clip_frames import one_frame
from dias.models.flow import flow_colours, flow_target
from dias.models.pictures import check_pictures
from dias.nn.decoders import PixelBroadcastConfig
from dias.nn.projection import CNNProjectionConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.continuity import ContinuityConfig
from dias.nn.slots.transitions import EncoderTransitionConfig
from moving import every_weight_moves

SMALL = ClipModelConfig(
    image=ImageModelConfig(
        backbone=PixelsConfig(input_size=8),
        channels=3,
        positions=64,
        projection=CNNProjectionConfig(width=8, strides=(1, 1)),
        aggregation=AggregationConfig(slot_dim=8, iterations=1, reduction=False, reinitialization=False),
        target="flow",
        decoder=PixelBroadcastConfig(start=4, width=8),
    ),
    transition=EncoderTransitionConfig(heads=2, dropout=0),
    continuity=ContinuityConfig(iterations=1),
)


def test_colours_are_those_of_a_wheel() -> None:
    """Hue (angle / pi + 1) / 2, saturation 50 |v| / diagonal up to 1, value 1, pixel by pixel."""
    flow = torch.randn(2, 2, 6, 8, generator=torch.Generator().manual_seed(0)) * 0.2
    found, diagonal = flow_colours(flow), math.hypot(6, 8)
    for b in range(2):
        for row in range(6):
            for column in range(8):
                x, y = flow[b, :, row, column].tolist()
                hue = (math.atan2(y, x) / math.pi + 1) / 2
                saturation = min(50 * math.hypot(x, y) / diagonal, 1.0)
                expected = torch.tensor(colorsys.hsv_to_rgb(hue, saturation, 1.0))
                torch.testing.assert_close(found[b, :, row, column], expected, atol=1e-5, rtol=0)


def test_what_stands_still_is_white_and_size_changes_nothing() -> None:
    assert torch.equal(flow_colours(torch.zeros(1, 2, 4, 4)), torch.ones(1, 3, 4, 4))
    flow = torch.randn(1, 2, 4, 4)
    larger = 2 * flow.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(flow_target(larger, (4, 4)), flow_target(flow, (4, 4)))


def moving(frames: int = 3) -> Tokens:
    """A clip of grey noise in which a square moves, and its flow."""
    chance = torch.Generator().manual_seed(0)
    images, flow = torch.randint(90, 110, (frames, 3, 8, 8), generator=chance), torch.zeros(frames, 2, 8, 8)
    for at in range(frames):
        images[at, :, 2:5, at : at + 3] = torch.tensor([250, 20, 20])[:, None, None]
        flow[at, 0, 2:5, at : at + 3] = 1.0
    seen = PixelsConfig(input_size=8).build()(images.to(torch.uint8))
    return replace(seen, images=images.to(torch.uint8), flow=flow)


def test_a_clips_flow_is_fitted_from_its_pixels() -> None:
    torch.manual_seed(0)
    part, seen = SMALL.build(backbone=PixelsConfig(input_size=8).build()).train(), moving()
    assert torch.equal(one_frame(seen, 1, of=3).flow[0], seen.flow[1])  # type: ignore[index]
    optimizer = torch.optim.Adam([p for p in part.parameters() if p.requires_grad], lr=4e-3)
    errors = []
    with every_weight_moves(part):
        for _ in range(80):
            optimizer.zero_grad()
            error = part.from_tokens(seen, frames=3).error.mean()
            error.backward()
            optimizer.step()
            errors.append(float(error.detach()))
    assert errors[-1] < errors[0] / 4
    shown, blind = (
        part.eval().from_tokens(one, frames=3, generator=torch.Generator().manual_seed(1))
        for one in (seen, replace(seen, flow=None))
    )
    assert torch.equal(shown.attention, blind.attention)
    assert torch.equal(shown.decoder_attention, blind.decoder_attention)
    assert shown.error.isfinite().all()
    assert blind.error.isnan().all()


def test_without_flow_there_is_no_training_and_without_colours_no_picture() -> None:
    part = SMALL.build(backbone=PixelsConfig(input_size=8).build())
    with pytest.raises(DiasError, match=r"explains optical flow, and there is none.*data\.train\.flow=true"):
        part.train().from_tokens(replace(moving(), flow=None), frames=3)
    with pytest.raises(DiasError, match="pictures of slots"):
        check_pictures(part.image)
