"""Crosses the patches of mutants' issues with the checks that their authors wrote, cell by real cell."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import numpy as np
from coin_world import NULL, REGIMES, Dials
from mutant_checks import Assertion, Claim, Coin, Module, modules, script_of
from mutant_issues import Drawn, Patch, Values, bugs, chosen_claim, drawn, texts_for, violated
from mutant_lab import Lab, open_lab, survey, tree_of
from mutation import mutants

from swe_scale.checks import Cells
from swe_scale.config import SandboxConfig
from swe_scale.patch import normal_form
from swe_scale.ranking import Evidence
from swe_scale.records import BASE, Candidate, Check, Verdict

_AT_A_TIME = 4
"""Issues that are worked on at once."""
_LOOKED_AT = 2
"""Mutants for each issue that is wanted: some have no effect, some never end."""
_ELSEWHERE = 4
"""Assertions of other modules that an issue's authors choose among where checks know nothing."""
_BASE_RUNS = 2
"""Runs of a check that has a coin on the untouched code, as in a solution."""
_SETTINGS = "[environment]\nsetup = []\n"


@dataclass(frozen=True, slots=True)
class Regime:
    """What authors' checks are like."""

    dials: Dials
    weakened: float = 0.0
    """Share of valid checks whose oracle is given up."""
    flips: float = 0.0
    """Probability that a run says the opposite."""
    every: int = 1
    """It is run on one of so many issues."""


_GOOD = REGIMES["good"]
CROSSED: Mapping[str, Regime] = {
    "good": Regime(_GOOD),
    "middle": Regime(REGIMES["middle"]),
    "bad": Regime(REGIMES["bad"]),
    "flaky": Regime(REGIMES["flaky"], flips=REGIMES["flaky"].flip),
    "a third weak": Regime(_GOOD, weakened=1 / 3),
    "two thirds weak": Regime(_GOOD, weakened=2 / 3),
    "all weak": Regime(_GOOD, weakened=1.0),
    "elsewhere": Regime(NULL["null"], every=2),
    "noise": Regime(NULL["null"], flips=0.5, every=2),
}
"""The coin world's regimes, with real outcomes; then weaker oracles; then checks that know nothing."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """One issue with what its checks say."""

    name: str
    evidence: Mapping[str, Evidence]
    """By regime: what a rule sees."""
    right: Mapping[str, bool]
    """Of each candidate, by the true suite."""
    values: Mapping[str, Values]
    """Of each candidate: what the suite's expressions give."""
    suite: tuple[Assertion, ...]
    valid: Mapping[str, Mapping[str, bool]]
    """By regime and check: whether it passes on the true fix, and fails on the bug or on some candidate."""


