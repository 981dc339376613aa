"""What a release is: the version, its section of the changelog, and its tags; and that they agree.

It needs nothing but Python, since the workflow that publishes runs it before anything is installed.
"""

import argparse
import re
import sys
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FORM = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
SECTION = re.compile(r"^## \[(?P<name>[^]\n]+)\](?: - (?P<day>\S+))?[ \t]*\n", re.MULTILINE)
UNRELEASED = "Unreleased"
LONGEST = 100
"""Characters of a tag that an error message repeats."""


class ReleaseError(Exception):
    """What is wrong, where, and what to do."""


@dataclass(frozen=True)
class Section:
    """One section of the changelog, as it is written."""

    name: str
    """A version, or `Unreleased`."""
    day: str | None
    text: str
    """Without its heading."""


def numbers(version: str) -> tuple[int, ...]:
    """Return the three numbers of a version.

    Raises:
        ReleaseError: it isn't of the form 1.2.3.
    """
    found = FORM.fullmatch(version)
    if found is None:
        raise ReleaseError(f"{version[:LONGEST]!r} is no version: write three numbers, such as 1.2.3.")
    return tuple(map(int, found.groups()))


def line_of(version: str) -> str:
    """Return the tag that moves to the newest version that is compatible with this one.

    That is `v1` for 1.2.3. Before 1.0 each minor version may break what was: it is `v0.1` for 0.1.2.
    """
    major, minor, _ = numbers(version)
    return f"v{major}" if major else f"v0.{minor}"


def sections(changelog: str) -> list[Section]:
    """Return the sections of a changelog, newest first."""
    heads = list(SECTION.finditer(changelog))
    ends = [*(head.start() for head in heads[1:]), len(changelog)]
    return [
        Section(head["name"], head["day"], changelog[head.end() : end].strip())
        for head, end in zip(heads, ends, strict=False)
    ]


def declared(root: Path) -> str:
    """Return the one version of the project, that of pyproject.toml."""
    return str(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def released(root: Path) -> list[Section]:
    """Return the changelog's sections of released versions, newest first.

    Raises:
        ReleaseError: the first section isn't the unreleased one, or one is of no version, has no day, says
            nothing, or is out of order.
    """
    first, *others = sections((root / "CHANGELOG.md").read_text(encoding="utf-8")) or [Section("", None, "")]
    if first.name != UNRELEASED:
        raise ReleaseError(f"CHANGELOG.md must begin with a section [{UNRELEASED}].")
    for one in others:
        if not one.text:
            raise ReleaseError(f"CHANGELOG.md says nothing of {one.name}.")
        if one.day is None or not re.fullmatch(r"\d{4}-\d\d-\d\d", one.day):
            raise ReleaseError(f"CHANGELOG.md: write the day of {one.name}: ## [{one.name}] - 2026-01-31.")
    order = [numbers(one.name) for one in others]
    if order != sorted(set(order), reverse=True):
        raise ReleaseError("CHANGELOG.md: versions must stand once each, the newest first.")
    return others


def check(root: Path, tag: str | None = None) -> str:
    """Return the version, if changelog and tag agree with it; before the first release there is no section.

    Raises:
        ReleaseError: they don't.
    """
    version, done = declared(root), released(root)
    numbers(version)
    newest = done[0].name if done else None
    if newest not in (version, None):
        raise ReleaseError(f"pyproject.toml says {version}, the newest of CHANGELOG.md is {newest}.")
    if tag is not None and tag != f"v{version}":
        raise ReleaseError(f"the tag is {tag[:LONGEST]!r}; of this version it must be v{version}.")
    if tag is not None and newest is None:
        raise ReleaseError(f"CHANGELOG.md says nothing of {version}: scripts/release prepare {version}.")
    return version


def notes(root: Path, tag: str) -> str:
    """Return what the changelog says of a tagged version.

    Raises:
        ReleaseError: version, changelog and tag don't agree.
    """
    check(root, tag)
    return released(root)[0].text + "\n"


def prepare(root: Path, version: str, day: date) -> None:
    """Write a version into pyproject.toml, and make what is unreleased the changelog's section of it.

    Raises:
        ReleaseError: it isn't newer than what was released, or there is nothing to release.
    """
    before = check(root)
    wanted, done = numbers(version), released(root)
    if done and wanted <= numbers(done[0].name):
        raise ReleaseError(f"{version} is not newer than {done[0].name}, which is released.")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not sections(changelog)[0].text:
        raise ReleaseError(f"CHANGELOG.md has nothing under [{UNRELEASED}]: there is nothing to release.")
    head = f"## [{UNRELEASED}]\n"
    changelog = changelog.replace(head, f"{head}\n## [{version}] - {day.isoformat()}\n", 1)
    (root / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    project = project.replace(f'\nversion = "{before}"\n', f'\nversion = "{version}"\n', 1)
    (root / "pyproject.toml").write_text(project, encoding="utf-8")
    check(root, f"v{version}")


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/release", description="Makes a release, and checks it.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("prepare", help="set version and changelog; what to do next is printed")
    one.add_argument("version", help="the new version, such as 1.2.3")
    for name, shown in {
        "check": "whether version, changelog and tag agree; prints the version",
        "notes": "print what the changelog says of a tag's version",
        "line": "print the moving tag of a tag's version: v1 of v1.2.3, v0.1 of v0.1.2",
    }.items():
        one = commands.add_parser(name, help=shown)
        one.add_argument("tag", nargs="?" if name == "check" else None, help="such as v1.2.3")
    return parser.parse_args(arguments)


NEXT = """Set to {version}. Read CHANGELOG.md; then:
  scripts/test tests/test_releasing.py && git commit --all --message 'Release {version}'
  git tag --annotate v{version} --message v{version}
  git push --atomic origin HEAD v{version}
"""


def main(arguments: list[str]) -> int:
    """Run one command; return 0, or 2 with what is wrong on standard error."""
    asked = _parsed(arguments)
    try:
        match asked.command:
            case "prepare":
                prepare(ROOT, asked.version, date.today())
                shown = NEXT.format(version=asked.version)
            case "check":
                shown = check(ROOT, asked.tag) + "\n"
            case "notes":
                shown = notes(ROOT, asked.tag)
            case _:
                shown = line_of(asked.tag.removeprefix("v")) + "\n"
    except ReleaseError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    sys.stdout.write(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
