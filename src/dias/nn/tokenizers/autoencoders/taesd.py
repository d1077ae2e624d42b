"""TAESD, Stable Diffusion's autoencoder made tiny (Ollin Boer Bohan; in diffusers: AutoencoderTiny).

Used as the VVO code uses it for SLATE, SlotDiffusion and VVO (reference study, 3.1): the encoder without its
last convolution, the decoder without its first, a norm and a 1 x 1 convolution to and from the codes instead.
"""

from typing import Any, Literal

from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.hub import hub_problem
from dias.nn.optional import diffusers
from dias.nn.tokenizers.autoencoders.head import head

_WIDTH = 64  # of every layer of TAESD


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TAESDConfig:
    """Settings of TAESD: where its published weights are, a name on the hub or a folder of diffusers."""

    kind: Literal["taesd"] = "taesd"
    name: str = "madebyollin/taesd"

    def encoder(self, *, out: int, spread: float = 1.0) -> nn.Module:
        """Pictures from 0 to 1, (b, 3, 8 s, 8 s), into a grid (b, out, s, s) of std `spread` at the start."""
        return TAESDEncoder(self.name, out=out, spread=spread)

    def decoder(self, *, into: int) -> nn.Module:
        """A grid (b, into, s, s) into pictures (b, 3, 8 s, 8 s), about 0 to 1 and not clamped."""
        return TAESDDecoder(self.name, into=into)


class TAESDEncoder(nn.Module):
    """TAESD's encoder up to its 64 channels, GroupNorm, 1 x 1 convolution."""

    def __init__(self, name: str, *, out: int, spread: float) -> None:
        super().__init__()
        self.name = name
        self.layers = _library().AutoencoderTiny().encoder.layers[:-1]
        self.head = head(_WIDTH, out=out, spread=spread)

    def forward(self, pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c s s"]:
        """Encode."""
        grid: Tensor = self.head(self.layers(pictures))
        return grid

    def take(self, published: Any) -> None:
        """Take over the weights of an AutoencoderTiny."""
        self.layers.load_state_dict(published.encoder.layers[:-1].state_dict())


class TAESDDecoder(nn.Module):
    """1 x 1 convolution to 64 channels, GroupNorm, TAESD's decoder after its first convolution."""

    def __init__(self, name: str, *, into: int) -> None:
        super().__init__()
        self.name = name
        self.head = nn.Sequential(nn.Conv2d(into, _WIDTH, 1), nn.GroupNorm(1, _WIDTH))
        self.layers = _library().AutoencoderTiny().decoder.layers[2:]

    def forward(self, grid: Float[Tensor, "b c s s"]) -> Float[Tensor, "b 3 h w"]:
        """Decode."""
        pictures: Tensor = self.layers(self.head(grid))
        return pictures

    def take(self, published: Any) -> None:
        """Take over the weights of an AutoencoderTiny."""
        self.layers.load_state_dict(published.decoder.layers[2:].state_dict())


def start_from_published(module: nn.Module) -> str | None:
    """Load the published weights into every part of `module` that is TAESD's.

    Returns:
        A line that says which weights those parts have now, the published or random ones; None where no part
        is TAESD's.
    """
    halves = [part for part in module.modules() if isinstance(part, TAESDEncoder | TAESDDecoder)]
    if not halves:
        return None
    name = halves[0].name
    published, problem = _published(name)
    if published is None:
        return f"TAESD from scratch: no weights of {name} ({problem})"
    for half in halves:
        half.take(published)
    return f"TAESD from {name}"


def _published(name: str) -> tuple[Any | None, str]:
    """The AutoencoderTiny of that name, or why there is none: from the cache or a folder, then the hub."""
    load = _library().AutoencoderTiny.from_pretrained
    try:
        return load(name, local_files_only=True, low_cpu_mem_usage=False), ""
    except (OSError, ValueError):  # not in the cache
        problem = hub_problem()
    if problem:
        return None, problem
    try:
        return load(name, low_cpu_mem_usage=False), ""
    except (OSError, ValueError) as error:
        return None, str(error).splitlines()[0]


def _library() -> Any:
    return diffusers(needed_by="model.tokenizer.autoencoder of kind taesd", otherwise="take kind conv")
