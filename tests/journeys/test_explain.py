"""The pictures of docs/method.md can be drawn of any model with DIAS's decoder."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from pages import ROOT
from PIL import Image

from dias.data.sources import open_source
from dias.inference.shortcuts import load


@pytest.mark.slow
def test_pictures_of_the_method_are_drawn_of_a_model(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "demo")
    explain = importlib.import_module("explain")
    scenes = open_source(tiny / "pictures")
    model = load(tiny / "run", device="cpu")
    explain.draw(model, scenes, tmp_path)
    shown = {file.stem: np.asarray(Image.open(file)) for file in tmp_path.iterdir()}
    assert shown.keys() == {file.stem for file in (ROOT / "docs" / "pictures").iterdir()}
    assert all(picture.std() > 10 for picture in shown.values())  # none is blank
    seen, other = explain.chosen(model, scenes)
    assert not np.array_equal(seen.picture, other.picture)
    assert len(seen.final.attention) >= 2


def test_what_is_predicted_by_hand_is_what_the_decoder_predicts(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`explain` runs the decoder's parts, since nobody else asks it to predict from chosen tokens."""
    import torch

    monkeypatch.syspath_prepend(ROOT / "demo")
    explain = importlib.import_module("explain")
    model = load(tiny / "run", device="cpu")
    with torch.inference_mode():
        seen = explain.see(model, open_source(tiny / "pictures"), 0)
        truth = seen.final.target.tokens
        found = explain._predicted(
            model.decoder, seen.final, truth, torch.ones(truth.shape[:2], dtype=torch.bool)
        )
    torch.testing.assert_close(found, seen.final.reconstruction)
