"""A tokenizer is trained first, by the same command, and then left as it is."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

import dias.training.run
import dias.training.validation
from dias.checkpoints import fill_tokenizer
from dias.errors import DiasError
from dias.nn.tokenizers import DVAE, FeatureVQ, ImageVQ, TokenizerPart
from dias.training.data import TrainingData
from dias.training.held_out import look_at
from dias.training.recipe import Recipe, TrainingConfig, read_recipe, save_recipe
from dias.training.run import train
from tiny_run import QUIET, journal, make_files, recipe, settings

CONV = {"kind": "conv", "width": 8, "blocks": 1, "fine_blocks": 0}
DVAE_ = {"kind": "dvae", "codes": 12, "code_dim": 8, "autoencoder": CONV}
IMAGE = {
    "kind": "image_vq",
    "code_dim": 8,
    "autoencoder": CONV,
    "quantizer": {"kind": "nearest", "codes": 12},
}
FEATURE = {
    "kind": "feature_vq",
    "code_dim": 8,
    "width": 8,
    "autoencoder": CONV,
    "quantizer": {"kind": "similarity", "codes": 12, "hidden": 16},
}
CODE_AR = {"kind": "code_ar", "layers": 1, "heads": 2, "width": 8}
RANDOM_AR = {"kind": "random_ar", "layers": 1, "heads": 2, "width": 8}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("files"))


def two_stages(files: Path, tokenizer: dict[str, Any], decoder: dict[str, Any], target: str) -> Recipe:
    few = {"steps": 4, "batch": 4, "validate_every": 2, "precision": "fp32"}
    return recipe(
        files,
        earlier={"kind": "tokenizer", "training": few},
        model={"tokenizer": tokenizer, "target": target, "decoder": decoder},
        training=few,
    )


@pytest.mark.parametrize(
    ("tokenizer", "decoder", "target"),
    [(DVAE_, CODE_AR, "codes"), (FEATURE, CODE_AR, "codes"), (FEATURE, RANDOM_AR, "codes_and_features")],
    ids=["SLATE", "VVO-Tfd", "VVO + DIAS"],
)
def test_both_stages_by_one_command(
    tokenizer: dict[str, Any], decoder: dict[str, Any], target: str, files: Path, tmp_path: Path
) -> None:
    chosen = two_stages(files, tokenizer, decoder, target)
    best = load_file(train(chosen, tmp_path / "run", machine=QUIET))
    first = load_file(tmp_path / "run" / "tokenizer" / "best.safetensors")
    taken = {name.removeprefix("tokenizer."): value for name, value in best.items() if "tokenizer." in name}
    assert taken.keys() == first.keys()
    assert all(torch.equal(value, first[name]) for name, value in taken.items())
    for folder in (tmp_path / "run", tmp_path / "run" / "tokenizer"):
        assert [line["step"] for line in journal(folder) if "val_reconstruction" in line] == [2, 4]
    assert not any("val_perplexity" in line for line in journal(tmp_path / "run"))


@pytest.mark.parametrize("tokenizer", [DVAE_, IMAGE, FEATURE], ids=lambda values: values["kind"])
def test_validation_tells_how_much_of_the_codebook_is_used(
    tokenizer: dict[str, Any], files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the last checkpoint's codes of all held-out pictures, which come in three batches; counted anew."""
    monkeypatch.setattr(dias.training.validation, "_BATCH", 3)
    chosen = two_stages(files, tokenizer, CODE_AR, "codes")
    train(chosen, tmp_path / "run", machine=QUIET)
    last = tmp_path / "run" / "tokenizer" / "last.safetensors"
    backbone = chosen.model.backbone.build()
    model = chosen.model.build(backbone=backbone).eval()
    fill_tokenizer(model, last)
    held_out, _ = look_at(
        TrainingData(chosen, backbone).validation, backbone, size=28, batch=3, device=torch.device("cpu")
    )
    assert model.tokenizer is not None
    of_features = model.tokenizer.source == "features"
    seen = [batch.features.float() if of_features else batch.images for batch in held_out]
    codes = np.concatenate([model.tokenizer.encode(one).codes.numpy().ravel() for one in seen])
    assert len(codes) == 8 * 16
    shares = np.unique(codes, return_counts=True)[1] / len(codes)
    told = journal(last.parent)[-1]
    assert told["val_codes_used"] == pytest.approx(len(shares) / 12, abs=1e-6)
    assert told["val_perplexity"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), abs=1e-5)


