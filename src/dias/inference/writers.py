"""Threads that write results while, or in turn with, the model computing the next ones."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

_THREADS = 2
_HELD = 2**24  # pixels whose results wait to be written; 64 MiB of labels


class Writers:
    """Runs jobs in a few threads; the first failure comes out of the next call, of `wait`, or of the end.

    Args:
        turn: hold jobs back until there are so many (or many pixels wait), then run them all: where the model
            computes on the same cores, its threads wait for each other whenever a writer takes one. None
            starts each at once.
        threads: how many; one keeps the jobs in their order.
    """

    def __init__(self, *, turn: int | None, threads: int = _THREADS) -> None:
        self.pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="dias-write")
        self.turn, self.threads, self.pixels = turn, threads, 0
        self.held: list[Callable[[], None]] = []
        self.running: deque[Future[None]] = deque()

    def __call__(self, job: Callable[[], None], *, pixels: int) -> None:
        """Run a job sooner or later."""
        self.held.append(job)
        self.pixels += pixels
        if self.turn is None:
            while len(self.running) >= 2 * self.threads:
                self.running.popleft().result()
            self.running.append(self.pool.submit(self.held.pop()))
        elif len(self.held) == self.turn or self.pixels > _HELD:
            self.wait()

    def wait(self) -> None:
        """Return when all is written."""
        self.running += [self.pool.submit(job) for job in self.held]
        self.held, self.pixels = [], 0
        while self.running:
            self.running.popleft().result()

    def __enter__(self) -> "Writers":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            self.pool.shutdown(cancel_futures=True)
