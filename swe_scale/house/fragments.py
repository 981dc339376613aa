"""Writes the file that tells of one change, for projects that keep one per change until they release."""

import fnmatch
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from swe_scale.errors import PatchError
from swe_scale.house.base import Base, table
from swe_scale.house.change import Change, Edit
from swe_scale.house.entries import sentence, slug, token, wrapped
from swe_scale.patch import check_path

_FIXES = ("bugfix", "fix", "fixed", "bug", "fixes", "bugs", "patch")
"""Names of types of fragments that stand for a repair, the best first."""
_DEFAULT_TYPES = ("feature", "bugfix", "doc", "removal", "misc")
_FRAGMENT = re.compile(r"(?:\d+|\+[\w-]+)\.([A-Za-z_-]+)(?:\.\d+)?(\.(?:rst|md|txt))?")
_PACKAGE = re.compile(r"(?:@[\w.-]{1,100}/)?[\w.-]{1,200}")
_DEFAULT_FOLDERS = ("newsfragments", "changelog.d", ".changelog")


@dataclass(frozen=True, slots=True)
class Entry:
    """What tells users of a change, if anything, and why so."""

    edit: Edit | None
    reason: str


def fragment_of(change: Change, base: Base) -> Entry | None:
    """Return the fragment that a project wants of a change; None where it has no folder that keeps them."""
    for tool in (_towncrier, _scriv, _changeset, _reno, _changie):
        if (entry := tool(change, base)) is not None:
            return entry
    return None


def _added(base: Base, path: str, text: str, why: str) -> Entry:
    try:
        check_path(path)
    except PatchError as error:
        return Entry(None, str(error))
    if path in base.paths:
        return Entry(None, f"{path} is there already")
    return Entry(Edit(path=path, data=text.encode()), f"{why}: {path}")


def _towncrier(change: Change, base: Base) -> Entry | None:
    config = table(base.toml("towncrier.toml"), "tool", "towncrier") or table(
        base.toml("pyproject.toml"), "tool", "towncrier"
    )
    config = config or table(base.toml("towncrier.toml"), "towncrier")
    where = _towncrier_folders(config, base) if config else _unconfigured(base)
    if where is None:
        return None
    folder, names = _section(change.paths, where)
    types = _types(config)
    kind = next((one for one in _FIXES if one in types), None)
    if kind is None:
        return Entry(None, "none of its types of fragments stands for a repair")
    if not names:
        return None
    suffixes = Counter(
        match[2] or "" for name in names for one in [name] if (match := _FRAGMENT.fullmatch(one))
    )
    told = PurePosixPath(_text(config, "filename")).suffix
    suffix = suffixes.most_common(1)[0][0] if suffixes else told or ".rst"
    stem = f"{change.issue or f'+{slug(change)}'}.{kind}"
    free = (f"{folder}/{stem}{f'.{number}' if number else ''}{suffix}" for number in range(20))
    path = next((one for one in free if one not in base.paths), f"{folder}/{stem}.{token(change)}{suffix}")
    return _added(base, path, f"{sentence(change, suffix or told)}\n", "towncrier's form")


def _text(config: Mapping[str, Any], name: str) -> str:
    value = config.get(name)
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class _Folders:
    base: Base
    inside: Callable[[str], str]
    """Folder of a section, by its path."""
    sections: tuple[str, ...]


def _towncrier_folders(config: Mapping[str, Any], base: Base) -> _Folders:
    listed = config.get("section")
    tables = listed if isinstance(listed, list) else []
    sections = tuple(_text(one, "path").strip("/") for one in tables if isinstance(one, dict)) or ("",)
    folder = _text(config, "directory").strip("/")
    package = "/".join(
        filter(None, (_text(config, "package_dir").strip("./"), _text(config, "package").replace(".", "/")))
    )

    def inside(section: str) -> str:
        parts = (folder, section) if folder else (package, section, "newsfragments")
        return "/".join(part for part in parts if part and part != ".")

    return _Folders(base, inside, sections)


def _unconfigured(base: Base) -> _Folders | None:
    for folder in _DEFAULT_FOLDERS:
        if any(_FRAGMENT.fullmatch(name) for name in base.within(folder)):
            return _Folders(base, lambda _, at=folder: at, ("",))  # type: ignore[misc]
    return None


def _section(paths: Sequence[str], where: _Folders) -> tuple[str, tuple[str, ...]]:
    """Return the folder for fragments of a change, and what is in it: that of the part that it is about."""
    parts = {part for path in paths for part in (*PurePosixPath(path).parent.parts, PurePosixPath(path).stem)}
    fitting = [one for one in where.sections if one and PurePosixPath(one).name in parts]
    folder = where.inside(
        max(fitting, key=len) if fitting else "" if "" in where.sections else where.sections[0]
    )
    return folder, where.base.within(folder)


