"""Looks after one endpoint of several: opens it, notices when it hangs, brings it back when it is well."""

from dataclasses import dataclass, field
from typing import Final

import anyio
import httpx2
from openai import DefaultAsyncHttpxClient

from swe_scale.errors import EndpointRefused, ModelError
from swe_scale.events import Events
from swe_scale.models.faults import Unreachable
from swe_scale.models.follow import server_root
from swe_scale.models.members import Member
from swe_scale.models.openai import open_openai

__all__ = ["Keeper", "Patience"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds, and how often, before a member is thought ill or well."""

    check: float = 10.0
    """Without a reply, while calls are under way, until its health is checked."""
    answer: float = 10.0
    """For the answer to a check. A server that is short of processors takes some seconds."""
    strikes: int = 3
    """Checks in a row that fail before the calls under way are called off: they may be paid for."""
    first: float = 1.0
    """Until one that was set aside is tried for the first time; doubled each time, forgotten with a reply."""
    longest: float = 30.0
    others: float = 10.0
    """At the start, for the members that don't answer when one does."""


_FAILS: Final = 500


@dataclass(slots=True)
class Keeper:
    """Decides by its own requests whether a member takes calls."""

    member: Member
    events: Events
    patience: Patience
    context: int = 0
    """Tokens that the run counts on; a member with fewer takes no calls."""
    _pause: float = 0.0
    _replies: int = field(default=-1)

    async def keep(self) -> None:
        """Keep the member open until it has left or this is cancelled."""
        config = self.member.config
        while self.member.state != "out":
            try:
                async with open_openai(config, self.events) as model:
                    self._suits(model.context_length)
                    self.member.join(model)
                    await self._tend(trust_env=not model.endpoint.local)
            except EndpointRefused as error:
                self.member.leave(error)
            except ModelError as error:
                self.member.set_aside(error)
                await self._rest()
                config = config.model_copy(update={"retries": 0})

    async def _tend(self, *, trust_env: bool) -> None:
        async with DefaultAsyncHttpxClient(trust_env=trust_env, follow_redirects=False) as client:
            while self.member.state != "out":
                if self.member.state == "up":
                    await self._watch(client)
                else:
                    await self._rest()
                    await self._try(client)

    async def _watch(self, client: httpx2.AsyncClient) -> None:
        """Wait until it is set aside; call its calls off if it no longer answers anything."""
        member, strikes = self.member, 0
        while member.state == "up":
            replies = member.replies
            with anyio.move_on_after(self.patience.check):
                await member.changed.wait()
            if not member.busy or member.replies > replies:
                strikes = 0
                continue
            try:
                await self._ask(client)
                strikes = 0
            except ModelError as error:
                strikes += 1
                if strikes >= self.patience.strikes:
                    member.call_off(error)

    async def _rest(self) -> None:
        """Wait: longer each time, as long as no call was answered in between."""
        if self.member.replies > self._replies:
            self._replies, self._pause = self.member.replies, self.patience.first
        await anyio.sleep(self._pause)
        self._pause = min(2 * self._pause, self.patience.longest)

    async def _try(self, client: httpx2.AsyncClient) -> None:
        """Let it take calls again if it is well, and still knows the model."""
        member = self.member
        try:
            await self._ask(client)
            async with open_openai(member.config.model_copy(update={"retries": 0})) as fresh:
                self._suits(fresh.context_length)
        except ModelError as error:
            before, member.error = member.reason, error
            if isinstance(error, EndpointRefused) and member.reason != before:
                member.note(member.reason)
            return
        if member.state == "aside" and member.model is not None:
            member.join(member.model)

    async def _ask(self, client: httpx2.AsyncClient) -> None:
        """Ask for the server's health. One that doesn't know the question is well enough.

        Raises:
            Unreachable: it isn't well.
        """
        try:
            with anyio.fail_after(self.patience.answer):
                address = f"{server_root(self.member.address)}/health"
                async with client.stream("GET", address, timeout=None) as answer:
                    status = answer.status_code
        except TimeoutError:
            fault = f"doesn't answer: /health took longer than {self.patience.answer:g} s"
        except (OSError, httpx2.HTTPError, httpx2.StreamError) as error:
            fault = f"can't be reached: {type(error).__name__}"
        else:
            if status < _FAILS:
                return
            fault = f"isn't well: /health answers {status}"
        raise Unreachable(self.member.says(fault))

    def _suits(self, context: int) -> None:
        if context < self.context:
            raise EndpointRefused(
                self.member.says(f"has a context of {context:,} tokens; the run counts on {self.context:,}")
            )
