"""One endpoint of several: whether calls go there, and which of them are under way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import anyio

from swe_scale.config import OpenAIEndpoint
from swe_scale.errors import Interrupted, ModelError
from swe_scale.models.admission import Admission
from swe_scale.models.endpoint import Endpoint, endpoint_of
from swe_scale.models.faults import Unreachable
from swe_scale.models.tokens import Counted
from swe_scale.records import Completion, Request

__all__ = ["Member", "Replica"]

_REPEATEDLY = 2
"""Failures without a reply between them after which a member is set aside."""


class Replica(Protocol):
    """What a member is once it has been opened."""

    context_length: int
    longest: int | None
    endpoint: Endpoint
    admission: Admission
    tools: bool

    async def attempt(self, request: Request) -> Completion:
        """Return the reply of one try."""
        ...

    async def count_tokens(self, texts: Sequence[str]) -> Counted | None:
        """Return how many tokens each text has; None where nothing counts them."""
        ...


@dataclass(slots=True, eq=False)
class _Try:
    """A call under way."""

    step: str
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    sent: bool = False
    """When it was called off: whether the server had it."""


@dataclass(slots=True, eq=False)
class Member:
    """One endpoint of a pool. `aside`: tried again by and by. `out`: not in this run."""

    config: OpenAIEndpoint
    note: Callable[[str], None]
    state: Literal["opening", "up", "aside", "out"] = "opening"
    model: Replica | None = None
    error: ModelError | None = None
    """What went wrong last."""
    replies: int = 0
    """So far."""
    changed: anyio.Event = field(default_factory=anyio.Event)
    """Set, and replaced, when the state changes."""
    _faults: int = 0
    _under_way: set[_Try] = field(default_factory=set)

    @property
    def address(self) -> str:
        """Where it is; tells members apart."""
        return self.config.base_url

    @property
    def reason(self) -> str:
        """What went wrong last, in a line without advice."""
        return str(self.error or "").partition("\n")[0]

    @property
    def busy(self) -> bool:
        """Whether it has calls to answer."""
        return self.model is not None and self.model.admission.in_flight > 0

    @property
    def crowded(self) -> bool:
        """Whether as many calls wait as there are places."""
        return self.model is not None and self.model.admission.waiting >= self.model.admission.limit

    @property
    def idle(self) -> bool:
        """Whether more than half of its places are free."""
        return self.model is not None and 2 * self.model.admission.in_flight < self.model.admission.limit

    @property
    def pause(self) -> float:
        """Seconds for which it wants no calls."""
        return 0.0 if self.model is None else self.model.admission.pause

    def says(self, what: str) -> str:
        """Return `MODEL at ADDRESS WHAT`."""
        return endpoint_of(self.config).says(what)

    async def attempt(self, request: Request) -> Completion:
        """Return the reply of one try, and note how the member did.

        Raises:
            Unreachable: it was called off before it was sent; or as the endpoint's model.
            Interrupted: it was called off after that; or as the endpoint's model.
            ModelError: as the endpoint's model.
        """
        if self.model is None:
            raise Unreachable(self.reason)
        under_way = _Try(request.step)
        self._under_way.add(under_way)
        try:
            with under_way.scope:
                reply = await self.model.attempt(request)
                self.replies += 1
                self._faults = 0
                return reply
        finally:
            self._under_way.discard(under_way)
        raise Interrupted(self.reason) if under_way.sent else Unreachable(self.reason)

    def join(self, model: Replica) -> None:
        """Take calls from now on."""
        late = self.state == "aside"
        self.model = model
        self._become("up")
        if late:
            self.note(model.endpoint.says("answers now"))

    def failed(self, error: ModelError) -> None:
        """Take a failure into account: a member that can't be reached, or fails repeatedly, is set aside."""
        self._faults += 1
        if self.state == "up":
            self.error = error
        if isinstance(error, Unreachable) or self._faults >= _REPEATEDLY:
            self.set_aside(error)

    def set_aside(self, error: ModelError) -> None:
        """Take no calls until it has been found well."""
        if self.state == "out":
            return
        self.error = error
        if self.state != "aside":
            self._become("aside")
            self.note(f"{self.reason}; it is set aside until it is well")

    def leave(self, error: ModelError) -> None:
        """Take no calls in this run."""
        self.error = error
        if self.state != "out":
            self._become("out")
            self.note(f"{self.reason}; it is left out of this run")

    def call_off(self, error: ModelError) -> None:
        """Set it aside, and end the calls under way, so that others can answer them."""
        self.set_aside(error)
        placed = self.model.admission.placed if self.model else set()
        for one in list(self._under_way):
            one.sent = one.step in placed
            one.scope.cancel()

    def _become(self, state: Literal["up", "aside", "out"]) -> None:
        self.state = state
        self._faults = 0
        self.changed.set()
        self.changed = anyio.Event()
