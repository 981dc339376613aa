"""`--repeats` as its user meets it: a check that says now this, now that, is run until most runs agree."""

import json
from collections import defaultdict
from pathlib import Path

import pytest
from main_job import Desk, assert_clean
from select_kit import arguments, chosen, lay_out


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    lay_out(desk)
    steady = (desk.folder / "check.py").read_text()
    # It fails on the untouched code, and by chance on what resolves the issue.
    (desk.folder / "flaky.py").write_text(
        f"import os\nif os.urandom(1)[0] < 96: raise SystemExit(42)\n{steady}"
    )
    return desk


def test_what_most_runs_say_counts_and_nothing_is_run_twice_for_it(desk: Desk) -> None:
    patches, options = ("right.diff", "wrong.diff"), ("--checks", "flaky.py", "--repeats", "9")
    ran = chosen(desk, patches, *options, "--name", "one")
    answer = json.loads(ran.stdout)
    runs: dict[str, dict[int, str]] = defaultdict(dict)
    kinds = {one["id"]: one["kind"] for one in answer["checks"]}
    for one in answer["verdicts"]:
        if one["candidate"] != "base" and kinds[one["check"]] == "reproduction":
            runs[one["candidate"]][one["repeat"]] = one["outcome"]
    assert len(runs) == len(answer["candidates"]) == 2
    for said in runs.values():
        passes = [*said.values()].count("pass")
        assert sorted(said) == list(range(len(said)))
        assert max(passes, len(said) - passes) == 5, "it ends when five of nine agree"
    votes = {one["candidate"]: one["votes"] for one in answer["ranking"]}
    for candidate, said in runs.items():
        assert bool(votes[candidate]) is ([*said.values()].count("pass") == 5)
    again = desk.run("resume", "one", "--json")
    assert json.loads(again.stdout) == answer
    shown = desk.run(
        *(word for word in arguments(desk, patches, *options, "--name", "one") if word != "--json")
    )
    differ = sum(len({*said.values()}) > 1 for said in runs.values())
    assert ("in one run and not in another (~)" in shown.stdout) is bool(differ)
    assert ("~" in shown.stdout) is bool(differ)


def test_a_number_that_makes_no_sense_is_refused(desk: Desk) -> None:
    for number in ("0", "100", "many"):
        assert_clean(chosen(desk, ("right.diff",), "--repeats", number), 2, "--repeats")
