"""Writes the page of `selection.json`: the same figures, as tables for a person to read.

Run it: `python selection_page.py selection.json > selection.md`.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_Figure = Mapping[str, Any]
_Cell = Callable[[_Figure], str]

_HEAD = (
    "# Selection, measured\n"
    "Made by `python evaluation/benchmarks/choosing/selection_page.py` from `selection.json`, which "
    "`scripts/bench selection --data DIR --json` printed. All but the last table is a coin world: "
    "candidates, checks and judges are drawn, and the truth is known. It shows how methods behave when "
    "checks are good, bad or flaky, and where the world is not as they assume; it says nothing of how many "
    "real issues they resolve. Intervals are 95 %, by bootstrap over issues, paired where "
    "two things are compared; differences are in points of per cent.\n"
)
_CONFIDENCE = "Brier score beside the base rate's|area under risk and coverage, beside no order"


def share(one: _Figure) -> str:
    """Return how much of the issues ours resolves."""
    return f"{100 * one['ours']:.1f}"


def gain(one: _Figure) -> str:
    """Return the difference to the baseline, with its interval."""
    low, high = (100 * value for value in one["spread"])
    text = f"{100 * (one['ours'] - one['baseline']):+.1f} ({low:.1f} … {high:.1f})"
    return text.replace("-", "−")


def ratio(one: _Figure) -> str:
    """Return ours, the baseline, and the one by the other."""
    return f"{one['ours']:.3f} / {one['baseline']:.3f} = {one['ratio']:.2f}"


def risk(one: _Figure) -> str:
    """Return a share of wrong ones, with its interval."""
    low, high = (100 * value for value in one["spread"])
    return f"{100 * one['ours']:.1f} ({low:.1f} … {high:.1f})"


def turns(one: _Figure) -> str:
    """Return how many turns an issue takes, of how many."""
    return f"{one['ours']:.1f} of {one['baseline']:.1f} = {one['ratio']:.0%}"


_TABLES: Sequence[tuple[str, str, str, _Cell]] = (
    ("Resolved, in per cent", "regime", r"(?P<row>[^:]+): (?P<column>\w+|an oracle) beside raw", share),
    ("Difference to raw votes", "regime", r"(?P<row>[^:]+): (?P<column>latent|votes|codet) beside raw", gain),
    (
        "What a judge makes of the rules: difference to raw votes", "regime",
        r"(?P<row>[^:]+): (?P<column>raw, judged top 3|latent, judged if contested), beside raw", gain,
    ),
    (
        "What judges and verifiers add: difference to `latent` alone", "regime",
        r"(?P<row>[^:]+): latent, (?P<column>.+), beside latent", gain,
    ),
    (
        "Confidence of `latent`: Brier score, and area under risk and coverage", "regime",
        rf"(?P<row>[^:]+): (?P<column>{_CONFIDENCE})",
        ratio,
    ),
    (
        "Risk and coverage: per cent wrong", "regime",
        r"(?P<row>[^:]+): share wrong among (?P<column>the surest \d+%), beside among all", risk,
    ),
    (
        "What a policy resolves: difference to fixed plans", "regime: policy",
        r"(?P<row>[^:]+: adaptive(?:, for cost|, one turn first)?) (?P<column>beside fixed .+)", gain,
    ),
    (
        "What it costs: turns an issue", "regime: policy",
        r"(?P<row>[^:]+: adaptive.*), turns (?P<column>beside fixed .+)", turns,
    ),
    (
        "Checks, forks and refines among the trajectories planned: difference to none", "regime",
        r"(?P<row>[^:]+): adaptive, of which (?P<column>[^:]+), beside none", gain,
    ),
    (
        "The same: turns an issue", "regime",
        r"(?P<row>[^:]+): adaptive, of which (?P<column>[^:]+), beside none: turns", turns,
    ),
    (
        "Recorded patches of one agent, no checks: difference to a patch drawn by lot", "patches",
        r"(?P<row>recorded), no checks: (?P<column>\w+) beside the lot", gain,
    ),
)  # fmt: skip


def page(figures: Sequence[_Figure]) -> Iterator[str]:
    """Yield the parts of the page."""
    yield _HEAD
    yield from _goals(figures)
    oracles = [one for one in figures if one["name"].endswith(": an oracle beside raw")]
    raw = [{"name": one["name"].replace("an oracle", "raw"), "ours": one["baseline"]} for one in oracles]
    figures = [*figures, *raw]
    for title, corner, pattern, cell in _TABLES:
        found = [(match, one) for one in figures if (match := re.fullmatch(pattern, one["name"]))]
        if found:
            yield f"## {title}\n"
            yield _table(corner, [(match["row"], match["column"], cell(one)) for match, one in found])


def _goals(figures: Sequence[_Figure]) -> Iterator[str]:
    yield "## Goals\n"
    lines = ["| figure | ours | baseline | goal | met |", "|---|---|---|---|---|"]
    for one in figures:
        if one.get("goal"):
            goal, met = one["goal"].replace("-0", "−0"), "yes" if one["met"] else "**no**"
            values = f"{one['ours']:.3g} | {one['baseline']:.3g}"
            lines.append(f"| {one['name']} | {values} | {goal} | {met} |")
    yield "\n".join(lines) + "\n"


def _table(corner: str, cells: Sequence[tuple[str, str, str]]) -> str:
    """Return a table of (row, column, text), rows and columns in the order in which they come."""
    rows, columns = (list(dict.fromkeys(one[place] for one in cells)) for place in (0, 1))
    texts = {(row, column): text for row, column, text in cells}
    lines = [f"| {corner} | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    lines += [
        f"| {row} | {' | '.join(texts.get((row, column), '–') for column in columns)} |" for row in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the page of the results that are named."""
    figures = json.loads(Path(sys.argv[1]).read_text())["figures"]
    print("\n".join(page(figures)), end="")


if __name__ == "__main__":
    main()
