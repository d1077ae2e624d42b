"""dias compare."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from dias.cli.options import DataSettings


def compare(
    recipes: Annotated[
        list[str],
        Argument(metavar="RECIPES...", help="Recipe files or shipped recipes, one row each."),
    ],
    data: Annotated[
        Path | None, Option(help="What all train on, as `dias train --data` takes it; else the recipes' own.")
    ] = None,
    seeds: Annotated[
        str, Option(help="Seeds of the runs: 42,43,44; or --seeds 42 43 44, after the recipes.")
    ] = "42,43,44",
    eval: Annotated[
        Path | None,
        Option(help="Labelled pictures that are measured; the evaluation split of the data if not given."),
    ] = None,
    out: Annotated[Path, Option(help="The folder of runs, tables and pictures.")] = Path("runs/compare"),
    data_set: DataSettings = None,
    change: Annotated[
        list[str] | None, Option("--set", help="KEY=VALUE for all recipes, e.g. training.steps=500.")
    ] = None,
    cache: Annotated[
        Path | None, Option(help="Features of the data (`dias cache`), for methods that look at just these.")
    ] = None,
    jobs: Annotated[int, Option(min=1, help="Runs at once; times are then not those of a run alone.")] = 1,
    clustering: Annotated[
        bool, Option("--clustering", help="Add training-free rows: clusters of the features, the oracle.")
    ] = False,
    protocol: Annotated[
        Literal["dias", "spot", "videosaur"], Option(help="Whose rules, as of `dias eval`.")
    ] = "dias",
    size: Annotated[
        int | None, Option(min=14, help="Side in pixels of the ground truth; the protocol's if not given.")
    ] = None,
    pictures: Annotated[int, Option(min=0, help="Images in the grid of pictures.")] = 6,
    closely: Annotated[
        int,
        Option(min=0, help="Images looked at closely on the page: of each method the best, and the worst."),
    ] = 2,
    budget: Annotated[
        str | None, Option(help="How settings were searched for, in words for the caption.")
    ] = None,
    accelerator: Annotated[
        Literal["auto", "cpu", "gpu"], Option(help="auto takes a GPU when there is one.")
    ] = "auto",
) -> None:
    """Train and measure several methods on equal terms: a row as each finishes, tables and pictures of all.

    Stopped, the same command goes on where it was. A method that fails is a row too; the exit code is then 2.

    Example: `dias compare scenes-cpu spot-cpu --data data/scenes/train --eval data/scenes/test
    --seeds 42 43 44`.
    """
    import sys

    from rich.console import Console

    from dias.comparison import Wish, make_plan, tables
    from dias.comparison import compare as run
    from dias.comparison.caption import caption, unreached
    from dias.comparison.tables import short
    from dias.data.sources.wording import in_words
    from dias.errors import DiasError
    from dias.evaluation import EvaluationConfig, rules_of

    changed = {} if size is None else {"size": size}
    names, numbers = _apart(recipes, seeds)
    wish = Wish(
        recipes=names,
        seeds=numbers,
        folder=out,
        data=data,
        data_settings=tuple(data_set or ()),
        evaluate_on=eval,
        changes=tuple(change or ()),
        cache=cache,
        jobs=jobs,
        accelerator=accelerator,
        evaluation=EvaluationConfig(rules=rules_of(protocol, **changed)),
        clustering=clustering,
        pictures=pictures,
        closely=closely,
        **({} if budget is None else {"budget": budget}),
    )
    plan = make_plan(wish)
    print(in_words(plan.measured, plan.source), file=sys.stderr)
    if warning := unreached(plan):
        print(f"dias compare: {warning}", file=sys.stderr)
    rows, baselines = run(plan, told=lambda row, so_far: print(short(row, so_far), flush=True))
    console = Console()
    for table in tables(plan, rows, baselines):
        console.print(table)
    console.print(" ".join(caption(plan, rows, baselines)), markup=False, highlight=False)
    print(f"tables and pictures: {out / 'table.html'}, table.md, table.csv, grid.png")
    failed = [row.name for row in rows if row.failures]
    if failed:
        raise DiasError(
            f"{len(failed)} of {len(rows)} methods failed: {', '.join(failed)}; see their logs in {out}"
        )


def _apart(words: list[str], seeds: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Recipes, and seeds: an option takes one word, so those that follow it stand among the recipes."""
    from dias.errors import DiasError

    given = [word for word in seeds.replace(",", " ").split() if word]
    given += [word for word in words if word.isdecimal()]
    wrong = [word for word in given if not word.isdecimal() or int(word) >= 2**32]
    if wrong or not given:
        raise DiasError(f"--seeds {seeds}: expected whole numbers below 2^32, such as --seeds 42,43,44")
    names = tuple(word for word in words if not word.isdecimal())
    if not names:
        raise DiasError(
            "dias compare: name at least one recipe; `dias recipes list` lists those that are shipped"
        )
    return names, tuple(dict.fromkeys(int(word) for word in given))
