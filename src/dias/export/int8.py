"""A graph's large matrices in 8 bits: onnxruntime's dynamic quantisation."""

import tempfile
from pathlib import Path
from typing import Any

from dias.errors import DiasError
from dias.export.quiet import quiet

_SCOPES = "pkg.torch.onnx.name_scopes"  # the exporter's note on a node: modules that it came from


def in_int8(proto: Any) -> Any:
    """The same with matrices of the backbone in 8 bits, one scale a column; the slots' part as it is.

    Args:
        proto: in float32, as PyTorch exported it.

    Raises:
        DiasError: there are no such matrices.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    chosen = _of_backbone(proto)
    if not chosen:
        raise DiasError("export: int8 is for a backbone with matrices, this model has none; take fp32")
    with tempfile.TemporaryDirectory() as folder, quiet():  # it gives files alone
        quantize_dynamic(
            proto,
            Path(folder) / "model.onnx",
            op_types_to_quantize=["MatMul", "Gemm"],
            nodes_to_quantize=chosen,
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(Path(folder) / "model.onnx")


def _of_backbone(proto: Any) -> list[str]:
    """Names of the nodes that multiply by weights of the backbone."""
    weights = {value.name for value in proto.graph.initializer}

    def of_backbone(node: Any) -> bool:
        scopes = [entry.value for entry in node.metadata_props if entry.key == _SCOPES]
        return any("'backbone" in one for one in scopes)  # a list of module names, as Python prints it

    return [
        node.name
        for node in proto.graph.node
        if node.op_type in ("MatMul", "Gemm") and weights.intersection(node.input) and of_backbone(node)
    ]
