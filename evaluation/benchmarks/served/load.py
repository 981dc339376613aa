"""Puts the pipeline's own load on a served model: the real loop, in which random weights only talk."""

import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).parent.parent / "turns"))

import texts
from ours import open_stage

from swe_scale.models import Model
from swe_scale.records import Completion, Request, Sampling, Usage
from swe_scale.trajectory import Assignment, Setting
from swe_scale.trajectory.loop import run

_SLOTS = 512
"""Sandboxes at a time: enough for all."""


@dataclass(frozen=True, slots=True)
class Load:
    """Trajectories of some issues, all at a time."""

    issues: int
    siblings: int
    """Trajectories of an issue."""
    turns: int
    characters: int
    """Of the files that an issue's trajectories are shown."""
    reply_tokens: int
    seconds: float = 0.0
    """That the tools of a turn take in the mean; half as long to one and a half times that."""

    @property
    def name(self) -> str:
        """What it is, in a few words."""
        return f"{self.issues} issues × {self.siblings} trajectories × {self.turns} turns"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was answered."""

    request: Request
    usage: Usage
    began: float
    """Seconds of the event loop's clock."""
    ended: float


@dataclass
class Recorded:
    """A model that remembers what it answered."""

    model: Model
    seconds: float = 0.0
    """Of tools before every turn but the first."""
    arranged: Callable[[Request], Request] = lambda request: request
    """Changes what is sent."""
    sent: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = self.model.name
        self.context_length = self.model.context_length
        self.tools = False

    async def complete(self, request: Request) -> Completion:
        if not request.step.endswith("/01"):
            await anyio.sleep(self.seconds * random.Random(request.step).uniform(0.5, 1.5))
        asked = self.arranged(request)
        began = anyio.current_time()
        reply = await self.model.complete(asked)
        self.sent.append(Sent(asked, reply.usage, began, anyio.current_time()))
        return reply

    def in_order(self) -> list[Sent]:
        """Return what was answered in the order in which it was sent."""
        return sorted(self.sent, key=lambda one: one.began)


async def put(model: Model, load: Load, first: int, *, seeded: bool = True) -> None:
    """Make the trajectories of a load.

    Args:
        model: answers them.
        load: what they are.
        first: number of the first issue; each number has a context of its own, new to the server.
        seeded: whether replies are drawn from a seed.

    Raises:
        RuntimeError: a trajectory broke off.
    """

    async def one(setting: Setting, index: int) -> None:
        sampling = Sampling(max_tokens=load.reply_tokens, seed=index if seeded else None)
        made = await run(setting, Assignment(index=index, strategy="agent", sampling=sampling))
        if made.outcome not in ("done", "turns", "malformed"):
            raise RuntimeError(f"a trajectory broke off: {made.outcome} {made.error}")

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with open_stage(Path(folder), _SLOTS) as stage, anyio.create_task_group() as tasks:
            for number in range(first, first + load.issues):
                shown = "".join(texts.files(number))[: load.characters]
                setting = stage.setting(model, load.turns, f"issue-{number}", (shown,))
                for index in range(1, load.siblings + 1):
                    tasks.start_soon(one, setting, index)
