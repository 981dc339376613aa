"""Replies that are to keep a schema: what is asked for, and servers that can't be asked for it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anthropic_server import AnthropicServer
from backend_kit import CHAT, MESSAGES, STEP, ask, asked, reply
from chat_protocol import Fault, error
from messages_protocol import fault
from scripted_server import ScriptedServer

from swe_scale.config import OpenAIEndpoint, Pool, ScriptedReplies
from swe_scale.errors import ContextExceeded, ModelError
from swe_scale.models import open_model
from swe_scale.records import Request
from swe_scale.retry import without_waiting

pytestmark = pytest.mark.anyio

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"sure": {"type": "boolean"}},
    "required": ["sure"],
    "additionalProperties": False,
}
HELD = ask().model_copy(update={"reply_schema": SCHEMA})
WANTED = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": SCHEMA}}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with without_waiting(), ScriptedServer(lambda step, body: '{"sure": true}') as server:
        yield server


@pytest.fixture
def anthropic() -> Iterator[AnthropicServer]:
    with without_waiting(), AnthropicServer(lambda step, body: '{"sure": true}') as server:
        yield server


def formats(server: ScriptedServer) -> list[object]:
    return [call.body.get("response_format") for call in server.calls]


def test_a_request_without_a_schema_is_the_same_as_ever() -> None:
    assert ask().reply_schema is None
    assert Request.model_validate_json(HELD.model_dump_json()) == HELD


@pytest.mark.parametrize("stream", [False, True])
async def test_the_schema_is_sent(server: ScriptedServer, stream: bool) -> None:
    done = await reply(CHAT, server, HELD, stream=stream)
    assert (done.text, done.dropped) == ('{"sure": true}', ())
    await reply(CHAT, server, stream=stream)
    assert formats(server) == [WANTED, None]


REFUSALS = [
    error(400, "Unknown parameter.", code="unknown_parameter", param="response_format"),
    error(400, "Unsupported.", code="unsupported_value", param="response_format.json_schema"),
    error(400, "Invalid parameter: 'response_format' of type 'json_schema' is not supported", code=None),
    error(400, "The provided JSON schema contains features not supported by xgrammar."),
    error(422, "Input should be 'text' or 'json_object'", param="response_format"),
    Fault(422, json.dumps({"detail": [{"loc": ["body", "response_format"], "msg": "Extra"}]}).encode()),
    Fault(400, b"failed to parse grammar"),
]


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_server_that_can_not_keep_one_is_asked_without(
    server: ScriptedServer, refusal: Fault, stream: bool
) -> None:
    server.faults[STEP] = [refusal]
    async with CHAT.open(server, stream=stream) as model:
        first, second = await asked(model, HELD), await asked(model, HELD)
        free = await asked(model)
    assert first.text == second.text == '{"sure": true}'
    assert first.dropped == second.dropped == ("response_format",)
    # What was never asked for was not left out either.
    assert free.dropped == ()
    assert formats(server) == [WANTED, None, None, None]


@pytest.mark.parametrize(
    "refusal",
    [
        error(400, "response_format is wrong"),
        error(422, "no"),
        error(400, "no", param="messages"),
        error(400, "no", code=["unknown_parameter"], param=["response", {}]),
    ],
)
async def test_other_refusals_stand(server: ScriptedServer, refusal: Fault) -> None:
    free = refusal.body is not None and b"response_format" in refusal.body
    server.faults[STEP] = [refusal]
    with pytest.raises(ModelError, match="refuses the request"):
        await reply(CHAT, server, ask() if free else HELD)
    assert len(server.calls) == 1


async def test_what_comes_late_in_a_refusal_is_the_prompt_sent_back(server: ScriptedServer) -> None:
    server.faults[STEP] = [error(400, "no: " + "word " * 300 + "response_format")]
    with pytest.raises(ModelError, match="refuses the request"):
        await reply(CHAT, server, HELD)


async def test_a_prompt_that_is_too_long_is_no_fault_of_the_schema(server: ScriptedServer) -> None:
    said = "maximum context length is 8 tokens, your prompt was: response_format"
    server.faults[STEP] = [error(400, said, code="context_length_exceeded")]
    async with CHAT.open(server) as model:
        with pytest.raises(ContextExceeded):
            await asked(model, HELD)
        assert (await asked(model, HELD)).dropped == ()


async def test_a_server_that_refuses_it_for_ever_ends_the_call(server: ScriptedServer) -> None:
    server.faults[STEP] = [Fault(400, REFUSALS[0].body, always=True)]
    with pytest.raises(ModelError, match="refuses the request"):
        await reply(CHAT, server, HELD)
    assert formats(server) == [WANTED, None]


async def test_a_pool_passes_it_on(server: ScriptedServer) -> None:
    one = OpenAIEndpoint(base_url=server.base_url, model=server.model)
    async with open_model(Pool(endpoints=(one,))) as model:
        assert (await asked(model, HELD)).text == '{"sure": true}'
    assert formats(server) == [WANTED]


async def test_written_replies_do_not_care(tmp_path: Path) -> None:
    path = tmp_path / "trajectory" / "03" / "turn" / "05.md"
    path.parent.mkdir(parents=True)
    path.write_text("free")
    async with open_model(ScriptedReplies(replies=tmp_path)) as model:
        assert (await asked(model, HELD)).text == "free"


@pytest.mark.parametrize("effort", [None, "low"])
async def test_anthropic_has_a_place_for_it(anthropic: AnthropicServer, effort: str | None) -> None:
    sampling = HELD.sampling.model_copy(update={"effort": effort, "max_tokens": 4096})
    done = await reply(MESSAGES, anthropic, HELD.model_copy(update={"sampling": sampling}))
    assert (done.text, done.dropped) == ('{"sure": true}', ())
    (call,) = anthropic.calls
    assert call.body["output_config"]["format"] == {"type": "json_schema", "schema": SCHEMA}
    assert call.body["output_config"].get("effort") == effort


@pytest.mark.parametrize(
    "says",
    [
        "output_config.format: Extra inputs are not permitted",
        "output_config.format.schema: For 'object' type, 'additionalProperties' must be set to false",
        "This model does not support structured outputs.",
    ],
)
async def test_anthropic_without_it_is_asked_again(anthropic: AnthropicServer, says: str) -> None:
    anthropic.faults[STEP] = [fault(400, says)]
    async with MESSAGES.open(anthropic) as model:
        told = [(await asked(model, one)).dropped for one in (HELD, HELD, ask())]
    assert told == [("response_format",), ("response_format",), ()]
    assert ["output_config" in call.body for call in anthropic.calls] == [True, False, False, False]


async def test_anthropic_is_not_asked_where_the_service_says_that_it_can_not(
    anthropic: AnthropicServer,
) -> None:
    anthropic.capabilities = {**(anthropic.capabilities or {}), "structured_outputs": {"supported": False}}
    done = await reply(MESSAGES, anthropic, HELD)
    assert done.dropped == ("response_format",)
    assert "output_config" not in anthropic.calls[0].body
