"""An opened job in small: a real repository, the local sandbox, a scripted model, a store on disk."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
from git_kit import Kit

from swe_scale.agenda import Agenda
from swe_scale.checks import Cells
from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Budget, Limits, Local, SandboxConfig
from swe_scale.environment import Options, prepare
from swe_scale.errors import ModelError
from swe_scale.events import Event, Events
from swe_scale.judging import Judging
from swe_scale.ledger import Ledger
from swe_scale.policy import Fixed
from swe_scale.records import (
    Candidate,
    Check,
    Completion,
    Context,
    ContextFile,
    Execution,
    Issue,
    Outcome,
    RankedFile,
    Request,
    Sampling,
    Trajectory,
    Usage,
    Verdict,
)
from swe_scale.regression.neighbours import Neighbours
from swe_scale.repo import Repository
from swe_scale.sandbox import open_backend
from swe_scale.search import Search
from swe_scale.store import Key, Steps
from swe_scale.store.sqlite import open_store
from swe_scale.trajectory import Assignment, Setting
from swe_scale.trees import Trees

T = TypeVar("T")
ISSUE = "pkg-1"
SOURCE = "def mean(values):\n    return sum(values) / len(values)\n"
FILES = {
    "stats.py": SOURCE.encode(),
    "notes.txt": b"one\ntwo\nthree\n",
    ".gitignore": b"*.log\nbuild/\n",
    "swe-scale.toml": b"[environment]\nsetup = []\n",
}
LIMITS = Limits(seconds=60.0)
UNBOUND = Budget()
LOCAL = Local()
SHOWN = ContextFile(path="stats.py", tokens=20, score=1.0, reasons=("named",), text=SOURCE)
RANKING = (
    RankedFile(path="stats.py", tokens=20, score=1.0, reasons=("named",)),
    RankedFile(path="near.py", tokens=9, score=0.5, reasons=("matches: mean",), note="calls mean"),
)

CHECK = (
    "<check>\nimport sys\nfrom stats import mean\n"
    "try:\n    ok = mean([]) == 0.0\nexcept ZeroDivisionError:\n    ok = False\n"
    "print('resolved' if ok else 'not resolved')\nsys.exit(0 if ok else 42)\n</check>\n"
)
RIGHT = "    return sum(values) / len(values) if values else 0.0"
DONE = "<done/>\n"


def edit(new: str, old: str = "    return sum(values) / len(values)", path: str = "stats.py") -> str:
    """Return an edit that replaces some lines."""
    return f'<edit path="{path}">\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n</edit>\n'


def bash(*lines: str) -> str:
    """Return an agent's reply."""
    return "\n".join(["I run this.", "```bash", *lines, "```", ""])


@dataclass
class Spoken:
    """A model that says what is written for each step and counts what it is asked."""

    replies: Mapping[str, str]
    name: str = "scripted"
    context_length: int = 100_000
    tools: bool = False
    requests: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> Completion:
        """Return the reply written for the step.

        Raises:
            ModelError: there is none.
        """
        await anyio.lowlevel.checkpoint()
        self.requests.append(request)
        text = self.replies.get(request.step.partition("/")[2])
        if text is None:
            raise ModelError(f"no reply is written for {request.step}")
        return Completion(text=text, usage=Usage(calls=1, prompt_tokens=100, completion_tokens=50))


def spoken(texts: Sequence[str], index: int = 1) -> Spoken:
    """Return a model that says these texts in one trajectory."""
    return Spoken({f"trajectory/{index:02}/turn/{n:02}": text for n, text in enumerate(texts, start=1)})


@dataclass
class CountedSteps(Steps):
    """Steps that count how many of them were made and not found."""

    made: int = 0

    async def once(self, key: Key, kind: type[T], make: Callable[[], Awaitable[T]], **costs: Any) -> T:
        """Return a step's result, as `Steps` does."""

        async def counted() -> T:
            value = await make()
            self.made += 1
            return value

        return await super().once(key, kind, counted, **costs)


