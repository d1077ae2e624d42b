"""Protocols: what they are called when changed, and what cannot be."""

import pytest

from dias.config import from_dict, to_dict
from dias.errors import DiasError
from dias.evaluation import EvaluationConfig, Rules, rules_of


@pytest.mark.parametrize("protocol", ["dias", "spot", "videosaur"])
def test_a_protocol_as_it_is_has_its_own_name(protocol: str) -> None:
    assert rules_of(protocol).name == protocol
    assert rules_of(protocol, size=rules_of(protocol).size).name == protocol  # said again, but not changed


def test_rules_of_the_three() -> None:
    """The table of docs/data.md."""
    told = {
        name: (rules.size, rules.view or rules.size, rules.background, rules.unlabelled, rules.objectless)
        for name in ("dias", "spot", "videosaur")
        for rules in [rules_of(name)]
    }
    assert told == {
        "dias": (256, 256, True, "area", "left-out"),
        "spot": (320, 224, False, "nowhere", "one"),
        "videosaur": (224, 224, False, "nowhere", "left-out"),
    }
    assert EvaluationConfig().rules == rules_of("dias")


@pytest.mark.parametrize(
    ("protocol", "changes", "name"),
    [
        ("dias", {"size": 320}, "dias+size=320"),
        ("dias", {"int64": True, "background": False}, "dias+background=no+int64=yes"),
        ("spot", {"unlabelled": "area", "map": "aggregation"}, "spot+map=aggregation+unlabelled=area"),
        ("spot", {"view": None}, "spot+view=size"),
        ("videosaur", {"objectless": "one"}, "videosaur+objectless=one"),
    ],
)
def test_a_changed_rule_is_part_of_the_name(protocol: str, changes: dict[str, object], name: str) -> None:
    rules = rules_of(protocol, **changes)
    assert rules.name == name
    assert from_dict(Rules, to_dict(rules)) == rules  # as a result file keeps it
    assert set(to_dict(rules)) >= {"size", "view", "map", "background", "unlabelled", "objectless", "int64"}


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(DiasError, match="protocol spot with int64: only the code of dias overflows"):
        rules_of("spot", int64=True)
    with pytest.raises(DiasError, match="unlabelled"):
        rules_of("dias", unlabelled="somewhere")
    with pytest.raises(DiasError, match="unlabeled: unknown key; did you mean unlabelled"):
        rules_of("dias", unlabeled="area")


def test_the_threshold_is_stored_as_it_was_meant() -> None:
    for told, stored in (("0.3", 0.3), ("gap", {"kind": "gap", "floor": 0.1}), (None, None)):
        config = from_dict(EvaluationConfig, {"threshold": told})
        assert to_dict(config)["threshold"] == stored
        assert from_dict(EvaluationConfig, to_dict(config)) == config
    automatic = from_dict(EvaluationConfig, {"threshold": "auto"})
    assert to_dict(automatic)["threshold"]["kind"] == "removal"
