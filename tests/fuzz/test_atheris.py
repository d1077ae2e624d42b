"""A few seconds of coverage-guided fuzzing of every kind of file; longer by hand, see `atheris_run.py`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.formats import FORMATS

SECONDS = int(os.environ.get("DIAS_FUZZ_SECONDS", "3"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_no_input_gets_past_the_reader(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris")  # it has no wheel for every Python
    script = Path(__file__).with_name("atheris_run.py")
    done = subprocess.run(
        [sys.executable, str(script), kind, str(tmp_path / "fuzz"), str(SECONDS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + 120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    assert executed is not None
    assert int(executed[1]) > 10
