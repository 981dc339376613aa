"""The sandbox in which one agent works, and its work tree as it is read from outside after each command."""

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import AsyncExitStack
from fnmatch import fnmatchcase
from functools import partial

import anyio

from swe_scale.checks import spoken
from swe_scale.errors import PatchError, SandboxError, TooLarge
from swe_scale.profiles import check_languages
from swe_scale.records import Changes, Check, Execution, File, Record, digest
from swe_scale.sandbox import Sandbox
from swe_scale.trajectory import Setting
from swe_scale.trajectory.products import named, products
from swe_scale.trajectory.unfit import astray, misplaced, reasons

FOLDER = ".swe-scale"
"""Folder in the work tree where an agent leaves its check; never part of a patch."""
UNDONE = "undone.patch"
"""File there with what was taken back last."""
_CHECK_LIMIT = 256 * 1024
_REBUILT = "The sandbox was rebuilt from your last changes: processes and files elsewhere are lost."
_SECONDS = re.compile(r"#\s*seconds:\s*(\d{1,6}(?:\.\d{1,3})?)\s*$")

UNATTENDED: Mapping[str, str] = {
    "PAGER": "cat",
    "MANPAGER": "cat",
    "GIT_PAGER": "cat",
    "SYSTEMD_PAGER": "cat",
    "EDITOR": "true",
    "VISUAL": "true",
    "GIT_EDITOR": "true",
    "GIT_SEQUENCE_EDITOR": "true",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "SSH_ASKPASS": "true",
    "DEBIAN_FRONTEND": "noninteractive",
    "PIP_NO_INPUT": "1",
}
"""Environment variables of an agent's commands, so that nothing waits for a person. `CI` is none of them: it
would change what the code under test does, and checks run without it."""


class Ran(Record):
    """What one reply of an agent did, as it is recorded."""

    execution: Execution
    tree: str
    script: str | None
    language: str = "python"
    note: str = ""


def check_files(languages: Sequence[str]) -> dict[str, str]:
    """Return the names that an agent's check may have in its folder, each with its language."""
    suffixes = {"python": "py", "sh": "sh"} | {name: how.suffix for name, how in check_languages().items()}
    return {f"check.{suffixes[language]}": language for language in languages if language in suffixes}


def file_of(check: Check) -> str | None:
    """Return the name of a check's file; None where its language is no longer known."""
    return next(iter(check_files((check.language,))), None)


def seconds_of(command: str, most: float) -> float:
    """Return how long a command may take: what its first line says, up to `most`."""
    found = _SECONDS.match(command.lstrip("\n").partition("\n")[0])
    return min(most, max(0.1, float(found[1]))) if found else most


