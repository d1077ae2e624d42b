"""How the tests look at a data set."""

from pathlib import Path

from dias.inspection import inspect
from dias.inspection.findings import Inspection


def look(path: Path, **more: object) -> Inspection:
    return inspect(path, progress=False, jobs=2, **more)
