import os
from pathlib import Path

import anyio
import pytest
from git_kit import Kit, git

from swe_scale.errors import RepositoryError
from swe_scale.repo import Repository

pytestmark = pytest.mark.anyio


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path / "source")


async def test_any_folder_of_a_repository_will_do(kit: Kit, tmp_path: Path) -> None:
    commit = kit.commit({"d/e/f": b"f"})
    git(tmp_path, "clone", "-q", "--bare", str(kit.folder), "bare.git")
    git(kit.folder, "worktree", "add", "-q", str(tmp_path / "linked"))
    for number, source in enumerate(("source", "source/d/e", "bare.git", "linked", "source/.git")):
        repository = await Repository.open(str(tmp_path / source), tmp_path / f"store{number}")
        assert await repository.resolve() == commit
        assert [entry.path for entry in await repository.files(await repository.tree_of(commit))] == ["d/e/f"]
    repository = await Repository.open(f"file://{kit.folder}", tmp_path / "by address")
    assert await repository.resolve("HEAD") == commit


async def test_revisions_are_resolved_and_only_their_tree_is_taken(kit: Kit) -> None:
    first = kit.commit({"f": b"1"})
    git(kit.folder, "tag", "-a", "-m", "tag", "v1")
    second = kit.commit({"f": b"2"})
    third = kit.commit({"f": b"3"})
    repository, _ = await kit.opened()
    for revision in ("v1", first, first[:10], "HEAD~2", "main^^"):
        assert await repository.resolve(revision) == first
    assert await repository.resolve("main") == third
    stored = git(
        kit.folder.parent / "store/store", "cat-file", "--batch-all-objects", "--batch-check"
    ).decode()
    assert first in stored and third in stored and second not in stored
    assert await repository.nearest_tag(third) == "v1"


async def test_no_tag_is_no_error(kit: Kit) -> None:
    commit = kit.commit({"f": b"1"})
    repository, _ = await kit.opened()
    assert await repository.nearest_tag(commit) is None


async def test_a_second_opening_finds_what_the_first_one_took(kit: Kit) -> None:
    commit = kit.commit({"f": b"1"})
    _, tree = await kit.opened()
    again, same = await kit.opened()
    assert same == tree and await again.read(tree, ["f"]) == {"f": b"1"}
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(again.resolve, commit)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere", "is not a folder"),
        ("empty", "is not in a git repository"),
        ("--upload-pack=touch x", "is not a path or URL"),
        ("ext::sh -c touch% canary", "only https, http, ssh and file"),
        ("ftp://user:secret@example.org/x", "only https, http, ssh and file"),
        ("https://-oProxyCommand=x/y", "only https, http, ssh and file"),
        ("", "is not a path or URL"),
    ],
)
async def test_what_is_no_repository_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, words: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RepositoryError, match=words) as caught:
        await Repository.open(source, tmp_path / "store")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("revision", ["fix-parsr", "0" * 40, "--all", "v1\nHEAD", ":/nothing like it"])
async def test_an_unknown_revision_is_named(kit: Kit, revision: str) -> None:
    kit.commit({"f": b"1"})
    git(kit.folder, "branch", "fix-parser")
    repository, _ = await kit.opened()
    with pytest.raises(RepositoryError, match="has no commit") as caught:
        await repository.resolve(revision)
    assert ("Did you mean fix-parser?" in str(caught.value)) == (revision == "fix-parsr")


async def test_a_repository_without_commits_is_said_to_be_one(kit: Kit) -> None:
    repository = await Repository.open(str(kit.folder), kit.folder.parent / "store")
    assert not await repository.dirty()
    with pytest.raises(RepositoryError, match="no commits yet"):
        await repository.resolve()


async def test_shallow_clones_and_borrowed_objects_are_read(kit: Kit, tmp_path: Path) -> None:
    first = kit.commit({"f": b"1"})
    commit = kit.commit({"f": b"2"})
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{kit.folder}", "shallow")
    git(tmp_path, "clone", "-q", "--shared", str(kit.folder), "shared")
    for name in ("shallow", "shared"):
        repository = await Repository.open(str(tmp_path / name), tmp_path / f"{name}-store")
        assert await repository.resolve() == commit
        assert await repository.read(await repository.tree_of(commit), ["f"]) == {"f": b"2"}
    shallow = await Repository.open(str(tmp_path / "shallow"), tmp_path / "shallow-store")
    with pytest.raises(RepositoryError, match="git fetch --unshallow"):
        await shallow.resolve(first)


async def test_missing_objects_are_said_and_never_fetched(kit: Kit, tmp_path: Path) -> None:
    commit = kit.commit({"f": b"1", "g": b"2"})
    git(kit.folder, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", f"file://{kit.folder}", "partial.git")
    repository = await Repository.open(str(tmp_path / "partial.git"), tmp_path / "store")
    with pytest.raises(RepositoryError, match="lacks objects of its commit"):
        await repository.resolve(commit)


async def test_sha256_repositories_are_read(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "source", "--object-format=sha256")
    kit.commit({"f": b"1"})
    repository, tree = await kit.opened()
    assert len(tree) == 64
    changed = await repository.write_tree(tree, {"f": None})
    assert await repository.apply(tree, await repository.diff(tree, changed)) == changed
    await repository.export(tree, tmp_path / "out")
    assert (tmp_path / "out" / "f").read_bytes() == b"1"
    assert not await repository.dirty()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
async def test_a_repository_of_another_user_is_read(kit: Kit) -> None:
    commit = kit.commit({"f": b"1"})
    for path in (kit.folder, *kit.folder.rglob("*")):
        os.chown(path, 65534, 65534)
    repository, _ = await kit.opened()
    assert await repository.resolve() == commit
    assert not await repository.dirty()


async def test_only_changes_of_tracked_files_make_a_work_tree_dirty(kit: Kit) -> None:
    kit.commit({"f": b"1", "d/g": b"2"})
    repository, _ = await kit.opened()
    assert not await repository.dirty()
    kit.write({"untracked": b""})
    assert not await repository.dirty()
    (kit.folder / "f").touch()
    assert not await repository.dirty()
    kit.write({"f": b"0"})
    assert await repository.dirty()
    git(kit.folder, "add", "f")
    assert await repository.dirty()
    kit.commit()
    assert not await repository.dirty()
    (kit.folder / "d/g").unlink()
    assert await repository.dirty()
