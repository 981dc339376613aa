"""Workflows are well-formed, hold no more rights than they need, and trust nobody's text nor moving tags."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packages_kit import ROOT
from ruamel.yaml import YAML

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
TOOLS = Path(sys.executable).parent
USES = re.compile(r"uses: (?P<action>\S+)@(?P<commit>[0-9a-f]{40}) # v\d+\.\d+\.\d+\n?")
USED = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
OUTPUT = re.compile(r"(needs|steps)\.([\w-]+)\.outputs\.([\w-]+)")
SIGNING = {"pypi", "image", "pages"}
Job = dict[str, Any]


def said(*command: str | Path) -> str:
    """Return what a linter finds; it passes if that is nothing."""
    done = subprocess.run([TOOLS / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(path)
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in read(path)["jobs"].values():
        yield from job["steps"]


def test_there_are_workflows() -> None:
    assert {path.name for path in WORKFLOWS} >= {"ci.yml", "release.yml"}


def test_zizmor_finds_nothing() -> None:
    offline = ("--offline", "--no-progress", "--strict-collection")
    assert said("zizmor", *offline, "--pedantic", ".github") == ""
    assert said("zizmor", *offline, ".") == ""


def test_the_schema_holds() -> None:
    assert said("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS) == ""
    pins = FOLDER.parent / "dependabot.yml"
    assert said("check-jsonschema", "--builtin-schema", "vendor.dependabot", pins) == ""


@pytest.mark.parametrize("bad", ["on: push\njobs: {a: {steps: []}}\n", "jobs: [\n"])
def test_the_schema_would_not_hold(bad: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(bad)
    assert said("check-jsonschema", "--builtin-schema", "vendor.github-workflows", tmp_path / "bad.yml")


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    title = "${{ github.event.issue.title }}"
    (tmp_path / "bad.yml").write_text(
        f"on: issues\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo {title}\n"
    )
    assert "template-injection" in said("zizmor", "--offline", "--no-progress", tmp_path / "bad.yml")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_rights_are_given_to_jobs_alone(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    assert all("permissions" in job and "timeout-minutes" in job for job in workflow["jobs"].values())
    assert "secrets." not in path.read_text()


def test_only_three_jobs_can_sign() -> None:
    jobs = {name: job for path in WORKFLOWS for name, job in read(path)["jobs"].items()}
    assert {name for name, job in jobs.items() if "id-token" in job["permissions"]} == SIGNING
    assert jobs["pypi"]["permissions"] == {"id-token": "write"}
    # What can sign for PyPI runs nothing of this repository.
    assert jobs["pypi"]["environment"] == "pypi"
    assert not [step for step in jobs["pypi"]["steps"] if "run" in step or "checkout" in step["uses"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_their_versions_told(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if "uses: " in line]
    found = [USES.search(line) for line in lines]
    assert lines and all(found)


def test_one_version_of_each_action() -> None:
    pins = {one.group() for path in WORKFLOWS for one in USES.finditer(path.read_text())}
    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_shell_lines_are_fixed_text(path: Path) -> None:
    for step in steps(path):
        if line := step.get("run"):
            assert not USED.search(line)
            assert subprocess.run(["bash", "-n"], input=line, text=True, capture_output=True).stderr == ""


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_is_referred_to_is_there(path: Path) -> None:
    jobs: dict[str, Job] = read(path)["jobs"]
    for job in jobs.values():
        needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
        assert set(needed) <= jobs.keys()
        known = {step["id"] for step in job["steps"] if "id" in step}
        for expression in USED.findall(str(job)):
            for where, name, output in OUTPUT.findall(expression):
                assert name in (needed if where == "needs" else known)
                assert where == "steps" or output in jobs[name]["outputs"]


def test_a_release_waits_for_what_it_must() -> None:
    workflow = read(FOLDER / "release.yml")
    assert workflow["on"] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}
    needs = {name: job.get("needs") for name, job in workflow["jobs"].items()}
    assert needs == {
        "build": None,
        "test": "build",
        "pypi": "test",
        "image": ["build", "test"],
        "site": "test",
        "pages": ["site", "pypi"],
        "release": ["build", "pypi", "image"],
    }
    built = [job for job in workflow["jobs"] if "hatchling build" in str(workflow["jobs"][job])]
    assert built == ["build"]
