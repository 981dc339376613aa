"""How long a report takes to open: from the start of the navigation until it is read, painted and usable."""

from pathlib import Path
from statistics import median

from chromium import Tab, chromium

_PAINTED = """
new Promise((done) => {
  const read = () => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    const [navigation] = performance.getEntriesByType("navigation");
    if (!paint || !navigation.domContentLoadedEventEnd) return setTimeout(read, 5);
    done(Math.max(paint.startTime, navigation.domContentLoadedEventEnd));
  };
  read();
})
"""
"""Milliseconds since the navigation began, of the later of the first paint and the end of reading."""


def open_seconds(html: Path, repeats: int = 5) -> float:
    """Return how long a file takes to open in a headless Chromium that runs already: the median.

    Each time, the file is opened in a page of its own; what was measured first, with the file's content
    not yet in memory, doesn't count.

    Raises:
        RuntimeError: Chromium isn't installed.
        TimeoutError: it isn't open after two minutes.
    """
    with chromium() as pipe:
        return median([_once(html, Tab(pipe)) for _ in range(repeats + 1)][1:])


def _once(html: Path, tab: Tab) -> float:
    tab.go(html.absolute().as_uri())
    taken = float(tab.value(_PAINTED)) / 1000
    tab.close()
    return taken
