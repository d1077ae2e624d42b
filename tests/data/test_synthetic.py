"""Rendered scenes: drawn from a seed, whole, and what they say of themselves is so."""

import ctypes.util
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dias.data.sources import ScenesConfig, open_source
from dias.data.synthetic.dataset import SceneSettings, render_visible, write_scenes
from dias.data.synthetic.scene import SHAPES, draw_scene
from dias.data.synthetic.textures import PATTERNS, STANDARD, UNSEEN, texture
from dias.errors import DiasError
from dias.masks.boxes import boxes_from_labels

SHIPPED = Path(__file__).parents[2] / "data" / "scenes"
SMALL = SceneSettings(count=4, seed=5, size=64, objects=(3, 4))
draws = pytest.mark.skipif(not ctypes.util.find_library("EGL"), reason="rendering needs EGL")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_texture_is_drawn_from_its_seed(pattern: str) -> None:
    one, again, other = (texture(np.random.default_rng(seed), pattern=pattern) for seed in (1, 1, 2))
    assert one.shape == (128, 128, 3)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert (len(np.unique(one.reshape(-1, 3), axis=0)) == 1) == (pattern == "plain")


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), least=st.integers(1, 8), more=st.integers(0, 4), ood=st.booleans())
def test_a_scene_is_what_was_asked_for(seed: int, least: int, more: int, ood: bool) -> None:
    variant = "ood" if ood else "standard"
    scene = draw_scene(np.random.default_rng(seed), objects=(least, least + more), variant=variant)
    assert least <= len(scene.objects) <= least + more
    assert scene == draw_scene(np.random.default_rng(seed), objects=(least, least + more), variant=variant)
    patterns = {thing.surface.pattern for thing in scene.objects}
    assert patterns <= set(UNSEEN if ood else STANDARD)
    for i, one in enumerate(scene.objects):
        for other in scene.objects[:i]:  # nothing stands inside another thing
            apart = np.hypot(*np.subtract(one.place, other.place))
            assert apart >= 0.8 * (one.radius + other.radius)


def test_no_unseen_shape_or_texture_is_in_the_standard_set() -> None:
    assert not set(STANDARD) & set(UNSEEN)
    seen, unseen = (
        {thing["shape"] for scene in lines(SHIPPED / name) for thing in scene["objects"]}
        for name in ("train", "ood")
    )
    assert seen == {"sphere", "box", "cylinder", "capsule", "ellipsoid"}
    assert unseen
    assert not seen & unseen


@draws
def test_rendered_pictures_agree_with_their_labels(tmp_path: Path) -> None:
    write_scenes(tmp_path, SMALL, workers=1, progress=False)
    source = open_source(tmp_path)
    assert len(source) == 4
    for index in range(4):
        sample = source[index]
        assert sample.image.shape == (64, 64, 3)
        assert sample.image.std() > 3
        assert sample.mask is not None
        assert sample.boxes is not None
        assert sample.classes is not None
        assert 3 <= sample.mask.max() == len(sample.boxes) <= 4
        assert set(np.unique(sample.mask)) >= set(range(1, len(sample.boxes) + 1))
        np.testing.assert_allclose(boxes_from_labels(sample.mask, len(sample.boxes)), sample.boxes, atol=1e-5)
        with Image.open(tmp_path / "depth" / f"{index:06d}.png") as file:
            depth = np.asarray(file).astype(float) / 1000
        assert 0.5 < depth[sample.mask > 0].min() < depth[sample.mask > 0].max() < 30
        shapes = [thing["shape"] for thing in lines(tmp_path)[index]["objects"]]
        assert [SHAPES[i] for i in sample.classes] == shapes


@draws
def test_a_stop_and_the_number_of_processes_change_no_pixel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    write_scenes(whole, SMALL, workers=2, progress=False)
    done = []

    def render_two(settings: SceneSettings, index: int) -> object:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(index)
        return render_visible(settings, index)

    with monkeypatch.context() as patched:
        patched.setattr("dias.data.synthetic.dataset.render_visible", render_two)
        with pytest.raises(KeyboardInterrupt):
            write_scenes(stopped, SMALL, workers=1, progress=False)
    with pytest.raises(DiasError):
        open_source(stopped)[0]  # not whole: no scenes.json yet
    write_scenes(stopped, SMALL, workers=1, progress=False)
    for file in sorted(whole.rglob("*.png")):
        assert file.read_bytes() == (stopped / file.relative_to(whole)).read_bytes()
    assert (whole / "objects.jsonl").read_bytes() == (stopped / "objects.jsonl").read_bytes()
    before = (whole / "images" / "000000.png").stat().st_mtime_ns
    write_scenes(whole, SMALL, workers=1, progress=False)
    assert (whole / "images" / "000000.png").stat().st_mtime_ns == before
    with pytest.raises(DiasError, match="holds scenes made with another seed"):
        write_scenes(whole, SceneSettings(count=4, seed=6, size=64, objects=(3, 4)), workers=1)


@draws
@pytest.mark.parametrize("name", ["val", "ood"])
def test_the_shipped_scenes_are_those_of_their_command(name: str) -> None:
    """Other versions of Mesa may round an edge pixel differently, no more."""
    stored = json.loads((SHIPPED / name / "scenes.json").read_text())["settings"]
    settings = SceneSettings(**stored | {"objects": tuple(stored["objects"])})
    sample = ScenesConfig(path=str(SHIPPED / name)).build()[3]
    _, picture = render_visible(settings, 3)
    assert (picture.mask == sample.mask).mean() > 0.995
    assert np.abs(picture.image.astype(float) - sample.image).mean() < 8  # webp, quality 75


def test_the_shipped_scenes_are_small_and_whole() -> None:
    sets = {
        folder.name: ScenesConfig(path=str(folder)).build() for folder in SHIPPED.iterdir() if folder.is_dir()
    }
    assert {name: len(source) for name, source in sets.items()} == {
        "train": 540, "val": 48, "test": 160, "ood": 32,
    }  # fmt: skip
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()) < 6e6
    seeds = {json.loads((SHIPPED / name / "scenes.json").read_text())["settings"]["seed"] for name in sets}
    assert len(seeds) == 4


def test_a_damaged_set_is_named(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "scenes.json").write_text(
        '{"format": "dias-scenes-1", "settings": {"count": 3, "format": "png"}}'
    )
    with pytest.raises(DiasError, match=r"has 0 pictures, scenes\.json says 3"):
        open_source(tmp_path)
    (tmp_path / "scenes.json").write_text("{")
    with pytest.raises(DiasError, match=r"scenes\.json"):
        open_source(tmp_path)


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "objects.jsonl").read_text().splitlines()]


@draws
@pytest.mark.slow
def test_ctrl_c_stops_all_processes_soon(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dias.cli.main", "synth", "images", str(tmp_path / "set")]
    command += ["--count", "200", "--workers", "2"]
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # which background jobs of a shell ignore
    try:
        running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    finally:
        signal.signal(signal.SIGINT, before)
    while len(rendered := list(tmp_path.glob("set/parts/0*.json"))) < 2:
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=120) != 0
    assert len(list(tmp_path.glob("set/parts/0*.json"))) < len(rendered) + 50
