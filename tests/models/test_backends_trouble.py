"""What goes wrong with a model behind any network protocol, tried over each."""

import anyio
import pytest
from backend_kit import CHAT, STEP, Backend, ask, asked, reply
from chat_protocol import Fault, plain
from chat_script import ANY, LISTING
from messages_protocol import STREAM
from scripted_server import ScriptedServer

from swe_scale.errors import ContextExceeded, EndpointRefused, Interrupted, ModelError
from swe_scale.models import open_model
from swe_scale.models.faults import Unavailable, UnknownModel, Unreachable

pytestmark = pytest.mark.anyio


PASSING = [
    (500, "failed: 500 (boom)", False),
    (503, "failed: 503 (boom)", False),
    (529, "failed: 529 (boom)", False),
    (429, "no more calls now: 429 (boom)", False),
    (504, "failed: 504 (boom)", True),
]


@pytest.mark.parametrize(("status", "says", "charged"), PASSING)
async def test_what_may_pass_is_tried_again(
    backend: Backend, server: ScriptedServer, status: int, says: str, charged: bool
) -> None:
    server.faults[STEP] = [backend.refuse(status, "boom")] * 2
    assert (await reply(backend, server, retries=2)).text == f"reply to {STEP}"
    server.faults[STEP] = [backend.refuse(status, "boom")] * 3
    with pytest.raises(ModelError) as caught:
        await reply(backend, server, retries=2)
    assert says in str(caught.value) and len(str(caught.value).splitlines()) == 2
    assert caught.value.charged is charged
    assert server.count("fault") == {STEP: 5}


async def test_a_wish_to_wait_is_heard(backend: Backend, server: ScriptedServer) -> None:
    fault = backend.refuse(429, "slow down")
    server.faults[STEP] = [Fault(fault.status, fault.body, {"Retry-After": "7"})]
    async with backend.open(server) as model:
        with pytest.raises(Unavailable) as caught:
            await model.attempt(ask().model_copy(update={"model": model.name}))
    assert caught.value.retry_after == 7


def broken(backend: Backend) -> dict[str, tuple[Fault, str]]:
    half = backend.half
    long = {**STREAM, "Content-Length": "9999", "Connection": "close"}
    return {
        "closed": (Fault(close=True), "broke the connection off"),
        "cut": (Fault(body=half, headers=long), "broke the connection off in the middle of the reply"),
        "ends": (Fault(body=half, headers=STREAM), "broke the stream off in the middle of the reply"),
        "stalls": (Fault(body=half, headers=STREAM, stall=True), "no word for 0.2 s"),
        "error": (Fault(body=half + backend.overloaded, headers=STREAM), "failed: 529 (Overloaded)"),
        "error first": (Fault(body=backend.overloaded, headers=STREAM), "failed: 529 (Overloaded)"),
        "half an event": (Fault(body=half + b'data: {"x', headers=STREAM), "that isn't JSON"),
        "no object": (Fault(body=half + b"data: []\n\n", headers=STREAM), "in an unknown form"),
        "nothing": (Fault(body=b"", headers=STREAM), "holds nothing"),
        "comments": (Fault(body=b": hello\n\n" * 9, headers=STREAM), "holds nothing"),
        "half JSON": (plain('{"choices": [{"mess'), "isn't JSON"),
        "HTML": (plain("<html>Sign in", "text/html"), "isn't JSON"),
        "list": (plain("[]"), "in an unknown form"),
        "empty": (plain(backend.empty), "answered"),
        "error under 200": (plain('{"error": {"message": "dead", "code": 502}}'), "failed: 502 (dead)"),
        "deep": (plain("[" * 100_000), "JSON"),
    }


@pytest.mark.parametrize("how", list(broken(CHAT)))
async def test_a_reply_that_is_none_may_have_been_charged(
    backend: Backend, server: ScriptedServer, how: str
) -> None:
    fault, says = broken(backend)[how]
    server.faults[STEP] = [fault]
    async with backend.open(server, stall=0.2) as model:
        with pytest.raises(Interrupted) as caught:
            await model.complete(ask().model_copy(update={"model": model.name}))
        assert says in str(caught.value) and len(str(caught.value).splitlines()) == 2
        assert caught.value.charged and caught.value.again == 4
        assert (await asked(model)).text == f"reply to {STEP}"


