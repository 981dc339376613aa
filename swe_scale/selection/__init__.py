"""Asks models which of some finalists is right: with checks that they write, or by one look at a list."""

from swe_scale.selection.checking import settle, telling
from swe_scale.selection.choice import Choice, Comparison, majority
from swe_scale.selection.listing import REPLIES, look

__all__ = ["REPLIES", "Choice", "Comparison", "look", "majority", "settle", "telling"]
