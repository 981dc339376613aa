"""How a C or C++ project is configured, built and tested, by its build system."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swe_scale.environment.hostile_json import parse_json
from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project
from swe_scale.environment.wheels import from_index

TOLD_BY = (
    "CMakeLists.txt", "*/CMakeLists.txt", "CMakePresets.json", "meson.build", "meson_options.txt",
    "meson.options", "configure.ac", "configure.in", "Makefile.am", "*/Makefile.am", "Makefile",
    "makefile", "GNUmakefile", "pyproject.toml",
)  # fmt: skip
"""Patterns of the paths, relative to the project, of the files that are read beside its tests."""
BUILD = ".swe-scale/build"
"""Folder of a build apart from its sources: its name keeps it out of every change."""

_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_PROCESSORS = '"$(nproc)"'
_PLUS = (".cc", ".cpp", ".cxx", ".C", ".c++")
_ELSEWHERE = re.compile(
    r"windows|msvc|vs20|visual|xcode|macos|darwin|ios|android|wasm|emscripten|mingw", re.I
)
_OPTION = re.compile(
    r"""(?:\boption|\bcmake_dependent_option)\s*\(\s*"?(?P<name>\w*TEST(?:S|ING)?)\b""", re.IGNORECASE
)
_NO_OPTION = re.compile(r"FUZZ|BENCH|INSTALL|COVERAGE|PERF|CUDA|PYTHON|WIN|DOWNLOAD", re.IGNORECASE)
_MESON_OPTION = re.compile(
    r"option\(\s*'(?P<name>[\w-]*tests?)'\s*,\s*type\s*:\s*'(?P<type>boolean|feature)'", re.IGNORECASE
)
_TARGET = re.compile(r"^(check|tests?)\s*:(?!=)", re.MULTILINE)
_LONGEST = 100
"""Characters of the name of an option or a preset."""
_MOST = 100
"""Options that are set."""
_BINDINGS = re.compile(r"scikit.build|mesonpy|meson-python|pybind11|nanobind")


@dataclass(frozen=True, slots=True)
class _Way:
    """A build system's lines."""

    configure: str
    build: str
    test: str | None
    wheels: Sequence[str] = ()
    """Programs that the Python index has, too."""
    tracks: bool = True
    """Whether it knows which objects a changed header makes out of date."""
    again: bool = False
    """Whether it is configured before each build, for files that are new."""


def plan(project: Project) -> Plan | None:
    """Return how the project is built and tested; None where it has no build system that is known.

    What is tested is built first, each time: what doesn't compile fails all tests. Where a changed header
    would go unnoticed, nothing is built beforehand.
    """
    way = _way(project)
    if way is None or _BINDINGS.search(project.texts.get("pyproject.toml", "")):
        return None
    configure = f"mkdir -p .swe-scale && {way.configure} && pwd >.swe-scale/at" if way.configure else ""
    prepared = (configure,) if configure else ()
    built = (way.build,) if way.tracks else ()
    return Plan(
        profile="native",
        setup=(*_compiler(project), *(_program(name) for name in way.wheels), *prepared, *built),
        test=f"{_here(way, configure)}{way.build} && {way.test}" if way.test else None,
        python=bool(way.wheels),
        needs=("native",),
    )


def _here(way: _Way, configure: str) -> str:
    if not configure:
        return ""
    # A build knows its own path: in another place it would silently build what lies at the first.
    same = 'grep -qsxF "$PWD" .swe-scale/at'
    if way.again:
        return f"{{ {same} || rm -rf {BUILD}; }} && {configure} && "
    return f"{{ {same} || {{ rm -rf {BUILD} && {configure}; }}; }} && "


def _way(project: Project) -> _Way | None:
    paths = set(project.paths)
    if "CMakeLists.txt" in paths:
        return _cmake(project)
    if "meson.build" in paths:
        return _meson(project)
    if paths & {"configure", "configure.ac", "configure.in", "autogen.sh"}:
        return _autotools(project)
    makefile = next((path for path in _MAKEFILES if path in paths), None)
    return _make(project.texts.get(makefile, "")) if makefile else None


