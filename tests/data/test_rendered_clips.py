"""Rendered clips: drawn from a seed, whole, true to physics, and what they say of themselves is so."""

import ctypes.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from dias.data.samples import ClipSample
from dias.data.sources import ClipsConfig, open_source
from dias.data.synthetic.clip import Clip, Start, draw_clip
from dias.data.synthetic.clips import ClipSettings, Shot, render_clip, write_clips
from dias.data.synthetic.dataset import SceneSettings, write_scenes
from dias.data.synthetic.engine import load_mujoco
from dias.data.synthetic.flow import axes, place
from dias.data.synthetic.physics import Trajectory, simulate
from dias.data.synthetic.scene import Camera, Light, ObjectSpec, Surface
from dias.data.synthetic.world import build
from dias.errors import DiasError
from dias.masks.boxes import boxes_from_labels

SHIPPED = Path(__file__).parents[2] / "data" / "clips"
SMALL = ClipSettings(count=2, seed=5, size=32, frames=3, objects=(2, 3), camera="moving")
SURFACE = Surface(pattern="plain", seed=0, repeat=1.0, specular=0.0, shininess=0.0)
RATE = 24.0
draws = pytest.mark.skipif(not ctypes.util.find_library("EGL"), reason="rendering needs EGL")


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), least=st.integers(1, 6), more=st.integers(0, 4), moving=st.booleans())
def test_a_clip_is_what_was_asked_for(seed: int, least: int, more: int, moving: bool) -> None:
    def draw() -> Clip:
        camera = "moving" if moving else "still"
        return draw_clip(np.random.default_rng(seed), objects=(least, least + more), camera=camera)

    clip = draw()
    assert clip == draw()
    assert least <= len(clip.objects) == len(clip.starts) <= least + more
    moving_ones = [start for start in clip.starts if any(start.velocity) or start.position[2] > 0]
    assert len(moving_ones) >= min(2, len(clip.starts))
    assert (clip.cameras[0] != clip.cameras[1]) == moving
    assert clip.camera(0.0) == clip.cameras[0]
    assert clip.camera(1.0).azimuth == pytest.approx(clip.cameras[1].azimuth)


@draws
def test_a_ball_falls_and_touches_the_floor_when_it_gets_there() -> None:
    """z = h - g t^2 / 2; nothing else is touched."""
    path = ran(start((0, 0, 1.0)), start((1.5, 0, 0)), frames=16)
    fall = int(np.ceil(np.sqrt(2 / 9.81) * RATE))  # the first frame after it came down
    for frame in range(fall):
        expected = 1 - 9.81 / 2 * (frame / RATE) ** 2
        assert path.positions[frame, 0, 2] == pytest.approx(expected, abs=0.015)
    assert touching(path, (0, 1))[0] == fall
    assert touching(path, (0, 2)) == list(range(16))  # lies there all the time
    assert touching(path, (1, 2)) == []
    assert path.positions[-1, 0, 2] == pytest.approx(0, abs=0.1)  # of its base: it lies on the floor
    landing = next(contact for contact in path.contacts if contact.objects == (0, 1))
    assert landing.force > 100
    np.testing.assert_allclose(landing.position, 0, atol=0.05)


@draws
def test_a_ball_that_is_hit_takes_over_the_motion() -> None:
    path = ran(start((-1, 0, 0), velocity=(3, 0, 0)), start((0, 0, 0)), frames=16)
    first = touching(path, (1, 2))[0]
    assert 0 < first < 12
    speed = np.diff(path.positions[..., 0], axis=0) * RATE  # of the interval up to frame + 1
    apart = path.positions[:, 1, 0] - path.positions[:, 0, 0]
    assert apart[first - 1] > 0.6  # two radii
    assert apart.min() > 0.55  # they do not go through one another
    assert abs(speed[: first - 1, 1]).max() < 0.05
    assert speed[first:, 1].max() > 1
    assert speed[first:, 0].max() < speed[0, 0]


