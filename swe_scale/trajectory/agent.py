"""Strategy `agent`: bash in a persistent sandbox, the check a file that it writes there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from swe_scale.errors import SandboxError
from swe_scale.prompts import render
from swe_scale.readable import readable
from swe_scale.records import BASE, Check, Record, Verdict, digest
from swe_scale.store import Key
from swe_scale.trajectory import Act, Assignment, Setting, Strategy
from swe_scale.trajectory.grammar import command_of
from swe_scale.trajectory.progress import Progress
from swe_scale.trajectory.shortened import shortened
from swe_scale.trajectory.tools import BASH_AND_SUBMIT, Offered
from swe_scale.trajectory.workplace import FOLDER, UNDONE, Ran, Workplace, file_of

_SHOWN = 2000
"""Bytes that are shown of what a check printed when it was run apart."""


class Judged(Record):
    """What an agent's check said when it was run apart, as it is recorded. None: it could not be run."""

    untouched: Verdict | None = None
    begun: Verdict | None = None
    """On the tree from which the trajectory began, where that isn't the untouched one."""
    edited: Verdict | None = None


class Agent:
    """The state of one trajectory. Close its workplace."""

    def __init__(self, setting: Setting, assignment: Assignment) -> None:
        self.check: Check | None = assignment.check
        self.tools: tuple[Offered, ...] = BASH_AND_SUBMIT if setting.model.tools else ()
        self.tree = assignment.tree or setting.trees.base
        self.place = Workplace(setting, self.tree, assignment.check)
        self._setting = setting
        self._path = f"{setting.issue.id}/trajectory/{assignment.index:02}"
        self._index = assignment.index
        self._begun = self.tree
        self._progress = Progress()
        # Files outside of the work tree matter too, so a step depends on all commands before it.
        self._before = digest(self.tree, *((self.check.id,) if self.check else ()))
        self._where = digest(setting.cells.environment.digest, setting.cells.limits.model_dump_json())

    def instructions(self) -> str:
        """Return what follows the shared part of the first message."""
        return render(
            "agent",
            turns=self._setting.turns,
            tools=bool(self.tools),
            seconds=self._setting.cells.limits.seconds,
            checks=[f"{FOLDER}/{name}" for name in self.place.check_files],
            languages=tuple(self.place.check_files.values()),
            begun=self.tree != self._setting.trees.base,
            check=f"{FOLDER}/{file_of(self.check)}" if self.check else "",
        )

    async def act(self, number: int, reply: str) -> Act:
        """Run the commands of a reply, or end.

        Raises:
            Malformed: the reply isn't in the language.
        """
        command = command_of(reply)
        if command is None:
            return Act("done", done=True)
        self._before = digest(self._before, command)
        path, given = f"{self._path}/turn/{number:02}", digest(self._before, self._where)
        tree, check = self.tree, self.check
        ran = await self._ran(Key(f"{path}/command", given), command)
        judged, back = Judged(), ""
        if self.check is not None and (self.tree, self.check) != (tree, check):
            judged = await self._judged(Key(f"{path}/check", given), self.check)
            back = await self._gone_back(self.check, judged)
        note = "\n".join(filter(None, (ran.note, back)))
        observation = render(
            "agent_observed",
            execution=ran.execution,
            untouched=_seen(judged.untouched),
            edited=_seen(judged.edited),
            note=note,
            left=self._setting.turns - number,
        )
        return Act("bash", observation, edited=ran.execution, note=note)

    async def _ran(self, key: Key, command: str) -> Ran:
        steps, place = self._setting.cells.steps, self.place
        try:
            ran = await steps.once(key, Ran, lambda: place.run(command))
        except SandboxError as error:
            # The box may have died of what ran in it; a fresh one tells that from a dead backend.
            self._setting.events.emit("note", f"a sandbox failed: {error}", key.path)
            ran = await steps.once(key, Ran, lambda: place.run(command))
        place.recorded(ran)
        self.tree = ran.tree
        if ran.script is not None:
            check = Check.of(ran.script, "reproduction", author=self._index, language=ran.language)
            if self.check is None or check.id != self.check.id:
                self.check = place.check = check
        return ran

    async def _judged(self, key: Key, check: Check) -> Judged:
        """Return what the check says of the untouched code and of the work tree, each in a fresh sandbox."""
        base, tree = self._setting.trees.base, self.tree
        begun = self._begun if not self._progress.best and self._begun not in (base, tree) else None

        async def make() -> Judged:
            return Judged(
                untouched=await self._verdict(check, BASE),
                begun=await self._verdict(check, begun) if begun else None,
                edited=await self._verdict(check, tree) if tree != base else None,
            )

        # Recorded even where it failed: a resumed conversation would otherwise go elsewhere.
        return await self._setting.cells.steps.once(key, Judged, make)

    async def _verdict(self, check: Check, tree: str) -> Verdict | None:
        verdict = await self._setting.cells.verdict(check, tree)
        return None if verdict.outcome == "infra" else verdict

    async def _gone_back(self, check: Check, judged: Judged) -> str:
        """Put the work tree back if its states have become worse; return what is to be said of that."""
        wrong = False
        for one in filter(None, (judged.begun, judged.edited)):
            wrong = self._progress.gone_wrong(check.id, one.candidate, one.outcome)
        if not wrong or not self._setting.backtrack:
            return ""
        left, self.tree = self.tree, self._progress.best
        await self.place.put_back(self.tree)
        self._before = digest(self._before, "back", self.tree)
        return _BACK.format(tree=left[:8])


def _seen(verdict: Verdict | None) -> Verdict | None:
    if verdict is None:
        return None
    brief = shortened(readable(verdict.execution.output), _SHOWN)
    return verdict.model_copy(update={"execution": verdict.execution.model_copy(update={"output": brief})})


_BACK = (
    f"Twice in a row your check's result was worse than before, so your changes were put back to where it "
    f"was best. What you had ({{tree}}) is kept as a patch in {FOLDER}/{UNDONE}."
)


@asynccontextmanager
async def open_agent(setting: Setting, assignment: Assignment) -> AsyncIterator[Strategy]:
    """Open the strategy; its sandbox is gone when the context ends."""
    agent = Agent(setting, assignment)
    try:
        yield agent
    finally:
        await agent.place.close()
