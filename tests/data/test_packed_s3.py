"""A pack in object storage, behind a real S3 server on this machine (moto)."""

import logging
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image
from test_pack_records import same

from dias.data.loaders import TrainingOrder, ViewedImages, training_loader
from dias.data.packing import PackSettings, pack
from dias.data.packing.manifest import shard_name
from dias.data.packing.s3 import Bucket
from dias.data.sources import ImageFolderConfig, PackedConfig, config_for, open_source
from dias.errors import DiasError, FileError, SampleError, SettingError

ADDRESS = "s3://pictures/some/pack"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for every request
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="pictures")
        yield client
    server.stop()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(12):
        pixels = np.random.default_rng(i).integers(0, 256, (24, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    return ImageFolderConfig(path=str(folder)).build()


@pytest.fixture
def local(client: Any, source: Any, tmp_path: Path) -> Path:
    """The pack; a copy lies at ADDRESS."""
    folder = tmp_path / "pack"
    pack(source, folder, PackSettings(per_shard=4), origin={}, progress=False)
    for file in folder.iterdir():
        client.upload_file(str(file), "pictures", f"some/pack/{file.name}")
    return folder


def cached(tmp_path: Path, **more: Any) -> PackedConfig:
    return PackedConfig(path=ADDRESS, cache=str(tmp_path / "cache"), **more)


def names(source: Any) -> list[str]:
    return [source[index].name for index in range(len(source))]


def test_the_address_is_enough(local: Path, source: Any) -> None:
    assert config_for(Path(ADDRESS), use="train") == PackedConfig(path=ADDRESS)  # as the command line does
    again = open_source(ADDRESS)
    assert len(again) == 12
    for index in (11, 0, 5):
        same(again[index], source[index])


@pytest.mark.parametrize("cache", [False, True])
def test_workers_read_what_one_process_does(local: Path, tmp_path: Path, cache: bool) -> None:
    config = cached(tmp_path) if cache else PackedConfig(path=ADDRESS)
    found = []
    for workers in (0, 2):
        order = TrainingOrder(12, batch=4, seed=1, last_step=6)
        views = ViewedImages(config.build(), size=8, seed=1)
        found.append([batch.images for batch in training_loader(views, order, workers=workers)])
    assert all((one == other).all() for one, other in zip(*found, strict=True))


def fetch_all(config: PackedConfig) -> list[str]:
    return names(config.build())


def test_many_processes_share_one_cache(local: Path, tmp_path: Path) -> None:
    """Each shard is fetched once, though all ask for it at the same time."""
    with multiprocessing.get_context("fork").Pool(4) as pool:
        found = pool.map(fetch_all, [cached(tmp_path)] * 8)
    assert found == [[f"{index:02}.png" for index in range(12)]] * 8
    for file in tmp_path.glob("cache/*/shard-*.tar"):
        assert file.read_bytes() == (local / file.name).read_bytes()
    assert not list(tmp_path.glob("cache/*/.*.part"))


def test_a_cache_keeps_within_its_limit(local: Path, tmp_path: Path) -> None:
    size = (local / shard_name(0)).stat().st_size
    config = cached(tmp_path, cache_gb=2.5 * size / 1e9, window=2)
    source = config.build()
    for index in (0, 4, 8, 0, 4, 8):
        assert source[index].name == f"{index:02}.png"
        assert len(list(tmp_path.glob("cache/*/shard-*.tar"))) <= 2
    with pytest.raises(SettingError, match=r"but 3 shards take .* GB; raise it, or lower window"):
        cached(tmp_path, cache_gb=2.5 * size / 1e9, window=3).build()


def test_an_interrupted_download_leaves_nothing_torn(local: Path, tmp_path: Path) -> None:
    source = cached(tmp_path).build()
    assert source[0].name == "00.png"
    here = next(tmp_path.glob("cache/*/shard-*.tar")).parent
    (here / ".shard-000001.tar.99999.part").write_bytes(b"half")
    assert source[4].name == "04.png"
    assert not list(here.glob(".*.part"))


def test_a_damaged_shard_is_named(client: Any, local: Path, tmp_path: Path) -> None:
    whole = bytearray((local / shard_name(1)).read_bytes())
    whole[700] ^= 1
    client.put_object(Bucket="pictures", Key=f"some/pack/{shard_name(1)}", Body=bytes(whole))
    where = rf"{ADDRESS}/shard-000001\.tar: "
    with pytest.raises(SampleError, match=where + r"sample 4 \(04\.png\) is damaged"):
        open_source(ADDRESS)[4]
    with pytest.raises(FileError, match=where + "is damaged: .* bytes, SHA-256"):
        names(cached(tmp_path).build())
    assert not list(tmp_path.glob(f"cache/*/{shard_name(1)}"))
    client.put_object(Bucket="pictures", Key=f"some/pack/{shard_name(1)}", Body=bytes(whole[:600]))
    with pytest.raises(SampleError, match=where + "ends .*truncated"):
        open_source(ADDRESS)[7]


def test_what_is_not_there_is_named(
    client: Any, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.delete_object(Bucket="pictures", Key=f"some/pack/{shard_name(2)}")
    with pytest.raises(FileError, match=rf"{ADDRESS}/shard-000002\.tar: does not exist"):
        open_source(ADDRESS)[9]
    with pytest.raises(FileError, match=r"s3://elsewhere/pack/pack\.json: does not exist"):
        open_source("s3://elsewhere/pack")
    with pytest.raises(DiasError, match="names no bucket"):
        PackedConfig(path="s3://").build()


class Broken:
    """A connection that breaks off after each piece."""

    def __init__(self, body: Any) -> None:
        self.body = body

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        from botocore.exceptions import ReadTimeoutError

        yield next(self.body.iter_chunks(5_000))
        raise ReadTimeoutError(endpoint_url="there")


def test_a_broken_connection_goes_on_where_it_was(
    local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, breaks = Bucket._body, [1, 1]

    def sometimes(self: Bucket, name: str, **more: str) -> Any:
        found = body(self, name, **more)
        return Broken(found) if name == shard_name(0) and breaks and breaks.pop() else found

    monkeypatch.setattr(Bucket, "_body", sometimes)
    assert names(cached(tmp_path).build())[0] == "00.png"
    assert not breaks
