"""A selection that is killed goes on with the same command, and pays nothing twice."""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from main_job import Desk, check, endpoint
from resume_kit import counted, finished, judging
from scripted_server import ScriptedServer
from select_kit import arguments, lay_out


def server(log: Path) -> ScriptedServer:
    """Return a model that writes checks which leave a line each time that they run."""

    def reply(step: str, _: object) -> str:
        place = step.partition("/")[2]
        if place.startswith("trajectory/"):
            return check(log, place[:13]) + ("<done/>\n" if place.endswith("02") else "")
        return 'It is right.\n<choose candidate="A"/>\n'

    return ScriptedServer(reply, delay=0.1)


def command(desk: Desk, base_url: str) -> list[str]:
    given = ("right.diff", "also.diff", "wrong.diff")
    options = ("--checks", "check.py", "--write-checks", "3", "--name", "killed", *endpoint(base_url))
    return desk.command(*arguments(desk, given, *options))


def essence(stdout: str) -> dict[str, Any]:
    answer = json.loads(stdout)
    return {key: answer[key] for key in ("outcome", "patch", "confidence", "decisions", "ranking")}


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_instants_it_ends_the_same_and_pays_nothing_twice(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    calm, desk = Desk(tmp_path / "calm"), Desk(tmp_path / "killed")
    for one in (calm, desk):
        lay_out(one)
    with server(calm.folder / "log") as model:
        undisturbed = subprocess.run(
            command(calm, model.base_url), cwd=calm.folder, env=calm.variables(),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert undisturbed.returncode == 0, undisturbed.stderr
    log, folder = desk.folder / "log", desk.folder / "runs" / "killed"
    before, paid = set[str](), Counter[str]()
    with server(log) as model:
        for _ in range(4):
            process = subprocess.Popen(
                command(desk, model.base_url), cwd=desk.folder, env=desk.variables(),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            more = chance.randrange(1, 9)
            while process.poll() is None and len(finished(folder)) < len(before) + more:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.wait()
            time.sleep(1.0)  # what it had started without isolation comes to its end
            calls = model.count("finished")
            assert not [step for step in before if (calls - paid)[step]], "a recorded call was made again"
            before, paid = finished(folder), calls
        cells, runs = {step for step in before if judging(step)}, counted(log)
        assert len(before) >= 4, "it was never under way"
        for path in desk.folder.glob("*.diff"):
            path.unlink()
        last = subprocess.run(
            desk.command("resume", "killed", "--json"), cwd=desk.folder, env=desk.variables(),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert last.returncode == 0, last.stderr
        again = model.count("finished") - paid
        assert not [step for step in before if again[step]], "a recorded call was made again"
    total = len([step for step in finished(folder) if judging(step)])
    assert (counted(log) - runs).total() <= total - len(cells), "a recorded execution was made again"
    assert essence(last.stdout) == essence(undisturbed.stdout)
