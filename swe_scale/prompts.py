"""Renders the prompt templates; a missing variable is an error, never an empty string."""

from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from swe_scale import assets


@cache
def _templates() -> Environment:
    # Prompts are Markdown for a model, not HTML for a browser: nothing is escaped.
    return Environment(  # noqa: S701
        loader=FileSystemLoader(assets.folder("prompts")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=False,
    )


def render(name: str, **variables: object) -> str:
    """Return the template `NAME.md` filled in.

    Raises:
        jinja2.UndefinedError: the template uses a variable that wasn't given.
    """
    return _templates().get_template(f"{name}.md").render(**variables)
