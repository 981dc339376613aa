"""Settles contested finalists: a model writes checks on which they differ, sees all outputs, decides.

After the selection state machine of CodeMonkeys (arXiv 2501.14723). The model sees patches, checks and
outputs, never who made them.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from swe_scale.checks import Cells, spoken
from swe_scale.prompts import fenced, render
from swe_scale.ranking import Outcomes
from swe_scale.records import BASE, Check, Outcome, Verdict
from swe_scale.selection.choice import Choice, Chosen, Comparison, chosen_by, converse
from swe_scale.trajectory.grammar import Malformed, parse, script_of

_CHECKS_SHOWN = 4
_CHECKS_PER_REPLY = 4
_NOTHING = Outcomes(())


async def settle(compared: Comparison, evidence: Sequence[Check], known: Outcomes = _NOTHING) -> Choice:
    """Choose among finalists with checks that tell them apart.

    Args:
        compared: two or three finalists.
        evidence: reproduction checks to show.
        known: what they say of the finalists, most of the runs of each cell; what isn't among it is run.

    Returns:
        The model's choice; the first finalist if it makes none, with the reason why.

    Raises:
        EndpointRefused: the endpoint answers nothing at all.
    """
    choice = Choice(compared.finalists[0].id, "")
    instructions = await _instructions(compared, evidence, known)
    return await converse(compared, choice, instructions, partial(_act, compared, choice))


async def _instructions(compared: Comparison, evidence: Sequence[Check], known: Outcomes) -> str:
    cells, outputs = compared.setting.cells, []
    for number, check in enumerate(evidence[:_CHECKS_SHOWN], start=1):
        said = [
            f"- {label}: {await _outcome(cells, check, name, known)}"
            for name, label in compared.labels.items()
        ]
        outputs.append(f"## Check {number}\n\n{fenced(check.script, check.language)}\n\n" + "\n".join(said))
    return render(
        "select",
        finalists=compared.shown,
        outputs=outputs,
        turns=compared.setting.turns,
        checks=_CHECKS_PER_REPLY,
        languages=spoken(cells.environment.profile),
    )


async def _outcome(cells: Cells, check: Check, candidate: str, known: Outcomes) -> Outcome:
    found = known.of(candidate, check.id)
    return (await cells.verdict(check, candidate)).outcome if found in (None, "infra") else found


async def _act(compared: Comparison, choice: Choice, reply: str, left: int) -> Chosen | str:
    tags, cells = parse(reply), compared.setting.cells
    chosen = [tag for tag in tags if tag.name == "choose"]
    if chosen:
        return chosen_by(chosen[-1], compared.labels)
    languages = spoken(cells.environment.profile)
    scripts = [script_of(tag, languages) for tag in tags if tag.name == "check"]
    if not scripts:
        raise Malformed('expected <check> or <choose candidate="…"/>')
    if len(scripts) > _CHECKS_PER_REPLY:
        raise Malformed(f"a reply may hold up to {_CHECKS_PER_REPLY} checks, found {len(scripts)}")
    results = []
    for script in scripts:
        check = Check.of(script.text, "distinguishing", language=script.language)
        results.append(await _cross(cells, check, compared.labels, choice))
    return render("select_observed", results=results, left=left)


async def _cross(cells: Cells, check: Check, labels: Mapping[str, str], choice: Choice) -> Mapping[str, Any]:
    untouched = await cells.verdict(check, BASE)
    verdicts = [await cells.verdict(check, candidate) for candidate in labels]
    # A check that is written again says nothing more.
    if check.id not in {one.id for one in choice.checks}:
        choice.checks.append(check)
        choice.verdicts += [untouched, *verdicts]
    on = [(labels[verdict.candidate], verdict.execution) for verdict in verdicts]
    return {"untouched": untouched.execution, "on": on}


def telling(checks: Sequence[Check], verdicts: Sequence[Verdict], finalists: Sequence[str]) -> list[Check]:
    """Return the checks worth showing: those that fail on the untouched code, telling ones first."""
    outcomes = Outcomes(verdicts)
    voting = [
        check for check in {check.id: check for check in checks}.values() if outcomes.reproduces(check.id)
    ]
    return sorted(voting, key=lambda check: -len({outcomes.of(one, check.id) for one in finalists}))
