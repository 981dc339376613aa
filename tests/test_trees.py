"""What is remembered of trees is what git says of them."""

import random
import subprocess
from pathlib import Path

import pytest

from swe_scale.records import BASE, Changes, File
from swe_scale.repo import Repository
from swe_scale.trees import Trees

PATHS = ("a.py", "pkg/b.py", "pkg/deep/c.py", "d", "pkg/new.py", "new/e.py", "d/inside.py", "pkg")
AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.org")


def text(data: str, mode: str = "100644") -> File:
    return File.model_validate({"mode": mode, "data": data.encode()})


def made(folder: Path) -> str:
    source = folder / "source"
    for path in ("a.py", "pkg/b.py", "pkg/deep/c.py", "d"):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(path)
    for line in (("init", "-q"), ("add", "."), (*AUTHOR, "commit", "-q", "-m", "start")):
        subprocess.run(["git", *line], cwd=source, check=True)
    return str(source)


async def opened(folder: Path) -> Trees:
    repository = await Repository.open(made(folder), folder / "repository")
    return Trees(repository, await repository.tree_of(await repository.resolve()))


def drawn(chance: random.Random) -> Changes:
    """Return changes of one to three paths; some put back what was there, or take a folder's place."""
    some = {}
    for path in chance.sample(PATHS, chance.randint(1, 3)):
        kind = chance.randrange(4)
        some[path] = None if kind == 0 else text(path if kind == 1 else f"{path} {chance.randrange(3)}")
    if any(some.get(folder) for folder in ("d", "pkg") if any(one.startswith(f"{folder}/") for one in some)):
        return {"a.py": text("instead", "100755")}
    return some


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(6))
async def test_trees_that_were_written_are_known_as_git_knows_them(tmp_path: Path, seed: int) -> None:
    trees = await opened(tmp_path)
    chance = random.Random(seed)
    tree = trees.base
    for _ in range(12):
        tree = await trees.write(tree if chance.random() < 0.8 else trees.base, drawn(chance))
        assert dict(await trees.changes(tree)) == await trees.repository.changes(trees.base, tree)
        listed = {entry.path: entry for entry in await trees.repository.files(tree)}
        assert await trees.paths(tree) == listed.keys()
        files = await trees.files(tree, [*PATHS, "nothing"])
        assert {path: file.data for path, file in files.items()} == await trees.repository.read(tree, PATHS)
        assert all(file.mode == listed[path].mode for path, file in files.items())


@pytest.mark.anyio
async def test_the_base_has_no_changes(tmp_path: Path) -> None:
    trees = await opened(tmp_path)
    tree = await trees.write(trees.base, {"a.py": text("other")})
    assert await trees.write(tree, {"a.py": text("a.py")}) == trees.base
    assert await trees.changes(BASE) == await trees.changes(trees.base) == {}
    assert await trees.paths() == {"a.py", "pkg/b.py", "pkg/deep/c.py", "d"}


@pytest.mark.anyio
async def test_memory_is_bounded(tmp_path: Path) -> None:
    trees = await opened(tmp_path)
    large = "x" * (12 << 20)
    made = [await trees.write(trees.base, {"a.py": text(f"{number}{large}")}) for number in range(8)]
    assert len(trees._changes) == 5
    for number, tree in enumerate(made):
        file = (await trees.changes(tree))["a.py"]
        assert file is not None
        assert file.data[:1] == str(number).encode()
