"""Runs formatters over some files in a sandbox, one after the other, within a deadline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import anyio

from swe_scale.config import Limits
from swe_scale.formatting.judging import only_form, plainly
from swe_scale.house import PLACE, Formatter
from swe_scale.records import File
from swe_scale.sandbox import Sandbox

_LARGEST = 2 << 20
"""Bytes of a file as a formatter leaves it."""
_PLACES = (
    f'PATH="$HOME/{PLACE}/bin:$PWD/node_modules/.bin:$PATH"; PYTHONPATH="$HOME/{PLACE}"; '
    "PYTHONSAFEPATH=1; PYTHONDONTWRITEBYTECODE=1; "
    "export PATH PYTHONPATH PYTHONSAFEPATH PYTHONDONTWRITEBYTECODE; "
)
_THERE = _PLACES + 'command -v -- "$1" >/dev/null'
_RUN = _PLACES + 'exec "$@"'


@dataclass(slots=True)
class Bench:
    """A sandbox with files to be formatted."""

    sandbox: Sandbox
    limits: Limits
    deadline: float
    """On the event loop's clock."""
    files: dict[str, File]
    """Those that were put there, as they stand now."""
    notes: list[str] = field(default_factory=list)
    withheld: frozenset[str] = frozenset()
    """Files that no program may see as they are here: only what needs none formats them."""

    async def put(self, files: Mapping[str, File]) -> None:
        """Write files into the work tree, those withheld left out.

        Raises:
            SandboxError: the backend failed.
        """
        shown = {path: file for path, file in files.items() if path not in self.withheld}
        await self.sandbox.write(self.sandbox.workdir, shown)
        self.files.update(files)

    async def has(self, formatter: Formatter) -> bool:
        """Return whether a formatter's program is there."""
        if formatter.plain:
            return True
        limits = self._left()
        if limits is None:
            return False
        ran = await self.sandbox.run(("sh", "-c", _THERE, "sh", formatter.command[0]), limits=limits)
        return ran.exit_code == 0

    async def format(self, formatter: Formatter, paths: Iterable[str]) -> frozenset[str]:
        """Bring files into form; return those that it left as they were.

        What a formatter makes of a file is put back where it is more than another form of the same.

        Raises:
            SandboxError: the backend failed.
        """
        hidden = frozenset() if formatter.plain else self.withheld
        chosen = [path for path in paths if path in self.files and path not in hidden]
        made = {path: await self._made(formatter, path) for path in chosen if formatter.plain}
        if not formatter.plain and chosen and await self._run(formatter, chosen):
            made = {path: await self._read(path) for path in chosen}
        same = {path for path, data in made.items() if data == self.files[path].data}
        back: dict[str, File] = {}
        for path in made.keys() - same:
            file, data = self.files[path], made[path]
            if data is not None and only_form(path, file.data, data):
                file = file.model_copy(update={"data": data})
            else:
                self.notes.append(f"{formatter.name} would have changed more of {path} than its form")
            back[path] = file
        if back:
            await self.put(back)
        return frozenset(same)

    async def _made(self, formatter: Formatter, path: str) -> bytes | None:
        return plainly(formatter.plain, self.files[path].data)

    async def _read(self, path: str) -> bytes | None:
        return await self.sandbox.read(f"{self.sandbox.workdir}/{path}", _LARGEST)

    async def _run(self, formatter: Formatter, paths: list[str]) -> bool:
        """Run the program; a linter that mends what it can exits with 1, so the code says nothing."""
        limits = self._left()
        if limits is None:
            self.notes.append(f"{formatter.name} was left out: the time for formatting was up")
            return False
        ran = await self.sandbox.run(("sh", "-c", _RUN, "sh", *formatter.command, *paths), limits=limits)
        if not ran.timed_out:
            return True
        self.notes.append(f"{formatter.name} took too long")
        # It may have stopped in the middle of a file.
        await self.put({path: self.files[path] for path in paths})
        return False

    def _left(self) -> Limits | None:
        left = self.deadline - anyio.current_time()
        return self.limits.model_copy(update={"seconds": left}) if left > 0 else None
