import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio
import httpx
import pytest
from small_finder import small_model

from dias.web import Finder, PageConfig
from dias.web.gate import known, take_uploads_alone
from dias.web.server import create_app


@pytest.mark.parametrize("path", ["/", "/config", "/assets/a.js", "/gradio_api/heartbeat/abc", "/theme.css"])
def test_the_page_and_its_parts_are_known(path: str) -> None:
    assert known(path)


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd", "/gradio_api/proxy=http://a", "/assets/../../secret", "/assets", "",
        "/gradio_api/run/look", "/gradio_api/call/look", "/gradio_api/vibe-code", "/openapi.json",
        "/monitoring",
        "/gradio_api/component_server", "/gradio_api/deep_link", "/gradio_api/queue/join/",
    ],
)  # fmt: skip
def test_nothing_else_is(path: str) -> None:
    assert not known(path)


def test_the_application_holds_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")  # the application sets them; so they are unset afterwards
    app: Any = create_app(Finder(small_model()), PageConfig(bytes=1000), uploads=tmp_path)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(2**20)

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            return [
                await client.get("/"),
                await client.get("/gradio_api/file=/etc/passwd"),
                await client.post("/gradio_api/upload", files={"files": ("a.png", bytes(2 * 2**20))}),
                await client.post("/gradio_api/queue/join", content=chunks()),
                await client.get("/config"),
            ]

    page, file, large, untold, config = asyncio.run(ask())
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert file.status_code == 404
    assert (large.status_code, large.text) == (413, "a file may have 1 MB")
    assert untold.status_code == 413
    assert config.json()["analytics_enabled"] is False


def test_a_file_is_taken_from_among_the_uploads_alone(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    mine, secret = tmp_path / "uploads" / "a.png", tmp_path / "secret.png"
    for file in (mine, secret):
        file.write_bytes(b"x")
    (tmp_path / "uploads" / "link.png").symlink_to(secret)
    component = gradio.File()
    component.GRADIO_CACHE = str(tmp_path / "uploads")
    take_uploads_alone(component)
    assert component.move_resource_to_block_cache(str(mine)) == str(mine)
    assert asyncio.run(component.async_move_resource_to_block_cache(str(mine))) == str(mine)
    for path in (
        secret, tmp_path / "uploads", tmp_path / "uploads" / ".." / "secret.png",
        tmp_path / "uploads" / "link.png", "http://127.0.0.1:1/a.png", tmp_path / "uploads" / "gone.png",
    ):  # fmt: skip
        with pytest.raises(gradio.Error, match="drop it in once more"):
            component.move_resource_to_block_cache(str(path))
