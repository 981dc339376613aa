"""Texts counted by the server that serves the model, whatever it answers."""

import threading
from collections.abc import Iterator
from typing import Any

import anyio
import httpx2
import pytest
from anthropic_kit import config as anthropic_config
from anthropic_server import AnthropicServer
from chat_protocol import Fault, plain, tokens
from counting_kit import Answer, CountingServer, like_llama, like_vllm, nothing
from scripted_server import ScriptedServer

from swe_scale.config import OpenAIEndpoint, Pool
from swe_scale.events import Event, Events
from swe_scale.models import open_model
from swe_scale.models.directory import Server
from swe_scale.models.endpoint import Endpoint
from swe_scale.models.tokenize import server_tokens
from swe_scale.models.tokens import Counted, Counter, Unable, count_tokens
from swe_scale.retry import without_waiting

pytestmark = pytest.mark.anyio

TEXTS = ("def f():\n    return 1\n", "", "größe 日本 🦉", "a\udcffb")
COUNTS = tuple(tokens(text) for text in TEXTS)
VLLM = {"owned_by": "vllm"}
LLAMA = {"owned_by": "llamacpp"}
BY = "the server's tokenizer"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[None]:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with without_waiting():
        yield


def serve(answer: Answer = like_vllm, **fields: Any) -> CountingServer:
    return CountingServer(lambda step, body: "text", answer=answer, **fields)


def config(server: ScriptedServer, **fields: Any) -> OpenAIEndpoint:
    return OpenAIEndpoint(base_url=server.base_url, model=server.model, **fields)


async def counted(
    server: ScriptedServer, texts: tuple[str, ...] = TEXTS, times: int = 1, **fields: Any
) -> tuple[list[Counted | None], list[str]]:
    heard: list[Event] = []
    async with open_model(config(server, **fields), Events([heard.append])) as model:
        found = [await count_tokens(model, texts) for _ in range(times)]
    return found, [event.text for event in heard if event.kind == "note"]


async def test_vllm_counts() -> None:
    with serve(row=VLLM) as server:
        found, notes = await counted(server)
        assert found == [Counted(COUNTS, BY)] and not notes
    bodies = [body for body, _ in server.counted]
    # Nothing is asked about an empty text.
    assert {body["prompt"] for body in bodies} == {TEXTS[0], TEXTS[2], "a?b"}
    assert all(body["add_special_tokens"] is False and body["model"] == server.model for body in bodies)


async def test_llama_cpp_counts() -> None:
    pages = {"/props": {"default_generation_settings": {"n_ctx": 4096}}}
    with serve(like_llama, row=LLAMA, max_model_len=None, pages=pages) as server:
        found, notes = await counted(server)
    assert found == [Counted(COUNTS, BY)] and not notes
    assert all(body["add_special"] is False for body, _ in server.counted)


@pytest.mark.parametrize("answer", [like_vllm, like_llama])
async def test_of_a_local_server_that_nobody_knows_it_is_found_out_once(answer: Answer) -> None:
    with serve(answer) as server:
        found, notes = await counted(server, times=3)
    assert found == [Counted(COUNTS, BY)] * 3 and not notes
    assert len(server.counted) == 3 * 3 + 1


async def test_the_key_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-right")
    with serve(row=VLLM, key="sk-right") as server:
        await counted(server, key_variable="MY_KEY")
    assert {key for _, key in server.counted} == {"Bearer sk-right"}


async def test_a_long_text_is_counted_in_parts() -> None:
    lines = "x = 1  # some line of code\n" * 40_000
    solid = "y" * 200_000
    with serve(row=VLLM) as server:
        found, _ = await counted(server, (lines, solid, "z"))
    assert found[0] is not None
    parts = [body["prompt"] for body, _ in server.counted]
    assert sorted("".join(sorted(parts))) == sorted(lines + solid + "z")
    assert max(map(len, parts)) <= 65_536
    assert all(part.endswith("\n") for part in parts if "x" in part)
    assert abs(found[0].tokens[0] - tokens(lines)) <= len(parts)
    assert found[0].tokens[2] == 1


async def test_few_are_asked_for_at_a_time() -> None:
    met = threading.Barrier(4)

    def together(body: dict[str, Any]) -> object:
        met.wait(20)
        return like_vllm(body)

    with serve(together, row=VLLM) as server:
        found, _ = await counted(server, tuple(f"text {number}" for number in range(200)))
    assert found == [Counted((2,) * 10 + (2,) * 90 + (2,) * 100, BY)]
    assert server.most_at_once == 4


