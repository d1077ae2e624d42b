"""Cached features are the live ones, whatever happens while they are written."""

import errno
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from dias.backbones import BackboneConfig, FrozenBackbone
from dias.data.frames import ClipFrames
from dias.data.showing import show
from dias.data.sources import ImageFolderConfig
from dias.data.transforms import centre_view, numbered_view
from dias.errors import CacheError, DiasError, SampleError
from dias.features import FeatureCache, Views, build_cache, check_some, unreadable
from dias.features.writing import CacheWriter
from miniatures.clips import Clips

COUNT = 7
VIEWS = Views(number=2, size=28, seed=3)


@pytest.fixture(scope="module")
def vits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of tiny random weights: `one` and `two`."""
    folder = tmp_path_factory.mktemp("vits")
    for seed, name in enumerate(("one", "two")):
        torch.manual_seed(seed)
        config = transformers.Dinov2Config(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7
        )
        model = transformers.Dinov2Model(config)
        model.save_pretrained(folder / name)
    return folder


@pytest.fixture
def backbone(vits: Path) -> FrozenBackbone:
    return build(vits / "one")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(COUNT):
        Image.fromarray(rng.integers(0, 256, (40 + i, 60 - i, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


def build(folder: Path) -> FrozenBackbone:
    return BackboneConfig(path=str(folder), input_size=28, precision="fp32").build()


def make(
    data: Path, backbone: FrozenBackbone, out: Path, *, views: Views = VIEWS, **more: object
) -> FeatureCache:
    options: dict[str, object] = {"batch": 4, "progress": False} | more
    return build_cache(ImageFolderConfig(path=str(data)).build(), backbone, out, views=views, **options)  # type: ignore[arg-type]


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("features.bin", "state.bin", "sums.bin")}


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


_SLOW_BUILD = """
import sys, time
from pathlib import Path
import torch
from dias.backbones import BackboneConfig
from dias.data.sources import ImageFolderConfig
from dias.features import Views, build_cache, writing
writing._COMMIT_SECONDS = 0.0
backbone = BackboneConfig(path=sys.argv[1], input_size=28, precision="fp32").build()
plain = backbone.forward
def slow(images):
    time.sleep(0.4)
    return plain(images)
backbone.forward = slow
build_cache(ImageFolderConfig(path=sys.argv[2]).build(), backbone, Path(sys.argv[3]),
            views=Views(number=2, size=28, seed=3), batch=4, progress=False)
"""


def started_slowly(data: Path, vits: Path, out: Path) -> subprocess.Popen[bytes]:
    """A process that makes a cache and is done with a part of it."""
    process = subprocess.Popen([sys.executable, "-c", _SLOW_BUILD, str(vits / "one"), str(data), str(out)])
    state = out / "state.bin"
    deadline = time.monotonic() + 60
    while not (state.exists() and any(state.read_bytes())):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def test_a_killed_run_goes_on_and_gives_the_same_bytes(
    tmp_path: Path, data: Path, vits: Path, backbone: FrozenBackbone
) -> None:
    """Meanwhile a second process is told of the first; once that is killed, its lock is in nobody's way."""
    out = tmp_path / "killed"
    process = started_slowly(data, vits, out)
    host = socket.gethostname()
    with pytest.raises(CacheError, match=f"is being written by process {process.pid} on {host}; wait until"):
        make(data, backbone, out)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    state = out / "state.bin"
    done = sum(value == 1 for value in state.read_bytes())
    assert 0 < done < COUNT
    with pytest.raises(CacheError, match=r"pictures are not done; run `dias cache` again"):
        FeatureCache.open(out)
    with (out / "features.bin").open("r+b") as stream:  # torn bytes of an unfinished picture do no harm
        stream.seek((COUNT - 1) * 2 * 16 * 16 * 2)
        stream.write(b"\xff" * 100)
    make(data, backbone, out)
    make(data, backbone, tmp_path / "whole")
    assert files(out) == files(tmp_path / "whole")


