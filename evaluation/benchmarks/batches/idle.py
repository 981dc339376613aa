"""What stands in for models and sandboxes where only the batch itself is to be measured."""
# What only stands in for something has no use for most of what it is given.
# ruff: noqa: ARG002

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from swe_scale.config import Limits
from swe_scale.records import Changes, Completion, Environment, Execution, Request, Usage
from swe_scale.sandbox import Recipe, Sandbox

FILE = "pkg/totals.py"
_TURNS = re.compile(r"-([0-9]+)/trajectory/([0-9]+)/turn/([0-9]+)")
_OUTPUT = "Traceback (most recent call last):\n" + "".join(
    f'  File "/work/pkg/part{line}.py", line {line}, in total_{line}\n    return total(values)\n'
    for line in range(20)
)


def source(lines: int = 300) -> str:
    """Return a file that every trajectory edits."""
    each = "def total_{0}(values):\n    return sum(values) - {0}\n\n\n"
    return "".join(each.format(line) for line in range(lines))


class InstantModel:
    """Answers at once: first a check, then an edit per reply, each of another function."""

    name = "instant"
    context_length = 10**9
    tools = False

    async def complete(self, request: Request) -> Completion:
        usage = Usage(calls=1, prompt_tokens=2000, cached_tokens=1500, completion_tokens=200)
        found = _TURNS.search(request.step)
        if found is None:
            return Completion(text='<choose candidate="A"/>', usage=usage)
        issue, trajectory, turn = (int(number) for number in found.groups())
        text = _check(issue, trajectory) if turn == 1 else _edit(issue, trajectory, turn)
        return Completion(text=f"{_thought(request.step)}\n\n{text}", usage=usage)


def _thought(step: str) -> str:
    return f"At {step} I look at what the check says of the totals and go on from there. " * 4


def _check(issue: int, trajectory: int) -> str:
    return (
        '<check language="python">\nimport sys\nfrom pkg import totals\n'
        f"if totals.total_{issue}([{trajectory}]) != {trajectory}:\n"
        "    print('wrong')\n    sys.exit(42)\n</check>\n"
    )


def _edit(issue: int, trajectory: int, turn: int) -> str:
    place = trajectory * 20 + turn
    lines = (f"return sum(values) - {place}", f"return sum(values, {issue * trajectory})")
    changed = "=======\n".join(f"def total_{place}(values):\n    {line}\n" for line in lines)
    return f'<edit path="{FILE}">\n<<<<<<< SEARCH\n{changed}>>>>>>> REPLACE\n</edit>\n'


class IdleSandbox:
    """Runs nothing: every command says that the issue is not resolved."""

    workdir = "/work"
    scratch = "/scratch"
    address = ""

    async def run(
        self,
        command: Sequence[str],
        *,
        limits: Limits,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        return Execution(exit_code=42, output=_OUTPUT, seconds=0.01)

    async def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        return None

    async def write(self, folder: str, files: Changes) -> None:
        return None

    async def snapshot(self) -> Changes:
        return {}


class IdleTemplate:
    """Forks at once."""

    def fork(
        self, limits: Limits | None = None, socket: Path | None = None
    ) -> AbstractAsyncContextManager[Sandbox]:
        return self._fork()

    @asynccontextmanager
    async def _fork(self) -> AsyncIterator[Sandbox]:
        yield IdleSandbox()


class IdleBackend:
    """Builds nothing."""

    name = "idle"

    async def identity(self, recipe: Recipe) -> str:
        return "idle"

    async def built(self, digest: str) -> Environment | None:
        return Environment(digest=digest, workdir="/work")

    async def build(self, recipe: Recipe, tree: Path, digest: str) -> Environment:
        return Environment(digest=digest, workdir="/work")

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncIterator[IdleTemplate]:
        yield IdleTemplate()
