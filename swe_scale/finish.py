"""What comes after the choice, for those who are to take the patch: a test of the issue, and words."""

from dataclasses import dataclass, replace

import anyio

from swe_scale.assignments import sampling
from swe_scale.clock import Clock
from swe_scale.config import RunConfig, Stage
from swe_scale.formatting import Style
from swe_scale.means import Means
from swe_scale.ranking import Outcomes, shortest_telling
from swe_scale.records import Reproduction, Sampling, Solution, Words
from swe_scale.reproduction import Showing, Wanted, Writer, reproduced
from swe_scale.trajectory import Setting
from swe_scale.wording import worded


@dataclass(frozen=True, slots=True)
class Finish:
    """A solution, and what is needed to finish it; of an abstention nothing is asked."""

    solution: Solution
    setting: Setting
    means: Means
    config: RunConfig
    clock: Clock

    async def reproduced(self) -> tuple[Reproduction | None, bool]:
        """Return tests of the issue, and whether a fault that may pass kept them away."""
        solution, config = self.solution, self.config
        if solution.patch is None or not config.test_rounds:
            return None, False
        proposed = next(one for one in solution.candidates if one.id == solution.candidate)
        checks = (one for one in solution.checks if one.kind != "regression")
        check = shortest_telling(checks, Outcomes(solution.verdicts), proposed.id)
        with self.clock.stage("test"), anyio.CancelScope(deadline=self.clock.end):
            cells, trees = self.setting.cells, self.setting.trees
            showing = Showing(cells, trees, config.regression_seconds or config.limits.seconds)
            style = Style(cells, trees) if config.format else None
            asked = replace(self._asked("test"), turns=config.test_rounds)
            writer = Writer(asked, self._drawn("test"), showing, style)
            return await reproduced(writer, Wanted(proposed, check))
        return Reproduction(fault="the time was over before it was there"), False

    async def worded(self) -> tuple[Words | None, bool]:
        """Return words of the patch, and whether a fault that may pass kept them away."""
        if self.solution.patch is None or not self.config.words:
            return None, False
        with self.clock.stage("words"), anyio.CancelScope(deadline=self.clock.end):
            return await worded(self._asked("words"), self._drawn("words"), self.solution.patch)
        return None, False

    def _asked(self, stage: Stage) -> Setting:
        return replace(self.setting, model=self.means.asked(stage)[0])

    def _drawn(self, stage: Stage) -> Sampling:
        return sampling(self.config.sampling_of(stage), 1)
