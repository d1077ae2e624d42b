"""dias slots."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from dias.cli.options import DataSettings, Device, Fit, Map, MergeThreshold, Size, Weights


def slots(
    checkpoint: Annotated[Path, Argument(help="A .safetensors file, or the folder of a run.")],
    path: Annotated[
        Path,
        Argument(metavar="DATA", help="Pictures, a video, or any data set (its validation split)."),
    ],
    out: Annotated[Path, Option(help="Folder for the files; what is there already is not made again.")],
    data_set: DataSettings = None,
    follow: Annotated[
        bool,
        Option(help="Let a model of pictures follow clips, so that a slot is one thing in all frames."),
    ] = False,
    map: Map = "aggregation",
    fit: Fit = "whole",
    threshold: MergeThreshold = None,
    batch: Annotated[int, Option(min=1, help="Pictures at once.")] = 16,
    size: Size = None,
    shard: Annotated[int, Option(min=1, help="Pictures a file; a followed clip is not cut.")] = 256,
    seed: Annotated[int, Option(min=0, help="Of the queries' noise.")] = 0,
    weights: Weights = None,
    device: Device = "auto",
) -> None:
    """Write slots, masks, boxes and attention of every picture or frame as safetensors and Parquet.

    A model of clips follows whole clips: a slot keeps its number. Stopped, the same command goes on.
    The files: docs/slots.md; in Python: `dias.slots.load`.

    Example: `dias slots data/models/scenes-cpu.safetensors data/scenes/test --out slots`.
    """
    import sys

    from dias.config import from_dict, to_dict
    from dias.data.frames import images_of
    from dias.data.sources import config_for
    from dias.data.sources.wording import in_words, to_store
    from dias.nn.slots.aggregation import AggregationConfig
    from dias.progress import ProgressLine
    from dias.slots.extract import extract
    from dias.slots.finding import finder_of
    from dias.slots.header import header_of

    data = config_for(path, use="evaluate", settings=data_set or [])
    source = images_of(data.build())
    print(in_words(data, source), file=sys.stderr)
    merging = AggregationConfig()
    if threshold is not None:
        merging = from_dict(AggregationConfig, {"threshold": threshold}, where="dias slots")
    finder = finder_of(
        checkpoint,
        source,
        follow=follow,
        map=map,
        size=size,
        batch=batch,
        fit=fit,
        seed=seed,
        threshold=None if threshold is None else merging.threshold,
        weights=weights,
        device=device,
    )
    header = header_of(
        finder,
        source,
        checkpoint=checkpoint,
        data=to_store(data, source),
        threshold=None if threshold is None else to_dict(merging)["threshold"],
        per_shard=shard,
    )
    with ProgressLine("slots", total=len(source)) as line:
        done = extract(finder, source, out, header=header, on_pictures=line.to)
    print(f"{out}: slots of {done.pictures} pictures, {len(done.skipped)} skipped")
    for one in done.skipped:
        print(f"skipped {one.name}: {one.reason}", file=sys.stderr)
