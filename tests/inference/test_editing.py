"""Editing with a decoder that paints one column a slot, so that every edited picture is known."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from colour_model import ColourModel, Memory, colour_model, three_colours
from dias.errors import DiasError
from dias.inference.edit_sheets import save_edits
from dias.inference.editing import Editor, exchanged, without
from dias.nn.tokenizers import Coded, TokenizerPart

ROOT = Path(__file__).parents[2]


class Columns(nn.Module):
    """Column i of 16 is as bright as the first number of kept slot i; the others are black."""

    def from_slots(self, slots: Tensor, kept: Tensor, *, codebook=None, generator=None) -> Tensor:
        grid = torch.zeros(len(slots), 16, 16)
        for row, (own, there) in enumerate(zip(slots, kept, strict=True)):
            values = own[there][:, 0] / 10
            grid[row, :, : len(values)] = values
        return grid.reshape(len(slots), 256, 1)


class Grey(TokenizerPart):
    """Tokens are brightness, pictures are 16 x 16."""

    channels, codes, source = 1, None, "images"

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def encode(self, seen: Tensor) -> Coded:
        grey = nn.functional.adaptive_avg_pool2d(seen.float() / 255, 16).mean(dim=1)
        return Coded(tokens=grey.reshape(len(seen), 256, 1), codes=None)

    def nearest(self, tokens: Tensor) -> Tensor:
        return tokens

    def embed(self, codes: Tensor) -> Tensor:
        raise AssertionError("there are no codes")

    def loss(self, *given: object, **options: object) -> dict[str, Tensor]:
        raise AssertionError("this is no training")

    def decode(self, tokens: Tensor) -> Tensor:
        return tokens.reshape(-1, 1, 16, 16).expand(-1, 3, -1, -1).clamp(0, 1)


def painting_model() -> ColourModel:
    model = colour_model()
    model.decoder, model.tokenizer = Columns(), Grey()
    model.config = replace(model.config, target="codes")
    return model


def columns(picture: np.ndarray, count: int) -> np.ndarray:
    """Brightness of the first columns, 0 to 10."""
    assert (picture == picture[:1]).all()
    return picture[0, :count, 0] / 25.5


def test_objects_come_by_area_with_what_the_model_saw() -> None:
    image = three_colours(100, 100)[0]
    image[60:, 50:] = (10, 250, 10)  # green is larger than blue
    (scene,) = Editor(painting_model()).see([image], names=["a.png"])
    areas = np.bincount(scene.labels.ravel(), minlength=4)
    assert (np.diff(areas) <= 0).all()
    assert areas[3] == 0
    number = scene.slots[:, 0] - scene.slots[:, 0].min() + 1
    np.testing.assert_allclose(number[[0, 3]], [1, 4], atol=1e-5)
    assert scene.picture.shape == (224, 224, 3)
    grey = np.asarray(Image.fromarray(scene.picture).resize((16, 16), Image.Resampling.BOX)).mean(axis=2)
    np.testing.assert_allclose(scene.best[..., 0], grey, atol=1.5)


def test_pictures_are_those_of_the_slots_whatever_the_batch() -> None:
    sets = [np.full((count, 4), float(count), dtype=np.float32) for count in (3, 1, 2, 4, 1)]
    for batch in (1, 2, 16):
        made = Editor(painting_model(), batch=batch).pictures(sets)
        for one, picture in zip(sets, made, strict=True):
            expected = [*one[:, 0], 0]
            np.testing.assert_allclose(columns(picture, len(expected)), expected, atol=0.03)


def test_slots_are_removed_and_exchanged() -> None:
    one, other = np.eye(3, 4, dtype=np.float32), 2 * np.ones((2, 4), dtype=np.float32)
    np.testing.assert_array_equal(without(one, 1), one[[0, 2]])
    first, second = exchanged(one, other, 1)
    np.testing.assert_array_equal(first, [one[0], other[1], one[2]])
    np.testing.assert_array_equal(second, [other[0], one[1]])
    np.testing.assert_array_equal(one, np.eye(3, 4))


def test_sheets(tmp_path: Path) -> None:
    pictures = Memory([three_colours(60, 80)[0], None, three_colours(90, 50)[0], three_colours(50, 50)[0]])
    seen = []
    editor = Editor(painting_model())
    usual = editor.pictures
    editor.pictures = lambda sets: seen.append(sets) or usual(sets)  # type: ignore[method-assign]
    saved = save_edits(editor, [pictures, pictures], tmp_path, remove=True, swap=True, most=4)
    assert [file.name for file in saved.files] == ["reconstruction.png", "remove.png", "swap.png"]
    assert [one.name for one in saved.skipped] == ["1.png"]
    widths = [Image.open(file).size[0] for file in saved.files]
    assert widths[0] < widths[1] == widths[2]  # 4 columns; 3 + one an object
    assert [len(sets) for sets in seen] == [4, 4, 4, 4, 4, 8, 8]  # as they are; removed; exchanged, in pairs
    first, second = seen[0][:2]
    np.testing.assert_array_equal(seen[1][2], first[[0, 1, 3]])
    np.testing.assert_array_equal(seen[5][0], [second[0], *first[1:]])
    np.testing.assert_array_equal(seen[5][1], [first[0], *second[1:]])


def test_what_cannot_be_edited_is_said(tmp_path: Path) -> None:
    editor, image = Editor(painting_model()), three_colours(60, 80)[0]
    with pytest.raises(DiasError, match="between two pictures; 1 could be read"):
        save_edits(editor, [Memory([image])], tmp_path / "out", swap=True)
    with pytest.raises(DiasError, match=r"no picture could be read: 1 skipped \(0\.png: is truncated\)"):
        save_edits(editor, [Memory([None])], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(DiasError, match="reconstructs features"):
        Editor(colour_model())
    model = painting_model()
    counted = replace(model.config.aggregation, counted=True)
    model.config = replace(model.config, aggregation=counted)
    with pytest.raises(DiasError, match=r"model\.aggregation\.counted"):
        Editor(model)


def edits_script() -> ModuleType:
    """`demo/edits.py`, which draws the picture of docs/editing.md."""
    spec = importlib.util.spec_from_file_location("edits", ROOT / "demo" / "edits.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_picture_of_the_docs_has_each_scenes_edits() -> None:
    """As many pictures as titles, and they are those of the slots, edited in pairs."""
    script, editor = edits_script(), Editor(painting_model())
    images = [three_colours(100, 100)[0], three_colours(90, 120)[0]]
    scenes = editor.see(images, names=["a.png", "b.png"])
    made = script.rows(editor, scenes)
    assert [len(row) for row in made] == [len(script.TITLES)] * 2
    both = [scene.slots for scene in scenes]
    swapped = exchanged(*both, script.OBJECT)
    for row, scene, own, other in zip(made, scenes, both, swapped, strict=True):
        for shown, slots in zip(row[3:], (own, without(own, script.OBJECT), other), strict=True):
            expected = np.zeros(16)
            expected[: len(slots)] = slots[:, 0].clip(0, 10)
            np.testing.assert_allclose(columns(shown, 16), expected, atol=0.03)
        assert np.array_equal(row[2], scene.best)
