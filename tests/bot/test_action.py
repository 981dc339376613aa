"""The action's own steps, run as a runner would: what they get, what they pass on, and that no text acts."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bot.hub_server import Served, serving
from bot.test_whole_path import BOT, MODEL_KEY, Office, model
from main_job import endpoint
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / "action.yml"
EXAMPLE = ROOT / "docs" / "examples" / "github.yml"
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(path)
    return found


@dataclass
class Runner:
    """Runs the steps of the composite action, as far as it uses expressions."""

    folder: Path
    variables: Mapping[str, str]
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    def run(self, inputs: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
        """Run the action; return its outputs."""
        action = read(ACTION)
        given = {name: str(one.get("default", "")) for name, one in action["inputs"].items()} | dict(inputs)
        assert not inputs.keys() - action["inputs"].keys()
        for step in action["runs"]["steps"]:
            if self._wanted(step.get("if", ""), given):
                self._step(step, given, environment)
        return {name: self._value(one["value"], given) for name, one in action["outputs"].items()}

    def _wanted(self, condition: str, inputs: Mapping[str, str]) -> bool:
        if not condition:
            return True
        match = re.fullmatch(r"inputs\.(\w+) == '(\w+)'", condition)
        assert match is not None, condition
        return inputs[match[1]] == match[2]

    def _value(self, text: str, inputs: Mapping[str, str]) -> str:
        def value(match: re.Match[str]) -> str:
            kind, _, name = match[1].partition(".")
            if kind == "inputs":
                return inputs[name]
            step, _, output = name.partition(".outputs.")
            assert kind == "steps", match[1]
            return self.outputs.get(step, {}).get(output, "")

        return _EXPRESSION.sub(value, text)

    def _step(
        self, step: Mapping[str, Any], inputs: Mapping[str, str], environment: Mapping[str, str]
    ) -> None:
        assert step["shell"] == "bash"
        output = self.folder / "output"
        output.write_text("")
        own = {name: self._value(str(value), inputs) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder / "workspace", capture_output=True, text=True, check=False,
            env={**self.variables, **environment, "GITHUB_OUTPUT": str(output), **own},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert BOT not in done.stdout + done.stderr
        lines = [line.partition("=") for line in output.read_text().splitlines()]
        self.outputs[step.get("id", "")] = {name: value for name, _, value in lines}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "hosted").mkdir()
    with serving(tmp_path / "hosted") as found:
        yield found
    assert found.wrong == []


@pytest.fixture
def office(tmp_path: Path, served: Served) -> Office:
    return Office(tmp_path, served)


@pytest.fixture
def runner(tmp_path: Path, office: Office) -> Runner:
    """A runner whose job has a checkout, and on which the command is installed already."""
    program = tmp_path / "temp" / "swe-scale-venv" / "bin" / "swe-scale"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m swe_scale "$@"\n')
    program.chmod(0o755)
    office.repository.rename(tmp_path / "workspace")
    config = tmp_path / "xdg-config" / "swe-scale" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[github]\napi = "{office.served.api}"\n')
    variables = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg-config"), "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_ACTION_PATH": str(ROOT), "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_PATH": str(office.event()), "GITHUB_SERVER_URL": office.served.url,
        "GITHUB_REPOSITORY": "ada/stats", "GITHUB_RUN_ID": "7",
    }  # fmt: skip
    return Runner(tmp_path, variables)


def test_three_jobs_end_in_a_pull_request(runner: Runner, office: Office) -> None:
    workspace = runner.folder / "workspace"
    admitted = runner.run({"job": "admit", "token": BOT}, {})
    assert admitted["go"] == "true"
    office.served.asked.clear()
    with model() as server:
        arguments = ("--sandbox", "local", "--samples", "3", *endpoint(server.base_url))
        given = {"job": "solve", "arguments": "\n".join((*arguments, "")), "token": BOT}
        solved = runner.run(given, {"OPENAI_API_KEY": MODEL_KEY, "GITHUB_TOKEN": BOT})
    assert solved["proposed"] == "true"
    assert office.served.asked == []
    handed = {path.name for path in (workspace / "swe-scale").iterdir()}
    assert handed >= {"brief.json", "handover.json", "fix.diff", "report.html"}
    for path in (workspace / "swe-scale").iterdir():
        assert not any(secret.encode() in path.read_bytes() for secret in (BOT, MODEL_KEY))
    for _ in range(2):
        runner.run({"job": "deliver", "token": BOT, "arguments": "--min-confidence\n0.1\n"}, {})
    [pull] = office.hosted.pulls.values()
    assert f"{office.served.url}/ada/stats/actions/runs/7" in (pull.issue.body or "")
    assert not (workspace / "x").exists() and not (workspace / "y").exists()


def test_a_doubtful_patch_is_a_comment_and_no_failure(runner: Runner, office: Office) -> None:
    runner.run({"job": "admit", "token": BOT}, {})
    with model() as server:
        arguments = (
            "--sandbox",
            "local",
            "--samples",
            "3",
            "--min-confidence",
            "1",
            *endpoint(server.base_url),
        )
        solved = runner.run(
            {"job": "solve", "arguments": "\n".join(arguments)}, {"OPENAI_API_KEY": MODEL_KEY}
        )
    assert solved["proposed"] == "false"
    runner.run({"job": "deliver", "token": BOT}, {})
    assert office.hosted.pulls == {}
    assert "has no patch that it would propose" in office.asked.comments[-1].body


def test_an_event_that_asks_for_nothing_stops_there(runner: Runner, office: Office) -> None:
    event = json.loads(office.event().read_text())
    office.event(sender=event["sender"] | {"type": "Bot"})
    assert runner.run({"job": "admit", "token": BOT}, {})["go"] == "false"
    assert not (runner.folder / "workspace" / "swe-scale" / "brief.json").exists()


def test_arguments_are_lines_and_nothing_in_them_acts(runner: Runner) -> None:
    runner.run({"job": "admit", "token": BOT}, {})
    hostile = "--base-url\n$(touch ../x) `touch ../y`\n--model\n*; touch ../z\n"
    with pytest.raises(AssertionError, match=r"\$\(touch"):
        runner.run({"job": "solve", "arguments": hostile}, {})
    assert not [name for name in "xyz" if (runner.folder / name).exists()]


def test_nothing_of_the_checkout_runs_where_the_action_is_installed(tmp_path: Path) -> None:
    for name in ("venv", "pip", "sys", "ensurepip", "types"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')\n")
    environment = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(tmp_path / "temp"), "PIP_NO_INDEX": "1"}
    install = ROOT / "scripts" / "action" / "install"
    done = subprocess.run(
        [install], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "No matching distribution" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_no_expression_stands_in_a_shell_line() -> None:
    for step in read(ACTION)["runs"]["steps"]:
        assert not _EXPRESSION.search(step["run"])
    jobs = read(EXAMPLE)["jobs"]
    for step in [step for job in jobs.values() for step in job["steps"]]:
        assert not _EXPRESSION.search(step.get("run", ""))


def test_the_example_keeps_rights_apart() -> None:
    jobs = read(EXAMPLE)["jobs"]
    assert read(EXAMPLE)["permissions"] == {}
    assert jobs["solve"]["permissions"] == {"contents": "read"}
    assert "github.token" not in str(jobs["solve"])
    assert set(jobs["admit"]["permissions"].values()) == {"read"}
    for name in ("admit", "deliver"):
        assert "secrets." not in str(jobs[name])
        assert not [step for step in jobs[name]["steps"] if "checkout" in step.get("uses", "")]
    checkout = next(step for step in jobs["solve"]["steps"] if "checkout" in step.get("uses", ""))
    assert checkout["with"]["persist-credentials"] is False


def test_linters_find_nothing_in_the_example(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    text = EXAMPLE.read_text().replace("OWNER/swe-scale@REF", f"owner/swe-scale@{'a' * 40} # v1.0.0")
    (folder / "swe-scale.yml").write_text(text)
    (tmp_path / "action.yml").write_text(ACTION.read_text())
    tools = Path(sys.executable).parent
    for command in (
        ("zizmor", "--offline", "--no-progress", "--strict-collection", str(tmp_path)),
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(folder / "swe-scale.yml")),
        ("check-jsonschema", "--builtin-schema", "vendor.github-actions", str(tmp_path / "action.yml")),
        ("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(EXAMPLE.with_name("gitlab.yml"))),
    ):
        done = subprocess.run([tools / command[0], *command[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
