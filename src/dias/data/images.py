"""Reads pictures and masks of every kind people have, and says plainly what is wrong with the others."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32, UInt8
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from dias.data.jpeg import usual_jpeg
from dias.errors import DiasError, SampleError

# Names that pictures in a folder have, in small letters.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm")
# What a file may hold, whatever its name: Pillow knows kinds that run programs (EPS runs Ghostscript) or have
# decoders that hardly anyone looks at. JPEG takes in MPO.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
_LARGEST_SIDE = 20_000  # pixels
_MOST_PIXELS = 200_000_000
_SMALLEST_SIDE = 2
_LARGEST_NUMBER = 65_535  # in a mask
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
# Pillow stretches grey PNGs of 2 and 4 bits to 0..255 on reading: by these factors.
_STRETCHED = {"L;2": 85, "L;4": 17}


def read_image(
    file: Path, *, content: bytes | None = None, upright: bool = True
) -> UInt8[np.ndarray, "h w 3"]:
    """Read a picture as RGB, turned the way its EXIF orientation says.

    Grey, 1-bit, palette and CMYK pictures become RGB; 16-bit grey is scaled to 8 bits; what is transparent
    is laid over white; of an animation, the first frame is taken.

    Args:
        file: the picture.
        content: the file's bytes, if they do not lie at `file`, which then only names them in errors.
        upright: turn it. False gives the pixels as they are stored, which is what the annotations of a
            published data set refer to.

    Raises:
        SampleError: the file is missing, empty, truncated or no picture, holds numbers without a known range
            (32 bits), has a side below 2 or above 20,000 pixels, or more than 200 million pixels in all
            (Pillow's own limit, about 179 million unless `PIL.Image.MAX_IMAGE_PIXELS` is raised, holds too).
    """
    usual = usual_jpeg(file, content, upright=upright)
    if usual is not None:
        return usual
    image = _open(file, content, turned=_upright if upright else Image.Image.copy)
    try:
        return _converted(image)
    except ValueError:
        raise SampleError(
            file,
            f"has pixels of mode {image.mode!r}, whose range is not known",
            do="save it as 8-bit RGB or grey, or 16-bit grey",
        ) from None


def as_rgb(picture: np.ndarray | Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    """Make RGB of a picture in memory, by the rules of `read_image`.

    Args:
        picture: of Pillow, or an array (h, w, 3) or (h, w, 4) of uint8, or (h, w) of uint8 or uint16.

    Raises:
        DiasError: it is none of these, or has a side below 2 pixels.
    """
    found = f"{type(picture).__name__} {getattr(picture, 'mode', '')}".strip()
    if isinstance(picture, np.ndarray):
        found = f"an array of {picture.dtype} {picture.shape}"
        colour = picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[-1] in (3, 4)
        if colour or (picture.ndim == 2 and picture.dtype in (np.uint8, np.uint16)):
            picture = Image.fromarray(picture)
    try:
        if isinstance(picture, Image.Image) and min(picture.size) >= _SMALLEST_SIDE:
            return _converted(_upright(picture))
    except ValueError:
        pass  # a mode that has no way to RGB
    raise DiasError(
        f"picture: {found}; give a picture of Pillow or an array of uint8 (height, width, 3), RGB from 0 to "
        f"255, with {_SMALLEST_SIDE} pixels a side at least"
    )


def read_mask(
    file: Path,
    *,
    size: tuple[int, int] | None = None,
    content: bytes | None = None,
    seen_on: Path | None = None,
) -> Int32[np.ndarray, "h w"]:
    """Segment number of each pixel, 0 = background, from a PNG of numbers (1 to 16 bits, or a palette).

    A mask is turned as its picture is. In a published data set neither is. In a user's folder pictures are
    turned by their EXIF tag; a mask that has the very same tag lies as its picture's file does, and is turned
    along; one without a tag was drawn on what is seen; any other tag says nothing of how the two lie.

    Args:
        file: the mask; of a palette picture the index is the number, the colours mean nothing.
        size: height and width that the mask must have.
        content: the file's bytes, as in `read_image`.
        seen_on: its picture, if that is read upright. None: both are read as they are stored.

    Raises:
        SampleError: the file cannot be read, is no picture of numbers, not of `size`, or has an EXIF tag that
            turns it otherwise than its picture.
    """
    image = _opened_mask(file, content, size=size, seen_on=seen_on)
    if image.mode not in ("1", "L", "P", "I", *_SIXTEEN_BIT):
        raise SampleError(
            file,
            f"the mask was saved as a colour picture (mode {image.mode!r}), expected one number a pixel",
            do="write it as PNG with PIL mode 'L', 'P' or 'I;16'",
        )
    mask = np.asarray(image).astype(np.int32) // _STRETCHED.get(image.info.get("dias rawmode", ""), 1)
    if mask.min() < 0 or mask.max() > _LARGEST_NUMBER:
        raise SampleError(
            file, f"the mask has numbers not from 0 to {_LARGEST_NUMBER:,}", do="number segments 0, 1, 2, ..."
        )
    return mask


def read_colours(file: Path, *, size: tuple[int, int] | None = None) -> Int32[np.ndarray, "h w"]:
    """Colour of each pixel as one number, R + 256 G + 65,536 B, from a mask that tells segments by colour.

    Args:
        file: the mask: RGB, grey or with a palette; how opaque it is does not count.
        size: height and width that the mask must have.

    Raises:
        SampleError: the file cannot be read, has not colours of 8 bits, or is not of `size`.
    """
    image = _opened_mask(file, None, size=size)
    if image.mode not in ("RGB", "RGBA", "P", "L"):
        raise SampleError(
            file, f"the mask has mode {image.mode!r}, expected colours (RGB or a palette)", do="copy it again"
        )
    padded = np.asarray(image.convert("RGB").convert("RGBX"))
    return (padded.view("<u4")[..., 0] & 0xFFFFFF).astype(np.int32)


def read_shades(file: Path, *, size: tuple[int, int] | None = None) -> Float32[np.ndarray, "h w"]:
    """Grey of each pixel from 0 (black) to 1 (white), of 8 or 16 bits, such as a depth map; of RGB, the red.

    Args:
        file: the grey picture.
        size: height and width that it must have.

    Raises:
        SampleError: the file cannot be read, holds other numbers, or is not of `size`.
    """
    image = _opened_mask(file, None, size=size)
    if image.mode in _SIXTEEN_BIT:
        return np.asarray(image).astype(np.float32) / np.float32(65_535)
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return np.asarray(image.getchannel(0)).astype(np.float32) / np.float32(255)
    raise SampleError(file, f"has mode {image.mode!r}, expected grey of 8 or 16 bits", do="copy it again")


def _opened_mask(
    file: Path,
    content: bytes | None,
    *,
    size: tuple[int, int] | None,
    seen_on: Path | None = None,
) -> Image.Image:
    """Open what belongs to a picture pixel by pixel; `size` is that of the picture."""
    turned = Image.Image.copy if seen_on is None else _as_its_picture(file, seen_on)
    image = _open(file, content, turned=turned)
    if image.format == "JPEG":
        raise SampleError(file, "the mask is a JPEG, which changes numbers", do="write it as PNG")
    if size is not None and (image.height, image.width) != size:
        sideways = seen_on is not None and image.size == size
        raise SampleError(
            file,
            f"the mask is {(image.height, image.width)}, its picture {size} (height, width)",
            do="if an EXIF tag turns its picture, save the mask as the picture is seen"
            if sideways
            else "resize neither: find which of the two belongs to another sample",
        )
    return image


def _as_its_picture(file: Path, picture: Path) -> Callable[[Image.Image], Image.Image]:
    """What to do with a mask that is being read, for its upright picture."""

    def turned(mask: Image.Image) -> Image.Image:
        own = _orientation(mask)
        if own == 1:
            return mask.copy()
        with Image.open(picture, formats=FORMATS) as opened:
            wanted = _orientation(opened)
        if own != wanted:
            raise SampleError(
                file,
                f"the mask's EXIF tag turns it (orientation {own}), its picture's does not so ({wanted})",
                do="turn its pixels to lie as the picture is seen, and save it without the tag",
            )
        return _upright(mask)

    return turned


def _upright(image: Image.Image) -> Image.Image:
    """Turned the way its EXIF tag says; a copy."""
    return ImageOps.exif_transpose(image)


def _orientation(image: Image.Image) -> int:
    """EXIF's number of how it is to be turned, 2 to 8; 1: not at all."""
    found = image.getexif().get(ExifTags.Base.Orientation, 1)
    return found if found in range(2, 9) else 1


def _open(file: Path, content: bytes | None, *, turned: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Open, check the size in the header, decode; `turned` gives a copy of it, upright if that is wanted."""
    try:
        with Image.open(file if content is None else io.BytesIO(content), formats=FORMATS) as image:
            _check_size(file, *image.size)
            rawmode = image.tile[0].args if image.tile else ""  # gone once the pixels are decoded
            image.load()
            opened = turned(image)
            opened.format = image.format
            opened.info["dias rawmode"] = rawmode if isinstance(rawmode, str) else ""
            return opened
    except SampleError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(file, str(error).partition(",")[0]) from None
    except UnidentifiedImageError:
        if (file.stat().st_size if content is None else len(content)) == 0:
            raise SampleError(file, "is empty (0 bytes)", do="copy or download it again") from None
        raise SampleError(
            file,
            f"is no picture that can be read ({', '.join(FORMATS)})",
            do="save it as PNG or JPEG, or remove it",
        ) from None
    except FileNotFoundError:
        raise SampleError(file, "does not exist", do="check the path") from None
    except MemoryError:
        raise _too_large(file, "does not fit into memory") from None
    except Exception as error:  # decoders raise what they like: OSError, SyntaxError, struct.error, ...
        raise SampleError(
            file, f"is damaged or truncated ({error or type(error).__name__})", do="copy or download it again"
        ) from None


def _check_size(file: Path, width: int, height: int) -> None:
    found = f"is {width} x {height} pixels"
    if max(width, height) > _LARGEST_SIDE or width * height > _MOST_PIXELS:
        raise _too_large(file, found)
    if min(width, height) < _SMALLEST_SIDE:
        raise SampleError(
            file,
            f"{found}, expected at least {_SMALLEST_SIDE} a side",
            do="remove it",
        )


def _too_large(file: Path, found: str) -> SampleError:
    return SampleError(
        file,
        f"{found}: too large",
        do=f"scale or cut it to at most {_LARGEST_SIDE:,} pixels a side and {_MOST_PIXELS:,} in all",
    )


def _converted(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    """Give 8-bit RGB; ValueError for a mode that has no way there."""
    if image.mode in _SIXTEEN_BIT or (image.mode == "I" and image.format in ("PNG", "PPM")):
        grey = (np.asarray(image).astype(np.uint32) * 255 + 32_767) // 65_535
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise ValueError(image.mode)
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return np.array(Image.alpha_composite(white, picture).convert("RGB"))
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))
