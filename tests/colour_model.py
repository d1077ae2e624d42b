"""A model whose slots are colours, so that the right segmentation of a picture is known."""

import threading

import numpy as np
import torch
from torch import Tensor, nn

from dias.backbones import Backbone, Tokens, WeightsRecord
from dias.data.samples import ImageSample
from dias.errors import SampleError
from dias.models.image import ImageModel, ImageModelConfig
from dias.models.outputs import SlotOutput
from dias.nn.decoders import BroadcastMLPConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSharedConfig

COLOURS = np.array([(250, 10, 10), (10, 250, 10), (10, 10, 250)], dtype=np.uint8)


class ColourBackbone(Backbone):
    """Tokens are the mean colours of 14-pixel patches."""

    def __init__(self) -> None:
        nothing, one = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        super().__init__(
            None,
            weights=WeightsRecord(name="colours", source="test", sha256="c" * 64),
            channels=3, patch=14, input_size=None, precision="bf16", mean=nothing, std=one,
        )  # fmt: skip
        self.batches: list[int] = []
        self.seen: list[int] = []

    def forward(self, images: Tensor) -> Tokens:
        self.batches.append(len(images))
        self.seen.append(images.shape[2])
        grid = images.shape[2] // 14, images.shape[3] // 14
        mean = nn.functional.adaptive_avg_pool2d(images.float() / 255, grid)
        return Tokens(features=mean.flatten(2).mT.contiguous(), grid=grid)


class ColourModel(ImageModel):
    """Slot 0 is merged away, slots 1 to 3 take red, green and blue, slot 4 is kept and takes nothing."""

    def from_tokens(self, seen, queries=None, *, reduce=True, decode=True, generator=None):
        features = seen.features
        b, m, _ = features.shape
        logits = torch.full((b, 5, m), -20.0)
        logits[:, 1:4] = 40 * features.mT
        first = logits.clone()
        first[:, 4] = 100.0  # at first slot 4 takes everything
        mask = torch.ones(b, 5, dtype=torch.bool)
        mask[:, 0] = not reduce
        slots = torch.arange(5.0)[None, :, None].expand(b, 5, 4) + features.mean(dim=(1, 2))[:, None, None]
        decoder = logits.roll(1, dims=2).softmax(dim=1) if decode else None
        return SlotOutput(
            slots=slots,
            mask=mask,
            attention=[first.softmax(dim=1), logits.softmax(dim=1)],
            attention_logits=[first, logits],
            target=None,
            reconstruction=None,
            decoder_attention=decoder,
        )


def colour_model() -> ColourModel:
    config = ImageModelConfig(
        channels=3,
        queries=NormalSharedConfig(slots=5),
        aggregation=AggregationConfig(slot_dim=4),
        decoder=BroadcastMLPConfig(layers=1, hidden=4),
    )
    return ColourModel(config, backbone=ColourBackbone())


def three_colours(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Red left, green and blue above each other on the right."""
    labels = np.zeros((height, width), dtype=np.int64)
    labels[: height // 2, width // 2 :] = 1
    labels[height // 2 :, width // 2 :] = 2
    return COLOURS[labels], labels


class Memory:
    """Pictures in memory; None cannot be read."""

    def __init__(self, images: list[np.ndarray | None]) -> None:
        self.images = images
        self.open, self.most = 0, 0
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> ImageSample:
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        image = self.images[index]
        if image is None:
            raise SampleError(self.name(index), "is truncated")
        return ImageSample(image=image, name=self.name(index))

    def name(self, index: int) -> str:
        return f"{index}.png"

    def fingerprint(self) -> str:
        return "0"
