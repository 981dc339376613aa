"""`swe-scale replay` as a user meets it: figures, what is lacking, plug-ins of other packages, bad input."""

import json
import re
import sqlite3
import tomllib
from pathlib import Path

import pytest
from main_job import (
    ALSO_RIGHT,
    ISSUE,
    RIGHT,
    WRONG,
    Desk,
    assert_clean,
    check,
    document,
    edit,
    endpoint,
    git,
    replies,
)
from runs_kit import recorded_run
from scripted_server import ScriptedServer

from swe_scale.analysis.runs import open_run
from swe_scale.grades import FILE, Grade, Judged, lines_of, patch_id
from swe_scale.records import Solution

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "replay.md"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a desk with a recorded and graded run."""
    made = Desk(tmp_path)
    recorded_run(tmp_path / "runs" / "r", issues=9, trajectories=5, turns=4)
    return made


def test_a_table_with_intervals_and_what_they_rest_on(desk: Desk) -> None:
    ran = desk.run("replay", "r", "--rule", "majority", "--samples", "1,all", "--against", "random")
    assert_clean(ran, 0)
    assert "majority, fixed: 1 trajectory, all turns, 8 issues" in ran.stdout
    assert "majority, fixed less random, fixed, on the same draws" in ran.stdout
    assert re.search(r"leader +0\.\d{3} \(0\.\d{3} … [01]\.\d{3}\)", ran.stdout)
    assert "bootstrap over 8 issues. Drawing 50 times from each adds no issues" in ran.stdout
    assert "1 issue of the run without a solution left out." in ran.stdout
    assert "never run" not in ran.stdout


def test_one_document(desk: Desk) -> None:
    given = ("replay", "runs/r", "--samples", "1,2,4", "--turns", "2,all", "--repetitions", "9", "--json")
    found = document(desk.run(*given, "--against", "votes,until-agreed"))
    assert [(one["samples"], one["turns"]) for one in found["points"]] == [
        (1, 2), (1, None), (2, 2), (2, None), (4, 2), (4, None)
    ]  # fmt: skip
    assert found["methods"] == [
        {"rule": "latent", "policy": "fixed"},
        {"rule": "votes", "policy": "until-agreed"},
    ]
    whole = found["points"][-1]
    assert whole["issues"] == 8 and whole["figures"][0]["trajectories"]["value"] == 4
    assert whole["figures"][1]["trajectories"]["value"] < 4
    assert whole["difference"]["trajectories"]["high"] <= 1
    coverage = [one["figures"][0]["coverage"]["value"] for one in found["points"][1::2]]
    assert coverage == sorted(coverage), "more trajectories of one draw can't cover less"
    assert document(desk.run(*given, "--against", "votes,until-agreed")) == found
    assert any("cells that votes ask for were never run" in one for one in found["notes"])


def package(folder: Path, module: str, source: str, group: str, offers: str) -> Path:
    """Install a package as pip would: a module, and the metadata with its entry points."""
    (folder / f"{module}.py").parent.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    info = folder / f"{module}-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[swe_scale.{group}]\n{offers}\n")
    return folder


def with_path(desk: Desk, folder: Path) -> None:
    root = str(DOCS.parent.parent)
    desk.environment["PYTHONPATH"] = f"{folder}:{root}"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


def test_the_documented_rule_is_found_and_used(desk: Desk) -> None:
    rule, [project] = blocks("python")[0], blocks("toml")
    assert len([line for line in rule.splitlines() if line.strip()]) <= 20
    offers = tomllib.loads(project)["project"]["entry-points"]["swe_scale.rules"]
    [(name, place)] = offers.items()
    with_path(
        desk, package(desk.folder / "site", place.partition(":")[0], rule, "rules", f"{name} = {place}")
    )
    found = document(desk.run("replay", "r", "--rule", name, "--against", "random", "--json"))
    assert found["methods"][0]["rule"] == "frugal"
    shown = found["points"][0]["figures"][0]
    assert shown["leader"] == shown["coverage"], "the kit's checks are perfect, and it goes by them"
    known = desk.run("replay", "r", "--rule", "nobody")
    assert_clean(
        known,
        2,
        "no rule 'nobody'; known are: votes, latent, raw, foreign, gated, cautious, majority, medoid, "
        "smallest, codet, scored, random, frugal",
    )


def test_the_documented_policy_is_found_and_used(desk: Desk) -> None:
    with_path(
        desk, package(desk.folder / "site", "pairs", blocks("python")[1], "policies", "pair = pairs:Pair")
    )
    found = document(desk.run("replay", "r", "--policy", "pair", "--against", "votes,fixed", "--json"))
    ours, other = found["points"][0]["figures"]
    assert 2 <= ours["trajectories"]["value"] < other["trajectories"]["value"] == 5


BROKEN = {
    "raises": (
        "def it(evidence):\n    raise KeyError('mine')\n",
        "the rule 'raises' failed: KeyError: 'mine'",
    ),
    "nonsense": ("def it(evidence):\n    return 42\n", "the rule 'nonsense' gives no ranking: it is int"),
    "missing": (
        "import nothing_like_it\n",
        "the rule 'missing' (missing:it) can't be loaded: ModuleNotFound",
    ),
    "exits": ("raise SystemExit('bye')\n", "the rule 'exits' (exits:it) can't be loaded: SystemExit: bye"),
    "constant": ("it = 7\n", "the rule 'constant' (constant:it) can't be called: it is 7"),
    "number": (
        "from swe_scale.ranking import ordered\n"
        "def it(evidence):\n    return ordered(evidence, lambda *_: float('nan'), lambda *_: '')\n",
        "the rule 'number' failed: ValueError: a score is not a number",
    ),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_rule_that_fails_is_named(desk: Desk, name: str) -> None:
    source, said = BROKEN[name]
    with_path(desk, package(desk.folder / "site", name, source, "rules", f"{name} = {name}:it"))
    assert_clean(desk.run("replay", "r", "--rule", name), 1, said)


def test_a_policy_that_fails_is_named(desk: Desk) -> None:
    source = "class It:\n    def next(self, progress):\n        return 'stop'\n"
    with_path(desk, package(desk.folder / "site", "hm", source, "policies", "hm = hm:It"))
    said = "the policy 'hm' decides what can't be done: 'stop' is no move"
    assert_clean(desk.run("replay", "r", "--policy", "hm"), 1, said)
    assert_clean(desk.run("replay", "r", "--against", "votes,hm"), 1, said)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--rule", "best"), "there is no rule 'best'; known are: votes, latent"),
        (("--rule", "scored"), "r has no scores to rank by: no verifier was named when it was made"),
        (("--against", "scored"), "r has no scores to rank by"),
        (("--policy", "best"), "there is no policy 'best'; known are: fixed, adaptive"),
        (("--against", "votes,best"), "there is no policy 'best'"),
        (("--against", ",fixed"), "there is no rule ''"),
        (("--samples", "6"), "--samples 6: the run has at most 5 trajectories of an issue"),
        (("--turns", "9"), "--turns 9: the run has at most 4 turns of an issue"),
        (("--samples", "0"), "--samples '0': write numbers from 1, such as 1,2,4, or all"),
        (("--samples", "1,,2"), "write numbers from 1"),
        (("--turns", "٣"), "write numbers from 1"),
        (("--turns", "9" * 5000), "write numbers from 1"),
    ],
)
def test_what_can_not_be_replayed_is_refused(desk: Desk, given: tuple[str, ...], said: str) -> None:
    assert_clean(desk.run("replay", "r", *given), 2, said)


def test_a_run_without_grades_says_how_to_get_them(desk: Desk) -> None:
    (desk.folder / "runs" / "r" / FILE).unlink()
    said = "r has no grades: make them by swe-scale grade r --candidates --turns."
    assert_clean(desk.run("replay", "r"), 2, said)
    other = Grade(
        instance="another", patch="0" * 16, rules="0" * 16, official=Judged(ruling="resolved"),
        hardened=Judged(ruling="resolved"),
    )  # fmt: skip
    (desk.folder / "runs" / "r" / FILE).write_text("".join(lines_of([other])))
    assert_clean(desk.run("replay", "r"), 2, "r has a candidate without a grade in every draw")
    (desk.folder / "runs" / "r" / FILE).write_text("{}\n")
    assert_clean(desk.run("replay", "r"), 1, "line 1: not a grade of this version")


def test_candidates_without_a_grade_are_counted(desk: Desk) -> None:
    file = desk.folder / "runs" / "r" / FILE
    kept = [
        line for line in file.read_text().splitlines() if json.loads(line)["instance"] != "acme__calendar-0"
    ]
    file.write_text("".join(f"{line}\n" for line in kept))
    found = document(desk.run("replay", "r", "--repetitions", "10", "--json"))
    assert found["points"][0]["issues"] == 7
    assert any(
        one.startswith("10 of 80 draws left out") and "1 issue wholly" in one for one in found["notes"]
    )


def test_folders_that_are_no_whole_run(desk: Desk) -> None:
    assert_clean(desk.run("replay", "none"), 2, "there is no run in runs/none")
    assert_clean(desk.run("replay", "../x/.."), 2, "there is no run in")
    record = desk.folder / "runs" / "r" / "run.sqlite"
    whole = record.read_bytes()
    record.write_bytes(whole[: len(whole) // 2])
    assert_clean(desk.run("replay", "r"), 1, "run.sqlite can't be read")
    record.write_bytes(whole)
    with sqlite3.connect(record) as connection:
        connection.execute("DELETE FROM texts")
    assert_clean(desk.run("replay", "r"), 1, "run.sqlite")
    with sqlite3.connect(record) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert_clean(desk.run("replay", "r"), 1, "written by a newer swe-scale")


def test_a_run_that_has_finished_nothing(desk: Desk) -> None:
    recorded_run(desk.folder / "runs" / "empty", issues=1)
    assert_clean(desk.run("replay", "empty"), 2, "empty has no finished issue yet")


# A real run, from eval to replay.

BODIES = (RIGHT, WRONG, ALSO_RIGHT)


def script() -> dict[str, str]:
    """Three trajectories that write a check, change something, change it again, and end."""
    found = replies(BODIES)
    second = f"{RIGHT}\n".replace("if values else 0.0", "if len(values) else 0.0").rstrip()
    found["trajectory/01/turn/02"] = edit(WRONG)
    found["trajectory/01/turn/03"] = check(None, "better") + edit(second).replace(
        "    return sum(values) / len(values)\n=", f"{WRONG}\n="
    )
    found["trajectory/01/turn/04"] = "<done/>\n"
    return found


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Return a desk with a run of two issues, recorded with everything, graded by hand."""
    made = Desk(tmp_path_factory.mktemp("real"))
    head = git(made.repository, "rev-parse", "HEAD")
    rows = [
        {"instance_id": f"own__stats-{n}", "repo": str(made.repository), "base_commit": head,
         "problem_statement": ISSUE}
        for n in (1, 2)
    ]  # fmt: skip
    (made.folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    written = script()
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        ran = made.run(
            "eval", "rows.jsonl", "--name", "real", "--sandbox", "local", "--samples", "3", "--record-all",
            "--record-turns", *endpoint(server.base_url),
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    folder = made.folder / "runs" / "real"
    with open_run(folder) as run:
        solutions = list(run.solutions())
    grades = [graded(one.issue, text) for one in solutions for text in patches(one)]
    (folder / FILE).write_text("".join(lines_of(grades)), encoding="utf-8")
    return made


def patches(one: Solution) -> set[str]:
    return {turn.patch for each in one.trajectories for turn in each.turns} | {
        each.patch for each in one.candidates
    }


def graded(instance: str, text: str) -> Grade:
    judged = Judged(ruling="unresolved" if "max(" in text or not text else "resolved")
    return Grade(instance=instance, patch=patch_id(text), rules="0" * 16, official=judged, hardened=judged)


def test_a_real_run_records_what_replays_need(real: Desk) -> None:
    with open_run(real.folder / "runs" / "real") as run:
        one = next(run.solutions())
    first = one.trajectories[0]
    assert [turn.check is not None for turn in first.turns] == [True] * 4
    assert first.turns[1].check != first.turns[2].check == first.check
    extra = {(each.candidate, each.check) for each in one.turn_verdicts}
    assert first.turns[0].check is not None
    assert (first.turns[1].tree, first.turns[0].check.id) in extra, "a tree and a check that were given up"
    assert {turn.tree for each in one.trajectories for turn in each.turns if turn.patch} <= one.forms.keys()
    assert not any(each.execution.output for each in one.turn_verdicts)


def test_a_real_run_is_replayed_with_nothing_lacking(real: Desk) -> None:
    found = document(real.run("replay", "real", "--samples", "1,2,all", "--turns", "1,2,3,all", "--json"))
    shown = {(one["samples"], one["turns"]): one["figures"][0] for one in found["points"]}
    assert len(found["notes"]) == 2, found["notes"]
    assert shown[None, 1]["coverage"]["value"] == 0.0 and shown[None, 1]["gap"]["value"] is None
    # After two turns the first is still wrong; by the third it is right.
    assert shown[1, 2]["coverage"]["value"] == pytest.approx(1 / 3, abs=0.12)
    assert shown[1, 3]["coverage"]["value"] == pytest.approx(2 / 3, abs=0.12)
    assert shown[None, None]["resolved"]["value"] == shown[None, None]["leader"]["value"] == 1.0
    assert shown[None, 2]["leader"]["value"] == 1.0 and shown[None, None]["gap"]["value"] == 1.0
    assert shown[1, None]["abstained"]["value"] == 1.0, "nobody else speaks for a lone trajectory"
    tokens = [shown[None, turns]["tokens"]["value"] for turns in (1, 2, 3, None)]
    assert tokens == sorted(tokens) and len({*tokens}) == 4


def test_a_real_run_says_what_turns_and_samples_brought(real: Desk) -> None:
    [part] = document(real.run("advise", "real", "--json"))["parts"]
    figures = part["figures"]
    assert part["issues"] == 2 and [one["coverage"]["value"] for one in figures["by_turns"]] == [0, 1, 1, 1]
    assert [one["resolved"]["value"] for one in figures["by_turns"]] == [0, 1, 1, 1]
    assert figures["by_turns"][2]["single"]["value"] == pytest.approx(2 / 3)
    assert figures["by_samples"][0]["resolved"]["value"] == 0.0, "nobody else speaks for a lone trajectory"
    assert figures["by_samples"][2]["resolved"]["value"] == 1.0
    costs = [one["cost"]["tokens"] for one in figures["by_turns"]]
    assert costs == sorted(costs) and costs[-1] == pytest.approx(
        figures["by_samples"][2]["cost"]["tokens"], abs=2
    )
    assert figures["unfit"].startswith("2 graded issues") and not figures["levers"]
    assert not any("--record-turns" in one for one in part["notes"])


def test_a_rule_and_a_policy_live(tmp_path: Path) -> None:
    made = Desk(tmp_path)
    written = replies((RIGHT,) * 6)
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        for given, said in ((("--rule", "best"), "no rule 'best'"), (("--policy", "x"), "no policy 'x'")):
            assert_clean(made.solve("--samples", "6", *given, *endpoint(server.base_url)), 2, said)
        assert not server.calls
        ran = made.solve(
            "--samples", "6", "--rule", "majority", "--policy", "until-agreed", "--json",
            *endpoint(server.base_url),
        )  # fmt: skip
    found = json.loads(ran.stdout)
    assert [one["action"] for one in found["decisions"]] == ["start"] * 3 + ["check", "stop", "stop"]
    assert found["outcome"] == "proposed" and len(found["trajectories"]) == 3
    assert found["ranking"][0]["reasons"][0] == "the normal form of 3 trajectories"
