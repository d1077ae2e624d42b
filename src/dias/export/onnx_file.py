"""Writes the file: exported, shrunk if that is wanted, described, checked; then put in its place."""

import json
from dataclasses import asdict
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from dias.config import STRICT, to_dict
from dias.errors import DiasError, how_to_install
from dias.export.agreement import Agreement, agreement
from dias.export.graph import Graph
from dias.export.int8 import in_int8
from dias.export.quiet import quiet
from dias.files import atomic, check_writable
from dias.models.image import ImageModel
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.thresholds import Threshold
from dias.provenance import Provenance, record
from dias.runtime.session import FORMAT

Precision = Literal["fp32", "fp16", "int8"]
_OPSET = 20
_MOST_CHANGED = {"fp16": 0.05, "int8": 0.5}  # share of tokens; what it means for masks is in docs/deploy.md


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ExportConfig:
    """Settings of an export; they are stored in its file.

    Attributes:
        precision: fp32; fp16: the backbone's weights and arithmetic in half precision; int8: its matrices in
            8 bits, activations quantised as they come (onnxruntime's dynamic quantisation). The slots' part
            stays in float32 in any case.
        size: side in pixels of the pictures; None: what the model was trained with.
        seed: of the queries, where they are drawn.
        map: "decoder" adds the decoder, and takes the masks from its attention.
        tolerance: largest difference from PyTorch, of slots and attention, that fp32 may have.
    """

    precision: Precision = "fp32"
    size: PositiveInt | None = None
    seed: NonNegativeInt = 0
    map: Literal["aggregation", "decoder"] = "aggregation"
    tolerance: PositiveFloat = 1e-3


@plain_dataclass(frozen=True, kw_only=True)
class Exported:
    """A file that was written, and how far it is from PyTorch."""

    file: Path
    bytes: int
    agreement: Agreement


def export_onnx(
    model: ImageModel,
    file: Path,
    *,
    config: ExportConfig | None = None,
    provenance: Provenance | None = None,
    notes: dict[str, Any] | None = None,
    hashes: dict[str, str] | None = None,
) -> Exported:
    """Write a model as one ONNX file with a dynamic batch; nothing is written where it fails.

    Args:
        model: with its backbone, on the CPU.
        file: where to; what stood there survives a failure.
        config: its defaults when None.
        provenance: of the run that made the model; None: it is not known.
        notes: of its checkpoint.
        hashes: of the files it came from, by name.

    Raises:
        DiasError: a library is missing; or the model cannot be exported, or differs from PyTorch too much.
        FileError: the file cannot be written.
    """
    config = config or ExportConfig()
    _require()
    check_writable(file)
    options: dict[str, Any] = {"size": config.size, "seed": config.seed, "map": config.map}
    exact = Graph(model, **options)
    half = config.precision == "fp16"
    proto = _proto(Graph(model, **options, dtype=torch.float16) if half else exact)
    if config.precision == "int8":
        proto = in_int8(proto)
    _describe(proto, _metadata(model, exact, config, provenance=provenance, notes=notes, hashes=hashes or {}))
    with atomic(file) as part:
        part.write_bytes(proto.SerializeToString())
        found = agreement(exact, part)
        _check(found, config)
    return Exported(file=file, bytes=file.stat().st_size, agreement=found)


def _require() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise DiasError(f"export: {error.name} is not installed; run: {how_to_install('onnx')}") from None


def _proto(graph: Graph) -> Any:
    """The graph as a ModelProto, its batch free."""
    images = torch.zeros(2, 3, graph.size, graph.size, dtype=torch.uint8)
    try:
        with quiet(), torch.no_grad():
            program = torch.onnx.export(
                graph,
                (images,),
                dynamo=True,
                opset_version=_OPSET,
                input_names=["images"],
                output_names=list(graph.outputs),
                dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
                verbose=False,
            )
    except DiasError:
        raise
    except Exception as error:  # the exporter's errors share no base class
        lines = [line.strip() for line in str(error.__cause__ or error).splitlines() if line.strip()]
        why = (lines or [type(error).__name__])[0][:200]
        raise DiasError(f"export: a model of these parts cannot be exported ({why})") from error
    assert program is not None
    return program.model_proto


def _metadata(
    model: ImageModel,
    graph: Graph,
    config: ExportConfig,
    *,
    provenance: Provenance | None,
    notes: dict[str, Any] | None,
    hashes: dict[str, str],
) -> dict[str, Any]:
    aggregation = model.config.aggregation
    threshold: Threshold | None = None
    if isinstance(aggregation, AggregationConfig) and aggregation.reduction:
        threshold = aggregation.outside_training
    assert model.backbone is not None
    return {
        "model": to_dict(model.config),
        "backbone": asdict(model.backbone.weights),
        "provenance": None if provenance is None else provenance.to_dict(),
        "notes": notes or {},
        "threshold": threshold if threshold is None or isinstance(threshold, float) else to_dict(threshold),
        "export": to_dict(config) | {"size": graph.size, "grid": graph.grid, "opset": _OPSET},
        "exported_by": record(**hashes).to_dict(),
    }


def _describe(proto: Any, values: dict[str, Any]) -> None:
    for name, value in {"format": FORMAT, **{name: json.dumps(one) for name, one in values.items()}}.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = name, value


def _check(found: Agreement, config: ExportConfig) -> None:
    if config.precision == "fp32":
        if found.difference > config.tolerance:
            raise DiasError(
                f"export: differs from PyTorch by {found.difference:.2g} on random pictures, "
                f"{config.tolerance:.2g} is allowed (--tolerance); nothing was written"
            )
    elif found.changed > _MOST_CHANGED[config.precision]:
        raise DiasError(
            f"export: in {config.precision} {found.changed:.0%} of the tokens of random pictures go to "
            f"another slot, {_MOST_CHANGED[config.precision]:.0%} is allowed; nothing was written"
        )
