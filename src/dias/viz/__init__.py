"""Arrays in, pictures out."""

from dias.viz.attention import heat_map, slot_heat_maps
from dias.viz.overlay import overlay, segment_picture
from dias.viz.palette import colours, ground_truth_colours
from dias.viz.panels import contact_sheet, panels

__all__ = [
    "colours",
    "contact_sheet",
    "ground_truth_colours",
    "heat_map",
    "overlay",
    "panels",
    "segment_picture",
    "slot_heat_maps",
]
