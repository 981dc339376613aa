"""Strategy `agent`: bash in a persistent sandbox, the check a file that it writes there."""

import posixpath
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

import anyio

from swe_scale.errors import PatchError, SandboxError, TooLarge
from swe_scale.prompts import render
from swe_scale.records import Changes, Check, Execution, File, Record, digest
from swe_scale.sandbox import Sandbox
from swe_scale.store import Key
from swe_scale.trajectory import Act, Assignment, Setting, Strategy
from swe_scale.trajectory.grammar import command_of
from swe_scale.trajectory.tools import BASH_AND_SUBMIT, Offered

CHECK_FOLDER = ".swe-scale"
"""Folder in the work tree where an agent leaves its check; never part of a patch."""
_CHECK_LIMIT = 256 * 1024


class Ran(Record):
    """What one reply of an agent did, as it is recorded."""

    execution: Execution
    tree: str
    script: str | None
    language: Literal["python", "sh"] = "python"
    note: str = ""


class Agent:
    """The state of one trajectory: its sandbox, opened when a command must really run. Close it."""

    def __init__(self, setting: Setting, assignment: Assignment) -> None:
        self.tree = setting.trees.base
        self.check: Check | None = None
        self.tools: tuple[Offered, ...] = BASH_AND_SUBMIT if setting.model.tools else ()
        self._setting = setting
        self._path = f"{setting.issue.id}/trajectory/{assignment.index:02}"
        self._index = assignment.index
        self._box = AsyncExitStack()
        self._sandbox: Sandbox | None = None
        self._started = False
        self._before = digest(self.tree)
        # Most commands change nothing; then the tree of the snapshot before is this one's, too.
        self._state = ""
        self._taken = (self.tree, "")
        self._where = digest(setting.cells.environment.digest, setting.cells.limits.model_dump_json())

    def instructions(self) -> str:
        """Return what follows the shared part of the first message."""
        return render("agent", turns=self._setting.turns, tools=bool(self.tools))

    async def act(self, number: int, reply: str) -> Act:
        """Run the commands of a reply, or end.

        Raises:
            Malformed: the reply isn't in the language.
        """
        command = command_of(reply)
        if command is None:
            return Act("done", done=True)
        # Files outside of the work tree matter too, so a step depends on all commands before it.
        self._before = digest(self._before, command)
        key = Key(f"{self._path}/turn/{number:02}/command", digest(self._before, self._where))
        ran = await self._once(key, command)
        self._started = True
        self.tree = ran.tree
        if ran.script is not None:
            self.check = Check.of(ran.script, "reproduction", author=self._index, language=ran.language)
        left = self._setting.turns - number
        observation = render("agent_observed", execution=ran.execution, note=ran.note, left=left)
        return Act("bash", observation, edited=ran.execution, note=ran.note)

    async def _once(self, key: Key, command: str) -> Ran:
        steps = self._setting.cells.steps
        try:
            return await steps.once(key, Ran, lambda: self._run(command))
        except SandboxError as error:
            # The box may have died of what ran in it; a fresh one tells that from a dead backend.
            self._setting.events.emit("note", f"a sandbox failed: {error}", key.path)
            return await steps.once(key, Ran, lambda: self._run(command))

    async def _run(self, command: str) -> Ran:
        cells = self._setting.cells
        note = _REBUILT if self._started and self._sandbox is None else ""
        try:
            if self._sandbox is None:
                # Before the slot, which others need who will then give their places back.
                await self._box.enter_async_context(cells.boxes)
            async with cells.slots:
                sandbox = self._sandbox = self._sandbox or await self._open()
                execution = await sandbox.run(("bash", "-c", command), limits=cells.limits)
                tree, fault = await self._snapshot(sandbox)
                script, language = await self._script(sandbox)
        except BaseException:
            await self.close()
            raise
        return Ran(
            execution=execution,
            tree=tree,
            script=script,
            language=language,
            note="\n".join(filter(None, (note, fault))),
        )

    async def close(self) -> None:
        """Give the sandbox back; the next command would get a fresh one."""
        self._sandbox = None
        with anyio.CancelScope(shield=True):
            await self._box.aclose()

    async def _open(self) -> Sandbox:
        cells = self._setting.cells
        sandbox = await self._box.enter_async_context(cells.template.fork(cells.limits))
        await sandbox.write(sandbox.workdir, await self._setting.trees.changes(self.tree))
        if self.check is not None:
            name = f"check.{'sh' if self.check.language == 'sh' else 'py'}"
            script = File(mode="100644", data=self.check.script.encode("utf-8", "surrogatepass"))
            await sandbox.write(posixpath.join(sandbox.workdir, CHECK_FOLDER), {name: script})
        return sandbox

    async def _snapshot(self, sandbox: Sandbox) -> tuple[str, str]:
        try:
            changes = await sandbox.snapshot()
            state = digest(*_parts(changes))
            if state != self._state:
                self._taken = await self._take(changes), ""
                self._state = state
            return self._taken
        except (PatchError, TooLarge) as error:
            return self.tree, f"Your changes can't be taken over as they are: {error}"

    async def _take(self, changes: Changes) -> str:
        trees = self._setting.trees
        entries = await trees.repository.files(trees.base) if changes else ()
        known = {entry.path for entry in entries if entry.path in changes and not entry.submodule}
        own = {path: file for path, file in changes.items() if path.split("/")[0] != CHECK_FOLDER}
        new = tuple(path for path in own if path not in known)
        junk = await trees.repository.ignored(trees.base, new) if new else set()
        return await trees.write(trees.base, {path: own[path] for path in own if path not in junk})

    async def _script(self, sandbox: Sandbox) -> tuple[str | None, Literal["python", "sh"]]:
        folder = posixpath.join(sandbox.workdir, CHECK_FOLDER)
        for name, language in _CHECKS:
            content = await sandbox.read(f"{folder}/{name}", _CHECK_LIMIT)
            if content is not None and content.strip():
                return content.decode("utf-8", "replace"), language
        return None, "python"


def _parts(changes: Changes) -> Iterator[str | bytes]:
    for path, file in sorted(changes.items()):
        yield from (path, "" if file is None else file.mode, b"" if file is None else file.data)


_CHECKS: tuple[tuple[str, Literal["python", "sh"]], ...] = (("check.py", "python"), ("check.sh", "sh"))
_REBUILT = "The sandbox was rebuilt from your last changes: processes and files elsewhere are lost."


@asynccontextmanager
async def open_agent(setting: Setting, assignment: Assignment) -> AsyncIterator[Strategy]:
    """Open the strategy; its sandbox is gone when the context ends."""
    agent = Agent(setting, assignment)
    try:
        yield agent
    finally:
        await agent.close()
