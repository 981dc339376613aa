from collections.abc import AsyncIterator
from pathlib import Path
from secrets import token_hex

import pytest

from swe_scale.config import Bubblewrap, Limits, Network
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Event, Events
from swe_scale.sandbox import Recipe, Sandbox
from swe_scale.sandbox.bubblewrap import BubblewrapBackend, open_bubblewrap

pytestmark = [pytest.mark.anyio, pytest.mark.bubblewrap]
LIMITS = Limits(seconds=60)


SMALL = Limits(seconds=60, memory=256 * 1024**2, disk=1024**2)


@pytest.fixture
async def ungrouped(bubblewrap_config: Bubblewrap, tree: Path) -> AsyncIterator[Sandbox]:
    """A sandbox on a host where no control group can be made, with its work tree in the home."""
    backend = BubblewrapBackend(bubblewrap_config, None, Events(), Network())
    environment = await backend.build(Recipe(workdir="/home/user/project"), tree, token_hex(8))
    async with backend.open(environment) as template, template.fork(SMALL) as sandbox:
        yield sandbox


async def test_the_host_is_not_to_be_seen(ungrouped: Sandbox, tmp_path: Path) -> None:
    line = (
        "id -u; pwd; ls -A /home /tmp /scratch | sort | tr -s '\\n' ' ';"
        f"ls /etc/shadow {tmp_path} 2>&1 | grep -c No;"
        "touch /usr/x /etc/x /x 2>&1 | grep -c Read-only; hostname;"
        "grep -c : /proc/net/dev; ls /proc/self/fd | wc -l"
    )
    found = (await ungrouped.run(["sh", "-c", line], limits=LIMITS)).output.splitlines()
    assert found == [
        "1000",
        "/home/user/project",
        " /home: /scratch: /tmp: user 2",
        "3",
        "sandbox",
        "1",
        "4",
    ]


async def test_limits_hold_without_control_groups(ungrouped: Sandbox) -> None:
    line = (
        "python3 -c 'x = bytearray(1 << 30); print(1)' 2>&1 | tail -n 1;"
        "head -c 2000000 /dev/zero >big; wc -c <big"
    )
    ran = await ungrouped.run(["sh", "-c", line], limits=SMALL)
    assert ran.output.splitlines()[0] == "MemoryError"
    assert int(ran.output.splitlines()[-1]) <= 1024**2
    assert ran.limit == "disk"


async def test_what_it_cannot_do_is_said(tree: Path) -> None:
    backend = BubblewrapBackend(Bubblewrap(python="/no/such/python"), None, Events(), Network())
    with pytest.raises(SandboxError, match="can't start from the image x"):
        await backend.build(Recipe(image="x"), tree, "d")
    for place in ("relative", "/", "/usr/src", "/etc"):
        with pytest.raises(SandboxError, match="can't put the work tree at"):
            await backend.build(Recipe(workdir=place), tree, "d")
    with pytest.raises(EnvironmentFailure, match=r"/no/such/python can't be run.*name another"):
        await backend.build(Recipe(), tree, "d")


async def test_it_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swe_scale.sandbox.bubblewrap.PATH", "/nonexistent")
    with pytest.raises(SandboxError, match="isn't installed"):
        async with open_bubblewrap(Bubblewrap(), "tests", Events(), Network()):
            pass


async def test_what_the_host_cannot_hold_is_allowed_or_refused(
    bubblewrap_config: Bubblewrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swe_scale.sandbox.bubblewrap.Groups.find", lambda: None)
    said: list[Event] = []
    with pytest.raises(SandboxError, match=r"memory of all .*, CPUs: .*\n.*--allow-unbounded"):
        async with open_bubblewrap(bubblewrap_config, "tests", Events(), Network()):
            pass
    allowed = bubblewrap_config.model_copy(update={"allow_unbounded": True})
    async with open_bubblewrap(allowed, "tests", Events([said.append]), Network()):
        pass
    assert [event.kind for event in said] == ["note"]
    assert "no limit can be held here on the memory of all processes together, CPUs" in said[0].text
