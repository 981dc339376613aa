"""Finds signs that an answer was looked up or remembered rather than found."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from swe_scale.analysis.leak_answers import Fix, Needles, lines_repeated, tests_named
from swe_scale.analysis.leak_commands import bounded, segments
from swe_scale.analysis.leak_history import Known, asked_for, listed, lists_commits, own_ids
from swe_scale.analysis.leak_outcomes import Severity, outcome
from swe_scale.analysis.leak_project import Project, project_of
from swe_scale.analysis.leak_sources import (
    ADDRESS,
    fetched,
    fetched_by_script,
    installs,
    opens_installed,
    reads_installed,
    upstream,
)
from swe_scale.analysis.leak_traces import Trace, traces
from swe_scale.records import Issue, Record, Solution, Trajectory

__all__ = ["Finding", "Fix", "Kind", "Severity", "find_leaks"]

Kind = Literal["commit", "history", "address", "install", "installed", "hidden-test", "memory"]
Where = Literal["command", "output", "reply", "check", "patch"]

_SHOWN = 200
"""Characters of an excerpt."""
_MOST = 20
"""Findings of one kind that are kept of a trajectory."""
_LOOKED_UP = 200
"""Addresses of one text that are looked for in what was told before."""
_CITED = re.compile(
    r"\b(?:commit|cherry.picked from|backport(?:ed)? (?:of|from))[ :]{1,3}([0-9a-f]{7,40})\b", re.IGNORECASE
)
_ANSWERS = re.compile(r"/(?:commits?|pulls?|compare|merge_requests)/")


class Finding(Record):
    """One sign. `certain`: something was brought from outside; `note`: tried in vain, or only mentioned."""

    issue: str
    trajectory: int
    turn: int
    """From 1; 0 is what the trajectory ended with."""
    kind: Kind
    severity: Severity
    where: Where
    excerpt: str


def find_leaks(
    solution: Solution, issue: Issue, created_at: str = "", fix: Fix | None = None
) -> tuple[Finding, ...]:
    """Return the signs in all trajectories of a solution, in their order.

    Args:
        solution: what was recorded.
        issue: what was asked; what it mentions gives nothing away.
        created_at: when the issue was written, `YYYY-MM-DD…`: commits of later days can't be known.
        fix: the answer, where a grader has it.
    """
    project = project_of(issue, (one.patch for one in solution.trajectories))
    told = (issue.title, issue.body, *issue.comments)
    needles = Needles.of(fix or Fix())
    found: list[Finding] = []
    for trajectory in solution.trajectories:
        known = Known()
        known.learn(*told, issue.base_commit, *(one.id for one in solution.candidates))
        scan = _Scan(
            solution.issue, trajectory, project, created_at, needles, known, [bounded(one) for one in told]
        )
        found += scan.findings()
    return tuple(found)


@dataclass(slots=True)
class _Scan:
    """One trajectory that is gone through."""

    issue: str
    trajectory: Trajectory
    project: Project
    created_at: str
    needles: Needles
    known: Known
    told: list[str]
    """What it has been told so far."""
    counted: Counter[Kind] = field(default_factory=Counter)
    seen: set[tuple[Kind, str]] = field(default_factory=set)

    def findings(self) -> Iterator[Finding]:
        self.known.learn(*(one.tree for one in self.trajectory.turns), self.trajectory.tree)
        for trace in traces(self.trajectory):
            yield from self._of_trace(trace)
        end = Trace(0, "", (), output="", code=1)
        check = self.trajectory.check
        if check is not None:
            yield from self._of_text(end, check.script, "check")
        yield from self._of_text(end, _added(self.trajectory.patch), "patch")

    def _of_trace(self, trace: Trace) -> Iterator[Finding]:
        self._told(trace.shown)
        came = outcome(trace.output, trace.code) if trace.commands else "note"
        listing = False
        for command in trace.commands:
            for call in fetched_by_script(command, self.project):
                yield from self._made(trace, "address", came, "command", call)
            if opens_installed(command, self.project):
                yield from self._made(trace, "installed", _no_more(came), "command", command)
            for words in segments(command):
                listing = listing or lists_commits(words)
                yield from self._of_words(trace, words, came)
        if listing and trace.output:
            self.known.learn(*own_ids(trace.output))
            for sign in listed(self.known, trace.output, self.created_at):
                yield from self._made(trace, sign.kind, sign.severity, "output", sign.words)
        yield from self._of_text(trace, trace.said, "reply")
        if trace.output:
            self._told((trace.output,))

    def _told(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.known.learn(text)
            self.told.append(bounded(text))

    def _of_words(self, trace: Trace, words: list[str], came: Severity) -> Iterator[Finding]:
        line = " ".join(words)
        if fetched(words, self.project):
            yield from self._made(trace, "address", came, "command", line)
        if installs(words, self.project):
            yield from self._made(trace, "install", came, "command", line)
        if reads_installed(words, self.project):
            yield from self._made(trace, "installed", _no_more(came), "command", line)
        for sign in asked_for(words, self.known, came):
            yield from self._made(trace, sign.kind, sign.severity, "command", sign.words)

    def _of_text(self, trace: Trace, text: str, where: Where) -> Iterator[Finding]:
        """Yield what a text gives away that nobody ran."""
        addresses = dict.fromkeys(found[0].rstrip(".,;:") for found in ADDRESS.finditer(bounded(text)))
        named = (one for one in addresses if _ANSWERS.search(one) and upstream(one, self.project))
        for address in islice(named, _LOOKED_UP):
            if not self._knows(address):
                yield from self._made(trace, "address", "note", where, address)
        for cited in _CITED.finditer(bounded(text)):
            if not self.known.has(cited[1].lower()) and not cited[1].isalpha():
                yield from self._made(trace, "commit", "note", where, cited[0])
        for severity, name in tests_named(text, self.needles, self.told):
            yield from self._made(trace, "hidden-test", severity, where, name)
        for line in lines_repeated(text, self.needles, self.told):
            yield from self._made(trace, "memory", "note", where, line)

    def _knows(self, text: str) -> bool:
        return any(text in one for one in self.told)

    def _made(
        self, trace: Trace, kind: Kind, severity: Severity, where: Where, excerpt: str
    ) -> Iterator[Finding]:
        """Yield a finding unless it was made before, or there are enough of its kind."""
        shown = " ".join(excerpt[: 4 * _SHOWN].split())[:_SHOWN]
        if (kind, shown) in self.seen or self.counted[kind] >= _MOST:
            return
        self.seen.add((kind, shown))
        self.counted[kind] += 1
        yield Finding(
            issue=self.issue, trajectory=self.trajectory.index, turn=trace.turn, kind=kind,
            severity=severity, where=where, excerpt=shown,
        )  # fmt: skip


def _no_more(came: Severity) -> Severity:
    """Return what an installed copy is a sign of: it may be the base's own."""
    return "note" if came == "note" else "likely"


def _added(patch: str) -> str:
    """Return the lines that a patch adds."""
    rows = bounded(patch).split("\n")
    return "\n".join(row[1:] for row in rows if row.startswith("+") and not row.startswith("+++"))
