"""Servers beside the code under test, each reached by its own cell alone."""

from swe_scale.sandbox.services.beside import on_base, served
from swe_scale.sandbox.services.declared import require_sound

__all__ = ["on_base", "require_sound", "served"]
