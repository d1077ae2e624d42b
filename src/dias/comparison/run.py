"""A comparison from beginning to end; stopped at any point, the same call goes on."""

from collections.abc import Callable
from dataclasses import replace

from dias.comparison.clip_measures import clip_evaluations, frames_per_second
from dias.comparison.closely import look_at_extremes
from dias.comparison.columns import MethodRow
from dias.comparison.grid import write_grid
from dias.comparison.measures import draw, evaluations, images_per_second, spread_out, training_free
from dias.comparison.page import comparison_page
from dias.comparison.plan import Method, Plan, Run
from dias.comparison.rows import cost_columns, plain, plain_baseline, score_columns
from dias.comparison.tables import comma_separated, markdown
from dias.comparison.trainings import Trainings
from dias.errors import DiasError
from dias.evaluation import Row
from dias.evaluation.clustering import require_sklearn
from dias.files import check_writable, write_json, write_text
from dias.provenance import record
from dias.training.cost import cost_of


def compare(
    plan: Plan, *, told: Callable[[MethodRow, list[MethodRow]], object] = lambda row, rows: None
) -> tuple[list[MethodRow], tuple[Row, ...]]:
    """Train and measure all methods of a plan, one after the other.

    The folder gets a folder of runs for each method, and after each method anew: table.md, table.csv,
    table.html, comparison.json and grid.png.

    Args:
        plan: what there is to do.
        told: called with each row as it comes, and with all rows so far.

    Returns:
        The methods' rows, those that failed included; and the training-free rows.

    Raises:
        Interrupted: a signal came, and the runs have saved their states.
        DiasError: nothing can be written; or the training-free rows cannot be made.
    """
    check_writable(plan.wish.folder / "table.md")
    if plan.wish.clustering:
        require_sklearn()
    rows: list[MethodRow] = []
    baselines: tuple[Row, ...] = ()
    trainings = Trainings(plan)
    with trainings.heard():
        for method in plan.methods:
            rows.append(_row(plan, method, trainings))
            _write(plan, rows, baselines)
            told(rows[-1], rows)
        if plan.wish.clustering:
            baselines = training_free(plan)
            _write(plan, rows, baselines)
    return rows, baselines


def _row(plan: Plan, method: Method, trainings: Trainings) -> MethodRow:
    problems = trainings.finish(method)
    row = MethodRow(
        method=method, failures=tuple(f"seed {seed}: failed: {problem}" for seed, problem in problems.items())
    )
    trained = [run for run in method.runs if run.seed not in problems]
    if not trained:
        return row
    try:
        if plan.clips is not None:
            return _clip_row(plan, method, row, trained)
        found = evaluations(plan, trained, method.folder)
        speed = images_per_second(plan, trained[0], found[0], method.folder)
        look_at_extremes(plan, trained[0], found[0], method.folder)
        draw(plan, trained[0], spread_out(found[0], plan.source, plan.wish.pictures), method.folder)
        return replace(
            row,
            seeds=tuple(run.seed for run in trained),
            evaluations=found,
            costs=tuple(cost_of(run.folder) for run in trained),
            images_per_second=speed,
        )
    except (DiasError, OSError, RuntimeError) as error:  # memory, disk: the next method may do with less
        return replace(row, failures=(*row.failures, f"measures: failed: {error}"))


def _clip_row(plan: Plan, method: Method, row: MethodRow, trained: list[Run]) -> MethodRow:
    """The same of whole clips; a method of pictures has no speed of following one."""
    of_clips = trained[0].recipe.clip is not None
    return replace(
        row,
        seeds=tuple(run.seed for run in trained),
        clips=clip_evaluations(plan, trained, method.folder),
        costs=tuple(cost_of(run.folder) for run in trained),
        images_per_second=frames_per_second(plan, trained[0], method.folder) if of_clips else None,
    )


def _write(plan: Plan, rows: list[MethodRow], baselines: tuple[Row, ...]) -> None:
    folder, origin = plan.wish.folder, record()
    first = next((row.evaluations[0] for row in rows if row.evaluations), None)
    indices = [] if first is None else spread_out(first, plan.source, plan.wish.pictures)
    grid = write_grid(plan, rows, indices, origin)
    write_text(folder / "table.md", markdown(plan, rows, baselines, origin))
    write_text(folder / "table.csv", comma_separated(rows, baselines, origin))
    write_text(folder / "table.html", comparison_page(plan, rows, baselines, grid, origin))
    columns = [*score_columns(rows, baselines), *cost_columns(rows)]
    write_json(
        folder / "comparison.json",
        {
            "format": "dias-comparison-1",
            "methods": [plain(row, columns) for row in rows],
            "training_free": [plain_baseline(row, columns) for row in baselines],
            "provenance": origin.to_dict(),
        },
    )
