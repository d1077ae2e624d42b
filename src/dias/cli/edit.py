"""dias edit."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from dias.cli.options import DataSettings, Device, Weights


def edit(
    checkpoint: Annotated[Path, Argument(help="A .safetensors file, or the folder of a run.")],
    pictures: Annotated[
        list[Path], Argument(help="Pictures, folders of them, data sets, or `photos` (sample ones).")
    ],
    out: Annotated[Path, Option(help="Folder for the sheets.")],
    remove: Annotated[bool, Option("--remove", help="Also show each picture without each object.")] = False,
    swap: Annotated[
        bool, Option("--swap", help="Also exchange objects: of pictures 1 and 2, 3 and 4, ...")
    ] = False,
    most: Annotated[int, Option(min=1, help="Look at so many pictures at most.")] = 8,
    data_set: DataSettings = None,
    seed: Annotated[
        int, Option(min=0, help="Of the queries, and of the noise that sampling starts from.")
    ] = 0,
    batch: Annotated[int, Option(min=1, help="Pictures at once.")] = 16,
    weights: Weights = None,
    device: Device = "auto",
) -> None:
    """Make pictures of slots alone: reconstructed, with an object removed, with objects exchanged.

    For models whose decoder gives pictures: SlotDiffusion, SLATE, Slot Attention.

    Example: `dias edit runs/slotdiffusion data/scenes/val --out edits --swap --remove`.
    """
    import sys

    from dias.data.sources import pictures_at
    from dias.errors import SettingError
    from dias.files import check_writable
    from dias.inference.edit_sheets import save_edits
    from dias.inference.editing import Editor
    from dias.inference.shortcuts import load

    for path in pictures:
        if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
            raise SettingError("--out", str(out), f"lies in {path}: its sheets would be edited the next time")
    sources = [pictures_at(path, settings=data_set or []) for path in pictures]
    editor = Editor(load(checkpoint, weights=weights, device=device), batch=batch, seed=seed)
    check_writable(out / "reconstruction.png")
    saved = save_edits(editor, sources, out, remove=remove, swap=swap, most=most)
    for file in saved.files:
        print(file)
    for one in saved.skipped:
        print(f"skipped {one.name}: {one.reason}", file=sys.stderr)
