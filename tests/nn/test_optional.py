"""What is said where a library of an extra is missing."""

import sys

import pytest

from dias.errors import DiasError, how_to_install
from dias.nn.optional import diffusers


def test_the_library_that_is_there_is_given() -> None:
    library = pytest.importorskip("diffusers")
    assert diffusers(needed_by="a test") is library


@pytest.mark.parametrize(("otherwise", "end"), [("", ""), ("take kind conv", ", or take kind conv")])
def test_a_missing_library_is_told_with_what_needs_it_and_its_extra(
    otherwise: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(DiasError) as error:
        diffusers(needed_by="model.x of kind y", otherwise=otherwise)
    line = f"model.x of kind y: diffusers is not installed; run: {how_to_install('diffusion')}"
    assert str(error.value) == line + end
