"""Says what works on this machine, what will be used, and which command mends the rest."""

from swe_scale.doctor.examine import examine
from swe_scale.doctor.findings import Finding, Report, render

__all__ = ["Finding", "Report", "examine", "render"]
