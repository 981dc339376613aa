"""Writes a recipe as `[environment]` into a TOML file, of which all else stays as it is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomli_w

from swe_scale.errors import UsageError
from swe_scale.foreign import parse_toml
from swe_scale.sandbox import Build, Recipe

_HEADER = re.compile(r"\s*+\[\[?(?P<name>[^\]]*+)\]\]?\s*+(#.*)?")
_TABLE = "environment"


def table_for(recipe: Recipe) -> dict[str, Any]:
    """Return the `[environment]` table that leads to a recipe."""
    given: dict[str, Any] = {
        "image": recipe.image,
        "dockerfile": _dockerfile(recipe.build) if recipe.build else None,
        "subdir": recipe.subdir or None,
        "language": recipe.profile,
        "python": recipe.python_version or ("3" if recipe.python and recipe.image else None),
        "workdir": recipe.workdir,
        "setup": list(recipe.setup),
        "test": recipe.test,
        "needs": [need.name for need in recipe.needs],
        "variables": dict(recipe.variables) or None,
        "services": [one.model_dump(mode="json", exclude_defaults=True) for one in recipe.services] or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _dockerfile(build: Build) -> str | dict[str, Any]:
    more = build.model_dump(mode="json", include={"context", "target", "arguments"}, exclude_defaults=True)
    return {"path": build.dockerfile, **more} if more else build.dockerfile


def pinned(recipe: Recipe, text: str, place: Path) -> str:
    """Return a TOML text whose `[environment]` is a recipe's; everything else is kept to the byte.

    Args:
        recipe: to be written.
        text: of the file as it is; empty where there is none.
        place: of the file, for errors.

    Raises:
        UsageError: the file isn't TOML, or holds the table in a way that can't be replaced.
    """
    try:
        before = parse_toml(text)
    except ValueError as error:
        raise UsageError(f"{place} is not valid TOML ({error}); mend it first.") from error
    table = table_for(recipe)
    if before.get(_TABLE) == table:
        return text
    end = "\r\n" if "\r\n" in text else "\n"
    written = tomli_w.dumps({_TABLE: table}, multiline_strings=True).replace("\n", end)
    parts = [part.strip("\r\n") for part in (*_around(text),)]
    parts.insert(1, written.strip("\r\n"))
    made = (end * 2).join(part for part in parts if part) + end
    _check(made, {**before, _TABLE: table}, place)
    return made


def _around(text: str) -> tuple[str, str]:
    """Return what is before the table and what is after it; remarks before the next table are its own."""
    head: list[str] = []
    tail: list[str] = []
    remarks: list[str] = []
    inside, seen = False, False
    for line in text.splitlines(keepends=True):
        if found := _HEADER.fullmatch(line.rstrip("\r\n")):
            inside = next(_parts(found["name"]), "") == _TABLE
            tail += remarks if seen and not inside else []
            seen = seen or inside
            remarks = []
        if not inside:
            (tail if seen else head).append(line)
        elif line.lstrip().startswith("#") or not line.strip():
            remarks.append(line)
        else:
            remarks = []
    return "".join(head), "".join(tail + (remarks if inside else []))


def _parts(name: str) -> Iterator[str]:
    for part in name.split("."):
        yield part.strip().strip("\"'")


def _check(made: str, wanted: dict[str, Any], place: Path) -> None:
    try:
        same = parse_toml(made) == wanted
    except ValueError:
        same = False
    if not same:
        raise UsageError(
            f"{place} holds `environment` in a form that can't be replaced; write it as a table "
            "[environment], or use --out FILE."
        )
