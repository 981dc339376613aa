"""From a commit to an environment, with real repositories and real backends."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from swe_scale.config import Limits, Local
from swe_scale.environment import Options, first_that_works, look, prepare, read_project
from swe_scale.environment.attempts import Attempt, write_attempt
from swe_scale.environment.latest import recall, remember
from swe_scale.errors import EnvironmentFailure, UsageError
from swe_scale.events import Event, Events
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend, open_backend

pytestmark = pytest.mark.anyio
PYTEST = {"pyproject.toml": "[build-system]\n", "tests/test_a.py": "import pytest\n"}


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
    tree = await repository.tree_of(await repository.resolve())
    project = await read_project(repository, tree, ("*.toml", "requirements/*.txt"))
    assert set(project.paths) == set(files)
    assert set(project.texts) == set(files) - {"pkg/a.py"}
    below = await read_project(repository, tree, ("a.py",), "pkg")
    assert set(below.texts) == {"pkg/a.py", "tests/test_a.py"}
    assert below.below("pkg").paths == ("a.py",) and set(below.below("pkg").texts) == {"a.py"}


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


async def test_lines_and_tests_of_a_folder_run_in_it(tmp_path: Path, backend: Backend) -> None:
    own = "[environment]\nsetup = ['pwd >place']\ntest = 'sh {tests}'\n"
    files = {"deep/pkg/swe-scale.toml": "broken [", "swe-scale.toml": own, "deep/pkg/a.txt": "one"}
    source = commit(tmp_path / "r", files)
    repository = await Repository.open(str(source), tmp_path / "store")
    base = await repository.resolve()
    built = await prepare(backend, repository, base, Options(subdir="deep/pkg"), Events())
    assert built.subdir == "deep/pkg"
    async with backend.open(built) as template, template.fork() as sandbox:
        ran = await sandbox.run(("cat", "deep/pkg/place"), limits=Limits())
    assert ran.output.strip().endswith("/tree/deep/pkg")
    with pytest.raises(UsageError, match="no folder 'deep/none'"):
        await prepare(backend, repository, base, Options(subdir="deep/none"), Events())


async def test_what_a_model_found_is_taken_the_next_time(tmp_path: Path, backend: Backend) -> None:
    source = commit(tmp_path / "r", {"swe-scale.toml": "[environment]\nsetup = 'exit 3'\n"})
    repository = await Repository.open(str(source), tmp_path / "store")
    site = await look(repository, await repository.resolve(), Options(), backend.name, Events())
    with pytest.raises(EnvironmentFailure, match="exit 3"):
        await first_that_works(backend, site, Events())
    (way,) = site.ways
    mended = way.recipe.model_copy(update={"setup": ("echo mended >made",)})
    await write_attempt(await site.identity(backend, way.recipe), Attempt(failure="it failed", recipe=mended))
    prepared = await first_that_works(backend, site, Events())
    assert prepared.fresh and prepared.environment.setup == ("echo mended >made",)
    assert prepared.way.origins["setup"] == "found by a model"
    assert not (await first_that_works(backend, site, Events())).fresh
    assert await recall(site) is None
    await remember(site, prepared)
    latest = await recall(site)
    assert latest is not None and latest.way.recipe == mended


async def test_the_record_of_a_site_depends_on_its_content(tmp_path: Path, backend: Backend) -> None:
    source = commit(tmp_path / "r", {"a.txt": "one"})
    repository = await Repository.open(str(source), tmp_path / "store")
    keys = set()
    for options in (Options(), Options(basis="another"), Options()):
        site = await look(repository, await repository.resolve(), options, "local", Events())
        keys.add(site.key)
    commit(source, {"a.txt": "two"})
    keys.add((await look(repository, await repository.resolve(), Options(), "local", Events())).key)
    assert len(keys) == 3


async def test_containers_of_the_repository_are_ignored_elsewhere(tmp_path: Path, backend: Backend) -> None:
    source = commit(tmp_path / "r", {"Dockerfile": "FROM nothing\n", "a.txt": ""})
    repository = await Repository.open(str(source), tmp_path / "store")
    heard: list[Event] = []
    site = await look(repository, await repository.resolve(), Options(), backend.name, Events())
    await first_that_works(backend, site, Events([heard.append]))
    assert any("only the docker sandbox" in event.text for event in heard)
