"""Writes docs/configuration.md from the settings in the code, so that the page can't say anything else."""

import ast
import inspect
import json
import re
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pages import ROOT
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from swe_scale.config import RunConfig, UserConfig
from swe_scale.environment.options import Table

PAGE = ROOT / "docs" / "configuration.md"
TEMPLATE = Path(__file__).with_suffix(".md")
PARTS: dict[str, tuple[type[BaseModel], str]] = {
    "user": (UserConfig, ""),
    "repository": (Table, "environment"),
    "run": (RunConfig, ""),
}
"""What stands in each place of the template: the settings, and the table that they are in."""
PLAIN: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    AwareDatetime: "moment",
    Any: "anything",
}
BOUNDS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}


@dataclass
class Writer:
    """What has been written of one part, and where each model is described."""

    lines: list[str] = field(default_factory=list)
    described: dict[type[BaseModel], str] = field(default_factory=dict)
    """Heading under which a model is, by the model."""


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return what stands below each field of a model and of those that it inherits from, as one line."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if not issubclass(one, BaseModel) or one is BaseModel:
            continue
        body = ast.parse(dedent(inspect.getsource(one))).body[0]
        assert isinstance(body, ast.ClassDef)
        for node, after in zip(body.body, body.body[1:], strict=False):
            match node, after:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = text
    return {name: for_readers(text) for name, text in found.items()}


def for_readers(text: str) -> str:
    """Return a docstring in the words of who writes TOML, where a value that is None isn't there."""
    text = re.sub(r"(?:(?<=^)|(?<=\. ))None\b", "Unset", " ".join(text.split()))
    return re.sub(r"\bNone\b", "unset", text)


def bare(annotation: Any) -> Any:
    """Return an annotation without what is attached to it, and without None as a choice."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        choices = tuple(one for one in get_args(annotation) if one is not types.NoneType)
        return bare(choices[0]) if len(choices) == 1 else Union[choices]  # noqa: UP007 - made at run time
    return annotation


def models_in(annotation: Any) -> tuple[type[BaseModel], ...]:
    """Return the models that a value may be of: one, or those of a union; none if it is no table."""
    plain = bare(annotation)
    if isinstance(plain, type) and issubclass(plain, BaseModel):
        return (plain,)
    if get_origin(plain) in (Union, types.UnionType):
        return tuple(model for one in get_args(plain) for model in models_in(one))
    return ()


def inside(annotation: Any) -> tuple[str, tuple[type[BaseModel], ...]]:
    """Return the models in a field's value, and how their tables are named below the field's own name."""
    plain = bare(annotation)
    match get_origin(plain), get_args(plain):
        case (origin, (_, value)) if origin is Mapping and (models := inside(value)[1]):
            return ".NAME", models
        case (origin, (value, *_)) if origin is tuple and (models := models_in(value)):
            return "[]", models
    return "", models_in(plain)


def in_words(annotation: Any) -> str:
    """Return what a value must be."""
    if get_origin(annotation) is Annotated:
        value, *attached = get_args(annotation)
        limits = [
            limit for one in attached for limit in (one.metadata if isinstance(one, FieldInfo) else [one])
        ]
        return PLAIN.get(annotation) or in_words(value) + bounds(limits)
    plain = bare(annotation)
    match get_origin(plain), get_args(plain):
        case (origin, choices) if origin is Literal:
            return " or ".join(f"`{json.dumps(one)}`" for one in choices)
        case (origin, (value, *_)) if origin is tuple:
            return "tables" if models_in(value) else f"list: {in_words(value)}"
        case (origin, (key, value)) if origin is Mapping:
            names = ", ".join(f"`{one}`" for one in get_args(key))
            told = f"by name ({names})" if names else "by name"
            return f"tables {told}" if inside(value)[1] else f"{in_words(value)}, {told}"
        case (origin, choices) if origin in (Union, types.UnionType):
            return " or ".join(dict.fromkeys(in_words(one) for one in choices))
    return "a table" if models_in(plain) else PLAIN.get(plain, getattr(plain, "__name__", "anything"))


def bounds(attached: list[Any]) -> str:
    """Return the limits of a value, in words that follow its type."""
    found = [
        f"{sign} {getattr(one, name):,}"
        for one in attached
        for kind, (sign, name) in BOUNDS.items()
        if isinstance(one, kind)
    ]
    if any(isinstance(one, MinLen) for one in attached):
        found.append("not empty")
    return ", " + ", ".join(found) if found else ""


def default(info: FieldInfo) -> str:
    """Return what holds where a field isn't there."""
    value = info.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if value is None or isinstance(value, BaseModel):
        return "its own" if isinstance(value, BaseModel) else "unset"
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"