def test_a_tokenizer_is_trained_as_long_and_as_precisely_as_the_recipe_says() -> None:
    """Unless it has settings of its own; rates and batches it never takes over."""
    machine = ("training.precision=fp32", "training.accumulate=4", "training.steps=9", "training.lr=0.5")
    own = read_recipe("slate-cpu", changes=machine).of_earlier().training
    assert (own.precision, own.accumulate, own.steps, own.lr) == ("fp32", 4, 1000, 2e-3)
    assert own.warmup == TrainingConfig().warmup != read_recipe("slate-cpu").training.warmup
    usual = read_recipe("slate-cpu").of_earlier().training
    assert (usual.precision, usual.accumulate) == ("bf16", 1)
    said = ("earlier.training.precision=bf16", "earlier.training.accumulate=2")
    own = read_recipe("slate-cpu", changes=[*machine, *said]).of_earlier().training
    assert (own.precision, own.accumulate) == ("bf16", 2)
    bare = ("earlier={kind: tokenizer}", f"model.tokenizer={DVAE_}")
    assert read_recipe("scenes-cpu", changes=[*machine, *bare]).of_earlier().training.steps == 9


def test_what_the_recipe_says_of_the_machine_reaches_the_trainer_of_both_stages(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, int]] = []
    make = dias.training.run.make_trainer

    def noted(*given: Any, **options: Any) -> Any:
        trainer = make(*given, **options)
        made.append((trainer.precision, trainer.accumulate_grad_batches))
        return trainer

    monkeypatch.setattr(dias.training.run, "make_trainer", noted)
    values = settings(files)
    values["earlier"] = {"kind": "tokenizer", "training": {"batch": 4, "steps": 2}}
    values["model"] |= {"tokenizer": DVAE_, "target": "codes", "decoder": CODE_AR}
    values["training"] |= {"steps": 2}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(values))
    run, parts = tmp_path / "run", "training.accumulate=2"
    train(read_recipe(str(tmp_path / "r.yaml"), changes=[parts]), run, machine=QUIET)
    assert made == [("32-true", 2), ("32-true", 2)]
    # on a smaller GPU: more parts, which change no batch, so the run goes on
    smaller = read_recipe(str(tmp_path / "r.yaml"), changes=["training.accumulate=4"])
    train(smaller, run, machine=QUIET, resume=True)
    assert made[2:] == [("32-true", 4)]
    longer = read_recipe(str(tmp_path / "r.yaml"), changes=[parts, "earlier.training.steps=3"])
    with pytest.raises(DiasError, match="differs from the recipe now given"):
        train(longer, run, machine=QUIET, resume=True)


def test_first_weights_are_given_once(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before stage 1's first step, in no later stage, and not when that is resumed."""
    started: list[type[TokenizerPart]] = []

    def start(self: TokenizerPart) -> str:
        started.append(type(self))
        return "weights from somewhere"

    for kind in (DVAE, FeatureVQ, ImageVQ):
        monkeypatch.setattr(kind, "start", start)
    chosen = two_stages(files, IMAGE, CODE_AR, "codes")
    train(chosen, tmp_path / "run", machine=QUIET)
    assert started == [ImageVQ]
    assert "weights from somewhere" in capsys.readouterr().err
    train(chosen, tmp_path / "run", machine=QUIET, resume=True)
    assert started == [ImageVQ]


@pytest.mark.slow
def test_two_processes_train_both_stages_as_one_does(files: Path, tmp_path: Path) -> None:
    save_recipe(two_stages(files, DVAE_, CODE_AR, "codes"), tmp_path / "r.yaml")
    for devices in (1, 2):
        words = ["train", "r.yaml", "--out", str(devices), "--devices", str(devices), "--logger", "none"]
        command = [sys.executable, "-m", "dias.cli.main", *words, "--accelerator", "cpu"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("best checkpoint") == 1
    for name in ("last.safetensors", "tokenizer/last.safetensors"):
        one, two = load_file(tmp_path / "1" / name), load_file(tmp_path / "2" / name)
        for key, value in one.items():
            torch.testing.assert_close(two[key], value, atol=1e-4, rtol=1e-3, msg=key)
    one, two = (journal(tmp_path / devices / "tokenizer")[-1] for devices in ("1", "2"))
    assert one.keys() == two.keys() > {"val_codes_used", "val_perplexity"}
    assert two["val_perplexity"] == pytest.approx(one["val_perplexity"], rel=0.1)
