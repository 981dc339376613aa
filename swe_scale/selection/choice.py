"""What a judge decides among finalists, and the conversation in which it does."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from swe_scale.errors import BudgetExceeded, ContextExceeded, EndpointRefused, ModelError
from swe_scale.prompts import render
from swe_scale.records import Candidate, Check, Opinion, Sampling, Verdict
from swe_scale.trajectory import Setting
from swe_scale.trajectory.conversation import Conversation
from swe_scale.trajectory.grammar import Malformed, Tag
from swe_scale.trajectory.shortened import shortened

_LABELS = "ABCDEFGH"
_NONE = "none"
"""In place of a label: no finalist is right."""
_PATCH_SHOWN = 24_000
"""Bytes of a patch that are shown at most."""


@dataclass(slots=True)
class Choice:
    """Which finalist was chosen, and on what evidence."""

    candidate: str
    """The best ranked one where the model chose none."""
    reason: str
    checks: list[Check] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    fault: bool = False
    """Whether the endpoint's failure ended it, so that trying again could do better."""
    made: bool = False
    """Whether the model decided; otherwise the ranking stands."""
    opinion: Opinion | None = None
    """What it said, where it decided."""

    @property
    def says_none(self) -> bool:
        """Whether the model decided that no finalist is right."""
        return self.opinion is not None and self.opinion.chosen is None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Finalists as one judge is shown them, and how it is asked."""

    setting: Setting
    """The issue and the means; its `turns` are the replies that may be spent."""
    finalists: Sequence[Candidate]
    """The best ranked one comes first."""
    sampling: Sampling
    """Of the replies."""
    number: int = 0
    """Of the conversation, from 0, where there are several."""

    @property
    def path(self) -> str:
        """Address of the conversation."""
        own = f"/{self.number + 1:02}" if self.number else ""
        return f"{self.setting.issue.id}/selection{own}"

    @property
    def labels(self) -> Mapping[str, str]:
        """Label of each finalist by its id, in the order in which they are shown.

        The order is that of their ids, which are hashes, and nobody's rank; each further conversation begins
        one further on, so that no finalist has the advantage of its place in all of them.
        """
        ids = sorted(one.id for one in self.finalists)
        turn = self.number % len(ids)
        return dict(zip(ids[turn:] + ids[:turn], _LABELS, strict=False))

    @property
    def shown(self) -> list[dict[str, str]]:
        """The patches with their labels."""
        patches = {one.id: one.patch for one in self.finalists}
        return [
            {"label": label, "patch": shortened(patches[name], _PATCH_SHOWN)}
            for name, label in self.labels.items()
        ]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A decision: a finalist's id, or None for none of them."""

    candidate: str | None


Act = Callable[[str, int], Awaitable[Chosen | str]]
"""Carries out a reply, given how many are left: the decision, or what the model is told next."""


async def converse(compared: Comparison, choice: Choice, instructions: str, act: Act) -> Choice:
    """Ask until the model decides or its replies are used up; return the choice.

    Args:
        compared: the finalists.
        choice: of the best ranked finalist; checks and verdicts are added to it by `act`.
        instructions: that follow on what all conversations on the issue share.
        act: what is done with a reply; it raises `Malformed` if nothing can be.

    Raises:
        EndpointRefused: the endpoint answers nothing at all.
    """
    setting = compared.setting
    conversation = Conversation(compared.path, setting.model, setting.ledger, compared.sampling)
    asked = setting.opening(instructions)
    try:
        for number in range(1, setting.turns + 1):
            reply = await conversation.ask(number, asked)
            left = setting.turns - number
            try:
                found = await act(reply.text, left)
            except Malformed as error:
                found = render("malformed", fault=str(error), left=left)
            decided = isinstance(found, Chosen)
            setting.events.emit("turn", "chosen" if decided else "check", conversation.path)
            if isinstance(found, Chosen):
                return _decided(compared, choice, found, _summary(reply.text))
            asked = conversation.answer(found)
    except EndpointRefused:
        raise
    except (ModelError, BudgetExceeded) as error:
        choice.reason = f"the selection ended without a choice ({_line(error)}), so the ranking stands"
        choice.fault = isinstance(error, ModelError) and not isinstance(error, ContextExceeded)
        return choice
    choice.reason = f"the selection made no choice in {setting.turns} replies, so the ranking stands"
    return choice


def _decided(compared: Comparison, choice: Choice, found: Chosen, why: str) -> Choice:
    choice.made = True
    choice.opinion = Opinion(
        judge=compared.setting.model.name,
        finalists=tuple(compared.labels),
        chosen=found.candidate,
        checks=tuple(dict.fromkeys(one.id for one in choice.checks)),
        reason=why,
    )
    if found.candidate is None:
        choice.reason = f"the selection finds none of the finalists right, so the ranking stands: {why}"
    else:
        place = compared.labels[found.candidate]
        choice.candidate = found.candidate
        choice.reason = f"the selection, where it was {place}, chose it: {why}"
    return choice


def chosen_by(tag: Tag, labels: Mapping[str, str]) -> Chosen:
    """Return what a `choose` tag decides.

    Raises:
        Malformed: it names no finalist.
    """
    wanted = tag.attributes["candidate"].strip()
    if wanted.lower() == _NONE:
        return Chosen(None)
    for candidate, label in labels.items():
        if label == wanted:
            return Chosen(candidate)
    known = ", ".join(labels.values())
    raise Malformed(f'there is no candidate {wanted!r}; there are {known}, or "{_NONE}" if none is right')


def majority(choices: Sequence[Choice]) -> Choice:
    """Return the choice that most judges made, with all of their evidence; ties go to the judge asked first.

    A judge that made none stands for the ranking, unless another did choose. Where most find none of the
    finalists right, the ranking stands.
    """
    made = [one for one in choices if one.made] or list(choices)
    counts = Counter(_voted(one) for one in made)
    most = max(counts.values())
    chosen = next(one for one in made if counts[_voted(one)] == most)
    votes = f" ({most} of {len(choices)} judges)" if len(choices) > 1 else ""
    return replace(
        chosen,
        reason=chosen.reason + votes,
        checks=[check for one in choices for check in one.checks],
        verdicts=[verdict for one in choices for verdict in one.verdicts],
        fault=any(one.fault for one in choices),
    )


def _voted(one: Choice) -> str | None:
    return None if one.says_none else one.candidate


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _summary(reply: str) -> str:
    prose = [line.strip() for line in reply.splitlines() if line.strip() and not line.startswith("<")]
    return " ".join(prose)[:300] or "without giving a reason"
