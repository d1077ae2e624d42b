"""Frames into an MP4 file, H.264 through PyAV. Needs `dias-ocl[video]`."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from dias.errors import DiasError, how_to_install
from dias.files import atomic

try:
    import av
except ImportError:
    raise DiasError(f"videos: PyAV is not installed; run: {how_to_install('video')}") from None


def write_mp4(
    file: Path, frames: Iterable[UInt8[np.ndarray, "h w 3"]], *, rate: Fraction, quality: int = 18
) -> None:
    """Write frames of one size, in one step; the same frames give the same bytes.

    Args:
        file: where to.
        frames: RGB, even in width and height.
        rate: frames a second.
        quality: x264's constant rate factor: 0 is lossless, 51 the worst.
    """
    with atomic(file) as part, av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=rate, options={"crf": str(quality), "preset": "medium", "threads": "1"}
        )
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(frames):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = number
            frame.time_base = 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
