"""A file that somebody dropped on the page, as pictures; what cannot be taken is refused in one line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from dias.data.images import FORMATS, read_image
from dias.data.streams import StreamFrame
from dias.errors import DiasError, SampleError
from dias.web.settings import PageConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class Upload:
    """A picture, or the frames of a clip, as they come.

    Attributes:
        name: of the visitor's file.
        frames: once; `DiasError` where one cannot be had, or the clip is too long after all.
        of_clip: whether it is one.
    """

    name: str
    frames: Iterator[StreamFrame]
    of_clip: bool = False


def open_upload(file: Path, limits: PageConfig, *, name: str = "") -> Upload:
    """Open a picture or a clip; sizes are looked at before pixels are decoded.

    Args:
        file: what came in.
        limits: of its bytes, pixels and seconds.
        name: that the visitor's file had; that of `file` if empty.

    Raises:
        DiasError: it is too large or too long, or neither a picture nor a clip that can be read. The line
            names the visitor's file, not where it lies.
    """
    name = name or file.name
    size = file.stat().st_size
    if size > limits.bytes:
        raise DiasError(f"{name}: has {_mega(size)} MB; at most {_mega(limits.bytes)} MB are taken")
    if size == 0:
        raise DiasError(f"{name}: is empty (0 bytes); copy it again")
    try:
        header = _header(file)
        if header is None:
            return _clip(file, name, limits)
        _check_pixels(name, *header, limits)
        picture = read_image(file)
        return Upload(name=name, frames=iter([StreamFrame(0, 0.0, lambda: picture)]))
    except SampleError as error:
        raise _of_visitor(error, file, name) from None


def _header(file: Path) -> tuple[int, int] | None:
    """Width and height of a picture; None: it is none."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            return image.size
    except Image.DecompressionBombError as error:
        raise SampleError(file, f"{str(error).partition(',')[0]}: too large", do="scale it") from None
    except Exception:  # decoders raise what they like
        return None


def _check_pixels(name: str, width: int, height: int, limits: PageConfig) -> None:
    if width * height > limits.pixels:
        most = f"{limits.pixels / 1e6:g} million"
        raise DiasError(f"{name}: is {width} x {height} pixels; at most {most} are taken, scale it to fewer")


def _clip(file: Path, name: str, limits: PageConfig) -> Upload:
    from dias.data.formats.video_file import opened  # only here: it needs an extra

    try:
        container, stream = opened(file)
    except SampleError as error:
        if "pixels" in error.problem or "codec" in error.problem:
            raise
        kinds = f"picture ({', '.join(FORMATS)}) nor a clip (MP4, MOV, WebM, Matroska, AVI)"
        raise DiasError(f"{name}: is neither a {kinds} that can be read; save it as one of these") from None
    with container:
        _check_pixels(name, stream.codec_context.width, stream.codec_context.height, limits)
        if container.duration is not None:
            _check_seconds(name, container.duration / 1e6, limits)
    return Upload(name=name, frames=_frames(file, name, limits), of_clip=True)


def _frames(file: Path, name: str, limits: PageConfig) -> Iterator[StreamFrame]:
    from dias.data.streams.video import VideoFile

    try:
        for frame in VideoFile(file):
            _check_seconds(name, frame.time, limits)  # the container may have said nothing, or less
            yield frame
    except SampleError as error:
        raise _of_visitor(error, file, name) from None


def _of_visitor(error: SampleError, file: Path, name: str) -> DiasError:
    """The same under the name that the visitor knows."""
    return DiasError(str(error).replace(str(file), name))


def _check_seconds(name: str, seconds: float, limits: PageConfig) -> None:
    if seconds > limits.seconds:
        raise DiasError(
            f"{name}: lasts {seconds:.1f} seconds or more; at most {limits.seconds:g} are taken, cut it"
        )


def _mega(size: int) -> str:
    return f"{size / 2**20:.3g}"
