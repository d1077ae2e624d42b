"""dias report: a run as a page; `dias report diff`: two evaluations, image by image."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer import Argument, Option
from typer.core import TyperGroup

from dias.cli.options import Device


class _RunUnlessNamed(TyperGroup):
    """`dias report RUN` means `dias report run RUN`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the verb where the first word does not."""
        known = (*self.commands, *ctx.help_option_names)
        return super().parse_args(ctx, ["run", *args] if args and args[0] not in known else args)


app = typer.Typer(cls=_RunUnlessNamed, help="Pages that need no other file and no network.")


@app.command()
def run(
    folder: Annotated[
        Path,
        Argument(metavar="RUN", help="A folder that `dias train` wrote."),
    ],
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
    page = out or folder / "report.html"
    write_report(
        folder,
        results=None if evaluation is None else Results.load(evaluation),
        galleries=galleries,
        out=page,
    )
    print(f"report: {page}")


@app.command()
def diff(
    one: Annotated[
        Path, Argument(metavar="A", help="A result of `dias eval`; with --data, a run or a checkpoint.")
    ],
    other: Annotated[Path, Argument(metavar="B", help="Another, of the same images.")],
    data: Annotated[Path | None, Option(help="Labelled pictures that both are measured on first.")] = None,
    protocol: Annotated[
        Literal["dias", "spot", "videosaur"], Option(help="With --data: whose rules, as of `dias eval`.")
    ] = "dias",
    size: Annotated[
        int | None, Option(min=14, help="With --data: side in pixels of the ground truth.")
    ] = None,
    metric: Annotated[
        Literal["ari", "ari_foreground", "mbo", "mbo_class", "miou"],
        Option(help="What images are sorted by."),
    ] = "mbo",
    count: Annotated[
        int, Option(min=0, help="Pictures of so many gains and as many losses; 0: no pictures.")
    ] = 4,
    out: Annotated[Path, Option(help="The page.")] = Path("difference.html"),
    device: Device = "auto",
) -> None:
    """Compare two evaluations image by image: sorted by change, pictures side by side.

    Examples: `dias report diff before.json after.json`,
    `dias report diff runs/a runs/b --data data/scenes/test`.
    """
    import sys

    from dias.errors import DiasError
    from dias.evaluation import EvaluationConfig, rules_of
    from dias.files import check_writable
    from dias.report.difference import difference, write_difference_page
    from dias.report.sides import drawing, read_sides

    check_writable(out)
    changed = {} if size is None else {"size": size}
    config = EvaluationConfig(rules=rules_of(protocol, **changed))
    results = read_sides((one, other), data=data, config=config, device=device)
    found = difference(*results.evaluations, metric=metric)
    draw = None
    try:
        draw = drawing(results, device=device) if count else None
    except DiasError as problem:
        print(f"dias report diff: no pictures: {problem}", file=sys.stderr)
    write_difference_page(found, out, draw=draw, count=count)
    print(f"report: {out}")
