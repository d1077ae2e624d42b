"""What CLEVRER (Yi et al., ICLR 2020, arXiv:1910.01442) has of a video: annotation, questions, programs."""

from dias.data.clevrer.log import MOVING, Event, EventLog, log_of
from dias.data.clevrer.programs import OPERATIONS, ProgramError, answer_of, execute
from dias.data.clevrer.values import (
    COLORS,
    MATERIALS,
    SHAPES,
    Annotation,
    Choice,
    Collision,
    LoggedEvent,
    Moment,
    ObjectProperty,
    Pose,
    Question,
    Resimulated,
    VideoQuestions,
    read_annotation,
    read_questions,
)

__all__ = [
    "COLORS",
    "MATERIALS",
    "MOVING",
    "OPERATIONS",
    "SHAPES",
    "Annotation",
    "Choice",
    "Collision",
    "Event",
    "EventLog",
    "LoggedEvent",
    "Moment",
    "ObjectProperty",
    "Pose",
    "ProgramError",
    "Question",
    "Resimulated",
    "VideoQuestions",
    "answer_of",
    "execute",
    "log_of",
    "read_annotation",
    "read_questions",
]
