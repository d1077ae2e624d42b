"""dias track."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from dias.cli.options import Arrivals, Device, Fit, Map, MergeThreshold, Motion, Quality, Size, Weights


def track(
    checkpoint: Annotated[
        Path, Argument(help="A .safetensors file, or the folder of a run; of clips, or of images.")
    ],
    video: Annotated[
        str,
        Argument(
            metavar="VIDEO|CAMERA|FOLDER|-",
            help="A video, a camera (/dev/video0), the folder of a clip's frames, or - for standard input.",
        ),
    ],
    out: Annotated[Path, Option(help="Folder for the results.")],
    map: Map = "aggregation",
    start: Annotated[float, Option(min=0, help="Seconds at the beginning that are left out.")] = 0.0,
    seconds: Annotated[
        float | None, Option(min=0.001, help="How much of the video is taken; all if not given.")
    ] = None,
    every: Annotated[int, Option(min=1, help="Take one of so many frames.")] = 1,
    rate: Annotated[
        float | None, Option(min=0.01, help="Frames a second of a folder of pictures; 25 if not given.")
    ] = None,
    drop: Annotated[
        bool | None,
        Option(
            "--drop/--no-drop",
            help="Leave out frames that come while the model is busy, or let them wait; files wait.",
        ),
    ] = None,
    fit: Fit = "whole",
    quality: Quality = "fast",
    threshold: MergeThreshold = None,
    motion: Motion = False,
    arrivals: Arrivals = None,
    batch: Annotated[int, Option(min=1, help="Frames that the backbone sees at once; of a camera, one.")] = 8,
    size: Size = None,
    weights: Weights = None,
    device: Device = "auto",
) -> None:
    """Follow the objects of a video: the video with masks, run lengths, slot vectors and a timeline.

    Example: `dias track runs/demo/run holiday.mp4 --out tracks`. Ctrl-C ends it and keeps what was tracked.
    """
    import sys

    from dias.checkpoints import find
    from dias.config import from_dict
    from dias.data.streams import expected, open_stream
    from dias.errors import Interrupted
    from dias.files import sha256
    from dias.inference.shortcuts import load_tracking
    from dias.inference.tracks import Tracker, check_apart, save_tracks
    from dias.nn.slots.aggregation import AggregationConfig
    from dias.progress import ProgressLine
    from dias.provenance import record

    check_apart(video, out)
    stream = open_stream(video, start=start, rate=rate)
    model = load_tracking(checkpoint, weights=weights, device=device)
    if threshold is not None:
        told = from_dict(AggregationConfig, {"threshold": threshold}, where="dias track")
        model = model.with_threshold(told.threshold)
    model = model.with_continuity(model.config.continuity.changed(motion=motion, arrivals=arrivals))
    tracker = Tracker(model, map=map, size=size, batch=batch, fit=fit, quality=quality)
    origin = record(checkpoint=sha256(find(checkpoint)))
    with ProgressLine("track", total=expected(stream, seconds=seconds, every=every)) as line:

        def on_frame(frames: int, dropped: int, speed: float) -> None:
            line.to(frames, note=f"{speed:.1f} frames/s" + (f", {dropped} dropped" if dropped else ""))

        saved = save_tracks(
            tracker,
            stream,
            out,
            start=start,
            seconds=seconds,
            every=every,
            drop=drop,
            origin=origin,
            on_frame=on_frame,
        )
    dropped = f", {saved.dropped} dropped" if saved.dropped else ""
    print(f"{out}: {saved.frames} frames tracked{dropped}, {saved.rate:.1f} frames/s")
    for fault in saved.faults:
        print(f"{stream.name}: {fault}", file=sys.stderr)
    if saved.interrupted and not stream.live:
        raise Interrupted(f"interrupted after {saved.frames} frames; they are in {out}", code=130)
