"""Listens, says where, and ends when it is told to; what was uploaded is gone by then."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from fastapi import FastAPI

from dias.errors import DiasError
from dias.web.finder import Finder
from dias.web.gate import Gate
from dias.web.settings import PageConfig

_CONNECTIONS = 256  # at once; more are refused by uvicorn (503)
_SLACK = 2**20  # bytes of a request that are not of its file


def create_app(finder: Finder, config: PageConfig, *, uploads: Path) -> Gate:
    """The server's application, around a model that is loaded.

    Args:
        finder: answers.
        config: limits.
        uploads: an empty folder, where files are put until they have been read.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import gradio as gr  # only now: it reads these as it is imported

    from dias.web.page import build_page, looks

    app = gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        build_page(finder, config),
        path="/",
        allowed_paths=[],
        footer_links=[],
        max_file_size=config.bytes,
        mcp_server=False,
        pwa=False,
        run_history=False,
        show_error=False,
        ssr_mode=False,
        **looks(),
    )
    return Gate(app, most=config.bytes + _SLACK)


def run(finder: Finder, config: PageConfig, *, host: str, port: int) -> None:
    """Show the page until SIGTERM or Ctrl-C.

    Args:
        finder: a model that is loaded.
        config: limits.
        host: address to listen on.
        port: 0 takes a free one; the line that is printed names it.

    Raises:
        DiasError: the address cannot be had.
    """
    with listening(host, port) as place, TemporaryDirectory(prefix="dias-app-") as uploads:
        settings = uvicorn.Config(
            create_app(finder, config, uploads=Path(uploads)),
            log_level="warning",
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=3,
        )
        name = f"[{host}]" if place.family == socket.AF_INET6 else host
        print(f"page on http://{name}:{place.getsockname()[1]} ({finder.name})", flush=True)
        # uvicorn stops in good order at the first signal, then raises it again: that is no failure here
        signal.signal(signal.SIGTERM, lambda *_: None)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(settings).run(sockets=[place])


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that is bound.

    Raises:
        DiasError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind((host, port))
            place.listen()  # whoever reads the line that follows may come at once
        except OSError as error:
            raise DiasError(
                f"app: cannot listen on {host} port {port} ({error.strerror or error}); take another --port"
            ) from None
        yield place
