"""Lets a model choose among finalists by one look at all of them together; nothing is run.

Comparing the whole list was the best of the ways tried by arXiv 2506.12928.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from swe_scale.prompts import render
from swe_scale.ranking import Evidence
from swe_scale.records import BASE
from swe_scale.selection.checking import telling
from swe_scale.selection.choice import Choice, Chosen, Comparison, chosen_by, converse
from swe_scale.trajectory.grammar import Malformed, parse

_ROWS = 20
"""Checks whose outcomes are shown at most."""
REPLIES = 2
"""One, and another if that one can't be read."""


async def look(compared: Comparison, evidence: Evidence) -> Choice:
    """Choose among finalists by their patches and by what checks have said of them.

    Args:
        compared: two or three finalists.
        evidence: what is known of them.

    Returns:
        The model's choice; the first finalist if it makes none, with the reason why.

    Raises:
        EndpointRefused: the endpoint answers nothing at all.
    """
    turns = min(compared.setting.turns, REPLIES)
    compared = replace(compared, setting=replace(compared.setting, turns=turns))
    labels = compared.labels
    rows = [*_checks(evidence, list(labels)), *_tests(evidence, list(labels))]
    text = render("select_list", finalists=compared.shown, labels=[*labels.values()], rows=rows)
    return await converse(compared, Choice(compared.finalists[0].id, ""), text, partial(_act, compared))


async def _act(compared: Comparison, reply: str, _: int) -> Chosen | str:
    chosen = [tag for tag in parse(reply) if tag.name == "choose"]
    if not chosen:
        raise Malformed('expected <choose candidate="…"/>')
    return chosen_by(chosen[-1], compared.labels)


def _checks(evidence: Evidence, finalists: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each check that fails on the untouched code: what it is, and what it says there and of whom."""
    outcomes = evidence.outcomes
    written = [one for one in evidence.checks if one.kind != "regression"]
    for number, check in enumerate(telling(written, evidence.verdicts, finalists)[:_ROWS], start=1):
        said = [str(outcomes.of(name, check.id) or "not run") for name in finalists]
        yield f"check {number}", str(outcomes.of(BASE, check.id)), said


def _tests(evidence: Evidence, finalists: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    tests = {one.id for one in evidence.checks if one.kind == "regression"}
    broken = [
        len({test for one in evidence.verdicts if one.candidate == name for test in one.broken})
        for name in finalists
    ]
    if tests:
        yield "tests of the repository that it breaks", "–", [str(count) for count in broken]
