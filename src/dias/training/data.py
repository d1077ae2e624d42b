"""The data of a run: live pictures or a feature cache, behind one loader."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader

from dias.backbones import Backbone, BackboneConfig
from dias.data.blocks import Sharded
from dias.data.clip_batches import FirstBoxes, ViewedWindows, WindowFlow, frames_of_windows
from dias.data.frames import ClipFrames, images_of
from dias.data.loaders import Batch, CachedViews, TrainingOrder, ViewedImages, training_loader
from dias.data.samples import ImageSource, Skipped
from dias.errors import DiasError, LoadingError, SampleError, SettingError
from dias.features import FeatureCache, check_some, unreadable
from dias.features.kept import parted
from dias.models.image import ImageModel
from dias.nn.tokenizers import FeatureVQConfig
from dias.nn.whitening import FeaturePCA
from dias.training.clip_recipe import ClipConfig
from dias.training.parts import held_out, held_out_clips, some_clips, some_of
from dias.training.processes import Agreement, any_of_all, is_first
from dias.training.recipe import Recipe

PCA_TOKENS = 100_000
_PCA_IMAGES = 1_024


class Remaining:
    """A loader that needs no saved state, since its order knows the step it starts from.

    It has no length: Lightning counts the batches of the whole run and ends at `max_steps`. The two methods
    are what Lightning asks of a loader before it goes on in the middle of an epoch.

    Several processes agree before each batch that every one has its own, so that a batch that cannot be made
    is an error in all of them, between the same two steps: one alone would leave the others waiting for its
    gradients. Every process must make it, at the same time.
    """

    def __init__(self, loader: DataLoader[Batch]) -> None:
        self.loader = loader
        self._agreement = Agreement()

    def __iter__(self) -> Iterator[Batch]:
        """Give batch after batch.

        Raises:
            LoadingError: a batch of this process, or of another, cannot be made.
        """
        batches = iter(self.loader)
        while True:
            batch, fault = None, None
            try:
                batch = next(batches, None)
            except LoadingError as error:
                fault = error
            if self._agreement.largest(int(fault is not None)):
                raise fault or LoadingError("another process failed")
            if batch is None:
                return
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Nothing: the step is the state."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Nothing."""


