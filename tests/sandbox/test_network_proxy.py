import socket as sockets
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from network_kit import Site, ask, proxied, recording, site

from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.sandbox.network import proxy as proxy_module
from swe_scale.sandbox.network.allowed import Entry, further_host
from swe_scale.sandbox.network.upstream import host_proxies
from swe_scale.sandbox.network.visits import Visits

pytestmark = pytest.mark.anyio
OWN = "127.0.0.1"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Site]:
    with site() as found:
        yield found


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "socket"


def registry(server: Site) -> Entry:
    return Entry(OWN, (server.port,), inner=True)


def get(server: Site, path: str, host: str = OWN) -> bytes:
    place = f"{host}:{server.port}"
    return f"GET http://{place}{path} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode()


async def test_requests_and_tunnels_reach_an_allowed_host(server: Site, socket: Path) -> None:
    place = f"{OWN}:{server.port}"
    async with proxied(socket, registry(server)) as visits:
        plain = await ask(socket, get(server, "/a?b"))
        post = f"POST http://{place}/c HTTP/1.1\r\nHost: {place}\r\nContent-Length: 3\r\n\r\nabc"
        posted = await ask(socket, post.encode())
        tunnel = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\nGET /d HTTP/1.0\r\n\r\n"
        tunnelled = await ask(socket, tunnel.encode())
    assert plain.startswith(b"HTTP/1.0 200") and plain.endswith(b"\r\n\r\n/a?b")
    assert posted.endswith(b"\r\n\r\n/cabc")
    assert tunnelled.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.0 200")
    assert tunnelled.endswith(b"/d")
    assert visits.reached == {place: 3} and visits.refused == {}


async def test_a_body_that_comes_late_and_is_large(server: Site, socket: Path) -> None:
    place, size = f"{OWN}:{server.port}", 3_000_000
    async with proxied(socket, registry(server)), await anyio.connect_unix(socket) as stream:
        head = f"POST http://{place}/ HTTP/1.1\r\nHost: {place}\r\nContent-Length: {size}\r\n\r\n"
        await stream.send(head.encode())
        await stream.send(b"x" * size)
        answer = b"".join([data async for data in stream])
    assert answer.endswith(b"\r\n\r\n/" + b"x" * size)


@pytest.mark.parametrize(
    "place",
    [
        "169.254.169.254:80",
        "10.0.0.1:443",
        "[::1]:80",
        "[fd00:ec2::254]:80",
        "example.org:443",
        "localhost:80",
    ],
)
async def test_other_hosts_are_refused_and_noted_once(server: Site, socket: Path, place: str) -> None:
    async with proxied(socket, registry(server)) as visits:
        for _ in range(2):
            answer = await ask(socket, f"CONNECT {place} HTTP/1.1\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
            assert b"is not allowed; add it to `setup_hosts`" in answer
    assert list(visits.refused) == [place] and not visits.reached


async def test_another_port_of_an_allowed_host_is_refused(server: Site, socket: Path) -> None:
    with site() as other:
        async with proxied(socket, registry(server)):
            assert (await ask(socket, get(other, "/"))).startswith(b"HTTP/1.1 403")
        assert other.asked == []


async def test_allowing_a_name_does_not_allow_this_host(server: Site, socket: Path) -> None:
    async with proxied(
        socket, further_host(f"localhost:{server.port}"), further_host(f"{OWN}:{server.port}")
    ):
        for host in ("localhost", OWN):
            answer = await ask(socket, get(server, "/", host))
            assert answer.startswith(b"HTTP/1.1 403") and b"not an address of the public internet" in answer
    assert server.asked == []


async def test_a_redirect_is_a_request_of_its_own(server: Site, socket: Path) -> None:
    with site() as other:
        server.to = f"http://{OWN}:{other.port}/secret"
        async with proxied(socket, registry(server)):
            answer = await ask(socket, get(server, "/redirect"))
            assert server.to.encode() in answer and answer.startswith(b"HTTP/1.0 302")
            assert (await ask(socket, get(other, "/secret"))).startswith(b"HTTP/1.1 403")
        assert other.asked == []


async def test_nothing_meant_for_the_proxy_is_passed_on(server: Site, socket: Path) -> None:
    request = get(server, "/").removesuffix(b"\r\n") + b"Proxy-Authorization: Basic x\r\n\r\n"
    async with proxied(socket, registry(server)):
        await ask(socket, request)
    [(_, fields)] = server.asked
    assert fields == {"Host": f"{OWN}:{server.port}", "Connection": "close"}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400),
        (b"x" * 17_000, 431),
        (b"GET http://a/ HTTP/1.1\r\nX: " + b"x" * 1_000_000, 431),
        (b"GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\nGET http://10.0.0.1/", 400),
        (
            b"POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        (b"CONNECT :443 HTTP/1.1\r\n\r\n", 400),
        (b"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 400),
    ],
)
async def test_hostile_requests_get_one_answer(
    server: Site, socket: Path, request_: bytes, status: int
) -> None:
    async with proxied(socket, registry(server)):
        answer = await ask(socket, request_.replace(b"PORT", str(server.port).encode()))
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert answer.count(b"HTTP/1.1") == 1
        assert (await ask(socket, get(server, "/after"))).endswith(b"/after")
    assert [path for path, _ in server.asked] == ["/after"]


