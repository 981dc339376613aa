"""Carries out `swe-scale advise`: reads runs, prints what they say of the next unit of compute."""

from collections.abc import Sequence
from math import isfinite

from rich.console import Group

from swe_scale.analysis.advice import advise
from swe_scale.analysis.advice.shown import advised
from swe_scale.cli.run_folder import folder_of
from swe_scale.cli.screen import Screen
from swe_scale.errors import UsageError


def run_advise(runs: Sequence[str], wrong_costs: float | None, *, json: bool) -> int:
    """Print what runs say of where compute should go; return 0.

    Raises:
        UsageError: there is no such run, it says nothing, or the cost is no number.
        StoreError: a record or its grades can't be read.
        ExtensionError: a rule of another package failed.
    """
    if wrong_costs is not None and not isfinite(wrong_costs):
        raise UsageError(f"--wrong-costs {wrong_costs}: give a number, such as 3.")
    screen = Screen.open(json)
    # One folder under two names is one run.
    folders = {folder.resolve(): folder for folder in map(folder_of, runs)}
    with screen.progress.status("runs are read and replayed …"):
        found = advise(tuple(folders.values()), wrong_costs)
    if json:
        screen.document(found.model_dump(mode="json"))
    else:
        screen.show(Group(*advised(found)))
    return 0
