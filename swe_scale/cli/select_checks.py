"""Reads checks that are there already: scripts, and patches that add tests."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from swe_scale.adopted import LARGEST
from swe_scale.cli.select_patches import PATCHES, text_of
from swe_scale.errors import UsageError
from swe_scale.patch import touched
from swe_scale.profiles import check_languages
from swe_scale.records import Check

FOREIGN = "foreign:"
"""Begins the name of a script that isn't written for our exit codes, whatever it looks like."""
_MOST = 200
_LARGEST_PATCH = 4 << 20
_SHEBANG = re.compile(r"#!.*?\b(python|sh|bash|dash|node|ruby)[\d.]*\s*$")
_INTERPRETERS = {"bash": "sh", "dash": "sh"}
_SUFFIXES = {"py": "python", "sh": "sh", "bash": "sh"}
_OURS = re.compile(r"\b42\b")
_ENDS = re.compile(r"exit", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Checks:
    """What is given to judge by."""

    scripts: tuple[Check, ...]
    """By id."""
    tests: tuple[str, ...]
    """Patches that add tests, in the order of their contents."""


def read_checks(given: Sequence[str]) -> Checks:
    """Return the checks of files, and of the files of folders.

    A script that speaks of an exit and of 42 is one for our exit codes, any other is foreign.

    Raises:
        UsageError: a file can't be read, is of no known language, or there are too many.
    """
    files = [file for one in given for file in _files(one)]
    if len(files) > _MOST:
        raise UsageError(f"--checks names {len(files):,} files; up to {_MOST} are run.")
    tests = sorted({_tests(path) for _, path in files if path.suffix in PATCHES})
    scripts = [_script(path, told) for told, path in files if path.suffix not in PATCHES]
    distinct = {one.id: one for one in scripts}
    return Checks(tuple(distinct[name] for name in sorted(distinct)), tuple(tests))


def _files(given: str) -> list[tuple[bool, Path]]:
    """Return the files that an argument names, each with whether it is said to be foreign."""
    told = given.startswith(FOREIGN)
    path = Path(given.removeprefix(FOREIGN))
    if not path.is_dir():
        return [(told, path)]
    known = {f".{suffix}" for suffix in _suffixes()} | set(PATCHES)
    found = sorted(one for one in path.iterdir() if one.is_file() and one.suffix in known)
    if not found:
        raise UsageError(f"{path} holds no check: {', '.join(sorted(known))} are looked for.")
    return [(told, one) for one in found]


def _suffixes() -> dict[str, str]:
    return {how.suffix: name for name, how in check_languages().items()} | _SUFFIXES


def _tests(path: Path) -> str:
    text = text_of(path, _LARGEST_PATCH)
    if not touched(text):
        raise UsageError(f"{path}, line 1: not a unified diff; patches that add tests are.")
    return text


def _script(path: Path, told: bool) -> Check:
    text = text_of(path, LARGEST).replace("\r\n", "\n")
    if not text.strip():
        raise UsageError(f"{path} is empty.")
    foreign = told or not (_OURS.search(text) and _ENDS.search(text))
    return Check.of(text, "reproduction", language=_language(path, text), foreign=foreign)


def _language(path: Path, text: str) -> str:
    suffixes = _suffixes()
    if (named := suffixes.get(path.suffix.removeprefix("."))) is not None:
        return named
    found = _SHEBANG.match(text.partition("\n")[0])
    language = _INTERPRETERS.get(found[1], found[1]) if found else ""
    if language not in (*suffixes.values(),):
        known = ", ".join(f".{suffix}" for suffix in sorted(suffixes))
        raise UsageError(
            f"{path}, line 1: in which language it is, neither its ending ({known}) nor a #! line says."
        )
    return language
