"""Runs of a model with last blocks of its own."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import dias.training.module
from dias.data.loaders import ViewedImages
from dias.errors import SettingError
from dias.features import Views, build_cache
from dias.training.run import train
from tiny_run import QUIET, journal, make_files, recipe

OWN = {"tuned_blocks": 1}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("tuned"))


class Stopped(Exception):
    """The power went out."""


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_is_bit_for_bit_the_one_that_never_stopped(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    chosen = recipe(files, model=OWN, training={"steps": 8, "validate_every": 4, "precision": precision})
    train(chosen, tmp_path / "whole", machine=QUIET)
    whole, calls = dias.training.module.image_loss, []

    def loss(*args: object, **kwargs: object) -> object:
        calls.append(1)
        if len(calls) == 6:
            raise Stopped
        return whole(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(dias.training.module, "image_loss", loss)
        with pytest.raises(Stopped):
            train(chosen, tmp_path / "stopped", machine=QUIET)
    train(chosen, tmp_path / "stopped", machine=QUIET, resume=True)
    one, other = (load_file(tmp_path / run / "last.safetensors") for run in ("whole", "stopped"))
    assert one.keys() == other.keys()
    assert any(name.startswith("last_blocks.blocks.") for name in one)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert journal(tmp_path / "whole") == journal(tmp_path / "stopped")


def test_its_blocks_are_trained_and_lower_the_loss(files: Path, tmp_path: Path) -> None:
    chosen = recipe(files, model=OWN, training={"steps": 60, "lr": 0.01, "validate_every": 60})
    before = chosen.model.build(backbone=chosen.model.backbone.build()).head_state()
    train(chosen, tmp_path, machine=QUIET)
    after = load_file(tmp_path / "last.safetensors")
    moved = [
        name
        for name in after
        if name.startswith("last_blocks.") and not torch.equal(after[name], before[name])
    ]
    assert len(moved) == sum(name.startswith("last_blocks.") for name in after)
    losses = [line["reconstruction"] for line in journal(tmp_path) if "loss" in line]
    assert losses[-1] < 0.9 * losses[0]


def test_with_a_cache_it_sees_the_caches_views_anew(files: Path, tmp_path: Path) -> None:
    """The same losses as a run on live views of the cache's number and seed."""
    live = recipe(files, model=OWN, data={"views": 2}, training={"steps": 10})
    source, backbone = live.data.train.build(), live.model.backbone.build()
    for number in (0, 2):
        views = Views(number=number, size=28, seed=live.training.seed)
        build_cache(source, backbone, tmp_path / f"cache{number}", views=views, batch=4, progress=False)
    cached = recipe(files, model=OWN, data={"cache": str(tmp_path / "cache2")}, training={"steps": 10})
    train(live, tmp_path / "live", machine=QUIET)
    train(cached, tmp_path / "cached", machine=QUIET)
    assert journal(tmp_path / "live") == journal(tmp_path / "cached")
    centres = recipe(files, model=OWN, data={"cache": str(tmp_path / "cache0")})
    with pytest.raises(SettingError, match=r"data\.cache: .* shows centres alone"):
        train(centres, tmp_path / "centres", machine=QUIET)


def test_a_cache_of_what_its_blocks_are_given_does_without_the_backbone(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same losses, but for half precision, as when the cache's views are looked at anew."""
    plain = recipe(files, model=OWN, training={"steps": 10})
    source, backbone = plain.data.train.build(), plain.model.backbone.build()
    views, losses = Views(number=2, size=28, seed=plain.training.seed), []
    for last_blocks in (0, 1):
        cache = tmp_path / f"cache{last_blocks}"
        build_cache(source, backbone, cache, views=views, last_blocks=last_blocks, progress=False)
        chosen = recipe(files, model=OWN, data={"cache": str(cache)}, training={"steps": 10})
        if last_blocks:
            monkeypatch.setattr(ViewedImages, "batch", None)  # nobody may look at pictures
        train(chosen, tmp_path / f"run{last_blocks}", machine=QUIET)
        losses.append([line["loss"] for line in journal(tmp_path / f"run{last_blocks}") if "loss" in line])
    assert losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


def test_the_gradient_may_be_clipped_by_its_largest_entry(files: Path, tmp_path: Path) -> None:
    """A tiny bound of either norm leaves Adam's direction, but not the same steps."""
    ends = []
    for norm in ("l2", "max"):
        chosen = recipe(files, training={"steps": 3, "clip": 1e-9, "clip_norm": norm, "validate_every": 3})
        train(chosen, tmp_path / norm, machine=QUIET)
        ends.append(load_file(tmp_path / norm / "last.safetensors"))
    assert any(not torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
