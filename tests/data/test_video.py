import gc
import multiprocessing
import os
import pickle
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dias.data.formats import video
from dias.data.formats.video import OpenVideos
from dias.data.formats.video_file import count_frames
from dias.data.frames import images_of
from dias.data.samples import ClipSource
from dias.data.sources import ImageFolderConfig, VideoFilesConfig, config_for
from dias.errors import FileError, SampleError
from miniatures import videos

LATE = range(1000, 1030)
VARIABLE = [number * number for number in range(30)]
KINDS: dict[str, Callable[[Path], Path]] = {
    "b-frames": lambda folder: videos.write(folder / "a.mp4"),
    "no count": lambda folder: videos.write(folder / "a.mkv"),
    "no count, vp9": lambda folder: videos.write(folder / "a.webm", codec="libvpx-vp9"),
    "old": lambda folder: videos.write(folder / "a.avi", codec="mpeg4"),
    "no index": lambda folder: videos.write(folder / "a.ts"),
    "starts late": lambda folder: videos.write(folder / "a.mp4", times=LATE),
    "variable rate": lambda folder: videos.write(folder / "a.mkv", times=VARIABLE),
    "one frame": lambda folder: videos.write(folder / "a.mp4", 1),
    "one key": lambda folder: videos.write(folder / "a.mov", keyframe_every=250),
    "changing size": lambda folder: videos.write_changing_size(folder / "a.ts"),
}


def read(file: Path, number: int) -> np.ndarray:
    return OpenVideos().read(file, [number])[number]


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_is_found_exactly_in_any_order(kind: str, tmp_path: Path) -> None:
    file = KINDS[kind](tmp_path)
    count = {"one frame": 1, "changing size": 10}.get(kind, 30)
    assert count_frames(file) == count
    opened = OpenVideos()
    whole = opened.read(file, range(count))
    for number in range(count):
        assert whole[number].shape == (videos.HEIGHT, videos.WIDTH, 3)
        error = np.abs(whole[number].astype(int) - videos.picture(number))
        assert error[4:12, 4:20].max() < 12  # the white quarter
        assert error[20:, 28:].max() < 4  # the grey that says the number
    order = random.Random(0).sample(range(count), count)
    assert all((opened.read(file, [number])[number] == whole[number]).all() for number in order)
    assert all((read(file, number) == whole[number]).all() for number in order[:5])


@pytest.mark.parametrize(("turn", "corner"), [(90, (-1, 0)), (-90, (0, -1)), (180, (-1, -1)), (0, (0, 0))])
def test_videos_of_phones_are_turned_upright(turn: int, corner: tuple[int, int], tmp_path: Path) -> None:
    """By `turn` degrees counter-clockwise; the white quarter, stored at the top left, goes with it."""
    picture = read(videos.write(tmp_path / "a.mp4", 2, rotation=turn), 1)
    assert picture.shape == ((48, 32, 3) if turn in (90, -90) else (32, 48, 3))
    y, x = (4 if place == 0 else -5 for place in corner)
    assert picture[y, x].min() > 230
    assert picture[-y, -x].max() < 60


def test_a_video_that_was_cut_short_keeps_its_start(tmp_path: Path) -> None:
    file = videos.write_cut_short(tmp_path / "a.mp4")
    source = VideoFilesConfig(path=str(file)).build()
    assert source.length(0) == 30  # as it promises
    clip = source.read(0)
    assert 10 < len(clip.numbers) < 25
    assert clip.numbers == tuple(range(len(clip.numbers)))
    assert (source.read(0, [7]).frames[0] == clip.frames[7]).all()
    for asked in ([29], [0, 29]):
        with pytest.raises(SampleError, match="frame 29 cannot be decoded"):
            source.read(0, asked)


