import json
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from chat_protocol import Fault, plain
from chat_script import LISTING
from scripted_server import ScriptedServer

from swe_scale.config import OpenAIEndpoint
from swe_scale.errors import ModelError
from swe_scale.models import open_model
from swe_scale.models.faults import UnknownModel, Unreachable

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer({}) as server:
        yield server


async def refuse(base_url: str, **fields: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        async with open_model(OpenAIEndpoint(base_url=base_url, model="m", **fields)):
            pass
    return caught.value


@pytest.fixture
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_a_server_that_is_not_there_is_told_at_once(free_port: int) -> None:
    # The waits of the retries would make this test exceed its limit.
    fault = await refuse(f"http://127.0.0.1:{free_port}/v1", retries=99)
    assert isinstance(fault, Unreachable)
    assert "connection refused" in str(fault)


async def test_a_host_that_does_not_exist() -> None:
    fault = await refuse("http://nowhere.invalid/v1")
    assert isinstance(fault, Unreachable)
    assert "no such host" in str(fault)


async def test_tls_to_a_server_without_it(server: ScriptedServer) -> None:
    fault = await refuse(server.base_url.replace("http", "https"))
    assert "TLS failed" in str(fault)
    assert "http or https" in str(fault)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-nodes", "-subj", "/CN=localhost", "-days", "1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    await anyio.run_process(["openssl", "req", "-x509", "-newkey", "rsa:2048", *subject, *files])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ScriptedServer({}) as server:
        server.secure(context)
        fault = await refuse(server.base_url.replace("http", "https"))
    assert isinstance(fault, Unreachable)
    assert "TLS failed" in str(fault)


@pytest.mark.parametrize(
    "base_url",
    ["", "localhost:8000/v1", "ftp://h/v1", "http://", "http://[::1", "http://h:99999/v1", "http://h h"],
)
async def test_an_address_that_is_none(base_url: str) -> None:
    assert "is no web address" in str(await refuse(base_url))


async def test_a_key_that_cannot_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("sk-canary\nX-Evil: 1", "sk canary", "sk-cänary"):
        monkeypatch.setenv("MY_KEY", key)
        fault = await refuse("http://127.0.0.1:9/v1", key_variable="MY_KEY")
        assert "the key in MY_KEY can't be sent" in str(fault)
        assert "nary" not in str(fault)


async def test_a_placeholder_for_a_key_garbles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "e")
    assert "can't be reached: connection refused" in str(
        await refuse("http://127.0.0.1:1/v1", key_variable="MY_KEY")
    )


async def test_a_key_that_is_refused(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.key = "sk-right"
    monkeypatch.setenv("MY_KEY", "sk-wrong")
    assert "refuses the key in MY_KEY: 401" in str(await refuse(server.base_url, key_variable="MY_KEY"))
    monkeypatch.delenv("MY_KEY")
    assert "Set MY_KEY to it" in str(await refuse(server.base_url, key_variable="MY_KEY"))


async def test_an_unknown_model_names_those_that_are_known(server: ScriptedServer) -> None:
    rows = [{"id": f"model-{number}"} for number in range(20)] + [{"id": "qwen-coder-7b"}, {"id": 3}, {}]
    server.faults[LISTING] = [plain(json.dumps({"data": rows}))]
    fault = await refuse(server.base_url)
    assert isinstance(fault, UnknownModel)
    assert len(fault.known) == 21
    assert "is not served there" in str(fault)
    assert str(fault).count("model-") == 5
    assert str(fault).endswith("and 16 more.")


@pytest.mark.parametrize("body", ["<html>", "{}", "[]", '{"data": {}}', '{"data": [1]}', "{"])
async def test_a_list_that_is_none(server: ScriptedServer, body: str) -> None:
    server.faults[LISTING] = [plain(body)]
    assert "its /models is no list" in str(await refuse(server.base_url))


async def test_an_address_that_lacks_its_end(server: ScriptedServer) -> None:
    fault = await refuse(server.base_url.removesuffix("/v1"))
    assert "Add /v1 to the end of base_url" in str(fault)


async def test_a_list_that_does_not_come(server: ScriptedServer) -> None:
    server.faults[LISTING] = [Fault(hang=True)]
    fault = await refuse(server.base_url, timeout=0.3)
    assert "/models took longer than 0.3 s" in str(fault)
