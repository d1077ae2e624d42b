"""Two sides to compare: read, or measured first; and their pictures, where they can be drawn again."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dias.data.frames import images_of
from dias.data.samples import ImageSource
from dias.data.sources import config_for
from dias.data.sources.wording import to_store
from dias.errors import DiasError
from dias.evaluation import EvaluationConfig, Results, candidate, evaluate_all, require_masks
from dias.evaluation.pictures import as_measured, stages
from dias.evaluation.results import Evaluation
from dias.files import sha256
from dias.inference.shortcuts import load
from dias.report.difference import Draw, Panels


def read_sides(
    paths: Sequence[Path], *, data: Path | None, config: EvaluationConfig, device: str = "auto"
) -> Results:
    """Both evaluations, and the settings of their data.

    Args:
        paths: two result files of `dias eval` (the first checkpoint of each counts); or, with `data`, two
            checkpoints or folders of runs, which are measured now.
        data: labelled pictures.
        config: of the measure.
        device: likewise.

    Raises:
        DiasError: what is to be measured has no data; or as `Results.load` and `dias eval`.
    """
    files = [path.suffix == ".json" for path in paths]
    if all(files):
        found = [Results.load(path) for path in paths]
        empty = next((path for path, one in zip(paths, found, strict=True) if not one.evaluations), None)
        if empty is not None:
            raise DiasError(f"{empty}: holds no evaluation of a model")
        return Results(evaluations=tuple(one.evaluations[0] for one in found), data=found[0].data)
    if data is None or any(files):
        raise DiasError(
            "dias report diff: give two result files of `dias eval`, or two runs or checkpoints with --data"
        )
    settings = config_for(data, use="evaluate")
    source = images_of(settings.build())
    require_masks(source)
    measured = evaluate_all([candidate(path, device=device) for path in paths], source, config=config)
    return Results(evaluations=measured.evaluations, data=to_store(settings, source))


def drawing(results: Results, *, device: str = "auto") -> Draw:
    """Pictures of both sides of an image, as they were measured.

    Raises:
        DiasError: the data or a checkpoint is not where the results say, or is another one by now.
    """
    if results.data is None or "path" not in results.data:
        raise DiasError("the results do not say where their pictures are")
    source = _source(results.data)
    models = []
    for one in results.evaluations:
        file, hashes = Path(one.checkpoint), one.provenance.get("hashes", {})
        if hashes.get("data") != source.fingerprint():
            raise DiasError(f"{results.data['path']}: holds other pictures than were measured")
        if not file.is_file():
            raise DiasError(f"{file}: is not there")
        if sha256(file) != hashes.get("checkpoint"):
            raise DiasError(f"{file}: is another checkpoint than was measured")
        models.append(as_measured(load(file, device=device), one))
    places = {source.name(index): index for index in range(len(source))}

    def draw(name: str) -> tuple[Panels, Panels]:
        def shown(number: int, one: Evaluation) -> Panels:
            return stages(models[number], source, places[name], config=one.config)

        return shown(0, results.evaluations[0]), shown(1, results.evaluations[1])

    return draw


def _source(data: Mapping[str, Any]) -> ImageSource:
    settings = [f"{name}={json.dumps(value)}" for name, value in data.items() if name not in ("path", "of")]
    return images_of(config_for(Path(str(data["path"])), use="evaluate", settings=settings).build())
