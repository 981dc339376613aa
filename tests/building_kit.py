"""A site on the local sandbox, and a repairer whose model reads its replies from a folder."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from git_kit import Kit

from swe_scale.building import Builder, Repairer
from swe_scale.config import Budget, Local, ScriptedReplies
from swe_scale.environment import Options, Site, look
from swe_scale.events import Event, Events
from swe_scale.ledger import Ledger
from swe_scale.models import open_model
from swe_scale.records import Sampling
from swe_scale.sandbox import open_backend
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store

PASSES = "import unittest\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        import made\n"
RUNNER = "[environment]\nlanguage = 'python'\ntest = 'PYTHONPATH=. python3 -m unittest {tests}'\n"


@dataclass
class Work:
    """What a test has in hand."""

    builder: Builder
    site: Site
    heard: list[Event] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.heard]


@asynccontextmanager
async def work(
    folder: Path, files: Mapping[str, str], replies: list[str] | None = None, rounds: int = 3
) -> AsyncIterator[Work]:
    """Return a builder for a new repository of these files; with replies, one that repairs."""
    place = folder / "repository"
    kit = Kit(place) if not place.exists() else None
    if kit is not None:
        kit.commit({name: text.encode() for name, text in files.items()})
    heard: list[Event] = []
    events = Events([heard.append])
    kept = Kit.__new__(Kit)
    kept.folder = place
    repository, _ = await kept.opened()
    turns = folder / "replies" / "environment" / "turn"
    turns.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(replies or (), start=1):
        (turns / f"{number:02}.md").write_text(text)
    async with (
        open_backend(Local(), "tests", events) as backend,
        open_model(ScriptedReplies(replies=folder / "replies")) as model,
        open_store(folder / "books") as store,
    ):
        site = await look(repository, await repository.resolve(), Options(), backend.name, events)
        ledger = Ledger(Steps(store), Budget(), {}, events, "pkg-1")
        repairer = Repairer(model, ledger, Sampling(), events, "pkg-1", rounds)
        yield Work(Builder(backend, events, repairer if replies is not None else None), site, heard)


def block(*lines: str, test: str = "") -> str:
    """Return a reply that proposes these lines."""
    text = "\n".join(("It lacks something.", "```bash", *lines, "```"))
    return f"{text}\n```test\n{test}\n```\n" if test else f"{text}\n"
