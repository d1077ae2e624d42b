"""What is seen of a clip is what is seen of its frames."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dias.data.clip_views import look_clip
from dias.data.frames import ClipFrames, scene_of
from dias.data.loaders import ViewedImages
from dias.data.samples import ClipSample
from dias.data.showing import show
from dias.data.transforms import View, centre_view, look, numbered_view, random_view
from miniatures.clips import Clips, clip_of

SIDES = st.integers(4, 60)
SEEDS = st.integers(0, 2**32 - 1)


@given(height=SIDES, width=SIDES, size=st.integers(2, 40), seed=SEEDS)
def test_a_view_of_a_clip_is_that_view_of_every_frame(height: int, width: int, size: int, seed: int) -> None:
    clip = clip_of(height, width, seed=seed)
    view = random_view(height, width, size=size, rng=np.random.default_rng(seed))
    seen = look_clip(clip, view)
    for place in range(3):
        expected, found = look(clip.frame(place), view), seen.frame(place)
        assert found.name == expected.name == f"clip{seed}/{place:05d}"
        for part in ("image", "mask", "ignore", "boxes", "classes", "tracks", "depth"):
            np.testing.assert_array_equal(getattr(found, part), getattr(expected, part), strict=True)


@given(height=SIDES, width=SIDES, size=st.integers(2, 40), seed=SEEDS)
def test_flow_leads_to_the_same_point_of_the_scene(height: int, width: int, size: int, seed: int) -> None:
    """A pixel's point moved by its flow, then seen, is its point seen, then moved by the flow seen."""
    rng = np.random.default_rng(seed)
    clip = clip_of(height, width, seed=seed)
    view = random_view(height, width, size=size, rng=rng)
    seen = look_clip(clip, view)
    assert clip.flow is not None
    assert seen.flow is not None
    x0, y0, x1, y1 = view.box

    def shown(point: np.ndarray) -> np.ndarray:
        x, y = (point - (x0, y0)) / (x1 - x0, y1 - y0) * size
        return np.array([size - x if view.flip else x, y])

    column, row = rng.integers(0, size, 2)
    x = x0 + (2 * (size - 1 - column if view.flip else column) + 1) * (x1 - x0) // (2 * size)
    y = y0 + (2 * row + 1) * (y1 - y0) // (2 * size)
    start = np.array([x, y], dtype=float)
    moved = shown(start + clip.flow[1, y, x]) - shown(start)
    np.testing.assert_allclose(moved, seen.flow[1, row, column], rtol=1e-4, atol=1e-5)


def test_what_a_clip_does_not_have_is_not_made_up() -> None:
    bare = ClipSample(frames=np.zeros((2, 9, 9, 3), dtype=np.uint8), name="a", numbers=(0, 1))
    seen = look_clip(bare, centre_view(9, 9, size=4))
    assert seen.frames.shape == (2, 4, 4, 3)
    assert (seen.mask, seen.ignore, seen.boxes, seen.flow, seen.depth) == (None,) * 5


def test_flow_of_a_mirrored_half() -> None:
    flow = np.zeros((1, 8, 8, 2), dtype=np.float32)
    flow[..., 0], flow[..., 1] = 3, 2
    clip = ClipSample(frames=np.zeros((1, 8, 8, 3), dtype=np.uint8), name="a", numbers=(0,), flow=flow)
    seen = look_clip(clip, View(box=(0, 0, 4, 8), flip=True, size=16))
    assert seen.flow is not None
    assert seen.flow[0, 0, 0].tolist() == [-12, 4]


def test_frames_of_a_clip_share_their_random_views() -> None:
    frames = ClipFrames(Clips())
    assert [scene_of(frames, index) for index in range(6)] == [0, 0, 1, 1, 1, 2]
    seen = ViewedImages(frames, size=8, seed=3)
    view = numbered_view(20, 30, size=8, seed=3, index=1, number=7)
    for place, frame in enumerate(Clips().read(1).frames):
        assert (seen[(2 + place, 7)] == show(frame, view)).all()
    some = ViewedImages(frames, size=8, seed=3, indices=[4])
    assert (some[(0, 7)] == seen[(4, 7)]).all()
