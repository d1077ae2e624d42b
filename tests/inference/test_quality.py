"""Finer masks: several views with one set of slots, and edges that are followed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer import Typer
from typer.testing import CliRunner

import dias
from colour_model import colour_model
from dias.cli.segment import segment
from dias.inference import Segmenter
from dias.inference.looking import see


def discs(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Red, with a green disc and a blue one."""
    y, x = np.mgrid[:height, :width]
    labels = np.zeros((height, width), dtype=np.int64)
    for number, (cy, cx) in enumerate([(0.3, 0.3), (0.65, 0.6)], start=1):
        labels[(y - cy * height) ** 2 + (x - cx * width) ** 2 < (0.2 * min(height, width)) ** 2] = number
    return np.array([(250, 10, 10), (10, 250, 10), (10, 10, 250)], dtype=np.uint8)[labels], labels


def test_edges_are_followed_at_the_size_of_the_picture() -> None:
    image, truth = discs(300, 420)
    fast, fine = (Segmenter(colour_model(), quality=quality)([image])[0] for quality in ("fast", "fine"))
    assert fine.labels.shape == truth.shape
    assert (fine.labels != truth).mean() < 0.5 * (fast.labels != truth).mean()
    np.testing.assert_array_equal(fine.slots, fast.slots)


def test_twice_and_with_its_stages() -> None:
    image, truth = discs(90, 130)
    for compare in (False, True):
        segmenter = Segmenter(colour_model(), quality="best", fit="centre")
        found = (segmenter.compare if compare else segmenter)([image])[0]
        x0, y0, x1, y1 = found.coverage
        assert (found.labels == truth)[y0:y1, x0:x1].mean() > 0.97
        if found.stages is not None:
            np.testing.assert_array_equal(
                found.slot_indices[found.labels[y0:y1, x0:x1]], found.stages.final[y0:y1, x0:x1]
            )


def test_what_is_fast_keeps_no_guide_and_large_pictures_keep_a_small_one() -> None:
    image = np.zeros((500, 2000, 3), dtype=np.uint8)
    assert see(image, name="", size=224, fit="whole").guide is None
    seen = see(image, name="", size=224, fit="whole", guided=True)
    assert seen.guide is not None
    assert seen.guide.shape == (256, 1024, 3)


def test_quality_on_the_command_line_and_in_five_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, truth = discs(200, 260)
    Image.fromarray(image).save(tmp_path / "discs.png")
    monkeypatch.setattr("dias.inference.shortcuts.load", lambda path, **settings: colour_model())
    app = Typer()
    app.command()(segment)
    wrong = []
    for quality in ("fast", "fine", "best"):
        out = tmp_path / quality
        words = ["model", str(tmp_path / "discs.png"), "--out", str(out), "--quality", quality]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        wrong.append((np.asarray(Image.open(out / "discs.mask.png")) != truth).mean())
    assert max(wrong[1:]) < 0.5 * wrong[0]
    found = dias.segment(colour_model(), image, quality="fine")
    assert (found.labels != truth).mean() == wrong[1]
    both: Sequence[np.ndarray] = dias.Dias(colour_model(), quality="fine", map="aggregation")([image]).masks
    assert (both[0].argmax(axis=0) != truth).mean() == wrong[1]
    assert CliRunner().invoke(app, [*words[:-1], "finest"]).exit_code == 2
