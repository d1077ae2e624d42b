"""The processes that read pictures ahead: which signals they heed, and what is said when one of them dies."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import active_children, parent_process
from multiprocessing.connection import wait
from typing import TypeVar

from dias.errors import LoadingError

T = TypeVar("T")

_NOTICED = 2.0  # seconds until the system says of a process that it is dead


def read_ahead(start: Callable[[], Iterator[T]]) -> Iterator[T]:
    """The batches of a loader's workers, and one line when a worker dies.

    torch raises an error wherever the main process is when a worker dies, in the middle of an optimizer step
    too. Without its handler it finds out within seconds, when it misses a batch: between two steps.

    Args:
        start: starts the workers; each must call `heed_the_main_process_alone`.

    Raises:
        LoadingError: a worker died.
    """
    before = active_children()
    with _as_it_was(signal.SIGCHLD), _held_back(signal.SIGTERM):
        batches = start()
    ends = [worker.sentinel for worker in active_children() if worker not in before]
    try:
        yield from batches
    except (RuntimeError, OSError, EOFError) as error:  # torch's own; or a batch on its way broke off
        if not wait(ends, timeout=_NOTICED):
            raise
        raise LoadingError(
            "a process that reads pictures died; most often memory was full and the system killed it "
            "(then take fewer: data.workers)"
        ) from error


def heed_the_main_process_alone(worker: int) -> None:
    """Let no signal end a worker but those of the main process; call it in the worker.

    Terminals and schedulers send Ctrl-C and SIGTERM to all processes, but the main one still wants the
    batches that end its step. SIGTERM is also how Python ends workers when the main process exits, so it
    counts if it comes from there. Where the system does not say who sent it (macOS), it always counts.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    waits = hasattr(signal, "sigwaitinfo")
    signal.pthread_sigmask(signal.SIG_BLOCK if waits else signal.SIG_UNBLOCK, {signal.SIGTERM})
    if waits:
        main = parent_process()  # not getppid: that may be the fork server
        assert main is not None, "called in the main process"
        threading.Thread(target=_end_when_told, args=(main.pid,), daemon=True).start()


def _end_when_told(parent: int | None) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)


@contextmanager
def _as_it_was(number: signal.Signals) -> Iterator[None]:
    """Put back the handler of a signal that the body replaces."""
    handler = signal.getsignal(number)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(number, handler)


@contextmanager
def _held_back(number: signal.Signals) -> Iterator[None]:
    """Let a signal wait; processes that are forked meanwhile hold it back too, in every thread they start."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
