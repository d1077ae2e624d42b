"""Models in Hugging Face's form: a folder, and a push and a fetch against a hub on this machine."""

import json
import shutil
from pathlib import Path

import fake_hub
import numpy as np
import pytest
import torch

from colour_model import colour_model, three_colours
from dias.checkpoints import describe, load_model, save_model
from dias.errors import CheckpointError, DiasError, FileError
from dias.inference.dias import Dias
from dias.interop.hugging_face import checked, fetched, push, save_folder
from dias.interop.stored import Stored, read_stored
from dias.models import ImageModelConfig
from dias.nn.decoders import RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig

SMALL = ImageModelConfig(
    channels=12,
    positions=16,
    aggregation=AggregationConfig(slot_dim=8, threshold=0.3),
    decoder=RandomARConfig(layers=1, heads=2),
)


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    torch.manual_seed(0)
    save_model(tmp_path / "m.safetensors", SMALL.build(), notes={"step": 7, "seed": 3})
    return read_stored(tmp_path / "m.safetensors")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    constants = pytest.importorskip("huggingface_hub.constants")
    with fake_hub.running() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.address)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE
        path = template[template.index("/{repo_id}") :]
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", running.address + path)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield running


def test_a_folder_has_the_three_files_and_is_a_checkpoint(stored: Stored, tmp_path: Path) -> None:
    folder = save_folder(stored, tmp_path / "model")
    assert sorted(file.name for file in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    config = json.loads((folder / "config.json").read_text())
    assert config["model"] == describe(tmp_path / "m.safetensors")["model"]
    assert config["notes"] == {"step": 7, "seed": 3}
    again = load_model(folder, with_backbone=False)  # every verb takes the folder
    assert again.config == SMALL
    for name, value in again.head_state().items():
        assert torch.equal(value, stored.state[name])
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlicense: mit\nlibrary_name: dias-ocl\n")
    assert "seed: `3`" in card


def test_a_card_that_is_there_stays(stored: Stored, tmp_path: Path) -> None:
    folder = save_folder(stored, tmp_path / "model", card="mine")
    save_folder(stored, folder)
    assert (folder / "README.md").read_text() == "mine"


def test_settings_and_weights_that_do_not_belong_together_are_refused(stored: Stored, tmp_path: Path) -> None:
    folder = save_folder(stored, tmp_path / "model")
    assert checked(folder) == folder / "model.safetensors"
    config = json.loads((folder / "config.json").read_text())
    changed = config | {"model": config["model"] | {"positions": 17}}
    (folder / "config.json").write_text(json.dumps(changed))
    with pytest.raises(FileError, match="has other settings than"):
        checked(folder)
    (folder / "config.json").write_text(json.dumps(config | {"sha256": "0" * 64}))
    with pytest.raises(FileError, match="is not the file that"):
        checked(folder)
    for text in ("{", "[]", '{"model_type": "bert"}'):
        (folder / "config.json").write_text(text)
        with pytest.raises(CheckpointError):
            checked(folder)
    (folder / "config.json").unlink()
    assert checked(folder) == folder


def test_slots_and_masks_of_pictures_of_any_size(tmp_path: Path) -> None:
    model = Dias(colour_model(), map="aggregation")
    pictures = [three_colours(40, 60)[0], three_colours(30, 30)[0]]
    slots, masks = model(pictures)
    for picture, vectors, found in zip(pictures, slots, masks, strict=True):
        assert found.shape == (len(vectors), *picture.shape[:2])
        assert found.dtype == np.bool_
        assert (found.sum(axis=0) == 1).all()  # the masks share the picture


def test_a_push_and_a_fetch(hub: fake_hub.Hub, stored: Stored, tmp_path: Path) -> None:
    folder = save_folder(stored, tmp_path / "model")
    (folder / "secret.txt").write_text("stays here")
    url = push(folder, "somebody/slots", token="hf_x")
    assert url == f"{hub.address}/somebody/slots/commit/{fake_hub.COMMIT}"
    there = hub.files["somebody/slots"]
    assert there.keys() == {"README.md", "config.json", "model.safetensors"}
    assert there["model.safetensors"] == (folder / "model.safetensors").read_bytes()

    there["evil.py"] = b"raise SystemExit('run')"
    place = fetched("somebody/slots")
    assert sorted(file.name for file in place.iterdir()) == sorted(there.keys() - {"evil.py"})
    assert load_model(checked(place), with_backbone=False).config == SMALL
    hub.asked.clear()
    assert fetched("somebody/slots", local_files_only=True) == place
    assert hub.asked == []
    with pytest.raises(DiasError, match="model nobody/nothing: "):
        fetched("nobody/nothing")


def test_a_hub_that_refuses_or_is_away_is_a_line(
    hub: fake_hub.Hub, stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_folder(stored, tmp_path / "model")
    hub.refuses = True
    with pytest.raises(DiasError, match=r"^push of somebody/slots: [^\n]*403[^\n]*$"):
        push(folder, "somebody/slots", token="hf_x")
    monkeypatch.setattr("dias.interop.hugging_face.hub_problem", lambda: "it cannot be reached")
    with pytest.raises(DiasError, match="push of a/b: it cannot be reached"):
        push(folder, "a/b")
    with pytest.raises(DiasError, match=r"model a/b: .* not in the hub's cache; it cannot be reached"):
        fetched("a/b")
    with pytest.raises(DiasError, match="nor a name of the hub"):
        Dias.from_pretrained(tmp_path / "nothing" / "there")


def test_moved_folders_are_still_models(stored: Stored, tmp_path: Path) -> None:
    folder = save_folder(stored, tmp_path / "model")
    shutil.move(folder, tmp_path / "elsewhere")
    assert load_model(tmp_path / "elsewhere", with_backbone=False).config == SMALL
