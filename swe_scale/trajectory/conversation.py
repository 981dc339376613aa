"""A conversation with a model whose every reply is a durable, paid step."""

from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.records import Completion, Message, Request, Sampling, Tool, ToolCall, Usage, digest
from swe_scale.store import Key
from swe_scale.trajectory.memory import Memory, called, parts_of, size_of
from swe_scale.trajectory.tools import returned

_TOOLS_OVERHEAD = 1024
"""Tokens in which a server explains how tools are called, at most, in those that we know of."""
_OTHER_CALL = "Not carried out: only the first call of a reply is."


class Conversation:
    """Appends, asks, remembers. The cost of a turn does not grow with the turns before it."""

    def __init__(
        self, path: str, model: Model, ledger: Ledger, sampling: Sampling, tools: tuple[Tool, ...] = ()
    ) -> None:
        self.usage = Usage()
        self.path = path
        self._model = model
        self._ledger = ledger
        self._sampling = sampling
        self._tools = tools
        self._calls: tuple[ToolCall, ...] = ()
        schemas = [tool.model_dump_json() for tool in tools]
        self._chain = digest(model.name, sampling.model_dump_json(), *schemas)
        standing = sum(map(size_of, schemas)) + (_TOOLS_OVERHEAD if tools else 0)
        self._memory = Memory(model.context_length - sampling.max_tokens, standing)

    @property
    def condensed(self) -> int:
        """Observations of which only the ends are still sent."""
        return self._memory.condensed

    async def ask(self, number: int, asked: tuple[Message, ...]) -> Completion:
        """Send the conversation with `asked` appended, and return the reply.

        Where that could be too long for the model, the oldest observations are condensed before.

        Args:
            number: of the turn, from 1; part of the step's address.
            asked: messages that come after the last reply.

        Raises:
            BudgetExceeded: its bound doesn't fit the budget.
            ContextExceeded: the prompt no longer fits the model.
            EndpointRefused: the endpoint answers nothing at all.
            ModelError: the endpoint failed.
        """
        changed = self._memory.ask(asked)
        self._chain = digest(self._chain, *parts_of(asked))
        if changed:
            self._chain = digest(self._chain, "condensed", *parts_of(changed))
        request = Request(
            step=f"{self.path}/turn/{number:02}",
            model=self._model.name,
            messages=tuple(self._memory.messages),
            sampling=self._sampling,
            tools=self._tools,
        )
        reply = await self._ledger.complete(
            Key(request.step, self._chain),
            request,
            self._memory.bound,
            lambda: self._model.complete(request),
        )
        # Calls that nobody offered are no calls: sent back, they would be refused.
        self._calls = returned(reply.tool_calls) if self._tools else ()
        answer = Message(role="assistant", content=reply.text, tool_calls=self._calls)
        self._memory.answered(answer, reply.usage.prompt_tokens)
        self._chain = digest(self._chain, reply.text, *called(answer))
        self.usage = self.usage + reply.usage
        return reply

    def answer(self, observation: str) -> tuple[Message, ...]:
        """Return the messages that tell what came of the last reply; each of its calls gets its answer."""
        if not self._calls:
            return (Message(role="user", content=observation),)
        first, *others = self._calls
        return (
            Message(role="tool", content=observation, answers=first.id),
            *(Message(role="tool", content=_OTHER_CALL, answers=call.id) for call in others),
        )
