import re
import shlex
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
import pytest
from keeper_kit import KEEPER, LIMITS, PORT, ask, keeper, opened, sh
from sandbox_kit import ISOLATING

from swe_scale.config import Limits, Local, SandboxConfig
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events
from swe_scale.records import Environment, Execution, File, Service
from swe_scale.sandbox import Recipe, Template, open_backend
from swe_scale.sandbox.services import beside, require_sound
from swe_scale.sandbox.services.beside import ServedTemplate

pytestmark = pytest.mark.anyio
isolating = pytest.mark.parametrize("config", ISOLATING, indirect=True)


@pytest.fixture
async def served(
    config: SandboxConfig, environment: Environment, template: Template
) -> AsyncIterator[Template]:
    async with opened(config, environment, keeper()) as found:
        yield found


async def test_a_service_is_there_for_each_command_and_fresh_for_each_cell(served: Template) -> None:
    async with served.fork() as sandbox:
        first = await sh(sandbox, ask("SET one"))
        again = await sh(sandbox, f"{ask('SET two')}; cat ~/stopped")
    async with served.fork() as other:
        fresh = await sh(other, ask("GET"))
    assert (first.exit_code, first.output) == (0, "one\n"), first.output
    assert (again.exit_code, again.output) == (0, "one\ntwo\nstopped\n"), again.output
    assert (fresh.exit_code, fresh.output) == (0, "nothing\n"), fresh.output


async def test_the_command_is_as_it_would_be_alone(served: Template) -> None:
    line = (
        "read -r first; echo got $first; python -c 'import signal; "
        "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, "
        "signal.getsignal(signal.SIGTERM))'; exit 42"
    )
    async with served.fork() as sandbox:
        ran = await sh(sandbox, line, stdin=b"word\nrest\n")
        grouped = await sh(sandbox, "trap 'echo heard' TERM; kill -TERM 0; echo on")
        killed = await sh(sandbox, "kill -9 $$")
        missing = [await sandbox.run([name], limits=LIMITS) for name in ("no-such-program", "stop", "exit")]
        assert await sandbox.snapshot() == {}
    assert (ran.exit_code, ran.output) == (42, f"got word\nTrue {int(signal.SIG_DFL)}\n") or (
        ran.exit_code,
        ran.output,
    ) == (42, "got word\nTrue Handlers.SIG_DFL\n")
    assert grouped.output == "heard\non\n"
    assert (killed.exit_code, killed.timed_out) == (137, False)
    assert [each.exit_code for each in missing] == [127, 127, 127]


async def test_the_start_is_not_counted_and_the_deadline_is_the_command_s(
    config: SandboxConfig, environment: Environment, template: Template
) -> None:
    limits = Limits(seconds=1.5)
    async with opened(config, environment, keeper("sleep 2; ")) as slow, slow.fork() as sandbox:
        quick = await sandbox.run(["true"], limits=limits)
        hung = await sh(sandbox, f"{ask('SET kept')}; sleep 600", limits)
        after = await sh(sandbox, ask("GET"))
    assert (quick.exit_code, quick.timed_out) == (0, False), quick.output
    assert (hung.exit_code, hung.timed_out, hung.limit) == (None, True, "wall")
    assert hung.output.splitlines()[0] == "kept" and after.output == "kept\n"
    assert quick.seconds < 1.5


async def test_a_service_that_the_command_kills_is_its_own_loss(served: Template) -> None:
    async with served.fork() as sandbox:
        died = await sh(sandbox, f"{ask('SET kept')}; {ask('DIE')}; {ask('GET')} 2>&1 | tail -n 1; exit 7")
        again = await sh(sandbox, ask("GET"))
    assert died.exit_code == 7
    assert "ConnectionRefused" in died.output
    assert (again.exit_code, again.output) == (0, "kept\n")


