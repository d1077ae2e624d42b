"""Latent diffusion conditioned on slots: noise in, noise predicted (SlotDiffusion, Wu et al. 2023)."""

from math import gcd, isqrt, sqrt
from typing import Annotated, Any, Literal

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int64
from pydantic import Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.errors import SettingError
from dias.nn.chance import Chance, normal, whole
from dias.nn.decoders.decoder import DecoderPart
from dias.nn.decoders.from_slots import Codebook
from dias.nn.decoders.output import Decoded, Target, squared_error
from dias.nn.dropout import draw_dropout_from_chance
from dias.nn.optional import diffusers

_EVALUATION_SEED = 0
_GROUPS = 32  # of a group normalisation, where the channels allow it


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DiffusionConfig:
    """Settings of the diffusion decoder; the defaults are the paper's.

    Attributes:
        channels: of each resolution of the UNet, from the finest; each next one is half as fine.
        layers: residual blocks a resolution.
        heads: of each attention; must divide every number of channels.
        dropout: in the residual blocks.
        noise_levels: T, number of steps from a latent to pure noise.
        beta_start, beta_end: variance of the noise added at the first and at the last level; their square
            roots lie on a line ("scaled linear").
        scale: the latents are multiplied by this, so that their standard deviation is near 1; the paper
            leaves them as they are.
        sampling_steps: calls of the UNet that a picture takes.
    """

    kind: Literal["diffusion"] = "diffusion"
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (128, 256, 384, 512)
    layers: PositiveInt = 2
    heads: PositiveInt = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    noise_levels: Annotated[int, Field(ge=2)] = 1000
    beta_start: Annotated[float, Field(gt=0, lt=1)] = 0.0015
    beta_end: Annotated[float, Field(gt=0, lt=1)] = 0.0195
    scale: PositiveFloat = 1.0
    sampling_steps: PositiveInt = 20

    def build(
        self, *, slot_dim: int, token_dim: int, positions: int, codes: int | None = None
    ) -> "DiffusionDecoder":
        """Make the module for a square of `positions` latents of `token_dim` channels.

        Raises:
            DiasError: diffusers is not installed; the message names the extra that brings it.
            SettingError: the latents are no square, or the heads do not divide the channels.
        """
        if isqrt(positions) ** 2 != positions:
            raise SettingError("model.positions", positions, "is no square, and the UNet's latents are one")
        if any(width % self.heads for width in self.channels):
            raise SettingError("model.decoder.heads", self.heads, f"must divide all of {self.channels}")
        return DiffusionDecoder(self, slot_dim=slot_dim, token_dim=token_dim, positions=positions)


