"""Each method's part of the page of a comparison."""

import json
from dataclasses import replace
from pathlib import Path

from test_rows_and_tables import a_method

from dias.comparison.closely import method_by_method
from dias.comparison.columns import MethodRow


def in_folder(row: MethodRow, folder: Path) -> MethodRow:
    return replace(row, method=replace(row.method, folder=folder))


def test_every_measured_method_has_its_part_and_the_first_is_open(tmp_path: Path) -> None:
    rows = [in_folder(a_method(name, 0.5, 0.6), tmp_path / name) for name in ("one", "<two>", "three")]
    rows[2] = replace(rows[2], evaluations=(), failures=("seed 0: failed",))
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "closely.json").write_text(json.dumps({"html": '<div id="one-best-1"></div>'}))
    text = method_by_method(rows)
    assert text.count('<details class="method"') == 2
    assert text.count('<details class="method" open>') == 1
    assert text.index("open><summary>one</summary>") < text.index("&lt;two&gt;</summary>")
    assert (
        text.count('id="one-best-1"') == 1
    )  # the other was not looked at, and has its histograms all the same
    for name in ("one", "&lt;two&gt;"):
        assert f'aria-label="{name}: ARIfg, image by image"' in text
    assert text.count('<table class="images">') == 2


def test_a_damaged_file_leaves_out_the_pictures_alone(tmp_path: Path) -> None:
    (tmp_path / "closely.json").write_text("{")
    assert "mIoU, image by image" in method_by_method([in_folder(a_method("one", 0.5), tmp_path)])
