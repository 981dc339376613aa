"""Brings pages from beside `docs/` into the site, and makes links hold there as in the repository."""

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = "evaluation/results"
OUTSIDE = {
    "README.md": "overview.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
} | {
    f"{RESULTS}/{file.name}": f"results/{file.name}"
    for file in sorted((ROOT / RESULTS).iterdir())
    if file.suffix in (".md", ".json")
}
"""Files of the repository outside `docs/`, by their place in the site."""
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)(?P<target>[^()\s#]+)(?P<anchor>#[^()\s]*)?(?=\))")


def in_site(path: str) -> str | None:
    """Return where a file of the repository is in the site; None if it isn't there."""
    return path.removeprefix("docs/") if path.startswith("docs/") else OUTSIDE.get(path)


def in_repository(page: str) -> str:
    """Return the file of the repository that a page of the site is made of."""
    return next((file for file, place in OUTSIDE.items() if place == page), f"docs/{page}")


def relinked(markdown: str, page: str) -> str:
    """Return a page's text with links to files that are elsewhere in the site pointing there."""
    folder = posixpath.dirname(in_repository(page))

    def moved(link: re.Match[str]) -> str:
        place = in_site(posixpath.normpath(posixpath.join(folder, link["target"])))
        if place is None:
            return link[0]
        return posixpath.relpath(place, posixpath.dirname(page) or ".") + (link["anchor"] or "")

    return LINK.sub(moved, markdown)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages from outside to those of `docs/`: called by mkdocs."""
    from mkdocs.structure.files import File

    for source, place in OUTSIDE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page's text as it is read in the site: called by mkdocs."""
    return relinked(markdown, page.file.src_uri)
