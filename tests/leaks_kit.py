"""Writes trajectories by hand, as an agent would have left them."""

from collections.abc import Sequence

from swe_scale.analysis.leaks import Finding, Fix, find_leaks
from swe_scale.records import (
    Account,
    Check,
    Completion,
    Exchange,
    Execution,
    Issue,
    Message,
    Sampling,
    Solution,
    ToolCall,
    Trajectory,
    Turn,
    Usage,
)

BASE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
TREE = "8f9e1c0d7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d"
OFFLINE = "curl: (6) Could not resolve host: github.com\n"
ISSUE = Issue(
    id="acme__calendar-12",
    repo="https://github.com/acme/calendar",
    base_commit=BASE,
    title="Wrong total",
    body="See https://github.com/acme/calendar/pull/99 and commit 1234abc, as of v2.1.",
)


def turn(command: str, output: str = "", code: int | None = 0, reply: str | None = None) -> Turn:
    """Return a turn of an agent that runs a command."""
    text = f"Let me see.\n```bash\n{command}\n```\n" if reply is None else reply
    return Turn(
        asked=(Message(role="user", content="go on"),),
        completion=Completion(text=text),
        action="bash",
        edited=Execution(exit_code=code, output=output),
        tree=TREE,
        patch="",
    )


def called(arguments: str, output: str = "") -> Turn:
    """Return a turn that calls a tool."""
    call = ToolCall(id="1", name="bash", arguments=arguments)
    return turn("", output).model_copy(update={"completion": Completion(text="", tool_calls=(call,))})


def trajectory(
    turns: Sequence[Turn] = (), patch: str = "", check: Check | None = None, account: Account | None = None
) -> Trajectory:
    """Return a trajectory of these turns."""
    return Trajectory(
        index=1, strategy="agent", model="m", sampling=Sampling(), turns=tuple(turns), tree=TREE, patch=patch,
        check=check, outcome="done", usage=Usage(), account=account,
    )  # fmt: skip


def account(*pairs: tuple[str, str]) -> Account:
    """Return what is left of somebody else's agent: the arguments of its calls, and the next request."""
    made = [
        Exchange(
            step=f"s/{number}", shared=number, asked=asked, completion=Completion(text="", tool_calls=(call,))
        )
        for number, (arguments, asked) in enumerate(pairs)
        for call in [ToolCall(id="1", name="bash", arguments=arguments)]
    ]
    return Account(execution=Execution(exit_code=0, output=""), exchanges=tuple(made))


def solution(*trajectories: Trajectory, issue: str = ISSUE.id) -> Solution:
    """Return a solution that holds no more than trajectories."""
    return Solution(
        issue=issue, outcome="abstained", patch=None, candidate=None, confidence=0, reason="", candidates=(),
        checks=(), verdicts=(), ranking=(), decisions=(), trajectories=trajectories, usage=Usage(), stages={},
        seconds={},
    )  # fmt: skip


def found(*turns: Turn, created: str = "", fix: Fix | None = None) -> list[tuple[str, str]]:
    """Return kind and severity of what is found in turns."""
    return [(one.kind, one.severity) for one in findings(*turns, created=created, fix=fix)]


def findings(*turns: Turn, created: str = "", fix: Fix | None = None) -> tuple[Finding, ...]:
    """Return what is found in turns."""
    return find_leaks(solution(trajectory(turns)), ISSUE, created, fix)
