"""Writes docs/figures.md: its words from a template, its figures from the results, so that both agree."""

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from pages import RESULTS, ROOT

PAGE = ROOT / "docs" / "figures.md"
TEMPLATE = Path(__file__).with_suffix(".md")
FIGURE = re.compile(
    r"\{\{(?P<file>[\w.]+)\|(?P<name>[^|}]+)\|(?P<key>ours|baseline|ratio|spread)\|(?P<form>[^}]+)\}\}"
)


@cache
def figures(file: str) -> dict[str, dict[str, Any]]:
    """Return the figures of a file of results, by their names."""
    found = json.loads((ROOT / RESULTS / file).read_text(encoding="utf-8"))
    return {one["name"]: one for one in found["figures"]}


def shown(figure: re.Match[str]) -> str:
    """Return a figure as the template wants it; a spread as its two ends.

    Raises:
        KeyError: the results have none of that name.
    """
    value, form = figures(figure["file"])[figure["name"]][figure["key"]], figure["form"]
    ends = (format(end, form) for end in (value if isinstance(value, list) else [value]))
    return " … ".join(ends).replace("-", "−").replace("%", " %")


def page() -> str:
    """Return the text of the page."""
    return FIGURE.sub(shown, TEMPLATE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written.\n")
