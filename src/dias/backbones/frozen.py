"""A frozen vision transformer: pictures in, tokens and their grid out."""

import copy
from typing import Any, Literal

import torch
from jaxtyping import Float, UInt8
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.backbones.backbone import Backbone, Tokens
from dias.backbones.weights import WeightsRecord, load_vit
from dias.config import STRICT
from dias.errors import SettingError
from dias.precision import Precision, arithmetic

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BackboneConfig:
    """Which frozen ViT, and how it looks at pictures.

    Attributes:
        name: any Hugging Face ViT: DINOv2 with and without registers, DINO, MAE, DINOv3.
        path: local weights instead: a Hugging Face folder, a .safetensors or a .pth file.
        final_norm: features after the last LayerNorm instead of before it.
        input_size: side in pixels that a picture is resized to (bicubic), a multiple of the patch; None takes
            it as it comes.
        keys: also give the keys of the last block, all heads side by side, before any rotation, for losses
            that compare tokens (VideoSAUR).
        precision: of the weights and of what is computed; features are float32 in any case. A processor
            without bf16 computes in float32, with the same rounded weights.
    """

    kind: Literal["vit"] = "vit"
    name: str = "facebook/dinov2-small"
    path: str | None = None
    final_norm: bool = False
    input_size: PositiveInt | None = 224
    keys: bool = False
    precision: Precision = "bf16"

    def build(self) -> "FrozenBackbone":
        """Find and load the weights.

        Raises:
            WeightsError: they are nowhere to be found; says where was looked, and why each place failed.
            SettingError: `input_size` is no multiple of the patch.
        """
        vit, weights = load_vit(self.name, path=self.path)
        return FrozenBackbone(self, vit, weights)


class FrozenBackbone(Backbone):
    """Any Hugging Face ViT without its prefix tokens, never trained and always in evaluation mode.

    Attributes:
        prefix: number of those: class and registers.
    """

    def __init__(self, config: BackboneConfig, vit: nn.Module, weights: WeightsRecord) -> None:
        settings: Any = vit.config
        super().__init__(
            config,
            weights=weights,
            channels=settings.hidden_size,
            patch=_side(settings.patch_size),
            input_size=config.input_size,
            precision=config.precision,
            mean=_IMAGENET_MEAN,
            std=_IMAGENET_STD,
        )
        self.config: BackboneConfig = config
        self.prefix = 1 + getattr(settings, "num_register_tokens", 0)
        self._masked_autoencoder = settings.model_type == "vit_mae"
        self._asks_to_interpolate = settings.model_type in ("vit", "vit_mae")
        if self._masked_autoencoder:
            settings.mask_ratio = 0.0
        if not config.final_norm:
            setattr(vit, "norm" if hasattr(vit, "norm") else "layernorm", nn.Identity())
        self.vit = vit.requires_grad_(False)
        self._always: torch.dtype | None = None
        self._keep_in(torch.bfloat16 if config.precision == "bf16" else torch.float32)
        self.eval()

    def computing_in(self, dtype: torch.dtype) -> "FrozenBackbone":
        """A copy that computes in `dtype`, with the same (rounded) weights, on whatever hardware."""
        twin = copy.copy(self)
        twin._modules = dict(self._modules)
        twin.vit = copy.deepcopy(self.vit)
        twin._always = dtype
        twin._keep_in(dtype)
        return twin

    @torch.no_grad()
    def forward(
        self, images: UInt8[Tensor, "b 3 h w"] | Float[Tensor, "b 3 h w"], *, last_blocks: int = 0
    ) -> Tokens:
        """Turn pictures into tokens.

        Args:
            images: uint8 from 0 to 255, or float from 0 to 1.
            last_blocks: also give what so many last blocks were given; 0: no need.

        Raises:
            SettingError: `input_size` is None and the pictures' size is no multiple of the patch.
        """
        rows, columns = self.grid(*images.shape[-2:])
        dtype = self._always or arithmetic(self.precision, images.device)
        self._keep_in(dtype)
        with torch.autocast(images.device.type, enabled=False):  # the features do not depend on who calls
            pixels = self.normalized(images).to(dtype)
            options = self._options(pixels.shape[0], rows * columns, pixels.device)
            inside = self.config.keys or last_blocks > 0
            hidden = self.vit(pixels, output_hidden_states=inside, **options)
            keys = self._keys(hidden.hidden_states[-2]) if self.config.keys else None
        features = hidden.last_hidden_state[:, self.prefix :].float()
        unfinished = hidden.hidden_states[-1 - last_blocks].float() if last_blocks else None
        return Tokens(features=features, grid=(rows, columns), unfinished=unfinished, keys=keys)

    def _keys(self, given: Float[Tensor, "b p c"]) -> Float[Tensor, "b m c"]:
        """Keys of the last block, of what it is given."""
        block: Any = blocks_of(self.vit)[-1]
        norm = block.norm1 if hasattr(block, "norm1") else block.layernorm_before
        keys: Tensor = block.attention.k_proj(norm(given))[:, self.prefix :]
        return keys.float()

    def _keep_in(self, dtype: torch.dtype) -> None:
        for parameter in self.vit.parameters():  # not the buffers: DINOv3 keeps its angles in float32
            if parameter.dtype != dtype:
                parameter.data = parameter.data.to(dtype)

    def _options(self, batch: int, tokens: int, device: torch.device) -> dict[str, Any]:
        """What some families must be asked for."""
        options: dict[str, Any] = {}
        if self._asks_to_interpolate:
            options["interpolate_pos_encoding"] = True
        if self._masked_autoencoder:  # patches are sorted by their noise: ascending noise keeps their order
            options["noise"] = torch.arange(tokens, device=device, dtype=torch.float32).expand(batch, -1)
        return options


def blocks_of(vit: Any) -> nn.ModuleList:
    """The blocks, wherever the family keeps them."""
    if hasattr(vit, "layers"):
        found = vit.layers
    else:
        found = vit.encoder.layer if hasattr(vit, "encoder") else vit.model.layer
    assert isinstance(found, nn.ModuleList)
    return found


def _side(patch_size: Any) -> int:
    """Of a square patch, which some configurations give as a pair."""
    sides = {int(side) for side in patch_size} if isinstance(patch_size, list | tuple) else {int(patch_size)}
    if len(sides) != 1:
        raise SettingError("backbone.name", patch_size, "is its patch; expected a square one")
    return sides.pop()
