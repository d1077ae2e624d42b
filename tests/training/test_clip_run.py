"""`train` on clips: what it leaves, how it goes on, what it refuses."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import dias.training.clips
import tiny_clip_run
import tiny_run
from dias.checkpoints import describe, load_clip_model
from dias.config import from_dict
from dias.data.frames import images_of
from dias.errors import DiasError
from dias.features import Views, build_cache
from dias.training.recipe import Recipe
from dias.training.run import train
from tiny_clip_run import first_logged, make_files, recipe
from tiny_run import QUIET, journal

TOLD = {"clip": {"cues": {"kind": "boxes"}}, "objective": {"contrast_weight": 0.5}}
SHORT = {"steps": 6, "validate_every": 3}
PAIR = {"clip": {"transition": {"kind": "slot_feature_pair", "heads": 2, "window": 3}}}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("tiny"))


class Stopped(Exception):
    """The power went out."""


def stop_at(monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    whole, calls = dias.training.clips.clip_loss, []

    def loss(*args: object, **kwargs: object) -> object:
        calls.append(1)
        if len(calls) == call + 1:
            raise Stopped
        return whole(*args, **kwargs)

    monkeypatch.setattr(dias.training.clips, "clip_loss", loss)


def test_a_run_leaves_what_one_of_pictures_does(files: Path, tmp_path: Path) -> None:
    best = train(recipe(files, **TOLD), tmp_path, machine=QUIET)
    assert best == tmp_path / "best.safetensors"
    there = {file.name for file in tmp_path.iterdir()}
    assert there == {
        "recipe.yaml", "provenance.json", "metrics.jsonl", "cost.json", "pictures", "last.safetensors",
        "best.safetensors", "state.ckpt",
    }  # fmt: skip
    lines = journal(tmp_path)
    assert [line["step"] for line in lines] == [6, 10, 12]
    assert {"loss", "reconstruction", "distillation", "contrast", "lr"} < lines[1].keys()
    expected = {"ari", "ari_foreground", "mbo", "miou", "frame_mbo", "idf1", "switches", "reconstruction"}
    assert {f"val_{name}" for name in expected} < lines[0].keys()
    whole = {line["step"]: line["val_mbo"] + line["val_miou"] for line in lines if "val_mbo" in line}
    assert describe(tmp_path / "best.safetensors")["notes"]["step"] == max(whole, key=whole.__getitem__)
    model = load_clip_model(tmp_path)
    assert model.told is not None
    assert model.image.backbone is not None


def test_a_resumed_run_is_bit_for_bit_the_one_that_never_stopped(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that is random: told queries, a transition with dropout that looks back at will."""
    settings = recipe(files, **{"clip": TOLD["clip"] | PAIR["clip"]}, training=SHORT)
    train(settings, tmp_path / "whole", machine=QUIET)
    with monkeypatch.context() as patched:
        stop_at(patched, 5)
        with pytest.raises(Stopped):
            train(settings, tmp_path / "stopped", machine=QUIET)
    assert describe(tmp_path / "stopped" / "last.safetensors")["notes"]["step"] == 3
    train(settings, tmp_path / "stopped", machine=QUIET, resume=True)
    for name in ("last.safetensors", "best.safetensors"):
        one, other = (load_file(tmp_path / run / name) for run in ("whole", "stopped"))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert journal(tmp_path / "whole") == journal(tmp_path / "stopped")


def test_cached_features_train_like_the_frames_they_came_from(files: Path, tmp_path: Path) -> None:
    """Same seed, same two views a clip, boxes of those views: the same losses, but for the cache's fp16."""
    short = {"steps": 10, "validate_every": 10}
    live = recipe(files, **TOLD, data={"views": 2}, training=short)
    views = Views(number=2, size=28, seed=live.training.seed)
    frames = images_of(live.data.train.build())
    build_cache(frames, live.model.backbone.build(), tmp_path / "cache", views=views, progress=False)
    cached = recipe(files, **TOLD, data={"cache": str(tmp_path / "cache")}, training=short)
    one, other = first_logged("loss", live, cached, place=tmp_path / "runs")
    assert one == pytest.approx(other, rel=2**-8)


