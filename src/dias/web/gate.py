"""What the web server answers at all: the page and its parts, and nothing that could read a file."""

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from dias.serving.limits import Limits

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# Gradio has many more routes, such as /file= (any file it believes it made), /proxy=, and an editor of its
# own source. What the page does not need does not exist here.
_WHOLE = (
    "/",
    "/config",
    "/favicon.ico",
    "/theme.css",
    "/gradio_api/queue/data",
    "/gradio_api/queue/join",
    "/gradio_api/startup-events",
    "/gradio_api/upload",
    "/gradio_api/upload_progress",
    "/gradio_api/app_id",
)
_BELOW = ("/assets/", "/static/", "/gradio_api/heartbeat/")
# The page may load nothing from elsewhere, and may stand in no other page. Gradio's templates are compiled in
# the browser, hence unsafe-eval.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; "
    "form-action 'self'; base-uri 'self'"
)
_SECONDS = 120.0  # that a file may take to arrive
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Gate:
    """An ASGI middleware that lets through what the page needs; all else is answered with 404.

    Args:
        app: what is behind it.
        most: bytes that the body of a request may have.
    """

    def __init__(self, app: App, *, most: int) -> None:
        self.most, self._too_much = most, f"a file may have {most / 2**20:.3g} MB"
        self.app = Limits(app, bytes=most, seconds=_SECONDS, too_much=self._too_much)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif not known(scope["path"]):
            await _refuse(send, 404, "there is no such page")
        elif _length(scope) > self.most:
            await _refuse(send, 413, self._too_much)
        else:
            await self.app(scope, receive, _with_headers(send))


def take_uploads_alone(file: Any) -> None:
    """Make a `gradio.File` open what lies among the uploads, and nothing else.

    An event names its file; Gradio would fetch any address that it names, and copy what another path leads to
    where that is allowed. Not a class of its own: Gradio writes a .pyi file beside every class of components.
    """

    def uploaded(path: str | Path | None) -> str | None:
        if path is None:
            return None
        found, place = Path(path).resolve(), Path(file.GRADIO_CACHE).resolve()
        if not found.is_file() or not found.is_relative_to(place):
            import gradio

            raise gradio.Error("The file was forgotten; drop it in once more.", print_exception=False)
        return str(found)

    async def moved(url_or_file_path: str | Path | None) -> str | None:
        return uploaded(url_or_file_path)

    file.async_move_resource_to_block_cache = moved
    file.move_resource_to_block_cache = uploaded
    file.preprocess = lambda payload: None if payload is None else uploaded(payload.path)


def known(path: str) -> bool:
    """Whether a path is a part of the page; one that climbs (`..`) is not."""
    return ".." not in path and (path in _WHOLE or path.startswith(_BELOW))


def _length(scope: Message) -> int:
    told = dict(scope["headers"]).get(b"content-length", b"0")
    return int(told) if told.isdigit() else 0


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            more = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await send(message)

    return sent


async def _refuse(send: Send, status: int, line: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": line.encode()})
