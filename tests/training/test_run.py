"""`train` from a recipe to files: what it leaves, how it goes on, how it stops."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import dias.training.module
import dias.training.validation
from dias.checkpoints import describe, load_model
from dias.errors import CheckpointError, DiasError, SampleError, TrainingError
from dias.features import Views, build_cache
from dias.training.recipe import Recipe
from dias.training.run import Machine, train
from tiny_run import QUIET, journal, make_files, recipe


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("tiny"))


class Stopped(Exception):
    """The power went out."""


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    whole = dias.training.module.image_loss

    def loss(*args: object, **kwargs: object) -> object:
        loss.calls += 1
        if loss.calls == step + 1:
            raise Stopped
        return whole(*args, **kwargs)

    loss.calls = 0
    monkeypatch.setattr(dias.training.module, "image_loss", loss)


def test_a_run_leaves_what_its_docstring_says(files: Path, tmp_path: Path) -> None:
    best = train(recipe(files), tmp_path, machine=Machine(accelerator="cpu", progress=False))
    assert best == tmp_path / "best.safetensors"
    there = {file.name for file in tmp_path.iterdir()}
    assert there == {
        "recipe.yaml", "provenance.json", "metrics.jsonl", "cost.json", "pictures", "tensorboard",
        "last.safetensors", "best.safetensors", "state.ckpt",
    }  # fmt: skip
    assert sorted(file.name for file in (tmp_path / "pictures").iterdir()) == [
        "step-000010.png", "step-000020.png",
    ]  # fmt: skip
    assert Image.open(tmp_path / "pictures" / "step-000020.png").width > 100
    lines = journal(tmp_path)
    assert [line["step"] for line in lines] == [10, 10, 20, 20]
    assert {"loss", "reconstruction", "distillation", "lr"} < lines[0].keys()
    assert {"val_ari_foreground", "val_mbo", "val_slots_kept", "val_reconstruction"} < lines[1].keys()
    assert describe(tmp_path)["notes"]["seed"] == 42
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_training_lowers_the_loss(files: Path, tmp_path: Path) -> None:
    train(recipe(files, training={"steps": 120, "lr": 0.01}), tmp_path, machine=QUIET)
    losses = [line["reconstruction"] for line in journal(tmp_path) if "loss" in line]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("stopped_at", [13, 19])
def test_a_resumed_run_is_bit_for_bit_the_one_that_never_stopped(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, stopped_at: int
) -> None:
    """Epochs have 2 steps: one stop is in the middle of one, the other at its end."""
    settings = recipe(files, training={"precision": precision})
    train(settings, tmp_path / "whole", machine=QUIET)
    with monkeypatch.context() as patched:
        stop_at(patched, stopped_at)
        with pytest.raises(Stopped):
            train(settings, tmp_path / "stopped", machine=QUIET)
    assert describe(tmp_path / "stopped" / "last.safetensors")["notes"]["step"] == 10
    train(settings, tmp_path / "stopped", machine=QUIET, resume=True)
    for name in ("last.safetensors", "best.safetensors"):
        one, other = (load_file(tmp_path / run / name) for run in ("whole", "stopped"))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert journal(tmp_path / "whole") == journal(tmp_path / "stopped")


def test_resuming_in_the_middle_of_an_epoch_sees_the_pictures_that_are_left(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """8 pictures in batches of 3: no state falls on the end of an epoch."""
    settings = recipe(files, training={"batch": 3, "steps": 8, "validate_every": 4})
    train(settings, tmp_path / "whole", machine=QUIET)
    with monkeypatch.context() as patched:
        stop_at(patched, 6)
        with pytest.raises(Stopped):
            train(settings, tmp_path / "stopped", machine=QUIET)
    train(settings, tmp_path / "stopped", machine=QUIET, resume=True)
    one, other = (load_file(tmp_path / run / "last.safetensors") for run in ("whole", "stopped"))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_in_parts_resumes_at_a_whole_step(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after the first of a step's two parts, the step is made again from its beginning."""
    settings = recipe(files, training={"accumulate": 2, "steps": 8, "validate_every": 3})
    train(settings, tmp_path / "whole", machine=QUIET)
    with monkeypatch.context() as patched:
        stop_at(patched, 2 * 5 + 1)
        with pytest.raises(Stopped):
            train(settings, tmp_path / "stopped", machine=QUIET)
    train(settings, tmp_path / "stopped", machine=QUIET, resume=True)
    one, other = (load_file(tmp_path / run / "last.safetensors") for run in ("whole", "stopped"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert journal(tmp_path / "whole") == journal(tmp_path / "stopped")


def test_cached_features_train_like_the_pictures_they_came_from(files: Path, tmp_path: Path) -> None:
    """Same seed, same two views a picture: the same losses, but for the cache's fp16 and training's bf16."""
    live = recipe(files, data={"views": 2}, training={"precision": "bf16"})
    source = recipe(files).data.train.build()
    views = Views(number=2, size=28, seed=live.training.seed)
    build_cache(source, live.model.backbone.build(), tmp_path / "cache", views=views, batch=4, progress=False)
    cached = recipe(files, data={"cache": str(tmp_path / "cache")}, training={"precision": "bf16"})
    train(live, tmp_path / "live", machine=QUIET)
    train(cached, tmp_path / "cached", machine=QUIET)
    pairs = [
        (a["loss"], b["loss"])
        for a, b in zip(journal(tmp_path / "live"), journal(tmp_path / "cached"), strict=True)
        if "loss" in a
    ]
    assert len(pairs) == 2
    for a, b in pairs:
        assert a == pytest.approx(b, rel=2**-8)
    other = recipe(files, data={"views": 2}, training={"precision": "bf16", "seed": 43})
    train(other, tmp_path / "other", machine=QUIET)
    assert journal(tmp_path / "other")[0]["loss"] != pytest.approx(pairs[0][0], rel=2**-8)


def test_a_loss_that_is_no_number_stops_and_spares_what_was_saved(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = dias.training.module.image_loss

    def loss(*args: object, **kwargs: object) -> object:
        found = whole(*args, **kwargs)
        loss.calls += 1
        if loss.calls == 15:
            object.__setattr__(found, "total", found.total * float("nan"))
        return found

    loss.calls = 0
    monkeypatch.setattr(dias.training.module, "image_loss", loss)
    with pytest.raises(TrainingError, match=r"step 14: .* not a number.*--resume.*training\.lr"):
        train(recipe(files), tmp_path, machine=QUIET)
    model = load_model(tmp_path)
    assert describe(tmp_path)["notes"]["step"] == 10
    assert all(value.isfinite().all() for value in model.head_state().values())


def test_best_is_what_validation_liked_most(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.3, 0.8, 0.5])
    monkeypatch.setattr(
        dias.training.validation, "validate", lambda *_, **__: {"mbo": next(scores), "miou": 0.1}
    )
    train(recipe(files, training={"steps": 6, "validate_every": 2}), tmp_path, machine=QUIET)
    assert describe(tmp_path / "best.safetensors")["notes"]["step"] == 4
    assert describe(tmp_path / "last.safetensors")["notes"]["step"] == 6


def test_where_scores_are_no_numbers_the_reconstruction_chooses(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where no mask shows an object."""
    errors = iter([0.3, 0.1, 0.2])
    none = {"mbo": float("nan"), "miou": float("nan")}
    monkeypatch.setattr(
        dias.training.validation, "validate", lambda *_, **__: none | {"reconstruction": next(errors)}
    )
    train(recipe(files, training={"steps": 6, "validate_every": 2}), tmp_path, machine=QUIET)
    assert describe(tmp_path / "best.safetensors")["notes"]["step"] == 4


@pytest.mark.parametrize("what", ["views", "validation"])
def test_another_cache_or_validation_set_is_not_gone_on_with(files: Path, tmp_path: Path, what: str) -> None:
    """Runs that noted neither, as earlier versions did not, go on."""
    own = make_files(tmp_path / "own")
    held = {"kind": "folder", "path": str(own / "pictures" / "images")}
    small = recipe(files, data={"cache": str(tmp_path / "cache"), "validation": held}, training={"steps": 1})
    cached(small, tmp_path / "cache", seed=42)
    train(small, tmp_path / "run", machine=QUIET)
    if what == "views":
        shutil.rmtree(tmp_path / "cache")
        cached(small, tmp_path / "cache", seed=43)
    else:
        (own / "pictures" / "images" / "0.png").unlink()
    with pytest.raises(DiasError, match=f"the {'cache' if what == 'views' else what} is not what the run"):
        train(small, tmp_path / "run", machine=QUIET, resume=True)
    file = tmp_path / "run" / "provenance.json"
    origin = json.loads(file.read_text())
    del origin["hashes"]["cache"], origin["hashes"]["validation"]
    file.write_text(json.dumps(origin))
    train(small, tmp_path / "run", machine=QUIET, resume=True)


def cached(chosen: Recipe, folder: Path, *, seed: int) -> None:
    source, backbone = chosen.data.train.build(), chosen.model.backbone.build()
    build_cache(source, backbone, folder, views=Views(number=1, size=28, seed=seed), batch=4, progress=False)


def test_without_a_validation_set_some_pictures_are_held_out(files: Path, tmp_path: Path) -> None:
    settings = recipe(
        files, data={"validation": None, "validation_share": 0.25}, training={"steps": 2, "batch": 6}
    )
    train(settings, tmp_path, machine=QUIET)
    assert any("val_mbo" in line for line in journal(tmp_path))


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Pictures of which one, that would be held out, ends early."""
    files = make_files(tmp_path / "damaged")
    order = np.random.default_rng(0).permutation(8)
    file = files / "pictures" / "images" / f"{order[0]}.png"
    file.write_bytes(file.read_bytes()[:60])
    return files


def test_a_damaged_validation_picture_stops_or_is_listed(
    damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"train": recipe(make_files(tmp_path / "good")).data.train}
    short = {"steps": 1}
    with pytest.raises(SampleError, match="truncated"):
        train(recipe(damaged, data=good, training=short), tmp_path / "a", machine=QUIET)
    train(recipe(damaged, data=good | {"bad_images": "skip"}, training=short), tmp_path / "b", machine=QUIET)
    assert "validation leaves out" in capsys.readouterr().err


def test_damaged_pictures_that_are_held_out_are_listed(
    damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = {"validation": None, "validation_share": 0.25, "bad_images": "skip"}
    train(recipe(damaged, data=alone, training={"steps": 2}), tmp_path / "run", machine=QUIET)
    assert any("val_mbo" in line for line in journal(tmp_path / "run"))
    assert capsys.readouterr().err.count("validation leaves out") == 1


def test_parts_of_a_batch_add_up_to_a_step(files: Path, tmp_path: Path) -> None:
    train(recipe(files, training={"accumulate": 2, "steps": 10}), tmp_path, machine=QUIET)
    assert describe(tmp_path / "last.safetensors")["notes"]["step"] == 10
    assert [line["step"] for line in journal(tmp_path)] == [10, 10]


def test_a_second_run_in_the_same_folder_is_refused(files: Path, tmp_path: Path) -> None:
    small = recipe(files, training={"steps": 1})
    train(small, tmp_path, machine=QUIET)
    with pytest.raises(DiasError, match="holds a run already; go on with --resume"):
        train(small, tmp_path, machine=QUIET)
    with pytest.raises(DiasError, match="differs from the recipe now given"):
        train(recipe(files, training={"steps": 2}), tmp_path, machine=QUIET, resume=True)
    with pytest.raises(DiasError, match="nothing to resume"):
        train(small, tmp_path / "nowhere", machine=QUIET, resume=True)


def test_a_truncated_state_is_named(files: Path, tmp_path: Path) -> None:
    small = recipe(files, training={"steps": 1})
    train(small, tmp_path, machine=QUIET)
    state = tmp_path / "state.ckpt"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"state\.ckpt.*cannot be read"):
        train(small, tmp_path, machine=QUIET, resume=True)


def test_a_cache_of_other_weights_is_refused(files: Path, tmp_path: Path) -> None:
    other = make_files(tmp_path / "other")
    weights = other / "vit" / "model.safetensors"
    state = load_file(weights)
    from safetensors.torch import save_file

    save_file({k: v + 1 for k, v in state.items()}, weights, metadata={"format": "pt"})
    source = recipe(files).data.train.build()
    backbone = recipe(other).model.backbone.build()
    build_cache(
        source, backbone, tmp_path / "cache", views=Views(number=1, size=28, seed=42), batch=4, progress=False
    )
    with pytest.raises(DiasError, match="weights"):
        train(recipe(files, data={"cache": str(tmp_path / "cache")}), tmp_path / "run", machine=QUIET)
    assert not (tmp_path / "run").exists()


def test_weights_and_biases_says_how_to_get_it(files: Path, tmp_path: Path) -> None:
    with pytest.raises(DiasError, match=r"pip install 'dias-ocl\[wandb\]'"):
        train(recipe(files), tmp_path, machine=Machine(accelerator="cpu", logger="wandb", progress=False))


def test_training_can_start_from_a_checkpoint(files: Path, tmp_path: Path) -> None:
    train(recipe(files), tmp_path / "first", machine=QUIET)
    on = {"start": str(tmp_path / "first"), "steps": 1, "lr": 1e-12}
    train(recipe(files, training=on), tmp_path / "second", machine=QUIET)
    one = load_file(tmp_path / "first" / "best.safetensors")
    other = load_file(tmp_path / "second" / "last.safetensors")
    for name in one:
        torch.testing.assert_close(one[name], other[name])
    with pytest.raises(CheckpointError, match="another architecture"):
        train(
            recipe(files, training=on, model={"queries": {"kind": "separate", "slots": 5}}),
            tmp_path / "third",
            machine=QUIET,
        )
