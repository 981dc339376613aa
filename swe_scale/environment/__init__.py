"""Finds out how a repository's environment is built and its tests are run, and has it built once."""

from swe_scale.environment.options import Options, Table
from swe_scale.environment.prepare import Prepared, Site, build, first_that_works, look, prepare
from swe_scale.environment.project import Project, read_project
from swe_scale.environment.proposals import Proposal, proposals

__all__ = [
    "Options",
    "Prepared",
    "Project",
    "Proposal",
    "Site",
    "Table",
    "build",
    "first_that_works",
    "look",
    "prepare",
    "proposals",
    "read_project",
]