BROKEN = {
    "ends": (keeper("echo no room >&2; exit 3; "), "ended with exit code 3", "no room"),
    "never ready": (keeper(ready="echo looked; false"), "isn't ready in time", "looked"),
    "ready never ends": (keeper(ready="sleep 600"), "isn't ready in time", "ready to keep"),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_service_that_does_not_come_up_is_named_before_anything_runs(
    config: SandboxConfig,
    environment: Environment,
    template: Template,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(beside, "PATIENCE", 2)
    monkeypatch.setattr(beside, "_TRIED", Limits(seconds=1))
    service, what, said = BROKEN[kind]
    with pytest.raises(EnvironmentFailure) as failure:
        async with opened(config, environment, service):
            pass
    assert f"the service keeper {what}" in str(failure.value)
    assert said in str(failure.value)
    bare = ServedTemplate(template, (service,), "", config.kind == "local")
    async with bare.fork() as sandbox:
        with pytest.raises(SandboxError, match="the service keeper"):
            await sandbox.run(["true"], limits=Limits(seconds=1))


async def test_a_port_that_is_taken_is_said(
    config: SandboxConfig, environment: Environment, template: Template
) -> None:
    greedy = f"python -c {shlex.quote(KEEPER)} {PORT + 1} & "
    first = keeper(greedy, ready=f"{ask('GET')} && {ask('GET', PORT + 1)}")
    second = keeper(name="second", port=PORT + 1)
    with pytest.raises(EnvironmentFailure, match=f"the service second finds its port {PORT + 1} taken"):
        async with opened(config, environment, first, second):
            pass


async def test_a_change_that_breaks_a_service_fails_by_itself(
    config: SandboxConfig, environment: Environment, template: Template
) -> None:
    service = keeper("sh ./tool.sh || exit 4; ", variables={"KEEPER": "a b'c"})
    broken = File(mode="100755", data=b"echo broken tool; exit 1\n")
    async with opened(config, environment, service) as found, found.fork() as sandbox:
        fine = await sh(sandbox, f"cat {sandbox.scratch}/services/keeper.log")
        await sandbox.write(sandbox.workdir, {"tool.sh": broken})
        ran = await sh(sandbox, "echo never")
    assert "ready to keep a b'c" in fine.output
    assert (ran.exit_code, ran.timed_out) == (125, False)
    assert "ended with exit code 4" in ran.output and "broken tool" in ran.output
    assert "never" not in ran.output


async def test_cells_at_the_same_time_have_services_of_their_own(served: Template) -> None:
    said: dict[str, Execution] = {}

    async def use(name: str) -> None:
        async with served.fork() as sandbox:
            said[name] = await sh(sandbox, f"{ask(f'SET {name}')}; sleep 1; {ask('GET')}")

    async with anyio.create_task_group() as tasks:
        for name in ("one", "two"):
            tasks.start_soon(use, name)
    assert {name: ran.output for name, ran in said.items()} == {"one": "one\none\n", "two": "two\ntwo\n"}


@isolating
async def test_nobody_outside_reaches_it_and_it_reaches_nobody(served: Template) -> None:
    reached: list[int] = []
    over = anyio.Event()

    async def knock() -> None:
        while not over.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", PORT), timeout=1):
                reached.append(PORT)
            await anyio.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as host:
        async with anyio.create_task_group() as tasks, served.fork() as sandbox:
            tasks.start_soon(knock)
            ran = await sh(sandbox, f"{ask('SET in')}; sleep 1; {ask('GET', host.getsockname()[1])} 2>&1")
            over.set()
    assert ran.output.startswith("in\n") and "ConnectionRefused" in ran.output
    assert reached == []


DECLARED = {
    "has no usable name": [Service(name="../x", port=1, command="true")],
    "needs either a `command` or an `image`": [Service(name="x", port=1)],
    "two services have the port 1": [Service(name=name, port=1, command="true") for name in "ab"],
    "two services have the name x": [Service(name="x", port=port, command="true") for port in (1, 2)],
    "has a variable with an unusable name: 'A B'": [
        Service(name="x", port=1, command="true", variables={"A B": "1"})
    ],
    "has a zero byte": [Service(name="x", port=1, command="tr\0ue")],
}


@pytest.mark.parametrize("problem", DECLARED)
def test_services_that_can_not_be_run_are_refused(problem: str) -> None:
    with pytest.raises(EnvironmentFailure, match=re.escape(problem)):
        require_sound(DECLARED[problem], None)


async def test_an_image_where_there_are_none_is_refused_before_anything_is_built() -> None:
    recipe = Recipe(services=(Service(name="redis", port=6379, image="redis:7"),))
    async with open_backend(Local(), "tests", Events()) as backend:
        with pytest.raises(
            EnvironmentFailure, match="redis:7, which the local sandbox can't run; use --sand"
        ):
            await backend.identity(recipe)
