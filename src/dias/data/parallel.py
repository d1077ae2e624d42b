"""One task for many numbers, in several processes that end with the one that started them."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread

_task: Callable[[int], int] | None = None


def each(task: Callable[[int], int], numbers: Sequence[int], *, workers: int) -> Iterator[int]:
    """Do a task for each number, and give what comes of it, in the order in which it is done.

    Args:
        task: each process has a copy of its own.
        numbers: what it is done for.
        workers: processes; with one, all is done in this process.
    """
    if workers <= 1 or len(numbers) < 2:
        yield from map(task, numbers)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(task,)
    ) as pool:
        with _deaf():  # workers start here, and inherit it
            futures = [pool.submit(_do, number) for number in numbers]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            # waits for what is under way: without, leaving the pool would take the cancelling back
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def default_workers() -> int:
    """One process a core."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _deaf() -> Iterator[None]:
    """Hold Ctrl-C back, for this thread and the processes it starts; it comes when the body is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(task: Callable[[int], int]) -> None:
    """Keep the task, leave Ctrl-C to the main process, and end when that one is killed."""
    global _task
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _do(number: int) -> int:
    """Do the task for a number."""
    assert _task is not None
    return _task(number)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
