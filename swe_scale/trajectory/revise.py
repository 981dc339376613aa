"""Strategy `revise`: draft a check, then edit and revise against its output.

After the two state machines of CodeMonkeys (arXiv 2501.14723), in one conversation, with new, deleted and
renamed files.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from swe_scale.checks import UNRESOLVED, spoken
from swe_scale.errors import PatchError, SandboxError
from swe_scale.prompts import render
from swe_scale.records import BASE, Check, Execution
from swe_scale.trajectory import Act, Assignment, Setting, Strategy
from swe_scale.trajectory.edits import Refused, apply_edits, check_places, paths_of
from swe_scale.trajectory.grammar import Malformed, Tag, parse, script_of
from swe_scale.trajectory.tools import Offered

_EDITS = ("edit", "create", "delete", "rename")


class Revise:
    """The state of one trajectory: its tree and its check."""

    def __init__(self, setting: Setting, assignment: Assignment) -> None:
        self.tree = assignment.tree or setting.trees.base
        self.check: Check | None = assignment.check
        self.tools: tuple[Offered, ...] = ()
        self._setting = setting
        self._index = assignment.index
        self._languages = spoken(setting.cells.environment.profile)

    def instructions(self) -> str:
        """Return what follows the shared part of the first message."""
        return render("revise", turns=self._setting.turns, languages=self._languages)

    async def act(self, number: int, reply: str) -> Act:
        """Take over the check and the edits of a reply, and run the one on the other.

        Raises:
            Malformed: the reply isn't in the language, or does what can't be done yet.
        """
        tags = parse(reply)
        names = {tag.name for tag in tags}
        if stray := names & {"submit", "choose"}:
            raise Malformed(f"<{min(stray)}/> has no meaning here; <done/> ends your work")
        check = self._check_of(tags)
        if check is None and names & set(_EDITS):
            raise Malformed("write a check before you change the code")
        left = self._setting.turns - number
        try:
            tree = await self._edited(tags)
        except (Refused, PatchError) as error:
            return Act("refused", render("malformed", fault=str(error), left=left), note=str(error))
        self.check, self.tree = check, tree
        if "done" in names and tree != self._setting.trees.base:
            return Act("done", done=True)
        return await self._observe("edit" if names & {*_EDITS, "reset"} else "check", "done" in names, left)

    def _check_of(self, tags: tuple[Tag, ...]) -> Check | None:
        written = [tag for tag in tags if tag.name == "check"]
        if len(written) > 1:
            raise Malformed(f"line {written[1].number}: a reply may hold one <check>")
        if not written:
            return self.check
        script = script_of(written[0], self._languages)
        return Check.of(script.text, "reproduction", author=self._index, language=script.language)

    async def _edited(self, tags: tuple[Tag, ...]) -> str:
        trees = self._setting.trees
        start = trees.base if any(tag.name == "reset" for tag in tags) else self.tree
        edits = tuple(tag for tag in tags if tag.name in _EDITS)
        if not edits:
            return start
        files = await trees.files(start, paths_of(edits))
        changes = apply_edits(edits, files)
        check_places(changes, await trees.paths(start))
        return await trees.write(start, changes)

    async def _observe(self, action: str, wants_end: bool, left: int) -> Act:
        trees, check = self._setting.trees, self.check
        changed = self.tree != trees.base
        untouched = await self._run(check, BASE) if check else None
        edited = await self._run(check, self.tree) if check and changed else None
        note = ""
        if wants_end:
            note = "There are no changes yet." if check else "There is neither a check nor a change yet."
        accepted = wants_end and untouched is not None and untouched.exit_code == UNRESOLVED
        observation = render(
            "revise_observed",
            note=note,
            untouched=untouched,
            edited=edited,
            phase="edit" if changed or accepted else "check",
            late=left <= self._setting.turns // 2,
            left=left,
        )
        return Act(action, observation, untouched=untouched, edited=edited)

    async def _run(self, check: Check, tree: str) -> Execution:
        verdict = await self._setting.cells.verdict(check, tree)
        if verdict.outcome == "infra":
            # It says nothing of the check and isn't recorded: a resumed conversation would go elsewhere.
            raise SandboxError(verdict.execution.output)
        return verdict.execution


@asynccontextmanager
async def open_revise(setting: Setting, assignment: Assignment) -> AsyncIterator[Strategy]:
    """Open the strategy; it holds nothing between turns."""
    yield Revise(setting, assignment)
