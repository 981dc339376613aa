"""Chooses the files of a repository that the models are shown for an issue."""

from swe_scale.context.excerpt import estimate_tokens
from swe_scale.context.pack import find
from swe_scale.context.sources import LARGEST

__all__ = ["LARGEST", "estimate_tokens", "find"]
