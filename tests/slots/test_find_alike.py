"""`examples/find_alike.py`: slots as vectors, in a search whose answer is known."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from colour_model import colour_model
from dias.inference.segment import Segmenter
from dias.slots import extract, load
from dias.slots.header import header_of

pytest.importorskip("pyarrow")
pytest.importorskip("sklearn")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("find_alike", ROOT / "examples" / "find_alike.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "find_alike", module)  # a dataclass looks there for its module
    spec.loader.exec_module(module)
    return module


def picture(brightness: int) -> np.ndarray:
    """Red left, green and blue on the right, all as bright as told."""
    labels = np.zeros((56, 56), dtype=np.int64)
    labels[:28, 28:], labels[28:, 28:] = 1, 2
    return (np.eye(3, dtype=np.uint8) * brightness)[labels]


def write_slots(folder: Path) -> Path:
    """Slots of the colour model: slot s of a picture is s + its mean brightness in every channel."""
    (folder / "pictures").mkdir(parents=True)
    images = [picture(brightness) for brightness in (250, 240, 200, 150)]
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / "pictures" / f"{number}.png")
    from dias.data.sources import ImageFolderConfig

    config = ImageFolderConfig(path=str(folder / "pictures"))
    source = config.build()
    (folder / "model").write_bytes(b"hashed")
    segmenter = Segmenter(colour_model(), size=56, batch=4)
    header = header_of(
        segmenter, source, checkpoint=folder / "model", threshold=None, per_shard=3,
        data={"kind": "folder", "path": config.path, "masks": None},
    )  # fmt: skip
    extract(segmenter, source, folder / "slots", header=header)
    return folder / "slots"


def test_neighbours_are_those_of_brute_force(example: ModuleType, tmp_path: Path) -> None:
    files = load(write_slots(tmp_path))
    slots = files.arrays().slots.astype(np.float64)
    slots[:, :, 0] += np.arange(4)[:, None] * 0.3 + np.arange(5)[None] ** 1.5  # no two in one direction
    changed = files.arrays()
    object.__setattr__(changed, "slots", slots.astype(np.float32))
    files.arrays = lambda: changed  # type: ignore[method-assign]
    assert example.slot_at(files, 0, x=40, y=40) == 3  # blue
    found = example.find_alike(files, 0, 3, count=100)
    asked = slots[0, 3]
    others = [(i, s) for i in range(1, 4) for s in (2, 3)]  # 0 is merged, 1 too large, 4 has no pixel
    distance = {
        (i, s): 1 - slots[i, s] @ asked / np.linalg.norm(slots[i, s]) / np.linalg.norm(asked)
        for i, s in others
    }
    expected = sorted(others, key=lambda one: distance[one])
    assert [(one.index, one.slot) for one in found] == expected
    assert found[0].distance == pytest.approx(distance[expected[0]], abs=1e-5)


def test_a_sheet_is_drawn(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slots, out = write_slots(tmp_path), tmp_path / "out" / "alike.png"

    def call(*words: object) -> None:
        monkeypatch.setattr(sys, "argv", ["find_alike.py", str(slots), *map(str, words)])
        example.main()

    call("--picture", "0.png", "--at", 40, 40, "--count", 5, "--out", out)
    with Image.open(out) as sheet:
        assert sheet.width > 5 * 192
        assert sheet.height > 2 * 192
    assert len(capsys.readouterr().out.splitlines()) == 5 + 1
    for words, message in (
        (("--picture", "9.png", "--at", 4, 4), "has no picture 9.png, but 0.png, 1.png"),
        (("--picture", "0.png", "--at", 56, 4), "there is no object at"),
    ):
        with pytest.raises(SystemExit, match=message):
            call(*words)