class DiffusionDecoder(DecoderPart):
    """A UNet that sees noised latents and, by cross-attention, the slots, and predicts the noise.

    Its masks are the aggregation's: the reference takes none from the UNet either.
    """

    gives_map = False

    def __init__(self, config: DiffusionConfig, *, slot_dim: int, token_dim: int, positions: int) -> None:
        super().__init__()
        self.config = config
        self.side, self.token_dim = isqrt(positions), token_dim
        self.unet = _unet(config, slot_dim=slot_dim, token_dim=token_dim)
        self._dropouts = draw_dropout_from_chance(self.unet)
        self.schedule = _library().DDPMScheduler(**_noise(config))

    def forward(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        target: Target,
        *,
        generator: Chance = None,
    ) -> Decoded:
        """Predict the noise in latents that were noised to a random level (DDPM, Ho et al. 2020, eq. 14).

        Each image has a level, uniform over all, and noise of its own. In evaluation without `generator`
        they come from a fixed seed, so that errors of two calls can be compared. `reconstruction` is the
        predicted noise; the error is its mean squared distance from the true one (predicting 0 has 1).
        """
        if generator is None and not self.training:
            generator = torch.Generator().manual_seed(_EVALUATION_SEED)
        clean = target.tokens.detach().float() * self.config.scale
        device, count = clean.device, len(clean)
        level = whole(self.config.noise_levels, count, chance=generator, device=device).to(device)
        noise = normal(*clean.shape, chance=generator, device=device).to(device)
        noised = self.schedule.add_noise(clean, noise, level)
        predicted = self.predict(noised, level, slots, kept, chance=generator)
        return Decoded(reconstruction=predicted, attention=None, error=squared_error(predicted, noise))

    def predict(
        self,
        noised: Float[Tensor, "b m c"],
        level: Int64[Tensor, " b"],
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        *,
        chance: Chance = None,
    ) -> Float[Tensor, "b m c"]:
        """The noise in `noised`, float32.

        Args:
            noised: latents, times `scale`, with noise.
            level: how much of it, 0 to `noise_levels` - 1.
            slots: one vector an object.
            kept: slots that are not kept are not seen.
            chance: source of what is dropped in training.
        """
        for dropout in self._dropouts:
            dropout.chance = chance
        grid = rearrange(noised, "b (h w) c -> b c h w", h=self.side)
        seen = slots.masked_fill(~kept[..., None], 0)
        noise: Tensor = self.unet(grid, level, seen, encoder_attention_mask=kept).sample.float()
        return rearrange(noise, "b c h w -> b (h w) c")

    @torch.no_grad()
    def sample(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        *,
        steps: int | None = None,
        start: Float[Tensor, "b m c"] | None = None,
        codebook: Codebook | None = None,
        generator: Chance = None,
    ) -> Float[Tensor, "b m c"]:
        """Latents of pictures that the slots describe, from pure noise (DPM-Solver++, Lu et al. 2022).

        Args:
            slots: one vector an object.
            kept: slots that are not kept are not seen.
            steps: calls of the UNet; `sampling_steps` when None.
            start: the noise; drawn when None.
            codebook: move every estimate of the latents to the nearest codes, as the authors do: no estimate
                then leaves what the UNet was trained on, and the result is exact.
            generator: source of that noise; nothing else is random.
        """
        device = slots.device
        solver = _library().DPMSolverMultistepScheduler(**_noise(self.config))
        solver.set_timesteps(steps or self.config.sampling_steps, device=device)
        if start is None:
            start = normal(len(slots), self.side**2, self.token_dim, chance=generator, device=device)
        latents = start.to(device)
        for level in solver.timesteps:
            noise = self.predict(latents, level.expand(len(slots)), slots, kept)
            if codebook is not None:
                light = float(solver.alphas_cumprod[int(level)])
                noise = self._of_codes(noise, latents, light=light, codebook=codebook)
            latents = solver.step(noise, level, latents).prev_sample
        return latents / self.config.scale

    def from_slots(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        *,
        codebook: Codebook | None = None,
        generator: Chance = None,
    ) -> Float[Tensor, "b m c"]:
        """Sample every image from the same noise (`DecodesSlots`)."""
        noise = normal(1, self.side**2, self.token_dim, chance=generator, device=slots.device)
        return self.sample(slots, kept, start=noise.expand(len(slots), -1, -1), codebook=codebook)

    def _of_codes(
        self,
        noise: Float[Tensor, "b m c"],
        latents: Float[Tensor, "b m c"],
        *,
        light: float,
        codebook: Codebook,
    ) -> Float[Tensor, "b m c"]:
        """The noise, were the latents below it codes; `light` is the share of their variance that is left."""
        clean = (latents - sqrt(1 - light) * noise) / sqrt(light)
        exact = codebook.nearest(clean / self.config.scale) * self.config.scale
        return (latents - sqrt(light) * exact) / sqrt(1 - light)


def _noise(config: DiffusionConfig) -> dict[str, Any]:
    """How a scheduler of diffusers is told the noise."""
    return {
        "num_train_timesteps": config.noise_levels,
        "beta_start": config.beta_start,
        "beta_end": config.beta_end,
        "beta_schedule": "scaled_linear",
        "prediction_type": "epsilon",
    }


def _unet(config: DiffusionConfig, *, slot_dim: int, token_dim: int) -> nn.Module:
    """The finest resolution without attention, all others with attention to slots."""
    attentive = len(config.channels) - 1
    unet: nn.Module = _library().UNet2DConditionModel(
        in_channels=token_dim,
        out_channels=token_dim,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * attentive),
        up_block_types=(*["CrossAttnUpBlock2D"] * attentive, "UpBlock2D"),
        block_out_channels=config.channels,
        layers_per_block=config.layers,
        cross_attention_dim=slot_dim,
        attention_head_dim=config.heads,  # so named in diffusers, but it is the number of heads
        norm_num_groups=gcd(_GROUPS, *config.channels),
        dropout=config.dropout,
    )
    return unet


def _library() -> Any:
    return diffusers(needed_by="model.decoder of kind diffusion")
