"""Listens, says where, and ends when it is told to: what is in flight is answered first."""

import signal
import socket
from contextlib import suppress

import uvicorn

from dias.errors import DiasError
from dias.serving.app import create_app
from dias.serving.engine import Engine
from dias.serving.settings import ServingConfig

_CONNECTIONS = 256  # at once; more are refused by uvicorn (503)


def run(engine: Engine, config: ServingConfig, *, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C; then take nothing new, and answer what is there.

    Args:
        engine: a model that is loaded.
        config: limits.
        host: address to listen on.
        port: 0 takes a free one; the line that is printed names it.

    Raises:
        DiasError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()  # whoever reads the line that follows may come at once
    except OSError as error:
        listening.close()
        raise DiasError(
            f"serve: cannot listen on {host} port {port} ({error.strerror or error}); take another --port"
        ) from None
    settings = uvicorn.Config(
        create_app(engine, config),
        log_level="warning",
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=int(config.upload_seconds + config.seconds) + 1,
    )
    name = f"[{host}]" if family == socket.AF_INET6 else host
    print(f"serving {engine.name} on http://{name}:{listening.getsockname()[1]} (POST /segment)", flush=True)
    # uvicorn stops in good order at the first signal, then raises it again: that is no failure here
    signal.signal(signal.SIGTERM, lambda *_: None)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[listening])
