"""dias export."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from dias.cli.options import MergeThreshold, Weights

app = typer.Typer(help="A model for where there is no PyTorch.", no_args_is_help=True)


@app.command("onnx")
def onnx(
    checkpoint: Annotated[Path, Argument(help="A .safetensors file, or the folder of a run.")],
    out: Annotated[Path, Option(help="The file to write.")],
    precision: Annotated[
        Literal["fp32", "fp16", "int8"], Option(help="Of the backbone: its size, and where it is quick.")
    ] = "fp32",
    map: Annotated[
        Literal["aggregation", "decoder"], Option(help="Whose attention gives the masks; decoder is slower.")
    ] = "aggregation",
    threshold: MergeThreshold = None,
    size: Annotated[
        int | None, Option(min=14, help="Side in pixels of the pictures; the model's own if not given.")
    ] = None,
    seed: Annotated[int, Option(min=0, help="Of the queries, where they are drawn.")] = 0,
    tolerance: Annotated[
        float, Option(min=1e-9, help="Largest difference from PyTorch that fp32 may have.")
    ] = 1e-3,
    weights: Weights = None,
) -> None:
    """Write backbone, aggregation and merge as one ONNX file, checked against PyTorch on random pictures.

    Example: `dias export onnx runs/demo/run --out model.onnx`.
    """
    from dias.checkpoints import describe, find
    from dias.config import from_dict
    from dias.export import ExportConfig, export_onnx
    from dias.files import sha256
    from dias.inference.shortcuts import load
    from dias.nn.slots.aggregation import AggregationConfig
    from dias.provenance import Provenance

    config = ExportConfig(precision=precision, map=map, size=size, seed=seed, tolerance=tolerance)
    header, file = describe(checkpoint), find(checkpoint)
    model = load(file, weights=weights, device="cpu")
    if threshold is not None:
        told = from_dict(AggregationConfig, {"threshold": threshold}, where="dias export onnx")
        model = model.with_threshold(told.threshold)
    done = export_onnx(
        model,
        out,
        config=config,
        provenance=Provenance(**header["provenance"]),
        notes=header["notes"],
        hashes={"checkpoint": sha256(file)},
    )
    found, apart = done.agreement, f"{done.agreement.difference:.1e}"
    print(
        f"{out}: {done.bytes / 2**20:.1f} MB, {precision}; on {found.pictures} random pictures it differs "
        f"from PyTorch by {apart} at most, {found.changed:.2%} of the tokens go to another slot"
    )
