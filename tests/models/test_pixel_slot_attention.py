"""Slot Attention of pixels as a whole (Locatello et al. 2020): it fits, is measured, and is stored."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dias.backbones import PixelsConfig
from dias.checkpoints import load_model, save_model
from dias.data.samples import ImageSample
from dias.errors import DiasError
from dias.evaluation import EvaluationConfig, evaluate, rules_of
from dias.features import Views, build_cache
from dias.inference.segment import Segmenter
from dias.models import ImageModel, ImageModelConfig
from dias.nn.decoders import PixelBroadcastConfig
from dias.nn.projection import CNNProjectionConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSharedConfig

SIDE, COUNT = 16, 4
CONFIG = ImageModelConfig(
    backbone=PixelsConfig(input_size=SIDE),
    channels=3,
    positions=SIDE**2,
    projection=CNNProjectionConfig(width=16),
    queries=NormalSharedConfig(slots=3),
    aggregation=AggregationConfig(slot_dim=16, reduction=False, reinitialization=False),
    decoder=PixelBroadcastConfig(start=8, width=16),
)


class Discs:
    """Two coloured discs on a coloured ground, in each of four pictures."""

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> ImageSample:
        rng = np.random.default_rng(index)
        y, x = np.mgrid[:SIDE, :SIDE]
        mask = np.zeros((SIDE, SIDE), dtype=np.int32)
        for label, centre in ((1, (4, 4)), (2, (11, 11))):
            down, right = np.array(centre) + rng.integers(-1, 2, 2)
            mask[(y - down) ** 2 + (x - right) ** 2 <= 9] = label
        image = rng.integers(0, 256, (3, 3)).astype(np.uint8)[mask]
        return ImageSample(image=image, name=self.name(index), mask=mask)

    def name(self, index: int) -> str:
        return f"{index}.png"

    def fingerprint(self) -> str:
        return "d" * 64


def build(config: ImageModelConfig = CONFIG) -> ImageModel:
    torch.manual_seed(0)
    return config.build(backbone=config.backbone.build())


def images() -> Tensor:
    pictures = np.stack([Discs()[index].image for index in range(COUNT)])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def test_four_pictures_are_fitted() -> None:
    """Far better than the one picture that is nearest to all four, which needs no slots."""
    model, errors = build().train(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, fused=True)
    for _ in range(160):
        error = model.from_tokens(model.see(images())).error.mean()
        optimizer.zero_grad()
        error.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        errors.append(error.item())
    assert np.mean(errors[-10:]) < 0.2 * errors[0]
    nearest = images().float().div(127.5).var(dim=0, correction=0).mean().item()
    assert np.mean(errors[-10:]) < 0.3 * nearest


def test_all_weights_are_trained() -> None:
    model = build().train()
    model.from_tokens(model.see(images())).error.mean().backward()
    assert [name for name, value in model.named_parameters() if value.grad is None] == []


@pytest.mark.parametrize("strides", [(1, 1), (2, 1)])
def test_it_is_measured(strides: tuple[int, ...]) -> None:
    """Both maps lie on the grid of pixels, whatever the convolutions' strides."""
    model = build(replace(CONFIG, projection=CNNProjectionConfig(width=8, strides=strides))).eval()
    out = model.from_tokens(model.see(images()))
    assert out.attention[-1].shape == out.decoder_attention.shape == (COUNT, 3, SIDE**2)
    torch.testing.assert_close(out.attention[-1].sum(dim=1), torch.ones(COUNT, SIDE**2))
    config = EvaluationConfig(rules=rules_of("dias", size=32), batch=3)
    found = evaluate(model, Discs(), config=config, progress=False)
    assert {row.map for row in found.rows} == {"aggregation", "decoder"}
    for row in found.rows:
        for scores in (row.ari, row.ari_foreground, row.mbo, row.miou):
            assert np.isfinite(scores).all()
    assert found.provenance["backbone"] == "pixels from no weights"


def test_a_checkpoint_brings_it_back(tmp_path: Path) -> None:
    model, file = build().eval(), tmp_path / "model.safetensors"
    save_model(file, model)
    again = load_model(file, weights="/not/asked/for")
    assert again.config == CONFIG
    queries = model.queries(COUNT)
    before, after = (one.from_tokens(one.see(images()), queries) for one in (model, again))
    assert torch.equal(before.reconstruction, after.reconstruction)


@pytest.mark.parametrize("map", ["aggregation", "decoder"])
def test_it_segments_pictures_of_any_size(map: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 50, 3)).astype(np.uint8)
    (found,) = Segmenter(build(), map=map)([picture])
    assert found.labels.shape == (20, 50)


def test_there_is_no_cache_of_pixels(tmp_path: Path) -> None:
    views = Views(number=0, size=SIDE, seed=0)
    with pytest.raises(DiasError, match=r"leave data\.cache null"):
        build_cache(Discs(), CONFIG.backbone.build(), tmp_path / "cache", views=views, progress=False)
