"""Bodies that are too large or too slow are cut off while they arrive; every request is counted."""

import asyncio
import time
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dias.serving.metrics import Metrics


class Limits:
    """An ASGI middleware.

    Args:
        app: what is behind it.
        bytes: that a body may have.
        seconds: that it may take to arrive.
        too_much: what is said of one that is larger.
    """

    def __init__(self, app: ASGIApp, *, bytes: int, seconds: float, too_much: str) -> None:
        self.app, self.bytes, self.seconds, self.too_much = app, bytes, seconds, too_much

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, its body counted."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await self.app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        arrived, whole = 0, False
        until = time.monotonic() + self.seconds

        async def counted() -> Message:
            nonlocal arrived, whole
            if whole:  # what comes now is that the client has gone, whenever that is
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), timeout=max(until - time.monotonic(), 0.001))
            except TimeoutError:
                line = f"the request did not arrive within {self.seconds:g} seconds"
                raise _cut_off(408, line) from None
            arrived += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if arrived > self.bytes:
                raise _cut_off(413, self.too_much)
            return message

        return counted


class Counted:
    """An ASGI middleware that counts requests and seconds, by the path of the route.

    Args:
        app: what is behind it.
        metrics: hear of them.
        paths: that are told apart; all others are one, so that a stranger cannot fill the memory.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: Callable[[], set[str]]) -> None:
        self.app, self.metrics, self.paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how it ended."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self.paths() else "other"
        start, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            self.metrics.requests.labels(path, str(status)).inc()
            self.metrics.seconds.labels(path).observe(time.perf_counter() - start)


def _cut_off(status: int, line: str) -> HTTPException:
    """What ends the connection, too: the rest of the body is not read."""
    return HTTPException(status, line, headers={"connection": "close"})
