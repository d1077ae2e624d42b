"""One line on the terminal for whatever takes time: what, a bar, how many, how it goes, time left."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class ProgressLine:
    """A progress bar on standard error, within 80 columns.

    Args:
        what: is being done, in a word.
        total: things there are to do; None: nobody knows.
        done: of them already.
        shown: False says nothing.
    """

    def __init__(self, what: str, *, total: int | None, done: int = 0, shown: bool = True) -> None:
        self._bar = Progress(
            TextColumn(what),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            disable=not shown,
            refresh_per_second=2,
        )
        self._task: TaskID = self._bar.add_task(what, total=total, completed=done, note="")

    def __enter__(self) -> "ProgressLine":
        self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bar.stop()

    @property
    def speed(self) -> float:
        """Things a second, lately; 0 before anything is known."""
        return self._bar.tasks[self._task].speed or 0.0

    def to(self, done: int, *, note: str | None = None) -> None:
        """So many are done; `note` says how it goes."""
        if note is None:
            self._bar.update(self._task, completed=done)
        else:
            self._bar.update(self._task, completed=done, note=note)

    def step(self, *, note: str | None = None) -> None:
        """One more is done."""
        self.to(int(self._bar.tasks[self._task].completed) + 1, note=note)