class TrainingData(L.LightningDataModule):
    """Gives the batches that are still to come, so that a resumed run goes on where it was."""

    def __init__(self, recipe: Recipe, backbone: Backbone) -> None:
        super().__init__()
        self.recipe = recipe
        self.backbone = backbone
        self.source = images_of(recipe.data.train.build())
        self.indices, self.validation = self._split()
        self.cache = cache = self._open_cache() if recipe.data.cache else None
        if cache is not None:
            self.indices = [index for index in self.indices if cache.readable(index)]
        self.samples = self._samples()
        self.windows = None if recipe.clip is None else self._windows(recipe.clip)

    def train_dataloader(self) -> "Remaining":
        """Batches from the step that has been reached to the last one."""
        assert self.trainer is not None
        training, world = self.recipe.training, self.trainer.world_size
        blocks = None
        if self.windows is None and isinstance(self.source, Sharded):
            blocks = self.source.blocks(self.indices)
        order = TrainingOrder(
            len(self.indices if self.windows is None else self.windows),
            batch=training.batch // (world * training.accumulate),
            seed=training.seed,
            first_step=self.trainer.global_step * training.accumulate,
            last_step=training.steps * training.accumulate,
            rank=self.trainer.global_rank,
            world=world,
            views=self._views(),
            blocks=blocks,
        )
        readers = self.recipe.data.readers(devices=self.trainer.num_devices)
        alone = isinstance(self.samples, CachedViews) and self.samples.pictures is None
        batches = self.samples if self.windows is None else self.windows
        return Remaining(training_loader(batches, order, workers=0 if alone else readers))

    def skipped(self, *, device: torch.device) -> list[Skipped]:
        """Training pictures that any process could not read; every one must ask. `device` is its own."""
        read = self.samples if self.windows is None else self.windows
        if not isinstance(read, CachedViews):
            read.unreadable |= any_of_all(read.unreadable, device=device)
            left_out = read.skipped()
            if isinstance(self.samples, ViewedImages):
                return left_out
        assert self.cache is not None
        return [Skipped(name=name, reason="not in the cache") for name in unreadable(self.cache)]

    def _split(self) -> tuple[Sequence[int], ImageSource]:
        """Places of what is trained on, and what is validated on."""
        data, of_clips = self.recipe.data, self.recipe.clip is not None
        if data.validation is None:
            return held_out_clips(self.frames, data) if of_clips else held_out(self.source, data)
        trained = range(len(self.frames if of_clips else self.source))
        found = images_of(data.validation.build())
        if of_clips:
            return trained, some_clips(_frames(found, "data.validation"), data.validation_images)
        return trained, some_of(found, data.validation_images)

    @property
    def frames(self) -> ClipFrames:
        """What is trained on, of a recipe of clips.

        Raises:
            DiasError: these are pictures.
        """
        return _frames(self.source, "data.train")

    def _windows(self, clip: ClipConfig) -> ViewedWindows:
        """Windows of clips out of single frames."""
        data, cache = self.recipe.data, self.cache
        found, chosen = frames_of_windows(
            self.frames, self.indices, length=clip.frames, stride=clip.stride, short=clip.short
        )
        if chosen.note() and is_first():
            print(chosen.note(), file=sys.stderr)
        shown: dict[str, Any] = {
            "size": data.size,
            "seed": self.recipe.training.seed if cache is None else cache.key.seed,
            "centre": cache is not None and not cache.key.views,
        }
        return ViewedWindows(
            self.samples,
            found,
            indices=self.indices,
            boxes=None if clip.cues is None else FirstBoxes(self.frames, **shown),
            flow=WindowFlow(self.frames, **shown) if self.recipe.model.target == "flow" else None,
            policy=data.bad_images,
        )

    def _samples(self) -> ViewedImages | CachedViews:
        """Views of the training pictures, or their cached features.

        Where a cache does not keep what a model's own last blocks are given, they see its views, looked at
        anew.
        """
        data, cache, model = self.recipe.data, self.cache, self.recipe.model
        if cache is None:
            in_windows = self.recipe.clip is not None  # which know what to show in place of a bad frame
            policy = "stop" if in_windows else data.bad_images
            return self._pictures(seed=self.recipe.training.seed, policy=policy)
        if model.tuned_blocks not in (0, cache.key.last_blocks):
            return self._cached_pictures(cache)
        codes_of_features = isinstance(model.tokenizer, FeatureVQConfig) and self.recipe.earlier is not None
        without = model.tokenizer is None or codes_of_features  # which is trained, though, on pictures
        pictures = None if without else self._cached_pictures(cache)
        keys = isinstance(model.backbone, BackboneConfig) and model.backbone.keys
        whole = keys or model.tuned_blocks > 0
        return CachedViews(
            lambda index, view: cache.read(self.indices[index], view, whole=whole), pictures=pictures
        )

    def _cached_pictures(self, cache: FeatureCache) -> ViewedImages:
        """The pictures that a cache's features are of."""
        if not cache.key.views:
            raise SettingError(
                "data.cache", self.recipe.data.cache, "shows centres alone, the model needs views of pictures"
            )
        return self._pictures(seed=cache.key.seed, policy="stop")

    def _pictures(self, *, seed: int, policy: Literal["stop", "skip"]) -> ViewedImages:
        size = self.recipe.data.size
        return ViewedImages(self.source, size=size, seed=seed, policy=policy, indices=self.indices)

    @torch.no_grad()
    def fit_pca(self, model: ImageModel) -> float:
        """Fit the model's reduction of features on some of the training pictures; give the variance kept."""
        assert isinstance(model.reduce_features, FeaturePCA)
        tokens = []
        rng = np.random.default_rng(self.recipe.training.seed)
        chosen = rng.permutation(len(self.indices))[:_PCA_IMAGES]
        each = -(-PCA_TOKENS // len(chosen))
        for index in chosen.tolist():
            try:
                item = self.samples[(index, 0)]
            except SampleError:
                if self.recipe.data.bad_images == "stop":
                    raise
                continue
            features = self._features(item)
            tokens.append(features[torch.from_numpy(rng.permutation(len(features))[:each])].float())
        return model.reduce_features.fit(torch.cat(tokens))

    def _features(self, item: Tensor) -> Float[Tensor, "m c"]:
        """Of a picture, or of what the cache has of it."""
        if self.cache is None or not isinstance(self.samples, CachedViews):
            features: Tensor = self.backbone(item[None]).features[0]
            return features
        tokens = self.cache.layout.tokens
        return parted(item, tokens=tokens, channels=self.backbone.channels).features

    def _views(self) -> int | None:
        return max(self.cache.key.views, 1) if self.cache is not None else self.recipe.data.views

    def _open_cache(self) -> FeatureCache:
        data = self.recipe.data
        assert data.cache is not None
        cache = FeatureCache.open(Path(data.cache))
        cache.require(backbone=self.backbone, source=self.source, size=data.size)
        check_some(cache, self.source, self.backbone)
        if data.views is not None and data.views != cache.key.views:
            raise SettingError("data.views", data.views, f"but the cache {data.cache} has {cache.key.views}")
        return cache


def _frames(source: ImageSource, where: str) -> ClipFrames:
    if not isinstance(source, ClipFrames):
        raise DiasError(
            f"{where}: holds pictures, and this recipe is of clips; give clips, or leave clip out"
        )
    return source
