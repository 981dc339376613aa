"""Finds out what a configured model really does, before an issue is entrusted to it."""

import random

from swe_scale.config import AnthropicEndpoint, OfferedModel, OpenAIEndpoint, ScriptedReplies
from swe_scale.errors import ExtensionError, ModelError
from swe_scale.ledger import text_bound
from swe_scale.models import open_model
from swe_scale.models.endpoint import endpoint_of
from swe_scale.models.faults import UnknownModel, Unreachable
from swe_scale.models.openai import OpenAIModel, open_openai
from swe_scale.records import Message, Record, Request, Sampling

__all__ = ["Probe", "Single", "probe"]

Single = OpenAIEndpoint | AnthropicEndpoint | ScriptedReplies | OfferedModel
"""An endpoint that is no pool of others."""

_LONG = 8000
"""Tokens of the long prompt: more than the 2,048 or 4,096 to which some servers cut what they are sent."""
_SHARE = 0.9
"""Of the expected tokens that must be counted: words differ in their tokens."""


class Probe(Record):
    """What was found; a failure is a field, not an exception."""

    reachable: bool
    model_known: bool | None = None
    """None: it wasn't reached, or keeps no list and was not asked."""
    models: tuple[str, ...] = ()
    """Names of all models that it lists."""
    context_length: int | None = None
    """Tokens, as configured, as the server says, or as assumed."""
    long_prompt: bool | None = None
    """Whether a long prompt arrived whole. None: it can't be told."""
    details: str = ""
    """What went wrong, and what to do next; empty if nothing did."""


async def probe(config: Single) -> Probe:
    """Ask the endpoint for its models, and send it three prompts with replies of one token."""
    match config:
        case OpenAIEndpoint():
            return await _served(config)
        case _:
            return await _opened(config)


async def _opened(config: ScriptedReplies | AnthropicEndpoint | OfferedModel) -> Probe:
    """Say what opening tells: ours cut no prompt."""
    try:
        hasty = config.model_copy(update={"retries": 0}) if isinstance(config, AnthropicEndpoint) else config
        async with open_model(hasty) as model:
            return Probe(
                reachable=True, model_known=True, models=(model.name,), context_length=model.context_length
            )
    except UnknownModel as error:
        return Probe(reachable=True, model_known=False, models=error.known, details=str(error))
    except (ModelError, ExtensionError) as error:
        return Probe(reachable=False, details=str(error))


async def _served(config: OpenAIEndpoint) -> Probe:
    try:
        endpoint_of(config)
    except ModelError as error:
        return Probe(reachable=False, details=str(error))
    try:
        async with open_openai(config.model_copy(update={"retries": 0})) as model:
            return await _asked(model)
    except Unreachable as error:
        return Probe(reachable=False, details=str(error))
    except UnknownModel as error:
        return Probe(reachable=True, model_known=False, models=error.known, details=str(error))
    except ModelError as error:
        return Probe(reachable=True, details=str(error))


async def _asked(model: OpenAIModel) -> Probe:
    found = Probe(
        reachable=True,
        model_known=True if model.known else None,
        models=model.known,
        context_length=model.context_length,
    )
    try:
        expected, counted = await _long_prompt(model)
    except UnknownModel as error:
        return found.model_copy(update={"model_known": False, "details": str(error)})
    except ModelError as error:
        return found.model_copy(update={"details": str(error)})
    found = found.model_copy(update={"model_known": True})
    if counted is None:
        note = f"{model.name} doesn't count tokens: whether it cuts long prompts can't be told."
        return found.model_copy(update={"details": note})
    if counted >= _SHARE * expected:
        return found.model_copy(update={"long_prompt": True})
    note = (
        f"{model.name} cuts prompts without saying so: of about {expected} tokens it counted {counted}.\n"
        "Raise the server's own context length (num_ctx in Ollama), or set context_length below that."
    )
    return found.model_copy(update={"long_prompt": False, "details": note})


async def _long_prompt(model: OpenAIModel) -> tuple[int, int | None]:
    """Return the tokens that a long prompt should have, going by two short ones, and those counted."""
    expected = min(_LONG, model.context_length * 9 // 10)
    sample = min(400, model.context_length // 16)
    template = await _counted(model, "empty", 1)
    both = await _counted(model, "short", sample)
    if template is None or both is None:
        return expected, None
    each = max((both - template) / (sample - 1), 1.0)
    return expected, await _counted(model, "long", max(int((expected - template) / each), 1))


async def _counted(model: OpenAIModel, name: str, words: int) -> int | None:
    """Return the prompt tokens that the server counts; None where it counts none."""
    messages = (Message(role="user", content=_text(words)),)
    request = Request(
        step=f"probe/{name}",
        model=model.name,
        messages=messages,
        sampling=Sampling(temperature=0.0, max_tokens=1),
    )
    usage = (await model.complete(request)).usage
    # Where the server is silent, the model fills in that bound.
    return None if usage.prompt_tokens == text_bound(messages) else usage.prompt_tokens


def _text(words: int) -> str:
    """Return distinct words, others on every call: some servers don't count what they find in their cache."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    chosen = random.SystemRandom().sample(range(len(syllables) ** 3), words)
    size = len(syllables)
    return " ".join(
        syllables[number // size // size] + syllables[number // size % size] + syllables[number % size]
        for number in chosen
    )
