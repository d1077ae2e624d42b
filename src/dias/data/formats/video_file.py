"""A video file, through PyAV: its packets, their times, the frames decoded from them.

Needs `dias-ocl[video]`; import this module only where a video is to be read.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from dias.errors import DiasError, SampleError, how_to_install

try:
    import av
    from av.sidedata.sidedata import SideData, SideDataContainer
except ImportError:
    raise DiasError(f"videos: PyAV is not installed; run: {how_to_install('video')}") from None

_MOST_PIXELS = 100_000_000
_LEAST_BYTES = 16  # of a frame: what containers spend on one in which nothing moves, header and index
# Nothing that can name other files, such as playlists; FFmpeg would follow a name to anywhere.
_OPTIONS = {
    "format_whitelist": "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg",
    "protocol_whitelist": "file",
}

Container = av.container.InputContainer
Picture = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Times:
    """When each frame is shown, in the order shown, and which of them can be decoded without others.

    Empty where that does not tell the frames of a video apart; then they are counted from the start.
    """

    shown: Int64[np.ndarray, " n"]
    key: Bool[np.ndarray, " n"]


UNKNOWN = Times(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_))


def count_frames(file: Path) -> int:
    """Number of frames, none of which is decoded: as the container says, else by counting its packets.

    A container that says more than its bytes can hold is not believed. Of a file that was cut short, some
    containers (MP4, AVI) still promise all.

    Raises:
        SampleError: the file is no video that can be opened.
    """
    container, stream = opened(file)
    with container:
        promised = promised_frames(stream, size=file.stat().st_size)
        if promised is not None:
            return promised
        return sum(1 for _ in _packets_of_frames(container, stream))


def promised_frames(stream: av.VideoStream, *, size: int) -> int | None:
    """Number of frames, as a container of `size` bytes says; None: it does not, or cannot hold so many."""
    entries = stream.index_entries
    if stream.frames and len(entries) >= stream.frames:
        return sum(not entry.is_discard for entry in entries)
    return stream.frames if 0 < stream.frames <= size // _LEAST_BYTES else None


def opened(file: Path) -> tuple[Container, av.VideoStream]:
    """Open a video for one thread.

    Raises:
        SampleError: it is missing, no video that FFmpeg can open, or too large.
    """
    try:
        container = av.open(f"file:{file}", options=_OPTIONS, metadata_errors="replace")
    except FileNotFoundError:
        raise SampleError(file, "does not exist", do="check the path") from None
    except (av.FFmpegError, OSError) as error:
        raise _not_opened(file, error) from None
    return container, video_in(container, file)


def video_in(container: Container, file: Path | str) -> av.VideoStream:
    """The video that a container holds, ready to be decoded by one thread.

    Args:
        container: just opened.
        file: where it is from, for errors.

    Raises:
        SampleError: it holds none, of an unknown codec, or one that is too large.
    """
    try:
        stream = container.streams.best("video")
    except (av.FFmpegError, OSError) as error:
        raise _not_opened(file, error) from None
    if not isinstance(stream, av.VideoStream):
        raise SampleError(file, "holds no video", do="remove it")
    if stream.codec_context is None:
        raise SampleError(file, "is of a codec that FFmpeg does not know", do="convert it to MP4")
    width, height = stream.codec_context.width, stream.codec_context.height
    if not 0 < width * height <= _MOST_PIXELS:
        raise SampleError(
            file, f"is {width} x {height} pixels", do=f"scale it to at most {_MOST_PIXELS:,} in all"
        )
    stream.codec_context.options = {"max_pixels": str(_MOST_PIXELS)}  # holds for what comes later, too
    stream.codec_context.thread_count = 1
    return stream


def _not_opened(file: Path | str, error: Exception) -> SampleError:
    why = getattr(error, "strerror", None) or error
    return SampleError(
        file, f"is no video that FFmpeg can open ({why})", do="convert it to MP4, or remove it"
    )


def times(file: Path) -> Times:
    """Times of all frames, from their packets: the file is read once, nothing is decoded."""
    container, stream = opened(file)
    with container:
        found = [(packet.pts, packet.is_keyframe) for packet in _packets_of_frames(container, stream)]
    shown = np.array([time for time, _ in found if time is not None], dtype=np.int64)
    if len(shown) < len(found) or len(np.unique(shown)) < len(found):
        return UNKNOWN
    order = np.argsort(shown)
    return Times(shown[order], np.array([key for _, key in found], dtype=np.bool_)[order])


def decoded(container: Container, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """All frames that can be decoded."""
    for packet in _packets(container, stream):
        with suppress(av.FFmpegError):
            yield from packet.decode()
    with suppress(av.FFmpegError):
        yield from stream.codec_context.decode(None)


def rgb(frame: av.VideoFrame, size: tuple[int, int]) -> Picture:
    """RGB of one size (width, height), turned and mirrored as the file says."""
    # one thread: frames that die in a forked worker would wait for threads that did not come along
    picture = frame.to_ndarray(format="rgb24", width=size[0], height=size[1], threads=1)
    return np.ascontiguousarray(_upright(picture, frame))


def _packets_of_frames(container: Container, stream: av.VideoStream) -> "Iterator[av.Packet[av.VideoStream]]":
    return (one for one in _packets(container, stream) if one.size and not one.is_discard)


def _packets(container: Container, stream: av.VideoStream) -> "Iterator[av.Packet[av.VideoStream]]":
    """All packets up to the end, or to where the container is damaged."""
    with suppress(av.FFmpegError):
        yield from container.demux(stream)


def _upright(picture: Picture, frame: av.VideoFrame) -> UInt8[np.ndarray, "H W 3"]:
    """Turn and mirror as the display matrix says, of which only quarter turns are followed.

    Its first numbers are a, b, _, c, d: what is at (x, y) belongs to (ax + cy, bx + dy).
    """
    # not `frame.side_data`, which frame and container keep for each other: pixels would wait for Python's
    # search for such circles, those that one search has seen for a full one, which seldom comes
    matrix = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]  # its stub is short
    if not isinstance(matrix, SideData):
        return picture
    a, b, _, c, d = np.frombuffer(bytes(matrix), dtype=np.int32)[:5].tolist()
    lying = abs(b) > abs(a)
    across, down = (c, b) if lying else (a, d)
    picture = picture.transpose(1, 0, 2) if lying else picture
    return picture[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