def anchor(heading: str) -> str:
    """Return the anchor of a heading as the repository's host makes it."""
    kept = (sign for sign in heading.lower() if sign.isalnum() or sign in " -_")
    return "".join(kept).replace(" ", "-")


def heading(path: str, model: type[BaseModel], several: bool) -> str:
    """Return the heading of a model's table; of one of several, with the kind that chooses it."""
    table = f"[[{path[:-2]}]]" if path.endswith("[]") else f"[{path}]"
    if not several or "kind" not in model.model_fields:
        return f"`{table}`"
    kinds = get_args(model.model_fields["kind"].annotation)
    return f"`{table}` with " + (f"kind {' or '.join(kinds)}" if kinds else "another kind")


def rows(model: type[BaseModel], writer: Writer) -> Iterator[str]:
    """Yield the rows of a model's fields."""
    said = docstrings(model)
    if "kind" in model.model_fields:
        form = in_words(model.model_fields["kind"].annotation)
        meaning = "Says that it is this table." if form != PLAIN[str] else said["kind"]
        yield f"| `kind` | {form} | required | {meaning} |"
    for name, info in model.model_fields.items():
        models = inside(info.annotation)[1]
        told = said.get(name) or (told_of(models[0]) if len(models) == 1 else "")
        places = [f"[{writer.described[one]}](#{anchor(writer.described[one])})" for one in models]
        text = " ".join([told, *([f"See {', '.join(places)}."] if places else [])]).strip()
        if name != "kind":
            form = in_words(info.annotation) + bounds(info.metadata)
            cells = (cell.replace("|", "\\|") for cell in (f"`{name}`", form, default(info), text))
            yield f"| {' | '.join(cells)} |"


def told_of(model: type[BaseModel]) -> str:
    """Return a model's own docstring, as one line."""
    return for_readers(inspect.getdoc(model) or "")


def below(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel], bool]]:
    """Yield the tables in a model's fields, each with its name and whether it is one of several kinds."""
    for name, info in model.model_fields.items():
        suffix, models = inside(info.annotation)
        for one in models:
            yield f"{path}.{name}{suffix}".lstrip("."), one, len(models) > 1


def describe(path: str, model: type[BaseModel], writer: Writer) -> None:
    """Write a model's fields, then each table in it that isn't written yet."""
    wanted = []
    for place, one, several in below(path, model):
        if one not in writer.described:
            writer.described[one] = heading(place, one, several)
            wanted.append((place, one))
    head = ("| field | what it is | default | meaning |", "|---|---|---|---|")
    writer.lines += [*head, *rows(model, writer), ""]
    for place, one in wanted:
        writer.lines += [f"### {writer.described[one]}", "", told_of(one), ""]
        describe(place, one, writer)


def page() -> str:
    """Return the text of the page."""
    text, writer = TEMPLATE.read_text(encoding="utf-8"), Writer()
    for place, (model, path) in PARTS.items():
        writer.lines = [f"### `[{path}]`", "", told_of(model), ""] if path else []
        describe(path, model, writer)
        text = text.replace(f"{{{{{place}}}}}", "\n".join(writer.lines).rstrip())
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written.\n")
