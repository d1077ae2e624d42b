"""H.264 in MP4, frame by frame, each with its own time. Needs `dias-ocl[video]`; import it only then."""

from fractions import Fraction
from typing import IO

import numpy as np
from jaxtyping import UInt8

from dias.errors import DiasError, how_to_install

try:
    import av
    from av.video.reformatter import ColorRange, Colorspace
except ImportError:
    raise DiasError(f"videos: PyAV is not installed; run: {how_to_install('video')}") from None

_TICKS = 90_000  # a second, as MPEG counts
_USUAL_RATE = 25.0
# Fragments while it is written, so that what is there can be played whatever happens; in the end a usual MP4.
_FLAGS = {"movflags": "hybrid_fragmented"}


class Mp4:
    """Writes a video; frames of odd sides get one more row or column, as H.264 wants.

    Args:
        stream: where to; it must be possible to go back in it.
        height: of a frame.
        width: of a frame.
        rate: frames a second, about; for players that ask.
        quality: x264's `crf`, 0 (exact) to 51.
    """

    def __init__(
        self, stream: IO[bytes], *, height: int, width: int, rate: float | None, quality: int = 20
    ) -> None:
        self._rate = rate or _USUAL_RATE
        self._container = av.open(stream, "w", format="mp4", options=_FLAGS)
        about = Fraction(self._rate).limit_denominator(1001)
        self._video = self._container.add_stream("libx264", rate=about)
        self._video.height, self._video.width = height + height % 2, width + width % 2
        self._video.pix_fmt = "yuv420p"
        self._video.time_base = Fraction(1, _TICKS)
        coding = self._video.codec_context
        coding.time_base = Fraction(1, _TICKS)
        coding.colorspace, coding.color_range = Colorspace.ITU709, ColorRange.MPEG
        coding.color_primaries = coding.color_trc = 1  # BT.709, too
        coding.max_b_frames = 0  # they would start late: fragments have no list of edits that takes it back
        coding.options = {"preset": "veryfast", "crf": str(quality)}
        self._first: float | None = None
        self._last = -1  # ticks

    def add(self, picture: UInt8[np.ndarray, "h w 3"], *, time: float) -> None:
        """Add a frame.

        Args:
            picture: RGB, of the size that was said.
            time: in seconds, later than that of the frame before; the video begins with its first frame.
        """
        height, width = picture.shape[:2]
        if height % 2 or width % 2:
            picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, threads=1)
        self._first = time if self._first is None else self._first
        self._last = max(round((time - self._first) * _TICKS), self._last + 1)
        frame.pts, frame.time_base = self._last, Fraction(1, _TICKS)
        frame.duration = round(_TICKS / self._rate)
        self._container.mux(self._video.encode(frame))

    def close(self) -> None:
        """Write what is left, and the index."""
        self._container.mux(self._video.encode(None))
        self._container.close()
