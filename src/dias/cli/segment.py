"""dias segment."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from dias.cli.options import DataSettings, Device, Fit, MapOrShipped, MergeThreshold, Quality, Size, Weights


def segment(
    paths: Annotated[
        list[Path],
        Argument(
            metavar="[CHECKPOINT] PICTURES",
            help="A .safetensors file, or the folder of a run or of a model; if not given, the model that "
            "ships with DIAS. Then a picture or a video, a folder of either, any data set, or `photos` "
            "(sample ones).",
        ),
    ],
    out: Annotated[Path, Option(help="Folder for the results.")] = Path("segments"),
    data_set: DataSettings = None,
    map: MapOrShipped = None,
    compare: Annotated[
        bool, Option("--compare", help="Also show first iteration, last without reduction, final.")
    ] = False,
    fit: Fit = "whole",
    quality: Quality = "fast",
    threshold: MergeThreshold = None,
    batch: Annotated[int, Option(min=1, help="Pictures at once.")] = 16,
    size: Size = None,
    weights: Weights = None,
    device: Device = "auto",
) -> None:
    """Find the objects in pictures: overlays, masks, slot vectors and a COCO file.

    Examples: `dias segment photo.jpg`, `dias segment runs/demo/run ~/pictures --out found --compare`.
    """
    import sys

    from dias.config import from_dict
    from dias.data.sources import pictures_at
    from dias.errors import SettingError
    from dias.inference.saving import save_segmentations
    from dias.inference.segment import Segmenter
    from dias.inference.shortcuts import load
    from dias.nn.slots.aggregation import AggregationConfig
    from dias.progress import ProgressLine

    checkpoint, path = _apart(paths)
    if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
        raise SettingError(
            "--out", str(out), f"lies in {path}: its pictures would be segmented the next time"
        )
    source = pictures_at(path, settings=data_set or [])
    model = load(checkpoint, weights=weights, device=device)
    if threshold is not None:
        told = from_dict(AggregationConfig, {"threshold": threshold}, where="dias segment")
        model = model.with_threshold(told.threshold)
    shipped = checkpoint is None and size is None  # another size the decoder does not know
    segmenter = Segmenter(
        model,
        map=map or ("decoder" if shipped else "aggregation"),
        size=size,
        batch=batch,
        fit=fit,
        quality=quality,
    )
    with ProgressLine("segment", total=len(source)) as line:

        def on_picture(name: str) -> None:
            line.step(note=f"{line.speed:.1f} images/s")

        saved = save_segmentations(segmenter, source, out, compare=compare, on_picture=on_picture)
    print(f"{out}: {saved.pictures} pictures segmented, {len(saved.skipped)} skipped")
    for one in saved.skipped:
        print(f"skipped {one.name}: {one.reason}", file=sys.stderr)


def _apart(paths: list[Path]) -> tuple[Path | None, Path]:
    """A checkpoint, if there is one, and the pictures."""
    from dias.errors import DiasError

    *before, pictures = paths
    if len(before) > 1:
        raise DiasError(
            f"dias segment: expected [CHECKPOINT] PICTURES, got {len(paths)} paths; name a folder of pictures"
        )
    if not before and pictures.suffix == ".safetensors":
        raise DiasError(f"dias segment {pictures}: is a checkpoint; name the pictures after it")
    return (before[0] if before else None), pictures
