"""Finds signs that a history was looked at which the cut repository doesn't hold."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from swe_scale.analysis.leak_commands import bounded
from swe_scale.analysis.leak_outcomes import Severity

_SHORT, _MOST, _WIDTH = 7, 50_000, 1_000
_ID = re.compile(r"(?<![0-9A-Za-z_./-])[0-9a-f]{7,64}(?![0-9A-Za-z_-])")
_ANY_ID = re.compile(r"(?<![0-9a-z])[0-9a-f]{7,64}(?![0-9a-z])")
_LISTED = re.compile(
    r"^[*|\\/ ]{0,20}(?:(?:dangling |unreachable )?commit |[*+] \S{1,99} {1,8})?([0-9a-f]{7,64})\b(.*)$"
    r"|^[ *|\\/]{0,20}Date: +(.{8,40})$",
    re.MULTILINE,
)
_DAY = re.compile(r"\b((?:19|20)\d\d)-(\d\d)-(\d\d)\b")
_LONG_DAY = re.compile(r"\b([A-Z][a-z]{2}) +(\d{1,2}) [\d:]{8} ((?:19|20)\d\d)\b")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OURS = re.compile(r"The repository at the base commit|Author: +swe-scale <swe-scale>")
_FILES = re.compile(r"\.git/(?:packed-refs|ORIG_HEAD|FETCH_HEAD|logs/|objects/pack|refs/remotes)")
_LISTING = frozenset(
    {"log", "reflog", "show", "fsck", "rev-list", "ls-remote", "for-each-ref", "show-ref", "branch", "tag"}
)
_REMOTE = frozenset({"fetch", "pull", "clone", "ls-remote"})
_WIDE_VERBS = frozenset({"log", "rev-list", "show-branch", "cat-file"})
_WIDE = frozenset(
    {"--all", "--branches", "--remotes", "--reflog", "-g", "--walk-reflogs", "--batch-all-objects"}
)
_COMMITTING = frozenset(
    {"commit", "stash", "merge", "rebase", "cherry-pick", "am", "revert", "commit-tree", "init"}
)
_WITH_VALUE = frozenset({"-C", "-c", "--git-dir", "--work-tree"})
_READING_OBJECTS = frozenset(
    {"cat-file", "show", "checkout", "diff", "cherry-pick", "log", "restore", "reset", "switch", "merge",
     "rebase", "worktree", "format-patch", "revert", "archive"}
)  # fmt: skip
_READERS = frozenset(
    {"cat", "less", "head", "tail", "strings", "xxd", "zcat", "cp", "grep", "sed", "awk", "ls"}
)


@dataclass(slots=True)
class Known:
    """What a trajectory could know by now."""

    ids: set[str] = field(default_factory=set)
    """The first seven digits of hexadecimal ids that it was shown."""
    committed: bool = False
    """Whether it made commits of its own: their ids are no sign of anything."""
    strange: set[str] = field(default_factory=set)
    """Ids of commits that were listed though the cut repository can't hold them."""

    def has(self, name: str) -> bool:
        """Return whether an id, or one that begins alike, was shown."""
        return name[:_SHORT] in self.ids

    def learn(self, *texts: str) -> None:
        """Take in the ids of texts."""
        for text in texts:
            if len(self.ids) < _MOST:
                self.ids.update(one[:_SHORT] for one in _ANY_ID.findall(bounded(text)))


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that a command did."""

    kind: Literal["commit", "history"]
    severity: Severity
    words: str
    """The command, or the line that gives it away."""


def git_verb(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return what git is asked to do, and with what; an empty word where it isn't git."""
    if not words or words[0] != "git":
        return "", ()
    at = 1
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in _WITH_VALUE else 1
    return (words[at], words[at + 1 :]) if at < len(words) else ("", ())


def asked_for(words: Sequence[str], known: Known, came: Severity) -> Iterator[Sign]:
    """Yield what a simple command asks of a history that can't be known.

    Args:
        words: the command's words.
        known: what the trajectory could know before it.
        came: how sure it is that it brought anything.
    """
    line = " ".join(words)
    verb, arguments = git_verb(words)
    if verb in _COMMITTING:
        known.committed = True
    if verb in _REMOTE and not _local(verb, arguments):
        yield Sign("history", came, line)
    elif verb in ("reflog", "fsck") or (verb in _WIDE_VERBS and _WIDE.intersection(arguments)):
        yield Sign("history", "note", line)
    elif words[0] in _READERS and _FILES.search(line):
        yield Sign("history", "note" if came == "note" else "likely", line)
    if verb in _READING_OBJECTS and any(not known.has(one) for one in _ids(arguments)):
        yield Sign("commit", came, line)


def lists_commits(words: Sequence[str]) -> bool:
    """Return whether a simple command lists commits."""
    return git_verb(words)[0] in _LISTING


def _local(verb: str, arguments: Sequence[str]) -> bool:
    """Return whether it is another folder that is cloned, or fetched from."""
    places = [one for one in arguments if not one.startswith("-")]
    if not places:
        return False
    first = places[0]
    return first.startswith(("/", ".", "~", "$", "file:")) or (verb == "clone" and "/" not in first)


def _ids(arguments: Sequence[str]) -> Iterator[str]:
    for argument in (one for one in arguments if not one.startswith("-")):
        for one in _ID.findall(argument.replace("..", " ").replace("^", " ").replace("~", " ")):
            if len(one) == 40 or not (one.isdigit() or one.isalpha()):
                yield one


def listed(known: Known, output: str, created: str) -> Iterator[Sign]:
    """Yield the commits that git listed though the cut repository can't hold them."""
    lines = [(found[1] or "", found[0], found[3] or "") for found in _LISTED.finditer(bounded(output))][:2000]
    for place, (name, line, _) in enumerate(lines):
        if not name or name.isalpha() or (len(name) < 40 and name.isdigit()) or known.has(name):
            continue
        date = _day(line) or (_day(lines[place + 1][2]) if place + 1 < len(lines) else "")
        known.strange.add(name)
        if created and date > created[:10]:
            yield Sign("commit", "note" if known.committed else "certain", line)
        elif len(known.strange) > 1:
            # One alone is the cut repository's own commit.
            yield Sign("commit", "note" if known.committed else "likely", line)


def own_ids(output: str) -> Iterator[str]:
    """Yield the ids that stand beside what only the cut repository's own commit says of itself."""
    last: list[str] = []
    for line in bounded(output).split("\n"):
        ids = _ANY_ID.findall(line[:_WIDTH])
        if _OURS.search(line[:_WIDTH]):
            yield from ids or last
        last = ids or last


def _day(text: str) -> str:
    """Return the date in a text as YYYY-MM-DD; empty where there is none."""
    if found := _DAY.search(text):
        return "-".join(found.groups())
    found = _LONG_DAY.search(text)
    if found is None or found[1] not in _MONTHS:
        return ""
    return f"{found[3]}-{_MONTHS.index(found[1]) + 1:02}-{int(found[2]):02}"
