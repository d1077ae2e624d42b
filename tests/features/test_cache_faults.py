"""Whatever stops the making of a cache, what is done stays done, and what is wrong is said."""

import errno
import json
import os
import resource
import shutil
import signal
import socket
from pathlib import Path

import numpy as np
import pytest

from dias.backbones import FrozenBackbone
from dias.errors import CacheError, DiasError, SampleError
from dias.features import FeatureCache, unreadable
from dias.features.writing import CacheWriter
from small_caches import COUNT, files, make, started_slowly


def test_a_killed_run_goes_on_and_gives_the_same_bytes(
    tmp_path: Path, data: Path, vits: Path, backbone: FrozenBackbone
) -> None:
    out = tmp_path / "killed"
    process = started_slowly(data, vits, out)
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


def test_two_processes_do_not_write_one_cache(
    tmp_path: Path, data: Path, vits: Path, backbone: FrozenBackbone
) -> None:
    """The second is told of the first; once that is killed, its lock is in nobody's way."""
    out, host = tmp_path / "cache", socket.gethostname()
    process = started_slowly(data, vits, out)
    with pytest.raises(CacheError, match=f"is being written by process {process.pid} on {host}; wait until"):
        make(data, backbone, out)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(make(data, backbone, out)) == COUNT


def test_finished_pictures_are_not_computed_again(
    tmp_path: Path, data: Path, backbone: FrozenBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(data, backbone, tmp_path / "cache")
    monkeypatch.setattr(backbone, "forward", lambda images: pytest.fail("computed again"))
    make(data, backbone, tmp_path / "cache")


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
