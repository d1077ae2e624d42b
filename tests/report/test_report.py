"""The page: whole, self-contained, and true to the numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
from html_pages import asks_nothing, read
from PIL import Image

from dias.errors import FileError
from dias.evaluation.protocol import DIAS, EvaluationConfig, Rules, rules_of
from dias.evaluation.results import METRICS, Evaluation, Results, Row
from dias.report import Gallery, Picture, photo_gallery, scene_galleries, write_report
from dias.report.journal import read_curves


def a_row(variant: str, map: str, value: float) -> Row:
    return Row(variant=variant, map=map, **{metric: np.full(4, value) for metric in METRICS})


def some_results(rules: Rules = DIAS) -> Results:
    evaluation = Evaluation(
        checkpoint="best.safetensors",
        config=EvaluationConfig(rules=rules),
        names=("a.png", "b.png", "c.png", "<d>.png"),
        rows=(a_row("first iteration", "aggregation", 0.311), a_row("final", "decoder", 0.712)),
        slots_kept=np.array([4, 5, 5, 6]),
        true_segments=np.array([5, 5, 5, 5]),
        true_objects=np.array([4, 4, 4, 4]),
        skipped=(),
        provenance={
            "command": "dias eval <x> & y",
            "hashes": {"backbone": "f00d" * 16},
            "backbone": "dinov2 from hub",
        },
    )
    baselines = (a_row("k-means", "features", 0.533), a_row("oracle", "true masks", 0.911))
    return Results(evaluations=(evaluation,), baselines=baselines)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "my <run>"
    folder.mkdir()
    lines = [
        {"step": step, "loss": 2 / step, "reconstruction": 1 / step, "distillation": 0.1, "lr": 1e-3}
        for step in (10, 20, 30)
    ]
    lines.append(
        {
            "step": 30,
            "val_ari": 0.5,
            "val_ari_foreground": 0.6,
            "val_mbo": 0.4,
            "val_miou": None,
            "slots_kept": 5.0,
        }
    )
    (folder / "metrics.jsonl").write_text(
        "\n".join(json.dumps(line) for line in lines) + '\n{"step": 40, "lo'
    )
    (folder / "provenance.json").write_text(
        json.dumps({"command": "dias train", "versions": {"torch": "2.13"}})
    )
    (folder / "recipe.yaml").write_text("about: a <test>\n")
    return folder


@pytest.fixture
def galleries(tmp_path: Path) -> list[Gallery]:
    rng = np.random.default_rng(0)
    names = ["one.png", "two.png"]
    for name in names:
        Image.fromarray(rng.integers(0, 255, (40, 200, 3), dtype=np.uint8)).save(tmp_path / name)
    return [
        Gallery(
            title="Scenes",
            about="",
            pictures=tuple(Picture(file=tmp_path / name, caption=name) for name in names),
        )
    ]


def test_the_page_asks_nothing_of_the_network_and_is_well_formed(run: Path, galleries: list[Gallery]) -> None:
    write_report(run, results=some_results(), galleries=galleries, out=run / "report.html")
    asks_nothing(run / "report.html")


def test_the_page_holds_every_figure_picture_and_number(run: Path, galleries: list[Gallery]) -> None:
    write_report(run, results=some_results(), galleries=galleries, out=run / "report.html")
    text, reader = read(run / "report.html")
    drawn = {attributes["aria-label"] for tag, attributes in reader.seen if tag == "svg"}
    assert drawn == {
        "Reconstruction loss", "Distillation loss", "Validation scores", "Slots kept, validation",
        "Total loss", "Learning rate", "mBO, image by image",
    }  # fmt: skip
    assert sum(tag == "img" for tag, _ in reader.seen) == 2
    for number in ("31.1", "<b>71.2</b>", "53.3", "91.1"):
        assert number in text
    assert "<b>91.1</b>" not in text  # the oracle does not compete
    assert "f00d" * 16 in text
    assert "dias train" in text
    for variable in ("--ink", "--series-1"):
        assert f"var({variable})" in text  # figures follow light and dark
    assert "#0101" not in text
    assert "#0102" not in text


def test_what_users_named_is_shown_as_text(run: Path) -> None:
    write_report(run, results=some_results(), out=run / "report.html")
    text = (run / "report.html").read_text()
    assert "my &lt;run&gt;" in text
    assert "my <run>" not in text
    assert "dias eval &lt;x&gt; &amp; y" in text
    assert "a &lt;test&gt;" in text


def test_curves_and_results_may_be_missing(run: Path) -> None:
    write_report(run, out=run / "report.html")
    text, reader = read(run / "report.html")
    assert "Learning curves" in text
    assert "Results" not in text
    assert sum(tag == "svg" for tag, _ in reader.seen) == 6


def test_a_line_cut_short_and_missing_values_are_left_out(run: Path) -> None:
    curves = read_curves(run)
    assert curves["loss"].steps == (10, 20, 30)
    assert curves["loss"].values == (0.2, 0.1, pytest.approx(2 / 30))
    assert "val_miou" not in curves


def test_what_is_not_there_is_named(tmp_path: Path, run: Path) -> None:
    with pytest.raises(FileError, match=r"metrics\.jsonl"):
        write_report(tmp_path, out=tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
    with pytest.raises(FileError, match="holds no PNG"):
        photo_gallery(tmp_path, title="Photos", about="")
    with pytest.raises(FileError, match=r"pictures\.json"):
        scene_galleries(tmp_path)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    gallery = photo_gallery(tmp_path, title="Photos", about="")
    with pytest.raises(FileError, match=r"bad\.png"):
        write_report(run, galleries=[gallery], out=run / "report.html")


def test_comparisons_come_before_overlays(tmp_path: Path) -> None:
    for name in ("cat-compare.png", "cat-overlay.png", "cat.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    chosen = photo_gallery(tmp_path, title="Photos", about="").pictures
    assert [(picture.file.name, picture.caption) for picture in chosen] == [("cat-compare.png", "cat")]


def test_the_page_says_by_which_protocol_and_that_ari_overflows(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    write_report(run, results=some_results(rules_of("spot", size=224)), out=out)
    assert out.read_text().count("protocol spot+size=224") == 2  # under the headline and over the table
    assert "unlabelled" in out.read_text()  # every rule, where the origin is told
    assert "true values" not in out.read_text()
    write_report(run, results=some_results(rules_of("dias", int64=True)), out=out)
    assert out.read_text().count("not the true values") == 2
