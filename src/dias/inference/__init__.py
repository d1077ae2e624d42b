"""Pictures in, objects out."""

from dias.inference.segment import Segmentation, Segmenter, Stages

__all__ = ["Segmentation", "Segmenter", "Stages"]
