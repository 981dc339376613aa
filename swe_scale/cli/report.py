"""Carries out `swe-scale report`: reads runs, prints their figures, writes their pages."""

from collections.abc import Sequence

from rich.console import Group

from swe_scale.analysis.runs import open_run
from swe_scale.analysis.shown import shown
from swe_scale.analysis.summarise import summarise
from swe_scale.analysis.summary import Summary
from swe_scale.cli.run_folder import folder_of
from swe_scale.cli.screen import Screen

PAGE = "report.html"
"""Name of the page in a run folder."""


def run_report(runs: Sequence[str], *, json: bool, html: bool | None) -> int:
    """Print the figures of runs; return 0.

    Args:
        runs: names or folders; the page of each shows the others beside it.
        json: whether one JSON document is printed.
        html: whether the pages are written. None: unless `json`.

    Raises:
        UsageError: there is no such run, or it is of another version.
        StoreError: its record or its grades can't be read, or a page can't be written.
    """
    screen = Screen.open(json)
    names = list(dict.fromkeys(runs))
    summaries = [_summary(run) for run in names]
    if json:
        screen.document([one.model_dump(mode="json") for one in summaries])
    else:
        screen.show(Group(*shown(summaries)))
    if html or (html is None and not json):
        for place, name in enumerate(names):
            _write_page(name, summaries[place], [*summaries[:place], *summaries[place + 1 :]], screen)
    return 0


def _summary(run: str) -> Summary:
    with open_run(folder_of(run)) as opened:
        return summarise(opened)


def _write_page(run: str, summary: Summary, others: Sequence[Summary], screen: Screen) -> None:
    from swe_scale.viewer import write_report

    out = folder_of(run) / PAGE
    beside = [one.model_dump(mode="json") for one in others]
    with open_run(folder_of(run)) as opened, screen.progress.status(f"{out} is written …"):
        write_report(opened, summary.model_dump(mode="json"), out, beside)
    screen.say(f"{out}: open it in a browser")
