"""Frames as they come, each once and in order: of a video, a folder of pictures, a pipe, a camera."""

from dias.data.streams.ahead import Ahead
from dias.data.streams.frame import FrameStream, StreamFrame, chosen, expected
from dias.data.streams.opening import open_stream

__all__ = ["Ahead", "FrameStream", "StreamFrame", "chosen", "expected", "open_stream"]
