"""Where a result came from: one record that every artifact carries."""

import os
import platform
import shlex
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("dias-ocl", "torch", "lightning", "transformers", "numpy", "scipy")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Command, code, versions and machine. Weights and data add their hashes under `hashes`."""

    command: str
    revision: str
    time: str
    versions: dict[str, str]
    hardware: dict[str, str | int]
    hashes: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def record(**hashes: str) -> Provenance:
    """Describe this process: its command line, git revision, versions and hardware."""
    return Provenance(
        command=shlex.join([_program(), *sys.argv[1:]]),
        revision=_revision(),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
        hardware=_hardware(),
        hashes=hashes,
    )


def _program() -> str:
    name = Path(sys.argv[0]).name
    return "dias" if name == "main.py" else name  # `python -m dias.cli.main` is `dias`


def _revision() -> str:
    """Git revision of the code, `+changes` when the tree differs from it; `unknown` outside a checkout."""
    here = Path(__file__).parent
    try:
        # fails in a virtual environment that lies in somebody else's repository
        _git(here, "ls-files", "--error-unmatch", Path(__file__).name)
        head = _git(here, "rev-parse", "HEAD")
        dirty = _git(here, "status", "--porcelain", "--untracked-files=no", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + ("+changes" if dirty else "")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _hardware() -> dict[str, str | int]:
    import torch  # here, because the rest of this module is wanted without it

    from dias.precision import processor_has_bf16

    found: dict[str, str | int] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "bf16": processor_has_bf16(),
        "system": platform.platform(),
    }
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
        found["gpus"] = torch.cuda.device_count()
    return found


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
