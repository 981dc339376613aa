"""Writes the report of a run as one file that needs nothing else: its overview, and a page for each issue."""

import os
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from swe_scale.errors import StoreError
from swe_scale.jobs import Job, Task
from swe_scale.viewer import formats
from swe_scale.viewer.overview import Summary, headline, plots
from swe_scale.viewer.packing import packed
from swe_scale.viewer.pages import Record, page_of
from swe_scale.viewer.visible import address, visible

_FOLDER = Path(__file__).with_name("page")
_STYLES = ("base", "overview", "plots", "page")
_SCRIPTS = (
    "elements", "data", "texts", "diff", "list", "facts", "matrix", "choice", "trajectories", "page"
)  # fmt: skip


class Source(Record, Protocol):
    """A run that is open for reading."""

    @property
    def name(self) -> str:
        """The run's name."""
        ...

    @property
    def job(self) -> Job:
        """What it was made for."""
        ...


def write_report(run: Source, summary: Summary, out: Path, others: Sequence[Summary] = ()) -> None:
    """Write a run's report, whole or not at all; one issue at a time is in memory.

    Args:
        run: where it is recorded.
        summary: its figures, as `swe-scale report --json` prints them.
        out: the file, which is replaced where there is one.
        others: figures of runs that are shown beside it.

    Raises:
        StoreError: the record is damaged or of another version, or the file can't be written.
    """
    fresh = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        try:
            with fresh.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(_pieces(run, summary, others))
            fresh.replace(out)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{out} can't be written: {error.strerror}.") from error


def _pieces(run: Source, summary: Summary, others: Sequence[Summary]) -> Iterator[str]:
    style, script = _style(), _script()
    policy = (
        "default-src 'none'; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )
    return _template().generate(
        run=run,
        summary=summary,
        others=others,
        headline=headline(summary),
        plots=list(plots(summary, others)),
        rows=_rows(run.job.tasks, summary),
        pages=_pages(run, summary),
        policy=policy,
        style=Markup(style),  # noqa: S704 - ours, and named by its hash
        script=Markup(script),  # noqa: S704 - ours, and named by its hash
    )


def _pages(run: Source, summary: Summary) -> Iterator[str]:
    findings: dict[str, list[Mapping[str, Any]]] = {}
    for one in summary["findings"]:
        findings.setdefault(one["issue"], []).append(one)
    for task in run.job.tasks:
        yield packed(page_of(task, run, findings.get(task.issue.id, ())))


def _rows(tasks: Sequence[Task], summary: Summary) -> list[dict[str, Any]]:
    """Return the list's rows, in the order of the pages, each with an address of its own."""
    outcomes = {one["issue"]: one for one in summary["outcomes"]}
    taken: set[str] = set()
    rows = []
    for task in tasks:
        name = address(task.issue.id)
        while name in taken:
            name += "~"
        taken.add(name)
        rows.append({"address": name, "title": task.issue.title, **outcomes[task.issue.id]})
    return rows


@cache
def _template() -> Template:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    names = ("percent", "between", "number", "short", "money", "seconds")
    made.filters.update({name: getattr(formats, name) for name in names})
    return made.get_template("report.html")


def _seen(value: Any) -> Any:
    return visible(value) if type(value) is str else value


@cache
def _style() -> str:
    return "\n".join((_FOLDER / "style" / f"{name}.css").read_text(encoding="utf-8") for name in _STYLES)


@cache
def _script() -> str:
    parts = ((_FOLDER / "script" / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{"".join(parts)}}})();\n'


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode('utf-8')).digest()).decode('ascii')}"
