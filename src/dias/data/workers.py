"""The processes that read pictures ahead: which signals they heed, and what is said when one of them dies."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from dias.errors import LoadingError

T = TypeVar("T")


def heed_the_main_process_alone(worker: int) -> None:
    """Let no signal end a worker but those of the main process; call it in the worker.

    Terminals and schedulers send Ctrl-C and SIGTERM to all processes, but the main one still wants the
    batches that end its step. SIGTERM is also how Python ends workers when the main process exits, so it
    counts if it comes from there. Where the system does not say who sent it (macOS), it always counts.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_told, args=(os.getppid(),), daemon=True).start()


def with_plain_faults(start: Callable[[], Iterator[T]]) -> Iterator[T]:
    """The batches of a loader's workers, and one line when a worker dies.

    torch raises an error wherever the main process is when a worker dies, in the middle of an optimizer step
    too. Without its handler it finds out within seconds, when it misses a batch: between two steps.

    Args:
        start: starts the workers.

    Raises:
        LoadingError: a worker died.
    """
    handler = signal.getsignal(signal.SIGCHLD)
    batches = start()
    if threading.current_thread() is threading.main_thread() and handler is not None:
        signal.signal(signal.SIGCHLD, handler)
    try:
        yield from batches
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise LoadingError(
            "a process that reads pictures died; most often memory was full and the system killed it "
            "(then take fewer: data.workers)"
        ) from error


def _end_when_told(parent: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
