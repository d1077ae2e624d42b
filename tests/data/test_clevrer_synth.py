"""Videos in CLEVRER's manner: what is said of them is what a simulator, asked again, says."""

import ctypes.util
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dias.data.clevrer import ObjectProperty, Question, log_of
from dias.data.synthetic.clevrer.asking import Candidate
from dias.data.synthetic.clevrer.balancing import balanced
from dias.data.synthetic.clevrer.drawing import RADIUS, Actor, draw_actors
from dias.data.synthetic.clevrer.filming import film
from dias.data.synthetic.clevrer.reasoning import reasoning
from dias.data.synthetic.clevrer.simulating import rate_of, simulate
from dias.data.synthetic.clevrer.telling import Told, events_of, tell, visible
from dias.data.synthetic.clevrer.view import in_picture, inside
from dias.data.synthetic.clevrer.world import PAINT
from dias.data.synthetic.clevrer.writing import ClevrerSettings, unclear_frames, write_clevrer
from dias.data.synthetic.engine import load_mujoco
from dias.errors import DiasError

draws = pytest.mark.skipif(not ctypes.util.find_library("EGL"), reason="rendering needs EGL")
FRAMES = 32
RATE = rate_of(FRAMES)


def ball(number: int, x: float, y: float, push: tuple[float, float] = (0.0, 0.0), at: float = 0.0) -> Actor:
    colour = ("red", "blue", "green", "gray")[number]
    thing = ObjectProperty(number, colour, "rubber", "sphere")  # type: ignore[arg-type]
    return Actor(thing=thing, place=(float(x), float(y)), turn=0.3, push=push, at=at)


# 0 rolls into 1, which rolls into 2, which leaves; 3 lies aside.
ROW = (ball(0, -1.5, 0, (2.5, 0.0)), ball(1, -0.5, 0), ball(2, 0.6, 0), ball(3, 0.0, 1.2))


def happens(without: int | None = None) -> list[tuple[str, tuple[int, ...]]]:
    motion = simulate(load_mujoco(), ROW, frames=FRAMES, rate=RATE, without=without)
    return [(event.type, event.objects) for event in events_of(motion, FRAMES)]


def test_a_row_of_balls_collides_one_after_another_and_each_is_needed() -> None:
    everything = happens()
    assert everything[:2] == [("collision", (0, 1)), ("collision", (1, 2))]
    assert happens(without=3) == everything
    assert happens(without=0) == []
    assert ("collision", (0, 2)) in happens(without=1)
    assert happens(without=2)[0] == ("collision", (0, 1))


def test_one_that_touches_nobody_changes_nothing() -> None:
    mujoco = load_mujoco()
    whole = simulate(mujoco, ROW, frames=FRAMES, rate=RATE)
    without = simulate(mujoco, ROW, frames=FRAMES, rate=RATE, without=3)
    np.testing.assert_allclose(whole.poses[:, :3, :3], without.poses[:, :3, :3], atol=1e-6)
    assert np.isnan(without.poses[:, 3]).all()


def test_momentum_passes_on_and_friction_stops() -> None:
    motion = simulate(load_mujoco(), ROW, frames=4 * FRAMES, rate=RATE)
    speed = np.hypot(motion.speeds[..., 0], motion.speeds[..., 1])
    assert speed[0, 0] == pytest.approx(2.5, abs=0.01)
    first = motion.touches[0].frame
    assert speed[first + 1, 1] > 1 > speed[0, 1]
    assert (np.diff(speed[: first - 1, 0]) < 0).all()
    assert speed[-1, :2].max() < 0.05
    np.testing.assert_allclose(motion.poses[..., 2], RADIUS["sphere"], atol=0.01)  # nothing sinks or flies


def test_a_push_comes_at_its_time_and_balls_roll_from_the_start() -> None:
    late = (ball(0, 0.0, 0.0, (1.0, 0.5), at=1.0),)
    motion = simulate(load_mujoco(), late, frames=FRAMES, rate=RATE)
    starts = round(1.0 * RATE)
    assert np.abs(motion.poses[:starts, 0, :2]).max() < 1e-3
    velocity, spin = motion.speeds[starts, 0, :3], motion.speeds[starts, 0, 3:]
    touching = velocity + np.cross(spin, [0, 0, -RADIUS["sphere"]])
    assert np.linalg.norm(touching) < 0.05 * np.linalg.norm(velocity)


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), least=st.integers(3, 6), more=st.integers(0, 4))
def test_no_two_look_alike_and_those_that_will_enter_are_out_of_sight(
    seed: int, least: int, more: int
) -> None:
    actors = draw_actors(np.random.default_rng(seed), objects=(least, least + more))
    assert least <= len(actors) <= least + more
    looks = {(actor.thing.color, actor.thing.material, actor.thing.shape) for actor in actors}
    assert len(looks) == len(actors)
    assert [actor.thing.object_id for actor in actors] == list(range(len(actors)))
    places = np.array([[*actor.place, 0.2] for actor in actors])
    pushed = np.array([any(actor.push) for actor in actors])
    assert pushed.any()
    np.testing.assert_array_equal(inside(places), ~pushed)
    assert (np.abs(in_picture(places[pushed])).max(axis=-1) > 1.3).all()


@cache
def told(index: int) -> Told:
    return tell(load_mujoco(), (7, index), scene=index, frames=FRAMES, objects=(4, 5))


