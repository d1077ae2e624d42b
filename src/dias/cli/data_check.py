"""dias data check."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from dias.cli.options import DataSettings


def check(
    path: Annotated[Path, Argument(help="The data set's folder.")],
    data_set: DataSettings = None,
    split: Annotated[str | None, Option(help="Read this split alone, not every one that is there.")] = None,
    quick: Annotated[
        int | None, Option(min=1, metavar="N", help="Read N samples of a split, evenly spread, not all.")
    ] = None,
    out: Annotated[
        Path | None, Option(help="An HTML page with statistics and pictures; all findings beside it as JSON.")
    ] = None,
    jobs: Annotated[int | None, Option(min=1, help="Threads that read; one a core if not given.")] = None,
) -> None:
    """Read every sample of a data set: tell what is missing, truncated or does not match, and what there is.

    Exit code 0: whole; 1: samples are faulty; 2: a split cannot be opened. A number of samples other than the
    published one is a warning. Ctrl-C ends at once with what was found so far (130).

    Examples: `dias data check data/scenes/test`, `dias data check coco --quick 500 --out coco.html`.
    """
    import os

    from dias.errors import FileError
    from dias.files import check_writable, write_json
    from dias.inspection import inspect
    from dias.inspection.text import all_shown, fault_lines, lines
    from dias.provenance import record

    if out is not None:
        if out.suffix.lower() not in (".html", ".htm"):
            raise FileError(out, "is no name of a page", do="give one that ends in .html")
        check_writable(out)
    found = inspect(
        path,
        settings=data_set or [],
        split=split,
        quick=quick,
        jobs=jobs or os.cpu_count() or 1,
        pictures=24 if out else 0,
    )
    for line in (*lines(found), *fault_lines(found)):
        print(line)
    file = Path("data-check.json") if out is None else out.with_suffix(".json")
    if out is not None or not all_shown(found):
        write_json(file, found.to_dict() | {"provenance": record().to_dict()})
        print(f"all findings: {file}")
    if out is not None:
        from dias.report.data_set import write_data_page

        write_data_page(found, out)
        print(f"page: {out}")
    raise typer.Exit(130 if found.stopped else 2 if found.unlisted else 1 if found.faults else 0)
