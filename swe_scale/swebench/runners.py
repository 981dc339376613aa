"""Knows how hidden tests are run where a row doesn't say: test command and log parser by repository."""

import re
import shlex
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from swe_scale.records import Record

_TOUCHED = re.compile(r"^diff --git a/.* b/(.*)$", re.MULTILINE)
_NO_TESTS = (".json", ".png", "csv", ".txt", ".md", ".jpg", ".jpeg", ".pkl", ".yml", ".yaml", ".toml")


class Runner(Record):
    """How the tests of one repository are run."""

    command: str
    parser: str
    """Name in the official registry."""
    modules: bool = False
    """Whether tests are named by their modules below `tests/`, in place of files."""
    versions: Mapping[str, str] = {}
    """By version of the row, commands that differ."""

    def line(self, version: str, test_patch: str) -> str:
        """Return the shell line that runs the tests which a hidden patch touches."""
        named = [self._name(path) for path in touched_tests(test_patch)]
        return " ".join([self.versions.get(version, self.command), *(shlex.quote(name) for name in named)])

    def _name(self, path: str) -> str:
        if not self.modules:
            return path
        return path.removesuffix(".py").removeprefix("tests/").replace("/", ".")


def touched_tests(test_patch: str) -> list[str]:
    """Return the files of a hidden patch that the official harness hands to the runner, in order."""
    return [path for path in _TOUCHED.findall(test_patch) if not path.endswith(_NO_TESTS)]


def runner_of(repo: str) -> Runner | None:
    """Return how a repository's tests are run; None where nobody wrote it down."""
    return _runners().get(repo.lower())


@cache
def _runners() -> dict[str, Runner]:
    text = files("swe_scale.swebench").joinpath("runners.toml").read_text(encoding="utf-8")
    return {name: Runner.model_validate(table) for name, table in tomllib.loads(text).items()}
