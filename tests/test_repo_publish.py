"""Pushing to a real remote: the same commit twice, branches of others, and what a remote refuses."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bot.hub_server import Fault, Served, serving
from git_kit import Kit, git

from swe_scale.errors import RepositoryError
from swe_scale.records import File
from swe_scale.repo import Repository
from swe_scale.repo.access import access
from swe_scale.repo.publish import TRAILER, Publisher, Remote, Signature

pytestmark = pytest.mark.anyio

WHO = Signature("swe-scale", "bot@example.org", 1_700_000_000)
BRANCH = "swe-scale/issue-1"


class Case:
    """A repository whose remote is served over HTTP, and a tree to publish."""

    def __init__(self, kit: Kit, served: Served, publisher: Publisher, base: str, tree: str) -> None:
        self.kit, self.served, self.publisher, self.base, self.tree = kit, served, publisher, base, tree
        self.hosted = served.hub.repositories["ada/engine"]

    async def commit(self, message: str = "Mend it") -> str:
        return await self.publisher.commit(self.tree, self.base, message, WHO)

    def theirs(self, head: str) -> str:
        """Put a commit of a person on top of a branch's head."""
        made = git(
            self.kit.folder,
            f"--git-dir={self.hosted.git}",
            "commit-tree",
            "-m",
            "mine",
            "-p",
            head,
            self.tree,
        )
        commit = made.decode().strip()
        self.hosted.ask("update-ref", f"refs/heads/{BRANCH}", commit)
        return commit


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "hosted").mkdir()
    with serving(tmp_path / "hosted") as found:
        found.hub.tokens.update({"t0ken": "ada", "reader": "bob"})
        found.add("ada/engine", roles={"ada": "admin"})
        yield found


async def opened(kit: Kit, served: Served, source: str | None = None) -> Case:
    repository = await Repository.open(source or str(kit.folder), kit.folder.parent / "store")
    base = await repository.resolve()
    tree = await repository.write_tree(
        await repository.tree_of(base), {"b.py": File(mode="100644", data=b"b = 2\n")}
    )
    remote = Remote(f"{served.url}/ada/engine.git", "t0ken")
    return Case(kit, served, await Publisher.open(repository, remote), base, tree)


@pytest.fixture
async def case(tmp_path: Path, served: Served) -> Case:
    kit = Kit(tmp_path / "work")
    for number in range(3):
        kit.commit({"a.py": b"a = %d\n" % number})
    hosted = served.hub.repositories["ada/engine"].git
    git(kit.folder, "push", "-q", str(hosted), "main")
    return await opened(kit, served)


async def test_a_tree_comes_to_a_new_branch(case: Case) -> None:
    commit = await case.commit()
    assert await case.publisher.at(BRANCH) is None
    await case.publisher.push(commit, BRANCH, None)
    assert await case.publisher.at(BRANCH) == commit == case.hosted.commit_of(BRANCH)
    shown = case.hosted.ask("show", "-s", "--format=%an <%ae> %at%n%P%n%B", commit)
    assert shown.startswith(f"swe-scale <bot@example.org> 1700000000\n{case.base}\nMend it\n")
    assert f"\n{TRAILER}: " in shown
    assert case.hosted.ask("show", f"{commit}:b.py") == "b = 2"


async def test_the_same_commit_is_made_twice_and_pushing_it_again_changes_nothing(case: Case) -> None:
    commit = await case.commit()
    await case.publisher.push(commit, BRANCH, None)
    assert await case.commit("Mend it\n\n") == commit
    await case.publisher.push(commit, BRANCH, commit)
    assert await case.commit("Mend that") != commit


@pytest.mark.parametrize(
    "message", ["Mend it", "Mend it\n\nAs said.  \n\nSigned-off-by: A <a@example.org>", "é\t\n\n\nx"]
)
async def test_what_was_made_here_is_known(case: Case, message: str, tmp_path: Path) -> None:
    commit = await case.commit(message)
    await case.publisher.push(commit, BRANCH, None)
    fresh = await Publisher.open(
        await Repository.open(str(case.kit.folder), tmp_path / "other"), case.publisher.remote
    )
    for publisher in (case.publisher, fresh):
        assert await publisher.made(BRANCH, commit)


async def test_what_somebody_has_added_to_or_changed_is_theirs(case: Case) -> None:
    commit = await case.commit()
    await case.publisher.push(commit, BRANCH, None)
    added = case.theirs(commit)
    assert not await case.publisher.made(BRANCH, added)

    text = case.hosted.ask("cat-file", "commit", commit)
    base_tree = case.hosted.ask("rev-parse", f"{case.base}^{{tree}}")
    tree_line = f"tree {case.hosted.ask('rev-parse', f'{commit}^{{tree}}')}"
    amended = git(
        case.kit.folder, f"--git-dir={case.hosted.git}", "hash-object", "-t", "commit", "-w", "--stdin",
        input=text.replace(tree_line, f"tree {base_tree}").encode() + b"\n",
    ).decode().strip()  # fmt: skip
    case.hosted.ask("update-ref", f"refs/heads/{BRANCH}", amended)
    assert not await case.publisher.made(BRANCH, amended)


