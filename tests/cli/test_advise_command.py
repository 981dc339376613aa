"""`swe-scale advise` as a user meets it: a report, one document, runs side by side, bad input."""

import re
import sqlite3
from pathlib import Path

import pytest
from main_job import Desk, assert_clean, document
from runs_kit import recorded_run

from swe_scale.grades import FILE

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "advise.md"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Return a desk with a recorded and graded run, and another that nothing is known of."""
    made = Desk(tmp_path_factory.mktemp("advise"))
    recorded_run(made.folder / "runs" / "r", issues=26, trajectories=4, turns=3)
    recorded_run(made.folder / "runs" / "more", issues=5, trajectories=2, turns=3, seed=9)
    recorded_run(made.folder / "runs" / "other", issues=3, trajectories=1, turns=2, graded=False)
    return made


def test_a_report_that_can_be_read(desk: Desk) -> None:
    ran = desk.run("advise", "r", "--wrong-costs", "2")
    assert_clean(ran, 0)
    for said in (
        "r: 4 × revise; scripted; rule latent; 25 of 25 issues graded in full (hardened)",
        "¹ resolved less 2 × wrong",
        "are worth most where a wrong patch costs 2",
        "zero-inflated, %",
        "With so few samples neither can be tried on what was held out.",
        "2. one more sample of each issue: By the fit, sample 5 of each issue brings",
        "No sample ran out of replies: more turns would change nothing.",
        "note: 1 issue without a solution left out.",
    ):
        assert said in " ".join(ran.stdout.split()), ran.stdout
    assert re.search(r"10 × = 40 +│ \d+\.\d \(\d+\.\d … \d+\.\d\)", ran.stdout)
    assert max(map(len, ran.stdout.splitlines())) <= 120


def test_one_document_with_all_of_it(desk: Desk) -> None:
    found = document(desk.run("advise", "runs/r", "--wrong-costs", "0.5", "--json"))
    assert found["wrong_costs"] == 0.5 and found["notes"] == []
    [part] = found["parts"]
    figures = part["figures"]
    assert [one["samples"] for one in figures["by_samples"]] == [1, 2, 3, 4]
    assert [one["factor"] for one in figures["ahead"]] == [2, 4, 10]
    assert {one["name"] for one in figures["ahead"][0]["scenarios"]} == {"kept", "trend", "verifier"}
    assert [one["name"] for one in figures["laws"]] == [
        "zero-inflated beta-binomial",
        "exponentiated power law",
    ]
    rates = [one["rate"]["value"] for one in figures["levers"]]
    assert rates == sorted(rates, reverse=True) and len(rates) == 4
    assert figures["best"]["worth"] == "utility" and part["guesses"] is None
    again = document(desk.run("advise", "runs/r", "--wrong-costs", "0.5", "--json"))
    assert again == found, "the same runs give the same advice"


def test_runs_together_beside_one_another_and_twice(desk: Desk) -> None:
    together = document(desk.run("advise", "r", "more", "--json"))
    assert [one["runs"] for one in together["parts"]] == [["r", "more"]]
    assert together["parts"][0]["samples"] == 6
    ran = desk.run("advise", "r", "other")
    assert_clean(ran, 0)
    assert "r and other differ in turns: shown one beside the other, never mixed." in ran.stdout
    assert "Not graded: what follows is an estimate by the confidence of rule latent" in ran.stdout
    said = "To know: swe-scale grade runs/other --dataset … --candidates --turns"
    assert said in " ".join(ran.stdout.split())
    twice = document(desk.run("advise", "r", "runs/r", "--json"))
    assert [one["runs"] for one in twice["parts"]] == [["r"]]


def test_one_issue_and_one_sample(desk: Desk) -> None:
    recorded_run(desk.folder / "runs" / "lone", issues=2, trajectories=3, turns=2)
    ran = desk.run("advise", "lone")
    assert_clean(ran, 0)
    assert "With 1 graded issue nothing can be weighed against anything." in ran.stdout
    assert "No law is fitted, so nothing is said of more samples: 1 graded issue" in ran.stdout
    recorded_run(desk.folder / "runs" / "single", issues=31, trajectories=1, turns=3)
    ran = desk.run("advise", "single")
    assert_clean(ran, 0)
    assert "What more samples bring can't be told from one sample of each issue." in ran.stdout
    assert "most issues have fewer than 3 samples" in ran.stdout
    assert re.search(r"^1 │", ran.stdout, re.MULTILINE) and not re.search(
        r"^2 │ .* │ .* │ .* │", ran.stdout.partition("By turns")[0], re.MULTILINE
    )


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("none",), 2, "there is no run in runs/none"),
        (("r", "none"), 2, "there is no run in runs/none"),
        (("../x/..",), 2, "there is no run in"),
        (("r", "--wrong-costs", "inf"), 2, "--wrong-costs inf: give a number, such as 3"),
    ],
)
def test_what_nothing_can_be_said_of(desk: Desk, given: tuple[str, ...], code: int, said: str) -> None:
    assert_clean(desk.run("advise", *given), code, said)


def test_a_cost_below_nothing_and_no_run_at_all(desk: Desk) -> None:
    for given in (
        ("r", "--wrong-costs", "-1"),
        ("r", "--wrong-costs", "nan"),
        ("r", "--wrong-costs", "much"),
        (),
    ):
        ran = desk.run("advise", *given)
        assert ran.returncode == 2 and "Traceback" not in ran.stderr and not ran.stdout


def test_folders_that_are_no_whole_run(desk: Desk) -> None:
    recorded_run(desk.folder / "runs" / "empty", issues=1)
    said = "runs/empty has no finished issue yet: go on with swe-scale resume runs/empty, or leave it out."
    assert_clean(desk.run("advise", "empty"), 2, said)
    broken = recorded_run(desk.folder / "runs" / "broken", issues=4, trajectories=2, turns=2)
    grades = broken / FILE
    whole = grades.read_bytes()
    grades.write_text('{"instance": 1}\n', encoding="utf-8")
    assert_clean(desk.run("advise", "r", "broken"), 1, "line 1: not a grade of this version")
    grades.write_bytes(whole)
    record = broken / "run.sqlite"
    raw = record.read_bytes()
    record.write_bytes(raw[: len(raw) // 2])
    assert_clean(desk.run("advise", "broken"), 1, "run.sqlite can't be read")
    record.write_bytes(raw)
    with sqlite3.connect(record) as connection:
        connection.execute("DELETE FROM texts")
    assert_clean(desk.run("advise", "broken"), 1, "run.sqlite")


def test_the_page_names_every_figure_of_the_document(desk: Desk) -> None:
    page = DOCS.read_text(encoding="utf-8")
    [part] = document(desk.run("advise", "r", "--wrong-costs", "1", "--json"))["parts"]
    figures = part["figures"]
    names = {*part, *figures, *figures["by_samples"][0], *figures["ahead"][0], *figures["levers"][0]}
    assert not {name for name in names if f"`{name}`" not in page}
