"""The page as a visitor meets it: `dias app` in a process of its own, and headless Chromium."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dias.checkpoints import describe
from dias.inference.shortcuts import shipped
from dias.models import ImageModelConfig
from miniatures import videos

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ROOT = Path(__file__).parents[2]
SCENES = ROOT / "data" / "scenes" / "test" / "images"
UPLOAD = "#dias-file input[type=file]"
CANVAS = "#dias-explorer canvas"
MODEL = ImageModelConfig(**describe(shipped())["model"])
SLOTS = MODEL.queries.slots  # with which every picture begins

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (scripts/system-packages.sh)"),
]
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the page of the model that ships, with small limits; it ends in good order."""
    place = tmp_path_factory.mktemp("uploads")
    command = [sys.executable, "-m", "dias.cli.main", "app", "--port", "0", "--megabytes", "1"]
    running = subprocess.Popen(
        [*command, "--pixels", "1000000", "--seconds", "2", "--frames", "3"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(place)},
    )  # fmt: skip
    assert running.stdout is not None
    line = running.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, line
    yield found[0]
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0
    assert list(place.glob("dias-app-*")) == []  # what was uploaded is gone


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    with browser.new_context(accept_downloads=True) as context:
        yield opened(context.new_page(), server)


def opened(page: Page, server: str) -> Page:
    """The page, loaded; whatever it asks of another server fails the test."""
    elsewhere: list[str] = []
    page.on(
        "request", lambda one: None if one.url.startswith((server, "data:")) else elsewhere.append(one.url)
    )
    page.on("pageerror", lambda error: elsewhere.append(str(error)))
    page.goto(server)
    expect(page.locator(UPLOAD)).to_be_attached()
    page.elsewhere = elsewhere  # type: ignore[attr-defined]
    return page


def picture(file: Path, width: int, height: int) -> Path:
    scene = Image.open(sorted(SCENES.iterdir())[4]).resize((width, height))
    scene.convert("RGB").save(file)
    return file


def test_a_picture_is_dropped_looked_at_cut_anew_and_taken_home(page: Page, tmp_path: Path) -> None:
    page.set_input_files(UPLOAD, picture(tmp_path / "scene.png", 200, 150))
    expect(page.locator(CANVAS)).to_have_count(3)
    expect(page.locator("#dias-said")).to_contain_text("objects in scene.png")
    assert page.locator("figcaption").all_inner_texts()[2].startswith("final")

    page.locator("#dias-number input[type=number]").fill("3")
    expect(page.locator("#dias-said")).to_have_text("3 objects in scene.png")
    expect(page.locator("#dias-how input:checked")).to_have_value("number")
    expect(page.locator(".chip")).to_have_count(3)
    expect(page.locator(".tree h3")).to_have_text(f"Merge tree: {SLOTS - 3} of {SLOTS - 1} merges made")

    before = page.locator(CANVAS).nth(2).evaluate("canvas => canvas.toDataURL()")
    page.locator(CANVAS).nth(2).hover()
    expect(page.locator(".likeness h3")).to_contain_text("(final)")
    expect(page.locator(".like")).to_have_count(2)
    assert page.locator(CANVAS).nth(2).evaluate("canvas => canvas.toDataURL()") != before
    assert page.locator(".leaf.lit").count() >= 1
    page.locator("#dias-head").hover()
    expect(page.locator(".like")).to_have_count(0)

    page.locator("#dias-distance input[type=number]").fill("0")
    expect(page.locator("#dias-said")).to_have_text(f"{SLOTS} objects in scene.png")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Masks (PNG)").click()
    assert waiting.value.suggested_filename == "scene.mask.png"
    mask = np.asarray(Image.open(waiting.value.path()))
    assert mask.shape == (150, 200)
    assert mask.max() < SLOTS
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Slots (.npz)").click()
    slots = np.load(BytesIO(Path(waiting.value.path()).read_bytes()), allow_pickle=False)
    assert slots["slots"].shape == (1, SLOTS, MODEL.aggregation.slot_dim)
    assert page.elsewhere == []  # type: ignore[attr-defined]


