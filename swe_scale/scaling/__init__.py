"""How coverage and what is resolved grow with samples: fits, extrapolations, ceilings. Pure."""

from swe_scale.scaling.counts import Cells, cells_of, coverages, thinned
from swe_scale.scaling.imperfect import Accepted, accepted, ceiling, matched
from swe_scale.scaling.power_law import PowerLaw, fit_power_law
from swe_scale.scaling.unfit import LEAST_ISSUES, LEAST_SAMPLES, unfit
from swe_scale.scaling.zero_inflated import ZeroInflated, fit_zero_inflated

__all__ = [
    "LEAST_ISSUES",
    "LEAST_SAMPLES",
    "Accepted",
    "Cells",
    "PowerLaw",
    "ZeroInflated",
    "accepted",
    "ceiling",
    "cells_of",
    "coverages",
    "fit_power_law",
    "fit_zero_inflated",
    "matched",
    "thinned",
    "unfit",
]
