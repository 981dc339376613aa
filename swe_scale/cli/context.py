"""Carries out `swe-scale context`: which files an issue is about, why, and where the budget went."""

from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from swe_scale import batch
from swe_scale.cli import settings
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.reading import open_readers
from swe_scale.cli.screen import Naming, Screen, interruptible
from swe_scale.config import load_user_config
from swe_scale.context import Wish, find_context
from swe_scale.events import Events, printable
from swe_scale.issues import read_issue
from swe_scale.live import watch
from swe_scale.records import Context, RankedFile, Usage
from swe_scale.repo import Repository, complete_source
from swe_scale.repo.source import redacted

_LISTED = 30


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, as given."""

    issue: str
    repo: str | None
    base: str | None


def show_context(search: Search, options: SolveOptions, *, json: bool) -> int:
    """Print the files of an issue with the reasons for them; return the exit code.

    Raises:
        SweScaleError: what was given can't be used, or something that is needed failed.
    """
    screen, events = Screen.open(json), Events()
    budget = options.context_tokens or 0

    async def act() -> int:
        user = load_user_config(options.config)
        steps = settings.steps_of(options, user)
        draft = await read_issue(search.issue, user.github)
        source = complete_source(search.repo or draft.clone_url or ".")
        with watch(events, screen.progress):
            repository = await Repository.open(source, batch.repository_folder(source))
            commit = await repository.resolve(search.base)
            issue = draft.on(redacted(source), commit)
            async with open_readers(issue, options, user, events) as opened:
                wish = Wish(issue, commit, budget, steps)
                found = await find_context(wish, repository, events, opened.asked, opened.shown)
                spent = opened.ledger.spent if opened.ledger else Usage()
        if json:
            screen.document(_document(found, budget, spent))
        else:
            screen.answer.print(_shown(found, budget, spent))
        return 0

    return interruptible(act, Naming())


def _document(found: Context, budget: int, spent: Usage) -> dict[str, Any]:
    return {
        "files": [
            {**file.model_dump(mode="json", exclude={"text"}), "whole": _lines_of(file.reasons) == "whole"}
            for file in found.files
        ],
        "ranking": [file.model_dump(mode="json") for file in found.ranking],
        "budget": {"tokens": budget, "used": found.tokens, "counted_by": found.counted_by or None},
        "considered": found.considered,
        "skipped": found.skipped,
        "skipped_by": dict(found.skipped_by),
        "usage": spent.model_dump(mode="json"),
    }


def _shown(found: Context, budget: int, spent: Usage) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("", "file", "tokens", "shown", "why"):
        table.add_column(name, justify="right" if name in ("", "tokens") else "left", overflow="fold")
    shown = {file.path: file for file in found.files}
    for place, file in enumerate(found.ranking[:_LISTED], 1):
        given = shown.get(file.path)
        table.add_row(
            str(place),
            Text(printable(file.path)),
            f"{given.tokens:,}" if given else "",
            _lines_of(given.reasons) if given else "no",
            Text(printable("; ".join(_why(file)))),
        )
    return Group(table, Text(), *(Text(line) for line in _summary(found, budget, spent)))


def _why(file: RankedFile) -> list[str]:
    read = {True: "read, relevant", False: "read, not relevant", None: ""}[file.relevant]
    return [*filter(None, (f"{read}: {file.note}" if file.note else read,)), *file.reasons[:3]]


def _lines_of(reasons: tuple[str, ...]) -> str:
    cut = next((reason for reason in reasons if reason.startswith("cut to lines ")), "")
    return f"part of {cut.rpartition(' of ')[2]} lines" if cut else "whole"


def _summary(found: Context, budget: int, spent: Usage) -> list[str]:
    whole = sum(_lines_of(file.reasons) == "whole" for file in found.files)
    counted = f"counted by {found.counted_by}" if found.counted_by else "estimated at a third of the bytes"
    lines = [
        f"{len(found.files)} files shown, {whole} of them whole: "
        f"{found.tokens:,} of {budget:,} tokens, {counted}",
        f"{found.considered:,} files considered, {found.skipped:,} not"
        + (
            f" ({', '.join(f'{name} {count:,}' for name, count in found.skipped_by.items())})"
            if found.skipped
            else ""
        ),
    ]
    if spent.calls:
        lines.append(f"{spent.calls:,} calls of models: {spent.tokens:,} tokens, {spent.usd:.4f} USD")
    return lines
