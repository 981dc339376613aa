"""Tells how a project writes its changes, by its base tree and its history, and writes one so."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from swe_scale.house.base import Base, table
from swe_scale.house.change import Change
from swe_scale.house.changelogs import changelog_of
from swe_scale.house.commits import Told, told
from swe_scale.house.description import Told as Said
from swe_scale.house.description import description_of, template_of
from swe_scale.house.fragments import Entry
from swe_scale.house.habits import FEWEST, Habits, habits_of
from swe_scale.house.messages import Identity, Message, closing_line, commit_message, title_of
from swe_scale.house.scopes import scope_of
from swe_scale.repo.history import Past

PAST = 300
"""Commits by people that are looked at, the newest."""
_CONVENTIONAL = re.compile(r"conventionalcommits\.org|conventional[- ]commits?\b", re.IGNORECASE)
_SIGN_OFF = re.compile(
    r"signed-off-by|developer certificate of origin|\bDCO\b|commit -s\b|--signoff", re.IGNORECASE
)
_LONGEST = re.compile(r"\[title-max-length\]\s*\n\s*line-length\s*=\s*(\d{2,3})\b")


@dataclass(frozen=True, slots=True)
class Manner:
    """How a project writes its changes."""

    habits: Habits
    template: str
    """Of its pull requests; empty where there is none."""
    base: Base
    commits: tuple[Told, ...]

    def title(self, change: Change) -> str:
        """Return the title of a pull request for a change, and the subject of its commit."""
        return title_of(change, self.habits, self._scope(change))

    def message(self, change: Change, signer: Identity | None = None) -> Message:
        """Return the message of the commit of a change; without a signer it says if one is wanted."""
        return commit_message(change, self.habits, self._scope(change), signer)

    def description(self, change: Change, tested: str = "", made_by: str = "") -> str:
        """Return the text of a pull request for a change.

        Args:
            change: of which nothing is trusted.
            tested: how it was checked, in Markdown, all of it true and harmless.
            made_by: which program and models made it, likewise.
        """
        closes = closing_line(change.issue, self.habits) if change.issue else ""
        return description_of(change, self.template, Said(closes, tested, made_by))

    def changelog(self, change: Change) -> Entry:
        """Return the edit that tells users of a change, if the project wants one, and why."""
        return changelog_of(change, self.base, self.commits)

    def _scope(self, change: Change) -> str:
        wants = self.habits.scoped or self.habits.kind in ("module", "bracketed")
        return scope_of(change.paths, self.commits) if wants else ""


def manner_of(base: Base, past: Sequence[Past]) -> Manner:
    """Return how a project writes its changes.

    Args:
        base: the tree that is changed.
        past: commits before it, newest first, merges left out; of bots' as many more may be among them.
    """
    commits = told(past)[:PAST]
    habits = habits_of(commits, labelled=_declares_labels(base))
    updates: dict[str, object] = {}
    reasons = list(habits.reasons)
    if not habits.sign_off and (why := _wants_sign_off(base, habits, len(commits))):
        updates["sign_off"] = True
        reasons.append(why)
    if match := _LONGEST.search(base.text(".gitlint")):
        updates["longest"] = max(30, int(match[1]))
        reasons.append(f".gitlint allows {match[1]} characters in a subject")
    changed = habits.model_copy(update={**updates, "reasons": tuple(reasons)})
    return Manner(changed, template_of(base), base, commits)


def _declares_labels(base: Base) -> bool:
    tools = table(base.toml("pyproject.toml"), "tool")
    if "commitizen" in tools or "commitlint" in base.json("package.json"):
        return True
    return any(
        name.startswith((".cz.", ".czrc", "commitlint.config.", ".commitlintrc"))
        or (_is_guide(name) and _CONVENTIONAL.search(base.text(name)))
        for name in base.contents
    )


def _is_guide(path: str) -> bool:
    return path.lower().rpartition("/")[2].startswith("contributing")


def _wants_sign_off(base: Base, habits: Habits, commits: int) -> str:
    """Return why a project wants a sign-off though most commits don't show it; empty where it doesn't."""
    guide = next(
        (path for path in base.contents if _is_guide(path) and _SIGN_OFF.search(base.text(path))), ""
    )
    if ".github/dco.yml" in base.paths:
        return "sign-off: .github/dco.yml is there"
    if guide and (commits < FEWEST or habits.sign_offs >= 0.2):
        return f"sign-off: {guide} asks for it"
    return ""
