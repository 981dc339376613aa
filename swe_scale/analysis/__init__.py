"""Says what runs would cost, from what is known before they start."""

from swe_scale.analysis.answer import Answer
from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.budgets import check_budget
from swe_scale.analysis.endpoints import Looked, Served, look
from swe_scale.analysis.estimate import Estimate, estimate
from swe_scale.analysis.ranges import Range
from swe_scale.analysis.reading import measure_reading
from swe_scale.analysis.sizes import Sizes, measure, with_reading

__all__ = [
    "Answer",
    "Assumptions",
    "Estimate",
    "Looked",
    "Range",
    "Served",
    "Sizes",
    "check_budget",
    "estimate",
    "look",
    "measure",
    "measure_reading",
    "with_reading",
]
