import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from git_kit import Kit, git

from swe_scale.errors import RepositoryError
from swe_scale.records import File
from swe_scale.repo.git import Answer, Git, object_id

pytestmark = pytest.mark.anyio


async def test_the_users_environment_and_configuration_do_not_reach_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = Kit(tmp_path / "source")
    kit.commit({"f": b"1\n"})
    (tmp_path / ".gitconfig").write_text(
        "[diff]\n\tnoprefix = true\n[alias]\n\tx = version\n", encoding="utf-8"
    )
    for name, value in {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "GIT_DIR": str(tmp_path / "nowhere"),
        "GIT_INDEX_FILE": str(tmp_path / "nowhere"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "nowhere"),
        "GIT_EXTERNAL_DIFF": "false",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "diff.external",
        "GIT_CONFIG_VALUE_0": "false",
    }.items():
        monkeypatch.setenv(name, value)
    repository, tree = await kit.opened()
    changed = await repository.write_tree(tree, {"f": File(mode="100644", data=b"2\n")})
    assert "--- a/f\n+++ b/f\n" in await repository.diff(tree, changed)
    assert await repository.apply(tree, await repository.diff(tree, changed)) == changed
    with pytest.raises(RepositoryError, match="'x' is not a git command"):
        await repository.store.ask("x")


async def test_online_git_keeps_what_reaches_private_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "nowhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -v")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    variables = Git.prepare(tmp_path / "home").online().variables
    assert variables["GIT_SSH_COMMAND"] == "ssh -v" and variables["HTTPS_PROXY"] == "http://proxy"
    assert variables["HOME"] == os.environ["HOME"]
    assert "GIT_DIR" not in variables
    assert variables["GIT_ALLOW_PROTOCOL"] == "https:http:ssh"


async def test_input_that_git_does_not_read_is_no_failure(tmp_path: Path) -> None:
    quiet = Git.prepare(tmp_path / "home")
    assert (await quiet.ask("version", input=b"x" * 10**7)).startswith(b"git version")
    with pytest.raises(RepositoryError, match="fast-import failed: not a git repository"):
        await quiet.at(tmp_path / "home").ask("fast-import", "--quiet", input=b"x\n" * 10**6)


async def test_a_missing_git_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RepositoryError, match="git was not found"):
        await Git.prepare(tmp_path / "home").ask("version")


async def test_what_cannot_be_an_argument_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="can't be started"):
        await Git.prepare(tmp_path / "home").ask("version", "a\0b")
    with pytest.raises(RepositoryError, match="can't be started"):
        await Git.prepare(tmp_path / "home").ask("version", cwd=tmp_path / "nowhere")


def test_the_reason_is_gits_first_line_that_names_one() -> None:
    assert Answer(1, b"", "warning: w\nerror: first\nfatal: second\n").reason == "first"
    assert Answer(1, b"", "words\n").reason == "words"
    assert Answer(3, b"", "").reason == "git ended with exit code 3"


@pytest.mark.parametrize("name", ["", "HEAD", "-x", "0" * 39, "0" * 41, "A" * 40, "0" * 40 + "\n"])
def test_only_full_hashes_name_objects(name: str) -> None:
    with pytest.raises(RepositoryError):
        object_id(name)


WRITER = """
import anyio, sys
from pathlib import Path
from swe_scale.records import File
from swe_scale.repo import Repository

async def main() -> None:
    repository = await Repository.open(sys.argv[1], Path(sys.argv[2]))
    tree = await repository.tree_of(await repository.resolve())
    for number in range(100_000):
        file = File(mode="100644", data=b"%d" % number * 10_000)
        print(await repository.write_tree(tree, {"f": file}), flush=True)

anyio.run(main)
"""


def killed_writer(source: Path, store: Path, lines: int) -> list[str]:
    """Return the trees that a process wrote before it was killed in the midst of writing another."""
    command = [sys.executable, "-c", WRITER, str(source), str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        trees = [process.stdout.readline().strip() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
    return trees


async def test_a_killed_process_leaves_a_usable_store(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "source")
    kit.commit({"f": b"1\n"})
    trees = [tree for lines in (1, 2, 3) for tree in killed_writer(kit.folder, tmp_path / "store", lines)]
    repository, base = await kit.opened()
    for number, tree in zip((0, 0, 1, 0, 1, 2), trees, strict=True):
        assert await repository.read(tree, ["f"]) == {"f": b"%d" % number * 10_000}
    assert await repository.write_tree(base, {}) == base
    git(tmp_path / "store/store", "fsck", "--strict")
