"""What is left out of the matrix can't change the answer: every outcome of it is tried."""

import random
from collections.abc import Callable, Collection, Sequence
from itertools import product

import pytest
from solving_kit import candidate, check_by, ran, verdict

from swe_scale.config import OpenAIEndpoint, RunConfig
from swe_scale.flags import BLIND, FORGED
from swe_scale.ranking import Evidence, needs_of, rank
from swe_scale.ranking.sure import VOTES
from swe_scale.ranking.worth import EVERYTHING, REPEATS_ON_BASE, VOTING, Cell, Needs
from swe_scale.records import BASE, Candidate, Check, Outcome, Verdict

Oracle = Callable[[Cell], Verdict]
SAID: tuple[Outcome, ...] = ("pass", "fail", "infra")
"""Whatever isn't a pass counts as a failure; a sandbox's failure says nothing."""


def crossed(blank: Evidence, oracle: Oracle, needs: Needs, slots: int) -> tuple[Evidence, list[Cell]]:
    """Return what is known when nothing more is needed, and what was run, read as `crosscheck.fill` does."""
    known = list(blank.verdicts)
    under_way: list[Cell] = []
    run: list[Cell] = []
    while True:
        evidence = Evidence(blank.candidates, blank.forms, blank.checks, tuple(known))
        wanted = needs.next(evidence, under_way, slots)
        assert not {*wanted} & {*under_way, *run} and len({*wanted}) == len(wanted)
        under_way += wanted
        if not under_way:
            return evidence, run
        half = -(-len(under_way) // 2)
        read, under_way = under_way[:half], under_way[half:]
        run += read
        known += [oracle(cell) for cell in read]


def drawn(chance: random.Random, rows: int, columns: int) -> tuple[Evidence, Oracle]:
    """Return a small issue without any cell, and what its cells say."""
    fates = chance.choice([(0.5, 0.4), (0.8, 0.2), (0.2, 0.8), (0.9, 0.05)])
    words = ["alpha beta gamma", "alpha beta delta", "one two", "three", "four", "five six"]
    candidates = tuple(candidate(f"{row:040x}", [row], chance.choice(words)) for row in range(1, rows + 1))
    forms = {one.id: chance.choice(["f", "g", one.id, one.id]) for one in candidates}
    authors = [chance.choice([*range(1, rows + 1), None]) for _ in range(columns)]
    checks = tuple(check_by(author, f"# {number}\n") for number, author in enumerate(authors))
    says = {
        (check.id, one.id): chance.choices(SAID, (*fates, 0.05))[0] for check in checks for one in candidates
    }
    known: list[Verdict] = []
    if chance.random() < 0.5:
        tests = Check.of("test_m.py", "regression")
        checks = (*checks, tests)
        for one in candidates:
            broken = tuple(name for name in ("a", "b") if chance.random() < 0.3)
            known.append(verdict(one.id, tests, "pass").model_copy(update={"broken": broken}))

    def oracle(cell: Cell) -> Verdict:
        outcome = "fail" if cell.candidate == BASE else says[cell.check, cell.candidate]
        return Verdict(
            candidate=cell.candidate, check=cell.check, repeat=cell.repeat, outcome=outcome, execution=ran()
        )

    return Evidence(candidates, forms, checks, tuple(known)), oracle


def answer(evidence: Evidence) -> object:
    """Return all that is made of a ranking: leader, finalists, what may be proposed, how sure that is."""
    ranking = rank(evidence)
    level = {one.candidate: one.posterior for one in ranking.ranked if one.candidate in ranking.contested}
    return ranking.contested[0], level, ranking.supported & {*ranking.contested}


def with_more(evidence: Evidence, more: Collection[Verdict]) -> Evidence:
    return Evidence(evidence.candidates, evidence.forms, evidence.checks, (*evidence.verdicts, *more))


def left(evidence: Evidence) -> list[Cell]:
    """Return the cells that were left out."""
    outcomes = evidence.outcomes
    return [
        Cell(check.id, one.id)
        for check in evidence.checks
        for one in evidence.candidates
        if check.kind != "regression" and outcomes.of(one.id, check.id) is None
    ]


def fillings(cells: Sequence[Cell], chance: random.Random, most: int) -> list[tuple[Verdict, ...]]:
    """Return all that these cells may say, or so many drawn ones and the extremes."""
    if len(SAID) ** len(cells) <= most:
        several = list(product(SAID, repeat=len(cells)))
    else:
        several = [tuple(chance.choices(SAID, k=len(cells))) for _ in range(most)]
        several += [(one,) * len(cells) for one in SAID]
    return [
        tuple(
            Verdict(candidate=cell.candidate, check=cell.check, outcome=said, execution=ran())
            for cell, said in zip(cells, row, strict=True)
        )
        for row in several
    ]


@pytest.mark.parametrize("seed", range(120))
def test_nothing_that_was_left_out_can_change_the_answer(seed: int) -> None:
    chance = random.Random(seed)
    blank, oracle = drawn(chance, chance.randint(1, 5), chance.randint(1, 4))
    evidence, _ = crossed(blank, oracle, VOTES, chance.choice([1, 2, 8]))
    for more in fillings(left(evidence), chance, 250):
        assert answer(with_more(evidence, more)) == answer(evidence)


def test_something_is_left_out() -> None:
    chance = random.Random(0)
    spared = [len(left(crossed(*drawn(chance, 5, 4), VOTES, 1)[0])) for _ in range(60)]
    assert sum(spared) > 60 * 20 / 10, "a tenth at least"


@pytest.mark.parametrize("seed", range(60))
def test_finalists_meet_every_check_that_votes(seed: int) -> None:
    chance = random.Random(seed)
    blank, oracle = drawn(chance, chance.randint(2, 5), chance.randint(1, 4))
    evidence, _ = crossed(blank, oracle, VOTES, 2)
    assert not {cell.candidate for cell in left(evidence)} & {*rank(evidence).contested}


@pytest.mark.parametrize("seed", range(80))
def test_tests_that_were_not_run_can_not_change_the_answer(seed: int) -> None:
    chance = random.Random(seed)
    blank, oracle = drawn(chance, chance.randint(2, 5), chance.randint(1, 3))
    tests = Check.of("test_m.py", "regression")
    names = [one.id for one in blank.candidates]
    breaks = {name: tuple(test for test in "ab" if chance.random() < 0.2) for name in names}
    evidence = Evidence(blank.candidates, blank.forms, (*blank.checks, tests), ())
    done: dict[str, Verdict] = {}

    def told(name: str, broken: tuple[str, ...]) -> Verdict:
        return verdict(name, tests, "pass").model_copy(update={"broken": broken})

    while True:
        known = tuple(one for one in evidence.verdicts if one.check != tests.id)
        evidence = Evidence(evidence.candidates, evidence.forms, evidence.checks, (*known, *done.values()))
        evidence, _ = crossed(evidence, oracle, VOTES, 2)
        wanted = VOTES.tested(evidence, done, 2)
        if not wanted:
            break
        done |= {name: told(name, breaks[name]) for name in wanted}
    others = [name for name in names if name not in done]
    for broken in product(((), ("a",), ("a", "b")), repeat=len(others)):
        more = [told(name, tests) for name, tests in zip(others, broken, strict=True)]
        assert answer(with_more(evidence, more)) == answer(evidence)


def test_a_leader_that_forges_is_caught_though_all_else_is_sure() -> None:
    checks = [check_by(9, f"# {number}\n") for number in range(4)]
    both = (candidate("a" * 40, [1]), candidate("b" * 40, [2]))
    blank = Evidence(both, {one.id: one.id for one in both}, tuple(checks), ())

    def oracle(cell: Cell) -> Verdict:
        forged = cell.candidate == both[0].id and cell.check == checks[3].id
        outcome: Outcome = "fail" if cell.candidate == BASE else "error" if forged else "pass"
        flags = (FORGED,) if forged else ()
        return Verdict(
            candidate=cell.candidate, check=cell.check, repeat=cell.repeat, outcome=outcome, flags=flags,
            execution=ran(),
        )  # fmt: skip

    evidence, _ = crossed(blank, oracle, VOTES, 1)
    assert rank(evidence).ranked[0].candidate == both[1].id
    assert evidence.outcomes.caught == {both[0].id}


def test_a_check_that_may_be_blind_meets_every_place_that_is_changed() -> None:
    starts = check_by(9, "import subprocess\nsubprocess.run(['tool'])\n")
    others = [check_by(9, f"# {number}\n") for number in range(3)]

    def patched(name: str, path: str) -> Candidate:
        one = candidate(name * 40, [int(name, 16)])
        return one.model_copy(update={"patch": one.patch.replace("m.py", path)})

    candidates = (patched("1", "m.py"), patched("2", "m.py"), patched("3", "n.py"), patched("4", "n.py"))
    blank = Evidence(candidates, dict.fromkeys((one.id for one in candidates), "f"), (starts, *others), ())

    def oracle(cell: Cell) -> Verdict:
        blind = cell.check == starts.id and cell.candidate in (candidates[2].id, candidates[3].id)
        outcome: Outcome = "fail" if cell.candidate == BASE else "error" if blind else "pass"
        flags = (BLIND,) if blind else ()
        return Verdict(
            candidate=cell.candidate, check=cell.check, repeat=cell.repeat, outcome=outcome, flags=flags,
            execution=ran(),
        )  # fmt: skip

    evidence, run = crossed(blank, oracle, VOTES, 1)
    assert evidence.outcomes.blind == {starts.id}
    whole, every = crossed(blank, oracle, VOTING, 1)
    assert answer(evidence) == answer(whole) and len(run) < len(every)


def config(**changes: object) -> RunConfig:
    endpoint = OpenAIEndpoint(base_url="http://localhost:1", model="m")
    stages = dict.fromkeys(("environment", "plan", "trajectory", "selection"), (endpoint,))
    given = {"models": stages, "sandbox": {"kind": "local"}, "strategies": {"revise": 1}, "turns": 1}
    return RunConfig.model_validate(given | {"context_tokens": 0} | changes)


def test_less_than_every_cell_that_votes_is_for_what_reads_no_more_than_the_answer() -> None:
    assert needs_of(config(rule="votes")) is VOTES
    assert needs_of(config(rule="votes", policy="until-agreed")) is VOTES
    assert needs_of(config()) is VOTING
    others: list[dict[str, object]] = [
        {"rule": "codet"}, {"policy": "another"}, {"policy": "adaptive"},
        {"record_turns": True}, {"stragglers": "settled"}, {"cascade": True},
    ]  # fmt: skip
    for other in others:
        assert needs_of(config(**{"rule": "votes"} | other)) is VOTING
    assert needs_of(config(record_all=True)) is EVERYTHING


@pytest.mark.parametrize("slots", [1, 8])
def test_a_cell_is_run_again_until_most_of_its_runs_agree(slots: int) -> None:
    chance = random.Random(slots)
    blank, _ = drawn(chance, 4, 3)
    said: dict[tuple[str, str], list[Outcome]] = {}

    def oracle(cell: Cell) -> Verdict:
        outcome = "fail" if cell.candidate == BASE else chance.choice(SAID)
        if cell.candidate != BASE:
            said.setdefault((cell.check, cell.candidate), []).append(outcome)
        return Verdict(
            candidate=cell.candidate, check=cell.check, repeat=cell.repeat, outcome=outcome, execution=ran()
        )

    most = 5
    crossed(blank, oracle, needs_of(config(repeats=most)), slots)
    written = {one.id for one in blank.checks if one.kind != "regression"}
    assert len(said) == len(written) * len(blank.candidates)
    for runs in said.values():
        passes, fails = runs.count("pass"), runs.count("fail")
        assert len(runs) <= most
        assert len(runs) == most or max(passes, fails) == most // 2 + 1, "a sandbox's failure is no run"
        assert max(passes, fails) <= most // 2 + 1, "nothing is run that decides nothing"


def test_a_check_that_does_not_vote_is_not_run_again() -> None:
    blank, oracle = drawn(random.Random(3), 3, 2)

    def passes(cell: Cell) -> Verdict:
        return oracle(cell).model_copy(update={"outcome": "pass"})

    for every in (False, True):
        _, run = crossed(blank, passes, needs_of(config(repeats=3, record_all=every)), 2)
        assert not [cell for cell in run if cell.repeat and cell.candidate != BASE]


def test_of_very_many_candidates_every_cell_that_votes_is_run_at_once() -> None:
    blank, oracle = drawn(random.Random(2), 201, 1)
    evidence, run = crossed(blank, oracle, VOTES, 2)
    assert not left(evidence) and len(run) == REPEATS_ON_BASE + 201
