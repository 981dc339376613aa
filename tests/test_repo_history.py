"""What is read of past commits, whatever their messages, names and configuration hold."""

import os
from pathlib import Path

import pytest
from git_kit import Kit, git

from swe_scale.repo import Past, Repository

pytestmark = pytest.mark.anyio


def imported(folder: Path, *commits: tuple[bytes, list[bytes]]) -> str:
    """Return the last of commits that change files, in a new repository; names are quoted as in C."""
    if not folder.exists():
        folder.mkdir()
        git(folder, "init", "-q", "--bare", "--initial-branch=main", "--template=")
    stream = []
    for number, (message, paths) in enumerate(commits):
        stream.append(b"commit refs/heads/main\ncommitter A <a@example.org> %d +0000\n" % number)
        stream.append(b"data %d\n%s\n" % (len(message), message))
        content = b"%d" % number
        stream += [b'M 100644 inline "%s"\ndata %d\n%s\n' % (path, len(content), content) for path in paths]
    git(folder, "fast-import", "--quiet", input=b"".join(stream))
    return git(folder, "rev-parse", "main").decode().strip()


async def past(folder: Path, commit: str, most: int = 3000) -> tuple[Past, ...]:
    repository = await Repository.open(str(folder), folder.with_name("kept"))
    return await repository.past(commit, most)


async def test_messages_and_paths_newest_first(tmp_path: Path) -> None:
    commits = [(b"first\n\nbody\n", [b"a", b"b/c"]), (b"second", [b"b/c"]), ("größer".encode(), [b"d"])]
    head = imported(tmp_path / "source", *commits)
    found = await past(tmp_path / "source", head)
    assert [one.message.strip() for one in found] == ["größer", "second", "first\n\nbody"]
    assert [set(one.paths) for one in found] == [{"d"}, {"b/c"}, {"a", "b/c"}]
    assert await past(tmp_path / "source", head, 2) == found[:2]
    assert await past(tmp_path / "source", head, 0) == ()


async def test_merges_are_left_out(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "source")
    kit.commit({"a": b"1"})
    git(kit.folder, "checkout", "-q", "-b", "side")
    kit.commit({"b": b"1"})
    git(kit.folder, "checkout", "-q", "main")
    kit.commit({"c": b"1"})
    git(kit.folder, "merge", "-q", "--no-ff", "-m", "merge", "side")
    found = await past(kit.folder, git(kit.folder, "rev-parse", "HEAD").decode().strip())
    assert sorted(one.paths for one in found) == [("a",), ("b",), ("c",)]
    assert "merge" not in {one.message.strip() for one in found}


@pytest.mark.parametrize("message", [b"", b"a\x01b\x02c", b"\x02", b"\x01a\n\x01b", b"\xff\xfe", b"\n\n"])
async def test_strange_messages(tmp_path: Path, message: bytes) -> None:
    head = imported(tmp_path / "source", (b"first", [b"a"]), (message, [b"b", b"c"]), (b"third", [b"d"]))
    found = await past(tmp_path / "source", head)
    assert [one.paths for one in found] == [("d",), ("b", "c"), ("a",)]
    assert found[1].message.strip() == message.decode("utf-8", "replace").strip()


async def test_who_wrote_and_who_committed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    head = imported(source, (b"first", [b"a"]))
    stream = (
        b"commit refs/heads/main\nauthor %s <x@y> 1 +0000\ncommitter <> 2 +0000\n"
        b"data 3\nhow\nfrom refs/heads/main^0\n" % ("größe\x1b".encode() + b"\xff" + b"n" * 300)
    )
    git(source, "fast-import", "--quiet", input=stream)
    head = git(source, "rev-parse", "main").decode().strip()
    second, first = await past(source, head)
    assert first.author == first.committer == "A <a@example.org>"
    assert second.author.startswith("größe\x1b") and 150 < len(second.author) <= 200
    assert (second.message.strip(), second.committer, second.paths) == ("how", " <>", ())


async def test_strange_names(tmp_path: Path) -> None:
    names = {
        rb"line\nend": "line\nend",
        rb"\nbegin": "\nbegin",
        rb"end\n": "end\n",
        rb"\001mark\002": "\x01mark\x02",
        rb"half\377": os.fsdecode(b"half\xff"),
        rb"tab\t\"quote\"": 'tab\t"quote"',
        rb"-option": "-option",
        "größe 名前".encode(): "größe 名前",
    }
    head = imported(tmp_path / "source", (b"first", [b"a"]), (b"second", list(names)), (b"third", [b"b"]))
    found = await past(tmp_path / "source", head)
    assert [one.message.strip() for one in found] == ["third", "second", "first"]
    assert set(found[1].paths) == set(names.values())
    assert (found[0].paths, found[2].paths) == (("b",), ("a",))


