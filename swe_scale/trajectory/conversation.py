"""A conversation with a model whose every reply is a durable, paid step."""

from swe_scale.ledger import Ledger, text_bound
from swe_scale.models import Model
from swe_scale.records import Completion, Message, Request, Sampling, Usage, digest
from swe_scale.store import Key


class Conversation:
    """Appends, asks, remembers. The cost of a turn does not grow with the turns before it."""

    def __init__(self, path: str, model: Model, ledger: Ledger, sampling: Sampling) -> None:
        self.usage = Usage()
        self.path = path
        self._model = model
        self._ledger = ledger
        self._sampling = sampling
        self._messages: list[Message] = []
        self._chain = digest(model.name, sampling.model_dump_json())
        self._bound = 0

    async def ask(self, number: int, asked: tuple[Message, ...]) -> Completion:
        """Send the conversation with `asked` appended, and return the reply.

        Args:
            number: of the turn, from 1; part of the step's address.
            asked: messages that come after the last reply.

        Raises:
            BudgetExceeded: its bound doesn't fit the budget.
            ContextExceeded: the prompt no longer fits the model.
            ModelError: the endpoint failed.
        """
        self._messages += asked
        self._bound += text_bound(asked)
        self._chain = digest(self._chain, *(f"{m.role}\n{m.content}" for m in asked))
        request = Request(
            step=f"{self.path}/turn/{number:02}",
            model=self._model.name,
            messages=tuple(self._messages),
            sampling=self._sampling,
        )
        reply = await self._ledger.complete(
            Key(request.step, self._chain), request, self._bound, lambda: self._model.complete(request)
        )
        answer = Message(role="assistant", content=reply.text)
        self._messages.append(answer)
        self._chain = digest(self._chain, reply.text)
        # Reasoning isn't sent back, so the text itself may be the smaller bound of the two.
        self._bound = reply.usage.prompt_tokens + min(reply.usage.completion_tokens, text_bound((answer,)))
        self.usage = self.usage + reply.usage
        return reply
