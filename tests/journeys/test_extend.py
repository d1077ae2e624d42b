"""`docs/extend.md` works: in a copy of the package its files and lines give a decoder and a data set."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pages import ROOT, Block, fenced

from tiny_run import settings

PAGE = "docs/extend.md"


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A copy of `src`, and the tests of the page, as a reader of it would have them."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for block in fenced(PAGE):
        assert block.title is not None, f"{PAGE}:{block.line}: which file is this?"
        put(block, tmp_path)
    return tmp_path


def put(block: Block, folder: Path) -> None:
    """Write a new file; or, of a diff, change the one that is there."""
    file = folder / str(block.title)
    if block.language != "diff":
        assert not file.exists(), f"{PAGE}:{block.line}: {block.title} is there already"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)
        return
    lines = block.text.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if not line.startswith("+"))
    text = file.read_text()
    assert text.count(before) == 1, f"{PAGE}:{block.line}: {block.title} has no such lines any more"
    file.write_text(text.replace(before, "".join(line[1:] for line in lines)))


DRIVER = """
import sys
import pytest
assert pytest.main(["-q", "-p", "no:cacheprovider", "tests"]) == 0

import dias
from dias.cli.main import app
assert dias.__file__.startswith(sys.argv[1]), dias.__file__
words = ["recipe.yaml", "--out", "run", "--logger", "none", "--accelerator", "cpu"]
app(["train", *words], standalone_mode=False)
app(["data", "check", sys.argv[2]], standalone_mode=False)

from PIL import Image
from dias.data.sources import open_source
from dias.errors import SampleError
Image.new("L", (3, 3)).save(sys.argv[2] + "/left/0.mask.png")
with pytest.raises(SampleError, match="0.mask.png"):
    open_source(sys.argv[2])[0]
"""


def test_the_page_gives_a_decoder_and_a_data_set(changed: Path, tiny: Path) -> None:
    """The page's own test passes; two steps are trained; the reader checks what it reads. In one process."""
    pairs = changed / "my pairs"
    (pairs / "left").mkdir(parents=True)
    (pairs / "pairs.txt").touch()
    for file in sorted((tiny / "pictures" / "images").iterdir()):
        shutil.copy(file, pairs / "left" / file.name)
        shutil.copy(tiny / "pictures" / "masks" / file.name, pairs / "left" / f"{file.stem}.mask.png")
    recipe = settings(tiny)
    recipe["data"] |= {"train": {"kind": "pairs", "path": str(pairs)}, "validation_share": 0.25}
    del recipe["data"]["validation"]
    recipe["model"]["decoder"] = {"kind": "bilinear", "width": 8}
    recipe["training"] |= {"steps": 2, "validate_every": 2}
    (changed / "recipe.yaml").write_text(yaml.safe_dump(recipe))

    done = subprocess.run(
        [sys.executable, "-c", DRIVER, changed, pairs], cwd=changed, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(changed / "src")},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert "2 passed" in done.stdout
    assert "kind pairs" in done.stdout
    assert "8 images, all read, none faulty" in done.stdout
    stored = yaml.safe_load((changed / "run" / "recipe.yaml").read_text())
    assert stored["model"]["decoder"] == {"kind": "bilinear", "width": 8}
    assert '"step": 2, "val_reconstruction"' in (changed / "run" / "metrics.jsonl").read_text()
