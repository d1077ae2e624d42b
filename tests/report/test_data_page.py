"""The page of a data set: its pictures and numbers in one file."""

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from dias.inspection import inspect
from dias.report.data_set import write_data_page
from toy_clips import ToyClipsConfig, make_toy_clips


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setattr("dias.data.sources._RECOGNISED", (ToyClipsConfig,))
    toys = make_toy_clips(tmp_path / "a & b")
    (toys / "val" / "clip-0" / "3.png").write_text("broken")
    (toys / "test").mkdir()
    write_data_page(inspect(toys, pictures=2, progress=False), tmp_path / "page.html")
    return (tmp_path / "page.html").read_text()


def test_the_page_has_pictures_and_asks_nothing_of_the_network(page: str) -> None:
    urls = re.findall(r'<img src="data:image/webp;base64,([^"]+)" width="(\d+)" height="(\d+)"', page)
    assert len(urls) == 4  # two clips of train, two of val: of the broken one, frames that are whole
    for text, width, height in urls:
        with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
            assert picture.size == (int(width), int(height)) == (120, 40)
    assert page.count("<svg") == 6  # three histograms of each split
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert len(ids := re.findall(r'\bid="([^"]+)"', page)) == len(set(ids))


def test_the_page_says_what_the_terminal_says(page: str) -> None:
    for said in ("DAVIS 2017: a &amp; b", "3 clips, all read, none faulty", "another number", "split=val"):
        assert said in page.replace("3 clips", "3 clips")
    assert "3.png: is no picture" in page
    assert "holds no clip" in page
