"""Methods beside one another: trained on the same data, measured by the same rules, one row each."""

from dias.comparison.columns import MethodRow
from dias.comparison.plan import Method, Plan, Run, Wish, make_plan
from dias.comparison.run import compare
from dias.comparison.tables import tables

__all__ = ["Method", "MethodRow", "Plan", "Run", "Wish", "compare", "make_plan", "tables"]
