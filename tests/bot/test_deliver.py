"""From an answer to a pull request, on a service that answers as GitHub does and real git."""

import pytest
from bot.delivery_kit import BEFORE, BRANCH, PATCH, TOKEN, Project
from bot.hub_state import Comment
from git_kit import git

from swe_scale.bot.deliver import deliver
from swe_scale.bot.marks import mark_of
from swe_scale.errors import GitHubError, RepositoryError
from swe_scale.house.messages import Identity
from swe_scale.repo.publish import Publisher, Remote

pytestmark = pytest.mark.anyio


async def test_an_answer_becomes_a_draft_pull_request(project: Project) -> None:
    delivered = await project.deliver()
    [(number, pull)] = project.hosted.pulls.items()
    assert (delivered.kind, delivered.url) == (
        "pull request",
        f"{project.served.url}/ada/engine/pull/{number}",
    )
    assert (pull.head, pull.base, pull.draft) == (f"ada:{BRANCH}", "main", True)
    assert pull.issue.title == "mean([]) raises ZeroDivisionError"
    assert pull.issue.body is not None
    assert "\nFixes #1\n" in pull.issue.body
    assert "changelog" not in pull.issue.body
    assert "Confidence **0.83**" in pull.issue.body
    assert project.hosted.branches() == ["main", BRANCH]
    diff = project.hosted.ask("diff", "main", BRANCH)
    assert "+    if not values:\n+        return 0.0" in diff
    assert project.hosted.ask("log", "-1", "--format=%an %s", BRANCH) == (
        "swe-scale mean([]) raises ZeroDivisionError"
    )
    [comment] = project.comments()
    assert delivered.url in comment


async def test_where_there_are_no_drafts_it_is_none(project: Project) -> None:
    project.hosted.drafts = False
    first, second = await project.deliver(), await project.deliver()
    [pull] = project.hosted.pulls.values()
    assert first == second and first.kind == "pull request" and not pull.draft


async def test_a_second_delivery_changes_nothing(project: Project) -> None:
    first = await project.deliver()
    before = (project.hosted.commit_of(BRANCH), project.comments(), len(project.served.writes()))
    assert await project.deliver() == first
    assert (project.hosted.commit_of(BRANCH), project.comments(), len(project.served.writes())) == before


async def test_another_answer_updates_its_own_pull_request(project: Project) -> None:
    first = await project.deliver()
    [pull] = project.hosted.pulls.values()
    pull.issue.title = "A better title, by a maintainer"
    other = PATCH.replace("return 0.0", "return 0")
    second = await project.deliver(project.answer(patch=other, confidence=0.9))
    assert (second.kind, second.url) == (first.kind, first.url)
    assert second.commit == project.hosted.commit_of(BRANCH) != first.commit
    assert len(project.hosted.pulls) == 1
    assert pull.issue.title == "A better title, by a maintainer"
    assert "Confidence **0.90**" in (pull.issue.body or "")
    assert "+        return 0\n" in project.hosted.ask("diff", "main", BRANCH)
    assert project.hosted.ask("rev-list", "--count", f"main..{BRANCH}") == "1"
    assert len(project.comments()) == 1


async def test_without_the_wish_for_one_there_is_a_comment_alone(project: Project) -> None:
    delivered = await project.deliver(pull=False)
    assert delivered.kind == "comment"
    assert project.hosted.pulls == {}
    assert project.hosted.branches() == ["main"]
    assert "opens no pull request" in project.comments()[0]
    assert "return 0.0" in project.comments()[0]


async def test_an_abstention_is_a_comment(project: Project) -> None:
    answer = project.answer(outcome="abstained", patch=None, confidence=0.2, reason="Checks contradict. @ada")
    delivered = await project.deliver(answer)
    assert delivered.kind == "comment"
    [comment] = project.comments()
    assert "has no patch that it would propose" in comment
    assert "`@ada`" in comment


async def test_too_little_confidence_is_a_comment(project: Project) -> None:
    delivered = await project.deliver(min_confidence=0.9)
    assert (delivered.kind, project.hosted.pulls) == ("comment", {})
    assert "below the 0.9 that is asked for" in project.comments()[0]


async def test_silence_where_no_comment_is_wished(project: Project) -> None:
    delivered = await project.deliver(project.answer(outcome="abstained", patch=None), comment=False)
    assert (delivered.kind, delivered.reason) == ("nothing", "Most checks say so.")
    assert project.served.writes() == []


