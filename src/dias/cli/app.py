"""dias app."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from dias.cli.options import Device, Host, MapOrShipped, Port, Weights


def app(
    checkpoint: Annotated[
        Path | None,
        Argument(
            help="A .safetensors file, or the folder of a run, of pictures or of clips; if not given, the "
            "model that ships with DIAS."
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    map: MapOrShipped = None,
    megabytes: Annotated[float, Option(min=0.001, help="That a file may have.")] = 32,
    pixels: Annotated[int, Option(min=1, help="That a picture, or a frame, may have.")] = 24_000_000,
    seconds: Annotated[float, Option(min=0.1, help="That a clip may last.")] = 30,
    frames: Annotated[int, Option(min=1, help="Of a clip that are looked at, spread over it.")] = 24,
    visitors: Annotated[int, Option(min=1, help="Whose pictures are remembered at once.")] = 32,
    weights: Weights = None,
    device: Device = "auto",
) -> None:
    """Open a page to try a model on: drop in a picture or a clip, see its objects and how they merged.

    Example: `dias app`, then open http://127.0.0.1:7860 in a browser. Ctrl-C ends it.
    """
    from importlib.util import find_spec

    from dias.errors import DiasError, how_to_install

    missing = [
        library for library in ("gradio", "prometheus_client", "uvicorn") if find_spec(library) is None
    ]
    if missing:  # not imported yet: the server tells Gradio first where files go
        raise DiasError(f"app: {missing[0]} is not installed; run: {how_to_install('app')}")
    from dias.web.finder import open_finder
    from dias.web.server import run
    from dias.web.settings import PageConfig

    config = PageConfig(
        bytes=int(megabytes * 2**20), pixels=pixels, seconds=seconds, frames=frames, visitors=visitors
    )
    run(open_finder(checkpoint, map=map, weights=weights, device=device), config, host=host, port=port)