class Workplace:
    """A sandbox that is opened when a command must really run. Close it."""

    def __init__(self, setting: Setting, tree: str, check: Check | None, own: Collection[str] = ()) -> None:
        self.tree = tree
        """Hash of the work tree as it was last read, or put back."""
        self.check = check
        self.check_files = check_files(spoken(setting.cells.environment.profile))
        self._setting = setting
        self._start = tree
        self._own = own
        """Patterns of paths of new files that are the agent's own, and no part of its changes."""
        self._undone = ""
        self._box = AsyncExitStack()
        self._sandbox: Sandbox | None = None
        self._used = False
        # Most commands change nothing; then the tree of the snapshot before is this one's, too.
        self._state = ""
        self._taken = (tree, "")
        self._left_out: Set[str] = set()

    def recorded(self, ran: Ran) -> None:
        """Take over what a command did, now or in an earlier process."""
        self._used = True
        self.tree = ran.tree

    async def run(self, command: str) -> Ran:
        """Run a command and read what has become of the work tree and the check.

        Raises:
            SandboxError: the backend failed; the sandbox is closed.
        """
        cells = self._setting.cells
        limits = cells.limits.model_copy(update={"seconds": seconds_of(command, cells.limits.seconds)})
        note = _REBUILT if self._used and self._sandbox is None else ""
        try:
            if self._sandbox is None:
                # Before the slot, which others need who will then give their places back.
                await self._box.enter_async_context(cells.boxes)
            async with cells.slots:
                sandbox = self._sandbox = self._sandbox or await self._open()
                line = ("bash", "-c", command)
                execution = await sandbox.run(line, limits=limits, variables=UNATTENDED)
                ran = await self.read(sandbox, execution)
        except BaseException:
            await self.close()
            raise
        return ran.model_copy(update={"note": "\n".join(filter(None, (note, ran.note)))})

    async def put_back(self, tree: str) -> None:
        """Make the work tree equal to an earlier one; what that takes back is left as a patch beside it."""
        repository, before = self._setting.trees.repository, self.tree
        self._undone = await repository.diff(tree, before)
        self.tree = tree
        if self._sandbox is None:
            return
        try:
            await self._sandbox.write(self._sandbox.workdir, await repository.changes(before, tree))
            await self._leave(self._sandbox)
        except SandboxError:
            # A fresh one begins with the tree that is wanted.
            await self.close()

    async def close(self) -> None:
        """Give the sandbox back; the next command would get a fresh one."""
        self._sandbox = None
        with anyio.CancelScope(shield=True):
            await self._box.aclose()

    async def _open(self) -> Sandbox:
        cells = self._setting.cells
        sandbox = await self._box.enter_async_context(cells.template.fork(cells.limits))
        await self.furnish(sandbox)
        return sandbox

    async def furnish(self, sandbox: Sandbox) -> None:
        """Put the tree into a fresh sandbox, and beside it what belongs to the agent."""
        await sandbox.write(sandbox.workdir, await self._setting.trees.changes(self.tree))
        await self._leave(sandbox)

    async def read(self, sandbox: Sandbox, execution: Execution) -> Ran:
        """Return what a command has made of a sandbox's work tree and check."""
        tree, told = await self._snapshot(sandbox)
        script, language = await self._script(sandbox)
        return Ran(execution=execution, tree=tree, script=script, language=language, note=told)

    async def _leave(self, sandbox: Sandbox) -> None:
        """Put what belongs to the agent beside its work: its check, and what was taken back."""
        files: dict[str, File | None] = {}
        if self.check is not None and (name := file_of(self.check)):
            files[name] = _text(self.check.script)
        if self._undone:
            files[UNDONE] = _text(self._undone)
        if files:
            await sandbox.write(posixpath.join(sandbox.workdir, FOLDER), files)

    async def _snapshot(self, sandbox: Sandbox) -> tuple[str, str]:
        try:
            changes = await sandbox.snapshot()
            state = digest(*_parts(changes))
            if state != self._state:
                self._taken = await self._take(changes)
                self._state = state
            else:
                self._taken = self._taken[0], ""
            return self._taken
        except (PatchError, TooLarge) as error:
            return self.tree, f"Your changes can't be taken over as they are: {error}"

    async def _take(self, changes: Changes) -> tuple[str, str]:
        """Return the tree of the changes that somebody may have meant, and what to say of the others."""
        trees = self._setting.trees
        entries = await trees.repository.files(trees.base) if changes else ()
        paths = {entry.path for entry in entries if not entry.submodule}
        # What a trajectory began with is part of its work, whatever its name.
        known = paths | set(await trees.changes(self._start))
        own = {path: file for path, file in changes.items() if path.split("/")[0] != FOLDER}
        new = {path: file for path, file in own.items() if file is not None and path not in known}
        unfit = misplaced(new, {entry.path for entry in entries if entry.submodule})
        asked = new.keys() - unfit.keys()
        silent = await trees.repository.ignored(trees.base, asked) if asked else set()
        made = products({path: file for path, file in new.items() if path not in silent}, known)
        silent |= {path for path in new if any(map(partial(fnmatchcase, path), self._own))}
        unfit |= astray({path: file for path, file in new.items() if path not in unfit})
        left = {path: why for path, why in unfit.items() if path not in silent | made}
        kept = {path: own[path] for path in own if path not in silent | made | left.keys()}
        return await trees.write(trees.base, kept), self._told(made, left)

    def _told(self, made: Set[str], unfit: Mapping[str, str]) -> str:
        """Say what is left out that wasn't before."""
        before, self._left_out = self._left_out, made | unfit.keys()
        said = []
        if fresh := made - before:
            said.append(f"Left out of your changes as a product or junk: {named(fresh)}.")
        if why := reasons({path: unfit[path] for path in unfit.keys() - before}):
            said.append(f"Left out of your changes, since no patch may hold it: {why}")
        return " ".join(said)

    async def _script(self, sandbox: Sandbox) -> tuple[str | None, str]:
        folder = posixpath.join(sandbox.workdir, FOLDER)
        for name, language in self.check_files.items():
            content = await sandbox.read(f"{folder}/{name}", _CHECK_LIMIT)
            if content is not None and content.strip():
                return content.decode("utf-8", "replace"), language
        return None, "python"


def _text(content: str) -> File:
    return File(mode="100644", data=content.encode("utf-8", "surrogatepass"))


def _parts(changes: Changes) -> Iterator[str | bytes]:
    for path, file in sorted(changes.items()):
        yield from (path, "" if file is None else file.mode, b"" if file is None else file.data)
