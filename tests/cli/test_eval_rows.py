"""`swe-scale eval --dataset`: which rows, where their code runs, what all may cost, what is done again."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from main_job import ISSUE, RIGHT, Desk, assert_clean, endpoint, git, replies
from scripted_server import ScriptedServer

from swe_scale.cli.eval_tasks import table_of_row, tasks_of
from swe_scale.config import Bubblewrap, Docker
from swe_scale.environment import Options
from swe_scale.errors import UsageError
from swe_scale.jobs import load_job
from swe_scale.records import Issue
from swe_scale.store.reading import open_recorded
from swe_scale.swebench.instance import Question


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a desk with a folder of repositories, and a JSON file of six rows."""
    made = Desk(tmp_path)
    shutil.copytree(made.repository, tmp_path / "repos" / "own__stats")
    head = git(made.repository, "rev-parse", "HEAD")
    rows = [
        {
            "instance_id": f"own__stats-{number}", "repo": "own/stats", "base_commit": head,
            "problem_statement": ISSUE, "patch": "GOLD", "test_patch": "GOLD", "difficulty": f"d{number % 2}",
        }
        for number in range(6)
    ]  # fmt: skip
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    return made


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    written = replies((RIGHT,))
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as running:
        yield running


def command(server: ScriptedServer, *arguments: str, name: str = "many") -> tuple[str, ...]:
    return (
        "eval", "--dataset", "rows.json", "--name", name, "--repos", "repos", "--sandbox", "local",
        "--samples", "1", *endpoint(server.base_url), *arguments,
    )  # fmt: skip


def predicted(desk: Desk, name: str = "many") -> list[str]:
    file = desk.folder / "runs" / name / "preds.jsonl"
    return [json.loads(line)["instance_id"][-1] for line in file.read_text().splitlines()]


def test_rows_are_chosen_and_only_they_are_paid(desk: Desk, server: ScriptedServer) -> None:
    ran = desk.run(
        *command(server, "--filter", "difficulty=d1", "--filter", "stats-[1-3]$", "--slice", "0:1")
    )
    assert_clean(ran, 0)
    assert predicted(desk) == ["1"] and "0 proposed, 1 abstained, 0 failed" in ran.stdout
    assert not any(
        "GOLD" in json.dumps(call.body) or '"d1"' in json.dumps(call.body) for call in server.calls
    )
    other = desk.run(*command(server, "--instances", "own__stats-2"))
    assert_clean(other, 2, "holds a run for own__stats-1", "choose another --name")
    more = desk.run(*command(server, "--filter", "stats-[12]$"))
    assert_clean(more, 0)
    assert predicted(desk) == ["1", "2"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--filter", "nothing"), "--filter 'nothing' leaves none"),
        (("--filter", "("), "no regular expression"),
        (("--slice", "x"), "--slice 'x'"),
        (("--slice", "9:"), "--slice leaves none"),
        (("--instances", "no__such-1"), "has no row 'no__such-1'"),
        (("rows.json",), "give either --dataset, or a file of rows"),
        (("--environments", "magic"), "--environments 'magic': known are image, requirements, repository"),
        (("--environments", "image"), "--environments image needs the docker sandbox"),
        (("--environments", "requirements"), "the row names no requirements"),
        (("--total-budget", "lots"), "--total-budget 'lots': write an amount"),
        (("--total-budget", "5usd"), "--total-budget in usd needs a price"),
        (("--keep-free", "lots"), "no amount of disk space"),
        (("--redo", "some"), "--redo 'some': known are failed, abstained, all"),
        (("--redo", "failed"), "there is no run in runs/many yet"),
    ],
)
def test_what_can_not_be_used_costs_nothing(
    desk: Desk, server: ScriptedServer, arguments: tuple[str, ...], said: str
) -> None:
    assert_clean(desk.run(*command(server, *arguments)), 2, said)
    assert not server.calls and not (desk.folder / "runs").exists()


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ("verifed", "Did you mean verified?"),
        ("gone.jsonl", "gone.jsonl does not exist"),
        ("repos", "is a folder"),
    ],
)
def test_datasets_that_are_not_there(desk: Desk, server: ScriptedServer, dataset: str, said: str) -> None:
    given = [dataset if part == "rows.json" else part for part in command(server)]
    assert_clean(desk.run(*given), 2, said)


def test_a_total_budget_and_doing_again(desk: Desk, server: ScriptedServer) -> None:
    first = desk.run(
        *command(server, "--filter", "stats-[0-2]$", "--total-budget", "1tokens", "--issues", "1")
    )
    assert_clean(first, 1, "2 not started: all 1 tokens of --total-budget are spent")
    assert "0 proposed, 1 abstained, 0 failed, 2 not started" in first.stdout and predicted(desk) == ["0"]
    resumed = desk.run("resume", "many", "--json")
    assert_clean(resumed, 1)
    assert len(json.loads(resumed.stdout)["not_started"]) == 2, "the budget is the run's, not the command's"
    calls = len(server.calls)
    again = desk.run(*command(server, "--filter", "stats-[01]$", "--redo", "all"))
    assert_clean(again, 1, "1 not started: not asked for by --redo")
    assert predicted(desk) == ["0", "1"] and len(server.calls) == calls + 2 * 3


