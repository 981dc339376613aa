"""Strategy `agent`: bash in a persistent sandbox, the check a file that it writes there."""

import posixpath
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

from swe_scale.errors import PatchError, SandboxError
from swe_scale.prompts import render
from swe_scale.records import Check, Execution, File, Record, digest
from swe_scale.sandbox import Sandbox
from swe_scale.store import Key
from swe_scale.trajectory import Act, Assignment, Setting, Strategy
from swe_scale.trajectory.grammar import command_of

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
    """The state of one trajectory: its sandbox, opened when a command must really run."""

    def __init__(self, setting: Setting, assignment: Assignment, stack: AsyncExitStack) -> None:
        self.tree = setting.trees.base
        self.check: Check | None = None
        self._setting = setting
        self._path = f"{setting.issue.id}/trajectory/{assignment.index:02}"
        self._index = assignment.index
        self._stack = stack
        self._sandbox: Sandbox | None = None
        self._before = digest(self.tree)
        self._where = digest(setting.cells.environment.digest, setting.cells.limits.model_dump_json())

    def instructions(self) -> str:
        """Return what follows the shared part of the first message."""
        return render("agent", turns=self._setting.turns)

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
        ran = await self._once(key, command, number)
        self.tree = ran.tree
        if ran.script is not None:
            self.check = Check.of(ran.script, "reproduction", author=self._index, language=ran.language)
        left = self._setting.turns - number
        observation = render("agent_observed", execution=ran.execution, note=ran.note, left=left)
        return Act("bash", observation, edited=ran.execution, note=ran.note)

    async def _once(self, key: Key, command: str, number: int) -> Ran:
        steps = self._setting.cells.steps
        try:
            return await steps.once(key, Ran, lambda: self._run(command, number))
        except SandboxError as error:
            # The box may have died of what ran in it; a fresh one tells that from a dead backend.
            self._setting.events.emit("note", f"a sandbox failed: {error}", key.path)
            return await steps.once(key, Ran, lambda: self._run(command, number))

    async def _run(self, command: str, number: int) -> Ran:
        cells = self._setting.cells
        async with cells.slots:
            note = "" if self._sandbox or number == 1 else _REBUILT
            sandbox = self._sandbox or await self._open()
            self._sandbox = None  # until it has proved to be in order
            execution = await sandbox.run(("bash", "-c", command), limits=cells.limits)
            tree, fault = await self._snapshot(sandbox)
            script, language = await self._script(sandbox)
            self._sandbox = sandbox
        return Ran(
            execution=execution,
            tree=tree,
            script=script,
            language=language,
            note="\n".join(filter(None, (note, fault))),
        )

    async def _open(self) -> Sandbox:
        cells = self._setting.cells
        sandbox = await self._stack.enter_async_context(cells.template.fork(cells.limits))
        await sandbox.write(sandbox.workdir, await self._setting.trees.changes(self.tree))
        if self.check is not None:
            name = f"check.{'sh' if self.check.language == 'sh' else 'py'}"
            script = File(mode="100644", data=self.check.script.encode("utf-8", "surrogatepass"))
            await sandbox.write(posixpath.join(sandbox.workdir, CHECK_FOLDER), {name: script})
        return sandbox

    async def _snapshot(self, sandbox: Sandbox) -> tuple[str, str]:
        trees = self._setting.trees
        changes = dict(await sandbox.snapshot())
        known = await trees.files(trees.base, changes)
        new = tuple(path for path in changes if path not in known)
        junk = await trees.repository.ignored(trees.base, new) if new else set()
        kept = {
            path: file
            for path, file in changes.items()
            if path not in junk and not path.startswith(f"{CHECK_FOLDER}/")
        }
        try:
            return await trees.write(trees.base, kept), ""
        except PatchError as error:
            return self.tree, f"Your changes can't be taken over as they are: {error}"

    async def _script(self, sandbox: Sandbox) -> tuple[str | None, Literal["python", "sh"]]:
        folder = posixpath.join(sandbox.workdir, CHECK_FOLDER)
        for name, language in _CHECKS:
            content = await sandbox.read(f"{folder}/{name}", _CHECK_LIMIT)
            if content is not None and content.strip():
                return content.decode("utf-8", "replace"), language
        return None, "python"


_CHECKS: tuple[tuple[str, Literal["python", "sh"]], ...] = (("check.py", "python"), ("check.sh", "sh"))
_REBUILT = "The sandbox was rebuilt from your last changes: processes and files elsewhere are lost."


@asynccontextmanager
async def open_agent(setting: Setting, assignment: Assignment) -> AsyncIterator[Strategy]:
    """Open the strategy; its sandbox is gone when the context ends."""
    async with AsyncExitStack() as stack:
        yield Agent(setting, assignment, stack)
