"""Says in sentences what figures can tell: which law holds, how many samples are best, where compute goes."""

from collections.abc import Sequence

from swe_scale.analysis.advice.curves import Table
from swe_scale.analysis.advice.document import Ahead, Best, Law, Lever
from swe_scale.analysis.advice.levers import LEAST_ISSUES, points
from swe_scale.analysis.figures import Measured

_ONE_SAMPLE = "What more samples bring can't be told from one sample of each issue."
_LOOSE = 0.3
"""Width of an interval of coverage beyond which a fit decides nothing."""


def best_of(table: Table, wrong_costs: float | None) -> Best | None:
    """Return how many samples are best of those that were replayed; None of too few issues, or one number."""
    sizes = table.sizes
    if len(sizes) < 2 or table.rows.issues < LEAST_ISSUES:
        return None
    values = {size: table.resolved(size) - (wrong_costs or 0.0) * table.wrong(size) for size in sizes}
    best = max(sizes, key=lambda size: (round(float(values[size].mean()), 9), -size))
    apart = {size: table.rows.contrast(values[size] - values[best]) for size in sizes}
    level = tuple(size for size in sizes if size == best or apart[size].high >= 0)
    return Best(
        samples=best,
        level=level,
        worth="resolved" if wrong_costs is None else "utility",
        words=_best_words(best, level, apart, wrong_costs),
    )


def _best_words(
    best: int, level: Sequence[int], apart: dict[int, Measured], wrong_costs: float | None
) -> str:
    plural = "" if best == 1 else "s"
    does = (
        f"resolve{'' if plural else 's'} most"
        if wrong_costs is None
        else (f"{'are' if plural else 'is'} worth most where a wrong patch costs {wrong_costs:g}")
    )
    others = [size for size in level if size != best]
    said = [f"{best} sample{plural} per issue {does}"]
    if others:
        said.append(f"; that {_listed(others)} would be worse can't be told from this record")
    most = max(apart)
    if most != best and apart[most].high < 0:
        said.append(f". More do harm: with {most} it is {points(apart[most])}")
    least = min(level)
    if least != best:
        said.append(f". The fewest that may be as good: {least}")
    return "".join(said) + "."


def _listed(sizes: Sequence[int]) -> str:
    *first, last = map(str, sizes)
    return f"{', '.join(first)} or {last}" if first else last


def trust(laws: Sequence[Law], looks: Sequence[Ahead]) -> str:
    """Return which law is to be trusted, and why."""
    first, second = (one.held_out for one in laws)
    general = (
        "The power law holds that enough samples solve every issue, so it promises too much where some are "
        "out of reach (in simulations with 27 % of such issues by 11 to 13 points at ten times the samples); "
        "the zero-inflated law can level off."
    )
    far = looks[-1].zero_inflated
    loose = (
        f" Its interval at {looks[-1].factor} times the samples is {100 * (far.high - far.low):.0f} points "
        "wide: more issues would narrow it, more samples of each would, too."
        if far.high - far.low > _LOOSE
        else ""
    )
    if first is None or second is None:
        return f"{general} With so few samples neither can be tried on what was held out.{loose}"
    tried = (
        f"Fitted to half of the samples, the zero-inflated law misses what all of them cover by "
        f"{points(first)}, the power law by {points(second)}."
    )
    return f"{tried} {_better(first, second)} {general}{loose}"


def _better(first: Measured, second: Measured) -> str:
    one, other = (found.low <= 0 <= found.high for found in (first, second))
    if one and not other:
        return "Trust the zero-inflated law."
    if other and not one:
        return "On this record the power law did better: be careful with the zero-inflated one."
    if one:
        return "Both agree with what was held out; trust the zero-inflated law further ahead."
    nearer = "zero-inflated" if abs(first.value) <= abs(second.value) else "power"
    return f"Both miss by more than chance, the {nearer} law by less: look ahead with it, and with care."


def verdict(found: Sequence[Lever], issues: int) -> str:
    """Return where the next unit of compute goes, or why that can't be told."""
    if issues < LEAST_ISSUES:
        return (
            f"With {issues} graded issue{'' if issues == 1 else 's'} nothing can be weighed against anything."
        )
    payable = [one for one in found if one.kind != "at most"]
    room = next((one for one in found if one.kind == "at most"), None)
    unknown = "" if any(one.name == "samples" for one in payable) else _ONE_SAMPLE
    return " ".join(filter(None, (unknown, _payable(payable), _room(room, payable))))


def _payable(found: Sequence[Lever]) -> str:
    if not found:
        return ""
    first, *others = found
    if first.rate.high <= 0:
        return f"What was measured brings nothing here: {_steps(found)}."
    if first.rate.low <= 0:
        return f"Most is to be had by {first.step}, but that it brings anything can't be told from chance."
    level = [one for one in others if one.rate.high >= first.rate.low]
    if level:
        return f"It can't be told whether {first.step} or {_steps(level)} brings more: the intervals overlap."
    return f"The next unit of compute goes to {first.step}."


def _steps(found: Sequence[Lever]) -> str:
    return " or ".join(one.step for one in found)


def _room(room: Lever | None, payable: Sequence[Lever]) -> str:
    if room is None:
        return ""
    if room.gain.high <= 0:
        return "Selection leaves nothing: what is covered is chosen."
    if payable and room.gain.low > max(one.rate.high for one in payable):
        return (
            f"Selection leaves up to {points(room.gain)} unused, more than any of these brings for what a "
            "sample costs: look there first."
        )
    return f"Better selection could bring {points(room.gain)} at most."


def paid(table: Table) -> str:
    """Return whether the second half of the samples paid; nothing of too few issues or samples."""
    sizes, half = table.sizes, table.half
    if half is None or table.rows.issues < LEAST_ISSUES:
        return ""
    gained = table.rows.contrast(table.resolved(sizes[-1]) - table.resolved(half))
    told = (
        "they paid"
        if gained.low > 0
        else "they did harm"
        if gained.high < 0
        else "whether they paid can't be told"
    )
    return f"From {half} to {sizes[-1]} samples resolved changed by {points(gained)}: {told}."