def crossed(
    module: str, count: int, seed: int, sandbox: SandboxConfig, regimes: Mapping[str, Regime] = CROSSED
) -> list[Crossed]:
    """Return issues of one module, crossed in a temporary folder.

    It belongs in a process of its own, whose cache folder it sets.

    Raises:
        SandboxError: the sandbox doesn't work.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder

        async def run() -> list[Crossed]:
            async with open_lab(Path(folder), sandbox) as lab:
                return await _crossed(lab, await _plans(lab, module, count, seed), regimes)

        return anyio.run(run)


async def _plans(lab: Lab, name: str, count: int, seed: int) -> list[Drawn]:
    known = modules()
    number = [one.name for one in known].index(name)
    elsewhere = [Claim(one.name, asked) for one in known if one.name != name for asked in one.suite]
    async with lab.cells(name, await lab.commit("main", _files())) as cells:
        return await _planned(cells, known[number], elsewhere, count, (seed, number))


async def _crossed(lab: Lab, plans: Sequence[Drawn], regimes: Mapping[str, Regime]) -> list[Crossed]:
    results: dict[int, Crossed] = {}
    at_a_time = anyio.CapacityLimiter(_AT_A_TIME)

    async def one_of(place: int, plan: Drawn) -> None:
        wanted = {name: regime for name, regime in regimes.items() if place % regime.every == 0}
        async with at_a_time:
            results[place] = await _issue(lab, f"{plan.bug.module.name}-{place}", plan, wanted)

    async with anyio.create_task_group() as group:
        for place, plan in enumerate(plans):
            group.start_soon(one_of, place, plan)
    return [results[place] for place in sorted(results)]


def _files() -> dict[str, str]:
    return {one.path: one.source for one in modules()} | {"swe-scale.toml": _SETTINGS}


async def _planned(
    cells: Cells, module: Module, elsewhere: Sequence[Claim], count: int, seed: tuple[int, int]
) -> list[Drawn]:
    """Return issues of a module: its mutants that the suite detects, drawn, with what may mend them."""
    chance = np.random.default_rng(seed)
    known = mutants(module.source)
    some = [known[place].text for place in chance.permutation(len(known))[: _LOOKED_AT * count]]
    found = bugs(module, await survey(cells, module, some))
    plans: list[Drawn] = []
    for place in chance.permutation(len(found))[:count]:
        texts = texts_for(found[place], chance)
        done = await survey(cells, module, [one.source for one in texts])
        patches = [
            Patch(one, done[one.source], not violated(module, done[one.source]))
            for one in texts
            if done[one.source]
        ]
        claims = [elsewhere[number] for number in chance.permutation(len(elsewhere))[:_ELSEWHERE]]
        plans.append(drawn(found[place], patches, claims, (*seed, len(plans))))
    return plans


async def _issue(lab: Lab, name: str, plan: Drawn, regimes: Mapping[str, Regime]) -> Crossed:
    module = plan.bug.module
    files = {**_files(), module.path: plan.bug.variant.text}
    async with lab.cells(name, await lab.commit(name, files)) as cells:
        trees = [await tree_of(cells.trees, module, one.text.source) for one in plan.patches]
        crossing = _Crossing(cells, plan, trees, await _candidates(cells, plan, trees))
        found = {name: await crossing.under(regime) for name, regime in regimes.items()}
    of = dict(zip(trees, plan.patches, strict=True))
    ids = [one.id for one in crossing.candidates]
    return Crossed(
        name,
        {regime: one.evidence for regime, one in found.items()},
        {name: of[name].right for name in ids},
        {name: of[name].values for name in ids},
        module.suite,
        {regime: one.valid for regime, one in found.items()},
    )


async def _candidates(cells: Cells, plan: Drawn, trees: Sequence[str]) -> tuple[Candidate, ...]:
    authors: dict[str, list[int]] = {}
    for number, one in enumerate(plan.authors, start=1):
        authors.setdefault(trees[one.patch], []).append(number)
    return tuple(
        [
            Candidate(id=tree, patch=await cells.trees.patch(tree), authors=tuple(authors[tree]))
            for tree in sorted(authors)
        ]
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What a regime's checks say."""

    evidence: Evidence
    valid: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class _Crossing:
    """The cells of one issue."""

    cells: Cells
    plan: Drawn
    trees: Sequence[str]
    """Of the patches, the inverse first."""
    candidates: tuple[Candidate, ...]

    async def under(self, regime: Regime) -> _Told:
        """Return what all checks of a regime say of all candidates and of the untouched code."""
        checks: dict[int, Check] = {}
        verdicts: list[Verdict] = []
        valid: dict[str, bool] = {}
        for number, one in enumerate(self.plan.authors, start=1):
            claim = chosen_claim(one, self.plan.patches[one.patch].right, regime.dials, regime.weakened)
            # The same assertion by two authors is two checks, as it would be in their own words.
            check = Check.of(f"{script_of(claim)}# by {number}\n", "reproduction", author=number)
            checks[number] = check
            verdicts += await self._run(check, claim, regime.flips)
            valid[check.id] = await self._states(claim)
        forms = {one.id: normal_form(await self.cells.trees.changes(one.id)) for one in self.candidates}
        evidence = Evidence(self.candidates, forms, tuple(checks.values()), tuple(verdicts))
        return _Told(evidence, valid)

    async def _run(self, check: Check, claim: Claim, flips: float) -> list[Verdict]:
        # Without a coin, a second run would say the same.
        runs = [(BASE, repeat) for repeat in range(_BASE_RUNS if flips else 1)]
        found: list[Verdict] = []
        for name, repeat in (*runs, *((one.id, 0) for one in self.candidates)):
            seed = f"{self.cells.issue} {check.author} {repeat}"
            coin = Coin(self.plan.bug.module.name, flips, seed) if flips else None
            told = await self._said(script_of(claim, coin), name)
            found.append(told.model_copy(update={"check": check.id, "repeat": repeat}))
        return found

    async def _states(self, claim: Claim) -> bool:
        """Return whether a claim holds on the true fix, and not on the bug, or not on some candidate."""
        names = (self.trees[0], BASE, *(one.id for one in self.candidates))
        fix, *others = [(await self._said(script_of(claim), name)).outcome == "pass" for name in names]
        return fix and not all(others)

    async def _said(self, script: str, tree: str) -> Verdict:
        """Return the verdict of a script on a tree; equal scripts are run once."""
        return await self.cells.verdict(Check.of(script, "reproduction"), tree)
