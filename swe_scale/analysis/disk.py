"""Says what a run leaves on the disk."""

from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.executions import Executions
from swe_scale.analysis.ranges import NOTHING, Level, Range, Spending
from swe_scale.analysis.sizes import Sizes
from swe_scale.config import RunConfig
from swe_scale.records import Record


class Disk(Record):
    """Bytes."""

    run_folder: Range = NOTHING
    environment: Range = NOTHING
    """What checks run in; nothing new where it has been built before."""
    cache: Range = NOTHING
    """Verdicts that later runs use."""

    @property
    def all(self) -> Range:
        """All of it."""
        return self.run_folder + self.environment + self.cache

    def __add__(self, other: "Disk") -> "Disk":
        """Return the sum, place by place."""
        return Disk(
            run_folder=self.run_folder + other.run_folder,
            environment=self.environment + other.environment,
            cache=self.cache + other.cache,
        )


_LETTERS = 4
"""Bytes of a token, as a text is kept."""


def disk(
    sizes: Sizes, config: RunConfig, spending: Spending, counted: Executions, assumed: Assumptions
) -> Disk:
    """Return what an issue's run leaves behind, as far as it wasn't there before."""
    said = assumed.execution_output.up_to(config.limits.output)
    # Every text is kept once: the files as they were found, and in the first messages.
    opening = sizes.shared + sum(sizes.opening(name) for name in sizes.instructions)

    def folder(level: Level) -> float:
        usage, executed = spending.at(level), counted.all.at(level)
        steps = (usage.calls + executed) * assumed.step_bytes.at(level)
        texts = opening + _LETTERS * usage.completion_tokens + executed * said.at(level)
        return assumed.folder_bytes.at(level) + steps + texts * assumed.packed.at(level)

    installed = assumed.installed_bytes if sizes.setup else NOTHING
    verdict = said + assumed.step_bytes
    return Disk(
        run_folder=Range.of(folder).whole(),
        environment=(Range(low=sizes.tree, likely=sizes.tree, high=2 * sizes.tree) + installed).whole(),
        cache=(counted.checks + counted.tests).times(verdict).whole(),
    )
