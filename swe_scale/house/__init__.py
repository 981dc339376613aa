"""What is known of a project's own ways: its formatters (here), and how it tells of changes (`house.manner`).

The latter is not imported with the former, since whoever prepares an environment has no use for it.
"""

from swe_scale.house.formatters import PLACE, Formatter, Plain
from swe_scale.house.found import TOLD_BY, formatters_of, formatters_wanted

__all__ = ["PLACE", "TOLD_BY", "Formatter", "Plain", "formatters_of", "formatters_wanted"]
