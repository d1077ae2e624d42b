"""What simplejpeg decodes is what Pillow would; what it does not, Pillow does."""

import io
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dias.data import images
from dias.data.images import read_image
from dias.data.jpeg import usual_jpeg
from dias.errors import SampleError

BLOBS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
PHOTO = Image.fromarray(BLOBS).resize((83, 61), Image.Resampling.BICUBIC)
CODINGS: list[dict[str, object]] = [
    {},
    {"progressive": True},
    {"optimize": True},
    {"restart_marker_blocks": 3},
]
USUAL = [
    {"subsampling": colours, **coding}
    for colours, coding in itertools.product(("4:4:4", "4:2:2", "4:2:0", "4:1:1"), CODINGS)
]


def encoded(image: Image.Image = PHOTO, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", **({"quality": 92} | options))
    return stream.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def by_pillow(file: Path) -> np.ndarray | str:
    """What `read_image` gives or says where nothing is usual."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "usual_jpeg", lambda file, content, upright: None)
        return given_or_said(file)


def given_or_said(file: Path) -> np.ndarray | str:
    try:
        return read_image(file)
    except SampleError as error:
        return str(error)


@pytest.mark.parametrize("options", [*USUAL, {"quality": 30}, {"exif": turned(1)}, {"icc_profile": b"any"}])
def test_usual_files_give_pillows_pixels(tmp_path: Path, options: dict[str, object]) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(encoded(**options))
    found = usual_jpeg(file)
    assert found is not None
    assert found.flags.writeable
    np.testing.assert_array_equal(found, np.asarray(Image.open(file)))
    np.testing.assert_array_equal(read_image(file), found)


UNUSUAL = {
    **{f"turned {orientation}": encoded(exif=turned(orientation)) for orientation in range(2, 9)},
    "grey": encoded(PHOTO.convert("L")),
    "cmyk": encoded(PHOTO.convert("CMYK")),
    "stored as RGB": encoded(keep_rgb=True),
    "one pixel wide": encoded(PHOTO.crop((0, 0, 1, 9))),
    "cut short": encoded()[:-600],
    "its last bytes gone": encoded()[:-2],
    "a header alone": encoded()[:300],
    "three bytes": encoded()[:3],
    "empty": b"",
    "text": b"not a picture at all, though its name says so",
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_the_rest_is_left_to_pillow(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(UNUSUAL[kind])
    assert usual_jpeg(file) is None
    np.testing.assert_array_equal(given_or_said(file), by_pillow(file))


def test_other_formats_and_what_is_no_file_are_left_to_pillow(tmp_path: Path) -> None:
    PHOTO.save(tmp_path / "a.png")
    PHOTO.save(tmp_path / "stereo.jpg", "MPO", save_all=True, append_images=[PHOTO])
    for name in ("a.png", "stereo.jpg", "nowhere.jpg", ""):
        assert usual_jpeg(tmp_path / name) is None


def test_a_size_too_large_is_refused_from_the_header(tmp_path: Path) -> None:
    file, data = tmp_path / "huge.jpg", encoded()
    height_and_width = data.index(b"\xff\xc0") + 5
    file.write_bytes(data[:height_and_width] + b"\xff\xff\xff\xff" + data[height_and_width + 4 :])
    assert usual_jpeg(file) is None
    with pytest.raises(SampleError, match=r"huge\.jpg: .*too large"):
        read_image(file)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    options=st.sampled_from(USUAL),
    at=st.floats(0, 1),
    new=st.binary(max_size=4),
    without=st.integers(0, 40),
    cut=st.booleans(),
)
def test_damaged_bytes_change_nothing_about_it(
    tmp_path: Path, options: dict[str, object], at: float, new: bytes, without: int, cut: bool
) -> None:
    """The same picture, or the same line, as by Pillow alone: a fault is nobody's secret."""
    data, file = encoded(**options), tmp_path / "a.jpg"
    place = 2 + round(at * (len(data) - 2))
    file.write_bytes(data[:place] + new + (b"" if cut else data[place + without :]))
    np.testing.assert_array_equal(given_or_said(file), by_pillow(file))


def test_threads_do_not_disturb_one_another(tmp_path: Path) -> None:
    for number, options in enumerate(USUAL):
        (tmp_path / f"{number}.jpg").write_bytes(encoded(**options))
    files = [tmp_path / f"{number % len(USUAL)}.jpg" for number in range(200)]
    with ThreadPoolExecutor(4) as pool:
        for file, found in zip(files, pool.map(usual_jpeg, files), strict=True):
            np.testing.assert_array_equal(found, np.asarray(Image.open(file)))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_stored_pixels_are_the_same_whatever_the_tag(tmp_path: Path, suffix: str) -> None:
    plain, tagged = tmp_path / f"plain{suffix}", tmp_path / f"tagged{suffix}"
    PHOTO.save(plain)
    PHOTO.save(tagged, exif=turned(6))
    assert (read_image(tagged, upright=False) == read_image(plain)).all()
    assert (read_image(tagged) == np.rot90(read_image(plain), -1)).all()
    if suffix == ".jpg":
        assert usual_jpeg(tagged) is None
        assert usual_jpeg(tagged, upright=False) is not None
