"""Reads from what a failing set-up said which system package it lacks, so that the error can name it."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from swe_scale import assets

_CONFIG = "pg_config|mysql_config|xslt-config|xml2-config|curl-config|gdal-config|geos-config"
_PKG, _PROGRAM = "library of pkg-config", "program"
_SOUGHT: tuple[tuple[str, str, str], ...] = (
    # Kind, form of what is said, table of the packages.
    ("header", r"fatal error: ['\"]?(?P<name>[\w+./-]{1,200}\.h(?:pp)?)['\"]?"
     r"(?:: No such file| file not found)", "headers"),
    (_PROGRAM, r"(?:sh|bash|dash)(?:: line)?:? ?\d*: (?P<name>[\w+.-]+): (?:command )?not found", "programs"),
    (_PROGRAM, r"(?:exec|env): ['‘]?(?P<name>[\w+.-]+)['’]?: No such file", "programs"),
    (_PROGRAM, r"No such file or directory: '(?P<name>[\w+.-]+)'", "programs"),
    (_PROGRAM, r"unable to execute '(?P<name>[\w+.-]+)'", "programs"),
    (_PROGRAM, r"error: command '(?P<name>[\w+.-]+)' failed: No such file", "programs"),
    (_PROGRAM, rf"(?P<name>{_CONFIG})(?: executable)? (?:is required|not found|was not found)", "programs"),
    (_PROGRAM, r"(?:make|gmake)(?:\[\d+\])?: (?P<name>[\w+.-]+): No such file", "programs"),
    (_PROGRAM, r"spawn (?P<name>[\w+.-]+) ENOENT", "programs"),
    (_PROGRAM, r"No (?P<name>CMAKE_CXX|CMAKE_C)_COMPILER could be found", "programs"),
    (_PKG, r"(?:Package|Dependency) ['\"]?(?P<name>[\w+.-]+)['\"]?,? (?:was )?not found", "pkg_config"),
    (_PKG, r"No package '(?P<name>[\w+.-]+)' found", "pkg_config"),
    ("library", r"cannot find -l(?P<name>[\w+.-]+)", "libraries"),
    ("library", r"ImportError: lib(?P<name>[\w+.-]+): cannot open shared object", "libraries"),
)  # fmt: skip
_COMPILERS = {"CMAKE_C": "cc", "CMAKE_CXX": "c++"}
_MODULE = re.compile(r"ModuleNotFoundError: No module named '(?P<name>[\w.]+)'")
_MOST = 3


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that set-up looked for in vain."""

    kind: str
    name: str
    package: str
    """Debian's package that brings it. Empty: none is known for sure."""

    def __str__(self) -> str:
        """Return it in words."""
        where = f" (Debian's package {self.package})" if self.package else ""
        return f"the {self.kind} {self.name}{where}"


@cache
def _packages() -> Mapping[str, Mapping[str, str]]:
    tables: dict[str, dict[str, str]] = tomllib.loads(
        (assets.folder("sandboxes") / "missing.toml").read_text(encoding="utf-8")
    )
    return tables


def missing(output: str) -> tuple[Missing, ...]:
    """Return what the end of a command's output says that it lacked, at most three things."""
    return tuple(dict.fromkeys(_found(output)))[:_MOST]


def package_of(program: str) -> str:
    """Return Debian's package of a program; empty where none is known."""
    return _packages()["programs"].get(program, "")


def _found(output: str) -> Iterator[Missing]:
    for kind, form, table in _SOUGHT:
        for match in re.finditer(form, output):
            name = _COMPILERS.get(match["name"], match["name"])
            yield Missing(kind, name, _packages()[table].get(name, ""))
    for match in _MODULE.finditer(output):
        yield Missing("Python module", match["name"], "")


def advice(output: str) -> str:
    """Return the last line of an error: what is missing and what to do; empty where nothing tells."""
    lacks = missing(output)
    if not lacks:
        return ""
    install = [one.package for one in lacks if one.package]
    if not install and all(one.kind == "Python module" for one in lacks):
        what = "install it by a line of `setup` in [environment] of swe-scale.toml"
    else:
        what = "use an image or a machine that has it, or install it in a Dockerfile of the repository"
    return f"It lacks {', '.join(map(str, lacks))}: {what}."
