"""What `dias train` says it will need, against the memory and disk that it takes.

python benchmarks/needs.py [--steps 6]
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import Row, markdown, save

SMALL = ("--set", "training.validate_every=3", "--logger", "tensorboard", "--accelerator", "cpu")
RUNS = {
    "scenes-cpu, live": ("scenes-cpu",),
    "scenes-cpu, live, 2 workers": ("scenes-cpu", "--set", "data.workers=2"),
    "scenes-cpu, batch 128": ("scenes-cpu", "--set", "training.batch=128"),
    "scenes-cpu, batch 128 in 4 parts": (
        *("scenes-cpu", "--set", "training.batch=128", "--set", "training.accumulate=4"),
    ),
    "coco (the paper's size), batch 8": (
        *("coco", "--data", "data/scenes/train", "--set", "training.batch=8", "--set", "data.workers=2"),
    ),
}


def peak(process: subprocess.Popen[str]) -> int:
    """Largest sum of memory of a process and its workers, shared pages counted once, in bytes."""
    largest = 0
    while process.poll() is None:
        largest = max(largest, sum(map(_proportional, _tree(process.pid))))
        time.sleep(0.1)
    return largest


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in _tree(int(child)))]


def _proportional(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def measured(name: str, words: tuple[str, ...], *, steps: int) -> Row:
    """Train for some steps and compare."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "dias.cli.main", "train", *words, *SMALL]
        command += ["--set", f"training.steps={steps}", "--out", str(out)]
        process = subprocess.Popen(  # the shipped scenes are named from the repository's root
            command,
            cwd=Path(__file__).parent.parent,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        most = peak(process)
        assert process.stderr is not None
        said = process.stderr.read()
        if process.returncode:
            raise SystemExit(said)
        disk = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    memory, room = _bytes("memory", said), _bytes("disk", said)
    return {
        "run": name,
        "memory said, GB": memory / 1e9,
        "memory taken, GB": most / 1e9,
        "said / taken": memory / most,
        "disk said, MB": room / 1e6,
        "disk left, MB": disk / 1e6,
    }


def _bytes(what: str, said: str) -> float:
    found = re.search(rf"^{what}: about ([\d.]+) (GB|MB)", said, re.MULTILINE)
    assert found, said
    return float(found[1]) * (1e9 if found[2] == "GB" else 1e6)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=6)
    chosen = parser.parse_args()
    rows = [measured(name, words, steps=chosen.steps) for name, words in RUNS.items()]
    save("needs", rows, about="what dias train says it needs, against what it takes (CPU)")
    print(markdown(rows))


if __name__ == "__main__":
    main()
