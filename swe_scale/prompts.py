"""Renders the prompt templates; a missing variable is an error, never an empty string."""

import re
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from swe_scale import assets
from swe_scale.readable import readable
from swe_scale.records import digest


@cache
def _templates() -> Environment:
    # Prompts are Markdown for a model, not HTML for a browser: nothing is escaped.
    made = Environment(  # noqa: S701
        loader=FileSystemLoader(assets.folder("prompts")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=False,
    )
    made.filters["fenced"] = fenced
    made.filters["readable"] = readable
    return made


def fenced(text: str, language: str = "") -> str:
    """Return a text in a Markdown fence that nothing within it can close."""
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip(chr(10))}\n{fence}"


@cache
def templates_digest() -> str:
    """Return the digest of all templates: what is recorded under other ones isn't taken for an answer."""
    folder = assets.folder("prompts")
    return digest(*(path.name + path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.md"))))


def variants() -> dict[str, str]:
    """Return the prompt variants that are there without any configuration: the text of each, by name."""
    folder = assets.folder("prompts") / "variants"
    return {path.stem: path.read_text(encoding="utf-8").strip() for path in sorted(folder.glob("*.md"))}


def render(name: str, **variables: object) -> str:
    """Return the template `NAME.md` filled in.

    Raises:
        jinja2.UndefinedError: the template uses a variable that wasn't given.
    """
    return _templates().get_template(f"{name}.md").render(**variables)
