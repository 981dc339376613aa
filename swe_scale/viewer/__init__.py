"""Shows what is recorded of a run to a person: one file that a browser opens and nothing leaves."""

from swe_scale.viewer.report import Source, write_report

__all__ = ["Source", "write_report"]
