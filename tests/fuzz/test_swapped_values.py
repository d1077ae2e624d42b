"""A value of a JSON file swapped for another: an error in one line, soon, and in little memory."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.formats import FORMATS, try_reading

resource = pytest.importorskip("resource")  # not on Windows

KINDS = (
    "cache",
    "clevrer annotation",
    "clevrer questions",
    "clevrer segments",
    "coco instances json",
    "coco panoptic json",
    "movi declaration",
    "movi info",
    "pack index",
    "pack manifest",
    "scenes",
    "scenes objects",
    "ytvis json",
)
DEEP: list[Any] = []
for _ in range(200):
    DEEP = [DEEP]
VALUES = (2**63, 2**31 - 1, -1, 0, 10**12, 1e308, 0.5, "", "../..", None, True, [], {}, DEEP)
READ = {"movi declaration": ("featuresDict", "features", "video")}  # the part that is read, if not all is
SECONDS = 10
ROOM = 1 << 30  # bytes that a reader may take beyond what the process has

Place = tuple[str | int, ...]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_swapped_values_end_in_one_line(kind: str, tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "whole"
    if not folder.exists():
        folder.mkdir()
        whole = FORMATS[kind].prepare(folder)
        (tmp_path / "name").write_text(whole.relative_to(folder).as_posix())
        (tmp_path / "text").write_text(whole.read_text())
    file, documents = folder / (tmp_path / "name").read_text(), _documents((tmp_path / "text").read_text())
    places = [place for place in _places(documents) if place[1:4] == READ.get(kind, place[1:4])]
    place = data.draw(st.sampled_from(places))
    for value in VALUES:
        _put(documents, place, value)
        text = "\n".join(json.dumps(document) for document in documents)
        with bounded():
            try_reading(FORMATS[kind], file, text.encode())


def test_the_bounds_hold() -> None:
    with pytest.raises(MemoryError), bounded():
        bytearray(8 * ROOM)
    with pytest.raises(TimeoutError), bounded(seconds=0.1):
        time.sleep(5)


@contextmanager
def bounded(seconds: float = SECONDS) -> Iterator[None]:
    """Neither endless nor greedy: TimeoutError, MemoryError."""

    def too_long(*_: object) -> None:
        raise TimeoutError

    pages = Path("/proc/self/statm")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        if pages.exists():  # Linux
            taken = int(pages.read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, hard))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _documents(text: str) -> list[Any]:
    """One, or one a line."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]


def _places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Ways to every value in a document; of a list, to the first few values or the first of its parts."""
    inner = list(value.items()) if isinstance(value, dict) else []
    if isinstance(value, list):
        nested = any(isinstance(one, dict | list) for one in value)
        inner = list(enumerate(value))[: 1 if nested else 4]
    for key, one in inner:
        yield (*at, key)
        yield from _places(one, (*at, key))


def _put(value: Any, place: Place, new: Any) -> None:
    for key in place[:-1]:
        value = value[key]
    value[place[-1]] = new
