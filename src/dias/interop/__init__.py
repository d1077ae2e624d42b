"""Other people's files: the authors' checkpoints in, COCO JSON out."""

from dias.interop.official import load_official

__all__ = ["load_official"]
