"""`--here`: the checkout as somebody has made it ready, from the command line."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from here_kit import solve
from main_job import (
    SOURCE,
    TEST,
    TOML,
    Desk,
    assert_clean,
    complaint,
    git,
)
from sandbox_kit import without_bubblewrap

from swe_scale.cli.options import SolveOptions
from swe_scale.cli.surroundings import options_of, sandbox_of
from swe_scale.config import Bubblewrap, Docker, Local, UserConfig
from swe_scale.errors import UsageError

NEEDED = "import generated\n\n\n"
"""What nobody tracks, and a build made."""


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A checkout whose code needs a file that isn't tracked."""
    if reason := without_bubblewrap():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="here-") as folder:
        desk = Desk(Path(folder))
        for name, text in {
            "stats.py": NEEDED + SOURCE,
            ".gitignore": "generated.py\n__pycache__/\n",
            "swe-scale.toml": TOML.replace("setup = []", 'setup = ["false"]'),
        }.items():
            (desk.repository / name).write_text(text)
        git(desk.repository, "add", "-A")
        git(desk.repository, "commit", "-qm", "needs what is generated")
        (desk.repository / "generated.py").write_text("VALUE = 1\n")
        yield desk


@pytest.mark.bubblewrap
@pytest.mark.parametrize("sandbox", ["bubblewrap", "local"])
def test_a_run_uses_what_is_ready_in_the_checkout(desk: Desk, sandbox: str) -> None:
    ran = solve(desk, "--sandbox", sandbox)
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    assert answer["outcome"] == "proposed", answer["reason"]
    assert {one["outcome"] for one in answer["verdicts"]} >= {"pass"}
    assert git(desk.repository, "status", "--porcelain") == ""
    assert (desk.repository / "stats.py").read_text() == NEEDED + SOURCE


@pytest.mark.bubblewrap
def test_what_can_not_be_used_is_said_in_two_lines(desk: Desk) -> None:
    (desk.repository / "tests" / "test_stats.py").write_text(TEST + "# changed\n")
    ran = solve(desk)
    assert_clean(ran, 2, "isn't as at", "tests/test_stats.py", "Commit or stash that, or leave out --here.")
    assert len(complaint(ran)) == 2


@pytest.mark.bubblewrap
def test_an_environment_in_place_is_shown_and_proved(desk: Desk) -> None:
    place = str(desk.repository)
    shown = desk.run("environment", "show", "--repo", place, "--here")
    assert_clean(shown, 0)
    assert f"{place}  (--here)" in shown.stdout and "set-up        nothing" in shown.stdout
    built = desk.run("environment", "build", "--repo", place, "--here", "--json")
    assert_clean(built, 0)
    assert json.loads(built.stdout)["proof"]["works"]


def test_here_chooses_a_sandbox_of_this_host() -> None:
    here = SolveOptions(here=True)
    assert sandbox_of(here, UserConfig()) == Bubblewrap()
    assert sandbox_of(here, UserConfig(sandbox=Docker())) == Bubblewrap()
    assert sandbox_of(here, UserConfig(sandbox=Local())) == Local()
    assert options_of(here, Bubblewrap()).here


@pytest.mark.parametrize(("options", "sandbox"), [({}, Docker()), ({"image": "x"}, Bubblewrap())])
def test_here_and_a_container_do_not_go_together(
    options: dict[str, str], sandbox: Docker | Bubblewrap
) -> None:
    with pytest.raises(UsageError, match="--here uses this host's programs"):
        options_of(SolveOptions(here=True, **options), sandbox)  # type: ignore[arg-type]
