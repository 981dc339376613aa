"""Reads devcontainer.json: how a repository's own developers have their environment made."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from swe_scale.environment.hostile_json import parse_jsonc
from swe_scale.environment.project import Project
from swe_scale.sandbox import Build

PLACES = (".devcontainer/devcontainer.json", ".devcontainer.json", ".devcontainer/*/devcontainer.json")
DOCKERFILES = ("Dockerfile*", "*/Dockerfile*", "*.Dockerfile", "*.dockerfile")
"""Patterns of files by which an image may be built."""
_COMMANDS = ("onCreateCommand", "updateContentCommand", "postCreateCommand")
_IGNORED = ("features", "postStartCommand", "initializeCommand", "mounts", "runArgs")
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE|API_?KEY", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWN = {"PATH", "HOME", "VIRTUAL_ENV"}
_LONGEST = 32_000
"""Characters of a command or a variable: Linux starts no program with more than 128 KiB in one word."""
_LONGEST_PATH = 255
_MOST_NOTES = 50


@dataclass(frozen=True, slots=True)
class Devcontainer:
    """What can be used of one."""

    path: str
    image: str | None = None
    build: Build | None = None
    setup: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    workdir: str | None = None
    notes: tuple[str, ...] = ()
    """What can't be used."""


def read_devcontainer(project: Project) -> Devcontainer | None:
    """Return what the repository's devcontainer.json says; None where it has none.

    One that can't be used has neither image nor build, and a note that says why.
    """
    path = next((path for path in _ordered(project) if path in project.texts), None)
    if path is None:
        return None
    try:
        content = parse_jsonc(project.texts[path])
    except ValueError as error:
        return Devcontainer(path, notes=(f"{path} is not valid JSON ({error}) and is ignored",))
    if not isinstance(content, dict):
        return Devcontainer(path, notes=(f"{path} holds no object and is ignored",))
    return _understood(path, content, project)


def _ordered(project: Project) -> Iterator[str]:
    yield from PLACES[:2]
    nested = (path for path in project.paths if PurePosixPath(path).match(PLACES[2]))
    yield from (path for path in nested if path.count("/") == 2)


def _understood(path: str, content: Mapping[str, Any], project: Project) -> Devcontainer:
    if "dockerComposeFile" in content:
        note = f"{path} wants docker compose, which is not supported: it is ignored"
        return Devcontainer(path, notes=(note,))
    image = content.get("image")
    build = _build(path, content, project)
    notes = [f"{path}: {name} is not supported and is ignored" for name in _IGNORED if content.get(name)]
    if isinstance(build, str):
        return Devcontainer(path, notes=(build,))
    if build is None and not (isinstance(image, str) and image and "${" not in image):
        return Devcontainer(path, notes=(f"{path} names no image and no Dockerfile: it is ignored",))
    workdir = _workdir(content)
    variables = dict(_variables(path, content, workdir or "", notes))
    setup = tuple(_setup(path, content, workdir or ".", notes))
    return Devcontainer(
        path=path,
        image=None if build else str(image),
        build=build,
        setup=setup,
        variables=variables,
        workdir=workdir,
        notes=tuple(notes[:_MOST_NOTES]),
    )


def _build(path: str, content: Mapping[str, Any], project: Project) -> Build | str | None:
    """Return what is to be built; a note where that can't be done; None where nothing is."""
    given = content.get("build")
    table: Mapping[str, Any] = given if isinstance(given, dict) else {}
    named = table.get("dockerfile") or table.get("dockerFile") or content.get("dockerFile")
    if not isinstance(named, str):
        return None
    folder = str(PurePosixPath(path).parent)
    dockerfile = _joined(folder, named)
    context = _joined(folder, _text(table.get("context") or content.get("context")) or ".")
    if dockerfile is None or context is None or dockerfile not in project.texts:
        name = named[:_LONGEST_PATH]
        return f"{path} names the Dockerfile {name!r}, which isn't in the repository: it is ignored"
    given = table.get("args")
    arguments = {name: _text(value) for name, value in (given.items() if isinstance(given, dict) else ())}
    return Build(
        dockerfile=dockerfile,
        text=project.texts[dockerfile],
        context=context,
        target=_text(table.get("target")) or "",
        arguments={
            name: value for name, value in arguments.items() if value is not None and "${" not in value
        },
    )


def _text(value: Any) -> str | None:
    """Return a string, or a number as one; None for all else, and for what is too long to be used."""
    text = str(value) if isinstance(value, str | int | float) else None
    return text if text is not None and len(text) <= _LONGEST else None


def _joined(folder: str, path: str) -> str | None:
    """Return a path below the root in its plain form; None of one that leaves it."""
    parts: list[str] = []
    for part in PurePosixPath(folder, path).parts:
        if part == ".." and not parts:
            return None
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return None if parts[:1] == ["/"] else "/".join(parts)


def _setup(path: str, content: Mapping[str, Any], workdir: str, notes: list[str]) -> Iterator[str]:
    for name in _COMMANDS:
        given = content.get(name)
        for one in given.values() if isinstance(given, dict) else (given,):
            line = _line(one, workdir)
            if line is None:
                notes.append(f"{path}: a command of {name} can't be used and is left out")
            elif line.strip():
                yield line


def _line(value: Any, workdir: str) -> str | None:
    """Return a command, a shell line or its words, as a line; None of one that can't be used."""
    words = [_text(word) for word in value] if isinstance(value, list) else []
    if None in words:
        return None
    return _filled(shlex.join(word for word in words if word is not None) if words else value or "", workdir)


def _workdir(content: Mapping[str, Any]) -> str | None:
    named = content.get("workspaceFolder")
    if not isinstance(named, str):
        return None
    named = re.sub(r"\$\{localWorkspaceFolderBasename\}", "work", named)
    parts = PurePosixPath(named).parts
    usable = named.startswith("/") and len(parts) > 1 and ".." not in parts and "${" not in named
    return str(PurePosixPath(named)) if usable and len(named) <= _LONGEST_PATH else None


def _variables(
    path: str, content: Mapping[str, Any], workdir: str, notes: list[str]
) -> Iterator[tuple[str, str]]:
    for table in ("containerEnv", "remoteEnv"):
        given = content.get(table)
        for name, value in given.items() if isinstance(given, dict) else ():
            text = _filled(value, workdir)
            if not _NAME.fullmatch(name) or name in _OWN or text is None or "${" in text:
                notes.append(f"{path}: the variable {name[:40]} is left out")
            elif _SECRET.search(name):
                notes.append(f"{path}: the variable {name[:40]} looks like a secret and is left out")
            else:
                yield name, text


def _filled(value: Any, workdir: str) -> str | None:
    text = _text(value)
    return None if text is None else _text(text.replace("${containerWorkspaceFolder}", workdir))
