"""The test double of GitHub is itself held against GitHub's description."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from bot.hub_schema import description
from bot.hub_server import Served, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as found:
        found.hub.tokens["t0ken"] = "ada"
        found.add("ada/engine", roles={"ada": "admin"})
        yield found


def test_every_answer_is_as_described(served: Served) -> None:
    repository = served.hub.repositories["ada/engine"]
    repository.add_issue("It breaks", "Badly.", labels=["bug"])
    tree = repository.ask("hash-object", "-t", "tree", "-w", "/dev/null")
    for branch in ("main", "try"):
        commit = repository.ask(
            "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", "-m", branch, tree
        )
        repository.ask("update-ref", f"refs/heads/{branch}", commit)
    with httpx2.Client(base_url=served.api, headers={"Authorization": "Bearer t0ken"}) as client:
        place = "/repos/ada/engine"
        pull = {"title": "Mend", "head": "try", "base": "main", "body": "x", "draft": True}
        answers = [
            client.get(place),
            client.get("/user"),
            client.get(f"{place}/issues/1"),
            client.post(f"{place}/issues/1/comments", json={"body": "me, too"}),
            client.get(f"{place}/issues/1/comments?per_page=100"),
            client.patch(f"{place}/issues/comments/1", json={"body": "me, too!"}),
            client.get(f"{place}/collaborators/ada/permission"),
            client.post(f"{place}/pulls", json=pull),
            client.get(f"{place}/pulls?head=ada:try&state=all"),
            client.get(f"{place}/pulls/2"),
            client.patch(f"{place}/pulls/2", json={"title": "Mend it"}),
            client.get(f"{place}/commits/main/check-runs"),
            client.post(f"{place}/forks", json={}),
            client.delete(f"{place}/issues/comments/1"),
        ]
    assert [answer.status_code for answer in answers] == [
        200, 200, 200, 201, 200, 200, 200, 201, 200, 200, 200, 200, 202, 204
    ]  # fmt: skip
    assert served.wrong == []


def test_what_is_not_described_is_told(served: Served) -> None:
    if description() is None:
        pytest.skip("SWE_SCALE_TEST_GITHUB names no description")
    served.hub.repositories["ada/engine"].add_issue("It breaks")
    with httpx2.Client(base_url=served.api) as client:
        client.get("/repos/ada/engine/issues/1/comments?pages=2")
        client.post("/repos/ada/engine/issues/1/comments", json={"text": "x"})
    assert any("pages is no parameter" in one for one in served.wrong)
    assert any("'body' is a required property" in one for one in served.wrong)
    assert any("there is no field text" in one for one in served.wrong)


def test_git_reads_and_writes_over_http(served: Served, tmp_path: Path) -> None:
    work = tmp_path / "work"
    url = served.url.replace("http://", "http://x:t0ken@") + "/ada/engine.git"

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@b.example", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    subprocess.run(["git", "init", "-q", "-b", "main", str(work)], check=True)
    git("commit", "-q", "--allow-empty", "-m", "first")
    git("push", "-q", url, "main")
    assert served.hub.repositories["ada/engine"].commit_of("main") == git("rev-parse", "HEAD").strip()
    assert git("ls-remote", f"{served.url}/ada/engine.git").split()[0] == git("rev-parse", "HEAD").strip()
    with pytest.raises(subprocess.CalledProcessError):
        git("push", "-q", f"{served.url}/ada/engine.git", "main:other")
