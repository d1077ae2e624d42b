"""Feature caches of seven pictures by a random ViT, and a process that makes one slowly."""

import subprocess
import sys
import time
from pathlib import Path

from dias.backbones import BackboneConfig, FrozenBackbone
from dias.data.sources import ImageFolderConfig
from dias.features import FeatureCache, Views, build_cache

COUNT = 7
VIEWS = Views(number=2, size=28, seed=3)

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


def build(folder: Path) -> FrozenBackbone:
    return BackboneConfig(path=str(folder), input_size=28, precision="fp32").build()


def make(
    data: Path, backbone: FrozenBackbone, out: Path, *, views: Views = VIEWS, **more: object
) -> FeatureCache:
    options: dict[str, object] = {"batch": 4, "progress": False} | more
    return build_cache(ImageFolderConfig(path=str(data)).build(), backbone, out, views=views, **options)  # type: ignore[arg-type]


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("features.bin", "state.bin", "sums.bin")}


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
