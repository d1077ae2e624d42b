"""`dias compare` as a user meets it: rows, resuming, a method that fails; the numbers of `dias eval`."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from conftest import Said
from dias.evaluation import Results
from dias.training.cost import cost_of
from dias.training.saving import saved_step
from tiny_run import make_files, settings

pytestmark = pytest.mark.slow
COMMAND = (sys.executable, "-m", "dias.cli.main", "compare")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and the recipes first.yaml, second.yaml, and broken.yaml, which fails as it starts."""
    folder = make_files(tmp_path_factory.mktemp("compare"))
    values = settings(folder)
    values["training"] |= {"steps": 4, "validate_every": 2}
    del values["data"]["validation"]
    (folder / "first.yaml").write_text(yaml.safe_dump(values))
    values["model"]["queries"]["slots"] = 2
    (folder / "second.yaml").write_text(yaml.safe_dump(values))
    values["model"]["positions"] = 17
    (folder / "broken.yaml").write_text(yaml.safe_dump(values))
    return folder


def words(files: Path, out: Path, *recipes: str) -> list[object]:
    named = [files / f"{name}.yaml" for name in recipes]
    place = ("--data", files / "pictures", "--eval", files / "pictures", "--size", 28, "--out", out)
    return [*named, *place, "--accelerator", "cpu", "--pictures", 3]


def test_from_the_command_to_the_tables(
    dias: Callable[..., Said], files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = tmp_path / "out"
    said = dias(
        "compare", *words(files, out, "first", "second"), "--clustering", "--closely", 1, "--seeds", 42, 43
    )
    assert said.code == 0, said.err
    assert max(len(line) for line in said.out.splitlines() if "tables and pictures" not in line) <= 80
    with (out / "table.csv").open() as stream:
        lines = {line["method"]: line for line in csv.DictReader(stream)}
    assert list(lines)[:2] == ["first", "second"]
    assert "k-means, true number" in lines
    assert "oracle" in lines
    assert lines["first"]["seeds"] == "42 43"
    # the same numbers as `dias eval` gives for the same checkpoints
    result = tmp_path / "result.json"
    runs = [out / "first" / f"seed-{seed}" for seed in (42, 43)]
    assert dias("eval", *runs, files / "pictures", "--size", 28, "--out", result).code == 0
    found = Results.load(result).evaluations
    for metric in ("ari", "ari_foreground", "mbo", "miou"):
        values = [getattr(one.best_map.mean, metric) for one in found]
        assert float(lines["first"][metric]) == pytest.approx(sum(values) / 2, abs=1e-12)
        assert float(lines["first"][f"{metric}_std"]) == pytest.approx(
            abs(values[0] - values[1]) / 2**0.5, abs=1e-12
        )
    costs = [cost_of(run) for run in runs]
    assert float(lines["first"]["training_seconds"]) == pytest.approx(
        sum(cost.training.seconds for cost in costs) / 2
    )
    assert float(lines["first"]["trained_parameters"]) == costs[0].trained_parameters
    shown = (out / "table.md").read_text()
    mean = sum(one.best_map.mean.mbo for one in found) / 2
    assert f"{100 * mean:.1f}±" in shown
    for text in ("4 steps of 4 pictures", "seeds 42, 43", "3.0 segments are true", "Search budget: none"):
        assert text in shown
    check_origins(out, found[0].provenance["hashes"]["checkpoint"])
    page = (out / "table.html").read_text()
    assert "http" not in page
    assert (
        page.count("data:image/webp;base64,") == 1 + 2 * 2 * 2
    )  # the grid; two looks a method, two pictures each
    assert page.count('<details class="method"') == 2
    for told in (
        "Best images",
        "Worst images",
        "first: ARIfg, image by image",
        "second: mIoU, image by image",
    ):
        assert told in page, told
    assert "--closely 1" in page
    with Image.open(out / "grid.png") as grid:
        assert grid.width > 4 * 192
        assert json.loads(grid.text["provenance"])["revision"]
    # once more: nothing is trained, and every number stands
    before = (out / "first" / "seed-42" / "best.safetensors").stat().st_mtime_ns
    assert dias("compare", *words(files, out, "first", "second"), "--seeds", "42,43").code == 0
    assert (out / "first" / "seed-42" / "best.safetensors").stat().st_mtime_ns == before
    with (out / "table.csv").open() as stream:
        again = {line["method"]: line for line in csv.DictReader(stream)}
    assert again["first"]["ari"] == lines["first"]["ari"]
    assert again["second"]["training_seconds"] == lines["second"]["training_seconds"]


def check_origins(out: Path, checkpoint: str) -> None:
    for name in ("table.md", "table.csv", "table.html", "comparison.json"):
        text = (out / name).read_text()
        assert "dias compare" in text, name
        assert re.search(r"[0-9a-f]{40}|unknown", text), name
        assert checkpoint in text or name == "comparison.json", name


def test_a_method_that_fails_is_a_row_and_the_others_go_on(
    dias: Callable[..., Said], files: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = dias("compare", *words(files, out, "broken", "first"), "--seeds", 42)
    assert said.line.startswith("dias: 1 of 2 methods failed: broken")
    problem = "seed 42: failed: setting model.positions: 17 but 28 pixels give 4 x 4 tokens"
    assert f"broken: {problem}" in said.out
    for name in ("table.md", "table.html", "table.csv"):
        assert problem in (out / name).read_text(), name
    assert (out / "first" / "evaluation.json").exists()


def test_killed_it_goes_on(files: Path, tmp_path: Path) -> None:
    """The whole group is killed in the middle of a run; the same command finishes it, and the other."""
    out = tmp_path / "out"
    long = ["--set", "training.steps=400", "--set", "training.validate_every=20"]
    start = [*COMMAND, *map(str, words(files, out, "first", "second")), "--seeds", "42", *long]
    run = out / "first" / "seed-42"
    process = subprocess.Popen(start, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for(run / "state.ckpt", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    reached = saved_step(run)
    assert reached is not None
    assert reached < 400
    done = subprocess.run(start, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert saved_step(run) == 400
    assert (run / "provenance-resumed.json").exists()
    assert not (out / "second" / "seed-42" / "provenance-resumed.json").exists()
    assert cost_of(run).steps == 400


def test_asked_to_stop_it_lets_the_run_save_its_state(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    long = ["--set", "training.steps=4000", "--set", "training.validate_every=20"]
    start = [*COMMAND, *map(str, words(files, out, "first")), "--seeds", "42", *long]
    process = subprocess.Popen(start, stderr=subprocess.PIPE, text=True)
    wait_for(out / "first" / "seed-42" / "state.ckpt", process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors.splitlines()[-1] == "dias: interrupted, nothing lost: the same command goes on"
    log = (out / "first" / "seed-42.log").read_text()
    assert "nothing lost: go on with --resume" in log


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not file.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_cannot_work_is_said_before_anything_is_trained(
    dias: Callable[..., Said], files: Path, tmp_path: Path
) -> None:
    first, out = files / "first.yaml", tmp_path / "out"
    data = ("--data", files / "pictures", "--out", out)
    assert "name at least one recipe" in dias("compare", 42, *data).line
    assert "expected whole numbers" in dias("compare", first, "--seeds", "a", *data).line
    assert "first is named twice" in dias("compare", first, first, *data).line
    assert "with --eval, such as" in dias("compare", first, *data).line
    assert "has no masks" in dias("compare", first, "--eval", files / "pictures" / "images", *data).line
    assert "unknown key" in dias("compare", first, "--set", "training.stepz=1", *data).line
    assert not out.exists()
