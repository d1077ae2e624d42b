from dataclasses import replace
from pathlib import Path

import pytest

from dias.backbones import BackboneConfig
from dias.config import from_dict, to_dict
from dias.errors import DiasError
from dias.training.recipe import Recipe, read_recipe, save_recipe, shipped

DATA_SETS = [
    "clevrtex", "coco", "davis", "movi-c", "movi-d", "movi-e", "pretrained", "scenes", "scenes-cpu", "voc",
    "ytvis",
]  # fmt: skip
CLIPS = [
    "dias-clips-boxes-cpu", "dias-clips-cpu", "dias-clips-from-pictures-cpu", "dias-movi-d", "dias-ytvis"
]  # fmt: skip
METHODS = [
    "adaslot", "bo-qsa", "dinosaur-mlp", "dinosaur-transformer", "metaslot", "slate", "slot-attention",
    "slotdiffusion", "smoothsa", "spot", "spot-stage-1", "vvo-dfz", "vvo-dias", "vvo-mlp", "vvo-tfd",
]  # fmt: skip
CLIP_METHODS = [
    "randsfq", "savi", "slotcontrast", "smoothsa-video", "steve", "temporal-ar", "videosaur", "vvo-tfdt",
]  # fmt: skip


def test_the_recipes_are_those_that_are_promised() -> None:
    """Each method at the paper's size, and for two cores."""
    assert shipped()[: len(DATA_SETS)] == DATA_SETS
    rest = shipped()[len(DATA_SETS) :]
    assert rest[: len(CLIPS)] == CLIPS
    assert set(rest[len(CLIPS) :]) == {
        f"{name}{size}" for name in METHODS + CLIP_METHODS for size in ("", "-cpu")
    }


@pytest.mark.parametrize("size", ["", "-cpu"])
@pytest.mark.parametrize("name", METHODS)
def test_methods_differ_in_the_method_alone(name: str, size: str) -> None:
    """Equal terms: the same data, backbone (but for pixels), steps, batch and slots as DIAS in that size."""
    dias, method = read_recipe(f"scenes{size}"), read_recipe(f"{name}{size}")
    assert (method.data.train, method.data.validation) == (dias.data.train, dias.data.validation)
    assert method.training.steps == dias.training.steps
    assert method.model.queries.slots == dias.model.queries.slots
    if name != "slot-attention":
        assert method.data == dias.data
        assert method.training.batch == dias.training.batch
        assert method.model.pca == dias.model.pca
        assert method.model.aggregation.slot_dim == dias.model.aggregation.slot_dim


@pytest.mark.parametrize("name", CLIP_METHODS)
def test_methods_of_clips_differ_in_the_method_alone(name: str) -> None:
    """Equal terms: data, backbone (but for pixels), windows, steps, batch and slots as DIAS on clips."""
    for dias, method in (
        (read_recipe("dias-movi-d"), read_recipe(name)),
        (read_recipe("dias-clips-cpu"), read_recipe(f"{name}-cpu")),
    ):
        assert method.clip is not None
        assert dias.clip is not None
        assert method.training == dias.training
        assert method.model.queries.slots == dias.model.queries.slots
        assert (method.clip.frames, method.clip.cues) == (dias.clip.frames, dias.clip.cues)
        assert method.data.validation == dias.data.validation
        if name != "savi":
            assert method.data == dias.data
            assert isinstance(method.model.backbone, BackboneConfig)
            backbone = replace(method.model.backbone, keys=False)  # VideoSAUR asks for them besides
            assert (backbone, method.model.pca) == (dias.model.backbone, dias.model.pca)


@pytest.mark.parametrize("name", shipped())
def test_every_recipe_builds_its_model_and_survives_a_round_trip(name: str, tmp_path: Path) -> None:
    recipe = read_recipe(name)
    model = replace(recipe.model, tuned_blocks=0)  # those are of a backbone: there may be none
    replace(recipe, model=model).built(None)
    assert from_dict(Recipe, to_dict(recipe)) == recipe
    save_recipe(recipe, tmp_path / "copy.yaml")
    assert read_recipe(str(tmp_path / "copy.yaml")) == recipe


@pytest.mark.parametrize(
    ("name", "slots", "steps"),
    [
        ("clevrtex", 11, 50_000),
        ("coco", 7, 100_000),
        ("movi-c", 11, 50_000),
        ("movi-d", 21, 50_000),
        ("movi-e", 24, 50_000),
        ("voc", 6, 50_000),
    ],
)
def test_the_papers_hyper_parameters(name: str, slots: int, steps: int) -> None:
    """Method, section 6."""
    recipe = read_recipe(name)
    assert recipe.model.queries.slots == slots
    assert recipe.model.aggregation.slot_dim == 256
    assert recipe.model.aggregation.iterations == 3
    training = recipe.training
    assert (training.steps, training.batch, training.lr, training.warmup, training.floor, training.clip) == (
        steps, 32, 2e-4, 0.05, 1e-3, 1.0,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "slots", "frames"), [("dias-movi-d", 21, 6), ("dias-ytvis", 7, 5)])
def test_the_hyper_parameters_of_clips(name: str, slots: int, frames: int) -> None:
    """Those that all methods through time have in common (reference study, 1.1)."""
    recipe = read_recipe(name)
    assert recipe.clip is not None
    assert (recipe.model.queries.slots, recipe.clip.frames) == (slots, frames)
    assert (recipe.clip.cues is not None) is (name == "dias-movi-d")
    training = recipe.training
    assert (training.steps, training.batch, training.lr, training.clip) == (50_000, 8, 5e-5, 0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("training.stepz=5", "training.stepz: unknown key"),
        ("model.decoder.kind=magic", "model.decoder"),
        ("training.lr=-1", "training.lr: Input should be greater than 0, got -1"),
        ("training", "expected KEY=VALUE"),
        ("training.lr.peak=1", "lr is a value"),
    ],
)
def test_a_wrong_setting_is_named(change: str, message: str) -> None:
    with pytest.raises(DiasError) as error:
        read_recipe("scenes-cpu", changes=[change])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_recipe_is_told_what_is_alike() -> None:
    with pytest.raises(
        DiasError, match=r"'coca': no such file, and none that is shipped; did you mean coco\?"
    ):
        read_recipe("coca")
    with pytest.raises(DiasError, match="`dias recipes list` lists the shipped ones"):
        read_recipe("xyz")


def test_changes_reach_their_settings() -> None:
    recipe = read_recipe(
        "coco", changes=["model.queries.slots=9", "training.precision=fp32", "data.views=null"]
    )
    assert recipe.model.queries.slots == 9
    assert recipe.training.precision == "fp32"
    assert recipe.data.views is None
