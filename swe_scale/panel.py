"""Asks a verifier and judges once a search is over, until what they could still say changes nothing."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from swe_scale.config import ScoreConfig, Selection
from swe_scale.errors import ScoreError
from swe_scale.models import Model
from swe_scale.policy import Move
from swe_scale.ranking import Evidence, Ranking, Rule
from swe_scale.reach import Reaching
from swe_scale.records import BASE, Candidate, Check, Opinion, Sampling, Scores, Verdict, digest
from swe_scale.scoring import Question, find_scorer
from swe_scale.selection import Choice, Comparison, look, majority, settle, telling
from swe_scale.store import Key
from swe_scale.trajectory import Setting

Decide = Callable[[Move], Awaitable[object]]
"""Records a decision."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Who gives one verdict, and how its replies are drawn."""

    model: Model
    sampling: Sampling


@dataclass(slots=True)
class Panel:
    """What is known once the search is over, and what others make of it."""

    setting: Setting
    """The issue and the means; its `turns` are the replies of a verdict."""
    rule: Rule
    evidence: Evidence
    least: float = 0.0
    """Confidence below which nothing is proposed."""
    reaching: Reaching | None = None
    """Finds out whether the judges' checks execute what finalists change. None: that isn't asked."""
    choice: Choice | None = None
    """Of the judges; None: none was asked."""
    scores: Scores | None = None
    hindered: bool = False
    """Whether an endpoint or a verifier failed, so that trying again could do better."""
    ranking: Ranking = field(init=False)
    _choices: list[Choice] = field(default_factory=list)
    _finalists: tuple[Candidate, ...] = ()

    def __post_init__(self) -> None:
        """Rank by what the search has brought."""
        self.ranking = self.rule(self.evidence)

    async def score(self, config: ScoreConfig | None) -> None:
        """Have all candidates scored, and rank anew; a fault of the verifier is recorded, and no more.

        This may be cancelled: then it is recorded that there was no time for it.

        Args:
            config: of the verifier. None: there is none.
        """
        if config is None or len(self.evidence.candidates) < 2:
            return
        question = Question(self.setting.issue, self.evidence.candidates)
        # What stands there if this is cancelled.
        self.scores = Scores(by=config.kind, fault="the time was over before it answered")
        try:
            self.scores = await self._scored(question, config)
        except ScoreError as error:
            self.scores, self.hindered = Scores(by=config.kind, fault=str(error)), True
        if self.scores.fault:
            told = f"the verifier ({self.scores.by}): {self.scores.fault}"
            self.setting.events.emit("note", told, f"{self.setting.issue.id}/score")
        if self.scores.values:
            self._rank(replace(self.evidence, scores=self.scores.values))

    async def _scored(self, question: Question, config: ScoreConfig) -> Scores:
        cells = self.setting.cells
        inputs = digest(question.written(), config.model_dump_json(exclude={"seconds"}))
        key = Key(f"{self.setting.issue.id}/score", inputs)
        scorer = find_scorer(config, cells.slots)
        return await cells.steps.once(key, Scores, lambda: scorer.score(question))

    async def judge(self, judges: Sequence[Judge], way: Selection, decide: Decide) -> None:
        """Have level finalists judged, one judge after the other, as long as that may change something.

        Each judge begins afresh: none is told what another thought or wrote. Of the checks that they write,
        those that tell the finalists apart are evidence. What is known after each judge is kept, so that this
        may be cancelled.

        Args:
            judges: in the order in which they are asked; none: nobody is.
            way: in which they compare finalists.
            decide: records that they are asked, and with which result.

        Raises:
            EndpointRefused: an endpoint answers nothing at all.
        """
        level = self.ranking.contested
        told = f"{len(level)} finalists are level"
        if len(level) < 2:
            await decide(Move("stop", "there are no level finalists to tell apart"))
            return
        if not judges or way == "none":
            await decide(Move("stop", f"{told}, and no model is to tell them apart"))
            return
        await decide(Move("select", told))
        known = {one.id: one for one in self.evidence.candidates}
        self._finalists, before = tuple(known[name] for name in level), self.evidence
        for number, judge in enumerate(judges):
            if number and self._settled(judges[number:]):
                break
            setting = replace(self.setting, model=judge.model)
            compared = Comparison(setting, self._finalists, judge.sampling, number)
            if way == "list":
                choice = await look(compared, before)
            else:
                shown = telling(before.checks, before.verdicts, level)
                choice = await settle(compared, shown, before.outcomes)
            await self._take(choice)
        await decide(Move("stop", self.choice.reason if self.choice else "nobody was asked"))

    async def _take(self, choice: Choice) -> None:
        """Take in what a judge said, and rank anew where the rule counts that."""
        self._choices.append(choice)
        self.hindered = self.hindered or choice.fault
        evidence = self.evidence
        if choice.opinion is not None:
            evidence = replace(evidence, opinions=(*evidence.opinions, choice.opinion))
        if self.ranking.weighed:
            evidence = evidence.also(*await self._told_apart(choice))
        self._choose(evidence)
        if self.reaching is not None:
            # Afterwards, so that a choice isn't lost if there is no time for it.
            asked = await self.reaching.ask(choice.checks, self._finalists)
            self._choose(replace(evidence, reach={**evidence.reach, **asked}))

    def _choose(self, evidence: Evidence) -> None:
        self._rank(evidence)
        self.choice = self._weighed() if self.ranking.weighed else majority(self._choices)

    def _rank(self, evidence: Evidence) -> None:
        self.evidence, self.ranking = evidence, self.rule(evidence)

    async def _told_apart(self, choice: Choice) -> tuple[Sequence[Check], Sequence[Verdict]]:
        """Return the checks on which finalists differ, and that fail on the untouched code each time.

        Others say nothing (S*, arXiv 2502.14382), or what nobody asked for.
        """
        kept: list[Check] = []
        verdicts: list[Verdict] = []
        for check in {one.id: one for one in choice.checks}.values():
            said = [one for one in choice.verdicts if one.check == check.id]
            passed = {
                one.outcome == "pass" for one in said if one.candidate != BASE and one.outcome != "infra"
            }
            if len(passed) < 2:
                continue
            said.append(await self.setting.cells.verdict(check, BASE, 1))
            if Evidence((), {}, (), tuple(said)).outcomes.reproduces(check.id):
                kept.append(check)
                verdicts += said
        return kept, verdicts

    def _weighed(self) -> Choice:
        """Return what the ranking makes of all that judges said, with what isn't in the evidence."""
        leader = self.ranking.ranked[0].candidate
        counted = {one.id for one in self.evidence.checks}
        made = [one for one in self._choices if one.made]
        agreeing = [one for one in made if not one.says_none and one.candidate == leader]
        if agreeing or not made:
            reason = (agreeing or self._choices)[0].reason
        else:
            reason = f"{len(made)} verdicts of judges say otherwise, which don't outweigh the rest"
        return Choice(
            leader,
            reason,
            [check for one in self._choices for check in one.checks if check.id not in counted],
            [cell for one in self._choices for cell in one.verdicts if cell.check not in counted],
            fault=any(one.fault for one in self._choices),
            made=bool(made),
        )

    def _settled(self, left: Sequence[Judge]) -> bool:
        """Return whether nothing that these judges may say changes what is proposed."""
        if not self.ranking.weighed:
            return _out_of_reach(self._choices, len(left))
        if len(self.ranking.contested) < 2 and self.ranking.ranked[0].posterior >= self.least:
            return True
        names = tuple(one.id for one in self._finalists)
        return len({self._outcome(name, left, names) for name in (*names, None)}) == 1

    def _outcome(self, said: str | None, left: Sequence[Judge], names: tuple[str, ...]) -> tuple[str, bool]:
        """Return what would be proposed if all of these judges said the same, and whether at all."""
        further = (Opinion(judge=one.model.name, finalists=names, chosen=said) for one in left)
        found = self.rule(replace(self.evidence, opinions=(*self.evidence.opinions, *further))).ranked[0]
        return found.candidate, found.posterior >= self.least


def _out_of_reach(choices: Sequence[Choice], left: int) -> bool:
    """Return whether no other choice can be made as often any more as the one that was made most often."""
    counts = Counter(None if one.says_none else one.candidate for one in choices if one.made)
    first, second = ([*sorted(counts.values(), reverse=True), 0, 0])[:2]
    return first > second + left
