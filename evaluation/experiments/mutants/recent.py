"""A cache that forgets what was not used for longest."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Entry:
    """What is kept of one key."""

    value: object
    size: int
    until: int | None


class Cache:
    """Keeps values up to a total size, each for so many ticks of a clock that the caller moves on."""

    def __init__(self, room: int, lasts: int | None = None) -> None:
        if room < 0:
            raise ValueError("room is 0 at least")
        self.room = room
        self.lasts = lasts
        self.now = 0
        self.hits = 0
        self.misses = 0
        self.entries: dict[str, Entry] = {}

    def tick(self, by: int = 1) -> None:
        """Move the clock on; what has had its time is dropped."""
        self.now += by
        for key in [key for key, one in self.entries.items() if self.stale(one)]:
            del self.entries[key]

    def stale(self, entry: Entry) -> bool:
        """Return whether an entry has had its time."""
        return entry.until is not None and entry.until <= self.now

    def used(self) -> int:
        """Return the total size of what is kept."""
        return sum(one.size for one in self.entries.values())

    def put(self, key: str, value: object, size: int = 1, lasts: int | None = None) -> list[str]:
        """Keep a value, and return the keys that had to go for it; one larger than all room isn't kept."""
        if size < 1:
            raise ValueError("a size is 1 at least")
        self.entries.pop(key, None)
        if size > self.room:
            return []
        gone: list[str] = []
        while self.used() + size > self.room:
            oldest = next(iter(self.entries))
            del self.entries[oldest]
            gone.append(oldest)
        ticks = self.lasts if lasts is None else lasts
        self.entries[key] = Entry(value, size, None if ticks is None else self.now + ticks)
        return gone

    def get(self, key: str, default: object = None) -> object:
        """Return a value, which is the latest used one then."""
        if key not in self.entries:
            self.misses += 1
            return default
        entry = self.entries.pop(key)
        self.entries[key] = entry
        self.hits += 1
        return entry.value

    def peek(self, key: str) -> object:
        """Return a value without counting it as used."""
        found = self.entries.get(key)
        return found.value if found is not None else None

    def make(self, key: str, maker: Callable[[], object]) -> object:
        """Return a value, made and kept if it isn't there."""
        if key not in self.entries:
            self.misses += 1
            self.put(key, maker())
            return self.peek(key)
        return self.get(key)

    def forget(self, prefix: str) -> int:
        """Drop what begins with a prefix, and return how many that were."""
        names = [key for key in self.entries if key.startswith(prefix)]
        for name in names:
            del self.entries[name]
        return len(names)

    def rate(self) -> float:
        """Return the share of look-ups that found something; 0 before the first."""
        total = self.hits + self.misses
        return self.hits / total if total > 0 else 0.0

    def keys(self) -> list[str]:
        """Return the keys, the latest used one last."""
        return list(self.entries)