async def test_of_a_commit_of_many_files_only_the_message_counts(tmp_path: Path) -> None:
    many = [b"f%d" % number for number in range(201)]
    head = imported(tmp_path / "source", (b"at most", many[1:]), (b"too many", many))
    found = await past(tmp_path / "source", head)
    assert [(one.message.strip(), len(one.paths)) for one in found] == [("too many", 0), ("at most", 200)]


async def test_long_messages_are_cut(tmp_path: Path) -> None:
    head = imported(tmp_path / "source", (b"x" * 100_000, [b"a"]))
    (found,) = await past(tmp_path / "source", head)
    assert found.message == "x" * 4000 and found.paths == ("a",)


@pytest.mark.parametrize("bare", [True, False])
async def test_a_shallow_clone_tells_what_it_has(tmp_path: Path, bare: bool) -> None:
    imported(tmp_path / "full", *((b"c%d" % number, [b"f%d" % number]) for number in range(9)))
    options = ("--bare",) if bare else ()
    git(tmp_path, "clone", "-q", "--depth=3", *options, f"file://{tmp_path}/full", "source")
    head = git(tmp_path / "source", "rev-parse", "HEAD").decode().strip()
    found = await past(tmp_path / "source", head)
    assert [one.message.strip() for one in found] == ["c8", "c7", "c6"]
    assert found[0].paths == ("f8",)


async def test_where_there_is_no_history(tmp_path: Path) -> None:
    head = imported(tmp_path / "source", (b"only", [b"a"]))
    assert [one.message.strip() for one in await past(tmp_path / "source", head)] == ["only"]
    assert await past(tmp_path / "source", "0" * 40) == ()


async def test_more_commits_than_are_asked_for_at_a_time(tmp_path: Path) -> None:
    commits = [(b"c%d" % number, [b"f%d" % number]) for number in range(600)]
    head = imported(tmp_path / "source", *commits)
    found = await past(tmp_path / "source", head)
    assert [one.paths for one in found] == [(f"f{number}",) for number in reversed(range(600))]
    assert await past(tmp_path / "source", head, 260) == found[:260]
    assert await past(tmp_path / "source", head, 500) == found[:500]


SETTINGS = {
    "log.showSignature": "true",
    "log.showRoot": "false",
    "log.follow": "true",
    "log.date": "iso",
    "log.mailmap": "true",
    "log.diffMerges": "on",
    "format.pretty": "fuller",
    "format.notes": "*",
    "diff.renames": "copies",
    "diff.relative": "true",
    "diff.orderFile": "/nonexistent/order",
    "diff.ignoreSubmodules": "all",
    "color.ui": "always",
    "i18n.logOutputEncoding": "utf-16",
    "core.quotePath": "true",
    "diff.evil.cachetextconv": "true",
}
PROGRAMS = (
    "gpg.program", "gpg.ssh.program", "gpg.x509.program", "core.pager", "pager.log", "diff.external",
    "diff.evil.command", "diff.evil.textconv", "core.fsmonitor", "core.sshCommand", "core.editor",
    "interactive.diffFilter", "core.alternateRefsCommand", "filter.evil.smudge", "filter.evil.clean",
)  # fmt: skip
SIGNATURE = b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n"


@pytest.fixture
def hostile(tmp_path: Path) -> Kit:
    """A repository whose configuration names a program, which leaves a mark, wherever one can be named."""
    kit = Kit(tmp_path / "source")
    kit.commit({".gitattributes": b"* diff=evil filter=evil\n", "f": b"1\n"})
    signed = git(kit.folder, "cat-file", "commit", "HEAD").replace(b"\n\n", b"\n" + SIGNATURE + b"\n", 1)
    head = git(kit.folder, "hash-object", "-t", "commit", "-w", "--stdin", input=signed).decode().strip()
    git(kit.folder, "update-ref", "HEAD", head)
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\necho $0 $@ >> {tmp_path}/canary\ncat\n", encoding="utf-8")
    program.chmod(0o755)
    for name, value in (*SETTINGS.items(), *((name, str(program)) for name in PROGRAMS)):
        git(kit.folder, "config", name, value)
    git(kit.folder, "config", "alias.log", f"!{program}")
    return kit


async def test_nothing_that_the_configuration_names_runs_or_changes_what_is_read(
    hostile: Kit, tmp_path: Path
) -> None:
    head = git(hostile.folder, "rev-parse", "HEAD").decode().strip()
    (found,) = await past(hostile.folder, head)
    name = "A <a@example.org>"
    assert found == Past("change\n", (".gitattributes", "f"), name, name)
    assert not (tmp_path / "canary").exists()
    git(hostile.folder, "-c", "diff.orderFile=/dev/null", "log", "--show-signature")
    assert (tmp_path / "canary").exists(), "the trap itself works"
