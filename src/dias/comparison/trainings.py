"""Trainings in processes of their own: one that crashes ends no other, and its memory is its alone."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

from dias.comparison.plan import Method, Plan, Run, length
from dias.errors import DiasError, Interrupted
from dias.progress import ProgressLine
from dias.training.cost import EARLIER

_LOOK_EVERY = 1.0  # seconds


class Trainings:
    """Runs of a comparison, some at once; signals are passed on to them, so that they save their state."""

    def __init__(self, plan: Plan) -> None:
        self.jobs = plan.wish.jobs
        self._pool = ThreadPoolExecutor(self.jobs)
        self._lock = threading.Lock()
        self._started: list[subprocess.Popen[bytes]] = []
        self._asked = 0
        self._futures: dict[Path, Future[str | None]] = {}
        if self.jobs > 1:  # one at a time waits for the measures between, which would take its cores
            for method in plan.methods:
                self._submit(method)

    def finish(self, method: Method) -> dict[int, str]:
        """Train what is missing of a method, and say for each seed that failed why.

        Raises:
            Interrupted: a signal came, and the runs have saved their states.
        """
        self._submit(method)
        mine = {run.seed: self._futures[run.folder] for run in method.runs}
        total = sum(sum(length(run.recipe)) for run in method.runs)
        with ProgressLine(method.name, total=total, done=_steps(method.runs)) as line:
            while wait(mine.values(), timeout=_LOOK_EVERY).not_done:
                line.to(_steps(method.runs))
            line.to(_steps(method.runs))
        self._stop_if_asked()
        found = {seed: future.result() for seed, future in mine.items()}
        return {seed: problem for seed, problem in found.items() if problem is not None}

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to signals in the body; at its end no training runs any more.

        Raises:
            Interrupted: a signal came; the same command goes on.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            one: signal.signal(one, self._ask) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
        }
        try:
            yield
            self._stop_if_asked()
        finally:
            if not self._asked:  # done, or a failure: then nothing more is started, and what runs is saved
                self._pass_on(signal.SIGTERM)
            self._pool.shutdown(wait=True, cancel_futures=True)
            for one, handler in before.items():
                signal.signal(one, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if not self._pass_on(number):
            self._stop_if_asked()

    def _pass_on(self, number: int) -> int:
        """Send a signal to all trainings that run; how many these are."""
        self._asked = number
        running = [process for process in list(self._started) if process.poll() is None]
        for process in running:
            process.send_signal(number)
        return len(running)

    def _stop_if_asked(self) -> None:
        if self._asked:
            raise Interrupted(
                "interrupted, nothing lost: the same command goes on",
                code=130 if self._asked == signal.SIGINT else 0,
            )

    def _submit(self, method: Method) -> None:
        for run in method.runs:
            if run.folder not in self._futures:
                self._futures[run.folder] = self._pool.submit(self._train, run)

    def _train(self, run: Run) -> str | None:
        """Train to the end, unless that is done already; what went wrong, if anything did."""
        if run.finished:
            return None
        run.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _claimed(run) as claim, run.log.open("ab") as log:
                start = log.seek(0, os.SEEK_END)
                with self._lock:
                    if self._asked:
                        return "not begun"
                    process = self._start(run, log, claim)
                    self._started.append(process)
                process.wait()
        except (DiasError, OSError) as error:
            return str(error)
        return None if process.returncode == 0 and run.finished else _last_words(run, process, start)

    def _start(self, run: Run, log: IO[bytes], claim: int) -> subprocess.Popen[bytes]:
        words = [*run.words, *(["--resume"] if run.begun else [])]
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        several = {"OMP_NUM_THREADS": str(max(cores // self.jobs, 1))} if self.jobs > 1 else {}
        return subprocess.Popen(
            [sys.executable, "-m", "dias.cli.main", *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | several,
            pass_fds=(claim,),
        )


@contextmanager
def _claimed(run: Run) -> Iterator[int]:
    """A lock that the training holds as well: it may outlive a comparison that was killed."""
    import fcntl

    with run.folder.with_name(f".{run.folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DiasError(
                f"{run.folder}: is still being trained by an earlier `dias compare`; wait for it, or end it"
            ) from None
        yield lock.fileno()


def _last_words(run: Run, process: subprocess.Popen[bytes], start: int) -> str:
    """The line in which a training said what was wrong."""
    with run.log.open("rb") as log:
        log.seek(start)
        lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    told = [line.removeprefix("dias: ") for line in lines if line.startswith("dias: ")]
    if told:
        return told[-1]
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        return f"ended by {name}" + (" (too little memory?)" if name == "SIGKILL" else "")
    return lines[-1] if lines else f"exit code {process.returncode}, see {run.log}"


def _steps(runs: Sequence[Run]) -> int:
    """Steps that are made, of all stages, as the journals tell."""
    return sum(_steps_in(run.folder) for run in runs)


def _steps_in(folder: Path) -> int:
    below = sum(_steps_in(folder / stage) for stage in EARLIER if (folder / stage).is_dir())
    with suppress(OSError, ValueError, IndexError):
        with (folder / "metrics.jsonl").open("rb") as journal:
            journal.seek(max(journal.seek(0, os.SEEK_END) - 4096, 0))
            line = journal.read().splitlines()[-1].decode()
        return below + int(line.partition('"step": ')[2].partition(",")[0])
    return below
