"""A conversation with a model whose every reply is a durable, paid step."""

from collections.abc import Iterator, Sequence

from swe_scale.ledger import Ledger, text_bound
from swe_scale.models import Model
from swe_scale.records import Completion, Message, Request, Sampling, Tool, ToolCall, Usage, digest
from swe_scale.store import Key
from swe_scale.trajectory.tools import returned

_TOOLS_OVERHEAD = 1024
"""Tokens in which a server explains how tools are called, at most, in those that we know of."""
_CALL_OVERHEAD = 32
"""Tokens that a chat template adds to one call, likewise."""
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
        self._messages: list[Message] = []
        self._calls: tuple[ToolCall, ...] = ()
        schemas = [tool.model_dump_json() for tool in tools]
        self._chain = digest(model.name, sampling.model_dump_json(), *schemas)
        self._bound = sum(map(_size, schemas)) + (_TOOLS_OVERHEAD if tools else 0)

    async def ask(self, number: int, asked: tuple[Message, ...]) -> Completion:
        """Send the conversation with `asked` appended, and return the reply.

        Args:
            number: of the turn, from 1; part of the step's address.
            asked: messages that come after the last reply.

        Raises:
            BudgetExceeded: its bound doesn't fit the budget.
            ContextExceeded: the prompt no longer fits the model.
            EndpointRefused: the endpoint answers nothing at all.
            ModelError: the endpoint failed.
        """
        self._messages += asked
        self._bound += _bound(asked)
        self._chain = digest(self._chain, *_parts(asked))
        request = Request(
            step=f"{self.path}/turn/{number:02}",
            model=self._model.name,
            messages=tuple(self._messages),
            sampling=self._sampling,
            tools=self._tools,
        )
        reply = await self._ledger.complete(
            Key(request.step, self._chain), request, self._bound, lambda: self._model.complete(request)
        )
        # Calls that nobody offered are no calls: sent back, they would be refused.
        self._calls = returned(reply.tool_calls) if self._tools else ()
        answer = Message(role="assistant", content=reply.text, tool_calls=self._calls)
        self._messages.append(answer)
        self._chain = digest(self._chain, reply.text, *_called(answer))
        # The reply comes back as text, which a tokenizer may cut into more pieces than it was drawn in.
        self._bound = reply.usage.prompt_tokens + _bound((answer,))
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


def _parts(messages: Sequence[Message]) -> Iterator[str]:
    for message in messages:
        yield f"{message.role}\n{message.content}"
        if message.answers:
            yield f"answers\n{message.answers}"


def _called(message: Message) -> Iterator[str]:
    for call in message.tool_calls:
        yield from (call.id, call.name, call.arguments)


def _bound(messages: Sequence[Message]) -> int:
    """Return an upper bound of the tokens of messages with their calls, as `text_bound` does of texts."""
    called = sum(_size(part) for message in messages for part in (message.answers, *_called(message)))
    return text_bound(list(messages)) + called + _CALL_OVERHEAD * sum(len(one.tool_calls) for one in messages)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