WRONG: list[tuple[object, str]] = [
    (Fault(404, b"{}"), "/tokenize: 404"),
    (Fault(500, b"oops"), "/tokenize: 500"),
    (Fault(307, b"", {"Location": "http://127.0.0.1:9/"}), "/tokenize: 307"),
    (Fault(close=True), "no answer"),
    (plain("<html>"), "unknown form"),
    (plain("[" * 5000), "unknown form"),
    (plain('{"count": 1'), "unknown form"),
    ({"count": "7"}, "unknown form"),
    ({"count": True}, "unknown form"),
    ({"count": 1e300}, "unknown form"),
    ({"count": -3}, "can't be"),
    ({"count": 10**9}, "can't be"),
    ({"count": 0}, "can't be"),
    ({"count": 1, "tokens": [1] * 10**6}, "too long"),
    (plain("0" * 10**6, "application/json"), "too long"),
]


@pytest.mark.parametrize(("wrong", "says"), WRONG)
async def test_a_server_that_counts_wrongly_is_asked_no_more(wrong: object, says: str) -> None:
    text = "a text of some length, so that it can't have no tokens at all, really"
    with serve(lambda body: wrong, row=VLLM) as server:
        found, notes = await counted(server, (text,), times=3)
    assert found == [None] * 3
    (note,) = notes
    assert says in note
    # A connection that breaks off is tried once more.
    assert len(server.counted) == 1 + isinstance(wrong, Fault) * bool(getattr(wrong, "close", False))


async def test_many_that_fail_together_are_noted_once() -> None:
    heard: list[Event] = []
    with serve(nothing, row=VLLM) as server:
        async with open_model(config(server), Events([heard.append])) as model:

            async def one() -> None:
                assert await count_tokens(model, TEXTS) is None

            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(one)
    assert [event.kind for event in heard].count("note") == 1


async def test_a_server_without_the_route_is_tried_in_both_ways() -> None:
    with serve(nothing) as server:
        found, notes = await counted(server, times=2)
    assert found == [None, None] and len(notes) == 1
    assert [sorted(body) for body, _ in server.counted] == [
        ["add_special_tokens", "model", "prompt"],
        *[["add_special", "content", "model"]] * len(server.counted[1:]),
    ]


async def test_ollama_has_no_such_route_and_is_not_asked() -> None:
    with serve(row={"owned_by": "library"}, pages={"/api/ps": {}}) as server:
        assert await counted(server) == ([None], [])
    assert server.counted == []


@pytest.mark.parametrize(
    ("server", "local", "asked"),
    [("other", False, False), ("other", True, True), ("vllm", False, True), ("ollama", True, False)],
)
async def test_services_in_the_distance_are_not_asked(server: Server, local: bool, asked: bool) -> None:
    endpoint = Endpoint("m", "https://example.org/v1", "", "", local=local, key="")
    async with httpx2.AsyncClient() as http:
        assert (server_tokens(http, endpoint, server) is not None) is asked


async def test_of_a_pool_the_first_that_can_counts() -> None:
    with serve(nothing, row=VLLM) as deaf, serve(row=VLLM) as able:
        async with open_model(Pool(endpoints=(config(deaf), config(able)))) as model:
            assert await count_tokens(model, TEXTS) == Counted(COUNTS, BY)


async def test_of_a_pool_where_none_can() -> None:
    with serve(nothing, row=VLLM) as deaf:
        async with open_model(Pool(endpoints=(config(deaf),))) as model:
            assert await count_tokens(model, TEXTS) is None


async def test_anthropic_is_not_asked() -> None:
    with AnthropicServer(lambda step, body: "text") as server:
        async with open_model(anthropic_config(server)) as model:
            assert await count_tokens(model, TEXTS) is None
    assert server.calls == []


async def test_a_model_that_knows_nothing_of_tokens() -> None:
    assert await count_tokens(object(), TEXTS) is None


class Slow:
    name = "a sundial"

    async def count(self, text: str) -> int:
        await anyio.sleep_forever()
        raise AssertionError


class Broken:
    name = "an abacus"

    async def count(self, text: str) -> int:
        raise Unable("an abacus lacks beads")


async def test_time_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swe_scale.models.tokens._SECONDS", 0.01)
    notes: list[str] = []
    counter = Counter((Slow(), Broken()), 4, notes.append)
    assert await counter.count(TEXTS) is None
    assert notes == ["a sundial takes longer than 0.01 s to count tokens", "an abacus lacks beads"]