async def test_a_request_that_never_ends_is_ended(
    server: Site, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_module, "_HEAD_SECONDS", 0.1)
    async with proxied(socket, registry(server)):
        assert (await ask(socket, b"GET http")).startswith(b"HTTP/1.1 408 ")
        assert (await ask(socket, b"GET http", end=True)).startswith(b"HTTP/1.1 400 ")


async def test_a_silent_tunnel_is_closed(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_module, "_IDLE_SECONDS", 0.1)
    with sockets.create_server((OWN, 0)) as silent:
        port = silent.getsockname()[1]
        async with proxied(socket, Entry(OWN, (port,), inner=True)):
            answer = await ask(socket, f"CONNECT {OWN}:{port} HTTP/1.1\r\n\r\n".encode())
    assert answer == b"HTTP/1.1 200 Connection established\r\n\r\n"


async def test_too_many_connections_wait_for_their_turn(server: Site, socket: Path) -> None:
    answers: list[bytes] = []

    async def late() -> None:
        answers.append(await ask(socket, get(server, "/late")))

    async with proxied(socket, registry(server), connections=2), anyio.create_task_group() as tasks:
        first, second = await anyio.connect_unix(socket), await anyio.connect_unix(socket)
        for _ in range(20):
            tasks.start_soon(late)
        await anyio.wait_all_tasks_blocked()
        assert answers == [] and server.asked == []
        await first.aclose()
        await second.aclose()
    assert len(answers) == 20 and all(answer.endswith(b"/late") for answer in answers)


async def test_a_socket_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="set TMPDIR to another folder"):
        async with proxied(tmp_path / ("long" * 40) / "socket"):
            pass


async def test_clients_that_leave_do_no_harm(server: Site, socket: Path) -> None:
    async with proxied(socket, registry(server)):
        for request in (
            b"",
            b"GET",
            get(server, "/"),
            f"CONNECT {OWN}:{server.port} HTTP/1.1\r\n\r\n".encode(),
        ):
            stream = await anyio.connect_unix(socket)
            if request:
                await stream.send(request)
            await stream.aclose()
        assert (await ask(socket, get(server, "/after"))).endswith(b"/after")


async def test_a_server_that_is_not_there(socket: Path) -> None:
    with sockets.create_server((OWN, 0)) as gone:
        port = gone.getsockname()[1]
    async with proxied(socket, Entry(OWN, (port,), inner=True)):
        answer = await ask(socket, f"CONNECT {OWN}:{port} HTTP/1.1\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 502 ") and b"can't be reached" in answer


