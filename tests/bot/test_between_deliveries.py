"""What others do between two deliveries, or at the same time: rename, close, delete, deliver themselves."""

import pytest
from bot.delivery_kit import BRANCH, PATCH, Project
from bot.hub_server import Fault
from git_kit import git

from swe_scale.bot.deliver import deliver
from swe_scale.errors import GitHubError, RepositoryError
from swe_scale.github import RepositoryAddress

pytestmark = pytest.mark.anyio


def assert_made_once(project: Project) -> None:
    assert len(project.hosted.pulls) == 1
    assert len(project.comments()) == 1


async def test_a_repository_that_was_renamed_keeps_its_pull_request(project: Project) -> None:
    first = await project.deliver()
    project.served.hub.rename("ada/engine", "countess/analytical")
    project.hosted.roles["countess"] = "admin"
    second = await project.deliver(project.answer(confidence=0.5))
    assert second.url == first.url.replace("ada/engine", "countess/analytical")
    assert_made_once(project)
    assert "**0.50**" in project.comments()[0]


async def test_a_name_in_other_letters_is_the_same_repository(project: Project) -> None:
    first = await project.deliver()
    place = project.address.repository
    other = RepositoryAddress(scheme=place.scheme, host=place.host, owner="ADA", repo="Engine")
    async with project.means() as means:
        wish = project.wish()
        shouted = type(wish)(issue=other.issue(wish.issue.number))
        assert await deliver(project.answer(confidence=0.5), shouted, means) == first
    assert_made_once(project)


async def test_what_somebody_has_closed_is_not_proposed_again(project: Project) -> None:
    first = await project.deliver()
    [pull] = project.hosted.pulls.values()
    pull.issue.state = "closed"
    project.hosted.ask("update-ref", "-d", f"refs/heads/{BRANCH}")
    again = await project.deliver()
    assert again.kind == "comment"
    assert f"proposed already, in {first.url}" in again.reason
    assert_made_once(project)
    assert project.hosted.branches() == ["main"]
    other = await project.deliver(project.answer(patch=PATCH.replace("0.0", "0")))
    assert other.kind == "pull request"
    assert other.url != first.url


async def test_a_comment_that_is_refused_makes_no_error_of_a_pull_request(project: Project) -> None:
    message = "Resource not accessible by personal access token"
    path = "/repos/ada/engine/issues/1/comments"
    project.served.faults.append(Fault("POST", path, 403, message=message))
    assert (await project.deliver()).kind == "pull request"
    assert project.comments() == []
    project.served.faults.append(Fault("POST", path, 403, message=message))
    with pytest.raises(GitHubError, match="issues: write"):
        await project.deliver(project.answer(outcome="abstained", patch=None))


async def test_another_delivery_of_the_same_is_quicker(project: Project) -> None:
    made: list[str] = []

    def watch(method: str, path: str, done: bool) -> None:
        if method == "GIT" and path.endswith("/git-receive-pack") and not done and not made:
            made.append("another's")
            project.hosted.ask("update-ref", f"refs/heads/{BRANCH}", commit)

    await project.deliver()
    commit = project.hosted.commit_of(BRANCH)
    project.hosted.ask("update-ref", "-d", f"refs/heads/{BRANCH}")
    project.served.watch = watch
    assert (await project.deliver()).kind == "pull request"
    assert made
    assert project.hosted.commit_of(BRANCH) == commit


async def test_a_fork_is_waited_for(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_TOKEN", "visitor-token")
    fault = Fault("GIT", "/bob/engine.git/info/refs", 404, times=3)
    project.served.faults.append(fault)
    async with project.means("visitor-token") as means:
        wish = project.wish(fork=True, comment=False)
        assert (await deliver(project.answer(), wish, means)).kind == "pull request"
        assert fault.times == 0
        fault.times = 1000
        with pytest.raises(RepositoryError, match="bob/engine"):
            await deliver(project.answer(), wish, means)
        assert fault.times > 900


async def test_a_base_that_was_deleted_is_not_taken_for_one(project: Project) -> None:
    git(project.kit.folder, "push", "-q", str(project.hosted.git), "HEAD:next")
    assert (await project.deliver(base="next")).kind == "pull request"
    project.hosted.ask("update-ref", "-d", "refs/heads/next")
    with pytest.raises(RepositoryError, match="refs/heads/next"):
        await project.deliver(base="next")


async def test_a_branch_whose_name_is_a_folder_by_now(project: Project) -> None:
    project.pushed({"a.py": b""}, "next")
    await project.deliver()
    project.hosted.ask("update-ref", "-d", "refs/heads/next")
    project.pushed({"b.py": b""}, "next/one")
    assert (await project.deliver(project.answer(confidence=0.5))).kind == "pull request"


async def test_a_tag_named_like_the_base_is_not_the_base(project: Project) -> None:
    project.hosted.ask("tag", "main", project.base)
    head = project.pushed({"README.md": b"# engine, better\n"}, "main")
    await project.deliver()
    assert project.hosted.ask("rev-parse", f"refs/heads/{BRANCH}^") == head
