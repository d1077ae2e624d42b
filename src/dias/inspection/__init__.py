"""Whether a data set is whole, and what is in it: every sample is read once."""

from dias.inspection.findings import Fault, Inspection, Part, Unlisted
from dias.inspection.run import inspect

__all__ = ["Fault", "Inspection", "Part", "Unlisted", "inspect"]
