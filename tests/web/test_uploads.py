from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dias.errors import DiasError
from dias.web import PageConfig, open_upload
from miniatures import videos

LIMITS = PageConfig(bytes=300_000, pixels=20_000, seconds=1.0)
FEW = PageConfig(pixels=1000)


def noise(file: Path, *size: int) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    return file


def truncated(file: Path) -> Path:
    whole = noise(file, 90, 90).read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    return file


def of_bytes(content: bytes) -> Callable[[Path], Path]:
    def write(file: Path) -> Path:
        file.write_bytes(content)
        return file

    return write


REFUSED: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "bytes": ("a.png", lambda file: noise(file, 400, 400), r"has 0\.\d+ MB; at most 0\.286 MB are taken"),
    "pixels": ("a.png", lambda file: noise(file, 101, 200), "is 200 x 101 pixels; at most 0.02 million are"),
    "seconds": ("a.mp4", lambda file: videos.write(file, 40), r"lasts \d.* seconds or more; at most 1 are"),
    "empty": ("a.png", of_bytes(b""), r"is empty \(0 bytes\)"),
    "text": ("a.png", of_bytes(b"not a picture"), "is neither a picture .* nor a clip"),
    "playlist": ("a.m3u8", of_bytes(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), "is neither a picture"),
    "damaged": ("a.png", truncated, "is damaged or truncated"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_taken_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    name, write, fault = REFUSED[case]
    file = write(tmp_path / name)
    with pytest.raises(DiasError, match=fault) as told:
        list(open_upload(file, LIMITS, name="holiday").frames)
    assert str(told.value).startswith("holiday: ")
    assert str(tmp_path) not in str(told.value)
    assert "\n" not in str(told.value)


def test_frames_are_measured_before_they_are_decoded(tmp_path: Path) -> None:
    with pytest.raises(DiasError, match=r"a\.mp4: is 48 x 32 pixels; at most 0\.001 million are taken"):
        open_upload(videos.write(tmp_path / "a.mp4", 3), FEW)


def test_a_picture_is_one_frame_and_a_clip_has_times(tmp_path: Path) -> None:
    picture = open_upload(noise(tmp_path / "a.png", 20, 30), LIMITS)
    assert not picture.of_clip
    assert [frame.picture.shape for frame in picture.frames] == [(20, 30, 3)]
    clip = open_upload(videos.write(tmp_path / "b.mp4", 6), LIMITS)
    assert (clip.of_clip, clip.name) == (True, "b.mp4")
    times = [frame.time for frame in clip.frames]
    assert len(times) == 6
    assert times == sorted(times)
