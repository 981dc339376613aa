"""The meter tells patches that differ from paraphrases of one."""

from collections.abc import Sequence
from difflib import unified_diff

from solving_kit import check_by, made, verdict

from swe_scale.diversity import diversity
from swe_scale.patch import normal_form
from swe_scale.ranking import Evidence
from swe_scale.records import Candidate, Diversity, File, Outcome, Verdict, Yield

BEFORE = "def mean(values):\n    return sum(values) / len(values)\n"
PARAPHRASES = {
    "a": "def mean(values):\n    return sum(values) / len(values) if values else 0.0\n",
    "b": "def mean(values):\n    # nothing\n    return sum(values) / len(values) if values else 0.0\n",
    "c": "def mean(values):\n    return (sum(values) / len(values)) if values else 0.0\n",
    "d": "def mean(values):\n    return sum(values) / len(values) if len(values) else 0.0\n",
}
DISTINCT = {
    "a": "def mean(values):\n    return sum(values) / len(values) if values else 0.0\n",
    "b": "import statistics\n\n\ndef mean(values):\n    return statistics.fmean(values or [0.0])\n",
    "c": "def mean(values):\n    try:\n        return sum(values) / len(values)\n"
    "    except ZeroDivisionError:\n        return 0.0\n",
    "d": "def mean(values):\n    return sum(values) / max(len(values), 1)\n",
}


def patch(after: str, path: str = "stats.py") -> str:
    lines = (BEFORE.splitlines(True), after.splitlines(True))
    return f"diff --git a/{path} b/{path}\n" + "".join(unified_diff(*lines, f"a/{path}", f"b/{path}"))


def measured(
    bodies: dict[str, str], verdicts: Sequence[Verdict] = (), path: str = "stats.py", **strategies: str
) -> Diversity:
    candidates = tuple(
        Candidate(id=name, patch=patch(text, path), authors=(index,))
        for index, (name, text) in enumerate(bodies.items(), start=1)
    )
    forms = {
        name: normal_form({path: File(mode="100644", data=text.encode())}) for name, text in bodies.items()
    }
    trajectories = [
        made(one.authors[0], one.id, one.patch).model_copy(
            update={"strategy": strategies.get(one.id, "revise")}
        )
        for one in candidates
    ]
    return diversity(trajectories, Evidence(candidates, forms, (K,), tuple(verdicts)))


K = check_by(1)


def says(outcomes: dict[str, Outcome]) -> list[Verdict]:
    return [verdict(name, K, outcome) for name, outcome in outcomes.items()]


def test_known_distinct_patches_are_above_paraphrases() -> None:
    alike = measured(PARAPHRASES, says(dict.fromkeys("abcd", "pass")))
    apart = measured(DISTINCT, says({"a": "pass", "b": "pass", "c": "fail", "d": "error"}))
    assert alike.trees == apart.trees == 4
    assert (alike.forms, apart.forms) == (2, 4)
    assert (alike.behaviours, apart.behaviours) == (1, 3)
    assert alike.overlap and apart.overlap and apart.overlap + 0.3 < alike.overlap


def test_repeats_lower_it_whoever_made_them() -> None:
    once = measured({"a": DISTINCT["a"], "b": DISTINCT["b"]})
    often = measured({"a": DISTINCT["a"], "b": DISTINCT["b"], "c": DISTINCT["a"], "d": DISTINCT["a"]})
    assert once.overlap and often.overlap and often.overlap > once.overlap
    assert often.forms == 2


def test_what_the_repository_s_tests_say_is_behaviour_too() -> None:
    broken = [verdict("a", K, "pass"), verdict("b", K, "pass").model_copy(update={"broken": ("t.py::x",)})]
    assert measured({"a": DISTINCT["a"], "b": DISTINCT["b"]}, broken).behaviours == 2


def test_files_are_counted_without_tests() -> None:
    one = Candidate(id="a", patch=patch(DISTINCT["a"]), authors=(1,))
    with_test = one.patch + patch(DISTINCT["b"], "tests/test_stats.py")
    other = Candidate(id="b", patch=with_test, authors=(2,))
    third = Candidate(id="c", patch=patch(DISTINCT["c"], "other.py"), authors=(3,))
    several = [made(one.authors[0], one.id, one.patch) for one in (one, other, third)]
    found = diversity(several, Evidence((one, other, third), {"a": "1", "b": "2", "c": "3"}, (), ()))
    assert (found.files, found.behaviours) == (2, 1)


def test_nothing_and_one_have_no_overlap() -> None:
    assert diversity((), Evidence((), {}, (), ())) == Diversity()
    one = measured({"a": DISTINCT["a"]})
    assert (one.overlap, one.trees, one.strategies["revise"].candidates) == (None, 1, 1)


def test_each_strategy_has_what_it_brought() -> None:
    bodies = {"a": DISTINCT["a"], "b": DISTINCT["b"], "c": PARAPHRASES["b"]}
    found = measured(bodies, a="revise", b="plan", c="plan").strategies
    assert found == {
        "revise": Yield(trajectories=1, candidates=1, own=0),
        "plan": Yield(trajectories=2, candidates=2, own=1),
    }
    barren = diversity([made(1, "base", "")], Evidence((), {}, (), ()))
    assert barren.strategies == {"revise": Yield(trajectories=1, candidates=0, own=0)}
