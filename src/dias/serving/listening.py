"""A server that listens, says where, and ends when it is told to: what is in flight is answered first."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from dias.errors import DiasError

_CONNECTIONS = 256  # at once; more are refused by uvicorn (503)


@contextmanager
def listening(host: str, port: int, *, verb: str) -> Iterator[socket.socket]:
    """A socket that connections can be made to.

    Args:
        host: address.
        port: 0 takes a free one.
        verb: of the command line, for the error.

    Raises:
        DiasError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind((host, port))
            place.listen()  # whoever is told where may come at once
        except OSError as error:
            why = error.strerror or error
            raise DiasError(
                f"{verb}: cannot listen on {host} port {port} ({why}); take another --port"
            ) from None
        yield place


def answer_until_told(app: Callable[..., Any], place: socket.socket, *, grace: int) -> None:
    """Serve an ASGI application until SIGTERM or Ctrl-C; then take nothing new, and answer what is there.

    Args:
        app: the application.
        place: as `listening` gives it.
        grace: seconds that answers may take then.
    """
    settings = uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=grace,
    )
    # uvicorn stops in good order at the first signal, then raises it again: that is no failure here
    signal.signal(signal.SIGTERM, lambda *_: None)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[place])


def address(place: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = place.getsockname()[:2]
    return f"http://[{host}]:{port}" if place.family == socket.AF_INET6 else f"http://{host}:{port}"
