"""Listens, says where, and ends when it is told to; what was uploaded is gone by then."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import FastAPI

from dias.serving.listening import address, answer_until_told, listening
from dias.web.finder import Finder
from dias.web.gate import Gate
from dias.web.settings import PageConfig

_GRACE = 3  # seconds that answers may take when the server is told to end
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
    with (
        listening(host, port, verb="app") as place,
        TemporaryDirectory(prefix="dias-app-") as uploads,
    ):
        app = create_app(finder, config, uploads=Path(uploads))
        print(f"page on {address(place)} ({finder.name})", flush=True)
        answer_until_told(app, place, grace=_GRACE)