@draws
def test_masks_boxes_and_numbers_tell_the_same(shot: Callable[[str], Shot]) -> None:
    """The middle of an object, projected, lies in its box; and its number is at its pixels in every frame."""
    one = shot("moving")
    size = one.film.mask.shape[1]
    checked = 0
    for frame, mask in enumerate(one.film.mask):
        boxes = boxes_from_labels(mask, len(one.clip.objects)) * size
        camera = one.clip.camera(frame / (len(one.film.mask) - 1))
        for number, thing in enumerate(one.clip.objects):
            x0, y0, x1, y1 = boxes[number]
            if x0 <= 1 or y0 <= 1 or x1 >= size - 1 or y1 >= size - 1:
                continue  # cut off
            base = one.trajectory.positions[frame, number]
            x, y = projected(base, camera, size)
            reach = 2 * thing.radius / camera.distance * size
            assert x0 - reach <= x <= x1 + reach
            assert y0 - reach <= y <= y1 + reach
            checked += 1
    assert checked >= 4


@draws
@pytest.mark.parametrize(("name", "better"), [("moving", 0.75), ("crossing", 0.4)])
def test_flow_leads_to_the_same_surface_in_the_next_frame(
    name: str, better: float, shot: Callable[[str], Shot]
) -> None:
    """Where nothing came before it: the same object, the same distance and the same colour."""
    film = shot(name).film
    size = film.mask.shape[1]
    y, x = np.mgrid[:size, :size].astype(float)
    same, errors, unmoved = [], [], []
    for frame in range(len(film.frames) - 1):
        at = np.stack([y + film.flow[frame, ..., 1], x + film.flow[frame, ..., 0]])
        inside = ((at > 1) & (at < size - 2)).all(axis=0)
        near = tuple(np.clip(at.round().astype(int), 0, size - 1))
        thing = inside & (film.mask[frame] > 0)
        own = film.mask[frame + 1][near] == film.mask[frame]
        same.append(own[thing])
        seen = thing & own & (np.abs(film.depth[frame + 1][near] - film.depth[frame]) < 0.3)
        warped = np.stack([map_coordinates(film.frames[frame + 1][..., c], at, order=1) for c in range(3)], 2)
        now = film.frames[frame].astype(float)
        errors.append(np.abs(warped - now)[seen].mean())
        unmoved.append(np.abs(film.frames[frame + 1] - now)[seen].mean())
    assert np.concatenate(same).mean() > 0.9
    assert np.mean(errors) < better * np.mean(unmoved)


@draws
def test_flow_is_exact_where_it_is_known_by_hand(shot: Callable[[str], Shot]) -> None:
    """A still camera: the floor does not move; what slides by v meters a frame moves by f v / z pixels."""
    one = shot("behind")
    film, start = one.film, one.clip.starts[1]
    assert start.velocity[0] > 0
    size, slope = film.mask.shape[1], np.tan(np.radians(22.5))
    assert np.abs(film.flow[film.mask == 0]).max() < 1e-6
    assert np.abs(film.flow[film.mask == 1]).max() < 1e-6
    moving = film.mask == 2
    assert moving.any()
    expected = start.velocity[0] / 12 / film.depth * size / 2 / slope
    # it turns a little, too: half a radian a second, by 0.35 m at most
    assert np.abs(film.flow[..., 0] - expected)[moving].max() < 0.5 * 0.35 / 12 / 4 * size / 2 / slope
    assert np.median(film.flow[..., 0][moving] / expected[moving]) == pytest.approx(1, abs=0.1)


