"""Tests of an issue in the project's own layout, shown to fail before a patch and to pass after it."""

from swe_scale.reproduction.showing import Showing
from swe_scale.reproduction.writing import MOST_SHOWN, MOST_TOLD, Wanted, Writer, reproduced

__all__ = ["MOST_SHOWN", "MOST_TOLD", "Showing", "Wanted", "Writer", "reproduced"]
