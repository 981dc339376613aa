"""The shell lines of the release workflow, run as a runner would: what they hand on, and what they refuse."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packages_kit import ROOT
from ruamel.yaml import YAML

JOBS: dict[str, Any] = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
GH = """#!/bin/sh
echo "$*" >>"$GH_LOG"
case "$*" in
  "release view "*) [ -n "$GH_RELEASED" ] ;;
  *"--method PATCH"*) [ -n "$GH_TAGGED" ] ;;
esac
"""
"""Stands in for GitHub's command: notes what it is asked, and says whether release and tag are there."""


def step(job: str, name: str) -> str:
    """Return the shell lines of a step."""
    [found] = [one for one in JOBS[job]["steps"] if one.get("name") == name]
    return str(found["run"])


def run(line: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run lines as the runner does where no shell is named."""
    script = folder / "step.sh"
    script.write_text(line)
    given = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "RUNNER_TEMP": str(folder), **variables}
    return subprocess.run(
        ["bash", "-e", script], cwd=folder, env=given, capture_output=True, text=True, check=False
    )


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Return a checkout whose version 1.2.3 was prepared."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "scripts" / "lib").mkdir(parents=True)
    source = ROOT / "scripts" / "lib" / "releasing.py"
    (tmp_path / "scripts" / "lib" / "releasing.py").write_text(source.read_text())
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "it"\nversion = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n- `$(touch x)` news.\n"
    )
    return tmp_path


def agree(folder: Path, tag: str) -> tuple[int, str]:
    """Return how the workflow's first check ends, and what it hands on."""
    output = folder / "output"
    output.write_text("")
    line = step("build", "Version, changelog and tag agree")
    done = run(line, folder, GITHUB_REF_NAME=tag, GITHUB_OUTPUT=str(output))
    return done.returncode, output.read_text()


def test_a_tag_that_agrees_hands_on_version_line_and_notes(released: Path) -> None:
    assert agree(released, "v1.2.3") == (0, "version=1.2.3\nline=v1\n")
    assert (released / "notes.md").read_text() == "- `$(touch x)` news.\n"
    assert not (released / "x").exists()


@pytest.mark.parametrize("tag", ["v1.2.4", "v1.2.30", "1.2.3", "v1", "v1.2.3$(touch x)", "--help"])
def test_a_tag_that_differs_hands_on_nothing(tag: str, released: Path) -> None:
    assert agree(released, tag) == (2, "")
    assert not (released / "x").exists()


def publish(folder: Path, **known: str) -> list[str]:
    """Return what the last job asks of GitHub."""
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "gh").write_text(GH)
    (folder / "bin" / "gh").chmod(0o755)
    (folder / "distributions").mkdir()
    for name in ("it-1.2.3.tar.gz", "it-1.2.3-py3-none-any.whl"):
        (folder / "distributions" / name).touch()
    log = folder / "log"
    given = {"GH_LOG": str(log), "GITHUB_REF_NAME": "v1.2.3", "GITHUB_SHA": "a" * 40, "GH_REPO": "o/r"}
    for name in ("Make the release, unless an earlier try did", "Move the tag that workflows name"):
        assert run(step("release", name), folder, LINE="v1", **given, **known).returncode == 0
    return log.read_text().splitlines()


def test_a_first_release_is_made_and_its_line_begun(tmp_path: Path) -> None:
    viewed, made, moved, begun = publish(tmp_path)
    assert viewed == "release view v1.2.3"
    assert made.startswith("release create v1.2.3 --verify-tag") and made.endswith(
        "distributions/it-1.2.3-py3-none-any.whl distributions/it-1.2.3.tar.gz"
    )
    assert moved.endswith(f"PATCH repos/o/r/git/refs/tags/v1 -f sha={'a' * 40} -F force=true")
    assert begun.endswith(f"POST repos/o/r/git/refs -f ref=refs/tags/v1 -f sha={'a' * 40}")


def test_a_release_that_is_there_is_left_and_its_line_moved(tmp_path: Path) -> None:
    asked = publish(tmp_path, GH_RELEASED="1", GH_TAGGED="1")
    assert [one.split()[:2] for one in asked] == [["release", "view"], ["api", "--silent"]]
    assert "PATCH" in asked[1]
