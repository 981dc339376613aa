"""Reads what a chat endpoint sent back; everything in it is doubted."""

import json
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from swe_scale.ledger import text_bound
from swe_scale.records import Completion, Message, ToolCall, Usage

__all__ = [
    "Answer",
    "Malformed",
    "Refusal",
    "Spoken",
    "completion_of",
    "numbers_of",
    "parse",
    "split_reasoning",
]

_OPEN, _CLOSE = "<think>", "</think>"


class Malformed(Exception):
    """The endpoint answered, with something that is no reply. Its text fits after "the endpoint …"."""


class Refusal(Exception):
    """The endpoint answered with an error, under the status of a success."""

    def __init__(self, error: object) -> None:
        super().__init__("an error under status 200")
        self.error = error
        code = error.get("code") if isinstance(error, dict) else None
        self.status = code if isinstance(code, int) and 400 <= code < 600 else 500
        """The status that it should have had."""


class Spoken(NamedTuple):
    """A reply's text, and the thinking before it."""

    text: str
    reasoning: str


def split_reasoning(text: str) -> Spoken:
    """Take a leading `<think>…</think>` block off a reply.

    Some chat templates open the block in the prompt, so that only its end is in the reply; that is
    recognised where the end stands alone on its line. A block that never ends is all thinking.
    """
    start = text.lstrip()
    if start.startswith(_OPEN):
        reasoning, _, rest = start.removeprefix(_OPEN).partition(_CLOSE)
        return Spoken(rest.lstrip(), reasoning.strip())
    if _OPEN not in text and text.count(_CLOSE) == 1:
        reasoning, _, rest = text.partition(_CLOSE)
        if reasoning.endswith("\n") and (rest.startswith("\n") or not rest):
            return Spoken(rest.lstrip(), reasoning.strip())
    return Spoken(text, "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, in whichever protocol, before it is judged."""

    content: str | None
    """None: there was none, which is right beside tool calls or a refusal only."""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str | None = None
    usage: object = None
    """The protocol's own form."""
    logprobs: tuple[float, ...] | None = None


def _joined(content: object) -> object:
    """Return the text of content that comes in parts."""
    if not isinstance(content, list):
        return content
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))


class _Function(BaseModel):
    name: str
    arguments: str | dict[str, Any] = ""


class _Call(BaseModel):
    id: str = ""
    function: _Function

    def record(self) -> ToolCall:
        arguments = self.function.arguments
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        return ToolCall(id=self.id, name=self.function.name, arguments=text)


class _Said(BaseModel):
    content: Annotated[str | None, BeforeValidator(_joined)] = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(BaseModel):
    message: _Said
    finish_reason: str | None = None
    logprobs: Any = None


class _Body(BaseModel):
    choices: list[_Choice] | None = None
    error: Any = None
    usage: Any = None


class _Cached(BaseModel):
    cached_tokens: int | None = Field(default=None, ge=0)
    cache_write_tokens: int | None = Field(default=None, ge=0)


class _Reasoned(BaseModel):
    reasoning_tokens: int | None = Field(default=None, ge=0)


class _Counts(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    prompt_tokens_details: _Cached | None = None
    completion_tokens_details: _Reasoned | None = None


def parse(raw: bytes) -> Answer:
    """Return the answer in a response body.

    Args:
        raw: the body of a response with status 200.

    Raises:
        Refusal: it is an error.
        Malformed: it is neither.
    """
    try:
        body = _Body.model_validate_json(raw)
    except ValidationError as error:
        raise Malformed(_fault(raw, error)) from None
    if not body.choices:
        raise Refusal(body.error) if body.error else Malformed("answered without any choice")
    choice = body.choices[0]
    said = choice.message
    return Answer(
        content=said.content,
        reasoning=said.reasoning_content or said.reasoning or "",
        refusal=said.refusal or "",
        tool_calls=tuple(call.record() for call in said.tool_calls or ()),
        finish=choice.finish_reason,
        usage=body.usage,
        logprobs=tuple(numbers_of(choice.logprobs)) or None,
    )


def completion_of(answer: Answer, messages: tuple[Message, ...], seconds: float) -> Completion:
    """Return the completion that an answer makes.

    Where the server counts no tokens, or counts nonsense, usage is bounded by the bytes of the texts.

    Args:
        answer: what was said.
        messages: those of the request.
        seconds: what the call took.

    Raises:
        Malformed: it says nothing.
    """
    spoken = _spoken(answer)
    finish = {None: "stop", "max_tokens": "length", "model_length": "length"}.get(
        answer.finish, answer.finish or "stop"
    )
    calls = tuple(
        call if call.id else call.model_copy(update={"id": f"call_{number}"})
        for number, call in enumerate(answer.tool_calls)
    )
    size = sum(len(call.arguments) + len(call.name) for call in calls)
    return Completion(
        text=spoken.text,
        reasoning=spoken.reasoning,
        tool_calls=calls,
        finish=finish,
        usage=_usage(answer.usage, messages, spoken, size).model_copy(update={"seconds": seconds}),
        logprobs=answer.logprobs,
    )


def numbers_of(logprobs: object) -> list[float]:
    """Return the log-probabilities of the tokens, in their order; none where their form is unknown."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    found = (
        [one.get("logprob") for one in content if isinstance(one, dict)] if isinstance(content, list) else []
    )
    return [float(one) for one in found if isinstance(one, int | float) and isfinite(one)]


def _spoken(answer: Answer) -> Spoken:
    if answer.content is None:
        if not (answer.reasoning or answer.refusal or answer.tool_calls):
            raise Malformed("answered without any content")
        return Spoken(answer.refusal, answer.reasoning)
    return Spoken(answer.content, answer.reasoning) if answer.reasoning else split_reasoning(answer.content)


def _usage(counted: object, messages: tuple[Message, ...], spoken: Spoken, calls: int) -> Usage:
    try:
        counts = _Counts.model_validate(counted, strict=True)
    except ValidationError:
        size = len((spoken.text + spoken.reasoning).encode("utf-8", "replace")) + calls
        return Usage(calls=1, prompt_tokens=text_bound(messages), completion_tokens=size)
    cache = counts.prompt_tokens_details or _Cached()
    cached = min(cache.cached_tokens or 0, counts.prompt_tokens)
    reasoned = counts.completion_tokens_details and counts.completion_tokens_details.reasoning_tokens
    return Usage(
        calls=1,
        prompt_tokens=counts.prompt_tokens,
        cached_tokens=cached,
        written_tokens=min(cache.cache_write_tokens or 0, counts.prompt_tokens - cached),
        completion_tokens=counts.completion_tokens,
        reasoning_tokens=min(reasoned or 0, counts.completion_tokens),
    )


def _fault(raw: bytes, error: ValidationError) -> str:
    """Return what is wrong with a body, in words that fit after "the endpoint"."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] != "json_invalid":
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        return f"answered in an unknown form ({place}: {first['msg']})"
    if raw.lstrip()[:1] in (b"{", b"["):
        return f"sent an answer that breaks off or isn't JSON ({len(raw)} bytes)"
    return f"answered with something that isn't JSON ({raw[:60]!r})"
