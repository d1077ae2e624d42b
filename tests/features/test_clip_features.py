"""Features of whole clips, out of a cache of their frames."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from dias.backbones import BackboneConfig, FrozenBackbone
from dias.data.frames import images_of
from dias.data.samples import ClipSample, fingerprint_of
from dias.errors import CacheError, SampleError
from dias.features import ClipFeatures, FeatureCache, Views, build_cache


class Clips:
    """Clips of 3, 1 and 4 frames in memory."""

    def __init__(self, *lengths: int, broken: tuple[int, int] | None = None) -> None:
        self.lengths = lengths or (3, 1, 4)
        self.broken = broken

    def __len__(self) -> int:
        return len(self.lengths)

    def length(self, index: int) -> int:
        return self.lengths[index]

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        chosen = tuple(range(self.lengths[index]) if frames is None else frames)
        if self.broken is not None and self.broken[0] == index and self.broken[1] in chosen:
            raise SampleError(Path(self.name(index)), "is damaged")
        rng = np.random.default_rng(index)
        pictures = rng.integers(0, 256, (self.lengths[index], 30, 40, 3), dtype=np.uint8)
        return ClipSample(frames=pictures[list(chosen)], name=self.name(index), numbers=chosen)

    def name(self, index: int) -> str:
        return f"clip-{index}"

    def fingerprint(self) -> str:
        return fingerprint_of((self.name(i), length) for i, length in enumerate(self.lengths))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> FrozenBackbone:
    folder = tmp_path_factory.mktemp("vit")
    config = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7
    )
    torch.manual_seed(0)
    transformers.Dinov2Model(config).save_pretrained(folder)
    return BackboneConfig(path=str(folder), input_size=28, precision="fp32").build()


def cached(clips: Clips, backbone: FrozenBackbone, folder: Path, *, skip_bad: bool = False) -> FeatureCache:
    views = Views(number=2, size=28, seed=3)
    frames = images_of(clips)
    return build_cache(frames, backbone, folder, views=views, batch=4, skip_bad=skip_bad, progress=False)


def test_a_clip_is_its_frames_in_order(tmp_path: Path, backbone: FrozenBackbone) -> None:
    cache = cached(Clips(), backbone, tmp_path)
    features = ClipFeatures(cache, Clips())
    assert [features.length(index) for index in range(len(features))] == [3, 1, 4]
    last = features.read(2, view=1)
    assert last.shape == (4, 16, 16)
    assert all(np.array_equal(last[frame], cache.read(4 + frame, 1)) for frame in range(4))
    assert np.array_equal(features.read(2, [1, 3], view=1), last[[1, 3]])
    assert not np.array_equal(features.read(2), last)
    with pytest.raises(IndexError, match="frame 1 of a clip of 1"):
        features.read(1, [1])


def test_a_clip_with_a_frame_that_cannot_be_read_is_known(tmp_path: Path, backbone: FrozenBackbone) -> None:
    clips = Clips(broken=(2, 1))
    features = ClipFeatures(cached(clips, backbone, tmp_path, skip_bad=True), clips)
    assert [features.readable(index) for index in range(3)] == [True, True, False]
    with pytest.raises(CacheError, match="clip-2/00001 was unreadable"):
        features.read(2)


def test_a_cache_of_other_clips_is_refused(tmp_path: Path, backbone: FrozenBackbone) -> None:
    cache = cached(Clips(), backbone, tmp_path)
    with pytest.raises(CacheError, match=r"of other clips .it has 8 frames, these 9.; make it anew"):
        ClipFeatures(cache, Clips(3, 1, 5))
    with pytest.raises(CacheError, match="of other clips"):
        ClipFeatures(cache, Clips(1, 3, 4))
