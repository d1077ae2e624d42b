"""What the terminal shows fits 80 columns and says what matters."""

import io
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from dias.data.catalogue import DATA_SETS
from dias.errors import DiasError
from dias.inspection import Fault, Inspection, inspect
from dias.inspection.listing import details, table
from dias.inspection.text import all_shown, fault_lines, lines
from toy_clips import ToyClipsConfig, make_toy_clips


def shown(what: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_list_names_every_set_with_licence_and_site_in_80_columns() -> None:
    text = shown(table())
    assert max(map(len, text.splitlines())) <= 80
    for one in DATA_SETS:
        assert f"\n{one.kind} " in text
    assert "https://cocodataset.org/#download" in text
    assert "CC BY 4.0" in text
    assert "…" not in text  # nothing is cut off


@pytest.mark.parametrize("name", [one.kind for one in DATA_SETS])
def test_details_fit_and_leave_nothing_out(name: str) -> None:
    one = next(one for one in DATA_SETS if one.kind == name)
    text = shown(details(name))
    assert max(map(len, text.splitlines())) <= 80
    words = set(text.split())
    for line in (*one.layout, *one.archives, one.licence, one.mark):
        assert set(line.split()) <= words


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(DiasError, match="did you mean coco"):
        details("cocoa")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Inspection:
    monkeypatch.setattr("dias.data.sources._RECOGNISED", (ToyClipsConfig,))
    monkeypatch.chdir(tmp_path)
    return inspect(make_toy_clips(Path("toys")), progress=False, jobs=2)


def test_findings_fit_and_warn_of_another_number(found: Inspection) -> None:
    text = list(lines(found))
    assert max(map(len, text)) <= 80
    assert text[0] == "toys: DAVIS 2017 (kind davis),"
    assert any(line.startswith("train: 3 clips, all read, none faulty") for line in text)
    assert any("warning: 3 clips here, 60 published" in line for line in text)
    assert any(line.split() == ["settings", "split=val"] for line in text)
    assert any("50.00% to 100.00%, median 75.00% (share of its clip's frames)" in line for line in text)
    assert any(line.split() == ["objects", "/", "frame", "1", "to", "2,", "median", "1.5"] for line in text)


def test_the_first_twenty_faults_are_shown(found: Inspection) -> None:
    part = vars(found.parts[0]) | {
        "faults": tuple(Fault(name=str(i), file="f", line=f"f{i}: bad") for i in range(25))
    }
    many = Inspection(**(vars(found) | {"parts": (type(found.parts[0])(**part),)}))
    text = list(fault_lines(many))
    assert text[0] == "faulty: f0: bad"
    assert (len(text), text[-1]) == (21, "... and 5 more")
    assert not all_shown(many)
    assert all_shown(found)
