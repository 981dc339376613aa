"""What the next unit of compute could go to, and what each would bring for what one more sample costs."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from swe_scale.analysis.advice.ahead import Fitted, resolved_by
from swe_scale.analysis.advice.curves import Cut, Table, cut_at
from swe_scale.analysis.advice.document import Cost, Lever
from swe_scale.analysis.advice.rows import Rows, hull, stated
from swe_scale.analysis.figures import Measured

Numbers = NDArray[np.float64]

LEAST_ISSUES = 5
"""Below which nothing is weighed against anything."""
_ONE_MORE = "one more sample of each issue"


def levers(table: Table, fitted: Fitted | None, turns: Sequence[int], crossed: bool) -> tuple[Lever, ...]:
    """Return what could be done next, by what it brings for what a sample costs, greatest first.

    Args:
        table: of the pool.
        fitted: the laws of coverage; None where the record doesn't identify them.
        turns: after which samples were cut, ascending; the last is the longest's end.
        crossed: whether the patches of turns were crossed with checks.
    """
    if table.rows.issues < LEAST_ISSUES:
        return ()
    samples = _fitted(table, fitted) if fitted is not None else _last_samples(table)
    found = [*samples, *_turns(table, turns, crossed), _selection(table), *_checks(table)]
    return tuple(sorted(found, key=lambda one: -one.rate.value))


def points(found: Measured) -> str:
    """Return a difference of shares in points, with its interval."""
    return f"{100 * found.value:+.1f} points ({100 * found.low:+.1f} … {100 * found.high:+.1f})"


def _fitted(table: Table, fitted: Fitted) -> Iterator[Lever]:
    most = table.sizes[-1]
    now = table.rows.mean(table.resolved(most))
    told = resolved_by(table, fitted, most + 1)
    gain = hull([stated(rows - now[: len(rows)]) for rows in told.values()])
    words = f"By the fit, sample {most + 1} of each issue brings {points(gain)}."
    cost = table.sample()
    yield Lever(name="samples", step=_ONE_MORE, kind="fitted", gain=gain, cost=cost, rate=gain, words=words)


def _last_samples(table: Table) -> Iterator[Lever]:
    if len(table.sizes) < 2:
        return
    before, most = table.sizes[-2:]
    gain = table.rows.contrast((table.resolved(most) - table.resolved(before)) / (most - before))
    words = (
        f"From {before} to {most} samples each brought {points(gain)}; the next would rather bring less, "
        "and there is no fit to say how much."
    )
    cost = table.sample()
    yield Lever(name="samples", step=_ONE_MORE, kind="measured", gain=gain, cost=cost, rate=gain, words=words)


def _turns(table: Table, turns: Sequence[int], crossed: bool) -> Iterator[Lever]:
    stopped = sum(one.attempt.stopped for several in table.issues for one in several)
    share = stopped / max(1, sum(table.samples))
    pairs = _pairs(table, turns)
    if len(turns) < 2 or len(pairs) < LEAST_ISSUES:
        return
    before, after = turns[-2], min(turns[-1], table.longest)
    rows = Rows(len(pairs))
    gained = [(_reached(two, crossed) - _reached(one, crossed)) / (after - before) for one, two in pairs]
    cost = _dearer(pairs, after - before)
    gain = rows.contrast(gained)
    what = "resolved" if crossed else "covered, which is more than is resolved,"
    if not stopped:
        gain = Measured(value=0.0, low=0.0, high=0.0)
        words = "No sample ran out of replies: more turns would change nothing."
    else:
        words = (
            f"From {before} to {after} turns each brought {points(gain)} {what} at all samples; "
            f"{100 * share:.0f} % of them ran out of replies, and only these would go on."
        )
    rate = _scaled(gain, _times(table.sample(), cost))
    step = "one more turn of each sample"
    yield Lever(name="turns", step=step, kind="measured", gain=gain, cost=cost, rate=rate, words=words)


def _pairs(table: Table, turns: Sequence[int]) -> list[tuple[Cut, Cut]]:
    """Return the issues as they were after the last two numbers of turns, where both are known."""
    if len(turns) < 2:
        return []
    both = zip(cut_at(table, turns[-2]), cut_at(table, turns[-1]), strict=True)
    return [
        (one, two) for one, two in both if one is not None and two is not None and one.score and two.score
    ]


def _reached(one: Cut, crossed: bool) -> float:
    return one.score.resolved if crossed and one.score is not None else float(one.right > 0)


def _dearer(pairs: Sequence[tuple[Cut, Cut]], turns: int) -> Cost:
    """Return what one more turn of each sample cost per issue."""
    scores = [(one.score, two.score) for one, two in pairs if one.score is not None and two.score is not None]
    usd = sum(two.usd - one.usd for one, two in scores) / len(scores) / turns
    tokens = sum(two.tokens - one.tokens for one, two in scores) / len(scores) / turns
    return Cost(usd=max(0.0, usd), tokens=max(0.0, tokens))


def _times(one: Cost, other: Cost) -> float:
    """Return how often the second is had for the first; once where nothing is booked."""
    if one.usd and other.usd:
        return one.usd / other.usd
    return one.tokens / other.tokens if one.tokens and other.tokens else 1.0


def _scaled(found: Measured, times: float) -> Measured:
    return Measured(value=found.value * times, low=found.low * times, high=found.high * times)


def _selection(table: Table) -> Lever:
    most = table.sizes[-1]
    resolved = table.resolved(most)
    gap = table.rows.contrast(table.covered(most) - resolved)
    gap = gap.model_copy(update={"low": max(0.0, gap.low)})
    words = f"Choosing without fault among the samples there are would bring {points(gap)}, and no more."
    if (gained := _selected(table, resolved)) is not None:
        words += f" With its selection stage the run proposed {points(gained)} right beside the rule alone."
    step = "better selection among the samples there are"
    cost = None
    return Lever(name="selection", step=step, kind="at most", gain=gap, cost=cost, rate=gap, words=words)


def _selected(table: Table, resolved: Numbers) -> Measured | None:
    """Return what proposals resolve beyond the rule's; None where that isn't known, or nothing was asked."""
    if not table.stage("selection").tokens or any(len(several) > 1 for several in table.issues):
        return None
    told = [several[0].attempt.proposed for several in table.issues]
    if None in told:
        return None
    return table.rows.contrast(np.array([float(bool(one)) for one in told]) - resolved)


def _checks(table: Table) -> Iterator[Lever]:
    """Yield what more checks would bring, judged by what the second half of them brought."""
    told = [one.attempt for several in table.issues for one in several]
    if any(one.halved is None for one in told) or not any(one.cells.wrong + one.cells.right for one in told):
        return
    gained = [
        sum(
            one.attempt.scores[one.attempt.samples].resolved - one.attempt.halved.resolved
            for one in several
            if one.attempt.halved
        )
        / len(several)
        for several in table.issues
    ]
    gain = table.rows.contrast(gained)
    words = (
        f"The second half of the checks brought {points(gain)}, with no call of a model but those that "
        "wrote them; as many again would rather bring less."
    )
    step = "twice as many checks"
    yield Lever(name="checks", step=step, kind="measured", gain=gain, cost=None, rate=gain, words=words)