def test_what_the_file_says_happens_without_an_object_is_what_a_new_simulation_says() -> None:
    found = told(0)
    log = log_of(found.annotation)
    assert log.future is not None
    assert log.without is not None
    again = simulate(load_mujoco(), found.actors, frames=FRAMES * 3 // 2, rate=RATE)
    assert log.events == events_of(again, FRAMES)
    assert log.future == tuple(e for e in events_of(again, FRAMES * 3 // 2) if e.frame >= FRAMES)
    np.testing.assert_array_equal(log.visible, visible(again)[:FRAMES])
    for number in range(len(found.actors)):
        without = simulate(load_mujoco(), found.actors, frames=FRAMES, rate=RATE, without=number)
        assert log.without[number] == events_of(without, FRAMES)
        assert all(number not in event.objects for event in log.without[number])
    assert sum(event.type == "collision" for event in log.events) >= 2


def test_choices_come_as_right_as_wrong() -> None:
    """Of a kind; but for the last, which is left out by chance."""
    seen = 0
    for index in range(2):
        for one in reasoning(log_of(told(index).annotation), np.random.default_rng(index)):
            answers = [choice.answer for choice in one.question.choices or ()]
            right = answers.count("correct")
            assert abs(2 * right - len(answers)) == len(answers) % 2
            seen += 1
    assert seen > 5


def test_a_frame_in_which_something_nearly_rests_is_unclear() -> None:
    annotation = told(1).annotation
    unclear = unclear_frames(annotation)
    for frame, moment in enumerate(annotation.motion_trajectory):
        speeds = [np.hypot(*pose.velocity[:2]) for pose in moment.objects if pose.inside_camera_view]
        if any(0.03 < speed < 0.09 for speed in speeds):
            assert unclear[frame]
    assert not unclear.all()


def candidate(key: str, answer: str, number: int) -> Candidate:
    question = Question(
        question_id=0, question=f"{key} {number}?", question_type="descriptive",
        question_subtype="exist", program=("objects", "exist"), answer=answer,
    )  # fmt: skip
    return Candidate(question=question, key=key, answer=answer)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), yes=st.floats(0.1, 0.9), other=st.floats(0.1, 0.9))
def test_words_do_not_tell_the_answer_however_one_sided_the_videos_are(
    seed: int, yes: float, other: float
) -> None:
    rng = np.random.default_rng(seed)
    videos = [
        [
            candidate(key, "yes" if rng.random() < share else "no", number)
            for key, share in (("one", yes), ("two", other))
            for number in range(2)
        ]
        for _ in range(100)
    ]
    kept = [question for video in balanced(videos, seed=[seed]) for question in video]
    counts = Counter((question.question.split()[0], question.answer) for question in kept)
    for key in ("one", "two"):
        assert abs(counts[key, "yes"] - counts[key, "no"]) <= 2
    assert len(kept) > 20


def test_colours_are_far_apart() -> None:
    colours = np.array(list(PAINT.values()), dtype=float)
    apart = np.abs(colours[:, None] - colours[None]).sum(axis=-1)
    assert apart[~np.eye(len(colours), dtype=bool)].min() > 90


@draws
def test_masks_are_where_the_camera_says_and_materials_look_different() -> None:
    mujoco = load_mujoco()
    pairs = []
    for material in ("rubber", "metal"):
        thing = ObjectProperty(0, "blue", material, "cylinder")  # type: ignore[arg-type]
        actors = (Actor(thing=thing, place=(-0.8, 0.3), turn=0.0), ball(1, 0.9, -0.4))
        motion = simulate(mujoco, actors, frames=1, rate=RATE)
        picture, mask = next(iter(film(mujoco, actors, motion, frames=1, size=(192, 128))))
        for number in range(2):
            y, x = np.argwhere(mask == number + 1).mean(axis=0) + 0.5
            expected = (in_picture(motion.poses[0, number, :3]) + 1) / 2 * [192, 128]
            np.testing.assert_allclose([x, y], expected, atol=2)
        pairs.append(picture[mask == 1].astype(float))
    rubber, metal = (pixels.sum(axis=1) for pixels in pairs)
    assert metal.std() > 1.5 * rubber.std()


def test_neither_processes_nor_a_stop_change_a_byte(tmp_path: Path) -> None:
    small = ClevrerSettings(clips=2, validation=1, seed=4, frames=16, objects=(4, 4), render=False)
    write_clevrer(tmp_path / "one", small, workers=1, progress=False)
    write_clevrer(tmp_path / "two", small, workers=2, progress=False)
    files = [
        {
            file.relative_to(folder): file.read_bytes()
            for file in folder.rglob("*.json")
            if file.name != "clevrer.json"
        }
        for folder in (tmp_path / "one", tmp_path / "two")
    ]
    assert len(files[0]) == 5
    assert files[0] == files[1]
    with pytest.raises(DiasError, match="holds clevrer made with another seed"):
        write_clevrer(
            tmp_path / "one", ClevrerSettings(**{**vars(small), "seed": 5}), workers=1, progress=False
        )


def test_a_set_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = ClevrerSettings(clips=2, seed=4, frames=16, objects=(4, 4), render=False)
    import dias.data.synthetic.clevrer.writing as writing

    calls = []

    def stops(folder: Path, chosen: ClevrerSettings, index: int) -> dict[str, object]:
        calls.append(index)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return {"candidates": []}

    monkeypatch.setattr(writing, "_write_one", stops)
    with pytest.raises(KeyboardInterrupt):
        write_clevrer(tmp_path, small, workers=1, progress=False)
    assert not (tmp_path / "train.json").exists()
    write_clevrer(tmp_path, small, workers=1, progress=False)
    assert calls == [0, 1, 1]  # the first is not made again
    assert (tmp_path / "train.json").exists()
    assert not (tmp_path / "parts").exists()