@dataclass
class Desk:
    """Everything that a trajectory or a search needs, opened."""

    setting: Setting
    model: Spoken
    events: list[Event]
    steps: CountedSteps

    @property
    def trees(self) -> Trees:
        """The issue's trees."""
        return self.setting.trees

    def texts(self, kind: str) -> list[str]:
        """Return the events of a kind."""
        return [one.text for one in self.events if one.kind == kind]

    def search(self, *strategies: str, deadline: float = math.inf) -> Search:
        """Return a search that starts one trajectory per strategy."""
        plan = [Assignment(i, name, Sampling(seed=i)) for i, name in enumerate(strategies, start=1)]
        neighbours = Neighbours(self.setting.cells, self.trees, 0.0)
        judging = Judging(self.setting.cells, self.trees, neighbours)
        models = {"trajectory": [self.model]}
        agenda = Agenda(plan, self.setting.turns)
        return Search(self.setting, models, Fixed(), agenda, judging, deadline)


def issue(base: str = "0" * 40) -> Issue:
    """Return the issue."""
    return Issue(
        id=ISSUE, repo=".", base_commit=base, title="mean() of nothing", body="It raises ZeroDivisionError."
    )


@asynccontextmanager
async def open_desk(
    folder: Path,
    model: Spoken,
    *,
    turns: int = 8,
    budget: Budget = UNBOUND,
    files: Mapping[str, bytes] = FILES,
    sandbox: SandboxConfig = LOCAL,
    limits: Limits = LIMITS,
) -> AsyncIterator[Desk]:
    """Open a desk in a folder; opened again, it goes on with the same run."""
    source = folder / "source"
    if not source.exists():
        Kit(source).commit(dict(files))
    repository = await Repository.open(str(source), folder / "store")
    commit = await repository.resolve()
    trees = Trees(repository, await repository.tree_of(commit))
    events, seen = Events(), list[Event]()
    events.listeners.append(seen.append)
    async with (
        open_store(folder / "run") as store,
        open_backend(sandbox, "tests", events) as backend,
    ):
        environment = await prepare(backend, repository, commit, Options(), events)
        async with backend.open(environment) as template:
            with VerdictCache(folder / "cache") as cache:
                steps = CountedSteps(store)
                slots = anyio.CapacityLimiter(2)
                cells = Cells(ISSUE, environment, template, steps, cache, events, limits, slots, trees)
                setting = Setting(
                    issue=issue(commit),
                    context=Context(files=(SHOWN,), tokens=20, ranking=RANKING),
                    trees=trees,
                    cells=cells,
                    ledger=Ledger(steps, budget, {}, events, ISSUE),
                    model=model,
                    events=events,
                    turns=turns,
                )
                yield Desk(setting, model, seen, steps)


def again(desk: Desk, **changes: object) -> Desk:
    """Return the desk with another setting."""
    return replace(desk, setting=replace(desk.setting, **changes))  # type: ignore[arg-type]


def ran(code: int | None = 0, output: str = "") -> Execution:
    """Return an execution."""
    return Execution(exit_code=code, output=output)


def check_by(author: int | None, text: str = "") -> Check:
    """Return a reproduction check that no other author's equals."""
    return Check.of(text or f"# {author}\n", "reproduction", author=author)


def candidate(name: str, authors: Sequence[int], new: str = "") -> Candidate:
    """Return a candidate whose patch adds some words."""
    patch = f"diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-old\n+{new or name}\n"
    return Candidate(id=name, patch=patch, authors=tuple(authors))


def verdict(candidate: str, check: Check, outcome: Outcome, repeat: int = 0) -> Verdict:
    """Return a verdict."""
    return Verdict(candidate=candidate, check=check.id, repeat=repeat, outcome=outcome, execution=ran())


def made(index: int, tree: str, patch: str, check: Check | None = None) -> Trajectory:
    """Return a trajectory that ended well, without its turns."""
    return Trajectory(
        index=index, strategy="revise", model="m", sampling=Sampling(), turns=(), tree=tree, patch=patch,
        check=check, outcome="done", usage=Usage(),
    )  # fmt: skip
