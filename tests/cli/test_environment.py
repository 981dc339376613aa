"""`swe-scale environment`: shown, built, proved, pinned."""

import json
import tomllib
from pathlib import Path

import pytest
from building_kit import block
from main_job import RIGHT, TEST, Desk, assert_clean, complaint, git, make_repository, replies

LOCAL = ("--sandbox", "local")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def environment(desk: Desk, verb: str, *arguments: str, repo: Path | None = None):  # type: ignore[no-untyped-def]
    return desk.run("environment", verb, "--repo", str(repo or desk.repository), *LOCAL, *arguments)


def test_it_is_shown_built_and_shown_again(desk: Desk) -> None:
    shown = environment(desk, "show")
    assert_clean(shown, 0)
    assert "the repository's swe-scale.toml" in shown.stdout and "not built yet" in shown.stdout
    assert not (desk.folder / "cache" / "swe-scale" / "environments" / "local").exists()
    built = environment(desk, "build")
    assert_clean(built, 0, "environment: no known kind of project")
    assert "1 passed in" in built.stdout
    again = environment(desk, "show", "--json")
    told = json.loads(again.stdout)
    assert told["built"] and told["proof"]["passed"] == 1 and told["proof"]["works"]
    assert told["recipe"]["test"] == "python3 -m unittest {tests}"
    second = json.loads(environment(desk, "build", "--json").stdout)
    assert not second["fresh"] and second["environment"] == told["environment"]


def test_tests_that_cannot_run_fail_the_command(desk: Desk) -> None:
    files = {
        "test_a.py": "import no_such_module_at_all\n",
        "swe-scale.toml": "[environment]\nlanguage='python'\nsetup=[]\n",
    }
    repo = make_repository(desk.folder / "other", files)
    ran = environment(desk, "build", repo=repo)
    assert_clean(ran, 1)
    assert "no test ran" in ran.stdout or "in error" in ran.stdout


def test_a_failing_set_up_is_one_clear_error(desk: Desk) -> None:
    own = "[environment]\nsetup = \"echo 'x.c:1: fatal error: zlib.h: No such file'; exit 3\"\n"
    repo = make_repository(desk.folder / "other", {"swe-scale.toml": own})
    ran = environment(desk, "build", repo=repo)
    assert_clean(ran, 1, "the set-up command", "exit code 3")
    assert "zlib1g-dev" in complaint(ran)[-1]


def test_a_model_repairs(desk: Desk) -> None:
    own = '[environment]\nsetup = "exit 3"\ntest = "python3 -m unittest {tests}"\n'
    repo = make_repository(
        desk.folder / "other",
        {"swe-scale.toml": own, "stats.py": "def mean(v): return 1.5\n", "tests/test_stats.py": TEST},
    )
    turns = desk.folder / "replies" / "environment" / "turn"
    turns.mkdir(parents=True)
    (turns / "01.md").write_text(block("true"))
    ran = environment(desk, "build", "--replies", str(desk.folder / "replies"), "--json", repo=repo)
    assert_clean(ran, 0)
    told = json.loads(ran.stdout)
    assert told["repair_rounds"] == 1 and told["origins"]["setup"] == "found by a model"
    assert environment(desk, "build", repo=repo).returncode == 0
    fresh = environment(desk, "build", "--fresh", repo=repo)
    assert_clean(fresh, 1, "exit 3")
    (turns / "01.md").write_text(block("exit 4"))
    given = ("build", "--replies", str(desk.folder / "replies"))
    assert environment(desk, *given, repo=repo).returncode == 0
    fresh = environment(desk, *given, "--fresh", repo=repo)
    assert_clean(fresh, 1, "A model proposed other commands once")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--subdir", "none"), "there is no folder 'none'"),
        (("--subdir", "../x"), "below the repository's root"),
        (("--base", "nothing"), "nothing"),
        (("--environment", "absent.toml"), "absent.toml can't be read"),
        (("--image", "a:1"), "--image needs the docker sandbox"),
    ],
)
def test_bad_input_is_refused_in_a_line(desk: Desk, arguments: tuple[str, ...], text: str) -> None:
    ran = environment(desk, "show", *arguments)
    assert ran.returncode in (1, 2) and "Traceback" not in ran.stderr
    assert text in ran.stderr and len(complaint(ran)) <= 3


