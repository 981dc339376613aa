"""What a JavaScript project says of itself in its `package.json`: hostile, and often of an odd form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from swe_scale.environment.hostile_json import parse_json

FILE = "package.json"
_MOST_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class Package:
    """The parts that tell how it is installed and tested; what has another form than npm's is left out."""

    name: str = ""
    scripts: Mapping[str, str] = field(default_factory=dict)
    dependencies: Mapping[str, str] = field(default_factory=dict)
    """Of all kinds, those for development first."""
    engines: Mapping[str, str] = field(default_factory=dict)
    manager: str = ""
    """Package manager and version, such as `pnpm@9.1.0`."""
    entries: tuple[str, ...] = ()
    """Files that importing the package loads, without a leading `./`."""
    workspaces: tuple[str, ...] = ()
    """Patterns of the folders of the packages that are installed with it."""


def read_package(text: str) -> Package:
    """Return what a package.json says; nothing where it is no JSON object."""
    try:
        content = parse_json(text)
    except ValueError:
        return Package()
    if not isinstance(content, dict):
        return Package()
    dependencies: dict[str, str] = {}
    for kind in ("dependencies", "optionalDependencies", "peerDependencies", "devDependencies"):
        dependencies |= _strings(content.get(kind))
    engines = _strings(content.get("engines"))
    volta = _strings(content.get("volta"))
    manager = content.get("packageManager")
    members = content.get("workspaces")
    members = members.get("packages") if isinstance(members, dict) else members
    name = content.get("name")
    return Package(
        name=name if isinstance(name, str) else "",
        scripts=_strings(content.get("scripts")),
        dependencies=dependencies,
        engines={**engines, "node": volta["node"]} if "node" in volta and "node" not in engines else engines,
        manager=manager if isinstance(manager, str) else "",
        entries=tuple(dict.fromkeys(_entries(content))),
        workspaces=tuple(one for one in members if isinstance(one, str)) if isinstance(members, list) else (),
    )


def _strings(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {key: text for key, text in value.items() if isinstance(text, str)}


def _entries(content: Mapping[str, Any]) -> list[str]:
    told: list[Any] = [content.get("main"), content.get("module"), content.get("exports"), content.get("bin")]
    found: list[str] = []
    # What is looked at grows while it is.
    for value in islice(told, _MOST_ENTRIES):
        if isinstance(value, str):
            found.append(value.removeprefix("./"))
        elif isinstance(value, dict):
            told += [inner for key, inner in value.items() if key != "types"]
        elif isinstance(value, list):
            told += value
    return found
