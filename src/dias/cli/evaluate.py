"""dias eval."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, Option

from dias.cli.options import Arrivals, DataSettings, Device, MergeThreshold, Motion, Weights

if TYPE_CHECKING:
    from dias.data.samples import ImageSource
    from dias.evaluation.results import Results
    from dias.models import ImageModel

_RULES = "Rules of the protocol, changed one by one (the result is then named so)"


def evaluate(
    paths: Annotated[
        list[Path],
        Argument(
            metavar="CHECKPOINT... DATA",
            help="Checkpoints or run folders; then a labelled data set (its validation split).",
        ),
    ],
    out: Annotated[Path, Option(help="Where the result goes, every image's scores included.")] = Path(
        "result.json"
    ),
    data_set: DataSettings = None,
    protocol: Annotated[
        Literal["dias", "spot", "videosaur"],
        Option(help="Whose rules: sizes, background, unlabelled pixels (docs/data.md has the table)."),
    ] = "dias",
    size: Annotated[
        int | None,
        Option(min=14, help="Side in pixels of the ground truth.", rich_help_panel=_RULES),
    ] = None,
    view: Annotated[
        int | None,
        Option(min=14, help="Side in pixels of the picture that the backbone gets.", rich_help_panel=_RULES),
    ] = None,
    map: Annotated[
        Literal["decoder", "aggregation"] | None,
        Option(help="Whose attention gives the protocol's numbers.", rich_help_panel=_RULES),
    ] = None,
    background: Annotated[
        bool | None,
        Option(
            "--background/--no-background",
            help="mBO and mIoU count the background as a segment.",
            rich_help_panel=_RULES,
        ),
    ] = None,
    unlabelled: Annotated[
        Literal["area", "nowhere"] | None,
        Option(
            help="Where unlabelled pixels stand for mBO and mIoU: in predicted areas.", rich_help_panel=_RULES
        ),
    ] = None,
    objectless: Annotated[
        Literal["left-out", "one"] | None,
        Option(help="What an image without objects adds to ARIfg.", rich_help_panel=_RULES),
    ] = None,
    int64: Annotated[
        bool,
        Option(
            "--int64",
            help="ARI with the integer overflow of the authors' code, to reproduce their tables (dias only).",
            rich_help_panel=_RULES,
        ),
    ] = False,
    clustering: Annotated[
        bool,
        Option(
            "--clustering",
            help="Add k-means, spectral and agglomerative clustering, with the true number and without.",
        ),
    ] = False,
    pictures: Annotated[
        Path | None, Option(help="Folder for pictures of the first checkpoint's masks.")
    ] = None,
    report: Annotated[
        Path | None,
        Option(metavar="FILE.html", help="Also write one page: scores, pictures, attention, merge trees."),
    ] = None,
    closely: Annotated[int, Option(min=0, help="Best and worst images in that page, as many of each.")] = 3,
    clips: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            help="Of clips, also measure each as a whole, and tracks (docs/video-metrics.md): goes there.",
        ),
    ] = None,
    batch: Annotated[int, Option(min=1, help="Images at once; changes speed and memory only.")] = 32,
    threshold: MergeThreshold = None,
    motion: Motion = False,
    arrivals: Arrivals = None,
    seed: Annotated[int, Option(min=0, help="Of the queries' noise.")] = 0,
    bad_images: Annotated[
        Literal["stop", "skip"], Option(help="What to do at an unreadable image.")
    ] = "stop",
    weights: Weights = None,
    device: Device = "auto",
    markdown: Annotated[bool, Option("--markdown", help="Print the table for a README instead.")] = False,
) -> None:
    """Measure ARI, ARIfg, mBO and mIoU; several checkpoints give mean ± sample standard deviation.

    Models of clips follow whole clips: rows with reduction and without, scores of whole clips, of single
    frames and of tracks.

    Examples: `dias eval runs/mine data/scenes/test`, `dias eval runs/seed-* data/scenes/test --clustering`,
    `dias eval runs/mine data/coco --protocol spot`, `dias eval runs/dias-clips-cpu data/clips/test`.
    """
    import sys
    from dataclasses import replace

    from rich.console import Console

    from dias.config import from_dict, to_dict
    from dias.data.frames import images_of
    from dias.data.sources import config_for
    from dias.data.sources.wording import in_words, to_store
    from dias.errors import DiasError
    from dias.evaluation import (
        ClusteringConfig,
        EvaluationConfig,
        candidate,
        evaluate_all,
        require_masks,
        rules_of,
        seen_in_training,
        summarize,
    )
    from dias.evaluation import markdown as as_markdown
    from dias.evaluation import table as as_table
    from dias.evaluation.clips import (
        are_of_clips,
        clip_candidate,
        clip_markdown,
        clips_for,
        evaluate_linked,
        evaluate_unlinked,
        save_clips,
    )
    from dias.evaluation.pictures import draw_pictures
    from dias.files import check_writable

    if len(paths) < 2:
        raise DiasError(
            f"dias eval {paths[0]}: expected CHECKPOINT... DATA, got one path; name the data last"
        )
    changes = {
        "size": size, "view": view, "map": map, "background": background, "unlabelled": unlabelled,
        "objectless": objectless, "int64": int64 or None,
    }  # fmt: skip
    rules = rules_of(protocol, **{name: value for name, value in changes.items() if value is not None})
    settings = {
        "rules": to_dict(rules), "batch": batch, "threshold": threshold, "seed": seed,
        "bad_images": bad_images,
    }  # fmt: skip
    config = from_dict(EvaluationConfig, settings, where="dias eval")
    for file in (out, *([report] if report else [])):
        check_writable(file)
    data = config_for(paths[-1], use="evaluate", settings=data_set or [])
    source = images_of(data.build())
    whole = None if clips is None else clips_for(source, clips)
    print(in_words(data, source), file=sys.stderr)
    require_masks(source)
    if are_of_clips(paths[:-1]):
        _refuse(clustering=clustering, pictures=pictures, clips=clips, report=report)
        measured = [clip_candidate(path, weights=weights, device=device) for path in paths[:-1]]
        measured = [one.changed(motion=motion, arrivals=arrivals) for one in measured]
        found = evaluate_linked(measured, clips_for(source, out), config=config)
        save_clips(found, out)
        print(f"{clip_markdown(found)}\nevery clip's scores: {out}")
        return
    if motion or arrivals is not None:
        raise DiasError("--motion and --arrivals are for models of clips; nothing moves or comes in pictures")
    candidates = [candidate(path, weights=weights, device=device) for path in paths[:-1]]
    _warn(seen_in_training(candidates, source))
    results = evaluate_all(
        candidates, source, config=config, clustering=ClusteringConfig() if clustering else None
    )
    summary = summarize(results.evaluations)
    if markdown:
        print(as_markdown(summary, baselines=results.baselines))
    else:
        Console().print(as_table(summary, baselines=results.baselines))
    _tell(results.evaluations[0].skipped, warning=rules.warning)
    # after the table, so that a disk that is full does not cost what was measured
    results = replace(results, data=to_store(data, source))
    results.save(out)
    if pictures is not None:
        draw_pictures(candidates[0].model, source, results.evaluations[0], folder=pictures)
    print(f"every image's scores: {out}")
    if report is not None:
        _write_report(results, candidates[0].model, source, report, closely=closely)
    if whole is not None and clips is not None:
        found = evaluate_unlinked(candidates, whole, config=config)
        save_clips(found, clips)
        print(f"\n{clip_markdown(found)}\nevery clip's scores: {clips}")


def _refuse(**options: object) -> None:
    """Options that models of clips have no use for."""
    from dias.errors import DiasError

    for name in (name for name, value in options.items() if value):
        raise DiasError(f"--{name} is for models of pictures; leave it out: --out gets every clip's scores")


def _warn(seen: Sequence[Path]) -> None:
    import sys

    for file in seen:
        print(f"warning: {file}: was trained on these very pictures; measure it on others", file=sys.stderr)


def _tell(skipped: Sequence[str], *, warning: str | None) -> None:
    import sys

    for line in skipped:
        print(f"left out: {line}")
    if warning:
        print(f"dias eval --int64: {warning}", file=sys.stderr)


def _write_report(
    results: "Results", model: "ImageModel", source: "ImageSource", file: Path, *, closely: int
) -> None:
    from dias.report.evaluation import write_evaluation_page
    from dias.report.looks import extremes

    looks = extremes(model, source, results.evaluations[0], count=closely)
    write_evaluation_page(results, looks, file)
    print(f"report: {file}")
