import io
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from dias.data.images import as_rgb, read_colours, read_image, read_mask, read_shades
from dias.errors import DiasError, FileError, SampleError
from dias.report.gallery import data_url

COLOURS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
GREY = COLOURS[..., 0]


def saved(folder: Path, image: Image.Image, name: str, **options: object) -> Path:
    file = folder / name
    image.save(file, **options)
    return file


def header_only_png(file: Path, *, width: int, height: int) -> Path:
    """A PNG that promises a size and holds no pixels: what is refused from the header is never decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )
    return file


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm"])
def test_lossless_kinds_come_back_exactly(tmp_path: Path, suffix: str) -> None:
    file = saved(tmp_path, Image.fromarray(COLOURS), f"a.{suffix}")
    assert (read_image(file) == COLOURS).all()


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_lossy_kinds_come_back_nearly(tmp_path: Path, suffix: str) -> None:
    smooth = np.asarray(Image.fromarray(COLOURS[:3, :5]).resize((64, 48), Image.Resampling.BILINEAR))
    file = saved(tmp_path, Image.fromarray(smooth), f"a.{suffix}", quality=95)
    assert np.abs(read_image(file).astype(int) - smooth).mean() < 8


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    image = read_image(saved(tmp_path, Image.fromarray(GREY), "a.png"))
    assert (image == GREY[..., None]).all()


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    image = read_image(saved(tmp_path, Image.fromarray(GREY > 127), "a.png"))
    assert (image == np.where(GREY > 127, 255, 0)[..., None]).all()


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path, suffix: str) -> None:
    wide = np.array([[0, 128, 200, 257, 32_768, 65_535]] * 2, dtype=np.uint16)
    image = read_image(saved(tmp_path, Image.fromarray(wide), f"a.{suffix}"))
    assert image[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_lies_over_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (4, 2), (10, 10, 10, 255))
    image.paste((10, 10, 10, 0), (0, 0, 2, 2))
    image.putpixel((3, 0), (0, 0, 0, 128))
    seen = read_image(saved(tmp_path, image.convert(mode), "a.png"))
    assert seen[0, :, 0].tolist() == pytest.approx([255, 255, 10, 127], abs=1)


def test_palettes_become_their_colours_and_their_holes_white(tmp_path: Path) -> None:
    image = Image.new("P", (4, 2), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 0)
    plain = read_image(saved(tmp_path, image, "plain.png"))
    assert plain[0, :2].tolist() == [[255, 0, 0], [0, 0, 255]]
    holes = read_image(saved(tmp_path, image, "holes.png", transparency=0))
    assert holes[0, :2].tolist() == [[255, 255, 255], [0, 0, 255]]


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    file = saved(tmp_path, Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "a.jpg", quality=100)
    assert np.abs(read_image(file).astype(int) - [255, 0, 0]).max() < 12


def test_of_an_animation_the_first_frame_is_seen(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    file = saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(file)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    """The eight orientations by their meaning: where the stored first row and first column belong."""
    stored = {
        1: COLOURS,
        2: COLOURS[:, ::-1],
        3: COLOURS[::-1, ::-1],
        4: COLOURS[::-1],
        5: COLOURS.transpose(1, 0, 2),
        6: np.rot90(COLOURS, 1),
        7: np.rot90(COLOURS, 2).transpose(1, 0, 2),
        8: np.rot90(COLOURS, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    assert (read_image(saved(tmp_path, image, "a.png", exif=exif)) == COLOURS).all()


NUMBERS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def a_picture(tmp_path: Path, orientation: int | None) -> Path:
    """4 x 3 pixels as stored; the file says how it is to be turned."""
    tag = {} if orientation is None else {"exif": exif_of(orientation)}
    return saved(tmp_path, Image.new("RGB", (4, 3), "red"), "a.jpg", **tag)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_mask_is_not_turned_where_its_picture_is_not(tmp_path: Path, orientation: int) -> None:
    """As in published data sets: whatever its tag says."""
    file = saved(tmp_path, Image.fromarray(NUMBERS), "a.png", exif=exif_of(orientation))
    assert (read_mask(file) == NUMBERS).all()
    assert (read_colours(file) == NUMBERS.astype(int) * 0x10101).all()
    assert (read_shades(file) * 255 == NUMBERS).all()


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_mask_with_the_tag_of_its_upright_picture_is_turned_along(tmp_path: Path, orientation: int) -> None:
    picture = a_picture(tmp_path, orientation)
    file = saved(tmp_path, Image.fromarray(NUMBERS), "a.png", exif=exif_of(orientation))
    mask = read_mask(file, size=read_image(picture).shape[:2], seen_on=picture)
    shown = ImageOps.exif_transpose(Image.open(file))
    assert (mask == np.asarray(shown)).all()
    assert not np.array_equal(mask, NUMBERS)


@pytest.mark.parametrize("orientation", [None, 1, 3, 6])
def test_a_mask_without_a_tag_was_drawn_on_what_is_seen(tmp_path: Path, orientation: int | None) -> None:
    picture = a_picture(tmp_path, orientation)
    drawn = NUMBERS.reshape(read_image(picture).shape[:2])
    for tag in ({}, {"exif": exif_of(1)}):
        file = saved(tmp_path, Image.fromarray(drawn), "a.png", **tag)
        assert (read_mask(file, size=drawn.shape, seen_on=picture) == drawn).all()


@pytest.mark.parametrize("orientation", [None, 1, 3, 8])
def test_a_mask_that_is_turned_otherwise_than_its_picture_is_refused(
    tmp_path: Path, orientation: int | None
) -> None:
    picture = a_picture(tmp_path, orientation)
    file = saved(tmp_path, Image.fromarray(NUMBERS), "a.png", exif=exif_of(6))
    with pytest.raises(SampleError, match=rf"a\.png: .*\(orientation 6\).*not so \({orientation or 1}\)"):
        read_mask(file, size=read_image(picture).shape[:2], seen_on=picture)


def test_a_mask_drawn_on_the_stored_pixels_of_a_turned_picture_says_what_to_do(tmp_path: Path) -> None:
    picture = a_picture(tmp_path, 6)
    file = saved(tmp_path, Image.fromarray(NUMBERS), "a.png")
    with pytest.raises(SampleError, match=r"is \(3, 4\), its picture \(4, 3\).*save the mask as the picture"):
        read_mask(file, size=(4, 3), seen_on=picture)


def test_a_long_panorama_is_fine(tmp_path: Path) -> None:
    file = saved(tmp_path, Image.new("L", (20_000, 300), 7), "a.png")
    assert read_image(file).shape == (300, 20_000, 3)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "bmp", "webp", "tif", "ppm"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_picture_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    file = saved(tmp_path, Image.fromarray(noise), f"cut.{suffix}")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SampleError, match=rf"cut\.{suffix}: is .*; (copy or download it again|save it)"):
        read_image(file)


def test_what_is_no_picture_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("not a picture at all, though its name says so")
    with pytest.raises(SampleError, match=r"empty\.png: is empty \(0 bytes\)"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(SampleError, match=r"text\.jpg: is no picture that can be read \(JPEG, PNG, "):
        read_image(tmp_path / "text.jpg")
    with pytest.raises(SampleError, match=r"nowhere\.jpg: does not exist"):
        read_image(tmp_path / "nowhere.jpg")
    with pytest.raises(SampleError, match="directory"):
        read_image(tmp_path)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1)])
def test_a_picture_of_one_pixel_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    file = saved(tmp_path, Image.new("RGB", size), "dot.png")
    with pytest.raises(
        SampleError, match=r"dot\.png: is \d+ x \d+ pixels, expected at least 2 a side; remove"
    ):
        read_image(file)


def test_two_pixels_a_side_are_enough(tmp_path: Path) -> None:
    assert read_image(saved(tmp_path, Image.new("RGB", (2, 2)), "a.png")).shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("width", "height"), [(20_000, 20_000), (20_001, 300), (300, 20_001), (13_000, 13_800)]
)
def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path, width: int, height: int) -> None:
    file = header_only_png(tmp_path / "huge.png", width=width, height=height)
    with pytest.raises(
        SampleError, match=r"huge\.png: .*too large; scale or cut it to at most 20,000 pixels a side"
    ):
        read_image(file)


def test_numbers_without_a_known_range_are_refused(tmp_path: Path) -> None:
    file = saved(
        tmp_path, Image.fromarray(np.linspace(-3, 9, 64, dtype=np.float32).reshape(8, 8)), "depth.tif"
    )
    with pytest.raises(SampleError, match=r"depth\.tif: has pixels of mode 'F'.*save it as 8-bit"):
        read_image(file)


def test_pictures_in_memory_become_rgb() -> None:
    np.testing.assert_array_equal(as_rgb(COLOURS), COLOURS)
    np.testing.assert_array_equal(as_rgb(Image.fromarray(COLOURS)), COLOURS)
    np.testing.assert_array_equal(as_rgb(GREY), np.stack([GREY] * 3, axis=-1))
    np.testing.assert_array_equal(as_rgb(GREY.astype(np.uint16) * 257), np.stack([GREY] * 3, axis=-1))
    clear = np.concatenate([COLOURS, np.zeros_like(COLOURS[..., :1])], axis=-1)
    np.testing.assert_array_equal(as_rgb(clear), np.full_like(COLOURS, 255))
    turned = Image.fromarray(COLOURS)
    turned.getexif()[0x0112] = 6
    np.testing.assert_array_equal(as_rgb(turned), np.rot90(COLOURS, -1))


@pytest.mark.parametrize(
    ("picture", "found"),
    [
        (np.zeros((4, 5, 3), np.float32), r"an array of float32 \(4, 5, 3\)"),
        (np.zeros((3, 4, 5), np.uint8), r"an array of uint8 \(3, 4, 5\)"),
        (np.zeros((1, 5, 3), np.uint8), "2 pixels a side"),
        (Image.new("F", (4, 5)), "Image F"),
    ],
)
def test_what_is_no_picture_in_memory_is_refused(picture: np.ndarray | Image.Image, found: str) -> None:
    with pytest.raises(DiasError, match=found):
        as_rgb(picture)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_masks_of_numbers_come_back(tmp_path: Path, dtype: type) -> None:
    numbers = np.array([[0, 1, 2], [3, 200, np.iinfo(dtype).max]], dtype=dtype)
    mask = read_mask(saved(tmp_path, Image.fromarray(numbers), "m.png"), size=(2, 3))
    assert mask.dtype == np.int32
    assert (mask == numbers).all()


def test_a_palette_mask_gives_indices_not_colours(tmp_path: Path) -> None:
    numbers = np.array([[0, 1, 2], [3, 7, 255]], dtype=np.uint8)
    image = Image.fromarray(numbers, mode="P")
    image.putpalette(list(np.random.default_rng(0).integers(0, 256, 768)))
    assert (read_mask(saved(tmp_path, image, "m.png")) == numbers).all()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_mask_of_few_bits_is_not_stretched(tmp_path: Path, bits: int) -> None:
    """Pillow reads a grey PNG of 4 bits as 0, 17, 34, ...: the numbers must come back all the same."""
    numbers = np.arange(16, dtype=np.uint8).reshape(2, 8) % 2**bits
    packed = np.packbits(np.unpackbits(numbers[..., None], axis=2)[..., -bits:].reshape(2, -1), axis=1)
    rows = b"".join(b"\x00" + row.tobytes() for row in packed)
    stream = io.BytesIO()
    stream.write(b"\x89PNG\r\n\x1a\n")
    header = struct.pack(">IIBBBBB", 8, 2, bits, 0, 0, 0, 0)
    for kind, data in [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]:
        stream.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    (tmp_path / "m.png").write_bytes(stream.getvalue())
    assert (read_mask(tmp_path / "m.png") == numbers).all()


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    colour = saved(tmp_path, Image.fromarray(COLOURS), "colour.png")
    with pytest.raises(SampleError, match=r"colour\.png: .*colour picture.*write it as PNG"):
        read_mask(colour)
    lossy = saved(tmp_path, Image.fromarray(GREY), "lossy.jpg")
    with pytest.raises(SampleError, match=r"lossy\.jpg: .*JPEG"):
        read_mask(lossy)
    other = saved(tmp_path, Image.fromarray(GREY), "other.png")
    with pytest.raises(SampleError, match=r"other\.png: the mask is \(12, 20\), its picture \(20, 12\)"):
        read_mask(other, size=(20, 12))
    negative = saved(tmp_path, Image.fromarray(np.full((4, 4), -1, dtype=np.int32)), "negative.tif")
    with pytest.raises(SampleError, match="numbers not from 0 to 65,535"):
        read_mask(negative)


def test_a_picture_runs_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow knows an EPS by its bytes, whatever the name, and has Ghostscript draw it: any `gs` in PATH."""
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)  # not yet looked for
    photo = saved(tmp_path, Image.fromarray(COLOURS), "photo.jpg", format="EPS")
    with suppress(OSError), Image.open(photo) as image:  # the program draws nothing
        image.load()
    assert (tmp_path / "was-run").exists()  # so a reader that tells Pillow nothing would run it
    (tmp_path / "was-run").unlink()
    for reading in (read_image, read_mask, read_colours, read_shades):
        with pytest.raises(SampleError, match=r"photo\.jpg: is no picture that can be read"):
            reading(photo)
        with pytest.raises(SampleError, match="is no picture that can be read"):
            read_image(tmp_path / "packed.jpg", content=photo.read_bytes())
    with pytest.raises(FileError, match="is no readable picture"):
        data_url(photo)
    assert not (tmp_path / "was-run").exists()
