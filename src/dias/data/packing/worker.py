"""What runs in a process of a pool: one task, given once; it ends with the process that started it."""

import os
import signal
from collections.abc import Callable
from multiprocessing import parent_process
from threading import Thread

_task: Callable[[int], int] | None = None


def begin(task: Callable[[int], int]) -> None:
    """Keep the task, leave Ctrl-C to the main process, and end when that one is killed."""
    global _task
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def do(number: int) -> int:
    """Do the task for a number."""
    assert _task is not None
    return _task(number)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
