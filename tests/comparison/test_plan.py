"""What a comparison settles before it starts."""

from pathlib import Path

import pytest
import yaml

from dias.backbones import BackboneConfig, FrozenBackbone
from dias.cli.compare import compare
from dias.comparison.caption import unreached
from dias.comparison.plan import Plan, Wish, length, make_plan
from dias.data.frames import images_of
from dias.errors import DiasError
from dias.features import Views, build_cache
from dias.training.recipe import read_recipe, save_recipe
from tiny_run import make_files, settings


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_files(tmp_path_factory.mktemp("plan"))
    (folder / "one.yaml").write_text(yaml.safe_dump(settings(folder)))
    (folder / "two.yaml").write_text(yaml.safe_dump(settings(folder)))
    return folder


def wish(files: Path, *names: str, **more: object) -> Wish:
    recipes = tuple(str(files / f"{name}.yaml") for name in names)
    usual: dict[str, object] = {"evaluate_on": files / "pictures", "folder": files / "out"}
    return Wish(recipes=recipes, seeds=(1, 2), **usual | more)


def test_every_run_has_its_folder_seed_and_command(files: Path) -> None:
    plan = make_plan(wish(files, "one", "two", changes=("training.steps=7",), accelerator="cpu"))
    assert [method.name for method in plan.methods] == ["one", "two"]
    run = plan.methods[1].runs[1]
    assert run.folder == files / "out" / "two" / "seed-2"
    assert (run.recipe.training.seed, run.recipe.training.steps) == (2, 7)
    assert run.words[:2] == ("train", str(files / "two.yaml"))
    assert "--set training.steps=7 --accelerator cpu" in " ".join(run.words)
    assert not run.finished
    assert not run.begun
    assert len(plan.source) == 8


def test_the_recipes_own_data_keeps_its_validation_set(files: Path) -> None:
    images = files / "pictures" / "images"
    own = make_plan(wish(files, "one", data=images)).methods[0].runs[0]
    assert own.recipe.data.validation is not None
    assert "--data" not in own.words
    other = make_plan(wish(files, "one", data=files / "pictures")).methods[0].runs[0]
    assert other.recipe.data.validation is None
    assert "--data" in other.words


def test_pictures_that_chose_the_checkpoint_are_told(files: Path) -> None:
    assert make_plan(wish(files, "one")).seen_before == ["one"]


def test_a_run_of_other_settings_is_not_taken_for_this_one(files: Path, tmp_path: Path) -> None:
    before = tmp_path / "one" / "seed-1"
    before.mkdir(parents=True)
    (before / "state.ckpt").touch()
    save_recipe(read_recipe(str(files / "one.yaml"), changes=["training.steps=3"]), before / "recipe.yaml")
    with pytest.raises(DiasError, match=r"recipe\.yaml: differs from the recipe now given"):
        make_plan(wish(files, "one", folder=tmp_path))


def test_different_data_are_refused(files: Path) -> None:
    values = settings(files)
    values["data"]["train"]["path"] = str(files / "pictures" / "masks")
    (files / "elsewhere.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(DiasError, match="name the same data for all with --data"):
        make_plan(wish(files, "one", "elsewhere"))


def test_a_backbone_is_loaded_once_to_see_which_methods_the_cache_fits(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read_recipe(str(files / "one.yaml"))
    source, backbone = images_of(recipe.data.train.build()), recipe.model.backbone.build()
    views = Views(number=1, size=28, seed=1)
    build_cache(source, backbone, tmp_path / "cache", views=views, batch=4, progress=False)
    values = settings(files)
    values["model"]["backbone"]["final_norm"] = True
    (files / "normed.yaml").write_text(yaml.safe_dump(values))
    loaded: list[bool] = []
    build = BackboneConfig.build

    def counted(self: BackboneConfig) -> FrozenBackbone:
        loaded.append(self.final_norm)
        return build(self)

    monkeypatch.setattr(BackboneConfig, "build", counted)
    plan = make_plan(wish(files, "one", "two", "normed", cache=tmp_path / "cache"))
    cached = [[run.recipe.data.cache is not None for run in method.runs] for method in plan.methods]
    assert cached == [[True, True], [True, True], [False, False]]
    assert loaded == [False, True]


@pytest.fixture(scope="module")
def staged(files: Path) -> Path:
    """Recipes of the same data with an earlier stage: own.yaml sets its steps, taken.yaml does not."""
    values = settings(files)
    values["model"] |= {"tokenizer": {"kind": "dvae"}, "target": "codes", "decoder": {"kind": "code_ar"}}
    (files / "taken.yaml").write_text(yaml.safe_dump(values | {"earlier": {"kind": "tokenizer"}}))
    earlier = {"kind": "tokenizer", "training": {"steps": 1000}}
    (files / "own.yaml").write_text(yaml.safe_dump(values | {"earlier": earlier}))
    return files


def test_stages_that_a_change_of_steps_does_not_reach_are_told(staged: Path) -> None:
    def said(*names: str, changes: tuple[str, ...] = ("training.steps=7",)) -> str | None:
        return unreached(make_plan(wish(staged, *names, changes=changes)))

    assert said("one", "taken", "own") == (
        "--set training.steps=7 leaves stages with steps of their own as they are: own's tokenizer (1,000); "
        "to change those: a recipe that extends theirs, with earlier.training.steps=N"
    )
    assert str(said("taken", "own")).endswith("change those: --set earlier.training.steps=N")
    assert said("one", "taken") is None
    assert said("own", changes=("training.steps=7", "earlier.training.steps=3")) is None
    assert said("own", changes=("training.lr=0.1",)) is None
    assert said("own", changes=("training.steps=7", "earlier.weights=x")) is None


def test_they_are_told_before_anything_is_trained(
    staged: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def begins(plan: Plan, **options: object) -> None:
        raise DiasError("the first run begins")

    monkeypatch.setattr("dias.comparison.compare", begins)
    own, steps = [str(staged / "own.yaml")], ["training.steps=7"]
    with pytest.raises(DiasError, match="the first run begins"):
        compare(own, eval=staged / "pictures", change=steps, out=staged / "no")
    assert "dias compare: --set training.steps=7 leaves" in capsys.readouterr().err


def test_stages_count() -> None:
    recipe = read_recipe("scenes-cpu")
    assert length(recipe) == (recipe.training.steps,)
    staged = read_recipe(
        "scenes-cpu",
        changes=["earlier.kind=teacher", "earlier.model={}", "earlier.training.steps=9", "training.steps=4"],
    )
    assert length(staged) == (9, 4)
    given = read_recipe(
        "scenes-cpu", changes=["earlier.kind=teacher", "earlier.model={}", "earlier.weights=x"]
    )
    assert length(given) == (given.training.steps,)
