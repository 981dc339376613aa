"""What is known of a project's own formatters: which it names, and how an environment comes by them."""

from swe_scale.house.formatters import PLACE, Formatter, Plain
from swe_scale.house.found import TOLD_BY, formatters_of, formatters_wanted

__all__ = ["PLACE", "TOLD_BY", "Formatter", "Plain", "formatters_of", "formatters_wanted"]
