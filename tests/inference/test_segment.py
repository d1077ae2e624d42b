"""Segmenting pictures of any size, with a model whose right answer is known."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dias
from colour_model import ColourBackbone, Memory, colour_model, three_colours
from dias.data.samples import Skipped
from dias.errors import DiasError, SampleError
from dias.inference import Segmentation, Segmenter
from dias.models.image import ImageModel, ImageModelConfig
from dias.nn.decoders import BroadcastMLPConfig
from dias.nn.slots.aggregation import AggregationConfig


@pytest.mark.parametrize("shape", [(64, 64), (301, 97), (40, 900), (2, 64), (90, 2), (1500, 2100)], ids=str)
def test_masks_have_the_size_of_the_picture_and_are_right(shape: tuple[int, int]) -> None:
    image, truth = three_colours(*shape)
    found = Segmenter(colour_model())([image])[0]
    assert found.labels.shape == shape
    assert (found.labels == truth).mean() > 0.97
    assert found.slot_indices.tolist() == [1, 2, 3, 4]
    assert found.areas.tolist() == [(found.labels == number).sum() for number in range(4)]
    assert found.areas[3] == 0
    assert found.coverage == (0, 0, shape[1], shape[0])
    assert found.stages is None
    if min(shape) > 60:
        expected = [[0, 0, 0.5, 1], [0.5, 0, 1, 0.5], [0.5, 0.5, 1, 1], [0, 0, 0, 0]]
        np.testing.assert_allclose(found.boxes, expected, atol=0.04)


def test_slots_are_those_that_were_kept() -> None:
    image, _ = three_colours(50, 50)
    found = Segmenter(colour_model())([image])[0]
    mean = found.slots[0, 0] - 1
    np.testing.assert_allclose(found.slots, np.array([[1], [2], [3], [4]]) + np.full((4, 4), mean), rtol=1e-5)


@pytest.mark.parametrize("shape", [(60, 200), (200, 60), (61, 61)], ids=str)
def test_the_centre_square_alone_is_seen(shape: tuple[int, int]) -> None:
    image, truth = three_colours(*shape)
    found = Segmenter(colour_model(), fit="centre")([image])[0]
    x0, y0, x1, y1 = found.coverage
    assert x1 - x0 == y1 - y0 == min(shape)
    outside = np.ones(shape, dtype=bool)
    outside[y0:y1, x0:x1] = False
    assert (found.labels[outside] == -1).all()
    assert (found.labels[~outside] == truth[~outside]).mean() > 0.95
    assert found.areas.sum() == min(shape) ** 2


def test_what_is_found_does_not_depend_on_neighbours_or_batches() -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (rng.integers(20, 90), 60, 3), dtype=np.uint8) for _ in range(7)]
    config = ImageModelConfig(
        channels=3,
        positions=256,
        aggregation=AggregationConfig(slot_dim=8),
        decoder=BroadcastMLPConfig(hidden=8),
    )
    torch.manual_seed(0)
    model = ImageModel(config, backbone=ColourBackbone())
    together = Segmenter(model, batch=3)(images)
    for image, found in zip(images, together, strict=True):
        alone = Segmenter(model, batch=1)([image])[0]
        np.testing.assert_array_equal(alone.labels, found.labels)
        np.testing.assert_allclose(alone.slots, found.slots, atol=1e-5)


def test_the_decoder_gives_the_masks_if_asked() -> None:
    image, _ = three_colours(224, 224)
    aggregation, decoder = (
        Segmenter(colour_model(), map=map)([image])[0] for map in ("aggregation", "decoder")
    )
    assert (aggregation.labels != decoder.labels).any()
    np.testing.assert_array_equal(
        np.roll(aggregation.labels, 14, axis=1)[7:-14, 28:], decoder.labels[7:-14, 28:]
    )


def test_stages_are_in_slot_numbers() -> None:
    image, truth = three_colours(70, 80)
    found = Segmenter(colour_model()).compare([image])[0]
    assert found.stages is not None
    assert (found.stages.first == 4).all()
    assert (found.stages.last == truth + 1).mean() > 0.97
    np.testing.assert_array_equal(found.stages.final, found.labels + 1)


def test_a_stream_keeps_order_and_goes_on_after_bad_files() -> None:
    images: list[np.ndarray | None] = [three_colours(30 + index, 50)[0] for index in range(11)]
    images[0] = images[4] = images[10] = None
    model = colour_model()
    found = list(Segmenter(model, batch=4).stream(Memory(images)))
    assert [one.name for one in found] == [f"{index}.png" for index in range(11)]
    for index, one in enumerate(found):
        if images[index] is None:
            assert isinstance(one, Skipped)
            assert one.reason == "is truncated"
        else:
            assert isinstance(one, Segmentation)
            assert one.labels.shape == (30 + index, 50)
    assert model.backbone.batches == [4, 4]


def test_a_stream_reads_only_a_little_ahead_and_stops_when_left() -> None:
    source = Memory([three_colours(20, 20)[0]] * 200)
    stream = Segmenter(colour_model(), batch=2).stream(source)
    next(stream)
    stream.close()
    assert source.open < 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("dias-read")]
    assert list(Segmenter(colour_model()).stream(Memory([]))) == []
    assert Segmenter(colour_model())([]) == []


def test_a_model_without_backbone_is_refused() -> None:
    model = colour_model()
    model.backbone = None
    with pytest.raises(DiasError, match="no backbone"):
        Segmenter(model)


def test_one_file_in_one_call(tmp_path: Path) -> None:
    image, truth = three_colours(40, 60)
    Image.fromarray(image).save(tmp_path / "a.png")
    found = dias.segment(colour_model(), tmp_path / "a.png")
    assert found.name == "a.png"
    assert (found.labels == truth).mean() > 0.97
    for same in (image, Image.fromarray(image)):
        np.testing.assert_array_equal(dias.segment(colour_model(), same).labels, found.labels)
    with pytest.raises(SampleError, match=r"b\.png"):
        dias.segment(colour_model(), str(tmp_path / "b.png"))


def test_import_takes_no_time_and_names_are_there() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import dias; seconds = time.perf_counter() - start;"
        "assert seconds < 0.1, seconds; assert 'torch' not in sys.modules and 'numpy' not in sys.modules;"
        "assert {'load', 'segment', '__version__'} <= set(dir(dias)); assert dias.__version__[0].isdigit();"
        "assert callable(dias.load); assert not hasattr(dias, 'nonsense')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_model_sees_the_size_that_was_asked() -> None:
    model = colour_model()
    image, truth = three_colours(280, 280)
    coarse = Segmenter(model, size=28)([image])[0].labels
    fine = Segmenter(model, size=448)([image])[0].labels
    assert (fine == truth).mean() > (coarse == truth).mean()
    assert model.backbone.seen == [28, 448]
    with pytest.raises(DiasError, match="size: 100 must be a multiple of the patch, 14"):
        Segmenter(model, size=100)
    with pytest.raises(DiasError, match="size: 448 gives 1024 tokens, the decoder knows 256"):
        Segmenter(model, size=448, map="decoder")
