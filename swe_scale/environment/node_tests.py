"""The shell line by which a JavaScript project's test files are run, by its own `test` script."""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from swe_scale.environment.node_options import kept
from swe_scale.environment.node_package import Package
from swe_scale.environment.node_scripts import RUNNERS, Step, builds, steps
from swe_scale.environment.project import Project
from swe_scale.profiles import find_tests

WHOLE_SUITE = "npm test --silent"
"""Where no single file can be run: all of it, by its exit code."""
_NAMES = {"_mocha": "mocha", "react-scripts": "react-scripts test", "tsx": "tsx", "node": "node"}
_LONGEST = 32_000
"""Characters of a line that builds: Linux starts no program with more than 128 KiB in one word."""
_MOST_NEEDED = 200
_LONGEST_NAME = 150
"""Characters of a dependency with its version."""
_MAKING = {"build", "compile", "prepare"}
_NODE_TEST = re.compile(r"""(?:from|require\()\s*['"]node:test['"]""")
_IMPORT = re.compile(r"""(?:from|require\(|import\(|import)\s*['"]([^'"\n]{1,200})['"]""")


@dataclass(frozen=True, slots=True)
class Testing:
    """How the tests are run."""

    line: str | None
    """Shell line with `{tests}`; None: there are no tests."""
    build: str = ""
    """Shell line that must come before them, and before anything else that loads what it makes."""


def testing(project: Project, package: Package) -> Testing:
    """Return how the project's tests are run: a file at a time where that can be."""
    tests = [path for path in find_tests(project.paths) if path.endswith(("js", "ts", "sx"))]
    script = package.scripts.get("test", "")
    said = bool(script) and "no test specified" not in script
    if not tests:
        return Testing(WHOLE_SUITE if said else None)
    told = tuple(steps(package, script))
    at = next((number for number, step in enumerate(told) if _runs_tests(step)), None)
    build = _build(project, package, told[:at])
    if at is not None and _compiled(project, told[at]):
        return Testing(WHOLE_SUITE, build)
    line = _line(project, told[at]) if at is not None else _by_dependencies(project, package)
    if line is None:
        plain = not said or any(step.program == "node" and {*step.words} & {*tests} for step in told)
        line = "node {tests}" if plain else None
    if line is None:
        return Testing(WHOLE_SUITE, build)
    return Testing(f"{build} && {line}" if build else line, build)


def _runs_tests(step: Step) -> bool:
    name = _NAMES.get(step.program, step.program)
    if name in ("node", "tsx"):
        return "--test" in step.words
    return name in RUNNERS or (step.program == "react-scripts" and step.words[:1] == ("test",))


def _programs(project: Project) -> str:
    """Return where an installed program is, a member's also with its workspace; npx takes much longer."""
    above = range(max(2, project.folder.count("/") + 1) + 1)
    return 'PATH="{}:$PATH"'.format(":".join(f"$PWD/{'../' * up}node_modules/.bin" for up in above))


def _line(project: Project, step: Step) -> str | None:
    """Return the step for `{tests}`, with those of its options that say how and not what."""
    if step.program in ("lab", "qunit", "uvu"):
        return None
    name = _NAMES.get(step.program, step.program)
    given = kept(name.partition(" ")[0], step.words)
    if name == "vitest":
        name = "vitest run"
    parts = (
        *_quoted(step.variables),
        *([] if name == "node" else [_programs(project)]),
        name,
        shlex.join(given),
        "{tests}",
    )
    return " ".join(part for part in parts if part)


def _quoted(variables: Iterable[str]) -> list[str]:
    pairs = (variable.partition("=") for variable in variables)
    return [f"{name}={shlex.quote(value)}" for name, _, value in pairs]


def _compiled(project: Project, step: Step) -> bool:
    """Return whether a step runs tests that a build makes: paths below a folder that isn't in the tree."""
    told = [word for word in step.words if not word.startswith("-") and "/" in word]
    folders = _folders(project.paths)
    starts = [word.removeprefix("./").partition("/")[0] for word in told]
    return bool(starts) and all(re.fullmatch(r"[\w.-]+", one) and one not in folders for one in starts)


def _folders(paths: Iterable[str]) -> set[str]:
    """Return those at the root."""
    return {path.partition("/")[0] for path in paths if "/" in path}


def _by_dependencies(project: Project, package: Package) -> str | None:
    names = (name for name in RUNNERS if name in package.dependencies)
    if found := next(names, None):
        return _line(project, Step((), found, ()))
    if any(_NODE_TEST.search(text) for text in _test_texts(project)):
        return "node --test {tests}"
    return None


def _build(project: Project, package: Package, before: Iterable[Step]) -> str:
    """Return what makes the code that the tests run, in the words of the project's own scripts."""
    own = [step for step in steps(package, package.scripts.get("pretest", "")) if builds(step)]
    told = [*own, *(step for step in before if builds(step))]
    if told:
        line = " && ".join(dict.fromkeys(_as_line(project, step) for step in told))
        return line if len(line) <= _LONGEST else ""
    name = next((name for name in ("build", "compile", "prepare") if name in package.scripts), None)
    return f"npm run --silent {name}" if name and _tests_need(project, package) else ""


def _as_line(project: Project, step: Step) -> str:
    if step.words[:1] == ("run",):
        return f"npm run --silent {shlex.quote(step.words[1])}"
    return " ".join((*_quoted(step.variables), _programs(project), step.program, shlex.join(step.words)))


def _tests_need(project: Project, package: Package) -> bool:
    """Return whether a test imports what isn't in the tree and the package is said to be made of."""
    paths = frozenset(project.paths)
    made = {entry.partition("/")[0] for entry in package.entries if "/" in entry and entry not in paths}
    made -= _folders(paths)
    if not made:
        return False
    for path in find_tests(project.paths):
        folder = PurePosixPath(path).parent
        for name in _IMPORT.findall(project.texts.get(path, "")):
            if name == package.name or (name.startswith(f"{package.name}/") and package.name):
                return True
            if name.startswith(".") and _first_folder(folder, name) in {*made, ""}:
                return True
    return False


def _first_folder(folder: PurePosixPath, name: str) -> str:
    parts = list(folder.parts)
    for part in name.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", "..", ""):
            parts.append(part)
    return parts[0] if parts else ""


def _test_texts(project: Project) -> Iterator[str]:
    return (project.texts[path] for path in find_tests(project.paths) if path in project.texts)


def needed(project: Project, package: Package) -> tuple[str, ...]:
    """Return those dependencies, as `name@version`, that tests import or the scripts around them start."""
    imported = {_package_of(name) for text in _test_texts(project) for name in _IMPORT.findall(text)}
    scripts = (text for name, text in package.scripts.items() if "test" in name or name in _MAKING)
    words = {word for text in scripts for word in re.split(r"[^\w@/.-]+", text)}
    used = imported | words | {*RUNNERS}
    return tuple(
        f"{name}@{version}"
        for name, version in package.dependencies.items()
        if name in used and len(f"{name}{version}") <= _LONGEST_NAME and not re.search(r"[:/]", version)
    )[:_MOST_NEEDED]


def _package_of(name: str) -> str:
    parts = name.split("/")
    return "/".join(parts[:2]) if name.startswith("@") else parts[0]