def _cmake(project: Project) -> _Way:
    texts = [text for path, text in project.texts.items() if path.endswith("CMakeLists.txt")]
    names = {found["name"] for text in texts for found in _OPTION.finditer(text)}
    wanted = sorted(name for name in names if len(name) <= _LONGEST and not _NO_OPTION.search(name))
    options = ["BUILD_TESTING", *wanted[:_MOST]]
    preset = _preset(project.texts.get("CMakePresets.json", ""))
    words = (
        f"cmake -S . -B {BUILD} -G Ninja",
        *((f"--preset {shlex.quote(preset)}",) if preset else ()),
        "-DCMAKE_BUILD_TYPE=Debug",
        *(f"-D{name}=ON" for name in dict.fromkeys(options)),
    )
    tested = any(
        re.search(r"\b(enable_testing|add_test|include\s*\(\s*CTest)\b", text, re.I) for text in texts
    )
    build = f"cmake --build {BUILD} -j {_PROCESSORS}"
    test = f"ctest --test-dir {BUILD}" if tested else None
    return _Way(" ".join(words), build, test, ("cmake", "ninja"), again=True)


def _preset(text: str) -> str:
    # The one that the first tests for this system are configured by.
    try:
        content = parse_json(text)
    except ValueError:
        return ""
    for tests in _entries(content, "testPresets"):
        name = tests.get("configurePreset")
        if isinstance(name, str) and not tests.get("hidden") and not _ELSEWHERE.search(name):
            named = [one for one in _entries(content, "configurePresets") if one.get("name") == name]
            return name if named and not named[-1].get("hidden") and len(name) <= _LONGEST else ""
    return ""


def _entries(content: Any, name: str) -> list[Mapping[str, Any]]:
    entries = content.get(name) if isinstance(content, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _meson(project: Project) -> _Way:
    text = project.texts.get("meson_options.txt", "") + project.texts.get("meson.options", "")
    wanted = {"boolean": "true", "feature": "enabled"}
    found = [one for one in _MESON_OPTION.finditer(text) if len(one["name"]) <= _LONGEST]
    options = (f"-D{one['name']}={wanted[one['type'].lower()]}" for one in found[:_MOST])
    configure = " ".join((f"meson setup {BUILD}", *options))
    tests = f"meson test -C {BUILD} --no-rebuild"
    return _Way(configure, f"meson compile -C {BUILD}", tests, ("meson", "ninja"))


def _autotools(project: Project) -> _Way:
    paths = set(project.paths)
    if "configure" in paths:
        # A checkout gives files times in any order, by which make would think them out of date.
        made = "aclocal.m4", "configure", "config.h.in", "*Makefile.in"
        touch = " && ".join(f"find . -name {shlex.quote(name)} -exec touch '{{}}' +" for name in made)
        start = f"{touch} && chmod +x configure"
    elif "autogen.sh" in paths:
        start = "NOCONFIGURE=1 sh ./autogen.sh"
    else:
        start = "autoreconf -fi"
    make = f"make -j {_PROCESSORS}"
    if "Makefile.am" not in paths:
        return _Way(f"{start} && ./configure", make, "make check", tracks=False)
    apart = f"{start} && mkdir -p {BUILD} && (cd {BUILD} && ../../configure)"
    return _Way(apart, f"{make} -C {BUILD}", f"make -C {BUILD} check")


def _make(text: str) -> _Way:
    targets = {found[1] for found in _TARGET.finditer(text)}
    target = next((name for name in ("check", "test", "tests") if name in targets), None)
    return _Way("", f"make -j {_PROCESSORS}", f"make {target}" if target else None, tracks=False)


def _compiler(project: Project) -> tuple[str, ...]:
    if not any(path.endswith(_PLUS) for path in project.paths):
        return ()
    missing = "this project needs a C++ compiler: Debian's package g++ has one"
    return (f"command -v c++ >/dev/null || {{ echo {shlex.quote(missing)} >&2; exit 1; }}",)


def _program(name: str) -> str:
    return f"command -v {name} >/dev/null || {from_index(name, f'{name} --version')}"
