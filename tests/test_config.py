"""Settings: what is written comes back equal, and a wrong key or value is named."""

from dataclasses import replace
from pathlib import Path

import pytest

from dias.config import from_dict, read_yaml, to_dict, to_yaml, with_changes
from dias.errors import DiasError, FileError
from dias.models.image import ImageModelConfig
from dias.nn.decoders import BroadcastMLPConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSharedConfig
from dias.training.recipe import Recipe, read_recipe, save_recipe, shipped


@pytest.mark.parametrize("name", shipped())
def test_a_recipe_comes_back_from_its_file(name: str, tmp_path: Path) -> None:
    recipe = read_recipe(name)
    save_recipe(recipe, tmp_path / "r.yaml")
    assert read_recipe(str(tmp_path / "r.yaml")) == recipe
    assert from_dict(Recipe, to_dict(recipe)) == recipe


def test_changes_reach_any_depth() -> None:
    recipe = read_recipe("scenes-cpu", changes=["model.aggregation.threshold=0.3", "training.lr=1e-4"])
    assert recipe.model.aggregation.threshold == 0.3
    assert recipe.training.lr == 1e-4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("training.stpes=3", r"training\.stpes: unknown key; did you mean steps\?"),
        (
            "model.aggregation.treshold=1",
            r"model\.aggregation\.treshold: unknown key; did you mean threshold\?",
        ),
        ("data.train.path=3", r"data\.train\.path: .*string.*got 3"),
        ("training.steps=-1", r"training\.steps: .*greater than 0, got -1"),
        ("training.warmup=1.1", r"training\.warmup: .*less than or equal to 1, got 1\.1"),
        ("data.validation_share=-0.1", r"data\.validation_share: .*greater than or equal to 0, got -0\.1"),
        (
            "model.tokenizer={kind: feature_vq, residual_end: 1.5}",
            r"model\.tokenizer\.residual_end: .*less than or equal to 1, got 1\.5",
        ),
        ("training.precision=fp8", r"training\.precision: .*'bf16' or 'fp32', got 'fp8'"),
        ("model.decoder.kind=mlp", r"model\.decoder: .*'random_ar', 'broadcast_mlp'"),
        ("model.pca.x=1", "pca is a value, it has no settings inside"),
        ("training.steps", "expected KEY=VALUE"),
    ],
)
def test_a_wrong_change_is_named_in_one_line(change: str, said: str) -> None:
    with pytest.raises(DiasError, match=said) as caught:
        read_recipe("scenes-cpu", changes=[change])
    assert "\n" not in str(caught.value)


def test_a_recipe_that_is_nowhere_lists_those_that_are() -> None:
    with pytest.raises(DiasError, match="'cocoo': no such file, and none that is shipped; did you mean coco"):
        read_recipe("cocoo")


def test_yaml_builds_no_objects(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("x: !!python/object/apply:os.system ['touch executed']\n")
    with pytest.raises(DiasError, match=r"r\.yaml: is not YAML"):
        read_yaml(file)
    file.write_text("- 1\n")
    with pytest.raises(DiasError, match="holds list, expected a mapping"):
        read_yaml(file)


def test_changing_copies() -> None:
    values = {"a": {"b": 1}}
    assert with_changes(values, ["a.b=2", "a.c.d=[1, 2]"]) == {"a": {"b": 2, "c": {"d": [1, 2]}}}
    assert values == {"a": {"b": 1}}


def test_yaml_keeps_the_order_of_the_class() -> None:
    assert to_yaml(read_recipe("scenes")).startswith("about:")


def write(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def test_a_recipe_that_extends_another_sets_only_what_differs(tmp_path: Path) -> None:
    mine = write(
        tmp_path / "mine.yaml",
        "extends: scenes-cpu\nmodel:\n  queries: {kind: shared}\n  aggregation: {threshold: 0.5}\n"
        "  decoder: {kind: broadcast_mlp, hidden: 32}\n",
    )
    base, found = read_recipe("scenes-cpu"), read_recipe(str(mine))
    assert found.training == base.training
    assert found.model.aggregation == replace(base.model.aggregation, threshold=0.5)
    assert (
        found.model.queries == NormalSharedConfig()
    )  # of another kind: begun anew, without the base's slots
    assert found.model.decoder == BroadcastMLPConfig(hidden=32)
    further = write(tmp_path / "further.yaml", "extends: mine.yaml\ntraining: {steps: 7}\n")
    assert read_recipe(str(further)) == replace(found, training=replace(found.training, steps=7))


def test_recipes_in_a_circle_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "extends: b.yaml\n")
    other = write(tmp_path / "b.yaml", "extends: a.yaml\n")
    with pytest.raises(FileError, match="extends itself"):
        read_recipe(str(other))
    with pytest.raises(FileError, match=r"extends \[1\]; give the name of a recipe"):
        read_recipe(str(write(tmp_path / "c.yaml", "extends: [1]\n")))


def test_settings_without_a_kind_are_of_the_usual_one() -> None:
    """Checkpoints from before there were kinds of aggregation."""
    found = from_dict(ImageModelConfig, {"aggregation": {"slot_dim": 8}})
    assert found.aggregation == AggregationConfig(slot_dim=8)
    with pytest.raises(DiasError, match="nothing"):
        from_dict(ImageModelConfig, {"aggregation": {"kind": "nothing"}})