async def test_a_branch_that_has_moved_stays_as_it_is(case: Case) -> None:
    commit = await case.commit()
    await case.publisher.push(commit, BRANCH, None)
    theirs = case.theirs(commit)
    for expected in (commit, None):
        with pytest.raises(RepositoryError, match="stale info"):
            await case.publisher.push(await case.commit("another"), BRANCH, expected)
    assert case.hosted.commit_of(BRANCH) == theirs


async def test_the_base_may_have_moved(case: Case) -> None:
    git(case.kit.folder, "commit", "-q", "--allow-empty", "-m", "later")
    git(case.kit.folder, "push", "-q", str(case.hosted.git), "main")
    git(case.kit.folder, "reset", "-q", "--hard", "HEAD~1")
    await case.publisher.push(await case.commit(), BRANCH, None)
    assert case.hosted.ask("rev-list", "--count", f"main..{BRANCH}") == "1"


async def test_from_a_shallow_clone(case: Case, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{case.hosted.git}", "shallow")
    kit = Kit(tmp_path / "unused")
    shallow = await opened(kit, case.served, str(tmp_path / "shallow"))
    commit = await shallow.commit()
    assert commit == await case.commit()
    await shallow.publisher.push(commit, BRANCH, None)
    assert case.hosted.ask("rev-list", "--count", BRANCH) == "4"
    assert await shallow.publisher.made(BRANCH, commit)
    theirs = case.theirs(commit)
    assert not await shallow.publisher.made(BRANCH, theirs)


async def test_from_an_address(case: Case, tmp_path: Path) -> None:
    kit = Kit(tmp_path / "unused")
    (tmp_path / "store").rename(tmp_path / "before")
    mirrored = await opened(kit, case.served, f"{case.served.url}/ada/engine.git")
    await mirrored.publisher.push(await mirrored.commit(), BRANCH, None)
    assert case.hosted.commit_of(BRANCH) == await mirrored.commit()


@pytest.mark.parametrize("token", ["", "reader", "wrong"])
async def test_a_token_without_the_right(case: Case, token: str) -> None:
    publisher = replace(case.publisher, remote=replace(case.publisher.remote, token=token))
    with pytest.raises(
        RepositoryError, match=r"git push failed for http://127.*engine\.git: .*token's rights"
    ) as caught:
        await publisher.push(await case.commit(), BRANCH, None)
    assert "t0ken" not in str(caught.value)
    assert case.hosted.commit_of(BRANCH) == ""


async def test_a_remote_that_refuses_by_a_rule_says_why(case: Case) -> None:
    hook = case.hosted.git / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RepositoryError, match="hook declined"):
        await case.publisher.push(await case.commit(), BRANCH, None)


async def test_the_token_is_in_no_command_line_and_no_text(case: Case) -> None:
    assert "t0ken" not in repr(case.publisher.remote)
    variables = access("https://github.com/ada/engine.git", "t0ken")
    assert {value for name, value in variables.items() if name.startswith("GIT_CONFIG_KEY")} == {
        "credential.https://github.com.helper"
    }
    assert [name for name, value in variables.items() if "t0ken" in value] == ["SWE_SCALE_TOKEN"]
    assert access("git@github.com:ada/engine.git", "t0ken") == {}
    folder = case.publisher.git.git_dir
    assert folder is not None
    await case.publisher.push(await case.commit(), BRANCH, None)
    files = [file for file in folder.parent.rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if b"t0ken" in file.read_bytes()]


async def test_a_token_is_shown_as_it_is(case: Case) -> None:
    token = r"t0ken\n\$(x)`y`%s'\""
    case.served.hub.tokens[token] = "ada"
    publisher = replace(case.publisher, remote=replace(case.publisher.remote, token=token))
    await publisher.push(await case.commit(), BRANCH, None)


async def test_a_redirect_takes_the_token_nowhere(case: Case, tmp_path: Path) -> None:
    (tmp_path / "thief").mkdir()
    with serving(tmp_path / "thief") as thief:
        thief.hub.tokens.update(case.served.hub.tokens)
        git(tmp_path, "clone", "-q", "--bare", str(case.hosted.git), str(thief.add("ada/engine").git / "x"))
        thief.hub.repositories["ada/engine"].git /= "x"
        away = f"{thief.url}/ada/engine.git/info/refs?service=git-upload-pack"
        path = "/ada/engine.git/info/refs"
        case.served.faults.append(Fault("GIT", path, 302, {"Location": away}, times=9))
        remote = Remote(f"{case.served.url}/ada/engine.git", "t0ken")
        await Repository.open(remote.address, tmp_path / "elsewhere", remote.token)
        assert thief.asked
        assert {login for _, _, login in thief.asked} == {""}


@pytest.mark.parametrize(
    "branch", ["", "-x", "a..b", "a b", "refs/heads/../x", "x.lock", "a/", "a//b", "x\ny", "a~1"]
)
async def test_what_is_no_branch(case: Case, branch: str) -> None:
    with pytest.raises(RepositoryError, match="not the name of a branch"):
        await case.publisher.push(await case.commit(), branch, None)
