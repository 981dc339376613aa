"""A clock on the wall that is set while something runs leaves no process behind, and no failure for ever."""

import os
import time
from pathlib import Path
from secrets import token_hex

import pytest
from hostile_kit import STUBBORN, running

from swe_scale.config import Limits, Local, cache_folder
from swe_scale.environment.attempts import Attempt, read_attempt, write_attempt
from swe_scale.events import Events
from swe_scale.sandbox import Recipe, open_backend

pytestmark = pytest.mark.anyio
YEAR = 365 * 86_400


@pytest.mark.parametrize("jump", [-YEAR, YEAR])
async def test_what_is_left_running_ends_with_its_command(
    tree: Path, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    real, mark = time.time, token_hex(8)
    async with open_backend(Local(), "tests", Events()) as backend:
        environment = await backend.build(Recipe(), tree, token_hex(8))
        async with backend.open(environment) as template, template.fork() as sandbox:
            monkeypatch.setattr(time, "time", lambda: real() + jump)
            ran = await sandbox.run(["python3", "-c", STUBBORN, mark, "0"], limits=Limits())
    assert ran.exit_code == 0 and ran.seconds < YEAR / 2
    assert running(mark) == []


@pytest.mark.parametrize(("age", "believed"), [(0, True), (3600, True), (2 * 86_400, False), (-YEAR, False)])
async def test_a_failure_is_believed_for_a_day(age: int, believed: bool) -> None:
    await write_attempt("0" * 16, Attempt(failure="the registry was down"))
    file = cache_folder() / "environments" / "attempts" / f"{'0' * 16}.json"
    then = time.time() - age
    os.utime(file, (then, then))
    found = await read_attempt("0" * 16)
    assert (found is not None) == believed
