"""Models of images: backbone -> tokens -> slots -> what they explain."""

import copy
from dataclasses import replace
from inspect import signature
from math import isqrt

from jaxtyping import Bool, Float, UInt8
from pydantic import Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.backbones import Backbone, BackboneConfig, Backbones, FrozenBackbone, LastBlocks, Tokens
from dias.config import STRICT
from dias.errors import DiasError, SettingError
from dias.models.outputs import SlotOutput, slot_output
from dias.models.target import TargetKind, target_channels, target_of
from dias.nn.chance import Chance
from dias.nn.decoders import Decoder, RandomARConfig
from dias.nn.decoders.counted import decode
from dias.nn.projection import MLPProjectionConfig, Projection
from dias.nn.slots.adaslot import AdaSlotConfig
from dias.nn.slots.aggregation import Aggregation, AggregationConfig
from dias.nn.slots.kinds import AnyAggregation
from dias.nn.slots.queries import NormalSharedConfig, Queries
from dias.nn.slots.thresholds import Threshold
from dias.nn.tokenizers import Tokenizer, TokenizerPart
from dias.nn.whitening import FeaturePCA


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ImageModelConfig:
    """Settings of a model of images; every one is stored in its checkpoint.

    Attributes:
        channels: of a backbone feature.
        positions: tokens an image has (16 x 16 for 224 pixels and patches of 14).
        pca: train on so many standardised principal components of the features; None keeps all.
        tuned_blocks: last blocks of the ViT that the model has as its own, trained with it. The slots see the
            features that these give; what is explained stays frozen (SPOT: 4 of 12).
        projection: what stands between those and the aggregation.
        tokenizer: makes codes of the pictures or features; trained before, then frozen.
        target: what the decoder explains: features, the tokenizer's codes, both side by side, or flow.
    """

    backbone: Backbones = Field(default_factory=BackboneConfig)
    channels: PositiveInt = 384
    positions: PositiveInt = 256
    pca: PositiveInt | None = None
    tuned_blocks: NonNegativeInt = 0
    projection: Projection = Field(default_factory=MLPProjectionConfig)
    queries: Queries = Field(default_factory=NormalSharedConfig)
    aggregation: AnyAggregation = Field(default_factory=AggregationConfig)
    tokenizer: Tokenizer | None = None
    target: TargetKind = "features"
    decoder: Decoder = Field(default_factory=RandomARConfig)

    def build(self, *, backbone: Backbone | None = None) -> "ImageModel":
        """Put the parts together; without a backbone the model takes features only.

        Raises:
            DiasError: parts do not fit one another, or the backbone.
        """
        if self.pca is not None and self.pca > self.channels:
            raise SettingError("model.pca", self.pca, f"is more than model.channels, {self.channels}")
        if (self.tokenizer is None) != (self.target in ("features", "flow")):
            needs = "needs a tokenizer" if self.tokenizer is None else "has no use for model.tokenizer"
            raise SettingError("model.target", self.target, needs)
        if self.target == "codes_and_features" and self.decoder.kind in ("code_ar", "diffusion"):
            raise SettingError("model.target", self.target, f"but {self.decoder.kind} explains codes alone")
        if self.tuned_blocks and not isinstance(backbone, FrozenBackbone):
            raise SettingError(
                "model.tuned_blocks", self.tuned_blocks, "needs the ViT whose last blocks they are"
            )
        if backbone is not None and backbone.channels != self.channels:
            raise DiasError(
                f"setting model.channels: {self.channels}, {backbone.weights.name} has {backbone.channels}"
            )
        model = ImageModel(self, backbone=backbone)
        can_be_asked = signature(model.decoder.forward).parameters
        if isinstance(self.aggregation, AdaSlotConfig) and "presence" not in can_be_asked:
            raise SettingError(
                "model.decoder.kind",
                self.decoder.kind,
                "cannot teach adaslot which slots to keep; broadcast_mlp can",
            )
        return model


