"""Carries out `swe-scale compare`: reads what is compared, prints what can be told from chance."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Group

from swe_scale.analysis.compare import compare
from swe_scale.analysis.compared import compared
from swe_scale.analysis.sides import Side, read_side
from swe_scale.cli.run_folder import folder_of
from swe_scale.cli.screen import Screen
from swe_scale.errors import UsageError


def run_compare(given: Sequence[str], *, json: bool) -> int:
    """Print how the first of several compares with the others; return 0.

    Raises:
        UsageError: there are fewer than two, or one of them is no run and no file of grades.
        StoreError: one can't be read.
    """
    if len(given) < 2:
        raise UsageError("name two runs to compare, or more: the first is compared with each other one.")
    screen = Screen.open(json)
    found = compare(_named_apart([_side(one) for one in given]))
    if json:
        screen.document(found.model_dump(mode="json"))
    else:
        screen.show(Group(*compared(found)))
    return 0


def _side(given: str) -> Side:
    path = Path(given)
    return read_side(path if path.is_file() else folder_of(given))


def _named_apart(sides: Sequence[Side]) -> list[Side]:
    names = [one.name for one in sides]
    return [
        replace(one, name=f"{one.name} ({place})") if names.count(one.name) > 1 else one
        for place, one in enumerate(sides, start=1)
    ]
