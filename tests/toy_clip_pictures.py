"""Clips as pictures, and a model of them that needs no training: coloured squares move, come and go."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dias.backbones import Backbone, Tokens, WeightsRecord
from dias.data.streams import StreamFrame
from dias.models import ClipModel
from toy_clip_features import COLOURS, SIDE, Life, soft_k_means, toy_clip_features

PATCH = 4
SLOTS = (0, 2, 3, 4)  # of the ground, and of the things that enter, in their order
_PAINT = torch.tensor(
    [[40, 40, 40], [250, 20, 20], [20, 250, 20], [20, 20, 250], [250, 250, 20], [20, 250, 250]],
    dtype=torch.uint8,
)


class ToyBackbone(Backbone):
    """Tokens are unit vectors: which colour of the palette a patch has."""

    def __init__(self) -> None:
        super().__init__(
            None,
            weights=WeightsRecord(name="toy", source="test", sha256="c" * 64),
            channels=COLOURS, patch=PATCH, input_size=SIDE * PATCH, precision="fp32",
            mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0),
        )  # fmt: skip
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> Tokens:
        self.batches.append(len(images))
        grid = images.shape[2] // PATCH, images.shape[3] // PATCH
        mean = nn.functional.adaptive_avg_pool2d(images.float(), grid).flatten(2).mT
        nearest = torch.cdist(mean, _PAINT.float()).argmin(dim=2)
        return Tokens(features=torch.eye(COLOURS)[nearest], grid=grid)


def toy_tracking_model() -> ClipModel:
    """`soft_k_means` with eyes."""
    model = soft_k_means()
    model.image.backbone = ToyBackbone()
    return model


def toy_clip_pictures(
    lives: Sequence[Life], *, frames: int = 6, scale: tuple[int, int] = (8, 12)
) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames of 6 x 6 coloured blocks, and the true label of each of their pixels."""
    _, flat = toy_clip_features(lives, clips=1, frames=frames)
    labels = flat[0].reshape(frames, SIDE, SIDE).repeat_interleave(scale[0], 1).repeat_interleave(scale[1], 2)
    return list(_PAINT[labels].numpy()), labels.numpy()


def as_stream(pictures: Sequence[np.ndarray], *, rate: float = 25.0) -> Iterator[StreamFrame]:
    for number, picture in enumerate(pictures):
        yield StreamFrame(number, number / rate, _give(picture))


def _give(picture: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: picture
