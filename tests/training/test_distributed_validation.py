"""Two real processes (gloo) share the held-out pictures; every number is what a single process finds."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as processes

from dias.data.sources import ImageFolderConfig
from dias.errors import DiasError
from dias.training.held_out import Place, look_at
from dias.training.validation import validate
from tiny_run import make_files, recipe

Case = tuple[int, bool]  # pictures a batch, whether unreadable ones are left out


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the processes have: sums over several come out in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_two_processes_find_what_one_does(tmp_path: Path) -> None:
    folder = make_files(tmp_path)
    cases = [(3, False), (8, False), (1, False)]
    shares = [[2, 1], [1, 0], [4, 4]]  # batches of each process, of eight pictures; one may have none
    two = in_two_processes(folder, cases)
    for case, counts, *found in zip(cases, shares, *two, strict=True):
        assert [one["batches"] for one in found] == counts
        alone = found_by(folder, case)
        assert set(alone["scores"]) == {
            "reconstruction", "slots_kept", "ari", "ari_foreground", "mbo", "miou",
        }  # fmt: skip
        for one in found:
            assert one["scores"] == alone["scores"]  # to the last bit


@pytest.mark.slow
def test_what_one_process_cannot_read_stops_both_or_is_left_out_by_both(tmp_path: Path) -> None:
    folder = make_files(tmp_path)
    (folder / "pictures" / "images" / "4.png").write_bytes(b"no picture")  # in the second one's share
    cases = [(3, False), (3, True)]
    for stopped, skipping in in_two_processes(folder, cases):
        assert "4.png" in stopped["error"]
        assert skipping["skipped"] == ["4.png"]
        assert skipping["scores"] == found_by(folder, (3, True))["scores"]


def test_no_picture_at_all_is_told(tmp_path: Path) -> None:
    folder = make_files(tmp_path)
    for file in (folder / "pictures" / "images").iterdir():
        file.write_bytes(b"no picture")
    assert "no picture can be read (the first: 0.png" in found_by(folder, (3, True))["error"]


def in_two_processes(folder: Path, cases: list[Case]) -> list[list[dict[str, Any]]]:
    """Run this file twice; what each process found, case by case."""
    words = [sys.executable, __file__, str(folder), json.dumps(cases)]
    tests = str(Path(__file__).parents[1])  # where `tiny_run` is
    quiet = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": tests}
    started = [
        subprocess.Popen([*words, rank], stdout=subprocess.PIPE, text=True, env=quiet) for rank in "01"
    ]
    try:
        return [json.loads(process.communicate(timeout=300)[0]) for process in started]
    finally:
        for process in started:  # one that waits for the other for ever
            process.kill()


def found_by(folder: Path, case: Case, *, place: Place | None = None) -> dict[str, Any]:
    """What each process does: read its share, then validate, here twice."""
    chosen, pictures, cpu = recipe(folder), folder / "pictures", torch.device("cpu")
    torch.manual_seed(0)
    model = chosen.model.build(backbone=chosen.model.backbone.build()).eval()
    source = ImageFolderConfig(path=str(pictures / "images"), masks=str(pictures / "masks")).build()
    batch, skip_bad = case
    try:
        held_out, skipped = look_at(
            source, model.backbone, size=28, batch=batch, device=cpu, skip_bad=skip_bad, place=place
        )
    except DiasError as error:
        return {"error": str(error)}
    first, second = (validate(model, held_out, device=cpu) for _ in range(2))
    assert first == second
    return {"batches": len(held_out), "skipped": [one.name for one in skipped], "scores": first}


if __name__ == "__main__":
    where, told, rank = sys.argv[1:]
    meeting = f"file://{where}/meeting"
    processes.init_process_group("gloo", init_method=meeting, rank=int(rank), world_size=2)
    here = Place(rank=int(rank), world=2)
    print(json.dumps([found_by(Path(where), (batch, skip), place=here) for batch, skip in json.loads(told)]))
    processes.destroy_process_group()