@draws
def test_a_stop_and_the_number_of_processes_change_no_pixel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    write_clips(whole, SMALL, workers=2, progress=False)
    done = []

    def render_one(settings: ClipSettings, index: int) -> Shot:
        if done:
            raise KeyboardInterrupt
        done.append(index)
        return render_clip(settings, index)

    with monkeypatch.context() as patched:
        patched.setattr("dias.data.synthetic.clips.render_clip", render_one)
        with pytest.raises(KeyboardInterrupt):
            write_clips(stopped, SMALL, workers=1, progress=False)
    assert [file.name for file in (stopped / "parts").glob("0*")] == ["000000.json"]
    with pytest.raises(DiasError, match="run the same `dias synth videos` again"):
        open_source(stopped)
    write_clips(stopped, SMALL, workers=1, progress=False)
    files = sorted(file.relative_to(whole) for file in whole.rglob("*.png"))
    assert len(files) == 2 * 3 * 4
    for file in [*files, Path("objects.jsonl")]:
        assert (whole / file).read_bytes() == (stopped / file).read_bytes()
    with pytest.raises(DiasError, match="holds clips made with another seed; choose another folder"):
        write_clips(whole, ClipSettings(**vars(SMALL) | {"seed": 6}), workers=1)
    with pytest.raises(DiasError, match=r"holds another kind of set \(clips\.json\)"):
        write_scenes(whole, SceneSettings(count=1), workers=1)
    check_labels(whole)


def check_labels(folder: Path) -> None:
    """What is read agrees with itself."""
    source = ClipsConfig(path=str(folder), flow=True, depth=True).build()
    pictures = [source.read(index) for index in range(2)]
    assert not np.array_equal(pictures[0].frames, pictures[1].frames)
    for clip in pictures:
        assert clip.mask is not None
        assert clip.boxes is not None
        assert clip.depth is not None
        assert clip.flow is not None
        for mask, boxes in zip(clip.mask, clip.boxes, strict=True):
            np.testing.assert_allclose(boxes_from_labels(mask, boxes.shape[0]), boxes, atol=1e-6)
        assert 0.5 < clip.depth[clip.mask > 0].min() < clip.depth[clip.mask > 0].max() < 30
        assert np.isfinite(clip.flow).mean() > 0.99
        assert np.abs(clip.flow[:, :, :, 0]).max() > 0.1  # the camera moves


def test_alike_objects_cross_and_keep_their_numbers() -> None:
    for clip in read("crossing"):
        first, second = middles(clip, 1), middles(clip, 2)
        assert first[0] < second[0]
        assert first[-1] > second[-1]
        assert (np.diff(first) > 0).all()
        areas = (clip.mask == 2).sum(axis=(1, 2))
        assert areas[10:14].min() < 0.35 * areas[0]  # hidden for the most part
        assert areas[-1] > 0.8 * areas[0]
        assert clip.classes[0] == clip.classes[1]
        ours, theirs = (clip.frames[0][clip.mask[0] == number].mean(axis=0) for number in (1, 2))
        assert np.abs(ours - theirs).max() < 40  # they look the same but for the light


def test_one_enters_and_one_leaves() -> None:
    for clip in read("enter-leave"):
        seen = {number: (clip.mask == number).any(axis=(1, 2)) for number in (1, 2, 3)}
        assert seen[1].all()
        assert not seen[2][:4].any()
        assert seen[2][-6:].all()
        assert seen[3][:6].all()
        assert not seen[3][-4:].any()
        assert np.count_nonzero(np.diff(seen[2])) == np.count_nonzero(np.diff(seen[3])) == 1


def test_one_goes_behind_another_and_comes_back() -> None:
    for clip in read("behind"):
        seen = (clip.mask == 2).any(axis=(1, 2))
        assert seen[:3].all()
        assert not seen[11:13].any()
        assert seen[-3:].all()
        assert middles(clip, 2)[0] < middles(clip, 1)[0] < middles(clip, 2)[-1]


def test_contacts_of_shipped_clips_are_between_things_that_are_near() -> None:
    source = ClipsConfig(path=str(SHIPPED / "train")).build()
    lines = [json.loads(line) for line in (SHIPPED / "train" / "objects.jsonl").read_text().splitlines()]
    pairs = 0
    for index, line in enumerate(lines):
        for contact in source.contacts(index):
            one, other = contact.objects
            assert 0 <= one < other <= len(line["objects"])
            if one == 0:
                continue
            pairs += 1
            ours, theirs = line["objects"][one - 1], line["objects"][other - 1]
            apart = np.linalg.norm(
                np.subtract(ours["positions"][contact.frame], theirs["positions"][contact.frame])
            )
            assert apart < 2.3 * (ours["radius"] + theirs["radius"]) + 0.5
    assert pairs > 10


