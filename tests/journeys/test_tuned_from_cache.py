"""A model with last blocks of its own, as SPOT's student: from a cache of what they are given to a run."""

from collections.abc import Callable
from pathlib import Path

from conftest import Said

Dias = Callable[..., Said]


def test_from_a_cache_of_what_the_last_blocks_are_given_to_a_checkpoint(
    tiny: Path, tmp_path: Path, dias: Dias
) -> None:
    cache = ("cache", tiny / "pictures", tmp_path / "cache", "--weights", tiny / "vit", "--size", 28)
    said = dias(*cache, "--input-size", 28, "--precision", "fp32", "--views", 2, "--last-blocks", 1)
    assert said.code == 0, said.err
    run = tmp_path / "run"
    words = ("train", tiny / "recipe.yaml", "--cache", tmp_path / "cache", "--out", run, "--logger", "none")
    steps = ("--set", "training.steps=2", "--set", "training.validate_every=2", "--accelerator", "cpu")
    said = dias(*words, *steps, "--set", "model.tuned_blocks=1")
    assert said.code == 0, said.err
    assert (run / "best.safetensors").exists()


def test_keys_and_what_the_last_blocks_are_given_do_not_go_together(
    tiny: Path, tmp_path: Path, dias: Dias
) -> None:
    cache = ("cache", tiny / "pictures", tmp_path / "cache", "--weights", tiny / "vit", "--size", 28)
    said = dias(*cache, "--input-size", 28, "--keys", "--last-blocks", 1)
    assert "keeps keys, or what the last blocks are given; not both" in said.line
