"""A trainable copy of a frozen ViT's last blocks: what they are given in, features out."""

import copy
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from dias.backbones.frozen import FrozenBackbone, blocks_of
from dias.errors import SettingError


class LastBlocks(nn.Module):
    """The last blocks of a backbone, as weights of their own in float32 (SPOT: blocks 8 to 11 of a ViT).

    They start from the backbone's weights, in its precision: at first they give its features. The final norm,
    where there is one, stays frozen. Always in evaluation mode, as published: nothing is dropped.

    Args:
        backbone: stays as it is.
        count: of blocks, from the end.

    Attributes:
        prefix: number of tokens before those of the patches.

    Raises:
        SettingError: the backbone has fewer.
    """

    def __init__(self, backbone: FrozenBackbone, count: int) -> None:
        super().__init__()
        vit: Any = backbone.vit
        blocks = blocks_of(vit)
        if count > len(blocks):
            raise SettingError(
                "model.tuned_blocks", count, f"but {backbone.weights.name} has {len(blocks)} blocks"
            )
        self.blocks = _own(blocks[-count:]).requires_grad_(True)
        self.norm = _own(vit.norm if hasattr(vit, "norm") else vit.layernorm)
        self.angles = _own(vit.rope_embeddings) if hasattr(vit, "rope_embeddings") else None  # DINOv3
        self.prefix, self._patch = backbone.prefix, backbone.patch
        self.eval()

    def train(self, mode: bool = True) -> "LastBlocks":
        """Stay in evaluation mode; gradients do not depend on it."""
        return super().train(False)

    def forward(self, unfinished: Float[Tensor, "b p c"], grid: tuple[int, int]) -> Float[Tensor, "b m c"]:
        """Finish what the backbone's lower blocks began.

        Args:
            unfinished: `Tokens.unfinished` of the backbone, asked for as many blocks.
            grid: rows and columns of tokens.
        """
        hidden, options = unfinished, dict[str, Any]()
        if self.angles is not None:  # it asks a picture for its size alone
            size = grid[0] * self._patch, grid[1] * self._patch
            options["position_embeddings"] = self.angles(hidden.new_empty(1).expand(1, 3, *size))
        for block in self.blocks:
            hidden = block(hidden, **options)
        features: Tensor = self.norm(hidden)[:, self.prefix :].float()
        return features


def _own(part: nn.Module) -> Any:
    return copy.deepcopy(part).float()
