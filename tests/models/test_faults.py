from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import openai
import pytest
from chat_protocol import Fault, error, plain
from chat_script import ANY
from scripted_server import ScriptedServer

from swe_scale.config import Budget, OpenAIEndpoint
from swe_scale.errors import BudgetExceeded, ContextExceeded, Interrupted, ModelError
from swe_scale.events import Events
from swe_scale.ledger import Ledger
from swe_scale.models import open_model
from swe_scale.models.endpoint import Endpoint
from swe_scale.models.faults import Unavailable, refused, translate
from swe_scale.records import Message, Request, Sampling
from swe_scale.retry import retrying, without_waiting
from swe_scale.store import Key, Steps
from swe_scale.store.sqlite import open_store

pytestmark = pytest.mark.anyio

STEP = "pkg-12/turn/05"
ENDPOINT = Endpoint("m", "http://u:secret@h:1/v1?key=secret", "MY_KEY", "Set MY_KEY.", False, "sk-key-0")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with without_waiting(), ScriptedServer(lambda step, body: "fine") as server:
        yield server


async def call(server: ScriptedServer, **fields: Any) -> str:
    config = OpenAIEndpoint(**{"base_url": server.base_url, "model": "scripted", "retries": 2, **fields})
    request = Request(
        step=STEP, model="scripted", messages=(Message(role="user", content="?"),), sampling=Sampling()
    )
    async with open_model(config) as model:
        # As the ledger does, with a reservation for each.
        return (await retrying(0, Interrupted)(model.complete, request)).text


HALF = plain('{"choices": [{"message": {"content": "fi')
CUT = Fault(body=b'{"choices": ', headers={"Content-Length": "900", "Connection": "close"})
PASSING = [
    pytest.param(error(500, "boom"), "failed: 500 (boom)", False, id="500"),
    pytest.param(error(502), "failed: 502", False, id="502"),
    pytest.param(error(503, "Loading model"), "Loading model", False, id="503"),
    pytest.param(error(504), "failed: 504", True, id="504"),
    pytest.param(error(408), "failed: 408", True, id="408"),
    pytest.param(error(429, "slow down"), "no more calls now: 429 (slow down)", False, id="429"),
    pytest.param(Fault(close=True), "broke the connection off", True, id="closed"),
    pytest.param(CUT, "broke the connection off", True, id="cut"),
    pytest.param(HALF, "breaks off or isn't JSON", True, id="half"),
    pytest.param(plain('{"choices": []}'), "without any choice", True, id="no choice"),
    pytest.param(
        plain('{"choices": [{"message": {"content": null}}]}'), "without any content", True, id="null"
    ),
    pytest.param(plain("<html>Sign in", "text/html"), "isn't JSON (b'<html>Sign in')", True, id="html"),
    pytest.param(plain('{"error": {"message": "dead", "code": 502}}'), "failed: 502 (dead)", True, id="200"),
    pytest.param(plain('{"error": "dead"}'), "failed: 500 (dead)", True, id="200 string"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fault", "says", "charged"), PASSING)
async def test_what_may_pass_is_tried_again(
    server: ScriptedServer, fault: Fault, says: str, charged: bool, stream: bool
) -> None:
    server.faults[STEP] = [fault, fault]
    assert await call(server, stream=stream) == "fine"
    assert server.count("fault") == {STEP: 2}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fault", "says", "charged"), PASSING)
async def test_what_does_not_pass_is_told_in_the_end(
    server: ScriptedServer, fault: Fault, says: str, charged: bool, stream: bool
) -> None:
    server.faults[ANY] = [Fault(fault.status, fault.body, fault.headers, close=fault.close, always=True)]
    with pytest.raises(ModelError) as caught:
        await call(server, stream=stream)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"scripted at {server.base_url} ")
    assert len(str(caught.value).splitlines()) == 2
    assert caught.value.charged is charged
    assert server.count("fault") == {STEP: 3}


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (
            error(400, "temperature is too hot", param="temperature"),
            "refuses the request: 400 (temperature is",
        ),
        (error(422, "no"), "refuses the request: 422 (no)"),
        (error(418), "refuses the request: 418"),
        (error(403, "not yours"), "wants a key: 403 (not yours)"),
        (error(401), "Set OPENAI_API_KEY to it: it is not set"),
        (Fault(401, b'{"error": "Unauthorized"}'), "401 (Unauthorized)"),
        (error(404, "The model does not exist", param="model"), "was not found: 404 (The model does not"),
        (error(429, "pay", code="insufficient_quota"), "no quota left (pay)"),
        (Fault(307, b"", {"Location": "https://other/v1"}), "redirects to https://other/v1"),
        (Fault(400, b"<html>\x00plain"), "refuses the request: 400 (?plain)"),
        (
            Fault(501, b"<!DOCTYPE HTML><html><head><title>x</title></head><body><p>No POST.</p></body>"),
            "offers no chat completions: 501 (No POST.)\nCheck base_url",
        ),
        (Fault(400, b'["odd"]'), "refuses the request: 400"),
        (Fault(501, b""), "offers no chat completions: 501"),
    ],
)
async def test_what_does_not_pass_by_itself_ends_at_once(
    server: ScriptedServer, fault: Fault, says: str
) -> None:
    server.faults[STEP] = [fault]
    with pytest.raises(ModelError) as caught:
        await call(server)
    assert says in str(caught.value)
    assert not caught.value.charged
    assert server.count("fault") == {STEP: 1}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"message": "The prompt has 9 tokens", "param": "input_tokens"}),
        (400, {"message": "This model's maximum context length is 8 tokens.", "param": "max_tokens"}),
        (400, {"message": "…", "code": "context_length_exceeded"}),
        (
            400,
            {"message": "request (9 tokens) exceeds the available context size (8 tokens)"},
        ),
        (400, {"message": "The input (9 tokens) is longer than the model's context length (8 tokens)."}),
        (400, {"message": "prompt is too long: 9 tokens > 8 maximum"}),
        (422, {"message": "`inputs` tokens + `max_new_tokens` must be <= 8. Given: 9"}),
        (400, "the input token count (9) exceeds the maximum number of tokens allowed (8)"),
        (413, {}),
    ],
)
def test_a_prompt_that_is_too_long_in_everybodys_words(status: int, body: object) -> None:
    assert isinstance(refused(status, body, {}, ENDPOINT), ContextExceeded)


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, "max_tokens must be positive"), (413, "Limit 6000 tokens per minute"), (429, "context length")],
)
def test_other_limits_are_not_the_contexts(status: int, body: object) -> None:
    assert not isinstance(refused(status, body, {}, ENDPOINT), ContextExceeded)


