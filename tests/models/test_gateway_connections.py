"""However an agent treats its connections, others don't suffer."""

import json
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from chat_protocol import whole
from gateway_kit import CHAT, Page, open_led, paged, served

from swe_scale.errors import StoreError

pytestmark = pytest.mark.anyio
BODY = json.dumps(CHAT).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
WATCH = b"GET /end HTTP/1.1\r\nHost: relay\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n" % len(BODY)
REPLY = Page(whole("m", "because", {"prompt_tokens": 1, "completion_tokens": 1}))


async def test_a_fault_of_ours_ends_one_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object, **__: object) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr("swe_scale.models.gateway.gateway.listing", wrong)
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url), faults=True) as led:
            for _ in range(3):
                assert await led.raw(b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n") == b""
            assert (await led.ask()).status_code == 200
    (noted,) = [event.text for event in led.events if event.kind == "note"]
    assert noted.endswith("by a fault of ours: ZeroDivisionError")


async def test_the_store_s_failure_ends_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> int:
        raise StoreError("the disk is full")

    stopped = pytest.RaisesGroup(pytest.RaisesExc(StoreError), flatten_subgroups=True)
    with paged(chat_completions=REPLY) as server, stopped:
        async with open_led(tmp_path, served(server.base_url)) as led:
            monkeypatch.setattr(type(led.ledger.steps.store), "reserve", full)
            await led.raw(HEAD + LENGTH + BODY)
            await anyio.sleep_forever()


async def test_a_second_request_on_a_connection_is_not_heard(tmp_path: Path) -> None:
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            answer = await led.raw((HEAD + LENGTH + BODY) * 2)
        assert len(server.bodies()) == 1
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_crowd_of_connections_hurts_nobody_else(tmp_path: Path) -> None:
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            crowd = [await anyio.connect_unix(led.place) for _ in range(30)]
            assert (await led.ask()).status_code == 200
            for one in crowd:
                await one.aclose()


async def test_connections_are_few(tmp_path: Path) -> None:
    request = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"
    with paged() as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            crowd = [await anyio.connect_unix(led.place) for _ in range(32)]
            late = await anyio.connect_unix(led.place)
            await late.send(request)
            with anyio.move_on_after(0.3) as scope:
                await late.receive()
            assert scope.cancelled_caught
            for one in crowd:
                await one.aclose()
            assert (await late.receive()).startswith(b"HTTP/1.1 200")
            await late.aclose()


async def test_one_watches_for_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swe_scale.models.gateway.watch._HANDOVER_SECONDS", 0.3)
    with paged() as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            async with await anyio.connect_unix(led.place) as relay:
                await relay.send(WATCH)
                for _ in range(2):
                    assert (await led.raw(WATCH)).split(b" ")[1] == b"409"
            # A command follows another in the same cell.
            async with await anyio.connect_unix(led.place) as relay:
                await relay.send(WATCH)
                led.gateway.ended.set()
                with pytest.raises(anyio.EndOfStream):
                    await relay.receive()


@pytest.mark.parametrize("streamed", [False, True])
async def test_who_does_not_read_gives_the_place_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    monkeypatch.setattr("swe_scale.models.gateway.connection._SEND_SECONDS", 0.3)
    line = json.dumps({"choices": [{"delta": {"content": "why? " * 1000}}]})
    stream = Page(f"data: {line}\n\n".encode() * 1000, headers={"Content-Type": "text/event-stream"})
    long = stream if streamed else Page(whole("m", "why? " * 1_000_000, None))
    with paged(chat_completions=[long, REPLY]) as server:
        async with (
            open_led(tmp_path, served(server.base_url, max_in_flight=1)) as led,
            await anyio.connect_unix(led.place) as deaf,
        ):
            await deaf.send(HEAD + LENGTH + BODY)
            await anyio.to_thread.run_sync(server.posted.wait, 60)
            assert (await led.ask()).status_code == 200
    assert len(led.gateway.transcript.exchanges) == 2


async def test_bodies_wait_for_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many come at once, only some are held in memory."""
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            slow = [await anyio.connect_unix(led.place) for _ in range(20)]
            for one in slow:
                await one.send(HEAD + b"Content-Length: 1000000\r\n\r\n{")
            with anyio.move_on_after(0.3) as scope:
                await led.ask()
            assert scope.cancelled_caught
            for one in slow:
                await one.aclose()
            assert (await led.ask()).status_code == 200
