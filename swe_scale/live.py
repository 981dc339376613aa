"""Shows a run while it runs: a table on a terminal, one plain line per event elsewhere."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from swe_scale.events import Event, Events, printable
from swe_scale.records import Usage

_NOTES = 4


@dataclass(slots=True)
class Board:
    """What the live view shows, kept up to date by events."""

    started: float = field(default_factory=time.monotonic)
    stages: dict[str, str] = field(default_factory=dict)
    trajectories: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    usage: dict[str, Usage] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    progress: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def listen(self, event: Event) -> None:
        """Take over one event."""
        issue = event.step.split("/")[0]
        match event.kind:
            case "stage":
                self.stages[issue] = event.text
                self.progress.pop(issue, None)
            case "progress":
                self.progress[issue] = event.text
            case "turn" | "trajectory" if "/trajectory/" in event.step:
                parts = event.step.split("/")
                turn = f" {parts[4]}" if len(parts) > 4 else ""
                self.trajectories["/".join(parts[:3])] = f"{event.text}{turn}"
            case "candidate" | "verdict" | "decision":
                self.counts[event.kind] += 1
            case "usage" if event.total is not None:
                self.usage[issue] = event.total
            case "endpoint":
                self.endpoints[event.step] = event.text
            case "note":
                self.notes = [*self.notes, event.text][-_NOTES:]

    def render(self) -> Table:
        """Return the table as it stands."""
        table = Table.grid(padding=(0, 2))
        total = sum(self.usage.values(), Usage())
        stages = ", ".join(dict.fromkeys(self.stages.values()))
        table.add_row("stage", stages or "starting", f"{time.monotonic() - self.started:.0f} s")
        table.add_row(
            "found",
            f"{self.counts['candidate']} candidates, {self.counts['verdict']} verdicts",
            f"{total.tokens:,} tokens, {total.usd:.4f} USD, {total.calls} calls",
        )
        for issue, text in sorted(self.progress.items()):
            table.add_row("reader", escape(printable(text)), issue if len(self.usage) > 1 else "")
        for path, text in sorted(self.trajectories.items())[:24]:
            issue, _, index = path.split("/")
            table.add_row(f"#{int(index)}", escape(printable(text)), issue if len(self.usage) > 1 else "")
        for address, text in sorted(self.endpoints.items()):
            table.add_row("server", escape(printable(text)), escape(printable(address)))
        for note in self.notes:
            table.add_row("note", escape(printable(note)), "")
        return table


class _Rendering:
    """Renders the board anew at every refresh."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __rich__(self) -> Table:
        return self._board.render()


@contextmanager
def watch(events: Events, console: Console) -> Iterator[None]:
    """Show a run's events on a console until the context ends."""
    if not console.is_terminal:

        def line(event: Event) -> None:
            # How a server does, how far a reader is: that is of interest at the moment, and would fill a log.
            if event.text and event.kind not in ("endpoint", "progress"):
                where = f" {event.step}" if event.step else ""
                text = printable(" ".join(event.text.split()))
                console.print(f"{event.kind}{where}: {text}", markup=False, highlight=False, soft_wrap=True)

        events.listeners.append(line)
        try:
            yield
        finally:
            events.listeners.remove(line)
        return
    board = Board()
    events.listeners.append(board.listen)
    try:
        with Live(_Rendering(board), console=console, refresh_per_second=4, transient=True):
            yield
    finally:
        events.listeners.remove(board.listen)
