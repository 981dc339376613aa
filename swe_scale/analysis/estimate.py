"""Puts an estimate together from what was measured, what is set and what is assumed. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.disk import Disk, disk
from swe_scale.analysis.endpoints import Served
from swe_scale.analysis.executions import Executions, executions, longest_seconds, sandbox_seconds
from swe_scale.analysis.ranges import NOTHING, Range, Spending
from swe_scale.analysis.reading import reading_seconds, reading_shares
from swe_scale.analysis.sizes import Sizes
from swe_scale.analysis.staged import (
    Share,
    gpu_seconds,
    priced_bound,
    serial_seconds,
    shares_of,
    staged_of,
)
from swe_scale.config import RunConfig
from swe_scale.records import Record, Usage


class Estimate(Record):
    """What an issue, or several, would cost."""

    issues: int = 1
    first_bytes: tuple[int, int]
    """Bytes of the smallest and of the largest first prompt of a trajectory."""
    unfit: tuple[str, ...] = ()
    """First prompts that leave no room for a reply, in words."""
    first_calls: tuple[Usage, ...]
    """Bounds of first calls, one per kind of conversation: a budget smaller than all of them buys nothing."""
    shares: tuple[Share, ...]
    executions: Executions
    setup_seconds: Range
    serial_seconds: Range
    """Of replies that wait for each other."""
    gpu_seconds: Range | None
    """Of endpoints of one's own, each as a whole; None where there is none."""
    sandbox_seconds: Range
    longest_sandbox_seconds: float
    """The same where everything is killed at its deadline."""
    cells: int
    """Sandboxes at a time."""
    disk: Disk

    @property
    def spending(self) -> Spending:
        """Tokens and calls of all models."""
        return sum((one.spending for one in self.shares), Spending())

    @property
    def calls(self) -> Range:
        """Calls of models."""
        return self._of(lambda usage: usage.calls)

    @property
    def prompt_tokens(self) -> Range:
        """Tokens of prompts, from a cache or not."""
        return self._of(lambda usage: usage.prompt_tokens)

    @property
    def cached_tokens(self) -> Range:
        """Those of them that come from an endpoint's cache; none where it keeps or reports none."""
        spending = self.spending
        return Range(low=0, likely=spending.likely.cached_tokens, high=spending.cacheable)

    @property
    def completion_tokens(self) -> Range:
        """Tokens of replies."""
        return self._of(lambda usage: usage.completion_tokens)

    @property
    def tokens(self) -> Range:
        """Tokens that a budget counts."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def usd(self) -> Range | None:
        """US dollars of the models that have a price; None where none has."""
        if not any(one.served.price for one in self.shares):
            return None
        return Range.of(lambda level: sum(one.usd(level) for one in self.shares))

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Models without a price."""
        served = (one.served for one in self.shares)
        return tuple(dict.fromkeys(one.model for one in served if not (one.price or one.scripted)))

    @property
    def bound(self) -> Usage:
        """What a run is charged at most, but for tries that break off: each of them is charged on top."""
        return sum((one.bound() for one in self.shares), Usage())

    @property
    def seconds(self) -> Range:
        """Wall clock. Low: models and sandboxes work at the same time; otherwise one after the other."""
        # One issue stays at one replica.
        beside = min(self.issues, *(one.served.replicas for one in self.shares))
        gpu = (self.gpu_seconds or NOTHING).times(1 / beside)
        busy = self.sandbox_seconds.times(1 / self.cells)
        low = self.setup_seconds.low + max(self.serial_seconds.low, gpu.low, busy.low)
        likely, high = (
            self.setup_seconds.at(level) + max(self.serial_seconds.at(level), gpu.at(level)) + busy.at(level)
            for level in ("likely", "high")
        )
        return Range(low=low, likely=likely, high=high)

    def _of(self, amount: Callable[[Usage], int]) -> Range:
        spending = self.spending
        return Range.of(lambda level: amount(spending.at(level)))


def estimate(
    sizes: Sizes,
    config: RunConfig,
    served: Mapping[str, tuple[Served, ...]],
    assumed: Assumptions | None = None,
) -> Estimate:
    """Return what one issue would cost.

    Args:
        sizes: of the issue.
        config: the run's settings.
        served: the models of each stage, in the configured order.
        assumed: what isn't known. None: our own assumptions.
    """
    known = assumed or Assumptions()
    staged = staged_of(sizes, config, served, known)
    spent = (*reading_shares(sizes.reading, config, served, known), *shares_of(staged, known))
    readers = served.get("reader")
    reading = reading_seconds(sizes.reading, readers[0] if readers else None, known)
    counted = executions(sizes, config, known)
    writers = [one.talk for one in staged if one.stage == "trajectory"]
    return Estimate(
        first_bytes=(
            int(min(talk.opening.low for talk in writers)),
            int(max(talk.opening.likely for talk in writers)),
        ),
        unfit=tuple(dict.fromkeys(filter(None, (talk.unfit(known) for talk in writers)))),
        first_calls=tuple(priced_bound(talk.first_call(), talk.served) for talk in writers),
        shares=spent,
        executions=counted,
        setup_seconds=known.setup_seconds if sizes.setup else NOTHING,
        serial_seconds=serial_seconds(staged, known) + reading,
        gpu_seconds=gpu_seconds(spent, known),
        sandbox_seconds=sandbox_seconds(counted, config, known),
        longest_sandbox_seconds=longest_seconds(counted, config),
        cells=config.cells,
        disk=disk(sizes, config, sum((one.spending for one in spent), Spending()), counted, known),
    )


def together(estimates: Sequence[Estimate], at_a_time: int = 1) -> Estimate:
    """Return what several issues would cost; ranges are added, which is wider than probable.

    Args:
        estimates: one at least.
        at_a_time: how many issues are worked on at once.
    """
    side_by_side = 1 / min(at_a_time, len(estimates))
    gpus = [one.gpu_seconds for one in estimates if one.gpu_seconds is not None]
    return Estimate(
        issues=sum(one.issues for one in estimates),
        first_bytes=(
            min(one.first_bytes[0] for one in estimates),
            max(one.first_bytes[1] for one in estimates),
        ),
        first_calls=tuple(chain.from_iterable(one.first_calls for one in estimates)),
        shares=tuple(chain.from_iterable(one.shares for one in estimates)),
        executions=sum((one.executions for one in estimates), Executions()),
        setup_seconds=_sum(one.setup_seconds for one in estimates).times(side_by_side),
        serial_seconds=_sum(one.serial_seconds for one in estimates).times(side_by_side),
        gpu_seconds=_sum(gpus) if gpus else None,
        sandbox_seconds=_sum(one.sandbox_seconds for one in estimates),
        longest_sandbox_seconds=sum(one.longest_sandbox_seconds for one in estimates),
        cells=estimates[0].cells,
        disk=sum((one.disk for one in estimates), Disk()),
    )


def _sum(ranges: Iterable[Range]) -> Range:
    return sum(ranges, NOTHING)
