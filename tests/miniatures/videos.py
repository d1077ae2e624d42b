"""Small videos of every awkward kind, written by PyAV.

Frame i is grey of level `level(i)` all over, with a white quarter at the top left, so that a frame that was
read says its number and which way up it is.
"""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

HEIGHT, WIDTH = 32, 48


def level(number: int) -> int:
    """Grey of a frame: far enough apart to survive compression, back to the start after 24 frames."""
    return 20 + 8 * (number % 24)


def number_of(picture: np.ndarray) -> int:
    """Number of a frame (modulo 24) by its grey, at the lower right."""
    height, width = picture.shape[:2]
    return round((float(picture[height // 2 + 4 :, width // 2 + 4 :].mean()) - 20) / 8)


def write(
    file: Path,
    frames: int = 30,
    *,
    codec: str = "libx264",
    times: Sequence[int] | None = None,
    rotation: int = 0,
    keyframe_every: int = 8,
) -> Path:
    """Write a video with B-frames, in the container that its suffix names.

    Args:
        file: where to.
        frames: how many.
        codec: encoder.
        times: of the frames, in 25ths of a second; 0, 1, 2, ... if None.
        rotation: degrees counter-clockwise by which players shall turn it.
        keyframe_every: frames from one that can be decoded alone to the next.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 2_000_000
        stream.codec_context.gop_size = keyframe_every
        stream.codec_context.max_b_frames = 2 if codec in ("libx264", "mpeg4") else 0
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(frames):
            frame = _frame(picture(number))
            frame.pts = number if times is None else times[number]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file


def write_changing_size(file: Path, frames: int = 10) -> Path:
    """Write an H.264 stream (in MPEG-TS) whose second half is twice as large as its first."""
    halves = []
    for scale in (1, 2):
        part = file.with_name(f"half{scale}.ts")
        with av.open(str(part), "w", format="mpegts") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = scale * WIDTH, scale * HEIGHT, "yuv420p"
            for number in range(frames // 2):
                place = number + (scale - 1) * (frames // 2)
                large = picture(place).repeat(scale, axis=0).repeat(scale, axis=1)
                frame = _frame(large)
                frame.pts = place
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        halves.append(part.read_bytes())
        part.unlink()
    file.write_bytes(b"".join(halves))
    return file


def write_cut_short(file: Path, share: float = 0.6) -> Path:
    """Write a video that promises (an MP4: in an index at the front) frames that are no longer there."""
    options = {"movflags": "faststart"} if file.suffix in (".mp4", ".mov") else {}
    with av.open(str(file), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(30):
            noise = np.random.default_rng(number).integers(0, 30, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            container.mux(stream.encode(_frame(picture(number) + noise)))
        container.mux(stream.encode(None))
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    return file


def write_damaged(file: Path, damaged: range) -> Path:
    """Write an MP4 some of whose frames are nothing but zeros."""
    write(file)
    data = bytearray(file.read_bytes())
    with av.open(str(file)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    for number, packet in enumerate(sorted(packets, key=lambda one: one.pts)):
        if number in damaged:
            data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    file.write_bytes(bytes(data))
    return file


def write_without_a_frame(file: Path) -> Path:
    """Write an MP4 whose container is sound and holds nothing that can be decoded."""
    return write_damaged(file, range(30))


def picture(number: int) -> np.ndarray:
    """Frame as it is drawn."""
    drawn = np.full((HEIGHT, WIDTH, 3), level(number), dtype=np.uint8)
    drawn[: HEIGHT // 2, : WIDTH // 2] = 250
    return drawn


def _frame(drawn: np.ndarray) -> av.VideoFrame:
    """Converted on this thread: PyAV's own threads would not live on in a forked process."""
    return av.VideoFrame.from_ndarray(drawn, format="rgb24").reformat(format="yuv420p", threads=1)
