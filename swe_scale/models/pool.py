"""One model at several endpoints: an issue stays at one of them while it is well, then goes to the next."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio

from swe_scale.background import beside
from swe_scale.config import Pool
from swe_scale.errors import EndpointRefused, Interrupted, ModelError
from swe_scale.events import Events
from swe_scale.models.affinity import preference
from swe_scale.models.faults import Unavailable, Unreachable
from swe_scale.models.health import Keeper, Patience
from swe_scale.models.members import Member
from swe_scale.models.place import Place
from swe_scale.models.tokens import Counted
from swe_scale.records import Completion, Request
from swe_scale.retry import retrying

__all__ = ["PoolModel", "open_pool"]

_MOVING: Final = 10.0
"""Seconds that a busy member is waited for: about what another takes to read an issue's prefix anew."""
_REMEMBERED: Final = 4096
"""Calls that broke off, of which it is known where."""


class PoolModel:
    """A model at several endpoints. Made by `open_pool`."""

    def __init__(self, config: Pool, members: tuple[Member, ...], context_length: int) -> None:
        self.name = config.model
        self.context_length = context_length
        self.tools = config.endpoints[0].tools
        self._members = {member.address: member for member in members}
        self._retries = max(one.retries for one in config.endpoints)
        self._widths: dict[str, int] = {}
        """Of issues that one member is not enough for: how many take their trajectories."""
        self._broke: OrderedDict[str, Member] = OrderedDict()
        """Where a call broke off that may have been charged; the next try goes elsewhere."""

    async def complete(self, request: Request) -> Completion:
        """Return the reply of the first member in the issue's order that gives one.

        Raises:
            ContextExceeded: the prompt no longer fits.
            EndpointRefused: no member will answer anything in this run.
            Interrupted: a try that may have been charged broke off; another goes to another member.
            ModelError: no member gave a reply for longer than it was tried; it names each one's reason.
        """
        try:
            return await retrying(self._retries, (Unavailable, Unreachable))(self._round, request)
        except Interrupted as error:
            error.again = self._retries
            raise

    async def _round(self, request: Request) -> Completion:
        """Ask each member that is well once, until one replies."""
        waits: list[Unavailable] = []
        for member in self._order(request.step):
            try:
                reply = await member.attempt(request)
            except Unavailable as error:
                # Another would have to read the prefix anew.
                if not error.busy:
                    member.failed(error)
                elif (error.retry_after or 0.0) <= _MOVING:
                    raise
                else:
                    waits.append(error)
            except Unreachable as error:
                member.failed(error)
            except EndpointRefused as error:
                member.leave(error)
            except Interrupted as error:
                member.failed(error)
                self._remember(request.step, member)
                raise
            else:
                self._broke.pop(request.step, None)
                return reply
        if waits:
            raise min(waits, key=lambda error: error.retry_after or 0.0)
        raise _nobody(self.name, tuple(self._members.values()))

    async def count_tokens(self, texts: Sequence[str]) -> Counted | None:
        """Return how many tokens each text has, by the first member that can tell; None where none can."""
        for member in self._members.values():
            model = member.model if member.state == "up" else None
            if model is not None and (counted := await model.count_tokens(texts)) is not None:
                return counted
        return None

    def places(self, step: str) -> tuple[Place, ...]:
        """Return the servers at which a call may be made, the best first; none while none is well."""
        return tuple(
            Place(member.config, member.model.endpoint, member.model.admission, member.model.longest)
            for member in self._order(step)
            if member.model is not None
        )

    def _order(self, step: str) -> list[Member]:
        issue = step.partition("/")[0]
        ranked = (self._members[address] for address in preference(issue, self._members))
        usable = [member for member in ranked if member.state == "up"]
        home = self._home(step, usable)
        broke = self._broke.get(step)

        def put_off(member: Member) -> tuple[bool, bool, bool]:
            return member is broke, member.pause > _MOVING, member.address != home

        # Stable: the rest stays in the issue's order.
        return sorted(usable, key=put_off)

    def _home(self, step: str, usable: list[Member]) -> str:
        """Return where a trajectory belongs: beside its siblings, unless they fill that place twice over."""
        issue = step.partition("/")[0]
        width = min(self._widths.get(issue, 1), len(usable))
        if all(member.crowded for member in usable[:width]) and any(one.idle for one in usable[width:][:1]):
            width += 1
            self._widths[issue] = width
        trajectory = "/".join(step.split("/")[:3])
        homes = [member.address for member in usable[:width]]
        return preference(trajectory, homes)[0] if homes else ""

    def _remember(self, step: str, member: Member) -> None:
        self._broke[step] = member
        self._broke.move_to_end(step)
        if len(self._broke) > _REMEMBERED:
            self._broke.popitem(last=False)


@asynccontextmanager
async def open_pool(
    config: Pool, events: Events | None = None, patience: Patience | None = None
) -> AsyncIterator[PoolModel]:
    """Return the model of several endpoints, of which one answers at least.

    Its context length is the smallest of those that answer; one that answers later must have as much.

    Args:
        config: the endpoints.
        events: where it is noted how they do.
        patience: how soon they are thought ill or well.

    Raises (on entry):
        EndpointRefused: none will answer: keys, the model or addresses are wrong.
        ModelError: none answers; the text names each one's reason.
    """
    heard = events or Events()
    chosen = patience or Patience()
    members = tuple(Member(one, lambda text: heard.emit("note", text)) for one in config.endpoints)
    keepers = [Keeper(member, heard, chosen) for member in members]
    async with beside() as tasks:
        for keeper in keepers:
            tasks.start_soon(keeper.keep)
        await _opened(members, chosen.others)
        lengths = [member.model.context_length for member in members if member.model is not None]
        if not lengths:
            raise _nobody(config.model, members)
        for keeper in keepers:
            keeper.context = min(lengths)
        yield PoolModel(config, members, min(lengths))


async def _opened(members: tuple[Member, ...], others: float) -> None:
    """Wait until each member has answered or failed; for the others not too long once one has answered."""
    async with anyio.create_task_group() as tasks:

        async def wait(member: Member) -> None:
            await member.changed.wait()
            if member.state == "up":
                scope = tasks.cancel_scope
                scope.deadline = min(scope.deadline, anyio.current_time() + others)

        for member in members:
            tasks.start_soon(wait, member)
    for member in members:
        if member.state == "opening":
            member.set_aside(ModelError(member.says("doesn't answer yet")))


def _nobody(model: str, members: tuple[Member, ...]) -> ModelError:
    kind = EndpointRefused if all(member.state == "out" for member in members) else Unavailable
    if len(members) == 1:
        return kind(str(members[0].error))
    reasons = [f"- {member.reason}" for member in members]
    return kind("\n".join([f"none of the {len(members)} endpoints of {model} answers:", *reasons]))
