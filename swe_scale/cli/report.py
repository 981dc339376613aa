"""Carries out `swe-scale report`: reads runs, prints their figures."""

from collections.abc import Sequence

from rich.console import Group

from swe_scale.analysis.runs import open_run
from swe_scale.analysis.shown import shown
from swe_scale.analysis.summarise import summarise
from swe_scale.analysis.summary import Summary
from swe_scale.cli.run_folder import folder_of
from swe_scale.cli.screen import Screen


def run_report(runs: Sequence[str], *, json: bool) -> int:
    """Print the figures of runs; return 0.

    Raises:
        UsageError: there is no such run, or it is of another version.
        StoreError: its record or its grades can't be read.
    """
    screen = Screen.open(json)
    summaries = [_summary(run) for run in dict.fromkeys(runs)]
    if json:
        screen.document([one.model_dump(mode="json") for one in summaries])
    else:
        screen.show(Group(*shown(summaries)))
    return 0


def _summary(run: str) -> Summary:
    with open_run(folder_of(run)) as opened:
        return summarise(opened)
