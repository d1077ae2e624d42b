"""Bad input through the command line: one line that names file or key and says what to do; exit code 2."""

import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from conftest import Said
from dias.checkpoints import describe, save_model
from dias.errors import FileError
from dias.models import ImageModelConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.training import saving
from miniatures import ytvis

Dias = Callable[..., Said]
COLOURED = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)


def odd_pictures(folder: Path) -> dict[str, tuple[int, int]]:
    """Pictures that are unusual but whole, and their sizes (height, width) as a viewer shows them."""
    folder.mkdir()
    image = Image.fromarray(COLOURED)
    image.convert("L").save(folder / "grey.png")
    image.convert("CMYK").save(folder / "cmyk.jpg")
    image.convert("P").save(folder / "palette.png")
    image.convert("RGBA").save(folder / "alpha.png")
    image.convert("1").save(folder / "bits.png")
    Image.fromarray(COLOURED[..., 0].astype(np.uint16) * 257).save(folder / "sixteen.png")
    Image.new("RGB", (20_000, 30)).save(folder / "long.png")
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn
    image.save(folder / "turned.jpg", exif=turned)
    usual = ("grey.png", "cmyk.jpg", "palette.png", "alpha.png", "bits.png", "sixteen.png")
    special = {"long.png": (30, 20_000), "turned.jpg": (50, 30)}
    return dict.fromkeys(usual, (30, 50)) | special


def test_unusual_pictures_are_segmented_at_their_own_size(dias: Dias, tiny: Path, tmp_path: Path) -> None:
    sizes = odd_pictures(tmp_path / "pictures")
    said = dias("segment", tiny / "run", tmp_path / "pictures", "--out", tmp_path / "out", "--compare")
    assert said.code == 0, said.err
    assert f"{len(sizes)} pictures segmented, 0 skipped" in said.out
    for name, (height, width) in sizes.items():
        with Image.open(tmp_path / "out" / f"{Path(name).stem}.mask.png") as mask:
            assert mask.size == (width, height), name


