"""The shipped recipes of real data sets, each trained for some steps on a miniature of its own layout."""

import json
from pathlib import Path

import pytest

from dias.data.samples import ImageSource
from dias.training.recipe import read_recipe
from dias.training.run import train
from miniatures import clevrtex, coco, voc
from tiny_run import QUIET, journal, make_files, settings


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("name", ["clevrtex", "coco", "voc"])
def test_a_recipe_trains_on_its_data_set(name: str, files: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    {
        "clevrtex": lambda: clevrtex.write(data),
        "coco": lambda: coco.write(data, copies=2),
        "voc": lambda: voc.write(data, count=10),
    }[name]()
    changes = [f"data.train.path={data}", "data.size=28", "data.workers=0", "data.validation_share=0.2"]
    if name == "clevrtex":
        changes += [f"data.validation.path={data}"]
    model = {**settings(files)["model"], "queries": {"kind": "shared", "slots": 4}}
    changes += [f"model.{key}={json.dumps(value)}" for key, value in model.items()]
    changes += [
        f"training.{change}" for change in ("steps=4", "batch=4", "validate_every=4", "precision=fp32")
    ]
    recipe = read_recipe(name, changes=changes)
    train(recipe, tmp_path / "run", machine=QUIET)
    last = journal(tmp_path / "run")[-1]
    assert last["step"] == 4
    assert last["val_reconstruction"] > 0
    assert 0 <= last["val_mbo"] <= 1  # there were masks


def test_what_is_validated_on_is_not_what_scores_are_reported_on(tmp_path: Path) -> None:
    """ClevrTex has a split of its own for it; COCO and VOC hold pictures of the training split out."""
    clevrtex.write(tmp_path)
    paths = [f"data.train.path={tmp_path}", f"data.validation.path={tmp_path}"]
    data = read_recipe("clevrtex", changes=paths).data
    assert data.validation is not None

    def names(source: ImageSource) -> set[str]:
        return {source.name(index) for index in range(len(source))}

    trained, validated = names(data.train.build()), names(data.validation.build())
    assert trained
    assert validated
    assert not trained & validated
    assert read_recipe("coco").data.validation is read_recipe("voc").data.validation is None
    assert read_recipe("coco").data.train.split == "train2017"
    assert (read_recipe("voc").data.train.year, read_recipe("voc").data.train.split) == (2012, "trainval")
