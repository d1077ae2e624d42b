"""What is exported: one function of tensors, from pictures to slots."""

import copy
from typing import Literal

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from dias.errors import DiasError, SettingError
from dias.models.image import ImageModel

_USUAL_SIZE = 224


class Graph(nn.Module):
    """Backbone, projection, queries, aggregation, reduction, re-initialized round; the decoder if wanted.

    All pictures start from the same queries, a constant of the graph: `dias segment`'s own, drawn from `seed`
    where they are drawn (learned ones have no noise outside training). The backbone computes in `dtype`,
    everything else in float32, whatever the hardware is. The model that is given stays as it is.

    Args:
        model: with its backbone.
        size: side in pixels of the square it sees, a multiple of the patch; None: as it was trained.
        seed: of the queries.
        map: also decode, and give the decoder's attention.
        dtype: of the backbone: float32, or float16.

    Attributes:
        size: of the pictures it takes.
        grid: rows and columns of tokens.
        outputs: names of what it gives.

    Raises:
        DiasError: the model has no backbone, or its decoder no attention.
        SettingError: the size does not fit.
    """

    def __init__(
        self,
        model: ImageModel,
        *,
        size: int | None = None,
        seed: int = 0,
        map: Literal["aggregation", "decoder"] = "aggregation",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if model.backbone is None:
            raise DiasError("export: the model has no backbone; load it with one (dias.load)")
        self.size = size or model.backbone.input_size or _USUAL_SIZE
        self.backbone = model.backbone.unresized().computing_in(dtype)
        self.grid = self.backbone.grid(self.size, self.size)
        if map == "decoder" and self.grid[0] * self.grid[1] != model.config.positions:
            raise SettingError("size", self.size, f"the decoder knows {model.config.positions} tokens")
        self.map = map
        self.outputs = ("slots", "kept", "attention", *(("decoder_attention",) if map == "decoder" else ()))
        self.model = _without_backbone(model)
        self.queries: Float[Tensor, "1 n d"]
        with torch.no_grad():
            drawn = model.queries(1, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("queries", drawn.detach().clone().float())
        self.eval()

    def forward(
        self, images: UInt8[Tensor, "b 3 h w"]
    ) -> tuple[Float[Tensor, "b n d"] | Bool[Tensor, "b n"] | Float[Tensor, "b n m"], ...]:
        """Slots, which are kept, the last round's attention; and the decoder's."""
        seen = self.model.see(images, backbone=self.backbone)
        queries = self.queries.expand(images.shape[0], -1, -1)
        found = self.model.from_tokens(seen, queries, decode=self.map == "decoder")
        given = (found.slots, found.mask, found.attention[-1])
        if self.map == "aggregation":
            return given
        if found.decoder_attention is None:
            raise DiasError(
                f"export: a decoder of kind {self.model.config.decoder.kind} has no attention; leave it out"
            )
        return (*given, found.decoder_attention)


def _without_backbone(model: ImageModel) -> ImageModel:
    """The same weights; what the graph sees with is its own."""
    twin = copy.copy(model)
    twin._modules = dict(model._modules)
    twin.backbone = None
    return twin.eval()
