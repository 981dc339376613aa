"""The commands. Nothing of what they do is imported before one of them runs, so that help is quick."""

from swe_scale.cli.app import main

__all__ = ["main"]