@draws
def test_the_shipped_clips_are_those_of_their_command() -> None:
    """Other versions of Mesa may round an edge pixel differently, no more."""
    stored = json.loads((SHIPPED / "crossing" / "clips.json").read_text())["settings"]
    found = render_clip(ClipSettings(**stored | {"objects": tuple(stored["objects"])}), 1).film
    clip = read("crossing")[1]
    assert (found.mask == clip.mask).mean() > 0.995
    assert np.abs(found.frames.astype(float) - clip.frames).mean() < 8  # webp, quality 75


def test_the_shipped_clips_are_small_and_whole() -> None:
    sets = {
        folder.name: ClipsConfig(path=str(folder)).build() for folder in SHIPPED.iterdir() if folder.is_dir()
    }
    assert {name: len(source) for name, source in sets.items()} == {
        "train": 30, "val": 6, "test": 8, "moving": 3, "crossing": 2, "enter-leave": 2, "behind": 2,
    }  # fmt: skip
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()) < 6e6
    seeds = {json.loads((SHIPPED / name / "clips.json").read_text())["settings"]["seed"] for name in sets}
    assert len(seeds) == len(sets)


@pytest.fixture(scope="module")
def shot() -> Callable[[str], Shot]:
    """Clips by name, each rendered once."""
    shots: dict[str, Shot] = {}
    wanted = {
        "moving": ClipSettings(count=1, seed=3, size=96, frames=6, objects=(3, 4), camera="moving"),
        "crossing": ClipSettings(count=1, seed=3, size=96, frames=6, script="crossing"),
        "behind": ClipSettings(count=1, seed=3, size=96, frames=6, script="behind"),
    }

    def get(name: str) -> Shot:
        if name not in shots:
            shots[name] = render_clip(wanted[name], 0)
        return shots[name]

    return get


def read(name: str) -> list[ClipSample]:
    source = ClipsConfig(path=str(SHIPPED / name)).build()
    return [source.read(index) for index in range(len(source))]


def middles(clip: ClipSample, number: int) -> np.ndarray:
    """Middle of an object's box from left to right in the frames that show it."""
    assert clip.boxes is not None
    boxes = clip.boxes[:, number - 1]
    return boxes[boxes[:, 2] > 0][:, [0, 2]].mean(axis=1)


def projected(point: np.ndarray, camera: Camera, size: int) -> tuple[float, float]:
    """Pixel of a point."""
    right, up, ahead = axes(camera)
    offset = point - place(camera)
    scale = size / 2 / np.tan(np.radians(22.5)) / (offset @ ahead)
    return size / 2 + offset @ right * scale, size / 2 - offset @ up * scale


def start(position: tuple[float, float, float], velocity: tuple[float, float, float] = (0, 0, 0)) -> Start:
    x, y, z = position
    return Start(position=(float(x), float(y), float(z)), rotation=(1.0, 0.0, 0.0, 0.0),
                 velocity=(float(velocity[0]), float(velocity[1]), float(velocity[2])))  # fmt: skip


def ran(*starts: Start, frames: int) -> Trajectory:
    """Balls of 30 cm radius on an even floor."""
    ball = ObjectSpec(
        shape="sphere", radius=0.3, place=(0.0, 0.0), turn=0.0, flatness=(1.0, 1.0), surface=SURFACE
    )
    camera = Camera(distance=5.0, azimuth=0.0, elevation=40.0)
    clip = Clip(
        floor=SURFACE,
        objects=(ball,) * len(starts),
        starts=starts,
        light=Light(place=(0.0, 0.0, 5.0), diffuse=0.5, ambient=0.3),
        cameras=(camera, camera),
    )
    mujoco = load_mujoco()
    return simulate(mujoco, build(mujoco, clip, size=32, free=True), clip, frames=frames, rate=RATE)


def touching(path: Trajectory, pair: tuple[int, int]) -> list[int]:
    """Frames in which two things touch."""
    return [contact.frame for contact in path.contacts if contact.objects == pair]
