"""The table of methods through time compares on equal terms, and starts all from the same weights."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from safetensors.torch import load_file

from dias.training.recipe import read_recipe

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark(benchmark_of: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_of("clip_methods")


def test_all_rows_have_the_same_data_windows_slots_and_schedule(benchmark: ModuleType) -> None:
    usual = read_recipe("dias-clips-cpu")
    assert usual.clip is not None
    for name, (recipe, *changes) in benchmark.ROWS.items():
        found = read_recipe(recipe, changes=changes)
        assert found.clip is not None
        assert (found.data.train, found.training) == (usual.data.train, usual.training), name
        assert (found.clip.frames, found.clip.stride) == (usual.clip.frames, usual.clip.stride), name
        assert found.model.queries.slots == usual.model.queries.slots, name
        assert found.model.aggregation.slot_dim == usual.model.aggregation.slot_dim, name


def test_a_run_starts_with_what_a_model_of_pictures_knows_of_finding_objects(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but decoder and transition, which are new."""
    monkeypatch.chdir(ROOT)
    recipe, *changes = benchmark.ROWS["DIAS"]
    file = benchmark._start(recipe, changes, tmp_path / "start.safetensors")
    found, pictures = load_file(file), load_file(benchmark.PICTURES)
    same = {name for name, value in pictures.items() if found[f"image.{name}"].equal(value)}
    assert {name.split(".")[0] for name in same} >= {
        "reduce_features",
        "projection",
        "queries",
        "aggregation",
    }
    assert all(name in same for name in pictures if not name.startswith("decoder."))
    assert not any(name in same for name in pictures if name.startswith("decoder.") and "norm" not in name)
