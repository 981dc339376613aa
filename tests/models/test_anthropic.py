"""Anthropic's own protocol: what is sent, what comes back, and which models there are."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic_kit import QUESTION, STEP, ask, config, reply, user
from anthropic_server import AnthropicServer
from chat_protocol import Fault
from chat_script import LISTING
from messages_protocol import Content, fault

from swe_scale.errors import EndpointRefused, ModelError
from swe_scale.models import open_model
from swe_scale.models.anthropic import translate
from swe_scale.models.endpoint import Endpoint
from swe_scale.models.faults import UnknownModel
from swe_scale.records import Message, Tool, ToolCall
from swe_scale.retry import without_waiting

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[AnthropicServer]:
    with without_waiting(), AnthropicServer(lambda step, body: f"reply to {step}") as server:
        yield server


async def test_what_is_sent(server: AnthropicServer) -> None:
    system = Message(role="system", content="be brief")
    await reply(server, ask(system, user("a\udcffb")), extra_body={"metadata": {"user_id": "me"}})
    (call,) = server.calls
    mark = {"cache_control": {"type": "ephemeral"}}
    assert call.body == {
        "model": "claude",
        "max_tokens": 4096,
        "stream": True,
        "system": [{"type": "text", "text": "be brief"}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a?b", **mark}]}],
        "metadata": {"user_id": "me"},
    }
    assert (call.headers["x-request-id"], call.headers["x-session-id"]) == (STEP, "pkg-12")


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
async def test_the_address_may_have_the_version(server: AnthropicServer, end: str) -> None:
    assert await reply(server, base_url=server.base_url + end)


async def test_one_side_speaks_once(server: AnthropicServer) -> None:
    messages = (user("a"), user(" \n"), user("b"), Message(role="assistant", content=""), user("c"))
    await reply(server, ask(*messages))
    (turn,) = server.calls[0].body["messages"]
    assert [block["text"] for block in turn["content"]] == ["a", "b", "c"]


async def test_tool_calls_come_and_go(server: AnthropicServer) -> None:
    tool = Tool(name="bash", description="runs it", parameters={"type": "object", "properties": {}})
    given = {"command": "ls " + "x" * 50}
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": "so:"},
        {"type": "tool_use", "id": "toolu_1", "name": "bash", "input": given},
        {"type": "tool_use", "id": "toolu_2", "name": "bash", "input": {}},
    ]
    server.contents[STEP] = Content(blocks, "tool_use")
    async with open_model(config(server, tools=True)) as model:
        first = await model.complete(ask(tools=(tool,)))
        assert (first.text, first.finish) == ("so:", "tool_calls")
        assert [(call.id, call.name) for call in first.tool_calls] == [
            ("toolu_1", "bash"),
            ("toolu_2", "bash"),
        ]
        assert [json.loads(call.arguments) for call in first.tool_calls] == [given, {}]
        said = Message(role="assistant", content=first.text, tool_calls=first.tool_calls)
        answers = (
            Message(role="tool", content="a b", answers="toolu_1"),
            Message(role="tool", content="", answers="toolu_2"),
        )
        await model.complete(ask(*QUESTION, said, *answers, tools=(tool,)))
    sent = server.calls[1].body
    assert sent["tools"] == [{"name": "bash", "description": "runs it", "input_schema": tool.parameters}]
    assert sent["messages"][1]["content"] == blocks
    results = sent["messages"][2]["content"]
    assert [(one["tool_use_id"], one.get("content")) for one in results] == [
        ("toolu_1", "a b"),
        ("toolu_2", None),
    ]


@pytest.mark.parametrize("arguments", ['{"command": ', "[1]", "[" * 100_000])
async def test_arguments_that_are_no_object_are_shown_all_the_same(
    server: AnthropicServer, arguments: str
) -> None:
    call = ToolCall(id="t", name="bash", arguments=arguments)
    said = Message(role="assistant", content="", tool_calls=(call,))
    await reply(server, ask(*QUESTION, said, Message(role="tool", content="no", answers="t")))
    assert server.calls[0].body["messages"][1]["content"][0]["input"] == {"unreadable": arguments}


@pytest.mark.parametrize(
    ("configured", "served", "length"),
    [(200_000, 1_000_000, 200_000), (200_000, 8192, 8192), (4096, None, 4096)],
)
async def test_the_context_length(
    server: AnthropicServer, configured: int, served: int | None, length: int
) -> None:
    server.max_model_len = served
    async with open_model(config(server, context_length=configured)) as model:
        assert (model.name, model.context_length, model.tools) == ("claude", length, False)


async def test_an_unknown_model_names_those_that_are_like_it(server: AnthropicServer) -> None:
    server.others = tuple(f"model-{number}" for number in range(20))
    with pytest.raises(UnknownModel, match="is not served there") as caught:
        await reply(server, model="claud")
    assert "It knows claude," in str(caught.value) and str(caught.value).endswith("and 16 more.")
    assert len(caught.value.known) == 21


async def test_a_server_without_a_list_is_taken_at_its_word(server: AnthropicServer) -> None:
    server.faults[LISTING] = [fault(404), fault(405)]
    assert (await reply(server)).dropped == ()


async def test_a_service_that_is_busy_is_waited_for(server: AnthropicServer) -> None:
    server.faults[LISTING] = [fault(529), fault(429, retry_after="1")]
    assert await reply(server)


@pytest.mark.parametrize("name", ["a/../b", "mödel", "x y", "?limit=1"])
async def test_a_model_with_an_odd_name(server: AnthropicServer, name: str) -> None:
    with pytest.raises(ModelError):
        await reply(server, model=name)
    server.model = name
    async with open_model(config(server)) as model:
        assert model.context_length == 200_000


def test_without_the_library_it_is_said_what_to_install() -> None:
    code = (
        "import sys; sys.modules['anthropic'] = None\n"
        "from swe_scale.config import AnthropicEndpoint\n"
        "from swe_scale.models import open_model\n"
        "try: open_model(AnthropicEndpoint(model='claude'))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(EndpointRefused.__name__)
    assert "pip install 'swe-scale[anthropic]'" in shown.stdout


def test_the_library_is_loaded_only_when_it_is_needed() -> None:
    ours = "swe_scale.models.openai, swe_scale.models.probe"
    code = f"import sys; import {ours}; print('anthropic' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"


def subclasses(kind: type[Exception]) -> set[type[Exception]]:
    return {kind}.union(*(subclasses(one) for one in kind.__subclasses__()))


def test_every_error_of_the_client_is_translated() -> None:
    endpoint = Endpoint("m", "http://h:1", "MY_KEY", "", False, "sk-key-0")
    fields = {
        "message": "sk-key-0",
        "body": None,
        "status_code": 400,
        "error_code": None,
        "response": Fault(),
    }
    # Those of its library of credentials never arise: the key is given.
    kinds = [one for one in subclasses(anthropic.AnthropicError) if ".lib." not in one.__module__]
    assert len(kinds) > 20
    for kind in kinds:
        foreign = kind.__new__(kind)
        vars(foreign).update(fields, error_code=None)
        ours = translate(foreign, endpoint)
        assert isinstance(ours, ModelError) and "sk-key-0" not in str(ours)
