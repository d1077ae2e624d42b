"""The script of the weights that ship, from sets to card, its commands replaced by what they leave."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dias.checkpoints import describe, find, save_model
from dias.data.sources import open_source
from dias.data.synthetic.photographed import on_photo, write_photographed
from dias.errors import DiasError
from dias.evaluation.protocol import EvaluationConfig
from dias.evaluation.results import METRICS, Evaluation, Row
from dias.files import sha256
from dias.models import ImageModelConfig
from dias.nn.decoders import RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.training.cost import Cost, Spent
from dias.training.recipe import read_recipe, save_recipe
from miniatures import scenes

ROOT = Path(__file__).parents[2]
PHOTOS = {
    name: np.random.default_rng(seed).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    for seed, name in enumerate(
        ("astronaut", "coffee", "motorcycle_left", "china", "chelsea", "rocket", "flower")
    )
}


def test_objects_stay_and_the_rest_is_a_photo() -> None:
    rng = np.random.default_rng(0)
    image, mask = np.full((20, 30, 3), 7, np.uint8), np.zeros((20, 30), np.uint8)
    mask[3:9, 5:11] = 2
    made = on_photo(image, mask, np.full((99, 40, 3), 200, np.uint8), rng=rng)
    assert (made[mask > 0] == 7).all()
    assert (made[mask == 0] == 200).all()


def test_a_set_on_photos_is_the_same_again_and_another_is_refused(tmp_path: Path) -> None:
    source = open_source(scenes.write(tmp_path / "scenes"))
    for name in ("one", "two"):
        write_photographed(source, PHOTOS, tmp_path / name, seed=3)
    files = sorted(file.relative_to(tmp_path / "one") for file in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 2 * len(source) + 1
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    again = open_source(tmp_path / "one")[1]
    assert again.mask is not None
    assert np.array_equal(again.mask, source[1].mask)
    with pytest.raises(DiasError, match="of other scenes, photos or another seed"):
        write_photographed(source, PHOTOS, tmp_path / "one", seed=4)
    with pytest.raises(DiasError, match="no photos"):
        write_photographed(source, {}, tmp_path / "three", seed=3)


class Commands:
    """Does what the commands would."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def __call__(self, verb: str, *words: object) -> None:
        self.given.append(verb)
        match verb:
            case "synth" if not Path(str(words[1])).exists():
                scenes.write(Path(str(words[1])), count=int(str(words[3])))
            case "train":
                self._train(Path(str(words[words.index("--out") + 1])))
            case "eval":
                self._evaluate(Path(str(words[0])), Path(str(words[-1])))

    def _train(self, run: Path) -> None:
        config = ImageModelConfig(
            channels=12, positions=16, aggregation=AggregationConfig(slot_dim=8),
            decoder=RandomARConfig(layers=1, heads=2),
        )  # fmt: skip
        if not (run / "best.safetensors").exists():
            save_model(run / "best.safetensors", config.build(), notes={"step": 20, "seed": 42})
        save_recipe(read_recipe("pretrained", changes=["training.steps=40"]), run / "recipe.yaml")
        spent = Spent(seconds=120.0, cpu_seconds=180.0)
        machine = {"hardware": {"processor": "abacus", "cores": 2, "threads": 1}}
        Cost(
            setup=spent, training=spent, validation=spent, steps=40, pictures=1280, peak_memory=1,
            peak_gpu_memory=None, trained_parameters=1234, frozen_parameters=5678, provenance=machine,
        ).save(run / "cost.json")  # fmt: skip

    def _evaluate(self, checkpoint: Path, out: Path) -> None:
        scores = {metric: np.full(3, 0.5) for metric in METRICS}
        counts = np.full(3, 4)
        Evaluation(
            checkpoint=str(checkpoint), config=EvaluationConfig(), names=("a", "b", "c"),
            rows=(Row(variant="final", map="decoder", **scores),), slots_kept=counts, true_segments=counts,
            true_objects=counts, skipped=(),
            provenance={"hashes": {"checkpoint": sha256(find(checkpoint))}},
        ).save(out)  # fmt: skip


def test_from_scenes_to_a_card_and_again_without_measuring_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "demo")
    script, commands = importlib.import_module("pretrain"), Commands()
    monkeypatch.setattr(script, "dias", commands)
    monkeypatch.setattr(script, "photographs", lambda names: {name: PHOTOS[name] for name in names})
    words = [
        "--train",
        "4",
        "--val",
        "2",
        "--test",
        "3",
        "--ood",
        "3",
        "--beside",
        str(tmp_path / "old.safetensors"),
    ]
    Commands()._train(tmp_path / "before")
    (tmp_path / "before/best.safetensors").rename(tmp_path / "old.safetensors")
    monkeypatch.setattr(sys, "argv", ["pretrain", "--out", str(tmp_path / "out"), *words])
    script.main()
    assert commands.given == [*["synth"] * 4, "cache", "train", *["eval"] * 6]
    train = sorted((tmp_path / "out/sets/train").iterdir())
    assert len(train) == 8
    assert len(open_source(tmp_path / "out/sets/val")) == 4
    with Image.open(train[-1]) as picture:
        assert picture.size == (scenes.SIZE, scenes.SIZE)
    card = (tmp_path / "out/model/README.md").read_text()
    for told in (
        "| in distribution | 3 | **this one** | 50.0",
        "| photo backgrounds | 3 | the one before | 50.0",
        "abacus",
        "40 of 32 pictures; best: step 20",
        "1,234 trained",
        "without self-distillation",
    ):
        assert told in card, told
    assert describe(tmp_path / "out/model")["notes"] == {"step": 20, "seed": 42}
    commands.given.clear()
    script.main()
    assert "eval" not in commands.given
