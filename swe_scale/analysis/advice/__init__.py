"""Says what earlier runs tell of where the next unit of compute should go."""

from swe_scale.analysis.advice.advise import advise
from swe_scale.analysis.advice.document import Advice, Part

__all__ = ["Advice", "Part", "advise"]
