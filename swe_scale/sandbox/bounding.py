"""Says which limits can't be held here, and goes on only where the user allows that."""

from collections.abc import Sequence

from swe_scale.errors import SandboxError
from swe_scale.events import Events

TOGETHER = "the space that a cell's files take together"
"""What a limit on each file doesn't bound."""


def require_bounds(missing: Sequence[str], mend: str, events: Events, *, allowed: bool) -> None:
    """Refuse to go on without a limit, or say that it isn't held.

    Args:
        missing: what isn't bounded.
        mend: what would help.
        events: where it is said.
        allowed: whether the user allows it.

    Raises:
        SandboxError: the user doesn't.
    """
    if not missing:
        return
    text = f"no limit can be held here on {', '.join(missing)}: {mend}"
    if not allowed:
        raise SandboxError(f"{text}.\nTo go on without: --allow-unbounded")
    events.emit("note", text)