def test_damaged_pictures_are_skipped_counted_and_listed(dias: Dias, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    odd_pictures(folder)
    whole = (folder / "cmyk.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("I am no picture")
    (folder / "nothing.png").touch()
    Image.new("RGB", (1, 1)).save(folder / "pixel.png")
    Image.new("1", (20_001, 100)).save(folder / "huge.png")
    said = dias("segment", tiny / "run", folder, "--out", tmp_path / "out")
    assert said.code == 0
    assert "8 pictures segmented, 5 skipped" in said.out
    for name in ("truncated.jpg", "text.png", "nothing.png", "pixel.png", "huge.png"):
        assert f"skipped {name}: " in said.err
    assert "1 x 1 pixels" in said.err
    assert "20001 x 100 pixels: too large" in said.err


@pytest.mark.parametrize("verb", ["cache", "eval", "train", "segment"])
def test_a_folder_without_pictures_is_named(dias: Dias, tiny: Path, tmp_path: Path, verb: str) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    words = {
        "cache": ("cache", empty, tmp_path / "out", "--weights", tiny / "vit"),
        "eval": ("eval", tiny / "run", empty, "--out", tmp_path / "out"),
        "train": ("train", tiny / "recipe.yaml", "--data", empty, "--out", tmp_path / "out"),
        "segment": ("segment", tiny / "run", empty, "--out", tmp_path / "out"),
    }[verb]
    assert f"{empty}: holds no picture" in dias(*words).line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["cache", "train"])
def test_a_damaged_training_picture_stops_unless_it_may_be_skipped(
    dias: Dias, tiny: Path, tmp_path: Path, verb: str
) -> None:
    pictures = tmp_path / "pictures"
    shutil.copytree(tiny / "pictures" / "images", pictures)
    (pictures / "3.png").write_bytes((pictures / "3.png").read_bytes()[:60])
    short = ("--set", "training.steps=4", "--set", "data.validation=null", "--accelerator", "cpu")
    train = ("train", tiny / "recipe.yaml", "--data", pictures, *short, "--logger", "none", "--out")
    sizes = ("--size", 28, "--input-size", 28, "--precision", "fp32")
    cache = ("cache", pictures, tmp_path / "out", "--weights", tiny / "vit", *sizes)
    words, skip = {
        "train": ((*train, tmp_path / "out"), ("--set", "data.bad_images=skip")),
        "cache": (cache, ("--bad-images", "skip")),
    }[verb]
    assert "3.png" in dias(*words).line
    said = dias(*words, *skip)
    assert said.code == 0, said.err
    assert "3.png" in said.err + said.out
    if verb == "cache":  # what is in it can be trained on
        said = dias(*train, tmp_path / "run", "--cache", tmp_path / "out")
        assert said.code == 0, said.err
        assert "skipped 3.png" in said.err


def test_checkpoints_that_do_not_fit_are_refused(dias: Dias, tiny: Path, tmp_path: Path) -> None:
    whole = (tiny / "run" / "best.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "code.safetensors").write_bytes(b"cos\nsystem\n(S'touch executed'\ntR.")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name, said in {"cut": "truncated", "code": "no readable", "other": "import-official"}.items():
        line = dias(
            "segment", tmp_path / f"{name}.safetensors", tiny / "pictures", "--out", tmp_path / "o"
        ).line
        assert f"{name}.safetensors" in line
        assert said in line
    assert not Path("executed").exists()
    assert not (tmp_path / "o").exists()


def test_misspelt_settings_are_named(dias: Dias, tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text((tiny / "recipe.yaml").read_text().replace("threshold:", "treshold:"))
    line = dias("train", file, "--out", tmp_path / "out").line
    assert f"{file}: model.aggregation.treshold: unknown key; did you mean threshold?" in line
    line = dias("train", tiny / "recipe.yaml", "--set", "data.siez=3", "--out", tmp_path / "out").line
    assert "data.siez: unknown key; did you mean size?" in line
    assert not (tmp_path / "out").exists()


def test_a_cache_of_other_weights_is_refused(dias: Dias, tiny: Path, tmp_path: Path) -> None:
    other, cache = tmp_path / "vit", tmp_path / "cache"
    shutil.copytree(tiny / "vit", other)
    state = load_file(other / "model.safetensors")
    save_file(
        {name: value + 1 for name, value in state.items()}, other / "model.safetensors", {"format": "pt"}
    )
    words = ("cache", tiny / "pictures", cache, "--size", 28, "--input-size", 28, "--precision", "fp32")
    assert dias(*words, "--weights", other).code == 0
    line = dias("train", tiny / "recipe.yaml", "--cache", cache, "--out", tmp_path / "run").line
    assert "weights" in line
    assert "`dias cache`" in line
    assert not (tmp_path / "run").exists()


def test_a_full_disk_loses_nothing(
    dias: Dias, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel itself refuses the second state, after a kilobyte."""
    run = tmp_path / "run"
    short = ("--set", "training.steps=8", "--set", "training.validate_every=4", "--accelerator", "cpu")
    words = ("train", tiny / "recipe.yaml", *short, "--logger", "none", "--out", run)
    write, writes = saving.write_atomic, 0
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def write_less(*given: Any) -> None:
        nonlocal writes
        writes += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024 if writes > 1 else usual[0], usual[1]))
        try:
            write(*given)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)

    with monkeypatch.context() as full:
        full.setattr(saving, "write_atomic", write_less)
        line = dias(*words).line
    assert "state.ckpt: could not be written (File too large); free space" in line
    said = dias(*words, "--resume")
    assert said.code == 0, said.err
    assert not list(run.glob(".*part"))


def test_a_model_that_does_not_fit_on_the_disk_leaves_the_one_before(tmp_path: Path) -> None:
    model = ImageModelConfig(channels=8, positions=4, aggregation=AggregationConfig(slot_dim=8)).build()
    save_model(tmp_path / "m.safetensors", model, notes={"step": 1})
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, usual[1]))
    try:
        with pytest.raises(FileError, match=r"m\.safetensors: could not be written"):
            save_model(tmp_path / "m.safetensors", model, notes={"step": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert describe(tmp_path / "m.safetensors")["notes"] == {"step": 1}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "training.steps=["), "is not YAML; quote it"),
        (("--set", "model.backbone.input_size=56"), "model.positions: 16 but 56 pixels give 8 x 8 tokens"),
        (("--cache", "/nowhere/o'brien"), "/nowhere/o'brien"),
        (("--accelerator", "gpu"), "--accelerator: 'gpu' but PyTorch sees none"),
        (("--devices", "3"), "training.batch: 4 does not divide into 3 processes"),
    ],
)
def test_settings_that_cannot_work_are_named(
    dias: Dias, tiny: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    if words == ("--accelerator", "gpu") and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert said in dias("train", tiny / "recipe.yaml", *words, "--out", tmp_path / "run").line


def test_a_run_goes_on_with_its_own_data_alone(dias: Dias, tiny: Path, tmp_path: Path) -> None:
    pictures, run = tmp_path / "pictures", tmp_path / "run"
    shutil.copytree(tiny / "pictures", pictures)
    words = ("train", tiny / "recipe.yaml", "--data", pictures, "--out", run, "--accelerator", "cpu")
    assert dias(*words, "--set", "training.steps=2", "--set", "training.validate_every=1").code == 0
    shutil.copy(pictures / "images" / "1.png", pictures / "images" / "more.png")
    shutil.copy(pictures / "masks" / "1.png", pictures / "masks" / "more.png")
    more = ("--set", "training.steps=2", "--set", "training.validate_every=1", "--resume")
    assert "the data is not what the run began with" in dias(*words, *more).line


def test_a_loss_that_is_no_number_says_what_to_do(dias: Dias, tiny: Path, tmp_path: Path) -> None:
    words = (
        "train",
        tiny / "recipe.yaml",
        "--accelerator",
        "cpu",
        "--logger",
        "none",
        "--out",
        tmp_path / "run",
    )
    line = dias(*words, "--set", "training.lr=1e30").line
    assert "not a number" in line
    assert "training.lr" in line


def test_places_that_cannot_be_written_are_named(dias: Dias, tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for words in (
        ("segment", tiny / "run", tiny / "pictures", "--out", file),
        ("train", tiny / "recipe.yaml", "--accelerator", "cpu", "--out", file),
        ("synth", "images", file / "x", "--count", 1),
        ("eval", tiny / "run", tiny / "pictures", "--size", 28, "--out", file / "x.json"),
    ):
        assert str(file) in dias(*words).line
    assert file.read_text() == "mine"


def test_the_version_is_told(dias: Dias) -> None:
    said = dias("--version")
    assert said.code == 0
    assert said.out.startswith("dias 0.")


def test_what_nobody_has_labelled_is_refused_before_a_checkpoint_is_looked_for(
    dias: Dias, tmp_path: Path
) -> None:
    folder = ytvis.write(tmp_path / "ytvis")
    words = ("eval", tmp_path / "nowhere.safetensors", folder, "--out", tmp_path / "result.json")
    line = dias(*words).line
    assert f"{folder / 'valid.json'}: holds no annotations" in line
    assert "take split=train" in line
    assert "nowhere.safetensors: does not exist" in dias(*words, "--data-set", "split=train").line
