"""A run is shown while it runs: plain lines in a pipe, a table on a terminal, and no control of either."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from swe_scale.events import Event, Events
from swe_scale.live import Board, watch
from swe_scale.records import Usage

TRAJECTORY = "pkg-1/trajectory/03"


def tell(events: Events) -> None:
    events.emit("stage", "search")
    events.emit("turn", "edit", f"{TRAJECTORY}/turn/05")
    events.emit("candidate", "abcd by 1", "abcd")
    events.emit("verdict", "c on abcd: pass", "pkg-1/cell/abcd/c/0")
    events.emit("usage", "", f"{TRAJECTORY}/turn/05", Usage(calls=2, prompt_tokens=1500, usd=0.25))
    events.emit("note", "first line\nsecond \x1b[2J[bold]line[/bold]", TRAJECTORY)


def shown(tell: Callable[[Events], None], *, terminal: bool) -> str:
    out, events = io.StringIO(), Events()
    console = Console(file=out, force_terminal=terminal, width=120, color_system=None)
    with watch(events, console):
        tell(events)
    assert events.listeners == []
    return out.getvalue()


def test_in_a_pipe_every_event_is_one_plain_line() -> None:
    assert shown(tell, terminal=False).splitlines() == [
        "stage: search",
        "turn pkg-1/trajectory/03/turn/05: edit",
        "candidate abcd: abcd by 1",
        "verdict pkg-1/cell/abcd/c/0: c on abcd: pass",
        "note pkg-1/trajectory/03: first line second �[2J[bold]line[/bold]",
    ]


def test_a_long_line_is_not_broken() -> None:
    text = shown(lambda events: events.emit("note", "word " * 200), terminal=False)
    assert text.count("\n") == 1


def test_on_a_terminal_it_leaves_nothing_hostile() -> None:
    text = shown(tell, terminal=True)
    assert "\x1b[2J[bold]" not in text


def test_listeners_go_when_the_run_fails() -> None:
    events = Events()
    with pytest.raises(RuntimeError), watch(events, Console(file=io.StringIO())):
        raise RuntimeError
    assert events.listeners == []


def rendered(board: Board) -> str:
    out = io.StringIO()
    Console(file=out, width=160, color_system=None).print(board.render())
    return out.getvalue()


def test_the_board_keeps_up() -> None:
    events, board = Events(), Board()
    events.listeners.append(board.listen)
    assert "starting" in rendered(board)
    tell(events)
    text = rendered(board)
    assert "search" in text and "1 candidates, 1 verdicts" in text
    assert "1,500 tokens, 0.2500 USD, 2 calls" in text
    assert "#3" in text and "edit 05" in text
    assert "[bold]line[/bold]" in text and "\x1b" not in text
    events.emit("trajectory", "done", TRAJECTORY)
    assert "done" in rendered(board) and "edit 05" not in rendered(board)


def test_several_issues_are_summed_and_named() -> None:
    board = Board()
    for issue in ("pkg-1", "pkg-2"):
        step = f"{issue}/trajectory/01/turn/01"
        board.listen(Event("usage", "", step, Usage(calls=1, prompt_tokens=10)))
        board.listen(Event("usage", "", step, Usage(calls=2, prompt_tokens=30)))
        board.listen(Event("turn", "check", step))
    text = rendered(board)
    assert "60 tokens" in text and "4 calls" in text
    assert "pkg-1" in text and "pkg-2" in text


def test_what_is_no_trajectory_takes_no_row() -> None:
    board = Board()
    board.listen(Event("turn", "check", "pkg-1/selection"))
    board.listen(Event("usage", "", "pkg-1/selection/turn/01"))
    assert board.trajectories == {} and board.usage == {}


def test_only_the_last_notes_stay() -> None:
    board = Board()
    for number in range(9):
        board.listen(Event("note", f"n{number}"))
    assert board.notes == ["n5", "n6", "n7", "n8"]


def test_how_a_server_does_is_shown_where_it_is_watched_only() -> None:
    def tell(events: Events) -> None:
        events.emit("endpoint", "4 running, KV 10 %", "http://gpu1:8000/v1")
        events.emit("endpoint", "5 running, KV 61 %", "http://gpu1:8000/v1")

    assert shown(tell, terminal=False) == ""
    board = Board()
    tell(Events([board.listen]))
    assert board.endpoints == {"http://gpu1:8000/v1": "5 running, KV 61 %"}
    out = io.StringIO()
    Console(file=out, width=120).print(board.render())
    assert "KV 61 %" in out.getvalue() and "http://gpu1:8000/v1" in out.getvalue()
