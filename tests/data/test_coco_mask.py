import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from dias.data.formats.coco_mask import RunLengths, decode

SEEDS = st.integers(0, 2**32 - 1)


@given(height=st.integers(1, 20), width=st.integers(1, 20), seed=SEEDS)
def test_run_lengths_that_pycocotools_wrote(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < rng.choice([0.0, 0.1, 0.5, 1.0])
    written = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    lengths = RunLengths(size=(height, width), counts=written["counts"].decode())
    assert (decode(lengths, size=(height, width)) == mask).all()


def test_long_runs_take_several_characters() -> None:
    mask = np.zeros((700, 900), dtype=np.uint8, order="F")
    mask[3:650, 100:870] = 1
    mask[5, 5] = 1
    counts = coco.encode(mask)["counts"].decode()
    assert (decode(RunLengths(size=(700, 900), counts=counts), size=(700, 900)) == mask).all()


def test_plain_run_lengths_go_down_the_columns() -> None:
    found = decode(RunLengths(size=(2, 3), counts=[1, 2, 3]), size=(2, 3))
    assert found.tolist() == [[False, True, False], [True, False, False]]


@given(seed=SEEDS)
def test_a_polygon_holds_the_pixels_whose_centre_it_surrounds(seed: int) -> None:
    """Brute force by crossings; within a pixel of an edge both are right: pycocotools rounds edges."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
    corners = np.stack([24 + 20 * np.cos(angles), 20 + 16 * np.sin(angles)], axis=1)
    found = decode([corners.reshape(-1).tolist()], size=(40, 48))
    y, x = np.mgrid[:40, :48] + 0.5
    inside = np.zeros((40, 48), dtype=bool)
    near = np.zeros((40, 48), dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (ay > y) != (by > y)
        inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay + 1e-12) + ax)
        along = np.clip(
            ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2), 0, 1
        )
        near |= np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)) < 1
    assert (found == inside)[~near].all()


def test_polygons_of_one_region_are_joined() -> None:
    first, second = [0.0, 0.0, 4.0, 0.0, 4.0, 4.0, 0.0, 4.0], [6.0, 6.0, 9.0, 6.0, 9.0, 9.0, 6.0, 9.0]
    found = decode([first, second], size=(10, 10))
    expected = np.zeros((10, 10), dtype=bool)
    expected[:4, :4] = expected[6:9, 6:9] = True
    assert (found == expected).all()
    assert not decode([], size=(10, 10)).any()


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ([[1.0, 2.0, 3.0, 4.0]], "a polygon of 4 numbers"),
        ([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]], "a polygon of 7 numbers"),
        ([[0.0, 0.0, 1e9, 0.0, 1e9, 1e9]], "leaves the picture"),
        ([[0.0, 0.0, float("nan"), 0.0, 5.0, 5.0]], "leaves the picture"),
        ([[0.0, 0.0, 8.0, 8.0] * 500], "pixels around"),
        (RunLengths(size=(9, 8), counts=[72]), r"run lengths of a picture \(9, 8\), this one is \(8, 8\)"),
        (RunLengths(size=(8, 8), counts=[60]), "over 60 pixels, the picture has 64"),
        (RunLengths(size=(8, 8), counts=[70, -6]), "over 64 pixels"),
        (RunLengths(size=(8, 8), counts=[10**30]), "over 1000000000000000000000000000000 pixels"),
        (RunLengths(size=(8, 8), counts=""), "over 0 pixels"),
        (RunLengths(size=(8, 8), counts="5"), "over 5 pixels"),
        (RunLengths(size=(8, 8), counts="~~"), "not COCO's code"),
        (RunLengths(size=(8, 8), counts="ééé"), "not COCO's code"),
        (RunLengths(size=(8, 8), counts="oooooooooooo"), "not COCO's code"),
        (RunLengths(size=(8, 8), counts="o"), "cut short"),
    ],
)
def test_what_cannot_be_a_region_is_refused(region: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(region, size=(8, 8))  # type: ignore[arg-type]


@given(text=st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=12))
def test_any_text_is_decoded_or_refused(text: str) -> None:
    try:
        found = decode(RunLengths(size=(5, 4), counts=text), size=(5, 4))
    except ValueError:
        return
    assert (found == coco.decode({"size": [5, 4], "counts": text.encode()})).all()
