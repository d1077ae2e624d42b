"""Pictures of a page in headless Chromium: as on a desk, on a phone (390 pixels wide), and on paper.

python scripts/screenshot.py report.html shots

Writes shots/desk.png, shots/phone.png and shots/paper.pdf, and says if anything is wider than the phone.
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

PHONE = 390  # pixels
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=5000")
# A frame has the width that it is given; a window of Chromium has a least one, which is wider than a phone.
_FRAME = """<!DOCTYPE html><meta charset="utf-8"><style>body{{margin:0}}iframe{{border:0}}</style>
<iframe width="{width}" height="{height}" srcdoc="{page}"></iframe><pre id="told"></pre><script>
document.querySelector("iframe").onload = event => {{
  const inside = event.target.contentDocument, wide = [];
  for (const one of inside.querySelectorAll("body *")) {{
    if (one.closest(".scroll, pre, svg")) continue;
    if (one.getBoundingClientRect().right > {width} + 1) wide.push(one.tagName + "." + one.className);
  }}
  const broken = [...inside.images].filter(one => one.complete && !one.naturalWidth).length;
  document.getElementById("told").textContent = JSON.stringify({{
    width: inside.documentElement.scrollWidth, height: inside.documentElement.scrollHeight,
    wide: wide, images: inside.images.length, broken: broken}});
}};
</script>"""


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--height", type=int, default=6000, help="of the pictures at most, in pixels")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    told = measured(given.page, width=PHONE)
    height = min(told["height"], given.height)
    with tempfile.TemporaryDirectory() as place:
        frame = framed(given.page, Path(place), width=PHONE, height=height)
        chromium(f"--screenshot={given.out / 'phone.png'}", f"--window-size={PHONE},{height}", frame.as_uri())
    address = given.page.resolve().as_uri()
    chromium(f"--screenshot={given.out / 'desk.png'}", f"--window-size=1200,{given.height}", address)
    chromium(f"--print-to-pdf={given.out / 'paper.pdf'}", "--no-pdf-header-footer", address)
    print(json.dumps(told))


def measured(page: Path, *, width: int) -> dict:
    """Width and height of a page in a frame, what is wider than it, and how many pictures do not load."""
    with tempfile.TemporaryDirectory() as place:
        frame = framed(page, Path(place), width=width, height=800)
        said = chromium("--dump-dom", frame.as_uri())
    found = re.search(r'<pre id="told">(.*?)</pre>', said, flags=re.DOTALL)
    assert found is not None and found[1], said[-500:]  # noqa: PT018 (one thing: it has told)
    told: dict = json.loads(html.unescape(found[1]))
    return told


def framed(page: Path, place: Path, *, width: int, height: int) -> Path:
    """A page with that page in a frame."""
    text = html.escape(page.read_text(encoding="utf-8").replace('loading="lazy"', ""))
    file = place / "frame.html"
    file.write_text(_FRAME.format(width=width, height=height, page=text), encoding="utf-8")
    return file


def chromium(*words: str) -> str:
    """Run Chromium; what it writes."""
    program = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
    with tempfile.TemporaryDirectory() as profile:
        command = [program, *_FLAGS, f"--user-data-dir={profile}", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


if __name__ == "__main__":
    main()