def _types(config: Mapping[str, Any]) -> tuple[str, ...]:
    listed = config.get("type")
    if isinstance(listed, list):
        return tuple(
            _text(one, "directory") or _text(one, "name").lower() for one in listed if isinstance(one, dict)
        )
    return (*table(config, "type"), *table(config, "fragment")) or _DEFAULT_TYPES


def _scriv(change: Change, base: Base) -> Entry | None:
    config = table(base.toml("pyproject.toml"), "tool", "scriv")
    if not (config or "[scriv]" in base.text("setup.cfg") or "changelog.d/scriv.ini" in base.paths):
        return None
    folder = _text(config, "fragment_directory").strip("/") or "changelog.d"
    examples = [name for name in base.within(folder) if re.match(r"\d{8}_\d{6}_", name)]
    form = _text(config, "format") or (PurePosixPath(examples[0]).suffix[1:] if examples else "rst")
    if not base.within(folder):
        return None
    heading = "### Fixed" if form == "md" else "Fixed\n-----"
    path = f"{folder}/{change.written:%Y%m%d_%H%M%S}_{slug(change)}.{form}"
    return _added(base, path, f"{heading}\n\n- {sentence(change, f'.{form}')}\n", "scriv's form")


def _changeset(change: Change, base: Base) -> Entry | None:
    if ".changeset/config.json" not in base.paths:
        return None
    ignored = base.json(".changeset/config.json").get("ignore")
    patterns = [one for one in ignored if isinstance(one, str)] if isinstance(ignored, list) else []
    found = Counter(name for path in change.paths if (name := _package(path, base)))
    names = [
        name for name, _ in found.most_common() if not any(fnmatch.fnmatchcase(name, one) for one in patterns)
    ]
    if not names:
        return Entry(None, "no package that changesets are kept for holds the files")
    examples = (base.text(f".changeset/{name}") for name in base.within(".changeset") if name.endswith(".md"))
    quote = '"' if any(re.match(r'---\r?\n"', text) for text in examples) else "'"
    heads = "".join(f"{quote}{name}{quote}: patch\n" for name in sorted(names))
    text = f"---\n{heads}---\n\n{sentence(change, '.md')}\n"
    return _added(base, f".changeset/{slug(change)}-{token(change)[:4]}.md", text, "a changeset")


def _package(path: str, base: Base) -> str:
    for folder in PurePosixPath(path).parents:
        name = base.json(str(folder / "package.json")).get("name")
        if isinstance(name, str) and _PACKAGE.fullmatch(name):
            return name
    return ""


def _reno(change: Change, base: Base) -> Entry | None:
    folder = "releasenotes/notes"
    if not any(name.endswith(".yaml") for name in base.within(folder)):
        return None
    lines = wrapped(sentence(change, ".rst"), 75)
    text = "---\nfixes:\n  - |\n" + "".join(f"    {line}\n" for line in lines)
    return _added(base, f"{folder}/{slug(change)}-{token(change)}.yaml", text, "reno's form")


def _changie(change: Change, base: Base) -> Entry | None:
    config = next((text for name in (".changie.yaml", ".changie.yml") if (text := base.text(name))), "")
    if not config:
        return None
    kinds = re.findall(r"^[ \t]*-?[ \t]*label:[ \t]*[\"']?([\w -]{1,40}?)[\"']?[ \t]*$", config, re.MULTILINE)
    kind = next((one for one in kinds if one.lower() in (*_FIXES, "bug fix", "bug fixes")), None)
    fields = re.findall(
        r"^[ \t]*-?[ \t]*key:[ \t]*[\"']?(\w{1,40})[\"']?[ \t]*$",
        config.partition("\ncustom:")[2],
        re.MULTILINE,
    )
    if kind is None or any(field.lower() != "issue" for field in fields) or (fields and not change.issue):
        return Entry(None, "its fragments want fields that aren't known")
    folder = "/".join(_changie_folder(config))
    body = sentence(change, ".md").replace("'", "''")
    text = f"kind: {kind}\nbody: '{body}'\ntime: {change.written.isoformat()}\n"
    text += "".join(f'custom:\n  {field}: "{change.issue}"\n' for field in fields[:1])
    name = f"{kind.replace(' ', '-')}-{change.written:%Y%m%d-%H%M%S}.yaml"
    if not any(path.startswith(f"{folder}/") for path in base.paths):
        return None
    return _added(base, f"{folder}/{name}", text, "changie's form")


def _changie_folder(config: str) -> Iterator[str]:
    for name, usual in (("changesDir", ".changes"), ("unreleasedDir", "unreleased")):
        found = re.search(rf"^{name}:[ \t]*[\"']?([\w./-]{{1,100}}?)[\"']?[ \t]*$", config, re.MULTILINE)
        yield found[1].strip("/") if found else usual
