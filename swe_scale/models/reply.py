"""Reads what a chat endpoint sent back; everything in it is doubted."""

from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from swe_scale.ledger import text_bound
from swe_scale.records import Completion, Message, Usage

__all__ = ["Malformed", "Refusal", "Spoken", "parse", "split_reasoning"]

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


def _joined(content: object) -> object:
    """Return the text of content that comes in parts."""
    if not isinstance(content, list):
        return content
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))


class _Answer(BaseModel):
    content: Annotated[str | None, BeforeValidator(_joined)] = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Answer
    finish_reason: str | None = None


class _Body(BaseModel):
    choices: list[_Choice] | None = None
    error: Any = None
    usage: Any = None


class _Cached(BaseModel):
    cached_tokens: int | None = Field(default=None, ge=0)


class _Reasoned(BaseModel):
    reasoning_tokens: int | None = Field(default=None, ge=0)


class _Counts(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    prompt_tokens_details: _Cached | None = None
    completion_tokens_details: _Reasoned | None = None


def parse(raw: bytes, messages: tuple[Message, ...], seconds: float) -> Completion:
    """Return the completion in a response body.

    Where the server counts no tokens, or counts nonsense, usage is bounded by the bytes of the texts.

    Args:
        raw: the body of a response with status 200.
        messages: those of the request.
        seconds: what the call took.

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
    spoken = _spoken(choice.message)
    finish = {None: "stop", "max_tokens": "length", "model_length": "length"}.get(
        choice.finish_reason, choice.finish_reason or "stop"
    )
    return Completion(
        text=spoken.text,
        reasoning=spoken.reasoning,
        finish=finish,
        usage=_usage(body.usage, messages, spoken).model_copy(update={"seconds": seconds}),
    )


def _spoken(answer: _Answer) -> Spoken:
    apart = answer.reasoning_content or answer.reasoning or ""
    if answer.content is None:
        if not (apart or answer.refusal):
            raise Malformed("answered without any content")
        return Spoken(answer.refusal or "", apart)
    return Spoken(answer.content, apart) if apart else split_reasoning(answer.content)


def _usage(counted: object, messages: tuple[Message, ...], spoken: Spoken) -> Usage:
    try:
        counts = _Counts.model_validate(counted, strict=True)
    except ValidationError:
        size = len((spoken.text + spoken.reasoning).encode("utf-8", "replace"))
        return Usage(calls=1, prompt_tokens=text_bound(messages), completion_tokens=size)
    cached = counts.prompt_tokens_details and counts.prompt_tokens_details.cached_tokens
    reasoned = counts.completion_tokens_details and counts.completion_tokens_details.reasoning_tokens
    return Usage(
        calls=1,
        prompt_tokens=counts.prompt_tokens,
        cached_tokens=min(cached or 0, counts.prompt_tokens),
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
