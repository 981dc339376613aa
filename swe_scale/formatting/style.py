"""Brings candidates into the project's own form before they are judged: what is judged is proposed."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import anyio

from swe_scale.checks import Cells
from swe_scale.errors import SandboxError
from swe_scale.formatting.choosing import files_for
from swe_scale.formatting.running import Bench
from swe_scale.formatting.settings import steers_formatters
from swe_scale.house import TOLD_BY, Formatter, formatters_of
from swe_scale.patch import is_test
from swe_scale.profiles import profiles
from swe_scale.records import BASE, File, Record, digest
from swe_scale.store import Key
from swe_scale.trees import Trees

_VERSION = "2"
STYLE_SECONDS = 120.0
_LARGEST = 1 << 20
"""Bytes of a file that is formatted."""
_SIBLINGS = 5
"""Files looked at to learn whether a new one would be formatted."""
_SAFE = re.compile(r"[\w.][\w./ +=,@()\[\]-]*")


class Styled(Record):
    """A tree after formatting."""

    tree: str
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Style:
    """The project's own formatters, taken from the base, run over candidates in sandboxes.

    A formatter only touches changed files whose base version it would leave as it is; of new files, those
    beside which most are so. Otherwise the project isn't formatted that way, and a patch would be noise.
    """

    cells: Cells
    trees: Trees
    seconds: float = STYLE_SECONDS
    """Wall clock for one candidate."""
    _house: tuple[Formatter, ...] | None = None
    _noted: set[str] = field(default_factory=set)

    async def styled(self, tree: str) -> str:
        """Return the tree that comes of formatting what a tree changes; the same where nothing is to be done.

        Where a formatter isn't there or takes too long, the files stay as they are, and a note says so.

        Args:
            tree: git hash.
        """
        house = await self.house()
        if not house or tree in (BASE, self.trees.base):
            return tree
        inputs = digest(
            _VERSION,
            self.cells.environment.digest,
            str(self.seconds),
            *(one.model_dump_json() for one in house),
        )
        key = Key(f"{self.cells.issue}/style/{tree}", inputs)
        try:
            done = await self.cells.steps.once(key, Styled, lambda: self._make(tree, house))
        except SandboxError as error:
            self._note(f"a candidate could not be formatted and stays as it is: {error}", key.path)
            return tree
        for note in done.notes:
            self._note(note, key.path)
        return done.tree

    async def house(self) -> tuple[Formatter, ...]:
        """Return the formatters that the base tree names.

        Raises:
            RepositoryError: it can't be read.
        """
        if self._house is None:
            paths = await self.trees.paths()
            read = await self.trees.repository.read(self.trees.base, paths & set(TOLD_BY), _LARGEST)
            texts = {path: data.decode("utf-8", "replace") for path, data in read.items()}
            self._house = await anyio.to_thread.run_sync(formatters_of, paths, texts)
        return self._house

    def _note(self, text: str, step: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self.cells.events.emit("note", text, step)

    async def _make(self, tree: str, house: Sequence[Formatter]) -> Styled:
        changes = await self.trees.changes(tree)
        files = {
            path: file for path, file in changes.items() if file is not None and self._formatted(path, file)
        }
        settings = frozenset(filter(steers_formatters, files))
        wanted = {
            one.name: [
                path
                for path in await files_for(one, sorted(files))
                if one.plain or not (_named(one, changes) or path in settings)
            ]
            for one in house
        }
        deadline = anyio.current_time() + self.seconds
        notes: list[str] = []
        chosen = await self._chosen([one for one in house if wanted[one.name]], wanted, deadline, notes)
        if not any(chosen.values()):
            return Styled(tree=tree, notes=tuple(notes))
        async with self.cells.slots, self.cells.template.fork(self.cells.limits) as sandbox:
            bench = Bench(sandbox, self.cells.limits, deadline, {}, notes, settings)
            asked = {path for several in chosen.values() for path in several}
            await bench.put({path: file for path, file in files.items() if path in asked})
            for one in house:
                await bench.format(one, chosen.get(one.name, ()))
        made = {path: file for path, file in bench.files.items() if file != files[path]}
        return Styled(tree=await self.trees.write(tree, made), notes=tuple(dict.fromkeys(notes)))

    def _formatted(self, path: str, file: File) -> bool:
        plain = file.mode != "120000" and len(file.data) <= _LARGEST and b"\0" not in file.data
        steers = any(profile.steers(path) for profile in profiles())
        return plain and not steers and _SAFE.fullmatch(path) is not None

    async def _chosen(
        self, house: Sequence[Formatter], wanted: Mapping[str, list[str]], deadline: float, notes: list[str]
    ) -> dict[str, list[str]]:
        """Return, of the files that each formatter is for, those that the project keeps in its form."""
        if not house:
            return {}
        base = await self.trees.paths()
        like = {path: _beside(path, base) for paths in wanted.values() for path in paths}
        read = await self.trees.files(self.trees.base, {one for several in like.values() for one in several})
        kept = {path: file for path, file in read.items() if self._formatted(path, file)}
        found: dict[str, list[str]] = defaultdict(list)
        async with self.cells.slots, self.cells.template.fork(self.cells.limits) as sandbox:
            for one in house:
                bench = Bench(sandbox, self.cells.limits, deadline, {}, [])
                if not await bench.has(one):
                    notes.append(f"{one.name} is the project's formatter but isn't in the environment")
                    continue
                await bench.put(kept)
                asked = {other for path in wanted[one.name] for other in like[path]}
                same = await bench.format(one, await files_for(one, sorted(asked)))
                for path in wanted[one.name]:
                    if 2 * len(same & set(like[path])) > len(like[path]):
                        found[one.name].append(path)
        return found


def _named(formatter: Formatter, changed: Iterable[str]) -> bool:
    """Return whether a candidate changes the formatter itself."""
    words = {word.removeprefix("./") for word in formatter.command}
    return any(path in words for path in changed)


def _beside(path: str, base: frozenset[str]) -> tuple[str, ...]:
    """Return the file's own base version, or those files that are nearest to a new one."""
    if path in base:
        return (path,)
    place = PurePosixPath(path)

    def distance(other: str) -> tuple[int, bool, str]:
        parts = PurePosixPath(other).parent.parts
        shared = sum(1 for own, its in zip(place.parent.parts, parts, strict=False) if own == its)
        return -shared, is_test(other) != is_test(path), other

    alike = [other for other in base if PurePosixPath(other).suffix == place.suffix]
    siblings = [other for other in alike if PurePosixPath(other).parent == place.parent]
    return tuple(sorted(siblings or alike, key=distance)[:_SIBLINGS])