def test_a_bad_file_is_refused_in_words_and_the_next_one_works(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "my notes.txt"
    bad.write_text("no picture")
    said = page.locator("#dias-said [role=alert]")
    for file, line in (
        (bad, "my notes.txt: is neither a picture"),
        (picture(tmp_path / "wide.png", 2000, 600), "wide.png: is 2000 x 600 pixels; at most 1 million"),
    ):
        page.set_input_files(UPLOAD, file)
        expect(said).to_contain_text(line)
        expect(page.locator(CANVAS)).to_have_count(0)
        page.locator("#dias-file").get_by_label("Clear").click()
        expect(page.locator("#dias-said")).to_contain_text("Drop in a picture")
    large = tmp_path / "large.png"
    large.write_bytes(bytes(2 * 2**20))
    page.set_input_files(UPLOAD, large)
    expect(page.get_by_text(re.compile("exceeds the maximum|maximum allowed size")).first).to_be_visible()


def test_two_visitors_do_not_mix(page: Page, browser: Browser, server: str, tmp_path: Path) -> None:
    with browser.new_context() as context:
        other = opened(context.new_page(), server)
        for visitor, name, width in ((page, "one.png", 120), (other, "two.png", 90)):
            visitor.set_input_files(UPLOAD, picture(tmp_path / name, width, 60))
        expect(page.locator("#dias-said")).to_contain_text("in one.png")
        expect(other.locator("#dias-said")).to_contain_text("in two.png")
        page.locator("#dias-number input[type=number]").fill("2")
        other.locator("#dias-number input[type=number]").fill("4")
        expect(page.locator("#dias-said")).to_have_text("2 objects in one.png")
        expect(other.locator("#dias-said")).to_have_text("4 objects in two.png")
        sizes = [visitor.locator(CANVAS).first.get_attribute("width") for visitor in (page, other)]
        assert sizes == ["120", "90"]
        for visitor, size, count in ((page, (120, 60), 2), (other, (90, 60), 4)):
            with visitor.expect_download() as waiting:
                visitor.get_by_role("button", name="Masks (PNG)").click()
            with Image.open(waiting.value.path()) as mask:
                assert (mask.size, len(mask.getcolors())) == (size, count)


def test_a_clip_is_followed_and_one_that_is_too_long_is_refused(page: Page, tmp_path: Path) -> None:
    page.set_input_files(UPLOAD, videos.write(tmp_path / "clip.mp4", 6))
    expect(page.locator("#dias-said")).to_contain_text("objects in clip.mp4, 3 frames")
    expect(page.locator(CANVAS)).to_have_count(3)
    frames = page.locator("#dias-explorer input[type=range]")
    assert frames.get_attribute("max") == "2"
    before = page.locator(CANVAS).first.evaluate("canvas => canvas.toDataURL()")
    frames.fill("2")
    assert page.locator(CANVAS).first.evaluate("canvas => canvas.toDataURL()") != before
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Masks").first.click()
    assert len(zipfile.ZipFile(waiting.value.path()).namelist()) == 3
    page.locator("#dias-file").get_by_label("Clear").click()
    expect(page.locator("#dias-said")).to_contain_text("Drop in a picture")
    page.set_input_files(UPLOAD, videos.write(tmp_path / "long.mp4", 60))
    expect(page.locator("#dias-said [role=alert]")).to_contain_text("or more; at most 2 are taken")


def test_no_file_of_the_server_can_be_read(server: str) -> None:
    """Paths go out as they stand here: other clients would take the dots out before they ask."""
    for path in (
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../../../../etc/passwd",
        "/gradio_api/file=%2e%2e/%2e%2e/etc/passwd",
        "/file=/etc/passwd",
        "/gradio_api/file=http://127.0.0.1:1/",
        "/gradio_api/proxy=http://127.0.0.1:1/",
        "/static/../../../../../etc/passwd",
        "/static/..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/static//etc/passwd",
        "/etc/passwd",
        "/gradio_api/vibe-code",
        "/monitoring",
        "/docs",
    ):
        asked = http.client.HTTPConnection(server.removeprefix("http://"), timeout=20)
        asked.putrequest("GET", path)
        asked.endheaders()
        answer = asked.getresponse()
        assert answer.status in (403, 404), path
        assert b"root:" not in answer.read()
        asked.close()


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"is_stream": True},
        {"path": "http://127.0.0.1:1/a.png"},
        {"path": "http://127.0.0.1:1/a.png", "is_stream": True},
        {"url": "http://127.0.0.1:1/a.png"},
    ],
)
def test_a_picture_that_nobody_uploaded_is_not_opened(server: str, more: dict[str, Any]) -> None:
    """As the page's own events name files; so might a stranger's."""
    mine = str(sorted(SCENES.iterdir())[0])
    file = {"path": mine, "orig_name": "a.png", "meta": {"_type": "gradio.FileData"}, **more}
    with httpx.Client(base_url=server, timeout=20) as client:
        config = client.get("/config").json()
        look = next(one for one in config["dependencies"] if one["targets"][0][1] == "upload")
        event = {"data": [file, "auto", 0.2, 3], "fn_index": look["id"], "session_hash": "stranger"}
        assert client.post("/gradio_api/queue/join", json=event).status_code == 200
        with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": "stranger"}) as answer:
            lines = (line for line in answer.iter_lines() if "process_completed" in line)
            told = json.loads(next(lines).removeprefix("data:"))
    assert told["success"] is False
    assert "data" not in told["output"]


def test_it_fits_a_phone(browser: Browser, server: str, tmp_path: Path) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    with browser.new_context(**phone) as context:  # type: ignore[arg-type]
        page = opened(context.new_page(), server)
        page.set_input_files(UPLOAD, picture(tmp_path / "scene.png", 200, 150))
        expect(page.locator(CANVAS)).to_have_count(3)
        page.locator(".chip").nth(1).tap()
        expect(page.locator(".likeness h3")).to_contain_text("(final)")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
