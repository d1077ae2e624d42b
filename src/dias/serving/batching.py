"""Pictures of several requests in one batch, a bounded number of them, until the server stops."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from dias.serving.engine import Engine, Objects
from dias.serving.metrics import Metrics
from dias.serving.settings import ServingConfig


class FullError(Exception):
    """There are as many pictures as may wait."""


@dataclass(frozen=True)
class _Job:
    image: UInt8[np.ndarray, "h w 3"]
    done: asyncio.Future[Objects]


class Batcher:
    """Gives the engine what has come in, as soon as it is free and a few milliseconds have passed.

    Args:
        engine: computes in a thread of its own, one batch after another.
        config: batch, wait and waiting.
        metrics: hear of every batch.
    """

    def __init__(self, engine: Engine, config: ServingConfig, metrics: Metrics) -> None:
        self.engine, self.config, self.metrics = engine, config, metrics
        self.taken = 0  # places
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dias-model")
        self._loop: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether pictures are taken and computed."""
        return self._loop is not None and not self._loop.done()

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Compute what waits, then end."""
        await self._jobs.join()
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        self._thread.shutdown()

    @contextmanager
    def places(self, count: int) -> Iterator[None]:
        """Hold places for so many pictures, before they are decoded.

        Raises:
            FullError: there are not that many.
        """
        if self.taken + count > self.config.waiting:
            raise FullError
        self.taken += count
        self.metrics.waiting.set(self.taken)
        try:
            yield
        finally:
            self.taken -= count
            self.metrics.waiting.set(self.taken)

    async def __call__(self, images: Sequence[UInt8[np.ndarray, "h w 3"]]) -> list[Objects]:
        """Find the objects of pictures that hold places; whatever the engine raises comes out here."""
        loop = asyncio.get_running_loop()
        jobs = [_Job(image, loop.create_future()) for image in images]
        for job in jobs:
            self._jobs.put_nowait(job)
        try:
            return list(await asyncio.gather(*(job.done for job in jobs)))
        finally:  # given up: what has not begun need not begin
            for job in jobs:
                job.done.cancel()

    async def _run(self) -> None:
        while True:
            batch = await self._next()
            wanted = [job for job in batch if not job.done.done()]
            try:
                if wanted:
                    await self._compute(wanted)
            finally:
                for _ in batch:
                    self._jobs.task_done()

    async def _next(self) -> list[_Job]:
        """The first that waits, and those that come within `wait`."""
        batch = [await self._jobs.get()]
        until = asyncio.get_running_loop().time() + self.config.wait
        while len(batch) < self.config.batch:
            left = until - asyncio.get_running_loop().time()
            try:
                batch.append(
                    self._jobs.get_nowait()
                    if left <= 0
                    else await asyncio.wait_for(self._jobs.get(), timeout=left)
                )
            except (asyncio.QueueEmpty, TimeoutError):
                break
        return batch

    async def _compute(self, jobs: Sequence[_Job]) -> None:
        loop = asyncio.get_running_loop()
        self.metrics.batch.observe(len(jobs))
        try:
            found = await loop.run_in_executor(self._thread, self.engine, [job.image for job in jobs])
        except Exception as error:  # the request's to tell; the next batch may do
            for job in jobs:
                if not job.done.done():
                    job.done.set_exception(error)
            return
        for job, objects in zip(jobs, found, strict=True):
            if not job.done.done():
                job.done.set_result(objects)
