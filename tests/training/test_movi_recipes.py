"""The recipe of MOVi-E, made small, on the files that TensorFlow Datasets wrote."""

from pathlib import Path

from dias.training.recipe import read_recipe
from dias.training.run import train
from tiny_run import QUIET, journal, make_files

MOVI = Path(__file__).parents[1] / "miniatures" / "movi"


def test_the_image_model_learns_from_frames_of_clips(tmp_path: Path) -> None:
    vit = make_files(tmp_path) / "vit"
    small = ["channels=16", "positions=16", "queries.slots=4", "aggregation.slot_dim=8", "decoder.layers=1"]
    small += ["decoder.heads=2", f"backbone.path={vit}", "backbone.input_size=28", "backbone.precision=fp32"]
    short = ["steps=6", "batch=4", "validate_every=3", "precision=fp32"]
    recipe = read_recipe(
        "movi-e",
        changes=[
            *(
                f"data.{part}.{change}"
                for part in ("train", "validation")
                for change in (f"path={MOVI}", "size=16")
            ),
            *("data.size=28", "data.workers=1", "data.validation_images=6"),
            *(f"model.{change}" for change in small),
            *(f"training.{change}" for change in short),
        ],
    )
    train(recipe, tmp_path / "run", machine=QUIET)
    lines = journal(tmp_path / "run")
    assert [line["step"] for line in lines] == [3, 6]
    assert 0 <= lines[-1]["val_mbo"] <= 1
