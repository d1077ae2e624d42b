"""The reader of CLEVRER, on three small videos in its files (`miniatures/clevrer`), and on broken ones."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dias.data.clevrer import SHAPES, read_annotation, read_questions
from dias.data.sources import Clevrer, ClevrerConfig, config_for, open_source
from dias.errors import DiasError, SampleError

MINIATURE = Path(__file__).parents[1] / "miniatures" / "clevrer"
ANNOTATION = "annotation_train/annotation_00000-01000/annotation_00001.json"
PROPOSALS = "derender_proposals/proposal_00001.json"


def built(path: Path = MINIATURE, **settings: Any) -> Clevrer:
    return ClevrerConfig(path=str(path), **settings).build()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(MINIATURE, tmp_path / "clevrer")
    return tmp_path / "clevrer"


def change(file: Path, edit: Callable[[Any], object]) -> None:
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))


def test_it_is_recognised_and_says_which_splits_are_there() -> None:
    assert config_for(MINIATURE, use="train") == ClevrerConfig(path=str(MINIATURE), split="train")
    found = config_for(MINIATURE, use="evaluate")
    assert found == ClevrerConfig(path=str(MINIATURE), split="validation")
    assert found.splits() == ("train", "validation")
    with pytest.raises(DiasError, match=r"has no videos of test \(looked for video_test, videos/test"):
        built(split="test")


def test_a_video_with_masks_boxes_and_what_they_are_of() -> None:
    source = built()
    assert [source.name(i) for i in range(len(source))] == ["video_00000", "video_00001"]
    assert source.length(1) == 16
    clip = source.read(1)
    things = source.annotation(1).object_property
    assert clip.frames.shape == (16, 64, 96, 3)
    assert clip.mask is not None
    assert clip.boxes is not None
    assert clip.boxes.shape == (16, len(things), 4)
    assert [SHAPES[i] for i in clip.classes] == [thing.shape for thing in things]  # type: ignore[union-attr]
    assert source.class_names()[0] == "sphere"
    assert clip.tracks is not None
    assert clip.tracks.tolist() == list(range(len(things)))
    some = source.read(1, [3, 9])
    assert some.numbers == (3, 9)
    np.testing.assert_array_equal(some.mask, clip.mask[[3, 9]])
    np.testing.assert_array_equal(some.frames, clip.frames[[3, 9]])


def test_pixels_of_an_object_have_its_colour() -> None:
    """Of those that are red, green or blue: that channel is the brightest in a mask."""
    checked = 0
    for index in range(2):
        source = built()
        clip, things = source.read(index), source.annotation(index).object_property
        assert clip.mask is not None
        for thing in things:
            if thing.color not in ("red", "green", "blue"):
                continue
            pixels = clip.frames[clip.mask == thing.object_id + 1]
            if len(pixels) > 200:
                channel = ("red", "green", "blue").index(thing.color)
                assert pixels.mean(axis=0).argmax() == channel, thing
                checked += 1
    assert checked >= 2


def test_annotation_log_and_questions_belong_together() -> None:
    source = built(split="validation")
    annotation, log = source.annotation(0), source.log(0)
    assert annotation.scene_index == source.scenes[0] == 10_000
    assert len(annotation.motion_trajectory) == log.frames == 16
    assert [one.frame for one in log.events if one.type == "collision"] == [
        one.frame_id for one in annotation.collision
    ]
    questions = source.questions(0)
    assert [question.question_id for question in questions] == list(range(len(questions)))
    assert {question.question_type for question in questions} >= {"descriptive", "explanatory"}


def test_an_object_is_seen_where_its_middle_is_in_view() -> None:
    source = built()
    for index in range(len(source)):
        clip, log = source.read(index), source.log(index)
        assert clip.mask is not None
        for number in range(log.visible.shape[1]):
            pixels = (clip.mask == number + 1).sum(axis=(1, 2))
            assert (pixels[log.visible[:, number]] > 0).mean() > 0.9  # else behind another


def test_slotformers_folders_are_read_too(copy: Path) -> None:
    for part in ("video", "annotation"):
        (copy / f"{part}s").mkdir()
        (copy / f"{part}_validation").rename(copy / f"{part}s" / "val")
    (copy / "questions").mkdir()
    (copy / "validation.json").rename(copy / "questions" / "val.json")
    source = built(copy, split="validation")
    assert source.name(0) == "video_10000"
    assert source.annotation(0).scene_index == 10_000
    assert source.questions(0)
    assert source.read(0, [0]).mask is not None


def test_without_segments_it_has_no_masks_and_says_so(copy: Path) -> None:
    shutil.rmtree(copy / "derender_proposals")
    source = built(copy)
    assert source.read(0, [0]).mask is None
    assert "has no derender_proposals/ for train" in (source.without_masks() or "")
    assert built().without_masks() is None
    assert open_source(copy)[0].mask is None


def test_published_files_say_nothing_of_simulations(copy: Path) -> None:
    change(copy / ANNOTATION, lambda content: content.pop("resimulated"))
    log = built(copy).log(1)
    assert log.future is None
    assert log.without is None
    assert log.events == built().log(1).events


def test_segments_that_look_like_nothing_known_are_left_out(copy: Path) -> None:
    def repaint(content: Any) -> None:
        for frame in content["frames"]:
            for one in frame["objects"]:
                one["color"] = "cyan" if one["color"] != "cyan" else "gray"

    change(copy / PROPOSALS, repaint)
    before, after = built().read(1).mask, built(copy).read(1).mask
    assert before is not None
    assert after is not None
    assert (after > 0).sum() < (before > 0).sum()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda a: a["object_property"][0].update(color="pink"), "Invalid enum value 'pink'"),
        (lambda a: a["object_property"][0].update(object_id=7), r"object_property has the ids \[7, 1"),
        (lambda a: a["motion_trajectory"].pop(2), r"motion_trajectory\[2\] is of frame 3, expected 2"),
        (lambda a: a["motion_trajectory"][1]["objects"].append(a["motion_trajectory"][1]["objects"][0]),
         r"motion_trajectory\[1\] has the objects"),
        (lambda a: a["collision"][0].update(object_ids=[0, 99]), r"collision\[0\] is of \[0, 99\]"),
        (lambda a: a["collision"][0].pop("frame_id"), r"missing required field `frame_id`.*collision\[0\]"),
        (lambda a: a["resimulated"]["without"].pop(), r"resimulated.without has \d lists for \d objects"),
        (lambda a: a["resimulated"]["future"].append({"type": "in", "frame": 1, "objects": [0, 1]}),
         r"resimulated has in of \[0, 1\]"),
        (lambda a: a.update(scene_index=5), "is of scene 5, by its name of 1"),
    ],
)  # fmt: skip
def test_a_damaged_annotation_is_told_by_file_key_and_place(
    edit: Callable[[Any], object], message: str, copy: Path
) -> None:
    change(copy / ANNOTATION, edit)
    with pytest.raises(DiasError, match=message) as error:
        built(copy).annotation(1)
    assert "annotation_00001.json" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda q: q.append(q[0]), r"\[2\] is of scene 0, as one before"),
        (lambda q: q[0]["questions"][0].pop("question"), r"\[0\] has not the .* `question`"),
        (lambda q: q[1]["questions"][0].update(question_type="explanatory"),
         r"\[1\].questions\[0\] is explanatory with no choices"),
        (lambda q: q[0]["questions"][-1]["choices"][0].update(answer="maybe"), "Invalid enum value 'maybe'"),
    ],
)  # fmt: skip
def test_damaged_questions_are_told_by_place(edit: Callable[[Any], object], message: str, copy: Path) -> None:
    change(copy / "train.json", edit)
    with pytest.raises(DiasError, match=message) as error:
        built(copy).questions(0)
    assert "\n" not in str(error.value)


def test_damaged_segments_and_videos_are_told(copy: Path) -> None:
    change(copy / PROPOSALS, lambda content: content["frames"].pop(4))
    with pytest.raises(SampleError, match="has no segments of frame 4"):
        built(copy).read(1)
    change(copy / PROPOSALS, lambda content: content["frames"][0]["objects"][0]["mask"].update(size=[8, 8]))
    with pytest.raises(SampleError, match=r"frames\[0\]\.objects\[0\]\.mask"):
        built(copy).read(1, [0])
    video = copy / "video_train/video_00000-01000/video_00000.mp4"
    video.write_bytes(video.read_bytes()[:100])
    assert built(copy).length(0) == 1
    with pytest.raises(SampleError, match=r"video_00000\.mp4"):
        built(copy).read(0)


def test_what_is_missing_is_told(copy: Path) -> None:
    (copy / ANNOTATION).unlink()
    assert built(copy).read(1, [0]).mask is None
    with pytest.raises(DiasError, match=r"has no annotation_00001\.json"):
        built(copy).annotation(1)
    (copy / "train.json").unlink()
    with pytest.raises(DiasError, match=r"train\.json: does not exist"):
        built(copy).questions(0)


def test_the_test_split_has_questions_without_answers(tmp_path: Path) -> None:
    file = tmp_path / "test.json"
    asked = [{"scene_index": 15_000, "video_filename": "video_15000.mp4", "questions": [
        {"question_id": 0, "question": "What?", "question_type": "descriptive", "question_subtype": "count"},
        {"question_id": 1, "question": "What will happen next?", "question_type": "predictive",
         "choices": [{"choice_id": 0, "choice": "Nothing"}]},
    ]}]  # fmt: skip
    file.write_text(json.dumps(asked))
    one, other = read_questions(file)[0].questions
    assert one.answer is None
    assert other.choices is not None
    assert other.choices[0].answer is None


def test_an_annotation_is_what_the_file_says() -> None:
    raw = json.loads((MINIATURE / ANNOTATION).read_text())
    read = read_annotation(MINIATURE / ANNOTATION)
    assert (
        list(read.motion_trajectory[5].objects[1].location)
        == raw["motion_trajectory"][5]["objects"][1]["location"]
    )
    assert [list(one.object_ids) for one in read.collision] == [one["object_ids"] for one in raw["collision"]]
