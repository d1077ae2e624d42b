"""Damaged, shortened and swapped bytes: an error in one line, whatever the file."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fuzz.formats import FORMATS, try_reading


@st.composite
def damages(draw: st.DrawFn) -> list[tuple[str, float, bytes]]:
    """Some edits: what is done, where (as a share of the file), and with which bytes."""
    edit = st.tuples(
        st.sampled_from(["write", "insert", "cut", "end"]), st.floats(0, 1), st.binary(min_size=1, max_size=8)
    )
    return draw(st.lists(edit, min_size=1, max_size=4))


def damaged(whole: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    for how, share, new in edits:
        place = int(share * len(whole))
        match how:
            case "write":
                whole = whole[:place] + new + whole[place + len(new) :]
            case "insert":
                whole = whole[:place] + new + whole[place:]
            case "cut":
                whole = whole[:place] + whole[place + 8 * len(new) :]
            case "end":
                whole = whole[:place]
    return whole


@pytest.fixture(params=sorted(FORMATS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_whole_file_is_read(kind: str, tmp_path: Path) -> None:
    FORMATS[kind].read(FORMATS[kind].prepare(tmp_path))


@given(edits=damages())
@example(edits=[("end", 0.0, b"x")])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_ends_in_one_line(kind: str, tmp_path: Path, edits: list[tuple[str, float, bytes]]) -> None:
    whole = tmp_path / "whole"
    if not whole.exists():
        whole.mkdir()
        file = FORMATS[kind].prepare(whole)
        (tmp_path / "name").write_text(file.relative_to(whole).as_posix())
        (tmp_path / "bytes").write_bytes(file.read_bytes())
    file = whole / (tmp_path / "name").read_text()
    try_reading(FORMATS[kind], file, damaged((tmp_path / "bytes").read_bytes(), edits))
