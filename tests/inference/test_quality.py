"""Finer masks: several views with one set of slots, and edges that are followed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer import Typer
from typer.testing import CliRunner

import dias
from colour_model import ColourBackbone, colour_model
from dias.cli.segment import segment
from dias.inference import Segmenter
from dias.inference.looking import see
from dias.inference.views import Views, shifted, whole
from dias.models.image import ImageModel, ImageModelConfig
from dias.models.views import from_views
from dias.nn.decoders import BroadcastMLPConfig
from dias.nn.projection import CNNProjectionConfig
from dias.nn.slots.aggregation import AggregationConfig


def small_model(**changes: object) -> ImageModel:
    config = ImageModelConfig(
        channels=3,
        positions=256,
        aggregation=AggregationConfig(slot_dim=8),
        decoder=BroadcastMLPConfig(layers=1, hidden=8),
        **changes,  # type: ignore[arg-type]
    )
    torch.manual_seed(0)
    return ImageModel(config, backbone=ColourBackbone()).eval()


def discs(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Red, with a green disc and a blue one."""
    y, x = np.mgrid[:height, :width]
    labels = np.zeros((height, width), dtype=np.int64)
    for number, (cy, cx) in enumerate([(0.3, 0.3), (0.65, 0.6)], start=1):
        labels[(y - cy * height) ** 2 + (x - cx * width) ** 2 < (0.2 * min(height, width)) ** 2] = number
    return np.array([(250, 10, 10), (10, 250, 10), (10, 10, 250)], dtype=np.uint8)[labels], labels


def test_cells_are_the_mean_of_the_views_that_see_them() -> None:
    views = shifted(28, 14)
    assert (views.side, views.cell, views.starts) == (35, 7, ((0, 0), (0, 7), (7, 0), (7, 7)))
    pictures = torch.arange(2 * 3 * 35 * 35).view(2, 3, 35, 35).to(torch.uint8)
    cut = views.cut(pictures)
    assert cut.shape == (8, 3, 28, 28)
    assert torch.equal(cut[6], pictures[1, :, 7:35, 0:28])
    maps = torch.rand(1, 2, 4 * 4)
    assert views.grid((2, 2)) == (5, 5)
    found = views.together(maps, grid=(2, 2)).view(2, 5, 5)
    each = maps.view(2, 4, 2, 2)
    assert torch.equal(found[:, 0, 0], each[:, 0, 0, 0])  # the corner: of the first view alone
    middle = (each[:, 0, 1, 1] + each[:, 1, 1, 0] + each[:, 2, 0, 1] + each[:, 3, 0, 0]) / 4
    torch.testing.assert_close(found[:, 2, 2], middle)


def test_one_view_is_the_picture_itself_and_an_odd_patch_has_no_half() -> None:
    maps, pictures = torch.rand(1, 2, 16), torch.zeros(1, 3, 56, 56, dtype=torch.uint8)
    assert whole(56, 14).together(maps, grid=(4, 4)) is maps
    assert whole(56, 14).cut(pictures) is pictures
    assert shifted(64, 1) == whole(64, 1)


@pytest.mark.parametrize("changes", [{}, {"projection": CNNProjectionConfig(width=8, strides=(2, 1))}])
def test_the_same_view_twice_changes_nothing(changes: dict[str, object]) -> None:
    model = small_model(**changes)
    pictures = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    queries = model.queries(1, generator=torch.Generator().manual_seed(0)).expand(2, -1, -1)
    with torch.inference_mode():
        once = model.from_tokens(model.see(pictures), queries)
        twice = from_views(model, model.see(pictures.repeat_interleave(2, dim=0)), queries, views=2)
    assert torch.equal(once.mask, twice.mask)
    torch.testing.assert_close(twice.slots[once.mask], once.slots[once.mask], atol=1e-4, rtol=1e-3)
    for one, both in (
        (once.attention[-1], twice.attention[-1]),
        (once.decoder_attention, twice.decoder_attention),
    ):
        assert one is not None
        assert both is not None
        torch.testing.assert_close(both, torch.cat([one, one], dim=2), atol=1e-4, rtol=1e-3)


def test_edges_are_followed_at_the_size_of_the_picture() -> None:
    image, truth = discs(300, 420)
    fast, fine = (Segmenter(colour_model(), quality=quality)([image])[0] for quality in ("fast", "fine"))
    assert fine.labels.shape == truth.shape
    assert (fine.labels != truth).mean() < 0.5 * (fast.labels != truth).mean()
    np.testing.assert_array_equal(fine.slots, fast.slots)


@pytest.mark.parametrize("fit", ["whole", "centre"])
def test_best_looks_four_times_with_one_set_of_slots(fit: str) -> None:
    model = small_model()
    found = Segmenter(model, quality="best", map="decoder", fit=fit, batch=2)(  # type: ignore[arg-type]
        [discs(90, 140)[0], discs(60, 60)[0], discs(30, 31)[0]]
    )
    assert isinstance(model.backbone, ColourBackbone)
    assert model.backbone.batches == [8, 4]
    for one, shape in zip(found, ((90, 140), (60, 60), (30, 31)), strict=True):
        assert one.labels.shape == shape
        assert one.grid == (33, 33)
        assert one.attention.shape == (len(one.slots), 33 * 33)


def test_stages_are_as_fine_as_the_masks() -> None:
    image, _ = discs(64, 64)
    found = Segmenter(small_model(), quality="best").compare([image])[0]
    assert found.stages is not None
    np.testing.assert_array_equal(found.slot_indices[found.labels], found.stages.final)


def test_what_is_fast_keeps_no_guide_and_large_pictures_keep_a_small_one() -> None:
    image = np.zeros((500, 2000, 3), dtype=np.uint8)
    assert see(image, name="", size=224, fit="whole").guide is None
    seen = see(image, name="", size=224, fit="whole", guided=True)
    assert seen.guide is not None
    assert seen.guide.shape == (256, 1024, 3)


def test_tiles_are_views_too() -> None:
    """How the benchmark tries them; they do not help (docs/quality.md)."""
    segmenter = Segmenter(small_model(), quality="fine")
    starts = tuple((y, x) for y in (0, 224) for x in (0, 224))
    segmenter.views = replace(segmenter.views, side=448, starts=starts)
    assert isinstance(segmenter.views, Views)
    assert segmenter([discs(100, 100)[0]])[0].grid == (32, 32)


def test_quality_on_the_command_line_and_in_five_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, truth = discs(200, 260)
    Image.fromarray(image).save(tmp_path / "discs.png")
    monkeypatch.setattr("dias.inference.shortcuts.load", lambda path, **settings: colour_model())
    app = Typer()
    app.command()(segment)
    wrong = []
    for quality in ("fast", "fine"):
        out = tmp_path / quality
        words = ["model", str(tmp_path / "discs.png"), "--out", str(out), "--quality", quality]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        wrong.append((np.asarray(Image.open(out / "discs.mask.png")) != truth).mean())
    assert wrong[1] < 0.5 * wrong[0]
    found = dias.segment(colour_model(), image, quality="fine")
    assert (found.labels != truth).mean() == wrong[1]
    both: Sequence[np.ndarray] = dias.Dias(colour_model(), quality="fine", map="aggregation")([image]).masks
    assert (both[0].argmax(axis=0) != truth).mean() == wrong[1]
    assert CliRunner().invoke(app, [*words[:-1], "finest"]).exit_code == 2
