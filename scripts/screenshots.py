"""The pictures of the page and of a report that the README shows, taken anew.

python scripts/screenshots.py

Starts `dias app`, drops a scene on it in headless Chromium, points at an object; evaluates a checkpoint and
opens the report. Writes docs/assets/page.webp, page-phone.webp and report.webp. Needs `.[dev]` and Chromium
(scripts/system-packages.sh).
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
MOST_BYTES = 300_000
POINTED = (0.58, 0.42)  # at an object of the picture: right and down, in shares of its side
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True}
DESK = {"viewport": {"width": 1280, "height": 860}, "device_scale_factor": 1.5}


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "assets")
    parser.add_argument("--picture", type=Path, default=ROOT / "data/scenes/test/images/000012.webp")
    parser.add_argument("--checkpoint", type=Path, default=ROOT / "data/models/scenes-cpu.safetensors")
    parser.add_argument("--data", type=Path, default=ROOT / "data/scenes/test")
    parser.add_argument("--report", type=Path, help="a report that there is, instead of evaluating")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        with served() as address:
            for name, device in (("page", DESK), ("page-phone", PHONE)):
                save(of_page(browser, device, address, given.picture), given.out / f"{name}.webp")
        report = given.report or evaluated(given.checkpoint, given.data, Path(place))
        save(of_report(browser, DESK, report), given.out / "report.webp")


def of_page(browser: Browser, device: dict, address: str, picture: Path) -> bytes:
    """The page of `dias app`, an object of a picture pointed at."""
    with opened(browser, device, address) as page:
        page.set_input_files("#dias-file input[type=file]", picture)
        final = page.locator("#dias-explorer canvas").nth(2)
        side = final.bounding_box()["width"]
        final.click(position={"x": POINTED[0] * side, "y": POINTED[1] * side})
        page.wait_for_function("document.querySelectorAll('.like').length > 0")
        return page.screenshot(full_page=True)


def of_report(browser: Browser, device: dict, report: Path) -> bytes:
    """The top of a report: scores, four of its charts, the first image that it looks at closely."""
    with opened(browser, device, report.resolve().as_uri()) as page:
        page.evaluate(
            """() => { for (const one of document.images) one.loading = 'eager';
              document.querySelector('section').remove();
              [...document.querySelectorAll('.charts .chart')].slice(3, -1).forEach(one => one.remove());
              const look = document.querySelector('.look'), part = look.closest('section');
              for (let next = look.nextElementSibling; next; next = look.nextElementSibling) next.remove();
              while (part.nextElementSibling) part.nextElementSibling.remove(); }"""
        )
        page.wait_for_function("[...document.images].every(one => one.complete && one.naturalWidth)")
        return page.screenshot(full_page=True)


@contextmanager
def opened(browser: Browser, device: dict, address: str) -> Iterator[Page]:
    """A page in a context of its own."""
    with browser.new_context(**device, color_scheme="light") as context:
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(address)
        yield page


@contextmanager
def served() -> Iterator[str]:
    """`dias app` and its address."""
    command = [sys.executable, "-m", "dias.cli.main", "app", "--port", "0"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        yield found[0]
    finally:
        running.terminate()
        running.wait(30)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's, without a window."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def evaluated(checkpoint: Path, data: Path, place: Path) -> Path:
    """The report of an evaluation."""
    report = place / "report.html"
    words = ["eval", checkpoint, data, "--size", "224", "--out", place / "result.json", "--report", report]
    subprocess.run([sys.executable, "-m", "dias.cli.main", *map(str, words)], check=True, cwd=ROOT)
    return report


def save(shot: bytes, file: Path) -> None:
    """As WebP, as good as the limit on its bytes allows."""
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    for quality in (90, 80, 70, 60, 50, 40):
        stream = io.BytesIO()
        picture.save(stream, "WEBP", quality=quality, method=6)
        if stream.tell() <= MOST_BYTES:
            break
    file.write_bytes(stream.getvalue())
    print(f"{file}: {picture.width} x {picture.height}, {stream.tell():,} bytes")


if __name__ == "__main__":
    main()
