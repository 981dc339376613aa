"""Comparisons pair by issue, find what is there, and seldom what isn't."""

import json
import random
from pathlib import Path

import pytest
from runs_kit import grade, issue, patch, recorded_run

from swe_scale.analysis.compare import Comparison, compare
from swe_scale.analysis.sides import Side, read_side
from swe_scale.errors import StoreError, UsageError
from swe_scale.grades import FILE, lines_of
from swe_scale.records import Usage
from swe_scale.statistics import holm


def side(name: str, resolved: list[bool], **given: object) -> Side:
    told = {f"i{number:03}": one for number, one in enumerate(resolved)}
    return Side(name, {"official": told, "hardened": told}, **given)  # type: ignore[arg-type]


def test_what_is_compared_is_paired_by_issue() -> None:
    first = [True] * 10 + [True] * 8 + [False] * 2 + [False] * 5
    other = [True] * 10 + [False] * 8 + [True] * 2 + [False] * 5
    found = compare([side("a", first), side("b", other)])
    assert [one.way for one in found.contrasts] == ["hardened", "official"]
    one = found.contrasts[0]
    assert (one.issues, one.both, one.neither) == (25, 10, 5)
    assert one.only_first == tuple(f"i{number:03}" for number in range(10, 18))
    assert one.only_other == ("i018", "i019")
    assert one.p == one.adjusted == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert one.difference.value == one.bootstrap.value == pytest.approx(6 / 25)
    assert one.difference.low < one.difference.value < one.difference.high
    assert one.smallest == pytest.approx(2.8016 * (10 / 25 / 25) ** 0.5, abs=1e-3)
    assert "Of 25 issues a resolves 6 more than b (+24.0 points), which chance alone could" in one.words
    assert found.left_out == () and one.paid == ()


def test_a_real_difference_is_called_one() -> None:
    one = compare([side("a", [True] * 30), side("b", [True] * 10 + [False] * 20)]).contrasts[0]
    assert one.p < 1e-4 and "a difference that chance alone would rarely make" in one.words


def test_equal_systems_are_seldom_told_apart() -> None:
    chance = random.Random(7)
    by_test = by_interval = 0
    for _ in range(300):
        hard = [chance.random() for _ in range(100)]
        ours, theirs = ([chance.random() > one for one in hard] for _ in range(2))
        one = compare([side("a", ours), side("b", theirs)]).contrasts[0]
        by_test += one.adjusted < 0.05
        by_interval += not one.bootstrap.low <= 0 <= one.bootstrap.high
    # 5 % of 300 are 15; the exact test keeps below that, the bootstrap is a little generous.
    assert 2 <= by_test <= 18
    assert 5 <= by_interval <= 30


def test_of_several_chance_has_more_chances() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([]) == []
    first = [True] * 7 + [False] * 13
    others = [side(name, [False] * 20) for name in "bcd"]
    found = compare([side("a", first), *others])
    assert [(one.way, one.first, one.other) for one in found.contrasts[:3]] == [
        ("hardened", "a", name) for name in "bcd"
    ]
    assert [one.p for one in found.contrasts[:3]] == [0.015625] * 3
    assert [one.adjusted for one in found.contrasts[:3]] == pytest.approx([3 * 0.015625] * 3)
    assert "after correction for 3 comparisons" in found.contrasts[0].words


def test_cost_stands_beside_accuracy() -> None:
    costs = [
        {f"i{number:03}": Usage(prompt_tokens=tokens, usd=0.01) for number in range(4)} for tokens in (9, 5)
    ]
    [one, _] = compare([side(n, [True] * 4, costs=c) for n, c in zip("ab", costs, strict=True)]).contrasts
    assert [(each.unit, each.first, each.other) for each in one.paid] == [
        ("usd", pytest.approx(0.01), pytest.approx(0.01)), ("tokens", 9.0, 5.0),
    ]  # fmt: skip
    assert one.paid[1].difference.value == one.paid[1].difference.low == 4.0
    assert "as many as" in one.words


def left_out(found: Comparison) -> dict[str, tuple[str, ...]]:
    return {one.text: one.issues for one in found.left_out}


def test_runs_are_compared_on_what_both_have(tmp_path: Path) -> None:
    first = read_side(recorded_run(tmp_path / "a", issues=12))
    other = read_side(recorded_run(tmp_path / "b", issues=10, seed=1))
    found = compare([first, other])
    assert found.contrasts[0].issues == 9
    assert left_out(found) == {
        "only a has them, not b": tuple(sorted((issue(10).id, issue(11).id))),
        "of b: failed, or has no solution yet": (issue(9).id,),
    }
    assert found.contrasts[0].paid[0].first == pytest.approx(0.12)
    assert Comparison.model_validate_json(found.model_dump_json()) == found


def test_grades_and_predictions_are_sides_too(tmp_path: Path) -> None:
    alone = tmp_path / "mine.jsonl"
    alone.write_text("".join(lines_of(grade(number, number % 2) for number in range(4))))
    assert read_side(alone).resolved["hardened"] == {issue(n).id: n % 2 == 0 for n in range(4)}
    (tmp_path / FILE).write_text("".join(lines_of(grade(n, v) for n in range(3) for v in (0, 1))))
    rows = [
        {"instance_id": issue(0).id, "model_patch": patch(0, 0)},
        {"instance_id": issue(1).id, "model_patch": ""},
        {"instance_id": issue(2).id, "model_patch": patch(2, 2)},
    ]
    preds = tmp_path / "preds.jsonl"
    preds.write_text("\n".join(map(json.dumps, rows)))
    found = read_side(preds)
    assert found.resolved["hardened"] == {issue(0).id: True, issue(1).id: False}
    assert found.unknown == {issue(2).id: "its patch has no grade"}
    for form in (rows, {row["instance_id"]: row for row in rows}):
        (tmp_path / "preds.json").write_text(json.dumps(form))
        assert read_side(tmp_path / "preds.json") == Side("preds", found.resolved, found.unknown)


def test_what_is_no_side_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run in"):
        read_side(tmp_path)
    with pytest.raises(UsageError, match="nothing of it is graded; do that first: swe-scale grade"):
        read_side(recorded_run(tmp_path / "r", graded=False))
    file = tmp_path / "odd.jsonl"
    for text in ("nonsense", '{"a": 1}', "\udcff", "[" * 100_000):
        file.write_text(text, errors="surrogateescape")
        with pytest.raises(UsageError, match=r"odd\.jsonl"):
            read_side(file)
    file.write_text("".join(lines_of([grade(0, 0), grade(0, 1)])))
    with pytest.raises(UsageError, match="several patches of acme__calendar-0"):
        read_side(file)
    file.write_text('{"rules": 1}\n')
    with pytest.raises(StoreError, match="line 1: not a grade"):
        read_side(file)
    with pytest.raises(ValueError, match="nothing to compare"):
        compare([side("a", [True])])
