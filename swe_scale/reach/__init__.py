"""Finds out whether checks execute what candidates change, by a traced run on the untouched code."""

from swe_scale.reach.asking import Reaches, Reaching
from swe_scale.reach.comparing import Change, change_of, reach
from swe_scale.reach.tracing import Lines

__all__ = ["Change", "Lines", "Reaches", "Reaching", "change_of", "reach"]
