"""Lets the whole way to a context ask a scripted model over HTTP, and counts the tokens of it.

The model answers by a rule: a file is relevant if it defines a name of the issue; its summary is its first
line of documentation. Tokens are the server's: four bytes each, of prompts as of the files beside them.
"""

import json
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from swe_scale.config import Budget, ContextSteps, OpenAIEndpoint
from swe_scale.contents.encodings import decoded
from swe_scale.contents.sources import kind_of, skipped_by_content, skipped_by_entry
from swe_scale.context import Asked, Asker, Wish, find_context
from swe_scale.context.mentions import find_names
from swe_scale.events import Events
from swe_scale.ledger import Ledger
from swe_scale.models import Model, open_model
from swe_scale.records import Issue, Sampling
from swe_scale.repo import Repository
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))

from chat_protocol import tokens
from scripted_server import ScriptedServer

_BUDGET = 24_000
"""Tokens of the context that is found; those are not the reader's."""
_MOST = 20
"""Words of a summary."""
_DEFINED = re.compile(r"^\s*(?:export |public )?(?:def|class|function|func|interface|int)\s+(\w+)", re.M)
_DOCUMENTED = re.compile(r"""(?:\"{3}|'{3}|/\*+|//|#)\s*([A-Za-z][^\n"*]+)""")
_ENTRY = re.compile(r"^(\d+)\. `(.*)$", re.M)


def reply(step: str, body: Mapping[str, Any]) -> str:
    """Return what the scripted model says to a question."""
    asked = str(body["messages"][-1]["content"])
    issue, _, rest = asked.partition("\n# The file")
    names = find_names(issue)
    if "/reader/file/" in step:
        return _judged(rest, names)
    listed = [(int(number), about) for number, about in _ENTRY.findall(rest)]
    if "/reader/skim/" in step:
        fit = [number for number, about in listed if names & set(re.findall(r"\w+", about))]
        return _numbers("files", fit)
    return _numbers("order", [number for number, _ in listed])


def _judged(file: str, names: frozenset[str]) -> str:
    defined = sorted(names & set(_DEFINED.findall(file)))
    documented = _DOCUMENTED.search(file)
    summary = " ".join(documented[1].split()[:_MOST]) if documented else "Says nothing of itself."
    note = f"It defines {', '.join(defined)}." if defined else ""
    return json.dumps({"relevant": bool(defined), "note": note, "summary": summary})


def _numbers(name: str, numbers: list[int]) -> str:
    return json.dumps({name: numbers})


@dataclass(frozen=True, slots=True)
class Reader:
    """The scripted model at its address, with what it was asked."""

    server: ScriptedServer
    model: Model

    async def asked(self, issue: Issue, repository: Repository, commit: str) -> int:
        """Return the tokens that it takes to find an issue's context, prompts and replies."""
        with TemporaryDirectory(prefix="bench-") as folder:
            async with open_store(Path(folder) / "run") as store:
                ledger = Ledger(Steps(store), Budget(), {}, Events(), issue.id)
                reader, orderer = (
                    Asker(issue.id, self.model, ledger, Sampling(), Events()) for _ in range(2)
                )
                wish = Wish(issue, commit, _BUDGET, ContextSteps())
                await find_context(wish, repository, Events(), Asked(issue, reader, orderer))
        if reader.ended or orderer.ended:
            raise RuntimeError(
                f"the scripted model was not asked to the end: {reader.ended or orderer.ended}"
            )
        return ledger.spent.tokens


@asynccontextmanager
async def open_reader() -> AsyncIterator[Reader]:
    """Serve the scripted model."""
    with ScriptedServer(reply) as server:
        async with open_model(OpenAIEndpoint(base_url=server.base_url, model="scripted")) as model:
            yield Reader(server, model)


async def whole(repository: Repository, commit: str) -> int:
    """Return the tokens of all code but tests, as it stands: what it takes to read every file."""
    tree = await repository.tree_of(commit)
    entries = [
        one
        for one in await repository.files(tree)
        if skipped_by_entry(one) is None and kind_of(one.path) == "code"
    ]
    read = await repository.read(tree, [one.path for one in entries])
    kept = (data for data in read.values() if skipped_by_content(data) is None)
    return sum(tokens(decoded(data) or "") for data in kept)


async def spent(source: str, kept: str, commits: Sequence[str], issues: Sequence[Issue]) -> list[int]:
    """Return the tokens of issues one after another, and of reading everything for the first of them."""
    repository = await Repository.open(source, Path(kept))
    async with open_reader() as reader:
        found = [
            await reader.asked(issue, repository, await repository.resolve(commit))
            for commit, issue in zip(commits, issues, strict=True)
        ]
    return [*found, await whole(repository, await repository.resolve(commits[0]))]
