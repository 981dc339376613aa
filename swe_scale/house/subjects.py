"""Reads the subject of a commit: what its beginning is for, what it refers to, and what is left to say."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["label", "module", "bracketed", "reference", "keyed", "gitmoji", "plain"]
"""`fix(scope): x` or `BUG: x`, `net/http: x`, `[module] x`, `Fixed #1 -- x`, `ABC-1: x`, `:bug: x`, none."""

_SURE = frozenset((
    "feat", "feature", "fix", "fixed", "fixes", "bug", "bugfix", "hotfix", "chore", "refactor", "perf",
    "revert", "enh", "maint", "tst", "bld", "dep", "sty", "rev", "ref", "cln", "typ", "depr", "regr", "new",
    "update", "breaking", "upgrade", "improvement", "improve", "deprecate",
))  # fmt: skip
_UNSURE = frozenset((
    "docs", "doc", "ci", "build", "test", "tests", "deps", "style", "api", "web", "types", "typing", "dev",
    "bench", "benchmark", "release", "rel", "misc", "infra", "security", "wip", "asv", "lint",
    "examples", "cleanup",
))  # fmt: skip
"""Labels that are as often the name of a folder."""
REPAIRS = ("fix", "bug", "bugfix", "hotfix", "fixed", "fixes")
_BUG_SIGNS = (":bug:", "🐛", ":ambulance:", "🚑", ":adhesive_bandage:", "🩹")

_NUMBER = r"(?:#|[Gg][Hh]-|bpo-)\d+"
_TRAILING = re.compile(rf"\s*(\({_NUMBER}(?:,? (?:and )?{_NUMBER})*\)|{_NUMBER})\.?$")
_REFERENCE = re.compile(
    rf"(\[?(?:(?:Fix(?:e[sd])?|Close[sd]?|Refs?|Resolve[sd]?|Issue|Bug|Ticket)[ :]+)?)({_NUMBER})"
    rf"(?:(?:,? and |, ?|,? & ){_NUMBER})*(\]?\s*(?:--?|[:–—|])?\s+)",
    re.IGNORECASE,
)
_KEYED = re.compile(r"\[?[A-Z][A-Z0-9_]{1,20}-\d+\]?\s*[:–—-]?\s+")
_GITMOJI = re.compile("(:[a-z0-9_+]{2,40}:|[\u203c-\u3299\U0001f000-\U0001faff]\ufe0f?)\\s*")
_BRACKET = re.compile(r"\[([^\[\]\s][^\[\]]{0,40})\]:?\s+")
_LABEL = re.compile(r"([A-Za-z]{2,15}(?:(?:, ?|/|& ?)[A-Za-z]{2,12}){0,3})(\([^()]{1,60}\))?!?:\s+")
_MODULE = re.compile(r"([\w@./*{}+-]{1,60}(?:, ?[\w@./*{}+-]{1,60}){0,4}(?:\([^()]{0,60}\))?):\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class Subject:
    """The first line of a commit's message, taken apart."""

    kind: Kind
    text: str
    """What is left without beginning and references at the end."""
    lead: str = ""
    """Of a reference: the beginning with `{}` for its number."""
    label: str = ""
    """Type or sign of the change, as it is written."""
    scope: str = ""
    """Part of the project that it is about, as it is written."""
    trailing: str = ""
    """Reference at its end with `{}` for the number, of several only the last."""

    @property
    def unsure(self) -> bool:
        """Whether its label may as well be the name of a module."""
        return self.kind == "label" and not self.scope and self.label in _UNSURE

    @property
    def repairs(self) -> bool:
        """Whether its label or sign says that a fault is mended."""
        return self.label.lower() in REPAIRS or self.label.startswith(_BUG_SIGNS)


def read_subject(line: str, *, squashed: bool = False) -> Subject:
    """Return a subject taken apart.

    Args:
        line: of which at most 500 characters are read.
        squashed: a service has put the number of the pull request at its end, which is left out.
    """
    text, trailing = _without_trailing(line[:500].strip())
    if squashed and trailing:
        text, trailing = _without_trailing(text)
    if match := _REFERENCE.match(text):
        number = re.sub(r"\d+$", "{}", match[2])
        lead = f"{match[1]}{number}{match[3]}".replace("{}{}", "{}")
        if match[1] or match[3].strip():
            return Subject("reference", text[match.end() :], lead=lead, trailing=trailing)
    if match := _KEYED.match(text):
        return Subject("keyed", text[match.end() :], trailing=trailing)
    if match := _GITMOJI.match(text):
        return Subject("gitmoji", text[match.end() :], label=match[1], trailing=trailing)
    if match := _BRACKET.match(text):
        return Subject("bracketed", text[match.end() :], scope=match[1], trailing=trailing)
    if (match := _LABEL.match(text)) and _is_label(match[1], match[2]):
        return _labelled(match, text[match.end() :], trailing)
    if (match := _MODULE.match(text)) and "//" not in match[1]:
        return Subject("module", text[match.end() :], scope=match[1], trailing=trailing)
    return Subject("plain", text, trailing=trailing)


def _is_label(word: str, scope: str | None) -> bool:
    words = [one.strip().lower() for one in re.split("[,/&]", word)]
    return all(one in _SURE or one in _UNSURE for one in words) or (scope is not None and word.islower())


def _labelled(match: re.Match[str], rest: str, trailing: str) -> Subject:
    scope = (match[2] or "")[1:-1]
    if not scope and match[1].isupper() and (inner := _MODULE.match(rest)):
        return Subject("label", rest[inner.end() :], label=match[1], scope=inner[1], trailing=trailing)
    return Subject("label", rest, label=match[1], scope=scope, trailing=trailing)


def _without_trailing(line: str) -> tuple[str, str]:
    match = _TRAILING.search(line)
    if match is None:
        return line, ""
    last = re.findall(_NUMBER, match[1])[-1]
    form = re.sub(r"\d+$", "{}", last)
    return line[: match.start()], f"({form})" if match[1].startswith("(") else form
