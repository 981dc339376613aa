"""Issues of mutants are as their dials say, and their cells are those of a real sandbox."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from own_loop import run_apart

sys.path.insert(0, str(Path(__file__).parent.parent / "evaluation" / "experiments"))

from coin_world import NULL, REGIMES
from mutant_checks import NOBODY, Assertion, Claim, Module
from mutant_crossing import CROSSED, Crossed, crossed
from mutant_figures import made, told
from mutant_issues import Author, Bug, Patch, Text, Values, bugs, chosen_claim, drawn, texts_for
from mutant_quality import pairs_of, quality, rank_correlation
from mutation import formatted, mutants

from swe_scale.config import Local
from swe_scale.ranking import Evidence
from swe_scale.records import BASE

SOURCE = formatted(
    "def least(a, b):\n    if a < b:\n        return a\n    return b\n\ndef twice(a):\n    return a * 2\n"
)
SUITE = (("least(1, 2)", "1"), ("least(2, 1)", "1"), ("twice(2)", "4"), ("twice(3)", "6"))
MODULE = Module("small", SOURCE, tuple(Assertion(*one) for one in SUITE))
BROKEN = next(one for one in mutants(SOURCE) if "if a >= b" in one.text)
BUG = Bug(MODULE, BROKEN, ("2", "2", "4", "6"))
RIGHT = Patch(Text("inverse", SOURCE), ("1", "1", "4", "6"), True)
PARTIAL = Patch(Text("other bug", "other"), ("1", "2", "4", "6"), False)
NO_CHANGE = Patch(Text("no change", "same"), BUG.values, False)
ELSEWHERE = [Claim("far", Assertion("1", "1"))]


def values_of(source: str) -> Values:
    """Return what the expressions give on a text that comes to an end."""
    names: dict[str, object] = {}
    try:
        exec(source, names)
        return tuple(repr(eval(one.expression, dict(names))) for one in MODULE.suite)
    except Exception:
        return ()


def test_bugs_violate_some_of_the_suite_but_not_most() -> None:
    values = {one.text: values_of(one.text) for one in mutants(SOURCE)}
    found = bugs(MODULE, values)
    assert BROKEN.text in {one.variant.text for one in found}
    assert all(0 < len(one.violated) <= 2 for one in found)
    assert all(one.values == values[one.variant.text] for one in found)
    assert BUG.violated == (0, 1)


def test_patches_are_the_inverse_first_and_none_is_the_bug() -> None:
    texts = texts_for(BUG, np.random.default_rng(1))
    assert texts == texts_for(BUG, np.random.default_rng(1))
    assert texts[0] == Text("inverse", SOURCE)
    assert len({one.source for one in texts}) == len(texts) <= 11
    assert BROKEN.text not in {one.source for one in texts}
    ways = {one.way: one.source for one in texts}
    assert values_of(ways["no change"]) == BUG.values
    assert values_of(ways["reworded"]) == RIGHT.values
    assert "if a < b" in ways["over-broad"] and "return a * 2" not in ways["over-broad"]
    assert "if a >= b" in ways["second bug"] or "return a * 2" in ways["second bug"]


def issues(patches: list[Patch], count: int = 40) -> list[Author]:
    return [author for number in range(count) for author in drawn(BUG, patches, ELSEWHERE, (number,)).authors]


def test_authors_claim_what_they_have_seen() -> None:
    patches = [RIGHT, PARTIAL, NO_CHANGE]
    assert drawn(BUG, patches, ELSEWHERE, (3,)) == drawn(BUG, patches, ELSEWHERE, (3,))
    for one in issues(patches):
        own, claims = patches[one.patch], one.claims
        assert claims["valid"].assertion in MODULE.suite[:2]
        assert claims["weak"] == replace(claims["valid"], weak=True)
        assert claims["vacuous"].assertion in MODULE.suite[2:]
        assert claims["hopeless"].assertion.expected == NOBODY
        assert claims["elsewhere"] in ELSEWHERE
        if own is PARTIAL:
            assert claims["valid"].assertion == MODULE.suite[0], "it holds on his own patch"
            assert claims["mistaken"].assertion == Assertion("least(2, 1)", "2")
        if own is NO_CHANGE:
            assert claims["mistaken"].assertion.expected == "2"


def test_half_of_issues_that_are_not_hopeless_are_won() -> None:
    right = [author.patch == 0 for author in issues([RIGHT, PARTIAL], count=300)]
    dials = REGIMES["middle"]
    assert np.mean(right) == pytest.approx(
        (1 - dials.hopeless) * dials.successes / (dials.successes + dials.failures), abs=0.06
    )


def test_claims_are_chosen_as_the_dials_say() -> None:
    def shares(right: bool, regime: str, weakened: float = 0.0) -> Mapping[str, float]:
        chosen = []
        for one in issues([RIGHT, PARTIAL], count=150):
            claim = chosen_claim(one, right, CROSSED[regime].dials, weakened)
            chosen.append(next(kind for kind, known in one.claims.items() if known == claim))
        return {kind: chosen.count(kind) / len(chosen) for kind in sorted(set(chosen))}

    bad = shares(False, "bad")
    assert bad["valid"] == pytest.approx(0.2, abs=0.04) and bad["mistaken"] == pytest.approx(0.72, abs=0.05)
    good = shares(True, "good", weakened=0.5)
    assert good["valid"] == pytest.approx(good["weak"], abs=0.08)
    assert good["valid"] + good["weak"] == pytest.approx(0.95, abs=0.02)
    assert "valid" not in shares(True, "good", weakened=1.0)
    assert shares(True, "noise") == {"elsewhere": 1.0}
    assert not NULL["null"].informative


@pytest.fixture(scope="module")
def two() -> list[Crossed]:
    regimes = {name: CROSSED[name] for name in ("good", "noise")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", "/nonexistent")
        regimes["noise"] = replace(regimes["noise"], every=1)
        found = run_apart(lambda: crossed("recent", 2, 7, Local(), regimes))
    assert [one.name for one in found] == ["recent-0", "recent-1"]
    return found


def test_cells_of_a_real_sandbox_are_what_the_surveys_say(two: list[Crossed]) -> None:
    for one in two:
        evidence = one.evidence["good"]
        expected = tuple(asked.expected for asked in one.suite)
        assert {name: values == expected for name, values in one.values.items()} == one.right
        assert sum(len(candidate.authors) for candidate in evidence.candidates) == len(evidence.checks) == 8
        assert all("recent.py" in candidate.patch for candidate in evidence.candidates)
        assert len({check.id for check in evidence.checks}) == 8
        cells = {(verdict.check, verdict.candidate) for verdict in evidence.verdicts}
        assert len(cells) == 8 * (1 + len(evidence.candidates))
        assert {verdict.outcome for verdict in evidence.verdicts} <= {"pass", "fail"}
        for check in evidence.checks:
            if one.valid["good"][check.id]:
                right = [name for name, is_right in one.right.items() if is_right]
                assert all(evidence.outcomes.of(name, check.id) == "pass" for name in right)
    assert any(one.evidence["good"].outcomes.reproduces(check) for one in two for check in one.valid["good"])


def test_checks_that_know_nothing_say_anything_of_each_candidate(two: list[Crossed]) -> None:
    for one in two:
        evidence = one.evidence["noise"]
        assert not any(one.valid["noise"].values())
        on_base = [verdict for verdict in evidence.verdicts if verdict.candidate == BASE]
        assert len(on_base) == 2 * len(evidence.checks)
        said = {
            tuple(evidence.outcomes.of(name, check.id) for check in evidence.checks)
            for name in (BASE, *one.right)
        }
        assert len(said) == 1 + len(one.right), "by the text of the module that is judged"


def test_figures_of_two_issues(two: list[Crossed]) -> None:
    regimes = {name: one for one, name in enumerate(CROSSED)}
    whole = [
        replace(
            one,
            evidence=dict.fromkeys(regimes, one.evidence["good"]),
            valid=dict.fromkeys(regimes, one.valid["good"]),
        )
        for one in two
    ]
    figures = list(told(whole))
    names = [one.name for one in figures]
    assert len(set(names)) == len(names) and all(np.isfinite(one.ours) for one in figures)
    by_name = {one.name: one for one in figures}
    assert by_name["mutants, bad: votes beside raw"].baseline == made(whole, "bad").right["raw"].mean()
    known = quality(two[0], "good")
    assert 0 <= known.valid <= 1 and known.truly_valid == np.mean(list(two[0].valid["good"].values()))


def test_what_tells_two_apart() -> None:
    issue = Crossed(
        "x", {"middle": Evidence((), {}, (), ())}, {"r": True, "w": False, "same": False},
        {"r": RIGHT.values, "w": PARTIAL.values, "same": PARTIAL.values}, MODULE.suite, {},
    )  # fmt: skip
    pairs = pairs_of(issue, "middle", lambda *_: True)
    assert pairs is not None
    assert (pairs.by_verdict, pairs.by_output, pairs.by_any, pairs.by_own) == (0.25, 0.25, 1.0, 0.0)
    assert pairs_of(issue, "middle", lambda one, other: one and other) is None


def test_rank_correlation_of_ties() -> None:
    pairs = [[(0.1, 1.0), (0.2, 1.0)], [(0.3, 2.0), (0.4, 3.0)]]
    assert rank_correlation(pairs).value == pytest.approx(0.9487, abs=1e-3)
    assert np.isnan(rank_correlation([]).value) and np.isnan(rank_correlation([[(1.0, 1.0)]]).value)
