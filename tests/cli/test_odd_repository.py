"""Repositories as they are found: odd names, odd bytes, odd states. What is proposed applies, to the byte."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from main_job import ISSUE, RIGHT, Desk, agent_replies, assert_clean, endpoint, git, replies
from scripted_server import ScriptedServer

LINES = b"one\ntwo\nthree\n"
FILES = {
    b"with space.txt": LINES, b"quo'te.txt": LINES, b'dq"x.txt': LINES, b"new\nline.txt": LINES,
    b"tab\tx.txt": LINES, "ünï 漢.txt".encode(): LINES, b"latin-\xe9.txt": LINES, b"back\\slash.txt": LINES,
    b"-dash.txt": LINES, b"star*[x].txt": LINES, b"crlf.txt": LINES.replace(b"\n", b"\r\n"),
    b"bom.py": b"\xef\xbb\xbf" + LINES, b"latin1.txt": b"caf\xe9\ntwo\nna\xefve\n",
    b"no end.txt": b"one\ntwo",
    b"utf16.txt": "one\ntwo\nthree\n".encode("utf-16"), b"mixed.txt": b"one\r\ntwo\nthree\r\n",
    b"binary.dat": bytes(range(256)) + b"two", b"cr.txt": b"one\rtwo\rthree\r",
    b".gitattributes": b"*.bin filter=lfs diff=lfs merge=lfs -text\n",
    b"model.bin": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize two\n",
    b"huge.txt": b"".join(b"line %d\n" % number for number in range(500_000)) + b"two\n",
}  # fmt: skip
REWRITE = """python3 - <<'END'
import os
for name in os.listdir(b"."):
    if os.path.isfile(name) and not os.path.islink(name):
        with open(name, "rb") as file:
            old = file.read()
        new = old.replace(b"two", b"2!").replace("two".encode("utf-16-le"), "2!".encode("utf-16-le"))
        new = new.replace(b"/ len(values)\\n", b"/ len(values) if values else 0.0\\n")
        if new != old:
            with open(name, "wb") as file:
                file.write(new)
os.rename("with space.txt", "moved to.txt")
with open(b'fresh \\xff "x".bin', "wb") as file:
    file.write(b"\\0\\xff")
END"""
EDITS = """So.
<edit path="crlf.txt">
<<<<<<< SEARCH
two
=======
2!
more
>>>>>>> REPLACE
</edit>
<edit path="bom.py">
<<<<<<< SEARCH
one
=======
1
>>>>>>> REPLACE
</edit>
<edit path="latin1.txt">
<<<<<<< SEARCH
two
=======
2!
>>>>>>> REPLACE
</edit>
<edit path="with space.txt">
<<<<<<< SEARCH
two
=======
zwölf
>>>>>>> REPLACE
</edit>
<rename from="ünï 漢.txt" to="quo'te 2.txt"/>
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def in_clone(desk: Desk, patch: Path) -> Path:
    """Apply a patch to a fresh clone, as its user would."""
    clone = desk.folder / "clone"
    git(desk.folder, "clone", "-q", "--no-recurse-submodules", str(desk.repository), str(clone))
    git(clone, "apply", str(patch))
    return clone


