"""The `[environment]` table: the one thing that a repository may say of how it is run."""

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator

from swe_scale.config import Config, explain, read_toml
from swe_scale.errors import UsageError
from swe_scale.events import Events
from swe_scale.foreign import parse_toml
from swe_scale.profiles import profiles, toolchains
from swe_scale.records import HostServer, Service

FILE = "swe-scale.toml"
"""Name of the repository's own file, at the root of its tree."""


def _lines(value: Any) -> Any:
    lines = [value] if isinstance(value, str) else value
    if not isinstance(lines, list | tuple) or not all(isinstance(line, str) for line in lines):
        raise ValueError("must be a string or a list of strings")
    return lines


def _absolute(value: Any) -> Any:
    if isinstance(value, str) and not value.startswith("/"):
        raise ValueError("must be an absolute path inside the sandbox")
    return value


def _below(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\0" in value:
        raise ValueError("must be a path below the repository's root")
    return "" if str(path) == "." else str(path)


def _language(value: str) -> str:
    known = sorted(profile.name for profile in profiles())
    if value not in known:
        raise ValueError(f"there is no profile {value[:40]!r}; known are {', '.join(known)}")
    return value


def _toolchain(value: str) -> str:
    known = sorted(toolchains())
    if value not in known:
        raise ValueError(f"there is no toolchain {value[:40]!r}; known are {', '.join(known)}")
    return value


def _variables(value: Mapping[str, str]) -> Mapping[str, str]:
    for name in value:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name in _OWN:
            raise ValueError(
                f"{name[:40]!r} can't be set: it is no name of a variable, or is the sandbox's own"
            )
    return value


Below = Annotated[str, AfterValidator(_below)]
Language = Annotated[str, AfterValidator(_language)]
Toolchain = Annotated[str, AfterValidator(_toolchain)]
_OWN = {"PATH", "HOME", "VIRTUAL_ENV"}


class Dockerfile(Config):
    """How an image is built of the tree."""

    path: Below
    """Of the file, from the repository's root."""
    context: Below = ""
    """Folder of the tree whose files it may take. Empty: the root."""
    target: str = ""
    """Stage at which it ends. Empty: the last."""
    arguments: Mapping[str, str] = {}
    """Build arguments."""


def _dockerfile(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class Table(Config):
    """What `[environment]` may hold."""

    image: str | None = Field(default=None, min_length=1)
    """Container image that set-up starts from."""
    setup: Annotated[tuple[str, ...] | None, BeforeValidator(_lines)] = None
    """Shell lines, run once with the network; a string is one script. None: as recognised."""
    test: str | None = Field(default=None, min_length=1)
    """Shell line that runs test files; `{tests}` stands for their paths, which otherwise come last."""
    workdir: Annotated[str | None, BeforeValidator(_absolute)] = None
    """Absolute path of the work tree inside the image."""
    dockerfile: Annotated[Literal[False] | Dockerfile | None, BeforeValidator(_dockerfile)] = None
    """The Dockerfile that builds what set-up starts from; its path alone will do. None: the repository's
    devcontainer.json or Dockerfile where there is one. false: neither."""
    subdir: Below = ""
    """Folder of the project in question, where a repository holds several."""
    language: Language | None = None
    """Name of its profile. None: as recognised."""
    python: str | None = Field(default=None, pattern=r"^3(\.[0-9]{1,3}){0,2}$")
    """Version of the interpreter, such as `3.9`; `3` is the one that is there. With it, a virtual environment
    is made of an image, too."""
    needs: tuple[Toolchain, ...] | None = None
    """Toolchains that must be there, such as `node` and `maven`. None: as recognised."""
    variables: Annotated[Mapping[str, str], AfterValidator(_variables)] = {}
    """For every command. No secrets."""
    services: tuple[Service, ...] = ()
    """Servers beside the code under test."""

    @field_validator("services")
    @classmethod
    def _told_apart(cls, value: tuple[Service, ...]) -> tuple[Service, ...]:
        if len({one.name for one in value}) < len(value) or len({one.port for one in value}) < len(value):
            raise ValueError("two services have the same name or port")
        if lost := [one.name for one in value if not one.command and not one.image]:
            raise ValueError(f"the service {lost[0]} has neither `command` nor `image`")
        return value


class Options(Config):
    """What the user says of the environment."""

    environment_file: Path | None = None
    """A file whose `[environment]` is used in place of the repository's."""
    image: str | None = None
    """An image that is ready to use: nothing is set up in it."""
    basis: str = ""
    """What the backend starts from where no image is named, as configured: its base image or interpreter."""
    subdir: Below = ""
    """Folder of the project in question. Empty: as the table says, otherwise the root."""
    here: bool = False
    """Whether the environment is the one that is ready in the repository's own checkout."""
    servers: tuple[HostServer, ...] = ()
    """Servers that run already and that cells reach, with `here`; no two at the same port."""
    agents: tuple[str, ...] = ()
    """Shell lines that install command-line agents, once all else is set up."""
    table: Table | None = None
    """What a dataset says of its row, used in place of the repository's own table."""
    workdir: Annotated[str | None, BeforeValidator(_absolute)] = None
    """Absolute path of the work tree in `image`, where the repository's table doesn't say."""
    path: tuple[Annotated[str, BeforeValidator(_absolute)], ...] = ()
    """Folders of `image` that come first on the search path."""


def table_of(options: Options, own: str | None, events: Events) -> Table | None:
    """Return the table of the user's file, of the dataset, or of the repository; None where none says a word.

    Args:
        options: the user's.
        own: text of the repository's file, if it has one.
        events: where what is ignored is reported.

    Raises:
        UsageError: the file isn't TOML, or the table has an unknown key or a value of the wrong form.
    """
    if options.environment_file is not None:
        return _validated(read_toml(options.environment_file), str(options.environment_file), events)
    if options.table is not None:
        return options.table
    if own is None:
        return None
    try:
        content = parse_toml(own)
    except ValueError as error:
        raise UsageError(f"the repository's {FILE} is not valid TOML: {error}") from error
    return _validated(content, f"the repository's {FILE}", events)


def _validated(content: Mapping[str, Any], origin: str, events: Events) -> Table | None:
    ignored = sorted(set(content) - {"environment"})
    if ignored:
        names = ", ".join(repr(name[:40]) for name in ignored[:8])
        events.emit("note", f"{origin}: only [environment] is read; ignored: {names}")
    table = content.get("environment")
    if table is None:
        return None
    if not isinstance(table, dict):
        raise UsageError(f"{origin}: environment must be a table, written [environment].")
    if "\\u0000" in json.dumps(table, default=str):
        raise UsageError(f"{origin}: a NUL character in [environment] can't be given to any command.")
    try:
        return Table.model_validate(table)
    except ValidationError as error:
        raise UsageError(f"{origin} has an unusable [environment]:\n{explain(error)}") from error
