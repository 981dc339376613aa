"""What an examination found, and how it reads."""

from typing import Literal

from swe_scale.records import Record

Status = Literal["ok", "warn", "fault"]


class Finding(Record):
    """One thing that was looked at."""

    topic: str
    status: Status
    """`warn`: it works, but less well than it could. `fault`: nothing can be solved until it is mended."""
    text: str
    fix: str = ""
    """What to run or to change."""


class Report(Record):
    """Everything that was looked at."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether issues can be solved here."""
        return all(finding.status != "fault" for finding in self.findings)


def render(report: Report) -> str:
    """Return the report as lines, each fault and warning followed by what mends it."""
    width = max((len(finding.topic) for finding in report.findings), default=0)
    lines = []
    for finding in report.findings:
        lines.append(f"{finding.status:5}  {finding.topic:{width}}  {finding.text}")
        if finding.fix:
            lines.append(f"{'':5}  {'':{width}}  → {finding.fix}")
    return "\n".join(lines)
