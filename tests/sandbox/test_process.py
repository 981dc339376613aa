from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.sandbox.process import Command, Output, run_process


def nothing() -> None:
    return None


@given(st.lists(st.binary(max_size=700)), st.integers(256, 1000))
def test_output_keeps_what_fits_and_counts_the_rest(chunks: list[bytes], limit: int) -> None:
    output = Output(limit)
    for chunk in chunks:
        output.add(chunk)
    whole = b"".join(chunks)
    assert output.truncated == max(0, len(whole) - limit)
    if output.truncated:
        head, tail = whole[: limit - limit // 2], whole[len(whole) - limit // 2 :]
        assert output.text.startswith(head.decode("utf-8", "replace"))
        assert output.text.endswith(tail.decode("utf-8", "replace"))
    else:
        assert output.text == whole.decode("utf-8", "replace")


def test_output_is_held_in_little_memory() -> None:
    output = Output(1024)
    for _ in range(10_000):
        output.add(b"x" * 1000)
        assert len(output._head) + len(output._tail) < 8 * 1024
    assert output.truncated == 10_000_000 - 1024


@pytest.mark.anyio
async def test_what_cannot_be_started_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no-such-program can't be started"):
        await run_process(Command(("no-such-program",), tmp_path, {}), Limits(), nothing)


@pytest.mark.anyio
async def test_a_process_that_escaped_cannot_hold_the_run_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swe_scale.sandbox.process.GRACE", 0.2)
    line = "sleep 20 & echo $! >pid; echo said"
    command = Command(("sh", "-c", line), tmp_path, {"PATH": "/usr/bin:/bin"})
    with anyio.fail_after(15):
        execution = await run_process(command, Limits(), nothing)
    assert execution.output == "said\n"
    assert execution.exit_code == 0
    await anyio.run_process(["kill", (tmp_path / "pid").read_text().strip()])
