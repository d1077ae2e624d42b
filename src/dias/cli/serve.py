"""dias serve."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from dias.cli.options import Device, Host, Port, Weights


def serve(
    model: Annotated[
        Path, Argument(help="A .safetensors file, the folder of a run, or what `dias export onnx` wrote.")
    ],
    host: Host = "127.0.0.1",
    port: Port = 8000,
    batch: Annotated[int, Option(min=1, help="Pictures at once, of all requests.")] = 8,
    wait: Annotated[float, Option(min=0, help="Seconds that a picture waits for others.")] = 0.005,
    waiting: Annotated[int, Option(min=1, help="Pictures that may wait; more are refused (503).")] = 64,
    images: Annotated[int, Option(min=1, help="Pictures a request may hold.")] = 16,
    megabytes: Annotated[float, Option(min=0.001, help="That a request may have.")] = 32,
    pixels: Annotated[int, Option(min=1, help="That a picture may have.")] = 16_000_000,
    upload_seconds: Annotated[float, Option(min=0.1, help="That a request may take to arrive.")] = 30,
    seconds: Annotated[float, Option(min=0.1, help="That an answer may take.")] = 60,
    threads: Annotated[int | None, Option(min=1, help="Of onnxruntime; as many as cores if not given.")] = (
        None
    ),
    weights: Weights = None,
    device: Device = "auto",
) -> None:
    """Answer pictures over HTTP with masks, boxes and slots: POST /segment, described at /docs.

    Example: `dias serve runs/demo/run --port 8000`.
    """
    from dias.errors import DiasError, how_to_install

    try:
        from dias.serving.server import run
    except ImportError as error:
        raise DiasError(f"serve: {error.name} is not installed; run: {how_to_install('serve')}") from None
    from dias.serving.engine import open_engine
    from dias.serving.settings import ServingConfig

    config = ServingConfig(
        batch=batch,
        wait=wait,
        waiting=waiting,
        images=images,
        bytes=int(megabytes * 2**20),
        pixels=pixels,
        upload_seconds=upload_seconds,
        seconds=seconds,
    )
    run(open_engine(model, weights=weights, device=device, threads=threads), config, host=host, port=port)
