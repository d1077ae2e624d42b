"""What slots know: a small head on frozen slots names objects and gives their boxes."""

from dias.recognition.fit import FitConfig, fit
from dias.recognition.head import Answers, RecognitionHead
from dias.recognition.labels import labelled
from dias.recognition.objects import Objects, match_objects
from dias.recognition.scores import Recognition, Scores, score
from dias.recognition.trained import TrainedHead, load_head, recognise, save_head

__all__ = [
    "Answers",
    "FitConfig",
    "Objects",
    "Recognition",
    "RecognitionHead",
    "Scores",
    "TrainedHead",
    "fit",
    "labelled",
    "load_head",
    "match_objects",
    "recognise",
    "save_head",
    "score",
]
