"""Counts what a page is made of, so that two renderings of it can be compared."""

from collections import Counter
from html.parser import HTMLParser

from markdown_it import MarkdownIt

KINDS = {"h1", "h2", "h3", "h4", "li", "ol", "ul", "table", "tr", "pre", "blockquote", "em", "strong"}


class _Counting(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "article":
            self.inside = True
        elif self.inside and tag in KINDS:
            self.found[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self.inside = False


def elements_of_page(html: str) -> Counter[str]:
    """Return how often each kind of element is in a page's article."""
    counting = _Counting()
    counting.feed(html)
    return counting.found


def elements(markdown: str) -> Counter[str]:
    """Return how often each kind of element is in a text as the repository's host renders it."""
    html = MarkdownIt("commonmark").enable("table").render(markdown)
    return elements_of_page(f"<article>{html}</article>")
