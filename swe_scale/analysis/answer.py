"""Shows what was estimated, to a person or as one JSON document."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from swe_scale.analysis.amounts import Amount, amounts, duration
from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.budgets import remarks
from swe_scale.analysis.estimate import Estimate, together
from swe_scale.config import RunConfig
from swe_scale.events import printable
from swe_scale.records import Record, Usage
from swe_scale.sandbox.sizes import size


class Answer(Record):
    """The estimates of one command, and what they were made with."""

    made: Mapping[str, Estimate]
    """By issue."""
    config: RunConfig
    assumed: Assumptions
    at_a_time: int = 1
    failures: Mapping[str, str] = {}
    """Issues that could not be estimated, and why."""
    unusable: tuple[str, ...] = ()
    """Rows that are none."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the sum lacks, and why."""
        failed = (f"{name} failed: {why}" for name, why in sorted(self.failures.items()))
        return (*self.unusable, *failed)

    @property
    def total(self) -> Estimate:
        """All issues together."""
        return together(tuple(self.made.values()), self.at_a_time)

    def document(self) -> dict[str, Any]:
        """Return the document of `--json`: see docs/estimate.md for its fields."""
        total = self.total
        return {
            "issues": {name: self._amounts(one) for name, one in sorted(self.made.items())},
            "total": self._amounts(total),
            "first_prompt_bytes": total.first_bytes,
            "at_most": _bound(total.bound),
            "unpriced": total.unpriced,
            "budget": self.config.budget.model_dump(mode="json"),
            "remarks": [*self._remarks()],
            "assumptions": self.assumed.model_dump(mode="json"),
            "failures": dict(self.failures),
            "unusable_rows": self.unusable,
        }

    def _amounts(self, made: Estimate) -> dict[str, Any]:
        return {
            one.name: {"unit": one.unit, **_values(one), "assumption": one.assumption}
            for one in amounts(made, self.config, self.assumed)
        }

    def shown(self) -> Iterator[RenderableType]:
        """Yield what a person reads."""
        for line in self.left_out:
            yield _line(line)
        total = self.total
        if len(self.made) > 1:
            yield _line(f"{total.issues} issues, {self.at_a_time} at a time:")
        yield _table([*amounts(total, self.config, self.assumed)])
        yield _line(_at_most(total.bound))
        for model in total.unpriced:
            yield _line(f'No price for {model}: set [prices."{model}"] in the configuration to see money.')
        for remark in self._remarks():
            yield _line(remark)

    def _remarks(self) -> Iterator[str]:
        """Yield what stands in the way; of several issues, of how many."""
        found: dict[str, list[str]] = {}
        for name, one in self.made.items():
            for remark in remarks(one, self.config.budget):
                found.setdefault(remark, []).append(name)
        for remark, names in found.items():
            yield remark if len(self.made) == 1 else f"{len(names)} of {len(self.made)} issues: {remark}"


def _values(one: Amount) -> dict[str, float]:
    found: dict[str, float] = one.range.model_dump()
    whole = one.unit in ("number", "bytes")
    return {name: round(value) if whole else round(value, 4) for name, value in found.items()}


def _line(text: str) -> Text:
    return Text(printable(text))


def _bound(usage: Usage) -> dict[str, float]:
    kept = {"calls", "prompt_tokens", "completion_tokens", "usd"}
    return usage.model_dump(include=kept)


def _at_most(bound: Usage) -> str:
    money = f" ({bound.usd:,.2f} USD)" if bound.usd else ""
    return (
        f"At most {bound.calls:,} calls, {bound.prompt_tokens:,} prompt and {bound.completion_tokens:,} "
        f"completion tokens{money}: all replies as many and as long as can be, a token per byte. A try that "
        "breaks off is charged on top."
    )


def _table(found: list[Amount]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in ("low", "likely", "high"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("it rests on", style="dim")
    for one in found:
        values = (_value(one, value) for value in (one.range.low, one.range.likely, one.range.high))
        table.add_row(one.title, *values, escape(printable(one.assumption)))
    return table


def _value(one: Amount, value: float) -> str:
    match one.unit:
        case "seconds":
            return duration(value)
        case "bytes":
            return size(round(value))
        case "usd":
            return f"{value:,.2f}" if value >= 1 else f"{value:.4f}"
        case _:
            return f"{_rounded(value):,}"


def _rounded(value: float) -> int:
    """Return three digits of a number: more of them would say more than is known."""
    digits = max(0, len(str(int(value))) - 3)
    return int(round(value, -digits))
