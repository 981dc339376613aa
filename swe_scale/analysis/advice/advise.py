"""Makes advice of runs: reads them, draws the curves, fits the laws, weighs what could be done next."""

from collections.abc import Callable, Sequence
from pathlib import Path

from swe_scale.analysis.advice.ahead import Fitted, ahead, fit, laws_of
from swe_scale.analysis.advice.curves import Table, by_samples, by_turns
from swe_scale.analysis.advice.document import Advice, Checks, Figures, Part
from swe_scale.analysis.advice.levers import levers
from swe_scale.analysis.advice.notes import notes_of, pooled
from swe_scale.analysis.advice.pooling import Pool, models_of
from swe_scale.analysis.advice.reading import guesses_of, read_pools
from swe_scale.analysis.advice.rows import stated
from swe_scale.analysis.advice.tried import Cells
from swe_scale.analysis.advice.verdicts import best_of, paid, trust, verdict
from swe_scale.analysis.figures import Measured
from swe_scale.scaling import ceiling, unfit


def advise(folders: Sequence[Path], wrong_costs: float | None = None) -> Advice:
    """Return what runs say of where the next unit of compute should go.

    Args:
        folders: of the runs; those of one configuration are pooled by issue, others stand beside them.
        wrong_costs: what a wrong patch costs, where a right one is worth 1. None: nothing is known of that.

    Raises:
        UsageError: there is no run in a folder, or it says nothing; its rule isn't known here.
        StoreError: a record or its grades can't be read.
        ExtensionError: a rule of another package failed.
    """
    pools = read_pools(folders)
    parts = tuple(_part(one, wrong_costs) for one in pools)
    return Advice(wrong_costs=wrong_costs, parts=parts, notes=tuple(pooled(pools)))


def _part(pool: Pool, wrong_costs: float | None) -> Part:
    known = list(pool.known())
    table = Table(known) if known else None
    return Part(
        runs=tuple(pool.runs),
        strategies=dict(pool.strategies),
        models=models_of(pool.config),
        rule=pool.config.rule,
        way=pool.way,
        finished=len(pool.issues),
        issues=len(known),
        samples=max(sum(one.attempt.samples for one in several) for several in pool.issues.values()),
        figures=figures_of(table, pool.crossed, wrong_costs) if table is not None else None,
        guesses=guesses_of(pool) if table is None else None,
        notes=tuple(notes_of(pool, table)),
    )


def figures_of(table: Table, crossed: bool, wrong_costs: float | None) -> Figures:
    """Return what grades say.

    Args:
        table: issues that are graded in full; at least one.
        crossed: whether the patches of turns were crossed with checks.
        wrong_costs: see `advise`.
    """
    why = unfit(table.samples, table.right)
    fitted = None if why else fit(table)
    laws = laws_of(table, fitted) if fitted is not None else ()
    looks = tuple(ahead(table, fitted, wrong_costs)) if fitted is not None else ()
    turns = table.turns
    found = levers(table, fitted, turns, crossed)
    return Figures(
        by_samples=tuple(by_samples(table, wrong_costs)),
        by_turns=tuple(by_turns(table, turns, crossed)),
        unfit=why,
        laws=laws,
        ahead=looks,
        trust=trust(laws, looks) if fitted is not None else "",
        checks=_checks(table, fitted),
        paid=paid(table),
        best=best_of(table, wrong_costs),
        levers=found,
        verdict=verdict(found, table.rows.issues),
    )


def _checks(table: Table, fitted: Fitted | None) -> Checks:
    cells = [[one.attempt.cells for one in several] for several in table.issues]

    def ratio(passed: Callable[[Cells], int], of: Callable[[Cells], int]) -> Measured | None:
        above = [float(sum(map(passed, several))) for several in cells]
        return table.rows.ratio(above, [float(sum(map(of, several))) for several in cells])

    wrong = ratio(lambda one: one.wrong_passed, lambda one: one.wrong)
    right = ratio(lambda one: one.right_passed, lambda one: one.right)
    most = None
    if fitted is not None and wrong is not None and right is not None and right.value > 0:
        # One that fails on right patches as often as on wrong ones is as blind as one that passes on both.
        most = stated(ceiling(fitted.rates, min(1.0, wrong.value / right.value)))
    return Checks(pass_wrong=wrong, pass_right=right, ceiling=most)
