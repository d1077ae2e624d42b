import json
import threading
import zipfile
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO
from scipy.spatial.distance import cdist
from small_finder import SLOTS, small_model

from colour_model import three_colours
from dias.data.streams import StreamFrame
from dias.errors import DiasError
from dias.inference.segment import Segmenter
from dias.inference.tracks import Tracker
from dias.models import following
from dias.nn.slots.adaslot import AdaSlotConfig
from dias.nn.slots.thresholds import AUTOMATIC
from dias.web import Cut, Finder, PageConfig, Upload
from dias.web.downloads import masks_json, masks_png, slots_npz
from dias.web.looking import shrunk, spread
from dias.web.views import similarity, small, stages_of, view

LIMITS = PageConfig(side=64, frames=5)
PICTURE, _ = three_colours(90, 120)


def upload(*pictures: np.ndarray, name: str = "a.png") -> Upload:
    frames = [StreamFrame(number, number / 10, lambda one=one: one) for number, one in enumerate(pictures)]
    return Upload(name=name, frames=iter(frames), of_clip=len(pictures) > 1)


def moving(count: int) -> list[np.ndarray]:
    return [np.roll(PICTURE, 3 * step, axis=1) for step in range(count)]


@pytest.mark.parametrize("map", ["aggregation", "decoder"])
def test_a_picture_is_segmented_as_elsewhere(map: str) -> None:
    model = small_model()
    finder = Finder(model, map=map)  # type: ignore[arg-type]
    looked = finder.look(upload(PICTURE), LIMITS)
    for cut, threshold in ((Cut(), AUTOMATIC), (Cut(how="distance", distance=0.3), 0.3)):
        found = finder.find(looked, cut)[0]
        wanted = Segmenter(model.with_threshold(threshold), map=map).compare([PICTURE])[0]  # type: ignore[arg-type]
        assert wanted.stages is not None
        ours = stages_of(looked.frames[0].seen, found)
        for one, other in zip(ours, vars(wanted.stages).values(), strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(np.flatnonzero(found.kept), wanted.slot_indices)
        np.testing.assert_allclose(found.slots[found.kept], wanted.slots, rtol=1e-6)


def test_a_clip_is_followed_as_elsewhere() -> None:
    model, frames = small_model(), moving(4)
    finder = Finder(model)
    found = finder.find(finder.look(upload(*frames), LIMITS), Cut(how="distance", distance=0.4))
    tracker = Tracker(following(model.with_threshold(0.4)))
    wanted = list(tracker.stream(upload(*frames).frames))
    assert len(found) == len(wanted) == 4
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one.kept, other.kept)  # type: ignore[union-attr]
        np.testing.assert_allclose(one.slots, other.slots, rtol=1e-6)  # type: ignore[union-attr]
    assert any(not one.kept.all() for one in found)


@pytest.mark.parametrize("number", [2, 3, 5, 6])
def test_the_tree_is_cut_at_the_number_that_is_asked_for(number: int) -> None:
    finder = Finder(small_model())
    looked = finder.look(upload(PICTURE), LIMITS)
    found = finder.find(looked, Cut(how="number", number=number))[0]
    assert found.kept.sum() == number
    assert found.tree is not None
    assert found.tree.cut == SLOTS - number
    assert found.before is not None
    distances = cdist(found.before, found.before, "cosine")[np.triu_indices(SLOTS, 1)]
    assert found.tree.merges[0][2] == pytest.approx(distances.min(), abs=1e-6)
    assert found.tree.merges[-1][2] == pytest.approx(distances.max(), abs=1e-6)


def test_the_tree_is_cut_where_the_threshold_is() -> None:
    finder = Finder(small_model())
    looked = finder.look(upload(PICTURE), LIMITS)
    tree = finder.find(looked, Cut())[0].tree
    assert tree is not None
    between = (tree.merges[2][2] + tree.merges[3][2]) / 2
    found = finder.find(looked, Cut(how="distance", distance=between))[0]
    assert found.tree is not None
    assert (found.tree.cut, found.tree.threshold, found.kept.sum()) == (3, between, SLOTS - 3)


def test_a_slider_does_not_ask_the_backbone_again() -> None:
    model = small_model()
    finder = Finder(model)
    looked = finder.look(upload(*moving(5)), LIMITS)
    asked = list(finder._plain.backbone.batches)  # type: ignore[attr-defined]
    for number in (2, 4):
        finder.find(looked, Cut(how="number", number=number))
    assert finder._plain.backbone.batches == asked == [5]  # type: ignore[attr-defined]


def test_a_model_that_does_not_merge_has_no_tree_and_follows_nothing() -> None:
    model = small_model()
    config = AdaSlotConfig(slot_dim=8)
    model.config = type(model.config)(**{**vars(model.config), "aggregation": config})
    model.aggregation = config.build(token_dim=model.projection.channels_out).eval()
    finder = Finder(model)
    assert (finder.merges, finder.distance) == (False, None)
    looked = finder.look(upload(PICTURE), LIMITS)
    found = finder.find(looked, Cut(how="number", number=2))
    assert found[0].tree is None
    assert view(looked, found)["frames"][0]["tree"] is None
    with pytest.raises(DiasError, match="cannot go on after the first frame"):
        finder.find(finder.look(upload(*moving(2)), LIMITS), Cut())