@contextmanager
def outer_proxy(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A proxy of this host that keeps what it is asked, and answers the same to all."""
    heads: list[bytes] = []
    with sockets.create_server((OWN, 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    head = b""
                    while b"\r\n\r\n" not in head and (data := client.recv(65536)):
                        head += data
                    heads.append(head)
                    client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], heads
        finally:
            listener.shutdown(sockets.SHUT_RDWR)
            thread.join()


async def test_the_proxy_of_this_host_is_used_with_its_password(
    socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with outer_proxy(b"HTTP/1.1 200 OK\r\nProxy-Info: x\r\n\r\nearly") as (port, heads):
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@{OWN}:{port}")
        monkeypatch.setenv("HTTP_PROXY", f"me:p%40ss@{OWN}:{port}")
        entry = further_host("host.invalid")
        async with proxied(socket, entry, proxies=host_proxies({})):
            tunnel = await ask(socket, b"CONNECT host.invalid:443 HTTP/1.1\r\n\r\n")
            plain = await ask(socket, b"GET http://host.invalid/x HTTP/1.1\r\nHost: host.invalid\r\n\r\n")
            refused = await ask(socket, b"CONNECT 10.0.0.1:443 HTTP/1.1\r\n\r\n")
    assert tunnel == b"HTTP/1.1 200 Connection established\r\n\r\nearly"
    assert plain.endswith(b"early") and refused.startswith(b"HTTP/1.1 403")
    secret = b"Proxy-Authorization: Basic " + b64encode(b"me:p@ss")
    assert len(heads) == 2 and all(secret in head for head in heads)
    assert heads[0].startswith(b"CONNECT host.invalid:443 HTTP/1.1\r\nHost: host.invalid:443\r\n")
    assert heads[1].startswith(b"GET http://host.invalid/x HTTP/1.1\r\n")


async def test_names_that_are_known_here_are_checked_before_they_are_passed_on(
    socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with outer_proxy(b"HTTP/1.1 200 OK\r\n\r\n") as (port, heads):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{OWN}:{port}")
        async with proxied(socket, further_host("localhost"), proxies=host_proxies({})):
            answer = await ask(socket, b"CONNECT localhost:443 HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403") and heads == []


async def test_hosts_that_need_no_proxy_are_reached_directly(
    server: Site, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{OWN}:1")
    monkeypatch.setenv("NO_PROXY", OWN)
    async with proxied(socket, registry(server), proxies=host_proxies({})):
        assert (await ask(socket, get(server, "/direct"))).endswith(b"/direct")


async def test_a_proxy_that_refuses_tells_nothing_of_itself(
    socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with outer_proxy(b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="inner"\r\n\r\n') as (port, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{OWN}:{port}")
        async with proxied(socket, further_host("host.invalid"), proxies=host_proxies({})):
            answer = await ask(socket, b"CONNECT host.invalid:443 HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 502") and b"answers 407" in answer and b"inner" not in answer


def test_a_proxy_that_cannot_be_used_is_said_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:secret@proxy.example.org:1080")
    with pytest.raises(EnvironmentFailure, match="--network full") as failure:
        host_proxies({})
    assert "secret" not in str(failure.value)


def test_hosts_are_reported_in_bounds() -> None:
    events, seen = recording()
    visits = Visits(events, "set-up")
    for number in range(100):
        visits.refuse(f"{number}.example.org:443", f"{number}.example.org:443 is not allowed")
        visits.refuse("0.example.org:443", "again")
    visits.reach("a.example.org:443")
    visits.reach("a.example.org:443")
    visits.report()
    texts = [event.text for event in seen]
    assert texts[0] == "set-up didn't reach a host: 0.example.org:443 is not allowed"
    assert len(texts) == 42
    assert texts[-2:] == ["set-up reached a.example.org:443 (2)", "set-up didn't reach other hosts, 60 times"]