def fill(desk: Desk) -> None:
    for name, data in FILES.items():
        Path(os.fsdecode(os.fsencode(desk.repository) + b"/" + name)).write_bytes(data)
    (desk.repository / "link").symlink_to("stats.py")
    git(desk.repository, "add", "-A")
    git(desk.repository, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    git(desk.repository, "commit", "-qm", "odd")


def content(folder: Path) -> dict[bytes, bytes]:
    names = [name for name in os.listdir(os.fsencode(folder)) if name != b".git"]
    places = [(name, Path(os.fsdecode(os.fsencode(folder) + b"/" + name))) for name in names]
    return {name: place.read_bytes() for name, place in places if place.is_file()}


def test_every_byte_and_name_survives_an_agent(desk: Desk) -> None:
    fill(desk)
    written = agent_replies(2, REWRITE)
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        ran = desk.solve("--strategy", "agent=2", "--json", "--out", "fix.diff", *endpoint(server.base_url))
    assert_clean(ran, 0)
    found = content(in_clone(desk, desk.folder / "fix.diff"))
    wide = ("two".encode("utf-16-le"), "2!".encode("utf-16-le"))
    expected = {name: data.replace(b"two", b"2!").replace(*wide) for name, data in FILES.items()}
    expected[b"moved to.txt"] = expected.pop(b"with space.txt")
    assert {name: found.get(name) for name in expected} == expected
    assert found[b'fresh \xff "x".bin'] == b"\0\xff" and b"with space.txt" not in found
    assert json.loads(ran.stdout)["patch"].encode() == (desk.folder / "fix.diff").read_bytes()


def test_every_byte_survives_search_and_replace(desk: Desk) -> None:
    fill(desk)
    written = replies((RIGHT, RIGHT))
    for index in (1, 2):
        written[f"trajectory/0{index}/turn/02"] += EDITS
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        assert_clean(desk.solve("--samples", "2", "--out", "fix.diff", *endpoint(server.base_url)), 0)
    found = content(in_clone(desk, desk.folder / "fix.diff"))
    assert found[b"crlf.txt"] == b"one\r\n2!\r\nmore\r\nthree\r\n"
    assert found[b"bom.py"] == b"\xef\xbb\xbf1\ntwo\nthree\n"
    assert found[b"latin1.txt"] == b"caf\xe9\n2!\nna\xefve\n"
    assert found[b"with space.txt"] == "one\nzwölf\nthree\n".encode()
    assert found[b"quo'te 2.txt"] == LINES and "ünï 漢.txt".encode() not in found


def states(desk: Desk) -> dict[str, Path]:
    """Return repositories in states that work; of one a folder below its root."""
    places = {name: desk.folder / name for name in ("bare", "detached", "shallow", "worktree")}
    git(desk.repository, "commit", "-q", "--allow-empty", "-m", "second")
    git(desk.folder, "clone", "-q", "--bare", str(desk.repository), "bare")
    git(desk.folder, "clone", "-q", str(desk.repository), "detached")
    git(places["detached"], "checkout", "-q", "--detach", "HEAD~1")
    git(desk.folder, "clone", "-q", "--depth", "1", f"file://{desk.repository}", "shallow")
    git(desk.repository, "worktree", "add", "-q", "--detach", str(places["worktree"]))
    return places | {"worktree": places["worktree"] / "tests"}


def test_states_of_a_repository(desk: Desk) -> None:
    written = replies((RIGHT, RIGHT))
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        for name, place in states(desk).items():
            apply = () if name == "bare" else ("--apply",)
            ran = desk.solve("--samples", "2", *apply, *endpoint(server.base_url), repo=place)
            assert_clean(ran, 0)
            if apply:
                top = git(place, "rev-parse", "--show-toplevel")
                assert "if values else 0.0" in (Path(top) / "stats.py").read_text()
        assert_clean(desk.solve("--apply", *endpoint(server.base_url), repo=desk.folder / "bare"), 2, "--out")
        cut = desk.solve("--base", "HEAD~1", *endpoint(server.base_url), repo=desk.folder / "shallow")
        assert_clean(cut, 1, "shallow clone", "--unshallow")


def test_repositories_that_cannot_be_used(desk: Desk) -> None:
    git(desk.folder, "init", "-q", "empty")
    git(desk.folder, "clone", "-q", str(desk.repository), "hollow")
    shutil.rmtree(desk.folder / "hollow/.git/objects")
    (desk.folder / "hollow/.git/objects").mkdir()
    git(desk.folder, "clone", "-q", str(desk.repository), "jumbled")
    (desk.folder / "jumbled/.git/index").write_bytes(b"garbage")
    faults = {
        "empty": "no commits yet",
        "hollow": "is damaged",
        "jumbled": "index file smaller than expected",
    }
    for name, text in faults.items():
        ran = desk.solve("--apply", *endpoint("http://127.0.0.1:9/v1"), repo=desk.folder / name)
        assert_clean(ran, 1, str(desk.folder / name), text)


def test_a_repository_without_any_python_named_by_a_relative_path(desk: Desk) -> None:
    plain = desk.folder / "plain"
    git(desk.folder, "init", "-q", "plain")
    (plain / "greet.sh").write_text("echo helo\n")
    git(plain, "add", "-A")
    git(plain, "commit", "-qm", "first")
    ask = '<check language="sh">\n[ "$(sh greet.sh)" = hello ] || exit 42\n</check>\n'
    change = (
        '<edit path="greet.sh">\n<<<<<<< SEARCH\necho helo\n=======\necho hello\n>>>>>>> REPLACE\n</edit>\n'
    )
    written = {
        f"trajectory/0{index}/turn/0{number}": text
        for index in (1, 2)
        for number, text in enumerate(("So.\n" + ask, change, "<done/>\n"), start=1)
    }
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        first = subprocess.run(
            desk.command("run", "../issue.md", "--sandbox", "local", "--samples", "2", "--name", "here",
                         *endpoint(server.base_url)),
            cwd=plain, env=desk.variables(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        calls = len(server.calls)
        again = desk.run("resume", str(plain / "runs" / "here"), "--json")
        assert len(server.calls) == calls == 6
    assert_clean(first, 0)
    assert_clean(again, 0)
    assert "+echo hello" in json.loads(again.stdout)["patch"] and ISSUE not in again.stdout
    assert not (desk.folder / "runs").exists()
