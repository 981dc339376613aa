"""Says how an agent's command ended, of which only the outside is seen."""

from dataclasses import dataclass, replace

from swe_scale.events import printable
from swe_scale.models.gateway import Gateway, TooMany
from swe_scale.records import TrajectoryOutcome
from swe_scale.trajectory.workplace import Ran

_SHOWN = 300
_NOT_FOUND, _NOT_RUN = 127, 126


@dataclass(frozen=True, slots=True)
class End:
    """Why a trajectory ended."""

    outcome: TrajectoryOutcome
    error: str = ""


def end_of(ran: Ran, gateway: Gateway, *, changed: bool, own: bool) -> End:
    """Return how a command ended, and what of its changes was not taken.

    Args:
        ran: the command, and what it left.
        gateway: what its requests went through.
        changed: whether it left changes.
        own: whether its time was its own bound, and not what was left of the issue's.
    """
    end = _end(ran, gateway, changed=changed, own=own)
    return replace(end, error="; ".join(filter(None, (end.error, ran.note))))


def _end(ran: Ran, gateway: Gateway, *, changed: bool, own: bool) -> End:
    code, asked = ran.execution.exit_code, bool(gateway.transcript.exchanges)
    if gateway.over is not None:
        return End("turns" if isinstance(gateway.over, TooMany) else "budget", str(gateway.over))
    if ran.execution.timed_out:
        return End("turns", f"it was ended after {ran.execution.seconds:.0f} s") if own else _OVER
    if ran.note and not changed:
        return End("failed")
    if code in (_NOT_FOUND, _NOT_RUN) and not asked:
        return End("failed", f"its command can't be run{_last(ran)}")
    trouble = f"; its model's endpoint failed: {gateway.fault}" if gateway.fault else ""
    if code != 0:
        what = f"it ended with exit code {code}{_last(ran)}"
        return End("done", what) if changed else End("failed", f"{what}{trouble}")
    if not changed and not asked:
        return End("failed", f"it asked its model nothing, and changed nothing{_last(ran)}{trouble}")
    return End("done")


_OVER = End("budget", "the time is over")


def _last(ran: Ran) -> str:
    """Return the last line that a command said."""
    lines = [line.strip() for line in printable(ran.execution.output).splitlines() if line.strip()]
    return f": {lines[-1][:_SHOWN]}" if lines else ""