def test_failed_and_abstained_issues_are_done_again_alone(desk: Desk, server: ScriptedServer) -> None:
    (desk.folder / "repos" / "own__stats").rename(desk.folder / "away")
    missing = (desk.folder / "rows.json").read_text().replace("own/stats", str(desk.folder / "late"))
    (desk.folder / "rows.json").write_text(missing)
    choice = ("--filter", "stats-[01]$")
    assert_clean(desk.run(*command(server, *choice)), 1, "own__stats-0 failed")
    assert not server.calls
    (desk.folder / "away").rename(desk.folder / "late")
    none = desk.run(*command(server, *choice, "--redo", "abstained"))
    assert_clean(none, 1, "2 not started: not asked for by --redo")
    assert_clean(desk.run(*command(server, "--instances", "own__stats-1", "--redo", "failed")), 1)
    assert predicted(desk) == ["1"]
    assert_clean(desk.run(*command(server, *choice)), 0)
    assert predicted(desk) == ["0", "1"] and len(server.calls) == 2 * 3
    # One trajectory alone is no evidence, so both were abstained from.
    assert_clean(desk.run(*command(server, *choice, "--redo", "abstained")), 0)
    assert len(server.calls) == 4 * 3


def question(**changes: object) -> Question:
    issue = Issue(id="own__stats-1", repo="own/stats", base_commit="a" * 40, title="t", body="b")
    return Question.model_validate({"issue": issue, "repo": "own/stats", **changes})


def test_where_the_code_of_a_row_runs() -> None:
    said: list[str] = []
    given = Options(basis="base", agents=("install it",))
    image = question(image="swebench/sweb.eval.x86_64.x:latest", requirements=("a==1",))
    pinned = question(python="3.9", requirements=("a==1", "--evil; rm", "b==2"), prepare="make it")
    bare, imaged = question(), question(image="some/image", workdir="/app")

    def one(row: Question, docker: bool, options: Options = given) -> Options:
        sandbox = Docker() if docker else Bubblewrap()
        [task] = tasks_of((row,), options, sandbox, None, said.append).found
        return task.options

    found = one(image, True)
    assert (found.image, found.workdir, found.basis, found.agents) == (
        "swebench/sweb.eval.x86_64.x:latest", "/testbed", "base", ("install it",),
    )  # fmt: skip
    assert found.path == ("/opt/miniconda3/envs/testbed/bin",)
    assert (one(imaged, True).workdir, one(imaged, True).path) == ("/app", ())
    table = one(pinned, True).table
    assert table is not None and table.python == "3.9"
    assert (
        table.setup is not None
        and table.setup[0] == "python -m pip install --no-deps -- a==1 '--evil; rm' b==2"
    )
    assert table.setup[-1] == "make it"
    assert one(image, False).table is not None, "without containers, its requirements"
    assert one(bare, True) == given and not said
    assert one(imaged, False) == given and "name images, which only the docker sandbox" in said[0]
    own = Options(image="mine")
    assert one(image, True, own) == own, "what the user says counts more"
    with pytest.raises(UsageError, match="needs the docker sandbox"):
        tasks_of((image,), given, Bubblewrap(), "image", said.append)
    left = tasks_of((bare, imaged), given, Docker(), "image", said.append)
    assert len(left.found) == 1 and "own__stats-1: the row names no image" in left.faults[0]
    odd = tasks_of((question(requirements=("a==1",), python="2.7; x"),), given, Docker(), None, said.append)
    assert not odd.found and "can't be used" in odd.faults[0]


def test_the_work_tree_can_be_imported_where_requirements_are_pinned(tmp_path: Path) -> None:
    table = table_of_row(question(requirements=("a==1",)))
    assert table.setup is not None
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "venv"], cwd=tmp_path, check=True)
    tree = tmp_path / "tree"
    (tree / "src").mkdir(parents=True)
    (tree / "top.py").write_text("")
    (tree / "src" / "inner.py").write_text("")
    variables = {"PATH": f"{tmp_path}/venv/bin:/usr/bin:/bin"}
    subprocess.run(["sh", "-ec", table.setup[-1]], cwd=tree, env=variables, check=True)
    subprocess.run([f"{tmp_path}/venv/bin/python", "-c", "import top, inner"], cwd="/", check=True)


def test_the_job_keeps_no_answer(desk: Desk, server: ScriptedServer) -> None:
    assert_clean(desk.run(*command(server, "--draw", "1", "--keep-free", "1GB")), 0)
    with open_recorded(desk.folder / "runs" / "many") as record:
        job = load_job(record)
    assert len(job.tasks) == 1 and job.keep_free == 10**9
    for file in (desk.folder / "runs" / "many").iterdir():
        assert b"GOLD" not in file.read_bytes(), file