async def test_a_reply_that_does_not_come_ends_the_call(server: ScriptedServer) -> None:
    server.faults[STEP] = [Fault(hang=True)]
    with pytest.raises(ModelError, match=r"gave no reply within 0\.3 s") as caught:
        await call(server, timeout=0.3)
    assert caught.value.charged
    server.wait_until(lambda: server.in_flight == 0)
    assert server.count("dropped") == {STEP: 1}


@pytest.fixture
async def steps(tmp_path: Path) -> AsyncIterator[Steps]:
    async with open_store(tmp_path / "run") as store:
        yield Steps(store)


LONGEST = Sampling(max_tokens=100)
BOUND = 1100
"""Tokens of a prompt and a reply, at most."""


async def paid(server: ScriptedServer, steps: Steps, budget: Budget) -> Ledger:
    """Ask once, and return the books."""
    ledger = Ledger(steps, budget, {}, Events(), "pkg-12")
    request = Request(step=STEP, model="scripted", messages=(), sampling=LONGEST)
    config = OpenAIEndpoint(base_url=server.base_url, model="scripted", retries=2)
    async with open_model(config) as model:
        with suppress(ModelError, BudgetExceeded):
            await ledger.complete(Key(STEP, "d"), request, BOUND - 100, lambda: model.complete(request))
    return ledger