def test_parts_of_a_batch_add_up_to_the_whole(files: Path, tmp_path: Path) -> None:
    """What is random depends on a window's place in the batch alone: queries, noise of cues, known tokens."""
    changes = {"clip": TOLD["clip"] | {"transition": {"kind": "encoder", "heads": 2, "dropout": 0.0}}}
    for name, accumulate in (("whole", 1), ("parts", 2)):
        training = {"steps": 4, "validate_every": 4, "accumulate": accumulate}
        train(recipe(files, **changes, training=training), tmp_path / name, machine=QUIET)
    one, other = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "parts"))
    for key in one:
        torch.testing.assert_close(one[key], other[key], rtol=1e-3, atol=1e-4)


def test_a_model_of_clips_may_start_from_one_of_pictures(files: Path, tmp_path: Path) -> None:
    train(tiny_run.recipe(files, training={"steps": 2, "validate_every": 2}), tmp_path / "p", machine=QUIET)
    start = {"start": str(tmp_path / "p"), "steps": 1, "validate_every": 1, "lr": 1e-12}
    train(recipe(files, training=start), tmp_path / "c", machine=QUIET)
    pictures = load_file(tmp_path / "p" / "best.safetensors")
    clips = load_file(tmp_path / "c" / "last.safetensors")
    assert {f"image.{name}" for name in pictures} < clips.keys()
    for name, value in pictures.items():
        torch.testing.assert_close(clips[f"image.{name}"], value)
    again = {"start": str(tmp_path / "c"), "steps": 1, "validate_every": 1, "lr": 1e-12}
    train(recipe(files, training=again), tmp_path / "again", machine=QUIET)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip": {"frames": 9}}, "data.train: no clip has 9 readable frames; take a smaller clip.frames"),
        ({"clip": {"frames": 1}}, "clip.frames: Input should be greater than or equal to 2, got 1"),
        ({"clip": {"framez": 2}}, "clip.framez: unknown key; did you mean frames?"),
        ({"clip": {"transition": {"kind": "magic"}}}, "clip.transition: there is no kind 'magic', only"),
        ({"clip": {"continuity": {"iterations": 1}}}, "continuity.iterations: 1 leaves no round"),
        ({"model": {"queries": {"kind": "shared", "slots": 2}}, **TOLD}, None),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    files: Path, tmp_path: Path, changes: dict[str, dict[str, object]], message: str | None
) -> None:
    if message is None:  # more objects than slots to tell: the largest is told
        short = {"steps": 1, "validate_every": 1}
        train(recipe(files, **changes, training=short), tmp_path / "run", machine=QUIET)
        return
    with pytest.raises(DiasError) as error:
        train(recipe(files, **changes), tmp_path / "run", machine=QUIET)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_pictures_are_no_clips_and_their_recipes_have_no_losses_of_clips(files: Path, tmp_path: Path) -> None:
    pictures = tiny_run.settings(files)["data"]
    with pytest.raises(
        DiasError, match=r"data\.train: holds pictures, and this recipe is of clips; give clips"
    ):
        train(recipe(files, data=pictures), tmp_path / "run", machine=QUIET)
    with pytest.raises(
        DiasError, match=r"contrast_weight: 0\.5 is of clips; leave it out, or add a part clip"
    ):
        train(tiny_run.recipe(files, objective={"contrast_weight": 0.5}), tmp_path / "run", machine=QUIET)


def test_a_clip_with_a_damaged_frame_is_passed_over_and_listed(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_clip_run.make_clips(tmp_path / "train", 3, seed=0)
    bad = tmp_path / "train" / "frames" / "000001" / "00003.png"
    bad.write_bytes(bad.read_bytes()[:40])
    values = tiny_clip_run.settings(files)
    values["data"] |= {"train": {"kind": "clips", "path": str(tmp_path / "train")}}
    values["training"] |= {"steps": 4, "validate_every": 4}
    with pytest.raises(DiasError, match=r"00003\.png"):
        train(from_dict(Recipe, values), tmp_path / "stop", machine=QUIET)
    values["data"]["bad_images"] = "skip"
    train(from_dict(Recipe, values), tmp_path / "skip", machine=QUIET)
    told = capsys.readouterr().err
    assert "1 windows of clips were left out" in told
    assert "00003.png" in told
