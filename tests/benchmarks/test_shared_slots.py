"""What benchmarks/refinement.py tries: several views of a picture with one set of slots."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
import torch

from colour_model import ColourBackbone
from dias.inference import Segmenter
from dias.models.image import ImageModel, ImageModelConfig
from dias.nn.decoders import BroadcastMLPConfig
from dias.nn.projection import CNNProjectionConfig
from dias.nn.slots.aggregation import AggregationConfig


@pytest.fixture(scope="module")
def shared(benchmark_of: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_of("shared_slots")


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


def test_cells_are_the_mean_of_the_views_that_see_them(shared: ModuleType) -> None:
    views = shared.shifted(28, 14)
    assert (views.side, views.cell, views.starts) == (35, 7, ((0, 0), (0, 7), (7, 0), (7, 7)))
    pictures = torch.arange(2 * 3 * 35 * 35).view(2, 3, 35, 35).to(torch.uint8)
    cut = views.cut(pictures)
    assert cut.shape == (8, 3, 28, 28)
    assert torch.equal(cut[6], pictures[1, :, 7:35, 0:28])
    maps = torch.rand(1, 2, 4 * 4)
    assert views.cells == (5, 5)
    found = views.together(maps, grid=(2, 2)).view(2, 5, 5)
    each = maps.view(2, 4, 2, 2)
    assert torch.equal(found[:, 0, 0], each[:, 0, 0, 0])  # the corner: of the first view alone
    middle = (each[:, 0, 1, 1] + each[:, 1, 1, 0] + each[:, 2, 0, 1] + each[:, 3, 0, 0]) / 4
    torch.testing.assert_close(found[:, 2, 2], middle)


def test_tiles_lie_side_by_side(shared: ModuleType) -> None:
    views = shared.tiled(224, 14)
    segmenter = Segmenter(small_model(), map="decoder")
    image = np.random.default_rng(0).integers(0, 256, (90, 60, 3), dtype=np.uint8)
    maps = shared.maps_of_views(segmenter, image, views)
    assert views.cells == (32, 32)
    assert maps.shape[2] == 32 * 32
    torch.testing.assert_close(maps.sum(dim=1), torch.ones(1, 32 * 32), atol=1e-2, rtol=0)


@pytest.mark.parametrize("changes", [{}, {"projection": CNNProjectionConfig(width=8, strides=(2, 1))}])
def test_the_same_view_twice_changes_nothing(shared: ModuleType, changes: dict[str, object]) -> None:
    model = small_model(**changes)
    pictures = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    queries = model.queries(1, generator=torch.Generator().manual_seed(0)).expand(2, -1, -1)
    with torch.inference_mode():
        once = model.from_tokens(model.see(pictures), queries)
        twice = shared.from_views(model, model.see(pictures.repeat_interleave(2, dim=0)), queries, views=2)
    assert torch.equal(once.mask, twice.mask)
    torch.testing.assert_close(twice.slots[once.mask], once.slots[once.mask], atol=1e-4, rtol=1e-3)
    for one, both in (
        (once.attention[-1], twice.attention[-1]),
        (once.decoder_attention, twice.decoder_attention),
    ):
        assert one is not None
        assert both is not None
        torch.testing.assert_close(both, torch.cat([one, one], dim=2), atol=1e-4, rtol=1e-3)
