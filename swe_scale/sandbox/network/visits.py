"""Keeps account of the hosts that set-up asked for, and reports it."""

from collections import Counter

from swe_scale.events import Events

_MOST = 40
"""Hosts that are named; hostile code can invent any number."""


class Visits:
    """Which hosts were reached, and which were refused."""

    def __init__(self, events: Events, who: str) -> None:
        self.reached: Counter[str] = Counter()
        self.refused: dict[str, str] = {}
        self.further = 0
        """Refusals of hosts that are not named."""
        self._events = events
        self._who = who

    def reach(self, host: str) -> None:
        """Count a connection to a host that is allowed."""
        self.reached[host] += 1

    def refuse(self, host: str, reason: str) -> None:
        """Report a refusal, once per host."""
        if host in self.refused:
            return
        if len(self.refused) >= _MOST:
            self.further += 1
            return
        self.refused[host] = reason
        self._events.emit("note", f"{self._who} didn't reach a host: {reason}")

    def report(self) -> None:
        """Say which hosts were reached, and how often."""
        if self.reached:
            shown = ", ".join(f"{host} ({count})" for host, count in self.reached.most_common(_MOST))
            left = len(self.reached) - _MOST
            more = f", and {left} others" if left > 0 else ""
            self._events.emit("note", f"{self._who} reached {shown}{more}")
        if self.further:
            self._events.emit("note", f"{self._who} didn't reach other hosts, {self.further} times")
