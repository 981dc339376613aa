"""Strategy `check`: draft a check until it fails on the untouched code for the right reason, and stop there.

The first of the two state machines of CodeMonkeys (arXiv 2501.14723), for patches that are there already.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from swe_scale.checks import UNRESOLVED
from swe_scale.prompts import render
from swe_scale.records import BASE
from swe_scale.trajectory import Act, Assignment, Setting, Strategy
from swe_scale.trajectory.grammar import Malformed, parse
from swe_scale.trajectory.revise import Revise


class Draft(Revise):
    """The state of one trajectory: its check. The tree stays as it is."""

    def instructions(self) -> str:
        """Return what follows the shared part of the first message."""
        return render("draft", turns=self._setting.turns, languages=self._languages)

    async def act(self, number: int, reply: str) -> Act:
        """Take over the check of a reply and run it on the untouched code.

        Raises:
            Malformed: the reply isn't in the language, or does more than write a check.
        """
        tags = parse(reply)
        names = {tag.name for tag in tags}
        if stray := names - {"check", "done"}:
            raise Malformed(f"<{min(stray)}> has no meaning here: only a <check> is asked for, and <done/>")
        self.check = self._check_of(tags)
        untouched = await self._run(self.check, BASE) if self.check else None
        stands = untouched is not None and untouched.exit_code == UNRESOLVED
        if stands and "done" in names:
            return Act("done", done=True, untouched=untouched)
        left = self._setting.turns - number
        early = "done" in names
        return Act(
            "check",
            render("draft_observed", untouched=untouched, stands=stands, early=early, left=left),
            untouched=untouched,
        )


@asynccontextmanager
async def open_draft(setting: Setting, assignment: Assignment) -> AsyncIterator[Strategy]:
    """Open the strategy; it holds nothing between turns."""
    yield Draft(setting, assignment)