class ImageModel(nn.Module):
    """Queries, aggregation and decoder over frozen features (method, sections 1, 2 and 4)."""

    def __init__(self, config: ImageModelConfig, *, backbone: Backbone | None = None) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        token_dim = config.pca or config.channels
        slot_dim = config.aggregation.slot_dim
        self.reduce_features = FeaturePCA(config.channels, config.pca) if config.pca else nn.Identity()
        self.last_blocks = None
        if config.tuned_blocks:
            assert isinstance(backbone, FrozenBackbone)
            self.last_blocks = LastBlocks(backbone, config.tuned_blocks)
        self.projection = config.projection.build(channels=token_dim, positions=config.positions)
        self.queries = config.queries.build(dim=slot_dim, token_dim=self.projection.channels_out)
        self.aggregation = config.aggregation.build(token_dim=self.projection.channels_out)
        self.tokenizer: TokenizerPart | None = None
        if config.tokenizer is not None:
            self.tokenizer = config.tokenizer.build(channels=config.channels, positions=config.positions)
            self.tokenizer.requires_grad_(False)
        self.decoder = config.decoder.build(
            slot_dim=slot_dim,
            token_dim=target_channels(config.target, feature_dim=token_dim, tokenizer=self.tokenizer),
            positions=config.positions,
            codes=None if self.tokenizer is None else self.tokenizer.codes,
        )

    def train(self, mode: bool = True) -> "ImageModel":
        """Switch modes; the frozen parts stay in evaluation mode."""
        super().train(mode)
        if self.tokenizer is not None:
            self.tokenizer.eval()
        return self

    def forward(
        self,
        images: UInt8[Tensor, "b 3 h w"] | Float[Tensor, "b 3 h w"],
        *,
        reduce: bool | Bool[Tensor, " b"] = True,
        decode: bool = True,
        generator: Chance = None,
    ) -> tuple[SlotOutput, tuple[int, int]]:
        """Find the objects of a batch of images; also return the token grid (rows, columns).

        Raises:
            DiasError: the model was built without a backbone.
        """
        seen = self.see(images)
        return self.from_tokens(seen, reduce=reduce, decode=decode, generator=generator), seen.grid

    def see(
        self,
        images: UInt8[Tensor, "b 3 h w"] | Float[Tensor, "b 3 h w"],
        *,
        backbone: Backbone | None = None,
    ) -> Tokens:
        """What the model's parts are given of pictures: their frozen features, and themselves.

        Args:
            images: uint8 from 0 to 255, or float from 0 to 1.
            backbone: the same weights that look at pictures in another size; the model's own if None.

        Raises:
            DiasError: the model was built without a backbone.
        """
        backbone = backbone or self.backbone
        if backbone is None:
            raise DiasError(
                "this model has no backbone: give it features (from_features), or load one with it"
            )
        tuned = self.config.tuned_blocks
        seen: Tokens = backbone(images, last_blocks=tuned) if tuned else backbone(images)
        return replace(seen, images=images)

    def from_features(
        self,
        features: Float[Tensor, "b m c"],
        queries: Float[Tensor, "b n d"] | None = None,
        reduce: bool | Bool[Tensor, " b"] = True,
        decode: bool = True,
        generator: Chance = None,
    ) -> SlotOutput:
        """Find the objects in backbone features of a square grid; otherwise as `from_tokens`."""
        tokens = features.shape[1]
        rows = isqrt(tokens) if isqrt(tokens) ** 2 == tokens else 1
        seen = Tokens(features=features, grid=(rows, tokens // rows))
        return self.from_tokens(seen, queries, reduce=reduce, decode=decode, generator=generator)

    def from_tokens(
        self,
        seen: Tokens,
        queries: Float[Tensor, "b n d"] | None = None,
        *,
        reduce: bool | Bool[Tensor, " b"] = True,
        decode: bool = True,
        generator: Chance = None,
        progress: float = 1.0,
    ) -> SlotOutput:
        """Find the objects in what `see` gives.

        Args:
            seen: features of the backbone, before any reduction of channels; and what else there is.
            queries: where the slots start; drawn from the model's own when None.
            reduce: merge redundant slots and aggregate once more; False stops after plain Slot Attention.
            decode: also reconstruct. In evaluation this gives the decoder's attention.
            generator: source of the queries' noise and of the decoder's known tokens; a `Share` says that
                the batch is a part of a larger one.
            progress: share of training that is done, 0 to 1, for parts that change with it.

        Raises:
            DiasError: features or queries have another width than the model, or more or fewer tokens than
                its decoder knows; or the decoder explains pictures and there are none; or the model has
                blocks of its own and there are features alone.
        """
        self.check(seen, decode=decode)
        width = self.config.aggregation.slot_dim
        if queries is not None and queries.shape[-1] != width:
            raise DiasError(f"queries: {queries.shape[-1]} wide, the model's slots are {width}")
        reduced, tokens = self.project(seen)
        queries, start = self.start(tokens, queries, generator=generator, progress=progress)
        found = self.aggregation(tokens, start, reduce=reduce, generator=generator, progress=progress)
        penalties = found.penalties | self.queries.penalties(queries, found.slots, found.kept)
        output = slot_output(found, maps=self.projection.maps, penalties=penalties)
        if not decode:
            return output
        return self.explain(output, seen, reduced, presence=found.presence, generator=generator)

    def check(self, seen: Tokens, *, decode: bool) -> None:
        """Whether the model can take what `see` gives.

        Raises:
            DiasError: it cannot; as for `from_tokens`.
        """
        tokens, channels = seen.features.shape[-2:]
        if channels != self.config.channels:
            raise DiasError(f"features: {channels} channels, the model was made for {self.config.channels}")
        if decode and tokens != self.config.positions:
            raise DiasError(
                f"features: {tokens} tokens, the decoder knows {self.config.positions}; take the size "
                "that the model was trained with (data.size), or leave the decoder out (decode=False)"
            )
        if self.last_blocks is not None and seen.unfinished is None:
            raise DiasError(
                "this model has last blocks of its own (model.tuned_blocks): features alone do not do; give "
                "the pictures"
            )

    def project(self, seen: Tokens) -> tuple[Float[Tensor, "b m c"], Float[Tensor, "b k d"]]:
        """Frozen features, reduced; and the tokens that slots compete for."""
        own = reduced = self.reduce_features(seen.features)
        if self.last_blocks is not None:
            assert seen.unfinished is not None  # `check` has seen to it
            own = self.reduce_features(self.last_blocks(seen.unfinished, seen.grid))
        return reduced, self.projection(own)

    def start(
        self,
        tokens: Float[Tensor, "b k c"],
        queries: Float[Tensor, "b n d"] | None = None,
        *,
        generator: Chance,
        progress: float,
    ) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b n d"]]:
        """Queries, drawn if None and preheated; and where the slots start from them."""
        if queries is None:
            queries = self.queries(len(tokens), generator=generator, progress=progress)
        queries = self.queries.preheat(queries, tokens, progress=progress)
        return queries, self.queries.start(queries, generator=generator)

    def explain(
        self,
        output: SlotOutput,
        seen: Tokens,
        reduced: Float[Tensor, "b m c"],
        *,
        presence: Float[Tensor, "b n"] | None = None,
        generator: Chance = None,
    ) -> SlotOutput:
        """The same with what its slots explain; `reduced` is from `project`, `presence` from `Aggregated`."""
        kind, tokenizer = self.config.target, self.tokenizer
        target = target_of(seen, reduced, kind=kind, tokenizer=tokenizer, training=self.training)
        found = {"presence": presence, "stand_in": output.stand_in}
        decoded = decode(self.decoder, output.slots, output.mask, target, generator=generator, **found)
        return replace(
            output,
            target=target,
            reconstruction=decoded.reconstruction,
            decoder_attention=decoded.attention,
            error=decoded.error,
            similarity=decoded.similarity,
        )

    def with_threshold(self, threshold: Threshold) -> "ImageModel":
        """The same weights under another threshold of reduction: a cosine distance, or an automatic one.

        Raises:
            DiasError: this kind of aggregation has none.
        """
        config, aggregation = self.config.aggregation, self.aggregation
        if not isinstance(config, AggregationConfig) or not isinstance(aggregation, Aggregation):
            raise DiasError(f"threshold: an aggregation of kind {config.kind} has none")
        twin = copy.copy(self)
        twin._modules = dict(self._modules)
        twin.config = replace(self.config, aggregation=config.with_threshold(threshold))
        twin.aggregation = aggregation.with_threshold(threshold)
        return twin

    def head_state(self) -> dict[str, Tensor]:
        """Every weight but the frozen backbone's."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("backbone.")}