async def test_a_branch_that_somebody_added_to_is_left_alone(project: Project) -> None:
    await project.deliver()
    head = project.hosted.commit_of(BRANCH)
    tree = project.hosted.ask("rev-parse", f"{head}^{{tree}}")
    name = ("-c", "user.name=a", "-c", "user.email=a@b")
    theirs = project.hosted.ask(*name, "commit-tree", "-m", "mine", "-p", head, tree)
    project.hosted.ask("update-ref", f"refs/heads/{BRANCH}", theirs)
    delivered = await project.deliver(project.answer(patch=PATCH.replace("0.0", "0")))
    assert delivered.kind == "comment"
    assert "Somebody else has added to the branch" in delivered.reason
    assert project.hosted.commit_of(BRANCH) == theirs


async def test_a_branch_of_that_name_by_somebody_else_is_left_alone(project: Project) -> None:
    theirs = project.pushed({"x": b"x"}, BRANCH)
    delivered = await project.deliver()
    assert (delivered.kind, project.hosted.commit_of(BRANCH)) == ("comment", theirs)
    assert project.hosted.pulls == {}


async def test_marks_and_comments_of_others_are_never_taken_for_ours(project: Project) -> None:
    await project.deliver()
    [ours] = project.issue.comments
    project.issue.comments.insert(0, Comment(99, "mallory", ours.body))
    await project.deliver(project.answer(confidence=0.5))
    assert [comment.login for comment in project.issue.comments] == ["mallory", "swe-scale[bot]"]
    assert "**0.83**" in project.issue.comments[0].body
    assert "**0.50**" in project.issue.comments[1].body


async def test_a_patch_that_shows_a_mark_does_not_hide_ours(project: Project) -> None:
    fake = f"<!-- swe-scale:comment issue=1 answer={'0' * 16} head=none -->"
    patch = PATCH.replace("+        return 0.0", f'+        return 0.0\n+"""\n+{fake}\n+"""').replace(
        "+1,4", "+1,7"
    )
    for _ in range(2):
        await project.deliver(project.answer(patch=patch), pull=False)
    [comment] = project.comments()
    mark = mark_of(comment, "comment", 1)
    assert mark is not None
    assert mark.answer != "0" * 16


async def test_the_base_has_moved_and_the_patch_applies(project: Project) -> None:
    head = project.pushed({"README.md": b"# engine, better\n"})
    await project.deliver()
    assert project.hosted.ask("rev-parse", f"{BRANCH}^") == head
    [pull] = project.hosted.pulls.values()
    assert "`main` has moved since the patch was judged" in (pull.issue.body or "")


async def test_the_base_has_moved_and_the_patch_does_not_apply(project: Project) -> None:
    project.pushed({"mean.py": b"def mean(numbers):\n    return sum(numbers) / len(numbers)\n"})
    await project.deliver()
    assert project.hosted.ask("rev-parse", f"{BRANCH}^") == project.base
    [pull] = project.hosted.pulls.values()
    assert "doesn't apply any more" in (pull.issue.body or "")


async def test_the_branch_has_the_change_already(project: Project) -> None:
    first, second = BEFORE.splitlines(keepends=True)
    project.pushed({"mean.py": first + b"    if not values:\n        return 0.0\n" + second})
    delivered = await project.deliver()
    assert (delivered.kind, delivered.reason) == (
        "comment", "It changes nothing any more: `main` has it already."
    )  # fmt: skip


async def test_a_base_that_nobody_has_pushed(project: Project) -> None:
    own = project.kit.commit({"secret.py": b"x = 1\n"})
    with pytest.raises(RepositoryError, match="has no commit"):
        await project.deliver(project.answer(base_commit=own))


async def test_a_history_that_was_rewritten(project: Project) -> None:
    git(project.kit.folder, "checkout", "-q", "--orphan", "anew")
    project.kit.commit({"mean.py": BEFORE.replace(b"values", b"numbers")})
    git(
        project.kit.folder,
        "push",
        "-q",
        "--force",
        str(project.hosted.git),
        "HEAD:main",
        f"{project.base}:refs/heads/old",
    )
    delivered = await project.deliver()
    assert delivered.kind == "comment"
    assert "The patch can't be delivered" in delivered.reason
    assert project.hosted.branches() == ["main", "old"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"state": "closed"}, "is closed"),
        ({"moved_to": "/repos/ada/other/issues/1"}, "was transferred to ada/other#1"),
    ],
)
async def test_issues_that_take_nothing(project: Project, change: dict[str, str], says: str) -> None:
    other = project.served.add("ada/other", roles={"swe-scale[bot]": "write"})
    other.add_issue("moved")
    for name, value in change.items():
        setattr(project.issue, name, value)
    delivered = await project.deliver()
    assert delivered.kind == "nothing"
    assert says in delivered.reason
    assert project.served.writes() == []


async def test_an_archived_repository_takes_nothing(project: Project) -> None:
    project.hosted.archived = True
    delivered = await project.deliver()
    assert (delivered.kind, delivered.reason) == (
        "nothing", "ada/engine is archived: nothing can be written there"
    )  # fmt: skip


