"""What a run costs: time, work of cores, memory, and how large a model it trains; cost.json in its folder."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch

from dias.errors import FileError
from dias.files import write_json
from dias.provenance import record

FILE = "cost.json"
FORMAT = "dias-cost-1"
EARLIER = ("tokenizer", "teacher")  # folders of stages that a run has trained first
Part = Literal["setup", "training", "validation"]


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Seconds on the clock, and seconds of cores: those of the process and of all that it has started.

    Core seconds stand for energy: what is computed in parallel costs as much of them as in a row.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(seconds=self.seconds + other.seconds, cpu_seconds=self.cpu_seconds + other.cpu_seconds)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the steps of a run, or of several stages, cost; steps that an accident lost are not counted.

    Attributes:
        setup: before the first step: weights, data, the reduction of features; again at each resume.
        training: the steps.
        validation: held-out pictures: reading, scores, checkpoints.
        steps: optimizer steps.
        pictures: seen in those, each as often as it was seen.
        peak_memory: bytes of main memory of the training process, its workers apart; 0 where unknown.
        peak_gpu_memory: bytes that PyTorch had on the GPU; None without one.
        trained_parameters: numbers that training changes.
        frozen_parameters: numbers that it does not.
        provenance: command, revision, versions and machine, threads included.
    """

    setup: Spent
    training: Spent
    validation: Spent
    steps: int
    pictures: int
    peak_memory: int
    peak_gpu_memory: int | None
    trained_parameters: int
    frozen_parameters: int
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> Spent:
        """Everything from start to end."""
        return self.setup + self.training + self.validation

    @property
    def pictures_per_second(self) -> float:
        """Of training alone; NaN before the first step."""
        return self.pictures / self.training.seconds if self.training.seconds else float("nan")

    def __add__(self, later: "Cost") -> "Cost":
        """Both stages in a row: spent is added up, so are trained parameters; memory is the larger one's."""
        gpus = [one for one in (self.peak_gpu_memory, later.peak_gpu_memory) if one is not None]
        return Cost(
            setup=self.setup + later.setup,
            training=self.training + later.training,
            validation=self.validation + later.validation,
            steps=self.steps + later.steps,
            pictures=self.pictures + later.pictures,
            peak_memory=max(self.peak_memory, later.peak_memory),
            peak_gpu_memory=max(gpus, default=None),
            trained_parameters=self.trained_parameters + later.trained_parameters,
            frozen_parameters=later.frozen_parameters,
            provenance=later.provenance,
        )

    def save(self, file: Path) -> None:
        """Write as JSON in one step."""
        shown = {"pictures_per_second": self.pictures_per_second, "total": asdict(self.total)}
        write_json(file, {"format": FORMAT} | asdict(self) | shown)

    @staticmethod
    def load(file: Path) -> "Cost":
        """Read what `save` wrote.

        Raises:
            FileError: there is no such file, or it is no cost of a run.
        """
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            if stored.pop("format") != FORMAT:
                raise ValueError(f"not of format {FORMAT}")
            parts: dict[str, Any] = {
                part: Spent(**stored.pop(part)) for part in ("setup", "training", "validation")
            }
            known = {name: stored[name] for name in Cost.__dataclass_fields__ if name not in parts}
            return Cost(**parts, **known)
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"is no cost of a run ({error})"
        raise FileError(file, problem, do="train anew with this version")


def cost_of(run: Path) -> Cost:
    """Cost of a run with the stages that it has trained first (`tokenizer/` and `teacher/` in its folder).

    Raises:
        FileError: a stage has no cost.json.
    """
    own = Cost.load(run / FILE)
    for stage in EARLIER:
        if (run / stage).is_dir():
            own = cost_of(run / stage) + own
    return own


class CostMeter(L.Callback):
    """Measures a run, and writes cost.json with each saved state, so that a resumed run adds to that state's.

    It starts with its construction: make it before anything that costs.
    """

    def __init__(self, folder: Path, *, batch: int) -> None:
        self.folder = folder
        self.batch = batch
        self._parts: dict[Part, Spent] = {"setup": Spent(), "training": Spent(), "validation": Spent()}
        self._part: Part = "setup"
        self._first_step: int | None = None
        self._peaks = [0, 0]
        _forget_peak()
        self._since = _now()

    @contextmanager
    def validating(self) -> Iterator[None]:
        """What happens in the body is validation."""
        before = self._part
        self._turn_to("validation")
        try:
            yield
        finally:
            self._turn_to(before)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """From here on it is training."""
        if self._first_step is None:
            self._first_step = trainer.global_step  # not 0: resumed from a state that knows no cost
        self._turn_to("training")

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write what the state that is being saved has cost."""
        if trainer.is_global_zero:
            self.cost(trainer, pl_module).save(self.folder / FILE)

    def cost(self, trainer: L.Trainer, module: L.LightningModule) -> Cost:
        """What was spent until now."""
        self._turn_to(self._part)
        steps = trainer.global_step - (self._first_step or 0)
        counts = {True: 0, False: 0}
        for one in module.parameters():
            counts[one.requires_grad] += one.numel()
        return Cost(
            **self._parts,
            steps=steps,
            pictures=steps * self.batch,
            peak_memory=self._peaks[0],
            peak_gpu_memory=self._peaks[1] if module.device.type == "cuda" else None,
            trained_parameters=counts[True],
            frozen_parameters=counts[False],
            provenance=record().to_dict(),
        )

    def state_dict(self) -> dict[str, Any]:
        """What was spent until now."""
        self._turn_to(self._part)
        parts = {part: asdict(spent) for part, spent in self._parts.items()}
        return {"parts": parts, "first_step": self._first_step, "peaks": list(self._peaks)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Add what the run had spent before."""
        for part, spent in state_dict["parts"].items():
            self._parts[part] += Spent(**spent)
        self._first_step = state_dict["first_step"]
        self._peaks = list(state_dict["peaks"])

    def _turn_to(self, part: Part) -> None:
        now = _now()
        spent = Spent(
            seconds=now.seconds - self._since.seconds,
            cpu_seconds=max(now.cpu_seconds - self._since.cpu_seconds, 0.0),
        )
        self._parts[self._part] += spent
        self._part, self._since = part, now
        gpu = torch.cuda.max_memory_allocated() if _on_gpu() else 0
        self._peaks = [max(pair) for pair in zip(self._peaks, (peak_memory(), gpu), strict=True)]


def cpu_seconds() -> float:
    """Seconds of cores of this process and of all processes that it has started, those that run included.

    Where there is no /proc (macOS), of those that run nothing is known before they end.
    """
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system + _of_children(os.getpid())


def peak_memory() -> int:
    """Bytes that this process has held at most; 0 where it cannot be known."""
    with suppress(OSError):
        # Not ru_maxrss: a process begins with that of the one that started it.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    with suppress(ImportError):
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return 0


def _forget_peak() -> None:
    """Begin anew, since an earlier stage may have run in this process."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    if _on_gpu():
        torch.cuda.reset_peak_memory_stats()


def _on_gpu() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def _now() -> Spent:
    if _on_gpu():
        torch.cuda.synchronize()  # a GPU works on while Python runs ahead
    return Spent(seconds=time.monotonic(), cpu_seconds=cpu_seconds())


def _of_children(process: int) -> float:
    """Seconds of cores of the processes below one that still run, and of those that these have waited for."""
    found = 0.0
    with suppress(OSError, ValueError, IndexError):  # no /proc; or it ended just now
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text().split():
                fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
                found += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
                found += _of_children(int(child))
    return found
