"""What goes wrong on the way to GitHub: limits, refusals, half answers, none; and nothing is made twice."""

import pytest
from bot.delivery_kit import BRANCH, Project
from bot.hub_server import Fault
from bot.hub_state import Comment

from swe_scale.errors import GitHubError, PerhapsDone
from swe_scale.github import door

pytestmark = pytest.mark.anyio

PULLS = "/repos/ada/engine/pulls"
ISSUE = "/repos/ada/engine/issues/1"
COMMENTS = f"{ISSUE}/comments"


def assert_made_once(project: Project) -> None:
    assert len(project.hosted.pulls) == 1
    assert len(project.comments()) == 1
    assert project.hosted.branches() == ["main", BRANCH]


LIMITS = {
    "retry-after": Fault("", "", 403, {"Retry-After": "7"}, "You have exceeded a secondary rate limit."),
    "secondary": Fault("", "", 403, {}, "You have exceeded a secondary rate limit. Please wait."),
    "too many": Fault("", "", 429, {"Retry-After": "3"}),
    "primary": Fault("", "", 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000000"}),
}


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", ISSUE), ("GET", PULLS), ("POST", PULLS), ("POST", COMMENTS)]
)
async def test_limits_are_waited_for(project: Project, limit: str, method: str, path: str) -> None:
    plain = LIMITS[limit]
    fault = Fault(method, path, plain.status, plain.headers, plain.message, times=2)
    project.served.faults.append(fault)
    assert (await project.deliver()).kind == "pull request"
    assert fault.times == 0
    assert_made_once(project)


async def test_a_limit_that_lasts_longer_than_one_waits_is_told(project: Project) -> None:
    project.served.faults.append(Fault("GET", ISSUE, 403, {"Retry-After": "100000"}, "rate limit", times=99))
    with pytest.raises(GitHubError, match="rate limit is used up for 100000 s"):
        await project.deliver()
    project.served.faults = [Fault("GET", ISSUE, 403, {"Retry-After": "100"}, "rate limit", times=99)]
    with pytest.raises(GitHubError, match="rate limit is used up for 100 s"):
        await project.deliver()
    assert project.served.faults[0].times == 95


async def test_a_limit_that_asks_for_no_waiting_does_not_last_forever(project: Project) -> None:
    project.served.faults.append(Fault("GET", ISSUE, 429, {"Retry-After": "0"}, times=1000))
    with pytest.raises(GitHubError, match="rate limit is used up"):
        await project.deliver()
    assert project.served.faults[0].times > 600


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize(("method", "path"), [("GET", ISSUE), ("GET", PULLS), ("GET", COMMENTS)])
async def test_what_only_reads_is_tried_again(project: Project, status: int, method: str, path: str) -> None:
    project.served.faults.append(Fault(method, path, status, times=3))
    assert (await project.deliver()).kind == "pull request"
    assert_made_once(project)


async def test_a_service_that_stays_broken_is_told(project: Project) -> None:
    project.served.faults.append(Fault("GET", ISSUE, 502, times=99))
    with pytest.raises(GitHubError, match="GitHub answered 502 for ada/engine#1"):
        await project.deliver()
    assert project.served.faults[0].times == 95


@pytest.mark.parametrize("path", [PULLS, COMMENTS])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", "", cut=True, times=2),
        Fault("POST", "", 502, times=2),
        Fault("POST", "", seconds=0.6, times=1),
    ],
    ids=["cut off after it was made", "refused before", "slow"],
)
async def test_what_may_have_been_made_is_looked_for(
    project: Project, monkeypatch: pytest.MonkeyPatch, path: str, fault: Fault
) -> None:
    if fault.seconds:
        monkeypatch.setattr(door, "_SECONDS", 0.3)
    fault = Fault("POST", path, fault.status, seconds=fault.seconds, cut=fault.cut, times=fault.times)
    project.served.faults.append(fault)
    delivered = await project.deliver()
    assert delivered.kind == "pull request"
    assert_made_once(project)


async def test_what_never_answers_is_told_and_can_be_done_again(project: Project) -> None:
    project.served.faults.append(Fault("POST", COMMENTS, 502, times=3))
    with pytest.raises(PerhapsDone, match="answered 502"):
        await project.deliver()
    assert len(project.hosted.pulls) == 1
    await project.deliver()
    assert_made_once(project)


async def test_somebody_was_quicker(project: Project) -> None:
    message = "A pull request already exists for ada:swe-scale/issue-1."
    project.served.faults.append(Fault("POST", PULLS, 422, message=message))
    assert (await project.deliver()).kind == "pull request"
    assert_made_once(project)


@pytest.mark.parametrize(
    ("status", "says"), [(409, "Git is busy"), (422, "Validation Failed"), (451, "DMCA")]
)
async def test_refusals_are_told_in_the_services_own_words(project: Project, status: int, says: str) -> None:
    project.served.faults.append(Fault("POST", PULLS, status, message=says))
    with pytest.raises(GitHubError, match=says) as caught:
        await project.deliver()
    assert caught.value.status == status
    await project.deliver()
    assert_made_once(project)


async def test_a_token_that_expires_on_the_way(project: Project) -> None:
    project.served.faults.append(Fault("POST", PULLS, 401, message="Bad credentials"))
    with pytest.raises(GitHubError, match="refuses the token in BOT_TOKEN"):
        await project.deliver()
    await project.deliver()
    assert_made_once(project)


async def test_a_comment_that_was_deleted_meanwhile_is_written_anew(project: Project) -> None:
    await project.deliver()
    [ours] = project.issue.comments
    deleted: list[Comment] = []

    def watch(method: str, path: str, done: bool) -> None:
        if method == "PATCH" and "/comments/" in path and not done and not deleted:
            deleted.append(ours)
            project.issue.comments.remove(ours)

    project.served.watch = watch
    await project.deliver(project.answer(confidence=0.5))
    assert deleted
    assert_made_once(project)
    assert "**0.50**" in project.comments()[0]


async def test_our_comment_is_found_behind_hundreds_of_others(project: Project) -> None:
    project.issue.comments += [Comment(number, "bob", "me, too") for number in range(1000, 1250)]
    await project.deliver()
    await project.deliver(project.answer(confidence=0.5))
    assert len(project.comments()) == 251
    assert "**0.50**" in project.comments()[-1]
