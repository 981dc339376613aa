"""What a JavaScript project's own scripts come to, with hostile ones, and which options are kept of them."""

import json
import re

import pytest

from swe_scale.environment.node import plan
from swe_scale.environment.node_options import kept
from swe_scale.environment.node_package import Package, read_package
from swe_scale.environment.node_scripts import steps
from swe_scale.environment.project import Project


@pytest.mark.parametrize(
    "scripts",
    [
        {"a": "run-s " + "a " * 990},
        {"a": "run-s " + "b " * 990, "b": "run-s " + "c " * 990, "c": "run-s " + "d " * 990, "d": ""},
        {"a": "run-s " + "b " * 990, "b": "run-s " + "c " * 990, "c": "run-s " + "d " * 990, "d": "x 'y"},
        {"a": "npm run a && " * 150, "prea": "npm run a && " * 150},
        {"a": "run-s " + "build " * 330, "build": "tsc", "prebuild": "run-s " + "a " * 990},
    ],
)
def test_scripts_that_call_one_another_come_to_an_end(scripts: dict[str, str]) -> None:
    found = tuple(steps(Package(scripts=scripts), scripts["a"]))
    assert len(found) <= 100


def test_a_build_of_many_long_commands_is_no_line() -> None:
    scripts = {f"s{number}": f"tsc {number} " + "x" * 1900 for number in range(90)}
    scripts["test"] = "run-s " + " ".join(scripts) + " && mocha"
    texts = {"package.json": json.dumps({"scripts": scripts}), "test/a.test.js": ""}
    made = plan(Project(tuple(texts), texts))
    assert made is not None and all(len(line) < 100_000 for line in (*made.setup, made.test or ""))


def test_the_name_of_a_script_is_one_word_of_the_line() -> None:
    scripts = {"build:$(x)": "tsc", "test": "run-s build:$(x) && mocha"}
    texts = {"package.json": json.dumps({"scripts": scripts}), "test/a.test.js": ""}
    made = plan(Project(tuple(texts), texts))
    assert made is not None and made.test is not None
    assert made.test.startswith("npm run --silent 'build:$(x)' && ")


def test_what_no_shell_can_be_given_is_left_out_of_a_package() -> None:
    told = {
        "name": "\ud800",
        "scripts": {"test": "mocha\0", "\0": "a", "lint": "eslint"},
        "packageManager": "pnpm@9\0",
        "dependencies": {"a": "\ud800", "b": "1"},
        "main": "\0",
        "workspaces": ["\0", "packages/*"],
    }
    expected = Package(scripts={"lint": "eslint"}, dependencies={"b": "1"}, workspaces=("packages/*",))
    assert read_package(json.dumps(told)) == expected


@pytest.mark.parametrize(
    "package",
    [
        {"packageManager": "pnpm@" + "9" * 100_000},
        {"engines": {"pnpm": "9" * 100_000}, "packageManager": "pnpm"},
        {
            "scripts": {"test": "x"},
            "dependencies": {f"p{n}": "1" for n in range(50_000)} | {"x": "1" * 10**6},
        },
    ],
)
def test_no_line_is_longer_than_a_program_can_be_given(package: dict[str, object]) -> None:
    uses = "".join(f"require('p{number}')\n" for number in range(50_000))
    texts = {"package.json": json.dumps(package), "test/a.test.js": uses}
    made = plan(Project(tuple(texts), texts))
    assert made is not None and all(len(line) < 50_000 for line in made.setup)


@pytest.mark.parametrize(
    "line",
    [
        "jest --testPathIgnorePatterns e2e",
        "jest --testPathIgnorePatterns e2e dist --ci",
        "jest --testPathIgnorePatterns=e2e dist -i",
        "jest --maxWorkers 2 [src]",
        "jest --runInBand [src]",
        "jest --forceExit [test/a.js]",
        "jest [-u -t name --coverageReporters text lcov] -c a.js",
        "jest --neverHeardOf 3 [src]",
        "jest --no-cache [src]",
        "react-scripts [test] --env jsdom --transformIgnorePatterns x",
        "vitest [run] --exclude e2e",
        "vitest --globals [src] --poolOptions.threads.maxThreads 2",
        "vitest [run] -r pkg [--bail 1] --retry 2 [src]",
        "mocha --ignore a.js --exclude b.js --retries 2 --slow 3 [test]",
        "mocha -j 4 --ui tdd --recursive [test]",
        "mocha [--grep x --invert] --exit [-- --timeout 3]",
        "mocha --experimental-loader x.mjs --experimental-vm-modules [test]",
        "ava --serial -T 30 [test]",
        "tape -r esm -i .gitignore [test/*.js]",
        "node --test [--test-reporter spec] --import tsx [test]",
        "node --test-timeout 3 --experimental-strip-types --test [test]",
        "unknown --a b -c [d]",
    ],
)
def test_options_keep_their_values_and_what_stands_in_brackets_is_left_out(line: str) -> None:
    program, *words = re.sub(r"[\[\]]", "", line).split()
    assert kept(program, words) == re.sub(r"\[.*?\]", "", line).split()[1:]
