"""dias eval."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from dias.cli.options import DataSettings, Device, MergeThreshold, Weights

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
    seed: Annotated[int, Option(min=0, help="Of the queries' noise.")] = 0,
    bad_images: Annotated[
        Literal["stop", "skip"], Option(help="What to do at an unreadable image.")
    ] = "stop",
    weights: Weights = None,
    device: Device = "auto",
    markdown: Annotated[bool, Option("--markdown", help="Print the table for a README instead.")] = False,
) -> None:
    """Measure ARI, ARIfg, mBO and mIoU; several checkpoints give mean ± sample standard deviation.

    Examples: `dias eval runs/mine data/scenes/test`, `dias eval runs/seed-* data/scenes/test --clustering`,
    `dias eval runs/mine data/coco --protocol spot`.
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
    from dias.evaluation.clips import clip_markdown, clips_for, evaluate_unlinked, save_clips
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
    candidates = [candidate(path, weights=weights, device=device) for path in paths[:-1]]
    for file in seen_in_training(candidates, source):
        print(f"warning: {file}: was trained on these very pictures; measure it on others", file=sys.stderr)
    results = evaluate_all(
        candidates, source, config=config, clustering=ClusteringConfig() if clustering else None
    )
    summary = summarize(results.evaluations)
    if markdown:
        print(as_markdown(summary, baselines=results.baselines))
    else:
        Console().print(as_table(summary, baselines=results.baselines))
    for line in results.evaluations[0].skipped:
        print(f"left out: {line}")
    if rules.warning:
        print(f"dias eval --int64: {rules.warning}", file=sys.stderr)
    # after the table, so that a disk that is full does not cost what was measured
    results = replace(results, data=to_store(data, source))
    results.save(out)
    if pictures is not None:
        from dias.evaluation.pictures import draw_pictures

        draw_pictures(candidates[0].model, source, results.evaluations[0], folder=pictures)
    print(f"every image's scores: {out}")
    if report is not None:
        from dias.report.evaluation import write_evaluation_page
        from dias.report.looks import extremes

        looks = extremes(candidates[0].model, source, results.evaluations[0], count=closely)
        write_evaluation_page(results, looks, report)
        print(f"report: {report}")
    if whole is not None and clips is not None:
        found = evaluate_unlinked(candidates, whole, config=config)
        save_clips(found, clips)
        print(f"\n{clip_markdown(found)}\nevery clip's scores: {clips}")
