"""A model that `dias export onnx` wrote, on pictures: NumPy and onnxruntime alone, no PyTorch."""

from dias.runtime.session import Found, Runtime

__all__ = ["Found", "Runtime"]
