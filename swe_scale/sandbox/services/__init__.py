"""Servers beside the code under test, each reached by its own cell alone."""

from swe_scale.sandbox.services.beside import on_base, served
from swe_scale.sandbox.services.declared import require_sound
from swe_scale.sandbox.services.hosted import Standing, in_turns, require_up

__all__ = ["Standing", "in_turns", "on_base", "require_sound", "require_up", "served"]
