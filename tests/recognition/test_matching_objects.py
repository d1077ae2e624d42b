"""All objects of a picture are matched, as trying every assignment would."""

from itertools import permutations

import numpy as np
import pytest

from dias.data.samples import ImageSample
from dias.errors import DiasError, SlotsError
from dias.recognition.objects import match_picture
from dias.slots.read import PictureMasks


def masks_of(labels: np.ndarray, coverage: tuple[int, int, int, int] | None = None) -> PictureMasks:
    height, width = labels.shape
    return PictureMasks(
        name="a",
        labels=labels.astype(np.int32),
        boxes=np.zeros((int(labels.max()) + 1, 4)),
        coverage=coverage or (0, 0, width, height),
    )


def truth_of(mask: np.ndarray, ignore: np.ndarray | None = None) -> ImageSample:
    image = np.zeros((*mask.shape, 3), dtype=np.uint8)
    return ImageSample(image=image, name="a", mask=mask.astype(np.int32), ignore=ignore)


def brute_force(labels: np.ndarray, mask: np.ndarray, ignore: np.ndarray, *, slots: int) -> float:
    """Greatest sum of IoU over all one-to-one assignments, in Python's own floats."""
    numbers = [one for one in np.unique(mask[~ignore]).tolist() if one > 0]
    iou = [
        [
            np.count_nonzero((labels == slot) & (mask == number) & ~ignore)
            / max(1, np.count_nonzero(((labels == slot) | (mask == number)) & ~ignore))
            for number in numbers
        ]
        for slot in range(slots)
    ]
    few = min(slots, len(numbers))
    if len(numbers) <= slots:
        return max(
            sum(iou[slot][column] for column, slot in enumerate(chosen))
            for chosen in permutations(range(slots), few)
        )
    return max(
        sum(iou[row][column] for row, column in enumerate(chosen))
        for chosen in permutations(range(len(numbers)), few)
    )


@pytest.mark.parametrize("seed", range(30))
def test_the_match_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slots, objects = int(rng.integers(1, 6)), int(rng.integers(1, 6))
    blocks = rng.integers(0, slots, (4, 5)), rng.integers(0, objects + 1, (4, 5))
    labels, mask = (np.kron(each, np.ones((3, 4), dtype=int)) for each in blocks)
    mask = np.roll(mask, int(rng.integers(0, 4)), axis=1)
    mask[0, 0] = 1  # at least one object
    ignore = rng.random(mask.shape) < 0.1
    ignore[0, 0] = False
    found = match_picture(masks_of(labels), truth_of(mask, ignore), slots=slots, threshold=0.0)
    assert found.iou.sum() == pytest.approx(brute_force(labels, mask, ignore, slots=slots), abs=1e-12)
    used = found.slot[found.slot >= 0]
    assert len(set(used.tolist())) == len(used)


def test_six_perfect_objects_are_six_matches() -> None:
    """Public code keeps the first two (its filter compares numbers with a mask of truth values)."""
    mask = np.kron(np.arange(9).reshape(3, 3), np.ones((4, 4), dtype=int))
    mask[mask > 6] = 0
    order = np.array([6, 3, 0, 1, 5, 2, 4])  # slot of the background and of objects 1 to 6
    found = match_picture(masks_of(order[mask]), truth_of(mask), slots=7)
    assert found.slot.tolist() == order[1:].tolist()
    assert found.iou.tolist() == [1.0] * 6
    assert found.boxes[0].tolist() == pytest.approx([4 / 12, 0, 8 / 12, 4 / 12])


def test_a_pair_must_be_above_the_threshold() -> None:
    labels = np.zeros((10, 10), dtype=int)
    mask = np.zeros((10, 10), dtype=int)
    mask[0] = 1  # IoU with the only slot: 10 / 100
    assert match_picture(masks_of(labels), truth_of(mask), slots=1, threshold=0.1).slot.tolist() == [-1]
    below = match_picture(masks_of(labels), truth_of(mask), slots=1, threshold=0.0999)
    assert (below.slot.tolist(), below.iou.tolist()) == ([0], [0.1])


def test_what_the_model_did_not_see_is_no_object() -> None:
    """Boxes are shares of what it saw; an object outside it is not counted, one cut by its edge is cut."""
    mask = np.zeros((10, 20), dtype=int)
    mask[2:6, 0:3] = 1
    mask[2:6, 3:9] = 2  # half of it seen
    mask[:, 10:15] = 3
    labels = np.full((10, 20), -1)
    labels[:, 5:15] = np.where(mask[:, 5:15] == 3, 1, 0)
    found = match_picture(masks_of(labels, (5, 0, 15, 10)), truth_of(mask), slots=2)
    assert found.numbers.tolist() == [2, 3]
    assert found.boxes.tolist() == [[0, 0.2, 0.4, 0.6], [0.5, 0, 1, 1]]
    assert found.slot.tolist() == [0, 1]
    assert found.iou.tolist() == [16 / 50, 1.0]


def test_unlabelled_pixels_count_for_nobody() -> None:
    mask = np.ones((4, 4), dtype=int)
    ignore = np.zeros((4, 4), dtype=bool)
    ignore[2:] = True
    labels = np.where(ignore, 1, 0)
    found = match_picture(masks_of(labels), truth_of(mask, ignore), slots=2)
    assert (found.slot.tolist(), found.iou.tolist()) == ([0], [1.0])
    assert found.boxes.tolist() == [[0, 0, 1, 0.5]]


def test_pictures_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SlotsError, match=r"a: is \(3, 3\), its slots are of a picture of \(4, 4\)"):
        match_picture(masks_of(np.zeros((4, 4), dtype=int)), truth_of(np.ones((3, 3), dtype=int)), slots=1)
    bare = ImageSample(image=np.zeros((4, 4, 3), dtype=np.uint8), name="b")
    with pytest.raises(DiasError, match="b: has no mask"):
        match_picture(masks_of(np.zeros((4, 4), dtype=int)), bare, slots=1)


def test_a_picture_without_objects_has_no_match() -> None:
    found = match_picture(masks_of(np.zeros((4, 4), dtype=int)), truth_of(np.zeros((4, 4))), slots=3)
    assert (found.slot.tolist(), found.boxes.shape) == ([], (0, 4))