async def test_silence_before_the_reply_begins_is_no_stall(backend: Backend, server: ScriptedServer) -> None:
    server.faults[STEP] = [Fault(delay=0.5)]
    assert await reply(backend, server, stall=0.1)
    assert server.count("finished") == {STEP: 1}


@pytest.mark.parametrize("begun", [False, True])
async def test_a_reply_that_takes_too_long(backend: Backend, server: ScriptedServer, begun: bool) -> None:
    server.faults[STEP] = [
        Fault(body=backend.half, headers=STREAM, stall=True) if begun else Fault(hang=True)
    ]
    with pytest.raises(ModelError, match=r"gave no reply within 0\.3 s") as caught:
        await reply(backend, server, timeout=0.3)
    assert caught.value.charged and not isinstance(caught.value, Interrupted)
    await anyio.to_thread.run_sync(server.wait_until, lambda: server.in_flight == 0)


@pytest.mark.parametrize(
    ("status", "message", "kind", "says"),
    [
        (400, "no", ModelError, "refuses the request: 400 (no)"),
        (401, "no", EndpointRefused, "401 (no)"),
        (402, "pay", EndpointRefused, "has no quota left (pay)"),
        (403, "no", EndpointRefused, "403 (no)"),
        (404, "model: x", UnknownModel, "was not found: 404 (model: x)"),
        (400, "Your credit balance is too low to access it", EndpointRefused, "has no quota left"),
        (413, "Request exceeds the maximum size", ContextExceeded, "the prompt too long"),
        (400, "prompt is too long: 9 tokens > 8 maximum", ContextExceeded, "9 tokens > 8"),
        (400, "input length and `max_tokens` exceed context limit: 9 + 2 > 8", ContextExceeded, "9 + 2 > 8"),
        (418, "no", ModelError, "refuses the request: 418"),
    ],
)
async def test_what_does_not_pass_by_itself_ends_at_once(
    backend: Backend, server: ScriptedServer, status: int, message: str, kind: type[ModelError], says: str
) -> None:
    server.faults[STEP] = [backend.refuse(status, message)]
    with pytest.raises(kind) as caught:
        await reply(backend, server)
    assert says in str(caught.value) and not caught.value.charged
    assert server.count("fault") == {STEP: 1}


async def test_a_redirect_is_refused(backend: Backend, server: ScriptedServer) -> None:
    server.faults[STEP] = [Fault(307, b"", {"Location": "https://other/v1"})]
    with pytest.raises(EndpointRefused, match="redirects to https://other/v1"):
        await reply(backend, server)


async def test_a_long_prompt_ends_only_its_trajectory(backend: Backend, server: ScriptedServer) -> None:
    async with backend.open(server) as model:
        with pytest.raises(ContextExceeded) as caught:
            await asked(model, ask(prompt="x" * 20_000))
        assert not caught.value.charged
        assert await asked(model)
    assert server.count("fault").total() == 1


async def test_a_list_that_does_not_come(backend: Backend, server: ScriptedServer) -> None:
    server.faults[LISTING] = [Fault(hang=True)]
    with pytest.raises(Unreachable, match=r"/models took longer than 0\.3 s"):
        await reply(backend, server, timeout=0.3)


async def test_a_server_that_is_not_there(backend: Backend) -> None:
    with pytest.raises(Unreachable, match="connection refused"):
        async with open_model(backend.endpoint(base_url="http://127.0.0.1:1/v1", model="m")):
            pass


@pytest.mark.parametrize("fault", [Fault(close=True), plain("<html>", "text/html")])
async def test_a_list_that_is_none(backend: Backend, server: ScriptedServer, fault: Fault) -> None:
    server.faults[LISTING] = [fault]
    server.faults[ANY] = [Fault(404, b"{}", always=True)]
    with pytest.raises(ModelError):
        await reply(backend, server)
