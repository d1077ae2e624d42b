"""What a user points at, opened as a stream of frames."""

import math
import stat
from pathlib import Path

from dias.data.streams.folder import FolderStream
from dias.data.streams.frame import FrameStream
from dias.errors import FileError, SettingError

PIPE = "-"
_USUAL_RATE = 25.0  # frames a second, where pictures do not say


def open_stream(where: str, *, start: float = 0.0, rate: float | None = None) -> FrameStream:
    """Open frames: a video file, a folder of pictures, `-` for standard input, or a camera.

    Args:
        where: path; a camera is a device, such as `/dev/video0`.
        start: seconds that are left out at the beginning.
        rate: frames a second of pictures in a folder; 25 if None.

    Raises:
        SampleError: a file is no video, or is missing.
        FileError: a folder holds no picture, or there is no such camera.
        SettingError: a rate is given to what has its own, or the start is no number of seconds.
        DiasError: PyAV is not installed.
    """
    if not 0 <= start < math.inf:
        raise SettingError("--start", start, "is no time, expected seconds from 0 on")
    path = Path(where).expanduser()
    if where != PIPE and path.is_dir():
        return FolderStream(path, rate=rate or _USUAL_RATE, start=start)
    if rate is not None:
        raise SettingError("--rate", rate, f"is for folders of pictures; {where} has times of its own")
    from dias.data.streams.video import Camera, Pipe, VideoFile  # only here: it needs an extra

    if where == PIPE:
        return Pipe(start=start)
    if where.startswith("/dev/") or _is_device(path):
        return Camera(path, start=start)
    return VideoFile(path, start=start)


def _is_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except OSError:
        return False
    except ValueError:
        raise FileError(path, "is no path", do="check it") from None
