"""Arrays in, pictures out."""

from dias.viz.boxes import named_boxes
from dias.viz.overlay import overlay
from dias.viz.palette import colours, ground_truth_colours
from dias.viz.panels import contact_sheet, panels
from dias.viz.png import png
from dias.viz.timeline import timeline

__all__ = [
    "colours",
    "contact_sheet",
    "ground_truth_colours",
    "named_boxes",
    "overlay",
    "panels",
    "png",
    "timeline",
]
