"""Notes of the run on what an agent's requests held, once each: it may make as many as it likes."""

from swe_scale.events import Events, printable

__all__ = ["Notes"]

_MOST = 10
"""Notes of a kind."""


class Notes:
    """The notes on one agent."""

    def __init__(self, events: Events, path: str) -> None:
        self._events = events
        self._path = path
        self._hosts: set[str] = set()
        self._faults: set[str] = set()

    def host(self, target: str) -> None:
        """Note another host that was asked for."""
        host = printable(target.partition("://")[2].partition("/")[0] or target)[:200]
        self._once(self._hosts, host, f"the agent didn't reach {host}: it reaches its model alone")

    def fault(self, error: Exception) -> None:
        """Note what went wrong in answering, which is ours to mend."""
        kind = type(error).__name__
        self._once(self._faults, kind, f"a request of the agent wasn't answered, by a fault of ours: {kind}")

    def _once(self, noted: set[str], what: str, text: str) -> None:
        if len(noted) < _MOST and what not in noted:
            noted.add(what)
            self._events.emit("note", text, self._path)
