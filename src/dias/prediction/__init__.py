"""What comes next: slots of a clip's first frames into those of the next, and how far that holds."""

from dias.prediction.evaluation import HorizonConfig, evaluate
from dias.prediction.fit import FitConfig, fit
from dias.prediction.floors import Forecast, last_stays, straight_on
from dias.prediction.results import Prediction, Row
from dias.prediction.rollouter import Rollouter, RollouterConfig
from dias.prediction.trained import TrainedRollouter, load_rollouter, save_rollouter, trained_on
from dias.prediction.windows import SlotWindows, held_out_clips, windows_of

__all__ = [
    "FitConfig",
    "Forecast",
    "HorizonConfig",
    "Prediction",
    "Rollouter",
    "RollouterConfig",
    "Row",
    "SlotWindows",
    "TrainedRollouter",
    "evaluate",
    "fit",
    "held_out_clips",
    "last_stays",
    "load_rollouter",
    "save_rollouter",
    "straight_on",
    "trained_on",
    "windows_of",
]
