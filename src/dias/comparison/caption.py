"""What has to stand under a comparison's tables, so that nobody misreads them."""

from collections.abc import Sequence

from dias.comparison.columns import MethodRow
from dias.comparison.plan import Method, Plan, length, stages
from dias.config import to_dict
from dias.evaluation import Row
from dias.training.recipe import Recipe


def caption(plan: Plan, rows: Sequence[MethodRow], baselines: Sequence[Row]) -> list[str]:
    """Sentences, in the order of what matters: measured on what, trained how long, on which machine."""
    wish = plan.wish
    said = [_scores(plan, rows), _lengths(plan.methods), f"Search budget: {wish.budget}."]
    if wish.changes:
        said.append(f"Changed for all: {', '.join(wish.changes)}.")
    if plan.seen_before:
        said.append(
            f"The pictures measured also chose the checkpoints of {', '.join(plan.seen_before)}: these "
            "scores are too good to report."
        )
    said.append(
        "Training and CPU time are of the optimizer steps of all stages, without validation; CPU time is of "
        "all processes of a run and stands for energy. Memory is the training process's peak, its workers "
        "apart, the largest over seeds. Params: those that are trained. Trains: pictures a second in "
        "training; segments: images a second in use."
    )
    if wish.cache is not None:
        told = [method.name for method in plan.methods if method.runs[0].recipe.data.cache is None]
        live = f"; without it: {', '.join(told)}" if told else ""
        said.append(f"Frozen features came from the cache {wish.cache}, whose making is not counted{live}.")
    if wish.jobs > 1:
        said.append(f"{wish.jobs} runs at once: times and rates are not those of a run alone.")
    machine = _machine(rows)
    if machine:
        said.append(machine)
    if baselines:
        said.append(
            "Rows below the methods are training-free: clusters of the ViT's features, with the true number "
            "of segments given or one of their own, and the oracle, ground truth on the token grid."
        )
    return said


def unreached(plan: Plan) -> str | None:
    """A line on the stages that `--set training.steps` leaves as long as their recipes have them, if any."""
    told = {change.partition("=")[0].strip(): change for change in plan.wish.changes}
    steps = told.get("training.steps")
    if steps is None or "earlier.training.steps" in told:
        return None
    recipes = {method.name: method.runs[0].recipe for method in plan.methods}
    left = [
        f"{name}'s {recipe.earlier.kind} ({stages(recipe)[0].training.steps:,})"
        for name, recipe in recipes.items()
        if recipe.earlier is not None and len(set(length(recipe))) > 1
    ]
    if not left:
        return None
    everyone = all(recipe.earlier is not None for recipe in recipes.values())
    way_on = "--set" if everyone else "a recipe that extends theirs, with"
    return (
        f"--set {steps} leaves stages with steps of their own as they are: {', '.join(left)}; "
        f"to change those: {way_on} earlier.training.steps=N"
    )


def _scores(plan: Plan, rows: Sequence[MethodRow]) -> str:
    evaluation = next((one for row in rows for one in row.evaluations), None)
    seeds = ", ".join(map(str, plan.wish.seeds))
    rules = plan.wish.evaluation.rules
    warning = f" ({rules.warning})" if rules.warning else ""
    over = (
        f"mean ± sample standard deviation over seeds {seeds}"
        if len(plan.wish.seeds) > 1
        else f"seed {seeds}"
    )
    where = to_dict(plan.measured).get("path", "sample photos")
    about = f"{where}, protocol {rules.name}{warning}, percent, {over}."
    whole = next((one for row in rows for one in row.clips), None)
    if whole is not None:
        return (
            f"{len(whole.names)} clips of {about} A whole clip is one image, time among its axes, so that "
            "identity counts; switches: mean number a clip; ARIfg/frame: each frame by itself. Methods of "
            "pictures number their slots in each frame anew."
        )
    if evaluation is None:
        return about
    true, objects = evaluation.true_segments.mean(), evaluation.true_objects.mean()
    return (
        f"{len(evaluation.names)} images of {about} Slots: mean number kept; {true:.1f} segments are true "
        f"({objects:.1f} objects and the background)."
    )


def _lengths(methods: Sequence[Method]) -> str:
    """How long each was trained, on what."""
    by_length: dict[str, list[str]] = {}
    for method in methods:
        by_length.setdefault(_length(method), []).append(method.name)
    data = to_dict(methods[0].runs[0].recipe.data.train).get("path", "sample photos")
    if len(by_length) == 1:
        return f"Trained on {data}: {next(iter(by_length))}."
    parts = [f"{', '.join(names)}: {steps}" for steps, names in by_length.items()]
    return f"Trained on {data}; {'; '.join(parts)}."


def _length(method: Method) -> str:
    recipe = method.runs[0].recipe
    parts = stages(recipe)
    given = recipe.earlier is not None and len(parts) == 1
    batches = [_batch(part) for part in parts]
    if len(set(batches)) == 1:
        text = " + ".join(f"{part.training.steps:,}" for part in parts) + f" steps of {batches[0]}"
    else:
        told = zip(parts, batches, strict=True)
        text = " + ".join(f"{part.training.steps:,} steps of {batch}" for part, batch in told)
    return (
        text
        + (" in stages" if len(parts) > 1 else "")
        + (" (the earlier stage's weights were given and are not counted)" if given else "")
    )


def _batch(recipe: Recipe) -> str:
    batch = recipe.training.batch
    return f"{batch} pictures" if recipe.clip is None else f"{batch} windows of {recipe.clip.frames} frames"


def _machine(rows: Sequence[MethodRow]) -> str:
    """Of the first run; others that differ are told of."""
    machines: dict[str, list[str]] = {}
    for row in rows:
        for cost in row.costs:
            hardware = cost.provenance.get("hardware", {})
            told = str(hardware.get("gpu", hardware.get("processor", "unknown processor")))
            told += f", cores: {hardware.get('cores')}, threads: {hardware.get('threads')}"
            machines.setdefault(told, [])
            if row.name not in machines[told]:
                machines[told].append(row.name)
    if len(machines) == 1:
        return f"Machine: {next(iter(machines))}."
    return "; ".join(f"{', '.join(names)} on {machine}" for machine, names in machines.items())
