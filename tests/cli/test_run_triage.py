"""A run with triage: an issue that says too little costs one or two calls, any other one call more."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from chat_protocol import Fault
from main_job import ALSO_RIGHT, RIGHT, Desk, assert_clean, endpoint, replies
from scripted_server import ScriptedServer

UNCLEAR = json.dumps(
    {"reason": "It names no behaviour.", "verdict": "unclear", "missing": ["Which function fails?"]}
)
PROCEED = json.dumps({"reason": "mean([]) is to return 0.0.", "verdict": "proceed", "missing": []})


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def written(*opinions: str) -> dict[str, str]:
    told = {f"triage/{number:02}": text for number, text in enumerate(opinions, start=1)}
    return {f"issue/{step}": text for step, text in (replies((RIGHT, ALSO_RIGHT)) | told).items()}


def options(server: ScriptedServer, *more: str) -> tuple[str, ...]:
    return ("--samples", "2", "--json", *more, *endpoint(server.base_url))


def test_an_unclear_issue_costs_two_calls_and_says_what_is_missing(desk: Desk) -> None:
    # A set-up that would leave a trace, had it been run.
    (desk.folder / "env.toml").write_text(f'[environment]\nsetup = ["touch {desk.folder}/built"]\n')
    more = ("--triage", "--name", "vague", "--environment", str(desk.folder / "env.toml"))
    with ScriptedServer(written(UNCLEAR, UNCLEAR)) as server:
        ran = desk.solve(*options(server, *more))
        again = desk.solve(*options(server, *more))
        assert [call.step for call in server.calls] == ["issue/triage/01", "issue/triage/02"]
        seeds = [call.body["seed"] for call in server.calls]
        assert len({*seeds}) == 2
    assert_clean(ran, 3)
    answer = json.loads(ran.stdout)
    assert answer["outcome"] == "abstained" and "(1) Which function fails?" in answer["reason"]
    assert [one["action"] for one in answer["decisions"]] == ["triage", "stop"]
    assert [one["number"] for one in answer["decisions"]] == [1, 2]
    assert answer["stages"].keys() == {"triage"} and answer["usage"]["calls"] == 2
    assert not (desk.folder / "built").exists()
    assert again.returncode == 3 and json.loads(again.stdout) == answer
    assert "decision issue: triage: unclear" in ran.stderr
    for command in (["resume", "vague"], ["report", "vague"], ["export", "vague", "--to", "tables"]):
        shown = desk.run(*command)
        assert_clean(shown, 3 if command[0] == "resume" else 0)
    assert '"triage"' in (desk.folder / "tables/decisions.jsonl").read_text()
    assert "Which function fails?" in (desk.folder / "runs/vague/report.html").read_text()


def test_a_clear_issue_is_solved_and_the_decision_is_its_first(desk: Desk) -> None:
    with ScriptedServer(written(PROCEED)) as server:
        ran = desk.solve(*options(server, "--triage"))
        assert server.calls[0].step == "issue/triage/01"
        opening = server.calls[0].body["messages"][1]["content"].partition("# What you do")[0]
        others = [call.body["messages"][1]["content"] for call in server.calls if "trajectory" in call.step]
        assert others and all(text.startswith(opening) for text in others)
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    decisions = answer["decisions"]
    assert [one["number"] for one in decisions] == list(range(1, len(decisions) + 1))
    assert decisions[0]["action"] == "triage" and "mean([]) is to return 0.0" in decisions[0]["reason"]
    assert answer["stages"]["triage"]["calls"] == 1 and {"triage", "environment"} <= answer["seconds"].keys()


def test_without_it_nothing_is_asked_and_the_run_has_the_same_name(desk: Desk) -> None:
    with ScriptedServer(written(UNCLEAR, UNCLEAR)) as server:
        plain, without = (desk.solve(*options(server, *more)) for more in ((), ("--no-triage",)))
        assert not [call for call in server.calls if "triage" in call.step]
    assert plain.returncode == without.returncode == 0
    assert json.loads(plain.stdout) == json.loads(without.stdout), "the second took everything from the first"


def test_a_model_of_its_own_by_the_configuration(desk: Desk) -> None:
    with ScriptedServer(written(PROCEED)) as server, ScriptedServer(written(PROCEED)) as cheap:
        config = desk.folder / "config.toml"
        config.write_text(
            'triage = true\n[stages]\ntriage = "cheap"\n[sampling.triage]\nreply_tokens = 300\n'
            f'[models.default]\nkind = "openai"\nbase_url = "{server.base_url}"\nmodel = "scripted"\n'
            f'[models.cheap]\nkind = "openai"\nbase_url = "{cheap.base_url}"\nmodel = "scripted"\n'
        )
        ran = desk.solve("--samples", "2", "--config", str(config), "--json")
        off = desk.solve("--samples", "2", "--config", str(config), "--json", "--no-triage")
        assert [call.step for call in cheap.calls] == ["issue/triage/01"]
        assert cheap.calls[0].body["max_tokens"] == 300
    assert_clean(ran, 0)
    assert_clean(off, 0)
    config.write_text(config.read_text().replace('triage = "cheap"', 'triage = "cheep"'))
    assert_clean(desk.solve("--config", str(config)), 2, "stage 'triage' wants the model 'cheep'")


@pytest.mark.parametrize("which", ["01", "02"])
def test_killed_while_it_is_asked_it_goes_on(desk: Desk, which: str) -> None:
    with ScriptedServer(written(UNCLEAR, PROCEED)) as server:
        server.faults[f"issue/triage/{which}"] = [Fault(hang=True)]
        command = desk.command(
            "run", str(desk.issue), "--repo", "repo", "--sandbox", "local",
            *options(server, "--triage", "--name", "killed"),
        )  # fmt: skip
        process = subprocess.Popen(
            command, cwd=desk.folder, env=desk.variables(),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        server.wait_until(lambda: server.in_flight == 1 and len(server.calls) == int(which) - 1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        ran = desk.run("resume", "killed", "--json")
        finished = [call.step for call in server.calls if call.outcome == "finished"]
    assert_clean(ran, 0)
    assert len(finished) == len({*finished}), "nothing was paid twice"
    assert json.loads(ran.stdout)["decisions"][0]["reason"].endswith("they differ, so it is begun")
