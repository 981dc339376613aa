"""What comes before the search for an issue: what is shown of its repository, and whether it is worth it."""

from dataclasses import dataclass
from functools import partial

import anyio

from swe_scale.assignments import sampling
from swe_scale.building import Repairer
from swe_scale.clock import Clock
from swe_scale.conclusion import without_candidates
from swe_scale.config import RunConfig, Stage
from swe_scale.context import Wish, find_context
from swe_scale.decided import Decided
from swe_scale.depicting import depicted
from swe_scale.ledger import Ledger
from swe_scale.means import Means
from swe_scale.policy import Move
from swe_scale.readers import READER, asked_of
from swe_scale.records import Context, Issue, Solution, digest
from swe_scale.store import Key
from swe_scale.trajectory.setting import opening_of
from swe_scale.triage import OPINIONS, Triage, Triaged

IMAGES: Stage = "images"
"""The stage in which images are looked at."""
_IMAGES = 0.1
"""Most of the time that is left that this may take."""
_TRIAGE = 0.1
"""Most of the time that is left that it may take to find out whether an issue is worth it."""


@dataclass(frozen=True, slots=True)
class Groundwork:
    """An issue with all that it may use."""

    issue: Issue
    means: Means
    config: RunConfig
    ledger: Ledger
    clock: Clock

    @property
    def spent(self) -> dict[str, object]:
        """The fields of a solution that say what it has cost."""
        ledger = self.ledger
        return {"usage": ledger.spent, "stages": dict(ledger.by_stage), "seconds": dict(self.clock.seconds)}

    async def depicted(self) -> Issue:
        """Return the issue with what its images show, where a model that can see is named.

        Raises:
            StoreError: the record can't be written.
        """
        seeing = self.means.models.get(IMAGES)
        if not seeing or not self.issue.images:
            return self.issue
        drawn = sampling(self.config.sampling_of("images"), 0)
        with self.clock.stage("images"), anyio.CancelScope(deadline=self.clock.part_of(_IMAGES)):
            return await depicted(self.issue, seeing[0], drawn, self.ledger, self.means.events)
        return self.issue

    def repairer(self) -> Repairer | None:
        """Return who proposes another environment where set-up fails; None: nobody is asked anything."""
        if not self.means.models:
            return None
        drawn = sampling(self.config.sampling_of("environment"), 1)
        asked, events = self.means.asked("environment")[0], self.means.events
        return Repairer(asked, self.ledger, drawn, events, self.issue.id, self.config.repair_rounds)

    async def context(self) -> Context:
        """Return the files that all conversations are shown; none where there will be none.

        Raises:
            StoreError: the record can't be written.
        """
        means, config, issue = self.means, self.config, self.issue
        if not means.models:
            return Context(files=(), tokens=0)
        with self.clock.bounded_stage("context"):
            return await self._context(Wish(issue, issue.base_commit, config.context_tokens, config.context))

    async def _context(self, wish: Wish) -> Context:
        means, shown = self.means, self.means.models["trajectory"][0]
        asked = None
        if readers := means.models.get(READER):
            drawn = sampling(self.config.sampling_of("reader"), 0)
            asked = asked_of(self.issue, (readers[0], shown), self.ledger, drawn, means.events)
            asked.end_at(self.clock.part_of(self.config.context.share))

        async def make() -> Context:
            return await find_context(wish, means.repository, means.events, asked, shown)

        names = () if asked is None else (asked.reader.model.name, asked.orderer.model.name)
        inputs = digest(self.issue.model_dump_json(), str(wish.budget), wish.steps.model_dump_json(), *names)
        return await means.steps.once(Key(f"{self.issue.id}/context", inputs), Context, make)

    async def triaged(self) -> Triaged:
        """Return whether the issue is worth it; who is asked sees what its trajectories would see."""
        context = await self.context()
        models, drawn = self.means.asked("triage"), self.config.sampling_of("triage")
        judges = [(models[n % len(models)], sampling(drawn, n + 1)) for n in range(OPINIONS)]
        with self.clock.stage("triage"):
            opening = partial(opening_of, self.issue, context, self.config.issue_tokens)
            end = self.clock.part_of(_TRIAGE)
            return await Triage(self.issue.id, opening, judges, self.ledger, end).run()

    async def refused(self, triaged: Triaged) -> Solution:
        """Return the abstention of an issue that isn't begun."""
        history = Decided(self.issue.id, self.means.steps, self.means.events, digest("triage"))
        await history.conclude(Move("triage", triaged.reasoning))
        await history.conclude(Move("stop", triaged.refusal))
        return without_candidates(self.issue, triaged.refusal, history.decisions).model_copy(
            update=self.spent
        )
