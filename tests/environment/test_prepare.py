"""From a commit to an environment, with real repositories and real backends."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from swe_scale.config import Limits, Local
from swe_scale.environment import Options, Project, prepare, read_project, recipe_for
from swe_scale.errors import EnvironmentFailure, UsageError
from swe_scale.events import Event, Events
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend, Recipe, open_backend

pytestmark = pytest.mark.anyio


def recipe(texts: dict[str, str], options: Options = Options()) -> tuple[Recipe, str]:  # noqa: B008
    heard: list[Event] = []
    made = recipe_for(options, Project(tuple(texts), texts), Events([heard.append]))
    return made, "\n".join(event.text for event in heard)


PYTEST = {"pyproject.toml": "[build-system]\n", "tests/test_a.py": "import pytest\n"}


def test_a_python_project_is_set_up_in_an_environment_of_its_own() -> None:
    made, said = recipe(PYTEST)
    assert made == Recipe(
        setup=("python -m pip install -e .", "python -m pip install pytest"),
        test="python -m pytest {tests}",
        profile="python",
        python=True,
    )
    assert "python -m pip install -e ." in said


def test_unittest_runs_what_does_not_want_pytest() -> None:
    assert recipe({"setup.py": "", "test_a.py": ""})[0].test == "python -m unittest {tests}"
    assert recipe({"setup.py": ""})[0].test is None


def test_what_is_not_recognised_is_said() -> None:
    made, said = recipe({"Makefile": "", "test_a.py": ""})
    assert made == Recipe()
    assert "no known kind of project" in said
    assert "none are known" in said


def test_the_repositorys_table_comes_before_what_is_recognised() -> None:
    own = '[environment]\nsetup = "make deps"\ntest = "make check T={tests}"\nworkdir = "/w"\n'
    made, _ = recipe({**PYTEST, "swe-scale.toml": own})
    assert made == Recipe(
        setup=("make deps",), test="make check T={tests}", workdir="/w", profile="python", python=True
    )


def test_an_image_of_the_table_is_set_up_only_as_the_table_says() -> None:
    made, _ = recipe({**PYTEST, "swe-scale.toml": '[environment]\nimage = "a:1"\n'})
    assert (made.image, made.setup, made.python, made.test) == ("a:1", (), False, "python -m pytest {tests}")
    own = '[environment]\nimage = "a:1"\nsetup = ["x"]\n'
    assert recipe({**PYTEST, "swe-scale.toml": own})[0].setup == ("x",)


def test_the_users_image_is_ready_made(tmp_path: Path) -> None:
    own = '[environment]\nimage = "a:1"\nsetup = ["x"]\nworkdir = "/w"\ntest = "t"\n'
    made, said = recipe({**PYTEST, "swe-scale.toml": own}, Options(image="mine:2"))
    assert made == Recipe(image="mine:2", workdir="/w", test="t", profile="python")
    assert "mine:2" in said


def test_the_users_file_comes_before_the_repositorys(tmp_path: Path) -> None:
    file = tmp_path / "e.toml"
    file.write_text('[environment]\nsetup = ["mine"]\n')
    made, _ = recipe({**PYTEST, "swe-scale.toml": "[broken"}, Options(environment_file=file))
    assert made.setup == ("mine",)


def commit(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for command in (
        ("init", "-q"),
        ("add", "-A"),
        (*identity, "commit", "-q", "-m", "m"),
        ("tag", "-f", "v1.2"),
    ):
        subprocess.run(("git", *command), cwd=folder, check=True)
    return folder


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    async with open_backend(Local(python=sys.executable), "test", Events()) as opened:
        yield opened


async def test_a_project_tells_of_itself(tmp_path: Path) -> None:
    files = {**PYTEST, "swe-scale.toml": "", "pkg/a.py": "", "requirements/test.txt": "b\n"}
    repository = await Repository.open(str(commit(tmp_path / "r", files)), tmp_path / "store")
    project = await read_project(repository, await repository.tree_of(await repository.resolve()))
    assert set(project.paths) == set(files)
    assert set(project.texts) == set(files) - {"pkg/a.py"}


async def test_an_environment_is_built_once_per_tree_and_recipe(tmp_path: Path, backend: Backend) -> None:
    counted = tmp_path / "count"
    own = f"[environment]\nsetup = ['git describe --tags > made', 'echo x >> {counted}']\n"
    source = commit(tmp_path / "r", {"swe-scale.toml": own, "a.txt": "one"})
    repository = await Repository.open(str(source), tmp_path / "store")
    first = await repository.resolve()
    environment = await prepare(backend, repository, first, Options(), Events())
    assert await prepare(backend, repository, first, Options(), Events()) == environment
    assert counted.read_text() == "x\n"
    async with backend.open(environment) as template, template.fork() as sandbox:
        ran = await sandbox.run(("cat", "made", "a.txt"), limits=Limits())
    assert ran.output.split() == ["v1.2", "one"]
    other = await prepare(backend, repository, first, Options(basis="another"), Events())
    assert other.digest != environment.digest
    commit(source, {"a.txt": "two"})
    later = await prepare(backend, repository, await repository.resolve(), Options(), Events())
    assert later.digest != environment.digest


class Counting(Repository):
    """Counts how often a tree is written out."""

    exports = 0

    async def export(self, tree: str, folder: Path, tag: str | None = None) -> None:
        self.exports += 1
        await super().export(tree, folder, tag)


async def test_what_is_built_is_found_without_writing_the_tree(tmp_path: Path, backend: Backend) -> None:
    source = commit(tmp_path / "r", {"a.txt": "one"})
    repository = await Counting.open(str(source), tmp_path / "store")
    assert isinstance(repository, Counting)
    base = await repository.resolve()
    found = [await prepare(backend, repository, base, Options(), Events()) for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert repository.exports == 1


async def test_another_interpreter_makes_another_environment(tmp_path: Path) -> None:
    source = commit(tmp_path / "r", {"a.txt": "one"})
    repository = await Repository.open(str(source), tmp_path / "store")
    python = tmp_path / "python"
    digests = set()
    for version in ("3.11.1", "3.11.2", "3.11.1"):
        python.write_text(f"#!/bin/sh\necho /usr/bin/python3\necho /usr\necho CPython {version}\n")
        python.chmod(0o755)
        async with open_backend(Local(python=str(python)), "test", Events()) as opened:
            built = await prepare(opened, repository, await repository.resolve(), Options(), Events())
        digests.add(built.digest)
    assert len(digests) == 2


async def test_a_failing_line_is_named_with_its_output(tmp_path: Path, backend: Backend) -> None:
    own = "[environment]\nsetup = ['true', 'echo no such thing; exit 3']\n"
    source = commit(tmp_path / "r", {"swe-scale.toml": own})
    repository = await Repository.open(str(source), tmp_path / "store")
    with pytest.raises(EnvironmentFailure, match="no such thing") as caught:
        await prepare(backend, repository, await repository.resolve(), Options(), Events())
    assert "exit 3" in str(caught.value)


async def test_an_unusable_table_is_refused_before_building(tmp_path: Path, backend: Backend) -> None:
    source = commit(tmp_path / "r", {"swe-scale.toml": "[environment]\nkeys = 'x'\n"})
    repository = await Repository.open(str(source), tmp_path / "store")
    with pytest.raises(UsageError, match="keys"):
        await prepare(backend, repository, await repository.resolve(), Options(), Events())
