"""CLEVRER's JSON files as values: an annotation of a video, and the questions about the videos of a split.

Keys and values are those of the published files (clevrer.csail.mit.edu); keys that are not named here are
passed over. `Resimulated` alone is not theirs: `dias synth clevrer` adds it, since only a simulator knows it.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from dias.data.formats.json_file import read_json
from dias.errors import FileError

Color = Literal["gray", "red", "blue", "green", "brown", "cyan", "purple", "yellow"]
Material = Literal["metal", "rubber"]
Shape = Literal["sphere", "cylinder", "cube"]
EventType = Literal["in", "out", "collision"]
Split = Literal["train", "validation", "test"]
QuestionType = Literal["descriptive", "explanatory", "predictive", "counterfactual"]

COLORS: tuple[Color, ...] = ("gray", "red", "blue", "green", "brown", "cyan", "purple", "yellow")
MATERIALS: tuple[Material, ...] = ("metal", "rubber")
SHAPES: tuple[Shape, ...] = ("sphere", "cylinder", "cube")
DESCRIPTIVE: tuple[str, ...] = ("count", "exist", "query_color", "query_material", "query_shape")

Id = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
Point = tuple[float, float, float]


class ObjectProperty(msgspec.Struct, frozen=True):
    """What an object looks like; no two of a video share all three."""

    object_id: Id
    color: Color
    material: Material
    shape: Shape


class Pose(msgspec.Struct, frozen=True):
    """An object in a frame: metres and seconds in the world, angles in radians (x, y, z)."""

    object_id: Id
    location: Point
    orientation: Point
    velocity: Point
    angular_velocity: Point
    inside_camera_view: bool


class Moment(msgspec.Struct, frozen=True):
    """All objects in a frame, seen or not."""

    frame_id: Id
    objects: tuple[Pose, ...]


class Collision(msgspec.Struct, frozen=True):
    """Two objects that begin to touch."""

    object_ids: tuple[Id, Id]
    frame_id: Id
    location: Point


class LoggedEvent(msgspec.Struct, frozen=True):
    """An object that enters or leaves the picture, or two that begin to touch."""

    type: EventType
    frame: Id
    objects: tuple[Id, ...]


class Resimulated(msgspec.Struct, frozen=True):
    """What a simulator says beyond the video; not in the published files.

    Attributes:
        future: events after the video's last frame.
        without: for each object, the events up to the last frame if it is taken away before the first.
    """

    future: tuple[LoggedEvent, ...]
    without: tuple[tuple[LoggedEvent, ...], ...]


class Annotation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that is known of a video."""

    scene_index: Id
    video_filename: str
    object_property: tuple[ObjectProperty, ...]
    motion_trajectory: tuple[Moment, ...]
    collision: tuple[Collision, ...]
    resimulated: Resimulated | None = None


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """A statement that is right or wrong; the test split has neither programs nor answers."""

    choice_id: Id
    choice: str
    program: tuple[str, ...] | None = None
    answer: Literal["correct", "wrong"] | None = None


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question: `answer` is a word where it is descriptive; the others have choices.

    Attributes:
        question_id: its place among those of the video.
        question: its words.
        question_type: one of four.
        question_subtype: of a descriptive one: `count`, `exist`, `query_color`, ...
        program: in postfix; a choice's own program runs before it.
        answer: None in the test split, and where there are choices.
        choices: each is to be judged by itself.
    """

    question_id: Id
    question: str
    question_type: QuestionType
    question_subtype: str | None = None
    program: tuple[str, ...] | None = None
    answer: str | None = None
    choices: tuple[Choice, ...] | None = None


class VideoQuestions(msgspec.Struct, frozen=True):
    """The questions about a video."""

    scene_index: Id
    video_filename: str
    questions: tuple[Question, ...]


def read_annotation(file: Path) -> Annotation:
    """Read `annotation_?.json`.

    Raises:
        FileError: it cannot be read, has not the shape of an annotation, or names an object that it has not;
            says which.
    """
    found = read_json(file, Annotation)
    _check(found, file)
    return found


def read_questions(file: Path) -> tuple[VideoQuestions, ...]:
    """Read `train.json`, `validation.json` or `test.json`.

    Raises:
        FileError: it cannot be read, has not the shape of such a file, asks about one video twice, or has a
            question that cannot be answered; says which.
    """
    found = tuple(_video(content, place, file) for place, content in enumerate(read_json(file, list)))
    seen = set()
    for place, video in enumerate(found):
        if video.scene_index in seen:
            raise FileError(file, f"[{place}] is of scene {video.scene_index}, as one before", do=_AGAIN)
        seen.add(video.scene_index)
        for number, question in enumerate(video.questions):
            if (question.choices is None) != (question.question_type == "descriptive"):
                odd = "no choices" if question.choices is None else "choices"
                raise FileError(
                    file, f"[{place}].questions[{number}] is {question.question_type} with {odd}", do=_AGAIN
                )
    return found


_AGAIN = "download it again"


def _video(content: object, place: int, file: Path) -> VideoQuestions:
    try:
        return msgspec.convert(content, VideoQuestions)
    except msgspec.ValidationError as error:
        raise FileError(file, f"[{place}] has not the expected shape: {error}", do=_AGAIN) from None


def _check(found: Annotation, file: Path) -> None:
    """Whether all that an annotation names is there."""
    ids = [thing.object_id for thing in found.object_property]
    if ids != list(range(len(ids))):
        raise FileError(file, f"object_property has the ids {ids}, expected 0, 1, 2, ...", do=_AGAIN)
    for place, moment in enumerate(found.motion_trajectory):
        there = [pose.object_id for pose in moment.objects]
        if moment.frame_id != place:
            odd = f"is of frame {moment.frame_id}, expected {place}"
        elif len(set(there)) < len(there) or not set(there) <= set(ids):
            odd = f"has the objects {there}, expected of {ids}"
        else:
            continue
        raise FileError(file, f"motion_trajectory[{place}] {odd}", do=_AGAIN)
    for place, collision in enumerate(found.collision):
        pair = list(collision.object_ids)
        if pair[0] == pair[1] or not set(pair) <= set(ids):
            raise FileError(file, f"collision[{place}] is of {pair}, expected two of {ids}", do=_AGAIN)
    if found.resimulated is not None:
        _check_resimulated(found.resimulated, ids, file)


def _check_resimulated(found: Resimulated, ids: list[int], file: Path) -> None:
    if len(found.without) != len(ids):
        odd = f"has {len(found.without)} lists for {len(ids)} objects"
        raise FileError(file, f"resimulated.without {odd}", do=_AGAIN)
    for event in (*found.future, *(event for events in found.without for event in events)):
        wanted = 2 if event.type == "collision" else 1
        if not set(event.objects) <= set(ids) or len(set(event.objects)) != wanted:
            odd = f"has {event.type} of {list(event.objects)}, objects are {ids}"
            raise FileError(file, f"resimulated {odd}", do=_AGAIN)
