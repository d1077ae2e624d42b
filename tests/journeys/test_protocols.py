"""`dias eval` by a protocol, as a user meets it."""

import json
from collections.abc import Callable
from pathlib import Path

from conftest import Said

Dias = Callable[..., Said]


def test_a_protocol_is_chosen_changed_and_told(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    out = tmp_path / "result.json"
    where = (tiny / "run", tiny / "pictures", "--out", out)
    said = dias("eval", *where, "--protocol", "spot", "--size", 56, "--unlabelled", "area", "--markdown")
    assert said.code == 0, said.err
    assert "protocol spot+size=56+unlabelled=area" in said.out
    whole = json.loads(out.read_text())
    assert (whole["data"]["kind"], whole["data"]["path"]) == ("folder", str(tiny / "pictures" / "images"))
    stored = whole["evaluations"][0]
    assert stored["protocol"] == "spot+size=56+unlabelled=area"
    assert stored["config"]["rules"] == {
        "protocol": "spot", "size": 56, "view": 224, "map": "decoder", "background": False,
        "unlabelled": "area", "objectless": "one", "int64": False,
    }  # fmt: skip


def test_the_overflow_is_said_wherever_there_are_numbers(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    out = tmp_path / "result.json"
    said = dias("eval", tiny / "run", tiny / "pictures", "--out", out, "--size", 28, "--int64")
    assert said.code == 0, said.err
    assert "dias+size=28+int64=yes" in said.out
    assert "not the true values" in " ".join(said.out.split())
    assert "--int64: ARI and ARIfg overflow" in said.err
    assert "not the true values" in json.loads(out.read_text())["evaluations"][0]["warning"]
    plain = dias("eval", tiny / "run", tiny / "pictures", "--out", out, "--size", 28)
    assert "overflow in int64" not in plain.out + plain.err


def test_rules_that_contradict_each_other_are_refused(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    where = ("eval", tiny / "run", tiny / "pictures", "--out", tmp_path / "x.json")
    line = dias(*where, "--protocol", "spot", "--int64").line
    assert "protocol spot with int64: only the code of dias overflows; leave one of them out" in line
    assert dias(*where, "--protocol", "other").code == 2
    assert not (tmp_path / "x.json").exists()
