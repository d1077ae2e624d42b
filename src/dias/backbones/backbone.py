"""What every backbone is: pictures in, tokens and their grid out, never trained."""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from dias.backbones.weights import WeightsRecord
from dias.errors import SettingError
from dias.precision import Precision


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """A batch as a model sees it.

    Attributes:
        features: float32, row by row of the grid.
        grid: its rows and columns.
        images: the pictures themselves, for models that explain more than features.
        unfinished: what a ViT's last blocks were given, its prefix tokens first; None: it was not asked.
        keys: of the tokens in a ViT's last block; None: it does not give them (`BackboneConfig.keys`).
        flow: motion of each pixel of the pictures to the next frame, in pixels (x to the right, y down), for
            models that explain it.
        frames: of each clip, where the batch is all frames of the first clip, of the second, and so on, to be
            explained together; 1: each by itself.
    """

    features: Float[Tensor, "b m c"]
    grid: tuple[int, int]
    images: UInt8[Tensor, "b 3 h w"] | Float[Tensor, "b 3 h w"] | None = None
    unfinished: Float[Tensor, "b p c"] | None = None
    keys: Float[Tensor, "b m c"] | None = None
    flow: Float[Tensor, "b 2 h w"] | None = None
    frames: int = 1


class Backbone(nn.Module):
    """Never trained and always in evaluation mode; each kind adds `forward`, from images to `Tokens`.

    Attributes:
        config: the settings it was built from.
        weights: which they are, and where they were found.
        channels: of a token.
        patch: side of the square that a token stands for, in pixels of what it sees.
        input_size: side in pixels that a picture is resized to; None takes it as it comes.
        precision: of what it computes, and of the model that segments with it.
    """

    def __init__(
        self,
        config: object,
        *,
        weights: WeightsRecord,
        channels: int,
        patch: int,
        input_size: int | None,
        precision: Precision,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
    ) -> None:
        super().__init__()
        self.config = config
        self.weights = weights
        self.channels = channels
        self.patch = patch
        self.input_size = input_size
        self.precision: Precision = precision
        self.mean: Float[Tensor, "3 1 1"]
        self.std: Float[Tensor, "3 1 1"]
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)
        if input_size is not None:
            self.grid(input_size, input_size)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.mean.device

    def train(self, mode: bool = True) -> "Backbone":
        """Stay in evaluation mode, whatever the model around does."""
        return super().train(False)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Token rows and columns of a picture of that size.

        Raises:
            SettingError: what it would see is no multiple of the patch.
        """
        if self.input_size is not None:
            height = width = self.input_size
        if not (height and width) or height % self.patch or width % self.patch:
            whole = " x ".join(str(max(round(side / self.patch), 1) * self.patch) for side in (height, width))
            raise SettingError(
                "backbone.input_size",
                f"{height} x {width}",
                f"must be a multiple of the patch, {self.patch} pixels; {whole} would do",
            )
        return height // self.patch, width // self.patch

    def unresized(self) -> "Backbone":
        """The same weights, without the backbone's own resizing: the pictures come in the right size."""
        twin = copy.copy(self)
        twin.input_size = None
        return twin

    def computing_in(self, dtype: torch.dtype) -> "Backbone":
        """The same weights, computing in `dtype` on whatever hardware; here there are none."""
        return self

    def normalized(
        self, images: UInt8[Tensor, "b 3 h w"] | Float[Tensor, "b 3 h w"]
    ) -> Float[Tensor, "b 3 H W"]:
        """Pictures resized (bicubic, antialiased) to what `grid` counts on, standardised; float32.

        Args:
            images: uint8 from 0 to 255, or float from 0 to 1.
        """
        rows, columns = self.grid(*images.shape[-2:])
        size = rows * self.patch, columns * self.patch
        pixels = images.float() / 255 if images.dtype == torch.uint8 else images.float()
        if pixels.shape[-2:] != size:
            pixels = F.interpolate(pixels, size=size, mode="bicubic", antialias=True).clamp(0, 1)
        return (pixels - self.mean) / self.std
