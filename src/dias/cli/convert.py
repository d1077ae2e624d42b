"""dias convert."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def convert(
    source: Annotated[
        Path, Argument(help="A .safetensors file, a Lightning .ckpt, a folder of a model, or of a run.")
    ],
    target: Annotated[
        Path, Argument(help="NAME.safetensors, NAME.ckpt for Lightning, or a folder for Hugging Face's hub.")
    ],
    half: Annotated[bool, Option("--half", help="Store fp16.")] = False,
) -> None:
    """Write a model in another form; weights, settings, origin and hashes stay as they are.

    Examples: `dias convert runs/mine published`, `dias convert runs/mine/state.ckpt mine.safetensors`.
    """
    from dias.interop.convert import convert as run

    run(source, target, half=half)
    print(f"{target}: {', '.join(sorted(file.name for file in _files(target)))}")


def _files(target: Path) -> list[Path]:
    return list(target.iterdir()) if target.is_dir() else [target]
