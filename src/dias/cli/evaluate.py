"""dias eval."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from dias.cli.options import DataSettings


def evaluate(
    paths: Annotated[
        list[Path],
        Argument(
            metavar="CHECKPOINT... DATA", help="Checkpoints or run folders; then a folder of labelled images."
        ),
    ],
    out: Annotated[Path, Option(help="Where the result goes, every image's scores included.")] = Path(
        "result.json"
    ),
    data_set: DataSettings = None,
    clustering: Annotated[
        bool,
        Option("--clustering", help="Add k-means and spectral clustering (true number of segments given)."),
    ] = False,
    pictures: Annotated[
        Path | None, Option(help="Folder for pictures of the first checkpoint's masks.")
    ] = None,
    size: Annotated[int, Option(min=14, help="Side in pixels of what is looked at and compared.")] = 224,
    batch: Annotated[int, Option(min=1, help="Images at once; changes speed and memory only.")] = 32,
    threshold: Annotated[float | None, Option(help="Merge slots below this cosine distance.")] = None,
    seed: Annotated[int, Option(min=0, help="Of the queries' noise.")] = 0,
    background: Annotated[bool, Option(help="mBO and mIoU count the background as a segment.")] = True,
    bad_images: Annotated[
        Literal["stop", "skip"], Option(help="What to do at an unreadable image.")
    ] = "stop",
    weights: Annotated[str | None, Option(help="Local file or folder of the backbone's weights.")] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    markdown: Annotated[bool, Option("--markdown", help="Print the table for a README instead.")] = False,
) -> None:
    """Measure ARI, ARIfg, mBO and mIoU; several checkpoints give mean ± sample standard deviation.

    Examples: `dias eval runs/mine data/scenes/test`, `dias eval runs/seed-* data/scenes/test --clustering`.
    """
    from rich.console import Console

    from dias.config import from_dict
    from dias.data.sources import open_source
    from dias.errors import DiasError
    from dias.evaluation import ClusteringConfig, EvaluationConfig, candidate, evaluate_all, summarize
    from dias.evaluation import markdown as as_markdown
    from dias.evaluation import table as as_table

    if len(paths) < 2:
        raise DiasError(
            f"dias eval {paths[0]}: expected CHECKPOINT... DATA, got one path; name the data last"
        )
    settings = {
        "size": size, "batch": batch, "threshold": threshold, "seed": seed,
        "include_background": background, "bad_images": bad_images,
    }  # fmt: skip
    config = from_dict(EvaluationConfig, settings, where="dias eval")
    source = open_source(paths[-1], settings=data_set or [])
    candidates = [candidate(path, weights=weights, device=device) for path in paths[:-1]]
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
    results.save(out)  # after the table, so that a disk that is full does not cost what was measured
    if pictures is not None:
        from dias.evaluation.pictures import draw_pictures

        draw_pictures(candidates[0].model, source, results.evaluations[0], folder=pictures)
    print(f"every image's scores: {out}")