def test_two_at_once_get_their_own() -> None:
    finder = Finder(small_model())
    pictures = [np.full((40, 40 + 14 * number, 3), 40 * number, np.uint8) for number in range(5)]
    looked = [finder.look(upload(one, name=f"{place}"), LIMITS) for place, one in enumerate(pictures)]
    alone = [view(one, finder.find(one, Cut(how="number", number=3))) for one in looked]
    results: dict[int, object] = {}

    def ask(place: int) -> None:
        results[place] = view(looked[place], finder.find(looked[place], Cut(how="number", number=3)))

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[place] for place in range(5)] == alone


def test_what_the_page_draws_is_what_was_found() -> None:
    finder = Finder(small_model())
    looked = finder.look(upload(PICTURE, name="<b>.png"), LIMITS)
    found = finder.find(looked, Cut(how="number", number=4))
    told = json.loads(json.dumps(view(looked, found), allow_nan=False))
    frame = told["frames"][0]
    assert (frame["width"], frame["height"], len(told["colours"])) == (64, 48, SLOTS)
    drawn = stages_of(small(looked.frames[0]), found[0])
    for stage, wanted in zip(frame["stages"], drawn, strict=True):
        runs = np.array(stage["runs"]).reshape(-1, 2)
        labels = np.repeat(runs[:, 0], runs[:, 1]).reshape(48, 64)
        np.testing.assert_array_equal(labels, wanted)
        shares = np.bincount(labels.ravel(), minlength=SLOTS) / labels.size
        np.testing.assert_allclose(stage["area"], shares, atol=1e-5)
    final = frame["stages"][2]["similarity"]
    there = np.array([[one is not None for one in row] for row in final])
    np.testing.assert_array_equal(there, np.outer(found[0].kept, found[0].kept))
    assert frame["kept"] == np.flatnonzero(found[0].kept).tolist()
    before = found[0].before
    assert before is not None
    np.testing.assert_allclose(
        frame["stages"][1]["similarity"], 1 - cdist(before, before, "cosine"), atol=1e-4
    )


def test_similarity_is_the_cosine() -> None:
    vectors = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    np.testing.assert_allclose(similarity(vectors), 1 - cdist(vectors, vectors, "cosine"), atol=1e-6)
    assert np.isfinite(similarity(np.zeros((2, 3), np.float32))).all()


def test_a_picture_can_be_taken_home(tmp_path: Path) -> None:
    model = small_model()
    finder = Finder(model)
    looked = finder.look(upload(PICTURE, name="../my cat.jpg"), LIMITS)
    found = finder.find(looked, Cut(how="distance", distance=0.3))
    wanted = Segmenter(model.with_threshold(0.3))([PICTURE])[0]
    made = masks_png(looked, found)
    assert made.name == "my_cat.mask.png"
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(made.content))), wanted.labels)
    (tmp_path / "masks.json").write_bytes(masks_json(looked, found).content)
    coco = COCO(tmp_path / "masks.json")
    for one in coco.loadAnns(coco.getAnnIds()):
        place = wanted.slot_indices.tolist().index(one["slot"])
        np.testing.assert_array_equal(coco.annToMask(one), wanted.labels == place)
    slots = np.load(BytesIO(slots_npz(looked, found).content), allow_pickle=False)
    np.testing.assert_allclose(slots["slots"][0][slots["kept"][0]], wanted.slots, rtol=1e-6)


def test_so_can_a_clip() -> None:
    finder = Finder(small_model())
    looked = finder.look(upload(*moving(3), name="a.mp4"), LIMITS)
    found = finder.find(looked, Cut())
    with zipfile.ZipFile(BytesIO(masks_png(looked, found).content)) as archive:
        assert archive.namelist() == ["0000.mask.png", "0001.mask.png", "0002.mask.png"]
        assert Image.open(archive.open("0002.mask.png")).size == (120, 90)
    told = json.load(StringIO(masks_json(looked, found).content.decode()))
    assert [one["file_name"] for one in told["images"]] == ["a.mp4 0000", "a.mp4 0001", "a.mp4 0002"]
    slots = np.load(BytesIO(slots_npz(looked, found).content), allow_pickle=False)
    assert slots["times"].tolist() == [0.0, 0.1, 0.2]
    assert slots["slots"].shape == (3, SLOTS, 8)


@pytest.mark.parametrize(("count", "taken"), [(1, [0]), (4, [0, 1, 2, 3]), (5, [0, 2, 4]), (33, [0, 16, 32])])
def test_frames_are_spread_over_a_clip_of_any_length(count: int, taken: list[int]) -> None:
    made = []

    def read(number: int) -> np.ndarray:
        made.append(number)
        return PICTURE

    frames = (StreamFrame(number, 0.0, lambda number=number: read(number)) for number in range(count))
    found = spread(frames, 4, lambda frame: (frame.number, frame.picture)[0])
    assert found == taken
    assert len(made) <= 4 + 3 * 6  # most frames of a long clip are not even made


def test_pictures_are_made_small_and_never_larger() -> None:
    assert shrunk(PICTURE, 60).shape == (45, 60, 3)
    assert shrunk(PICTURE, 500) is PICTURE
    assert shrunk(np.zeros((2, 900, 3), np.uint8), 60).shape == (1, 60, 3)


def test_the_state_of_a_visitor_is_small() -> None:
    looked = Finder(small_model()).look(upload(np.zeros((2000, 3000, 3), np.uint8)), PageConfig())
    held = looked.frames[0].picture.nbytes + looked.frames[0].seen.picture.nbytes
    held += sum(
        tensor.nbytes for tensor in vars(looked.tokens[0]).values() if isinstance(tensor, torch.Tensor)
    )
    assert held < 2_000_000
