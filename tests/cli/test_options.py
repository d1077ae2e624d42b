"""Verbs that use a model agree on what an option of one name means."""

import pytest
import typer

from dias.cli.main import app

VERBS = typer.main.get_group(app).commands


@pytest.mark.parametrize(
    ("option", "verbs"),
    [
        ("threshold", ("eval", "segment")),
        ("weights", ("eval", "segment", "edit")),
        ("device", ("eval", "segment", "edit")),
        ("data_set", ("eval", "segment", "edit", "train", "compare")),
    ],
)
def test_one_option_is_told_alike_by_all_verbs(option: str, verbs: tuple[str, ...]) -> None:
    told = {
        (found.help, found.metavar, found.default)  # type: ignore[attr-defined]
        for verb in verbs
        for found in VERBS[verb].params
        if found.name == option
    }
    assert len(told) == 1
    assert all(option in {found.name for found in VERBS[verb].params} for verb in verbs)
