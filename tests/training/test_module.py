"""What a kind of training has to bring with it."""

import pytest

from dias.training.module import ImageTraining, Training
from dias.training.tokenizing import TokenizerTraining

OWN = ("loss", "save", "trained")


@pytest.mark.parametrize("missing", OWN)
def test_a_kind_of_training_without_one_of_its_parts_cannot_be_made(missing: str) -> None:
    parts = {name: lambda self: None for name in OWN if name != missing}
    kind = type("Half", (Training,), parts)
    with pytest.raises(TypeError, match=f"abstract method '?{missing}'?"):
        kind()
    assert type("Whole", (Training,), {**parts, missing: lambda self: None})()


def test_the_kinds_that_there_are_have_all_of_them() -> None:
    assert not ImageTraining.__abstractmethods__ | TokenizerTraining.__abstractmethods__
