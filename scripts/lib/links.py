"""Tries the addresses that the documentation names; run by hand, since it needs the network."""

import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pages import OUTSIDE, ROOT

ADDRESS = re.compile(r"\]\((?P<address>https?://[^)\s]+)\)")
SECONDS = 30.0
AT_A_TIME = 8
MOVED_OR_THERE = range(200, 400)
REFUSES_MACHINES = frozenset({401, 403, 405, 429})
"""Answers of servers that are there, and want no programs."""


def named(root: Path) -> dict[str, list[str]]:
    """Return the addresses that pages link to, each with the pages that do."""
    pages = [root / source for source in OUTSIDE if source.endswith(".md")]
    found: dict[str, list[str]] = {}
    for page in [*pages, *sorted((root / "docs").glob("*.md"))]:
        for link in ADDRESS.finditer(page.read_text(encoding="utf-8")):
            found.setdefault(link["address"], []).append(page.relative_to(root).as_posix())
    return found


def fault(address: str) -> str:
    """Return what is wrong with an address; nothing if it answers."""
    try:
        # Only addresses of http and https are found.
        asked = urllib.request.Request(address, headers={"User-Agent": "swe-scale"})  # noqa: S310
        with urllib.request.urlopen(asked, timeout=SECONDS) as answer:  # noqa: S310
            return "" if answer.status in MOVED_OR_THERE else str(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return "" if error.code in REFUSES_MACHINES else str(error.code)
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__


def faults(addresses: Iterable[str]) -> dict[str, str]:
    """Return what is wrong, by the address, in their order."""
    wanted = list(addresses)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        answers = pool.map(fault, wanted)
        return {address: said for address, said in zip(wanted, answers, strict=True) if said}


def main() -> int:
    """Print each address that fails with the pages that name it; return 1 if there is one."""
    links = named(ROOT)
    wrong = faults(links)
    for address, said in wrong.items():
        sys.stdout.write(f"{address}: {said} ({', '.join(sorted(set(links[address])))})\n")
    sys.stdout.write(f"{len(links)} addresses tried, {len(wrong)} failed.\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
