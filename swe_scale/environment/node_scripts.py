"""The commands that a JavaScript project's scripts come to, whichever of them calls which."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from swe_scale.environment.node_package import Package

RUNNERS = ("vitest", "jest", "mocha", "ava", "tap", "tape", "jasmine", "uvu", "lab", "qunit")
_WRAPPERS = ("npx", "nyc", "c8", "cross-env", "env", "exec", "dotenv", "--")
_BUILDERS = (
    "tsc", "tsup", "rollup", "webpack", "esbuild", "babel", "swc", "unbuild", "vite", "microbundle", "tsdown",
)  # fmt: skip
_BUILD_SCRIPT = re.compile(r"(build|compile|prepare|transpile|bundle|dist|pretest|tsc)([:\-_].*)?")
_CALL = re.compile(r"(?:npm|pnpm|yarn|bun)\s+(?:-[-\w]+\s+)*(?:run(?:-script)?\s+)?(?:-[-\w]+\s+)*([\w:.-]+)")
_SEVERAL = re.compile(r"(?:run-s|run-p|npm-run-all)\s+(.*)")
_SAFE_ENVIRONMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_DEEP = 3
_MOST = 100
"""Commands that are looked at: scripts that call one another in numbers come to billions."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a script."""

    variables: tuple[str, ...]
    program: str
    words: tuple[str, ...]


def steps(package: Package, script: str) -> Iterator[Step]:
    """Yield the first commands of a script in their order, a called script's in place of the call."""
    return filter(None, islice(_steps(package, script, _DEEP), _MOST))


def _steps(package: Package, script: str, deep: int) -> Iterator[Step | None]:
    """Yield its commands; None for what is none, so that the work for each that is yielded is small."""
    for text in re.split(r"&&|\|\||[;&|]", script[:2000]):
        called = _called(text.strip(), package) if deep else []
        if not called:
            yield _step(text)
        for name in called:
            yield from _steps(package, package.scripts.get(f"pre{name}", ""), deep - 1)
            if _BUILD_SCRIPT.fullmatch(name):
                yield Step((), "npm", ("run", name))
            else:
                yield from _steps(package, package.scripts[name], deep - 1)


def _called(text: str, package: Package) -> list[str]:
    if several := _SEVERAL.match(text):
        return [name for name in several[1].split() if name in package.scripts]
    call = _CALL.match(text)
    return [call[1]] if call and call[1] in package.scripts else []


def _step(text: str) -> Step | None:
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    variables: list[str] = []
    while words and (
        _SAFE_ENVIRONMENT.fullmatch(words[0]) or words[0].startswith("-") or words[0] in _WRAPPERS
    ):
        word = words.pop(0)
        if _SAFE_ENVIRONMENT.fullmatch(word) and not word.startswith("-"):
            variables.append(word)
    if not words:
        return None
    for number, word in enumerate(words if PurePosixPath(words[0]).name == "node" else ()):
        found = re.search(r"node_modules/(?:\.bin/)?(\w+)", word)
        if found and found[1] in RUNNERS:
            # `node OPTIONS node_modules/jest/bin/jest.js …` in the runner's own words.
            options = [f"NODE_OPTIONS={' '.join(words[1:number])}"] if number > 1 else []
            return Step((*variables, *options), found[1], tuple(words[number + 1 :]))
    return Step(tuple(variables), PurePosixPath(words[0]).name, tuple(words[1:]))


def builds(step: Step) -> bool:
    """Return whether a command makes the code that tests run."""
    if step.program in ("npm", "pnpm", "yarn"):
        return bool(step.words[1:]) and bool(_BUILD_SCRIPT.fullmatch(step.words[1]))
    if step.program == "tsc":
        return "--noEmit" not in step.words
    return step.program in _BUILDERS and (step.program != "vite" or "build" in step.words)
