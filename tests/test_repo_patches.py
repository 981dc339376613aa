import subprocess
from pathlib import Path

import pytest
from git_kit import Kit, git

from swe_scale.errors import PatchError, RepositoryError
from swe_scale.records import Changes, File
from swe_scale.repo import Repository

pytestmark = pytest.mark.anyio


def plain(data: bytes) -> File:
    return File(mode="100644", data=data)


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path / "source")


async def both_ways(repository: Repository, tree: str, changes: Changes) -> str:
    """Return the patch of these changes, after it was found to give the same tree again."""
    changed = await repository.write_tree(tree, changes)
    patch = await repository.diff(tree, changed)
    assert await repository.apply(tree, patch) == changed
    back = await repository.diff(changed, tree)
    assert await repository.apply(changed, back) == tree
    return patch


async def test_a_patch_is_what_git_apply_takes_in_a_work_tree(kit: Kit) -> None:
    kit.commit({"a.py": b"one\ntwo\nthree\n", "old name": b"moved\n" * 20, "gone": b"g\n"})
    repository, tree = await kit.opened()
    changes: Changes = {
        "a.py": plain(b"one\n2\r\nthree"),
        "old name": None,
        "new/näme": plain(b"moved\n" * 20 + b"and changed\n"),
        "gone": None,
        "run": File(mode="100755", data=b"#!/bin/sh\n"),
        "empty": plain(b""),
        "link": File(mode="120000", data=b"new/n"),
        "blob": plain(bytes(range(256))),
    }
    patch = await both_ways(repository, tree, changes)
    assert "rename from old name\nrename to new/näme\n" in patch
    git(kit.folder, "apply", "-", input=patch.encode())
    for path, file in changes.items():
        place = kit.folder / path
        if file is None:
            assert not place.exists()
        elif file.mode == "120000":
            assert str(place.readlink()).encode() == file.data
        else:
            assert place.read_bytes() == file.data
            assert bool(place.stat().st_mode & 0o100) == (file.mode == "100755")


@pytest.mark.parametrize(
    "name",
    ["a b", " *?[x]", 'quo"te', "back\\slash", "line\nbreak", "tab\tx", "\rcr", "!no", "#no", "é", "x" * 200],
)
async def test_what_is_not_utf8_becomes_a_binary_patch_and_the_rest_stays_text(kit: Kit, name: str) -> None:
    kit.commit({name: "grün\n".encode("latin-1"), "other": b"o\n"})
    repository, tree = await kit.opened()
    patch = await both_ways(
        repository, tree, {name: plain("grau, grün\n".encode("latin-1")), "other": plain(b"p\n")}
    )
    assert patch.count("GIT binary patch") == 1
    assert "-o\n+p\n" in patch


async def test_paths_too_long_for_an_attribute_line_still_give_text(kit: Kit) -> None:
    kit.commit({"f": b"f"})
    repository, tree = await kit.opened()
    path = "/".join("n" * 200 for _ in range(15))
    patch = await both_ways(repository, tree, {path: plain(b"\xff\n"), "g": plain(b"g")})
    assert patch.encode("utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a\r\nb\r\n", b"a\r\nc\r\n"),
        (b"a\r\nb\r\n", b"a\nb\n"),
        (b"a\n", b"a"),
        (b"", b"\n"),
        ("utf-16\n".encode("utf-16"), "utf-16 x\n".encode("utf-16")),
        (b"trailing \n\t \n", b"trailing\n\n"),
        (b"\xef\xbb\xbfbom\n", b"bom\n"),
        ("\u2028\x0c\x85\n".encode(), "\x0b\x1c\u2029\n".encode()),
    ],
)
async def test_line_ends_and_encodings_survive(kit: Kit, old: bytes, new: bytes) -> None:
    kit.commit({"f": b"x"})
    repository, tree = await kit.opened()
    await both_ways(repository, await repository.write_tree(tree, {"f": plain(old)}), {"f": plain(new)})


async def test_a_file_and_a_folder_change_places(kit: Kit) -> None:
    kit.commit({"f": b"same\n" * 9, "d/x": b"x\n", "d/y": b"y\n"})
    repository, tree = await kit.opened()
    await both_ways(repository, tree, {"f": None, "f/f": plain(b"same\n" * 9), "d": plain(b"x\n")})
    await both_ways(repository, tree, {"d": None, "e/x": plain(b"x\n"), "e/y": plain(b"y\n")})
    await both_ways(repository, tree, {"f": File(mode="120000", data=b"d/x")})


async def test_attributes_in_the_tree_change_nothing(kit: Kit) -> None:
    kit.commit({"f.txt": b"x\n"})
    repository, tree = await kit.opened()
    rules = b"*.txt binary diff=evil filter=evil text eol=crlf ident -whitespace\n"
    tree = await repository.write_tree(tree, {".gitattributes": plain(rules)})
    patch = await both_ways(repository, tree, {"f.txt": plain(b"$Id$\r\n")})
    assert "-x\n+$Id$\r\n" in patch


PLAIN = "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"


