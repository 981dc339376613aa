"""Settles contested finalists: a model writes checks on which they differ, sees all outputs, decides.

After the selection state machine of CodeMonkeys (arXiv 2501.14723). The model sees patches, checks and
outputs, never who made them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from swe_scale.checks import Cells, spoken
from swe_scale.errors import BudgetExceeded, ContextExceeded, EndpointRefused, ModelError
from swe_scale.prompts import fenced, render
from swe_scale.ranking import Outcomes
from swe_scale.records import BASE, Candidate, Check, Message, Sampling, Verdict
from swe_scale.trajectory import Setting
from swe_scale.trajectory.conversation import Conversation
from swe_scale.trajectory.grammar import Malformed, Tag, parse, script_of
from swe_scale.trajectory.shortened import shortened

_LABELS = "ABCDEFGH"
_PATCH_SHOWN = 24_000
"""Bytes of a patch that are shown at most."""
_CHECKS_SHOWN = 4
_CHECKS_PER_REPLY = 4


@dataclass(slots=True)
class Choice:
    """Which finalist was chosen, and on what evidence."""

    candidate: str
    reason: str
    checks: list[Check] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    fault: bool = False
    """Whether the endpoint's failure ended it, so that trying again could do better."""
    made: bool = False
    """Whether the model decided; otherwise the ranking stands."""


async def settle(
    setting: Setting,
    finalists: Sequence[Candidate],
    evidence: Sequence[Check],
    sampling: Sampling,
    judge: int = 0,
) -> Choice:
    """Choose among finalists, the best ranked of which comes first.

    Args:
        setting: the issue and the means; its `turns` are the replies that may be spent.
        finalists: two or three candidates.
        evidence: reproduction checks to show.
        sampling: of the replies.
        judge: number of the conversation, where several models choose.

    Returns:
        The model's choice; the first finalist if it makes none, with the reason why.

    Raises:
        EndpointRefused: the endpoint answers nothing at all.
    """
    labels = {one.id: _LABELS[i] for i, one in enumerate(sorted(finalists, key=lambda one: one.id))}
    choice = Choice(finalists[0].id, "")
    path = f"{setting.issue.id}/selection" + (f"/{judge + 1:02}" if judge else "")
    conversation = Conversation(path, setting.model, setting.ledger, sampling)
    asked = setting.opening(await _instructions(setting, finalists, labels, evidence))
    try:
        for number in range(1, setting.turns + 1):
            reply = await conversation.ask(number, asked)
            left = setting.turns - number
            try:
                chosen, observation = await _act(setting, reply.text, labels, choice, left)
            except Malformed as error:
                chosen, observation = None, render("malformed", fault=str(error), left=left)
            setting.events.emit("turn", "chosen" if chosen else "check", conversation.path)
            if chosen:
                place, why = labels[chosen], _summary(reply.text)
                choice.candidate, choice.made = chosen, True
                choice.reason = f"the selection, where it was {place}, chose it: {why}"
                return choice
            asked = (Message(role="user", content=observation),)
    except EndpointRefused:
        raise
    except (ModelError, BudgetExceeded) as error:
        choice.reason = f"the selection ended without a choice ({_line(error)}), so the ranking stands"
        choice.fault = isinstance(error, ModelError) and not isinstance(error, ContextExceeded)
        return choice
    choice.reason = f"the selection made no choice in {setting.turns} replies, so the ranking stands"
    return choice


def majority(choices: Sequence[Choice]) -> Choice:
    """Return the choice that most judges made, with all of their evidence; ties go to the judge asked first.

    A judge that made none stands for the ranking, unless another did choose.
    """
    made = [one for one in choices if one.made] or list(choices)
    counts = Counter(one.candidate for one in made)
    most = max(counts.values())
    chosen = next(one for one in made if counts[one.candidate] == most)
    votes = f" ({most} of {len(choices)} judges)" if len(choices) > 1 else ""
    return replace(
        chosen,
        reason=chosen.reason + votes,
        checks=[check for one in choices for check in one.checks],
        verdicts=[verdict for one in choices for verdict in one.verdicts],
        fault=any(one.fault for one in choices),
    )


async def _instructions(
    setting: Setting,
    finalists: Sequence[Candidate],
    labels: Mapping[str, str],
    evidence: Sequence[Check],
) -> str:
    shown = [
        {"label": labels[one.id], "patch": shortened(one.patch, _PATCH_SHOWN)}
        for one in sorted(finalists, key=lambda one: one.id)
    ]
    outputs = []
    for number, check in enumerate(evidence[:_CHECKS_SHOWN], start=1):
        said = [
            f"- {labels[one.id]}: {(await setting.cells.verdict(check, one.id)).outcome}" for one in finalists
        ]
        outputs.append(
            f"## Check {number}\n\n{fenced(check.script, check.language)}\n\n" + "\n".join(sorted(said))
        )
    languages = spoken(setting.cells.environment.profile)
    return render(
        "select",
        finalists=shown,
        outputs=outputs,
        turns=setting.turns,
        checks=_CHECKS_PER_REPLY,
        languages=languages,
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _summary(reply: str) -> str:
    prose = [line.strip() for line in reply.splitlines() if line.strip() and not line.startswith("<")]
    return " ".join(prose)[:300] or "without giving a reason"


async def _act(
    setting: Setting, reply: str, labels: Mapping[str, str], choice: Choice, left: int
) -> tuple[str | None, str]:
    tags = parse(reply)
    chosen = [tag for tag in tags if tag.name == "choose"]
    if chosen:
        return _chosen(chosen[-1], labels), ""
    languages = spoken(setting.cells.environment.profile)
    scripts = [script_of(tag, languages) for tag in tags if tag.name == "check"]
    if not scripts:
        raise Malformed('expected <check> or <choose candidate="…"/>')
    if len(scripts) > _CHECKS_PER_REPLY:
        raise Malformed(f"a reply may hold up to {_CHECKS_PER_REPLY} checks, found {len(scripts)}")
    results = []
    for script in scripts:
        check = Check.of(script.text, "distinguishing", language=script.language)
        results.append(await _cross(setting.cells, check, labels, choice))
    return None, render("select_observed", results=results, left=left)


def _chosen(tag: Tag, labels: Mapping[str, str]) -> str:
    wanted = tag.attributes["candidate"].strip()
    for candidate, label in labels.items():
        if label == wanted:
            return candidate
    raise Malformed(f"there is no candidate {wanted!r}; there are {', '.join(sorted(labels.values()))}")


async def _cross(cells: Cells, check: Check, labels: Mapping[str, str], choice: Choice) -> Mapping[str, Any]:
    untouched = await cells.verdict(check, BASE)
    verdicts = [await cells.verdict(check, candidate) for candidate in labels]
    choice.checks.append(check)
    choice.verdicts += [untouched, *verdicts]
    on = sorted((labels[verdict.candidate], verdict.execution) for verdict in verdicts)
    return {"untouched": untouched.execution, "on": on}


def telling(checks: Sequence[Check], verdicts: Sequence[Verdict], finalists: Sequence[str]) -> list[Check]:
    """Return the checks worth showing: those that fail on the untouched code, telling ones first."""
    outcomes = Outcomes(verdicts)
    voting = [
        check for check in {check.id: check for check in checks}.values() if outcomes.reproduces(check.id)
    ]
    return sorted(voting, key=lambda check: -len({outcomes.of(one, check.id) for one in finalists}))
