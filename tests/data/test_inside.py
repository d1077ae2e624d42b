"""A data set's own files may name files, but none outside its folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dias.data.inside import inside
from dias.errors import FileError

FOLDER, JSON = Path("coco/val2017"), Path("coco/instances.json")


@pytest.mark.parametrize("name", ["000000000139.jpg", "clip/00000.jpg", "a/./b.png", "ä b.jpg"])
def test_names_below_the_folder(name: str) -> None:
    assert inside(FOLDER, name, named_by=JSON) == FOLDER / name


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/passwd", "C:/x", "a\\..\\x", "a\0b", "", ".", "//x", 7, None]
)
def test_names_that_lead_elsewhere(name: object) -> None:
    with pytest.raises(FileError, match=r"coco/instances\.json: names .*"):
        inside(FOLDER, name, named_by=JSON)


@given(st.text(alphabet=st.sampled_from("./\\ab\0:~"), max_size=12))
def test_no_name_leads_out(name: str) -> None:
    try:
        found = inside(FOLDER, name, named_by=JSON)
    except FileError:
        return
    assert found.resolve().is_relative_to(FOLDER.resolve())
    assert found != FOLDER