async def test_a_label_that_was_taken_away_cancels(project: Project) -> None:
    project.issue.labels = ["Swe-Scale"]
    assert (await project.deliver(label="swe-scale")).kind == "pull request"
    project.issue.labels = ["bug"]
    delivered = await project.deliver(label="swe-scale")
    assert "cancelled" in delivered.reason


@pytest.mark.parametrize("gone", [404, 410])
async def test_an_issue_that_is_gone(project: Project, gone: int) -> None:
    project.issue.gone = gone
    with pytest.raises(GitHubError) as caught:
        await project.deliver()
    assert caught.value.status == gone


async def test_a_locked_conversation_gets_a_pull_request_all_the_same(project: Project) -> None:
    project.issue.locked = True
    project.hosted.roles["swe-scale[bot]"] = "write"
    assert (await project.deliver()).kind == "pull request"


async def test_without_the_right_to_push(project: Project) -> None:
    project.hosted.roles["swe-scale[bot]"] = "read"
    with pytest.raises(GitHubError, match="may not push to ada/engine; give it `contents: write`"):
        await project.deliver()
    assert project.served.writes() == []


async def test_from_a_fork(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_TOKEN", "visitor-token")
    answer = project.answer()
    for _ in range(2):
        async with project.means("visitor-token") as means:
            wish = project.wish(fork=True, comment=False)
            delivered = await deliver(answer, wish, means)
        assert delivered.kind == "pull request"
    assert project.hosted.branches() == ["main"]
    [pull] = project.hosted.pulls.values()
    assert pull.head == f"bob:{BRANCH}"


async def test_what_needs_a_word(project: Project) -> None:
    patch = PATCH + (
        "diff --git a/.github/workflows/x.yml b/.github/workflows/x.yml\nnew file mode 100644\n"
        "--- /dev/null\n+++ b/.github/workflows/x.yml\n@@ -0,0 +1 @@\n+on: push\n"
    )
    delivered = await project.deliver(project.answer(patch=patch))
    assert delivered.kind == "comment"
    assert "With `--allow-workflows`" in delivered.reason
    assert (await project.deliver(project.answer(patch=patch), allow_workflows=True)).kind == "pull request"


async def test_secrets_are_never_posted(project: Project) -> None:
    leaking = project.answer(patch=PATCH.replace("return 0.0", f"return {TOKEN!r}"))
    delivered = await project.deliver(leaking)
    assert delivered.kind == "comment"
    assert "looks like a secret: the value of BOT_TOKEN" in project.comments()[0]
    talking = project.answer(outcome="abstained", patch=None, reason=f"the key is {TOKEN}")
    await project.deliver(talking)
    assert not [text for text in project.comments() if TOKEN in text]
    assert project.hosted.branches() == ["main"]


CHANGELOG = """# Changelog

## Unreleased

### Fixed

- Something before, case {number}.

## 1.0.0

- First.
"""
TEMPLATE = "## What\n\n<!-- Tell. @ada -->\n\n## Tests\n\n- [ ] I have read the guide\n"


async def test_a_change_is_told_in_the_projects_own_manner(project: Project) -> None:
    folder = project.kit.folder
    for number in range(12):
        changelog = CHANGELOG.format(number=number).encode()
        template = {".github/PULL_REQUEST_TEMPLATE.md": TEMPLATE.encode()}
        project.kit.write({f"f{number}.py": b"x = 1\n", "CHANGELOG.md": changelog} | template)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", f"fix: handle case {number}\n\nSigned-off-by: A <a@example.org>")
    base = project.pushed({"last.py": b""})
    answer = project.answer(base_commit=base, title="fix mean of nothing. Fixes #99 @ada")
    await project.deliver(answer, signer=Identity("Ada Engine", "ada@example.org"))
    [pull] = project.hosted.pulls.values()
    assert pull.issue.title.startswith("fix: ")
    body = pull.issue.body or ""
    assert body.index("## What") < body.index("## Tests") < body.index("- [ ] I have read the guide")
    assert "Fixes #1" in body and "Fixes #99" not in body
    message = project.hosted.ask("log", "-1", "--format=%B", BRANCH)
    assert "Signed-off-by: Ada Engine <ada@example.org>" in message
    assert "#99" not in message
    assert await is_ours(project)
    shown = project.hosted.ask("show", f"{BRANCH}:CHANGELOG.md")
    assert shown.index("mean of nothing") < shown.index("## 1.0.0")


async def is_ours(project: Project) -> bool:
    async with project.means() as means:
        remote = Remote(project.address.clone_url, TOKEN)
        publisher = await Publisher.open(means.repository, remote)
        return await publisher.made(BRANCH, project.hosted.commit_of(BRANCH))