def test_finished_pictures_are_not_computed_again(
    tmp_path: Path, data: Path, backbone: FrozenBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(data, backbone, tmp_path / "cache")
    monkeypatch.setattr(backbone, "forward", lambda images: pytest.fail("computed again"))
    make(data, backbone, tmp_path / "cache")


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


def test_too_small_a_disk_is_known_before_anything_is_written(
    tmp_path: Path, data: Path, backbone: FrozenBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("dias.features.writing.shutil.disk_usage", lambda folder: usage._replace(free=1000))
    with pytest.raises(CacheError, match=r"needs 0\.00 GB, 0\.00 GB are free; free space"):
        make(data, backbone, tmp_path / "cache")
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["writer.lock"]


def test_a_disk_that_fills_while_space_is_taken_leaves_nothing_behind(
    tmp_path: Path, data: Path, backbone: FrozenBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(CacheError, match=r"could not be written \(No space left on device\)"):
        make(data, backbone, tmp_path / "cache")
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["writer.lock"]


def test_a_disk_that_fills_later_loses_nothing(
    tmp_path: Path, data: Path, backbone: FrozenBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, put = tmp_path / "cache", CacheWriter.put

    def full(writer: CacheWriter, index: int, rows: np.ndarray) -> None:
        if index == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(writer, index, rows)

    monkeypatch.setattr("dias.features.writing._COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(CacheWriter, "put", full)
    with pytest.raises(CacheError, match=r"No space left on device.*finished pictures are kept"):
        make(data, backbone, out)
    assert (out / "state.bin").read_bytes() == bytes([1, 1, 1, 1, 0, 0, 0])
    monkeypatch.setattr(CacheWriter, "put", put)
    make(data, backbone, out)
    make(data, backbone, tmp_path / "whole")
    assert files(out) == files(tmp_path / "whole")


def test_a_file_that_the_system_refuses_is_named(
    tmp_path: Path, data: Path, backbone: FrozenBackbone
) -> None:
    """The kernel itself says no, as it does when a disk or a quota is full."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, usual[1]))
    try:
        with pytest.raises(CacheError, match=r"could not be written .*free space and run it again"):
            make(data, backbone, tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    make(data, backbone, tmp_path / "cache")


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


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, data: Path, backbone: FrozenBackbone) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="file/cache: could not be written"):
        make(data, backbone, tmp_path / "file" / "cache")


def test_an_unreadable_picture_stops_the_run_and_what_is_done_stays(
    tmp_path: Path, data: Path, backbone: FrozenBackbone
) -> None:
    (data / "5.png").write_bytes((data / "5.png").read_bytes()[:200])
    with pytest.raises(SampleError, match=r"5\.png"):
        make(data, backbone, tmp_path / "cache")
    assert (tmp_path / "cache" / "state.bin").read_bytes() == bytes([1, 1, 1, 1, 0, 0, 0])


def test_unreadable_pictures_are_skipped_and_listed_when_asked(
    tmp_path: Path, data: Path, backbone: FrozenBackbone
) -> None:
    (data / "5.png").write_bytes((data / "5.png").read_bytes()[:200])
    cache = make(data, backbone, tmp_path / "cache", skip_bad=True)
    assert unreadable(cache) == ["5.png"]
    assert json.loads((tmp_path / "cache" / "cache.json").read_text())["unreadable"] == ["5.png"]
    assert [cache.readable(i) for i in range(COUNT)] == [i != 5 for i in range(COUNT)]
    assert np.abs(cache.read(6, 1)).max() > 0
    with pytest.raises(CacheError, match=r"5\.png was unreadable"):
        cache.read(5, 0)
    FeatureCache.open(tmp_path / "cache", verify="full")
    with pytest.raises(SampleError, match=r"5\.png"):  # not asked to skip this time
        make(data, backbone, tmp_path / "cache")


def test_a_data_set_without_a_readable_picture_is_an_error(
    tmp_path: Path, data: Path, backbone: FrozenBackbone
) -> None:
    for file in data.iterdir():
        file.write_bytes(b"no picture")
    with pytest.raises(DiasError, match="none of the 7 pictures"):
        make(data, backbone, tmp_path / "cache", skip_bad=True)


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
