"""dias report."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def report(
    run: Annotated[Path, Argument(help="A folder that `dias train` wrote.")],
    evaluation: Annotated[Path | None, Option(help="The result that `dias eval` wrote.")] = None,
    pictures: Annotated[Path | None, Option(help="The folder that `dias eval --pictures` wrote.")] = None,
    photos: Annotated[Path | None, Option(help="The folder that `dias segment` wrote.")] = None,
    out: Annotated[
        Path | None, Option(help="The page; report.html in the run's folder if not given.")
    ] = None,
) -> None:
    """Write one HTML page with curves, tables and pictures; it needs no other file and no network.

    Example: `dias report runs/demo --evaluation result.json --pictures pictures --photos photos`.
    """
    from dias.evaluation import Results
    from dias.report import photo_gallery, scene_galleries, write_report

    galleries = list(scene_galleries(pictures)) if pictures is not None else []
    if photos is not None:
        about = "Photographs, segmented with the command dias segment."
        galleries.insert(min(1, len(galleries)), photo_gallery(photos, title="Photos", about=about))
    page = out or run / "report.html"
    write_report(
        run, results=None if evaluation is None else Results.load(evaluation), galleries=galleries, out=page
    )
    print(f"report: {page}")
