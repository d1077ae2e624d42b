"""`dias data check` and `dias data list`, as a user meets them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Said
from tiny_run import make_files
from toy_clips import ToyClipsConfig, make_toy_clips

Dias = Callable[..., Said]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return make_files(tmp_path) / "pictures"


def run(*words: object, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dias.cli.main", "data", *map(str, words)]
    narrow = os.environ | {"COLUMNS": "80"}
    return subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, env=narrow)


@pytest.mark.parametrize(
    "words", [("data", "list"), ("data", "list", "coco"), ("--help",), ("--version",)], ids=" ".join
)
def test_what_only_tells_does_not_wait_for_torch(words: tuple[str, ...]) -> None:
    code = f"""
import sys
from dias.cli.main import main
sys.argv = ["dias", *{words!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print([name for name in ("torch", "lightning", "transformers") if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout
    assert done.stderr.strip() == "[]"


def test_checking_a_data_set_does_not_wait_for_torch_either(pictures: Path) -> None:
    code = "import sys; from dias.inspection import inspect; inspect('pictures', progress=False); "
    done = subprocess.run(
        [sys.executable, "-c", code + "print('torch' in sys.modules)"],
        cwd=pictures.parent, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"


def test_a_whole_set_and_a_broken_one_in_a_process_of_their_own(pictures: Path) -> None:
    whole = run("check", "pictures", home=pictures.parent)
    assert whole.returncode == 0, whole.stderr
    assert "8 images, all read, none faulty" in whole.stdout
    assert max(map(len, whole.stdout.splitlines())) <= 80
    (pictures / "masks" / "5.png").unlink()
    broken = run("check", "pictures", "--out", "page.html", "--jobs", "3", home=pictures.parent)
    assert broken.returncode == 1, broken.stderr
    assert [line for line in broken.stdout.splitlines() if line.startswith("faulty: ")] == [
        "faulty: pictures/images/5.png: has no mask: pictures/masks/5.png does not exist; "
        "add it, or leave out masks"
    ]
    assert "<img" in (pictures.parent / "page.html").read_text()
    stored = json.loads((pictures.parent / "page.json").read_text())
    assert stored["parts"][0]["faults"][0]["name"] == "5.png"
    assert stored["provenance"]["command"].startswith("dias data check pictures")


def test_what_is_no_data_set_ends_with_two(dias: Dias, tmp_path: Path) -> None:
    assert "there is no such file" in dias("data", "check", tmp_path / "nowhere").line
    (tmp_path / "empty").mkdir()
    assert "holds no picture" in dias("data", "check", tmp_path / "empty").line
    assert "it has none" in dias("data", "check", "photos", "--split", "val").line


def test_more_faults_than_a_screen_holds_are_left_in_a_file(
    dias: Dias, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "many").mkdir()
    for i in range(23):
        (tmp_path / "many" / f"{i:02d}.png").write_text("no picture")
    said = dias("data", "check", "many")
    assert said.code == 1
    assert said.out.count("faulty: many/") == 20
    assert "... and 3 more" in said.out
    stored = json.loads((tmp_path / "data-check.json").read_text())
    assert len(stored["parts"][0]["faults"]) == 23


def test_another_number_is_a_warning_and_a_split_that_does_not_open_is_not(
    dias: Dias, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dias.data.sources._RECOGNISED", (ToyClipsConfig,))
    toys = make_toy_clips(tmp_path / "toys", length=3)
    said = dias("data", "check", toys, "--quick", "1")
    assert said.code == 0, said.err
    assert "train: 3 clips, 1 read, none faulty" in said.out
    assert "warning: 3 clips here, 60 published" in said.out
    (toys / "test").mkdir()
    said = dias("data", "check", toys)
    assert said.code == 2
    assert "test: cannot be opened" in said.out
    assert "val: 2 clips, all read" in said.out


def test_the_list_and_one_of_it(dias: Dias) -> None:
    said = dias("data", "list")
    assert said.code == 0, said.err
    assert "clevrtex" in said.out
    said = dias("data", "list", "COCO")
    assert "val2017: 5,000 images" in said.out
    assert "dias train coco" in said.out
    assert "did you mean voc" in dias("data", "list", "vocc").line


def test_a_page_of_another_name_is_refused_before_anything_is_read(dias: Dias, tmp_path: Path) -> None:
    said = dias("data", "check", tmp_path, "--out", tmp_path / "page.txt").line
    assert said.endswith("page.txt: is no name of a page; give one that ends in .html")