@pytest.mark.parametrize(
    ("faults", "bounds", "sent"),
    [
        ([CUT], 1, 2),
        ([error(504), HALF], 2, 3),
        ([error(429), CUT, error(503)], 1, 4),
        ([CUT, error(400, "no")], 1, 2),
        ([CUT, CUT, CUT], 3, 3),
    ],
)
async def test_each_try_that_may_be_charged_is_booked(
    server: ScriptedServer, steps: Steps, faults: list[Fault], bounds: int, sent: int
) -> None:
    server.faults[STEP] = list(faults)
    ledger = await paid(server, steps, Budget())
    reply = 1 if sent > len(faults) else 0
    assert sum(server.count("fault").values()) == len(faults) and len(server.calls) == sent
    assert ledger.spent.calls == bounds + reply
    assert (ledger.spent.tokens - bounds * BOUND > 0) == bool(reply)
    rows = steps.store.entries()
    assert sum(row.usage.tokens for row in rows) == ledger.spent.tokens and all(row.settled for row in rows)
    assert ledger.by_stage["turn"] == ledger.spent


async def test_no_try_is_made_that_the_budget_can_not_bear(server: ScriptedServer, steps: Steps) -> None:
    server.faults[STEP] = [CUT, CUT]
    ledger = await paid(server, steps, Budget(tokens=2 * BOUND - 1))
    assert server.count("fault") == {STEP: 1}
    assert ledger.spent.tokens == BOUND


def test_a_wish_to_wait_is_read() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=50)
    for wish, least, most in [("7", 7, 7), ("1.5", 1.5, 1.5), ("-3", 0, 0), (format_datetime(soon), 40, 50)]:
        fault = refused(429, {}, {"retry-after": wish}, ENDPOINT)
        assert isinstance(fault, Unavailable)
        assert fault.retry_after is not None
        assert least <= fault.retry_after <= most


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(0), timedelta(hours=9)])
def test_a_date_to_wait_for_is_read_by_the_servers_own_clock(jump: timedelta) -> None:
    there = datetime.now(UTC) + jump
    headers = {
        "date": format_datetime(there),
        "retry-after": format_datetime(there + timedelta(seconds=50)),
    }
    fault = refused(429, {}, headers, ENDPOINT)
    assert isinstance(fault, Unavailable) and fault.retry_after == 50


@pytest.mark.parametrize("wish", ["", "soon", "nan", "inf", "Mon, 99 Foo 9999", "Mon, 01 Jan 10000 00:00:00"])
def test_a_senseless_wish_is_not(wish: str) -> None:
    fault = refused(503, {}, {"retry-after": wish}, ENDPOINT)
    assert isinstance(fault, Unavailable)
    assert fault.retry_after is None


def test_secrets_are_blotted_out() -> None:
    fault = refused(302, {}, {"location": "http://x/?k=sk-key-0"}, ENDPOINT)
    assert str(fault).startswith("m at http://h:1/v1 redirects to http://x/?k=[key]")
    assert "secret" not in str(fault)
    assert "sk-key-0" not in repr(ENDPOINT)


def test_a_servers_words_stay_on_one_short_line() -> None:
    fault = refused(400, {"message": "a\n\x1b[31m" + "b" * 9999}, {}, ENDPOINT)
    assert len(str(fault)) < 500
    assert "\x1b" not in str(fault)
    assert len(str(fault).splitlines()) == 2


def subclasses(kind: type[openai.OpenAIError]) -> set[type[openai.OpenAIError]]:
    return {kind}.union(*(subclasses(one) for one in kind.__subclasses__()))


def test_every_error_of_the_client_is_translated() -> None:
    for kind in subclasses(openai.OpenAIError):
        foreign = kind.__new__(kind)
        vars(foreign).update(message="m", body=None, status_code=400)
        if isinstance(foreign, openai.APIStatusError):
            vars(foreign)["response"] = Fault()
        assert isinstance(translate(foreign, ENDPOINT), ModelError)


async def test_a_server_that_restarts_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as servers:
        with ScriptedServer({}) as server:
            config = OpenAIEndpoint(base_url=server.base_url, model="scripted", retries=2)
            context = open_model(config)
            model = await context.__aenter__()
        port = int(config.base_url.split(":")[2].partition("/")[0])

        started: list[ScriptedServer] = []

        async def restart(seconds: float) -> None:
            if not started:
                started.append(servers.enter_context(ScriptedServer({STEP: "back"}, port=port)))
            await anyio.lowlevel.checkpoint()

        monkeypatch.setattr(anyio, "sleep", restart)
        try:
            request = Request(step=STEP, model="scripted", messages=(), sampling=Sampling())
            assert (await model.complete(request)).text == "back"
        finally:
            await context.__aexit__(None, None, None)
