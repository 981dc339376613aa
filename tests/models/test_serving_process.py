"""Real processes: a server comes up, crashes, is started again or given up, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from serving_kit import acting, alive, all_gone, ask, described, keeper_of, launch, noted, reach

from swe_scale.config import Serve
from swe_scale.errors import ModelError, UsageError
from swe_scale.models.serving import Launch, Served, kept_alive, prepare, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return described(tmp_path / "small")


async def running_again(place: Path, starts: int) -> None:
    await reach(lambda: len(noted(place, "servers")) >= starts)


async def crash(launched: Launch, said: list[str]) -> None:
    async with kept_alive(launched, said.append) as served:
        await ask(served.base_url, "/crash")
        await anyio.sleep_forever()


async def test_a_server_answers_and_ends(tmp_path: Path, model: Path) -> None:
    said: list[str] = []
    async with serving(str(model), acting(tmp_path, ACT_AFTER=0.3), said.append) as served:
        assert served == Served(served.base_url, "acted", 4096)
        assert not all_gone(tmp_path)
    assert all_gone(tmp_path)
    assert said[-1].startswith("starting the server; its log is ")


@pytest.mark.parametrize("kind", ["mild", "stubborn", "hopping"])
async def test_engines_in_sessions_of_their_own_end_too(tmp_path: Path, model: Path, kind: str) -> None:
    start = await launch(model, acting(tmp_path, ACT_ENGINE=kind), grace=0.5)
    async with kept_alive(start, lambda _: None):
        await reach(lambda: bool(noted(tmp_path, "engines")))
        assert kind == "hopping" or alive(noted(tmp_path, "engines")[0])
    assert all_gone(tmp_path)


async def test_a_server_that_ignores_the_wish_to_end_is_killed(tmp_path: Path, model: Path) -> None:
    start = await launch(model, acting(tmp_path, ACT_IGNORES_TERM=1), grace=0.2)
    async with kept_alive(start, lambda _: None):
        pass
    assert all_gone(tmp_path)


async def test_a_crash_leads_to_another_start(tmp_path: Path, model: Path) -> None:
    said: list[str] = []
    start = await launch(model, acting(tmp_path, ACT_ENGINE="mild"), steady=0.0)
    async with kept_alive(start, said.append) as served:
        for starts in (2, 3, 4):
            await ask(served.base_url, "/crash")
            await running_again(tmp_path, starts)
            await reach(lambda: len(said) == 2 * (len(noted(tmp_path, "servers")) - 1))
        assert [alive(one) for one in noted(tmp_path, "servers")] == [False, False, False, True]
    assert all_gone(tmp_path)
    # It had run well long enough each time, so that no crash counts as one in a row.
    assert said[0] == "the server ended with status 7; starting it again in 0.01 s (1 of 5)"
    assert [line for line in said if "(2 of 5)" in line] == []


async def test_crashes_in_a_row_wait_longer_and_end_it(tmp_path: Path, model: Path) -> None:
    said: list[str] = []
    start = await launch(model, acting(tmp_path, ACT_FAILS_FROM=2), restarts=3)
    with pytest.raises(
        ModelError, match=r"ended with status 2 before it answered.*crash 4 in a row"
    ) as caught:
        await crash(start, said)
    assert "no such flag: --wrong" in str(caught.value)
    assert [line.partition("again in ")[2] for line in said] == [
        "0.01 s (1 of 3)", "0.02 s (2 of 3)", "0.04 s (3 of 3)",
    ]  # fmt: skip
    assert all_gone(tmp_path)


async def test_a_server_that_says_it_is_not_well_is_started_again(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swe_scale.models.serving.supervision._LOOK", 0.02)
    said: list[str] = []
    async with kept_alive(await launch(model, acting(tmp_path)), said.append) as served:
        await ask(served.base_url, "/sicken")
        await running_again(tmp_path, 2)
    assert said[0].startswith("the server says that it isn't well any more; starting it again")
    assert all_gone(tmp_path)


async def test_a_server_that_cannot_start_is_not_tried_again(tmp_path: Path, model: Path) -> None:
    settings = acting(tmp_path, ACT_FAILS_FROM=1, ACT_SAYS="\x1b[31mred")
    with pytest.raises(ModelError) as caught:
        async with serving(str(model), settings, lambda _: None):
            pytest.fail("it runs")
    text = str(caught.value)
    assert "ended with status 2 before it answered" in text
    assert "no such flag: --wrong" in text
    assert "\x1b" not in text and "�[31mred" in text
    assert len(noted(tmp_path, "servers")) == 1


async def test_a_server_that_never_answers_is_ended(tmp_path: Path, model: Path) -> None:
    settings = acting(tmp_path, ACT_AFTER=600).model_copy(update={"start_seconds": 0.5})
    with pytest.raises(ModelError, match=r"didn't answer within 0.5 s"):
        async with serving(str(model), settings, lambda _: None):
            pytest.fail("it runs")
    assert all_gone(tmp_path)


async def test_the_log_is_bounded_and_private(tmp_path: Path, model: Path) -> None:
    start = await launch(model, acting(tmp_path, ACT_CHATTERS=20_000))
    async with kept_alive(start, lambda _: None):
        pass
    logs = sorted(start.log.parent.iterdir())
    assert [one.name for one in logs] == [start.log.name, f"{start.log.name}.1"]
    assert all(0 < one.stat().st_size <= 8 * 1024**2 and one.stat().st_mode & 0o077 == 0 for one in logs)
    assert logs[0].read_text().rstrip().endswith(f"{19_999:09d} {'x' * 1000}")


async def test_secrets_of_ours_stay_here(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "VLLM_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, f"canary-of-{name}")
    settings = acting(tmp_path)
    async with serving(str(model), settings, lambda _: None) as served:
        theirs = await ask(served.base_url, "/variables")
    assert theirs["HF_TOKEN"] == "canary-of-HF_TOKEN" and theirs["VLLM_API_KEY"] == "canary-of-VLLM_API_KEY"
    assert {"GITHUB_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY"}.isdisjoint(theirs)


async def test_secrets_never_turn_up_in_an_error(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary1234")
    settings = acting(tmp_path, ACT_FAILS_FROM=1, ACT_SAYS="token=hf_canary1234")
    with pytest.raises(ModelError) as caught:
        async with serving(str(model), settings, lambda _: None):
            pytest.fail("it runs")
    assert "hf_canary1234" not in str(caught.value) and "token=[HF_TOKEN]" in str(caught.value)


async def test_a_key_in_the_configuration_is_refused(model: Path) -> None:
    with pytest.raises(UsageError, match="VLLM_API_KEY: set it in the environment"):
        await prepare(str(model), Serve(variables={"VLLM_API_KEY": "x"}))


async def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path, model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = acting(tmp_path).model_copy(update={"port": port})
        with pytest.raises(ModelError, match=f"port {port} of 127.0.0.1 is in use"):
            async with serving(str(model), settings, lambda _: None):
                pytest.fail("it runs")
    assert noted(tmp_path, "servers") == []


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a\0b"])
async def test_a_host_that_is_not_here_is_refused(tmp_path: Path, model: Path, host: str) -> None:
    settings = acting(tmp_path).model_copy(update={"host": host, "port": 8000})
    with pytest.raises(UsageError, match="listen at"):
        async with serving(str(model), settings, lambda _: None):
            pytest.fail("it runs")


@pytest.mark.parametrize(
    ("command", "says"),
    [(("vllm", "serve"), r"pip install 'swe-scale\[vllm\]'"), (("no-such-program",), "mend `command`")],
)
async def test_a_program_that_is_not_there_is_named(
    model: Path, command: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ModelError, match=says):
        async with serving(str(model), Serve(command=command, port=0), lambda _: None):
            pytest.fail("it runs")


async def test_cancelling_a_start_leaves_nothing(tmp_path: Path, model: Path) -> None:
    with anyio.move_on_after(30) as scope:
        async with anyio.create_task_group() as group:

            async def start() -> None:
                async with serving(str(model), acting(tmp_path, ACT_AFTER=600), lambda _: None):
                    pytest.fail("it runs")

            group.start_soon(start)
            await running_again(tmp_path, 1)
            group.cancel_scope.cancel()
    assert not scope.cancelled_caught
    assert all_gone(tmp_path)


SERVES = """
import sys, anyio
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from serving_kit import acting
from swe_scale.models.serving import serving

async def main():
    settings = acting(Path(sys.argv[3]), ACT_ENGINE="mild")
    async with serving(sys.argv[2], settings, lambda _: None):
        print("up", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_nothing_outlives_us(tmp_path: Path, model: Path, number: signal.Signals) -> None:
    kit = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", SERVES, kit, str(model), str(tmp_path)]
    async with await anyio.open_process(command, stderr=subprocess.DEVNULL) as ours:
        assert ours.stdout is not None and (await ours.stdout.receive()).startswith(b"u")
        await reach(lambda: bool(noted(tmp_path, "engines")))
        assert not all_gone(tmp_path)
        ours.send_signal(number)
        await ours.wait()
    await reach(lambda: all_gone(tmp_path))


async def test_a_killed_keeper_takes_the_server_with_it(tmp_path: Path, model: Path) -> None:
    async with kept_alive(await launch(model, acting(tmp_path)), lambda _: None):
        [server] = noted(tmp_path, "servers")
        os.kill(keeper_of(server), signal.SIGKILL)
        await running_again(tmp_path, 2)
        assert not alive(server)
    assert all_gone(tmp_path)