def test_damage_in_the_middle_leaves_the_rest(tmp_path: Path) -> None:
    """Frames 7 to 13, from one key to the next; the others are what they were, however they are reached."""
    whole = OpenVideos().read(videos.write(tmp_path / "whole.mp4"), range(30))
    file = videos.write_damaged(tmp_path / "a.mp4", range(7, 14))
    opened = OpenVideos()
    found = opened.read(file, range(30), keep_sound=True)
    assert sorted(found) == [*range(7), *range(14, 30)]
    for number in random.Random(0).sample(range(30), 30):
        if number in found:
            assert (opened.read(file, [number])[number] == whole[number]).all()
        else:
            with pytest.raises(SampleError, match=f"frame {number} cannot be decoded"):
                opened.read(file, [number])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (videos.write_without_a_frame, "none of 30 frames can be decoded"),
        (lambda file: file.write_text("no video"), "is no video"),
        (lambda file: file.write_bytes(b""), "is no video"),
        (lambda file: file.write_text("#EXTM3U\n#EXTINF:1,\nother.mp4\n"), "is no video"),
        (lambda file: file.write_text("ffconcat version 1.0\nfile other.mp4\n"), "is no video"),
    ],
)
def test_what_cannot_be_read_is_a_fault_of_one_clip(
    write: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    """Playlists among them: they could name any file."""
    videos.write(tmp_path / "other.mp4", 3)
    write(tmp_path / "bad.mp4")
    source = VideoFilesConfig(path=str(tmp_path)).build()
    assert source.length(0) >= 1
    assert source.length(1) == 3
    with pytest.raises(SampleError, match=f"bad.mp4: {message}"):
        source.read(0)
    with pytest.raises(SampleError):
        images_of(source)[0]
    assert len(source.read(1).numbers) == 3


def test_only_videos_make_a_folder_of_videos(tmp_path: Path) -> None:
    videos.write(tmp_path / "b" / "two.MOV".lower(), 2)
    videos.write(tmp_path / "one.mp4", 3)
    (tmp_path / "notes.txt").write_text("")
    config = config_for(tmp_path, use="train")
    assert config == VideoFilesConfig(path=str(tmp_path))
    source = config.build()
    assert isinstance(source, ClipSource)
    assert [source.name(i) for i in range(2)] == ["b/two.mov", "one.mp4"]
    assert [source.length(i) for i in range(2)] == [2, 3]
    assert images_of(source)[4].name == "one.mp4/00002"
    assert config_for(tmp_path / "one.mp4", use="evaluate") == VideoFilesConfig(
        path=str(tmp_path / "one.mp4")
    )
    Image.new("RGB", (4, 4)).save(tmp_path / "b" / "cover.jpg")
    assert isinstance(config_for(tmp_path, use="train"), ImageFolderConfig)
    assert isinstance(config_for(tmp_path, use="train", settings=["kind=videos"]), VideoFilesConfig)
    with pytest.raises(FileError, match="holds no video"):
        VideoFilesConfig(path=str(Path(__file__).parent)).build()


def test_many_threads_get_the_frames_they_asked_for(tmp_path: Path) -> None:
    file = videos.write(tmp_path / "a.mp4")
    whole, opened = OpenVideos().read(file, range(30)), OpenVideos()

    def right(number: int) -> bool:
        return bool((opened.read(file, [number])[number] == whole[number]).all())

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(right, [*range(30)] * 3))


def test_open_videos_stay_with_their_process(tmp_path: Path) -> None:
    """A forked worker opens its own, lets go of those it was born with, and takes none by pickling."""
    source = VideoFilesConfig(path=str(videos.write(tmp_path / "a.mp4"))).build()
    expected = source.read(0, [20]).frames

    def check() -> None:
        right = (source.read(0, [20]).frames == expected).all() and (source.read(0, [21]).frames >= 0).all()
        gc.collect()
        os._exit(0 if right else 1)

    worker = multiprocessing.get_context("fork").Process(target=check)
    worker.start()
    worker.join(timeout=60)
    assert worker.exitcode == 0
    assert (source.read(0, [21]).frames != expected).any()
    assert (pickle.loads(pickle.dumps(source)).read(0, [20]).frames == expected).all()


def test_frames_in_order_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two readers, one some frames behind the other, as `dias segment` has them."""
    frames, original = [], video.decoded

    def counted(*place: Any) -> Iterator[Any]:
        for frame in original(*place):
            frames.append(frame.pts)
            yield frame

    monkeypatch.setattr(video, "decoded", counted)
    opened, file = OpenVideos(), videos.write(tmp_path / "a.mp4", keyframe_every=250)
    for number in range(30):
        opened.read(file, [number])
        if number >= 10:
            opened.read(file, [number - 10])
    assert len(frames) == 30 + 20


def test_a_header_is_not_believed_beyond_the_size_of_its_file(tmp_path: Path) -> None:
    file = videos.write(tmp_path / "a.avi", codec="mpeg4")
    data = bytearray(file.read_bytes())
    for header, place in ((b"avih", 24), (b"strh", 40)):  # dwTotalFrames, dwLength
        at = data.index(header) + place
        assert int.from_bytes(data[at : at + 4], "little") == 30
        data[at : at + 4] = (2**31 - 1).to_bytes(4, "little")
    file.write_bytes(data)
    assert count_frames(file) == 30
