"""Frames as they come: of videos of every awkward kind, folders, pipes; and a thread that reads ahead."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dias.data.streams import Ahead, StreamFrame, chosen, open_stream
from dias.errors import DiasError, FileError, SampleError, SettingError
from miniatures import videos

VARIABLE = [number * number for number in range(30)]
SOUND: dict[str, Callable[[Path], Path]] = {
    "mp4": lambda folder: videos.write(folder / "a.mp4"),
    "matroska": lambda folder: videos.write(folder / "a.mkv"),
    "webm": lambda folder: videos.write(folder / "a.webm", codec="libvpx-vp9"),
    "avi": lambda folder: videos.write(folder / "a.avi", codec="mpeg4"),
    "ts": lambda folder: videos.write(folder / "a.ts"),
    "starts late": lambda folder: videos.write(folder / "a.mp4", times=range(1000, 1030)),
}


def seen(where: object, **options: float) -> tuple[list[tuple[int, float, int]], list[str]]:
    """Number, time and grey of each frame; and the faults."""
    stream = open_stream(str(where), **options)
    frames = [(one.number, round(one.time, 3), videos.number_of(one.picture)) for one in stream]
    return frames, stream.faults()


@pytest.mark.parametrize("kind", SOUND)
def test_every_frame_comes_once_with_its_time(kind: str, tmp_path: Path) -> None:
    frames, faults = seen(SOUND[kind](tmp_path))
    late = 0.04 if kind == "avi" else 0.0  # as this container says
    assert frames == [(n, pytest.approx(n / 25 + late, abs=2e-3), n % 24) for n in range(30)]
    assert faults == []


@pytest.mark.parametrize("kind", SOUND)
@pytest.mark.parametrize("start", [0.01, 0.56, 1.1])
def test_a_start_is_found_exactly(kind: str, start: float, tmp_path: Path) -> None:
    file = SOUND[kind](tmp_path)
    frames, faults = seen(file, start=start)
    whole, _ = seen(file)
    wanted = [one[1:] for one in whole if one[1] >= start]
    assert [one[1:] for one in frames] == [(pytest.approx(time, abs=2e-3), grey) for time, grey in wanted]
    assert [one[0] for one in frames] == list(range(len(wanted)))
    assert faults == []


def test_times_of_a_variable_rate_are_kept(tmp_path: Path) -> None:
    frames, faults = seen(videos.write(tmp_path / "a.mkv", times=VARIABLE))
    assert [one[1] for one in frames] == [pytest.approx(n / 25, abs=2e-3) for n in VARIABLE]
    assert faults == []


def test_times_go_on_where_a_recording_was_put_behind_another(tmp_path: Path) -> None:
    file = videos.write(tmp_path / "a.ts")
    file.write_bytes(2 * file.read_bytes())
    frames, faults = seen(file)
    assert [one[1:] for one in frames] == [(pytest.approx(n / 25, abs=2e-3), n % 30 % 24) for n in range(60)]
    assert faults == []


def test_videos_of_phones_are_turned(tmp_path: Path) -> None:
    (frame,) = open_stream(str(videos.write(tmp_path / "a.mp4", 1, rotation=90)))
    assert frame.picture.shape == (videos.WIDTH, videos.HEIGHT, 3)
    assert frame.picture[-5, 4].min() > 230


def test_a_change_of_size_is_scaled_and_said(tmp_path: Path) -> None:
    frames, faults = seen(videos.write_changing_size(tmp_path / "a.ts"))
    assert [one[2] for one in frames] == list(range(10))
    assert [one[1] for one in frames] == [pytest.approx(n / 25, abs=2e-3) for n in range(10)]
    assert faults == ["5 frames of another size were scaled to 48 x 32"]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".mov"])
def test_a_tail_that_is_gone_is_said(suffix: str, tmp_path: Path) -> None:
    file = videos.write_cut_short(tmp_path / f"a{suffix}")
    frames, faults = seen(file)
    assert 8 < len(frames) < 25
    assert [one[0] for one in frames] == list(range(len(frames)))
    assert "cut short" in faults[-1]
    if suffix == ".mp4":
        assert f"{len(frames)} of 30 frames could be decoded" in faults[-1]


def test_damaged_frames_in_the_middle_are_left_out_and_counted(tmp_path: Path) -> None:
    frames, faults = seen(videos.write_damaged(tmp_path / "a.mp4", range(3, 5)))
    assert [one[1] for one in frames] == [
        pytest.approx(n / 25, abs=1e-3) for n in range(30) if n not in (3, 4)
    ]
    assert faults == ["2 damaged frames were left out"]


def test_a_video_without_a_frame_has_none(tmp_path: Path) -> None:
    frames, faults = seen(videos.write_without_a_frame(tmp_path / "a.mp4"))
    assert frames == []
    assert faults == ["30 damaged frames were left out"]


def test_what_is_no_video_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name, why in {
        "text.mp4": "is no video",
        "empty.mp4": "is no video",
        "gone.mp4": "does not exist",
    }.items():
        with pytest.raises(SampleError, match=why) as error:
            open_stream(str(tmp_path / name))
        assert "\n" not in str(error.value)
    with pytest.raises(FileError, match="no such camera"):
        open_stream("/dev/video99")
    with pytest.raises(FileError, match="is no camera"):
        list(open_stream("/dev/null"))
    for start in (float("nan"), float("inf"), -1.0):
        with pytest.raises(SettingError, match="is no time"):
            open_stream(str(tmp_path / "text.mp4"), start=start)
    with pytest.raises(SettingError, match="times of its own"):
        open_stream(str(videos.write(tmp_path / "a.mp4", 1)), rate=12.0)


def test_a_folder_of_pictures_is_a_clip(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no picture"):
        open_stream(str(tmp_path))
    for number in (10, 9, 8, 11):
        size = 2 if number == 11 else 1
        Image.fromarray(videos.picture(number).repeat(size, axis=0)).save(tmp_path / f"{number}.png")
    (tmp_path / "12.png").write_text("broken")
    stream = open_stream(str(tmp_path), rate=5.0)
    frames = list(stream)
    assert [frame.time for frame in frames] == [0, 0.2, 0.4, 0.6, 0.8]
    assert [videos.number_of(frame.picture) for frame in frames[:4]] == [8, 9, 10, 11]
    assert frames[3].picture.shape == frames[0].picture.shape
    assert stream.faults() == ["1 frames of another size were scaled to 48 x 32"]
    with pytest.raises(SampleError, match=r"12\.png"):
        _ = frames[4].picture
    assert [one.time for one in open_stream(str(tmp_path), rate=5.0, start=0.4)] == [0.4, 0.6, 0.8]
    with pytest.raises(FileError, match="is over before second 9"):
        open_stream(str(tmp_path), start=9.0)


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_a_pipe_is_read_as_it_comes(suffix: str, tmp_path: Path) -> None:
    file = videos.write(tmp_path / f"a{suffix}")
    code = (
        "from dias.data.streams import open_stream\n"
        "s = open_stream('-')\n"
        "print(s.live, [round(f.time * 25) for f in s], s.faults())"
    )
    with file.open("rb") as stdin:
        done = subprocess.run([sys.executable, "-c", code], stdin=stdin, capture_output=True, text=True)
    assert done.stdout.strip() == f"True {list(range(30))} []", done.stderr


def test_a_pipe_that_brings_no_video_is_refused() -> None:
    code = "from dias.data.streams import open_stream\nlist(open_stream('-'))"
    done = subprocess.run([sys.executable, "-c", code], input="text", capture_output=True, text=True)
    assert "standard input: is no video that can be read as it comes" in done.stderr.splitlines()[-1]


def test_a_choice_of_frames() -> None:
    frames = [StreamFrame(n, n / 10 + 1, lambda: np.zeros((2, 2, 3), np.uint8)) for n in range(30)]
    found = chosen(iter(frames), start=1.0, seconds=0.95, every=3)
    assert [one.number for one in found] == [0, 3, 6, 9]


class Paced:
    """Frames that come one by one, when they are let go; counts those whose pixels were made."""

    def __init__(self, count: int) -> None:
        self.count, self.made = count, 0
        self.passed = [threading.Event() for _ in range(count)]

    def __iter__(self) -> Iterator[StreamFrame]:
        for number in range(self.count):
            yield StreamFrame(number, float(number), self._make)
            self.passed[number].set()  # the one before has been handed over

    def _make(self) -> np.ndarray:
        self.made += 1
        return np.zeros((2, 2, 3), np.uint8)


def test_frames_are_dropped_not_queued_when_they_are_used_too_slowly() -> None:
    source = Paced(10)
    reader = Ahead(source, most=1, drop=True)
    assert source.passed[9].wait(5)
    assert [frame.number for frame in reader] == [9]  # the newest, not the oldest
    assert reader.dropped == 9
    assert source.made == 0  # what is dropped costs no conversion


def test_a_file_waits_and_loses_nothing() -> None:
    source = Paced(10)
    reader = Ahead(source, most=2, drop=False)
    assert source.passed[1].wait(5)
    assert not source.passed[3].wait(0.3)  # two wait, the thread holds a third
    assert [frame.number for frame in reader] == list(range(10))
    assert reader.dropped == 0
    assert source.made == 10


def test_a_failure_comes_out_where_frames_are_used_and_a_stop_ends_the_wait() -> None:
    def broken() -> Iterator[StreamFrame]:
        yield StreamFrame(0, 0.0, lambda: np.zeros((2, 2, 3), np.uint8))
        raise DiasError("gone")

    reader = Ahead(broken(), most=4, drop=False)
    assert next(reader).number == 0
    with pytest.raises(DiasError, match="gone"):
        next(reader)

    read, write = os.pipe()  # nobody ever writes

    def hangs() -> Iterator[StreamFrame]:
        os.read(read, 1)
        yield from ()

    assert list(Ahead(hangs(), most=1, drop=True, stop=lambda: True)) == []
    os.close(write)
