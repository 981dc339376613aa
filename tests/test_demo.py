"""The demo is the main job in small: what it proves here is what a user sees."""

import itertools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from own_loop import run_async

from swe_scale import assets
from swe_scale.config import Local
from swe_scale.demo import run_demo
from swe_scale.events import Events
from swe_scale.judging import candidates_of
from swe_scale.patch import normal_form
from swe_scale.ranking import Evidence, rank
from swe_scale.records import Solution, Trajectory
from swe_scale.repo import Repository
from swe_scale.trees import Trees

RIGHT = (2, 5)
REVISE, AGENT = (1, 2, 3, 4), (5, 6)


def solve_demo(work: Path, order: Sequence[int] | None = None) -> Solution:
    """Run the demo; `order` says which bundled trajectory stands at each place."""
    replies = assets.folder("demo") / "replies"
    if order is not None:
        moved = work / "replies"
        shutil.copytree(replies / "selection", moved / "selection")
        for place, index in enumerate(order, start=1):
            source, target = (f"trajectory/{number:02}" for number in (index, place))
            shutil.copytree(replies / source, moved / target)
        replies = moved
    folder = work / "demo"
    folder.mkdir()
    return run_async(run_demo, folder, Local(), Events(), replies)


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Solution, Path]:
    with pytest.MonkeyPatch.context() as patch:
        work = tmp_path_factory.mktemp("demo")
        patch.setenv("XDG_CACHE_HOME", str(work / "cache"))
        return solve_demo(work), work


def tree_of(solution: Solution, index: int) -> str:
    return next(one.tree for one in solution.trajectories if one.index == index)


def test_a_right_patch_is_proposed(solved: tuple[Solution, Path]) -> None:
    solution, _ = solved
    assert solution.outcome == "proposed"
    assert solution.candidate in {tree_of(solution, index) for index in RIGHT}
    assert solution.patch is not None and solution.patch.startswith("diff --git ")


def test_each_trajectory_plays_its_part(solved: tuple[Solution, Path]) -> None:
    solution, _ = solved
    verdicts = {(one.candidate, one.check): one.outcome for one in solution.verdicts if one.repeat == 0}
    by_index = {one.index: one for one in solution.trajectories}

    def says(author: int, candidate: str) -> str | None:
        check = by_index[author].check
        return verdicts.get((candidate, check.id)) if check else None

    wrong, uninformative, malformed, breaks = (by_index[index] for index in (1, 3, 4, 6))
    assert says(1, wrong.tree) == "pass"
    assert says(2, wrong.tree) == says(5, wrong.tree) == "fail"
    assert says(3, "base") == "pass"
    assert {says(2, uninformative.tree), says(5, uninformative.tree)} - {None} == {"fail"}
    assert malformed.outcome == "malformed" and len(malformed.turns) == 6
    assert malformed.tree not in {one.id for one in solution.candidates}
    broken = {one.candidate for one in solution.verdicts if one.broken}
    assert broken == {breaks.tree}


def test_the_patch_after_every_turn_is_recorded(solved: tuple[Solution, Path]) -> None:
    for trajectory in solved[0].trajectories:
        assert all(
            bool(turn.patch) == (turn.tree != trajectory.turns[0].tree) for turn in trajectory.turns[1:]
        )
        assert trajectory.turns[-1].tree == trajectory.tree


def forms_of(solution: Solution, work: Path) -> Mapping[str, str]:
    async def read() -> dict[str, str]:
        source = work / "demo" / "repository"
        repository = await Repository.open(str(source), work / "store")
        base = await repository.tree_of(await repository.resolve(None))
        trees = Trees(repository, base)
        return {
            one.id: normal_form(await trees.changes(await repository.apply(base, one.patch)))
            for one in solution.candidates
        }

    return run_async(read)


def renumbered(made: Sequence[Trajectory]) -> list[Trajectory]:
    return [
        one.model_copy(
            update={
                "index": place,
                "check": one.check and one.check.model_copy(update={"author": place}),
            }
        )
        for place, one in enumerate(made, start=1)
    ]


def test_every_order_of_the_trajectories_ranks_the_same(solved: tuple[Solution, Path]) -> None:
    solution, work = solved
    forms = forms_of(solution, work)
    verdicts = solution.verdicts
    seen = set()
    for order in itertools.permutations(solution.trajectories):
        made = renumbered(order)
        base = next(one.tree for one in made if one.outcome == "malformed")
        checks = tuple(one.check for one in made if one.check is not None)
        ranking = rank(Evidence(candidates_of(made, base), forms, checks, verdicts))
        seen.add((tuple(one.candidate for one in ranking.ranked), ranking.contested))
    assert len(seen) == 1


@pytest.mark.parametrize("order", [(4, 3, 2, 1, 6, 5), (2, 4, 1, 3, 5, 6)])
def test_another_order_proposes_the_same(
    order: Sequence[int], solved: tuple[Solution, Path], tmp_path: Path
) -> None:
    again = solve_demo(tmp_path, order)
    assert again.candidate == solved[0].candidate


def test_without_the_right_ones_nothing_is_proposed(tmp_path: Path) -> None:
    # The malformed one stands in for the right ones, once as each strategy.
    solution = solve_demo(tmp_path, (1, 4, 3, 4, 4, 6))
    assert solution.outcome == "abstained"
    assert solution.patch is None
    assert "nobody but its own author" in solution.reason
