"""A data set, packed: the same samples, the same bytes however it was made, and every damage told."""

import errno
import multiprocessing
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image
from test_pack_records import same

from dias.config import to_dict
from dias.data.blocks import Blocks
from dias.data.frames import images_of, scene_of, scenes_of
from dias.data.packing import Manifest, PackSettings, job, pack, write
from dias.data.samples import ClipSample, ImageSource
from dias.data.sources import ImageFolderConfig, Packed, PackedConfig, ScenesConfig, config_for, open_source
from dias.errors import DiasError, FileError, SampleError
from dias.files import write_atomic

SCENES = Path(__file__).parents[2] / "data" / "scenes"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Eleven labelled pictures, JPEG and PNG."""
    for part in ("images", "masks"):
        (tmp_path / "pictures" / part).mkdir(parents=True)
    for i in range(11):
        pixels = np.random.default_rng(i).integers(0, 256, (20 + i, 30, 3), dtype=np.uint8)
        suffix = "png" if i % 3 else "jpg"
        Image.fromarray(pixels).save(tmp_path / "pictures" / "images" / f"{i:02}.{suffix}")
        Image.fromarray(pixels[..., 0] % 4).save(tmp_path / "pictures" / "masks" / f"{i:02}.png")
    return tmp_path / "pictures"


def packed(pictures: Path, folder: Path, *, workers: int = 1, **more: Any) -> Manifest:
    config = config_for(pictures, use="train")
    settings = PackSettings(per_shard=more.pop("per_shard", 3), size=more.pop("size", None))
    source = images_of(config.build())
    return pack(source, folder, settings, origin=to_dict(config), workers=workers, progress=False, **more)


def files(folder: Path) -> dict[str, bytes]:
    """Of a finished pack, but for what tells when and how it was made."""
    found = {file.name: file.read_bytes() for file in folder.iterdir() if file.name != ".lock"}
    found["pack.json"] = found["pack.json"].partition(b'"provenance"')[0]
    return found


def equal(one: ImageSource, other: ImageSource) -> None:
    assert len(one) == len(other)
    for index in range(len(one)):
        assert one.name(index) == other.name(index)
        same(one[index], other[index])


def test_a_pack_is_the_data_set_again(pictures: Path, tmp_path: Path) -> None:
    manifest = packed(pictures, tmp_path / "pack")
    assert [shard.samples for shard in manifest.shards] == [3, 3, 3, 2]
    source, again = open_source(pictures), open_source(tmp_path / "pack")
    equal(again, source)
    assert again.fingerprint() == source.fingerprint()  # so that caches of features fit both
    assert isinstance(again, Packed)
    assert again.encoded(0) == (pictures / "images" / "00.jpg").read_bytes()
    assert list(again.damaged()) == []
    assert again.blocks(range(11)) == Blocks(sizes=(3, 3, 3, 2), window=16)
    assert again.blocks([0, 2, 7]) == Blocks(sizes=(2, 1), window=16)


def test_boxes_and_classes_of_scenes_come_too(tmp_path: Path) -> None:
    part = next(file.parent for file in sorted(SCENES.glob("*/scenes.json")))
    source = ScenesConfig(path=str(part)).build()
    few = Few(source, 6)
    pack(few, tmp_path / "pack", PackSettings(per_shard=4), origin={}, progress=False)
    equal(open_source(tmp_path / "pack"), few)


class Few:
    """The first pictures of a data set."""

    def __init__(self, source: ImageSource, count: int) -> None:
        self.source, self.count = source, count
        self.name, self.fingerprint = source.name, source.fingerprint

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return self.source[index]


@pytest.mark.slow
def test_the_number_of_workers_changes_no_byte(pictures: Path, tmp_path: Path) -> None:
    packed(pictures, tmp_path / "one")
    packed(pictures, tmp_path / "two", workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")


class Stop:
    """Writes one file, and is stopped in the middle of the next."""

    def __init__(self) -> None:
        self.written = 0

    def __call__(self, file: Path, fill: Any) -> None:
        if self.written:
            file.with_name(f".{file.name}.1.part").write_bytes(b"half a file")
            raise KeyboardInterrupt
        write_atomic(file, fill)
        self.written += 1


def test_a_stop_at_any_moment_changes_no_byte(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(pictures, tmp_path / "whole")
    for _ in range(4):  # one shard further each time
        with monkeypatch.context() as stops:
            stop = Stop()
            stops.setattr(job, "write_atomic", stop)
            stops.setattr(write, "write_atomic", stop)
            with pytest.raises(KeyboardInterrupt):
                packed(pictures, tmp_path / "pack")
        with pytest.raises(FileError, match="run the same `dias data pack` again"):
            open_source(tmp_path / "pack")
    packed(pictures, tmp_path / "pack")
    assert files(tmp_path / "pack") == files(tmp_path / "whole")


def test_a_finished_pack_is_left_alone(pictures: Path, tmp_path: Path) -> None:
    packed(pictures, tmp_path / "pack")
    before = (tmp_path / "pack" / "pack.json").read_bytes()
    packed(pictures, tmp_path / "pack")
    assert (tmp_path / "pack" / "pack.json").read_bytes() == before


def test_a_folder_of_something_else_is_refused(pictures: Path, tmp_path: Path) -> None:
    packed(pictures, tmp_path / "pack")
    with pytest.raises(FileError, match="pack made with another settings; choose another folder"):
        packed(pictures, tmp_path / "pack", per_shard=4)
    shutil.copy(pictures / "images" / "01.png", pictures / "images" / "99.png")
    shutil.copy(pictures / "masks" / "01.png", pictures / "masks" / "99.png")
    with pytest.raises(FileError, match="pack made with another fingerprint, count"):
        packed(pictures, tmp_path / "pack")
    with pytest.raises(FileError, match=r"pack made with another .*source"):
        packed(pictures / "images", tmp_path / "pack")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").touch()
    with pytest.raises(FileError, match=r"holds other files, such as diary\.txt"):
        packed(pictures, tmp_path / "mine")


def test_unreadable_pictures_stop_or_are_listed(pictures: Path, tmp_path: Path) -> None:
    (pictures / "images" / "04.png").write_bytes(b"no picture")
    with pytest.raises(SampleError, match=r"04\.png"):
        packed(pictures, tmp_path / "pack")
    manifest = packed(pictures, tmp_path / "pack", bad_images="skip")
    assert [one.name for one in manifest.left_out] == ["04.png"]
    assert [shard.samples for shard in manifest.shards] == [3, 2, 3, 2]
    again = open_source(tmp_path / "pack")
    assert [again.name(index) for index in (3, 4)] == ["03.jpg", "05.png"]
    assert again[4].name == "05.png"
    assert again.fingerprint() != open_source(pictures).fingerprint()


def test_pictures_can_be_stored_smaller(pictures: Path, tmp_path: Path) -> None:
    packed(pictures, tmp_path / "pack", size=20)
    again = open_source(tmp_path / "pack")
    assert min(again[10].image.shape[:2]) == 20
    assert again.fingerprint() != open_source(pictures).fingerprint()


def test_room_is_looked_for_before(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(write.shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(FileError, match=r"needs about 0\.00 GB, 0\.00 GB are free; free space"):
            packed(pictures, tmp_path / "pack")
    packed(pictures, tmp_path / "pack", size=16)  # nothing is there that could be in the way


def test_a_disk_that_fills_up_says_so(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(stream: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def write_less(file: Path, fill: Any) -> None:
        write_atomic(file, no_room if file.name == "shard-000002.tar" else fill)

    with monkeypatch.context() as full:
        full.setattr(job, "write_atomic", write_less)
        with pytest.raises(
            FileError, match=r"shard-000002\.tar: could not be written \(No space left on device\); free"
        ):
            packed(pictures, tmp_path / "pack")
    packed(pictures, tmp_path / "pack")
    equal(open_source(tmp_path / "pack"), open_source(pictures))


def test_two_do_not_pack_into_one_folder(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = write._finish

    def meanwhile(*given: Any) -> None:
        with pytest.raises(FileError, match="another process is packing there"):
            packed(pictures, tmp_path / "pack")
        finish(*given)

    monkeypatch.setattr(write, "_finish", meanwhile)
    packed(pictures, tmp_path / "pack")


@pytest.mark.parametrize("damage", ["cut", "bit", "missing"])
def test_a_damaged_shard_is_named(pictures: Path, tmp_path: Path, damage: str) -> None:
    packed(pictures, tmp_path / "pack")
    shard = tmp_path / "pack" / "shard-000001.tar"
    whole = bytearray(shard.read_bytes())
    match damage:
        case "cut":
            shard.write_bytes(whole[:600])
        case "bit":
            whole[600] ^= 1
            shard.write_bytes(whole)
        case "missing":
            shard.unlink()
    source = open_source(tmp_path / "pack")
    assert source[0].name == "00.jpg"
    said = {"cut": "truncated", "bit": r"sample 3 \(03\.jpg\) is damaged", "missing": "does not exist"}[
        damage
    ]
    with pytest.raises(FileError, match=rf"shard-000001\.tar: .*{said}") as caught:
        source[3]
    assert isinstance(caught.value, SampleError) == (damage != "missing")  # may be skipped and counted
    assert isinstance(source, Packed)
    assert ["shard-000001.tar" in str(fault) for fault in source.damaged()] == [True]


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("pack.json", b"dias-pack-1", b"dias-pack-9", "has format 'dias-pack-9'"),
        ("pack.json", b'"samples": 3', b'"samples": -3', "has not the expected shape"),
        ("pack.json", b'"samples": 3', b'"samples": 4', "does not fit the manifest"),
        ("index.json", b'"offsets":[0', b'"offsets":[9', "is not the one that"),
        ("pack.json", b"}", b"", "is no JSON"),
    ],
)
def test_manifest_and_index_are_checked(
    pictures: Path, tmp_path: Path, name: str, old: bytes, new: bytes, said: str
) -> None:
    packed(pictures, tmp_path / "pack")
    file = tmp_path / "pack" / name
    file.write_bytes(file.read_bytes().replace(old, new, 1))
    with pytest.raises(DiasError, match=said):
        open_source(tmp_path / "pack")


class Clips:
    """Three clips of two to four frames."""

    def __len__(self) -> int:
        return 3

    def length(self, index: int) -> int:
        return index + 2

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        chosen = tuple(range(self.length(index)) if frames is None else frames)
        image = np.stack([np.full((8, 9, 3), 10 * index + frame, dtype=np.uint8) for frame in chosen])
        tracks = np.array([7], dtype=np.int64)
        return ClipSample(frames=image, name=self.name(index), numbers=chosen, tracks=tracks)

    def name(self, index: int) -> str:
        return f"clip{index}"

    def fingerprint(self) -> str:
        return "0" * 64


def test_the_frames_of_a_clip_lie_together(tmp_path: Path) -> None:
    pack(images_of(Clips()), tmp_path / "pack", PackSettings(), origin={}, progress=False)
    again = open_source(tmp_path / "pack")
    assert [again.name(index) for index in (0, 1, 2)] == ["clip0/00000", "clip0/00001", "clip1/00000"]
    equal(again, images_of(Clips()))
    assert scenes_of(again) == scenes_of(images_of(Clips())) == [(0, 1), (2, 3, 4), (5, 6, 7, 8)]
    assert [scene_of(again, index) for index in range(5)] == [0, 0, 1, 1, 1]


def read_some(source: ImageSource) -> list[int]:
    return [int(source[index].image.sum()) for index in (10, 0, 5)]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_it_too(
    pictures: Path, tmp_path: Path, method: Literal["fork", "spawn"]
) -> None:
    packed(pictures, tmp_path / "pack")
    source = open_source(tmp_path / "pack")
    expected = read_some(source)  # its files are open now
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.map(read_some, [source] * 2) == [expected] * 2
    assert read_some(pickle.loads(pickle.dumps(source))) == expected


def test_a_cache_folder_serves_a_pack_on_a_slow_disk(pictures: Path, tmp_path: Path) -> None:
    packed(pictures, tmp_path / "pack")
    config = PackedConfig(path=str(tmp_path / "pack"), cache=str(tmp_path / "cache"), cache_gb=0.001)
    equal(
        config.build(),
        ImageFolderConfig(path=str(pictures / "images"), masks=str(pictures / "masks")).build(),
    )
    assert len(list(tmp_path.glob("cache/*/shard-*.tar"))) == 4


@pytest.mark.parametrize("rotten", ["a bit", "cut", "longer"])
def test_a_cached_shard_that_has_rotten_is_fetched_again(pictures: Path, tmp_path: Path, rotten: str) -> None:
    packed(pictures, tmp_path / "pack")
    source = PackedConfig(path=str(tmp_path / "pack"), cache=str(tmp_path / "cache"), cache_gb=0.001).build()
    expected = source.encoded(0)
    [here] = tmp_path.glob("cache/*/shard-000000.tar")
    whole = here.read_bytes()

    def rot() -> None:
        changed = bytearray(whole)
        changed[whole.index(expected) + 5] ^= 1
        here.write_bytes({"a bit": changed, "cut": whole[:700], "longer": whole + b"more"}[rotten])

    rot()
    assert source.encoded(0) == expected
    assert here.read_bytes() == whole
    rot()
    original = tmp_path / "pack" / "shard-000000.tar"
    original.write_bytes(whole[:700])
    with pytest.raises(FileError, match=r"pack/shard-000000\.tar: is damaged: 700 bytes"):
        source.encoded(0)
    original.write_bytes(whole + b"more")
    with pytest.raises(FileError, match=r"pack/shard-000000\.tar: is damaged: it goes on after the"):
        source.encoded(0)
    assert not list(tmp_path.glob("cache/*/*000000.tar*.part"))