@pytest.mark.parametrize(
    "patch",
    [
        PLAIN,
        PLAIN.rstrip("\n"),
        "Some words first.\n\n" + PLAIN + "-- \n2.39\n",
        PLAIN.replace("a/f", "f").replace("b/f", "f"),
        PLAIN.replace("\n", "\r\n"),
        "diff --git a/f b/f\n" + PLAIN,
        "diff --git a/f b/f\nindex 1..2 100644\n".replace("\n", "\r\n") + PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("a/f", "a/f\t2020-01-01 00:00:00"),
    ],
)
async def test_patches_of_any_origin_apply(kit: Kit, patch: str) -> None:
    kit.commit({"f": b"one\ntwo\n"})
    repository, tree = await kit.opened()
    changed = await repository.apply(tree, patch)
    assert await repository.changes(tree, changed) == {"f": plain(b"one\n2\n")}


async def test_headers_with_carriage_returns_around_content_with_them(kit: Kit) -> None:
    kit.commit({"f": b"one\r\ntwo\r\n"})
    repository, tree = await kit.opened()
    changed = await repository.apply(tree, PLAIN.replace("\n", "\r\n"))
    assert await repository.changes(tree, changed) == {"f": plain(b"one\r\n2\r\n")}


async def test_an_empty_patch_is_the_base(kit: Kit) -> None:
    kit.commit({"f": b"one\n"})
    repository, tree = await kit.opened()
    assert await repository.apply(tree, " \n\n") == tree
    assert await repository.diff(tree, tree) == ""
    with pytest.raises(RepositoryError):
        await repository.apply("0" * 40, PLAIN)


NEW = "--- /dev/null\n+++ b/{}\n@@ -0,0 +1 @@\n+x\n"
LINK = (
    "diff --git a/{0} b/{0}\nnew file mode 120000\n--- /dev/null\n+++ b/{0}\n"
    "@@ -0,0 +1 @@\n+{1}\n\\ No newline at end of file\n"
)
SUBMODULE = (
    "diff --git a/s b/s\nnew file mode 160000\nindex 0000000..1111111\n--- /dev/null\n+++ b/s\n"
    f"@@ -0,0 +1 @@\n+Subproject commit {'1' * 40}\n"
)


@pytest.mark.parametrize(
    ("patch", "named"),
    [
        ("Just words, no patch.", "holds no difference"),
        (PLAIN.replace("2\n", "\ud800\n"), "not text"),
        (PLAIN.replace("two", "other"), "f:1"),
        (PLAIN.replace("a/f", "a/nowhere").replace("b/f", "b/nowhere"), "nowhere"),
        (PLAIN.replace("-1,2", "-1,9"), "corrupt patch at line"),
        (NEW.format("../outside"), "../outside"),
        (NEW.format("/etc/passwd").replace("b//etc", "/etc"), "/etc/passwd"),
        (NEW.format("d/.git/hooks/x"), "d/.git/hooks/x"),
        (NEW.format(".GiT/config"), ".GiT/config"),
        (NEW.format(".git /config"), ".git /config"),
        (NEW.format("git~1/config"), "git~1/config"),
        (NEW.format(".g\u200cit/config"), "config"),
        (LINK.format("l", "/etc/passwd"), "l -> /etc/passwd"),
        (LINK.format("d/l", "../../x"), "d/l -> ../../x"),
        (LINK.format(".gitmodules", "x"), ".gitmodules"),
        (SUBMODULE, "s: changes a submodule"),
        ("diff --git a/f b/../f\nsimilarity index 100%\nrename from f\nrename to ../f\n", "../f"),
        ("diff --git a/f b/f\nGIT binary patch\nliteral 3\nKcmb>6<*IxF00e~r?EnA(\n\n", "holds no difference"),
        ("diff --git a/f b/f\nBinary files a/f and b/f differ\n", "holds no difference"),
        (f"diff --git a/f b/f\nindex {'1' * 8}..{'2' * 8} 100644\nBinary files a/f and b/f differ\n", "'f'"),
        (LINK.format("l", "d") + NEW.format("l/x"), "l/x"),
    ],
)
async def test_what_does_not_apply_or_leaves_the_work_tree_is_named(kit: Kit, patch: str, named: str) -> None:
    kit.commit({"f": b"one\ntwo\n"})
    repository, tree = await kit.opened()
    with pytest.raises(PatchError) as caught:
        await repository.apply(tree, patch)
    assert named in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


async def test_a_link_that_is_already_there_is_no_concern_of_the_patch(kit: Kit) -> None:
    (kit.folder / "abs").symlink_to("/etc")
    kit.commit({"f": b"one\ntwo\n"})
    repository, tree = await kit.opened()
    changed = await repository.apply(tree, PLAIN)
    assert [entry.path for entry in await repository.files(changed)] == ["abs", "f"]
    through = NEW.format("abs/passwd")
    with pytest.raises(PatchError, match="abs/passwd"):
        await repository.apply(tree, through)


async def test_a_patch_removes_a_submodule_never(kit: Kit, tmp_path: Path) -> None:
    inner = Kit(tmp_path / "inner")
    inner.commit({"x": b"x"})
    git(kit.folder, "submodule", "--quiet", "add", str(inner.folder), "s")
    kit.commit({"f": b"one\ntwo\n"})
    repository, tree = await kit.opened()
    git(kit.folder, "rm", "-q", "s")
    without = await repository.tree_of(await repository.resolve(kit.commit()))
    with pytest.raises(PatchError, match="s: changes a submodule"):
        await repository.apply(tree, await repository.diff(tree, without))
    assert await repository.apply(tree, PLAIN) != tree


def test_the_kit_runs_git_as_a_stranger(kit: Kit) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        git(kit.folder, "config", "--global", "user.name")
