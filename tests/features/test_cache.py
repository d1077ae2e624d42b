"""Cached features are the live ones, and a cache of anything else is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dias.backbones import BackboneConfig, FrozenBackbone
from dias.data.frames import ClipFrames
from dias.data.showing import show
from dias.data.sources import ImageFolderConfig
from dias.data.transforms import centre_view, numbered_view
from dias.errors import CacheError, DiasError
from dias.features import FeatureCache, Views, build_cache, check_some
from dias.features.kept import parted
from miniatures.clips import Clips
from small_caches import COUNT, VIEWS, build, files, make


@pytest.mark.parametrize("number", [0, 1, 3, 9])
def test_cached_features_are_the_live_ones(
    tmp_path: Path, data: Path, backbone: FrozenBackbone, number: int
) -> None:
    """Nine views are more than a batch of four."""
    cache = make(data, backbone, tmp_path / "cache", views=Views(number=number, size=35, seed=5))
    source = ImageFolderConfig(path=str(data)).build()
    assert (len(cache), cache.grid, cache.channels) == (COUNT, (4, 4), 16)
    assert cache.names == tuple(source.name(i) for i in range(COUNT))
    for index in range(COUNT):
        image = source[index].image
        height, width = image.shape[:2]
        for view in range(max(number, 1)):
            chosen = (
                numbered_view(height, width, size=35, seed=5, index=index, number=view)
                if number
                else centre_view(height, width, size=35)
            )
            live = backbone(show(image, chosen)[None]).features[0]
            cached = cache.read(index, view)
            assert cached.dtype == np.float16
            torch.testing.assert_close(torch.tensor(cached).float(), live, atol=1e-3, rtol=1e-3)


def test_features_of_frames_are_those_of_one_view_of_their_clip(
    tmp_path: Path, backbone: FrozenBackbone
) -> None:
    """So a cache of frames serves clips."""
    cache = build_cache(ClipFrames(Clips()), backbone, tmp_path, views=VIEWS, progress=False)
    view = numbered_view(20, 30, size=28, seed=3, index=1, number=1)
    live = backbone(torch.stack([show(frame, view) for frame in Clips().read(1).frames])).features
    for place in range(3):
        cached = torch.tensor(cache.read(2 + place, 1)).float()
        torch.testing.assert_close(cached, live[place], atol=1e-3, rtol=1e-3)


def test_keys_stand_behind_the_features_for_those_who_ask(tmp_path: Path, data: Path, vits: Path) -> None:
    asking, plain = (
        BackboneConfig(path=str(vits / "one"), input_size=28, precision="fp32", keys=keys).build()
        for keys in (True, False)
    )
    cache, without = make(data, asking, tmp_path / "keys"), make(data, plain, tmp_path / "plain")
    assert (cache.channels, without.channels) == (32, 16)
    assert np.array_equal(cache.read(2, 1), without.read(2, 1))
    assert np.array_equal(cache.read(2, 1, whole=True)[:, :16], without.read(2, 1, whole=True))
    source = ImageFolderConfig(path=str(data)).build()
    image = source[2].image
    view = numbered_view(*image.shape[:2], size=28, seed=3, index=2, number=1)
    live = asking(show(image, view)[None]).keys
    assert live is not None
    kept = torch.tensor(cache.read(2, 1, whole=True)[:, 16:]).float()
    torch.testing.assert_close(kept, live[0], atol=1e-3, rtol=1e-3)
    for backbone in (asking, plain):
        cache.require(backbone=backbone, source=source, size=28)
        check_some(cache, source, backbone)
    with pytest.raises(CacheError, match=r"other choice of whether keys are kept .*`dias cache` --keys"):
        without.require(backbone=asking, source=source, size=28)
    assert without.fingerprint() != cache.fingerprint()


def test_what_the_last_blocks_are_given_lies_below_for_those_who_ask(
    tmp_path: Path, data: Path, backbone: FrozenBackbone, vits: Path
) -> None:
    source = ImageFolderConfig(path=str(data)).build()
    cache = build_cache(source, backbone, tmp_path / "own", views=VIEWS, last_blocks=2, progress=False)
    without = make(data, backbone, tmp_path / "plain")
    assert np.array_equal(cache.read(2, 1), without.read(2, 1))
    kept = parted(torch.tensor(cache.read(2, 1, whole=True)).float(), tokens=16, channels=16)
    view = numbered_view(*source[2].image.shape[:2], size=28, seed=3, index=2, number=1)
    live = backbone(show(source[2].image, view)[None], last_blocks=2)
    assert kept.unfinished is not None
    assert live.unfinished is not None
    assert kept.keys is None
    assert len(kept.unfinished) == 16 + backbone.prefix
    torch.testing.assert_close(kept.features, live.features[0], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(kept.unfinished, live.unfinished[0], atol=1e-3, rtol=1e-3)
    cache.require(backbone=backbone, source=source, size=28)  # whoever does not ask may use it too
    check_some(FeatureCache.open(tmp_path / "own", verify="full"), source, backbone)
    assert without.fingerprint() != cache.fingerprint()
    with pytest.raises(CacheError, match=r"other number of last blocks whose input is kept \(2, now 1\)"):
        build_cache(source, backbone, tmp_path / "own", views=VIEWS, last_blocks=1, progress=False)
    asking = BackboneConfig(path=str(vits / "one"), input_size=28, keys=True).build()
    with pytest.raises(DiasError, match="keeps keys, or what the last blocks are given; not both"):
        build_cache(source, asking, tmp_path / "both", views=VIEWS, last_blocks=1, progress=False)


def test_other_weights_are_named(tmp_path: Path, data: Path, vits: Path, backbone: FrozenBackbone) -> None:
    cache = make(data, backbone, tmp_path / "cache")
    source = ImageFolderConfig(path=str(data)).build()
    cache.require(backbone=backbone, source=source, size=28)
    with pytest.raises(CacheError, match="was made with other backbone weights"):
        cache.require(backbone=build(vits / "two"), source=source, size=28)
    before = files(tmp_path / "cache")
    with pytest.raises(CacheError, match=r"other backbone weights.*choose another folder"):
        make(data, build(vits / "two"), tmp_path / "cache")
    assert files(tmp_path / "cache") == before


@pytest.mark.parametrize(
    ("views", "said"),
    [
        (Views(number=3, size=28, seed=3), "other number of views .2, now 3."),
        (Views(number=2, size=35, seed=3), "other size of a view .28, now 35."),
        (Views(number=2, size=28, seed=4), "other seed of the views .3, now 4."),
    ],
)
def test_other_views_are_named(
    tmp_path: Path, data: Path, backbone: FrozenBackbone, views: Views, said: str
) -> None:
    make(data, backbone, tmp_path / "cache")
    with pytest.raises(CacheError, match=said):
        make(data, backbone, tmp_path / "cache", views=views)


@pytest.mark.parametrize("change", ["removed", "added", "renamed", "rewritten"])
def test_a_changed_data_set_is_named(
    tmp_path: Path, data: Path, backbone: FrozenBackbone, change: str
) -> None:
    cache = make(data, backbone, tmp_path / "cache")
    if change == "removed":
        (data / "0.png").unlink()
    elif change == "added":
        shutil.copy(data / "0.png", data / "new.png")
    elif change == "renamed":
        (data / "0.png").rename(data / "zero.png")
    else:
        Image.new("RGB", (30, 30)).save(data / "0.png")
    with pytest.raises(CacheError, match="other data set"):
        cache.require(backbone=backbone, source=ImageFolderConfig(path=str(data)).build(), size=28)


@pytest.mark.parametrize("name", ["features.bin", "state.bin", "sums.bin"])
def test_a_truncated_file_is_named(tmp_path: Path, data: Path, backbone: FrozenBackbone, name: str) -> None:
    make(data, backbone, tmp_path / "cache")
    file = tmp_path / "cache" / name
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CacheError, match=rf"{name}: has \d+ bytes, expected \d+: truncated"):
        FeatureCache.open(tmp_path / "cache")


def test_one_wrong_bit_is_found(tmp_path: Path, data: Path, backbone: FrozenBackbone) -> None:
    make(data, backbone, tmp_path / "cache")
    file = tmp_path / "cache" / "features.bin"
    content = bytearray(file.read_bytes())
    content[4 * 2 * 16 * 16 * 2 + 9] ^= 1
    file.write_bytes(content)
    with pytest.raises(CacheError, match=r"picture 4 \(4\.png\) is damaged"):
        FeatureCache.open(tmp_path / "cache", verify="full")


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "holds no cache.json"), ("{", "is damaged"), ('{"format": "other"}', "has format 'other'")],
)
def test_a_damaged_description_is_named(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "cache.json").write_text(content)
    with pytest.raises(CacheError, match=said):
        FeatureCache.open(tmp_path)


def test_pictures_exchanged_for_others_of_the_same_size_are_noticed(
    tmp_path: Path, backbone: FrozenBackbone
) -> None:
    """BMP: every picture of 40 x 40 pixels has as many bytes as any other."""
    data = tmp_path / "pictures"
    data.mkdir()
    source = ImageFolderConfig(path=str(data))

    def draw(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for i in range(3):
            pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(data / f"{i}.bmp")

    draw(0)
    cache = make(data, backbone, tmp_path / "cache")
    check_some(cache, source.build(), backbone)
    draw(1)
    cache.require(backbone=backbone, source=source.build(), size=28)
    with pytest.raises(CacheError, match=r"was made of another picture 0\.bmp than is there now"):
        check_some(cache, source.build(), backbone)


@pytest.mark.parametrize("value", [70_000.0, float("nan")])
def test_features_that_half_precision_cannot_hold_are_refused(
    tmp_path: Path, data: Path, backbone: FrozenBackbone, value: float
) -> None:
    bias = backbone.vit.get_parameter("encoder.layer.1.mlp.fc2.bias")
    with torch.no_grad():
        bias.fill_(value)
    with pytest.raises(CacheError, match="half precision holds 65504; train without a cache"):
        make(data, backbone, tmp_path / "cache")


def test_the_provenance_names_weights_and_data(tmp_path: Path, data: Path, backbone: FrozenBackbone) -> None:
    make(data, backbone, tmp_path / "cache")
    hashes = json.loads((tmp_path / "cache" / "cache.json").read_text())["provenance"]["hashes"]
    source = ImageFolderConfig(path=str(data)).build()
    assert hashes == {"weights": backbone.weights.sha256, "data": source.fingerprint()}


@pytest.mark.parametrize(
    ("key", "value"),
    [("names", ["0.png"]), ("names", [1] * COUNT), ("channels", "16"), ("grid", [4, 0])]
    + [("key", change) for change in ({"count": -1}, {"views": "2"}, {"size": 0}, {"weights": None})],
)
def test_what_the_description_says_is_checked(
    tmp_path: Path, data: Path, backbone: FrozenBackbone, key: str, value: object
) -> None:
    make(data, backbone, tmp_path / "cache")
    file = tmp_path / "cache" / "cache.json"
    content = json.loads(file.read_text())
    content[key] = content[key] | value if isinstance(value, dict) else value
    file.write_text(json.dumps(content))
    with pytest.raises(CacheError, match=r"cache\.json: is damaged"):
        FeatureCache.open(tmp_path / "cache")
