"""A model as one ONNX file: pictures in, slots out; checked against PyTorch before it is kept."""

from dias.export.agreement import Agreement, agreement
from dias.export.onnx_file import ExportConfig, Exported, export_onnx

__all__ = ["Agreement", "ExportConfig", "Exported", "agreement", "export_onnx"]
