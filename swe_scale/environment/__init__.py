"""Finds out how a repository's environment is built and its tests are run, and has it built once."""

from swe_scale.environment.options import Options
from swe_scale.environment.prepare import prepare, recipe_for
from swe_scale.environment.project import Project, read_project

__all__ = ["Options", "Project", "prepare", "read_project", "recipe_for"]