def test_a_folder_of_many_projects(desk: Desk) -> None:
    files = {
        "one/stats.py": "def mean(v): return 1.5\n",
        "one/tests/test_stats.py": TEST,
        "two/test_b.py": "broken (",
    }
    own = "[environment]\nlanguage = 'python'\nsetup = []\ntest = 'python3 -m unittest {tests}'\n"
    repo = make_repository(desk.folder / "other", {**files, "swe-scale.toml": own})
    told = json.loads(environment(desk, "build", "--subdir", "one", "--json", repo=repo).stdout)
    assert told["recipe"]["subdir"] == "one" and told["origins"]["subdir"] == "--subdir"
    assert (told["proof"]["passed"], told["proof"]["of"]) == (1, 1)


def test_what_was_found_is_pinned(desk: Desk) -> None:
    place = desk.repository / "swe-scale.toml"
    place.write_text("# mine\n[limits]\na = 1\n\n[environment]\nsetup = []\n")
    (desk.repository / "setup.py").write_text("from setuptools import setup\nsetup(name='stats')\n")
    git(desk.repository, "add", "-A")
    git(desk.repository, "commit", "-qm", "more")
    ran = environment(desk, "pin")
    assert_clean(ran, 0, "not built yet")
    assert f"written to {place}" in ran.stdout
    found = tomllib.loads(place.read_text())
    assert found["limits"] == {"a": 1} and place.read_text().startswith("# mine\n")
    assert found["environment"]["setup"] == [] and "unittest" in found["environment"]["test"]
    assert "says so already" in environment(desk, "pin").stdout


def test_uncommitted_changes_are_not_lost(desk: Desk) -> None:
    place = desk.repository / "swe-scale.toml"
    place.write_text('[environment]\nsetup = "mine"\n')
    ran = environment(desk, "pin")
    assert_clean(ran, 2, "uncommitted changes", "--force")
    assert "mine" in place.read_text()
    assert_clean(environment(desk, "pin", "--out", str(desk.folder / "out.toml")), 0)
    assert "mine" not in (desk.folder / "out.toml").read_text()
    assert_clean(environment(desk, "pin", "--force"), 0)
    assert "mine" not in place.read_text()


def test_a_link_is_not_written_through(desk: Desk) -> None:
    target = desk.folder / "target"
    target.write_text("")
    (desk.repository / "swe-scale.toml").unlink()
    (desk.repository / "swe-scale.toml").symlink_to(target)
    ran = environment(desk, "pin")
    assert_clean(ran, 2, "no plain file")
    assert target.read_text() == ""


def test_a_run_has_its_environment_repaired_and_pays_for_it(desk: Desk) -> None:
    place = desk.repository / "swe-scale.toml"
    place.write_text('[environment]\nsetup = "exit 3"\ntest = "python3 -m unittest {tests}"\n')
    git(desk.repository, "commit", "-qam", "broken")
    for step, text in {**replies([RIGHT]), "environment/turn/01": block("true")}.items():
        file = desk.folder / "replies" / f"{step}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    given = ("--replies", str(desk.folder / "replies"), "--samples", "1", "--json")
    abstained = 3
    ran = desk.solve(*given, "--name", "mended")
    assert_clean(ran, abstained)
    assert json.loads(ran.stdout)["stages"]["environment"]["calls"] == 1
    other = desk.solve(*given, "--name", "again")
    assert_clean(other, abstained)
    assert "environment" not in json.loads(other.stdout)["stages"]
