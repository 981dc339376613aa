"""How the service answers: each function takes a request on the state and returns status and body."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.hub_state import Comment, Hub, Issue, Pull, Repository


@dataclass
class Request:
    """A request that was understood."""

    hub: Hub
    base: str
    """Address of the service, without a slash at the end."""
    login: str | None
    match: re.Match[str]
    query: dict[str, str]
    body: Any

    @property
    def repository(self) -> Repository:
        return self.hub.repositories[self.match["repo"].lower()]

    def issue(self) -> Issue:
        return self.repository.issues[int(self.match["number"])]


Reply = tuple[int, Any]
_ROUTES: list[tuple[str, re.Pattern[str], Callable[[Request], Reply]]] = []


def route(method: str, path: str) -> Callable[[Callable[[Request], Reply]], Callable[[Request], Reply]]:
    """Return a decorator that has a function answer what a method asks of a path."""
    pattern = path.replace("{repo}", "(?P<repo>[^/]+/[^/]+)").replace("{number}", r"(?P<number>\d+)")
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)

    def add(function: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
        _ROUTES.append((method, re.compile(pattern), function))
        return function

    return add


def find(method: str, path: str) -> tuple[re.Match[str], Callable[[Request], Reply]] | None:
    """Return what answers a method and a path."""
    for wanted, pattern, function in _ROUTES:
        if wanted == method and (match := pattern.fullmatch(path)):
            return match, function
    return None


def refused(status: int, message: str, *errors: str) -> Reply:
    """Return a refusal in GitHub's form."""
    body: dict[str, Any] = {"message": message, "documentation_url": "https://docs.github.com/rest"}
    if status == 422:
        body["errors"] = [{"resource": "PullRequest", "code": "custom", "message": error} for error in errors]
    return status, body


NOT_FOUND = refused(404, "Not Found")


def shown_issue(request: Request, issue: Issue) -> dict[str, Any]:
    repository = request.repository
    kind = "pull" if issue.number in repository.pulls else "issues"
    shown = {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": issue.state,
        "locked": issue.locked,
        "comments": len(issue.comments),
        "labels": [{"name": name} for name in issue.labels],
        "user": request.hub.user(issue.login),
        "author_association": issue.association,
        "html_url": f"{request.base}/{repository.full_name}/{kind}/{issue.number}",
    }
    if kind == "pull":
        url = f"{request.base}/api/v3/repos/{repository.full_name}/pulls/{issue.number}"
        shown["pull_request"] = {"url": url, "html_url": url, "diff_url": url, "patch_url": url}
    return shown


def shown_comment(request: Request, comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "body": comment.body,
        "user": request.hub.user(comment.login),
        "author_association": comment.association,
        "html_url": f"{request.base}/{request.repository.full_name}/issues/1#issuecomment-{comment.id}",
    }


def shown_pull(request: Request, pull: Pull) -> dict[str, Any]:
    owner, _, branch = pull.head.partition(":")
    name = request.repository.full_name.partition("/")[2]
    theirs = request.hub.repositories.get(f"{owner}/{name}".lower())
    sha = theirs.commit_of(branch) if theirs else ""
    base = request.repository
    return {
        **{
            name: value
            for name, value in shown_issue(request, pull.issue).items()
            if name not in ("comments", "pull_request", "author_association", "labels")
        },
        "labels": [
            {"id": 1, "node_id": "x", "url": "https://example.org/", "name": one, "description": "x",
             "color": "ffffff", "default": False}
            for one in pull.issue.labels
        ],
        "html_url": f"{request.base}/{base.full_name}/pull/{pull.issue.number}",
        "draft": pull.draft,
        "merged_at": "2026-01-02T03:04:05Z" if pull.merged else None,
        "head": {
            "label": pull.head,
            "ref": branch,
            "sha": sha or "0" * 40,
            "repo": {"full_name": theirs.full_name} if theirs else None,
        },
        "base": {
            "label": f"{base.owner}:{pull.base}",
            "ref": pull.base,
            "sha": base.commit_of(pull.base) or "0" * 40,
            "repo": {"full_name": base.full_name},
        },
    }  # fmt: skip


def _there(request: Request) -> Repository | None:
    """Return a repository that is there and that the caller may see."""
    found = request.hub.repositories.get(request.match["repo"].lower())
    if found is None or (found.private and found.roles.get(request.login or "", "none") == "none"):
        return None
    return found


@route("GET", "/user")
def user(request: Request) -> Reply:
    if request.login is None:
        return refused(401, "Requires authentication")
    if request.login in request.hub.bots:
        return refused(403, "Resource not accessible by integration")
    return 200, request.hub.user(request.login) | {"user_view_type": "private"}


@route("GET", "/repos/{repo}")
def repository(request: Request) -> Reply:
    found = _there(request)
    if found is None:
        return NOT_FOUND
    shown = {
        "full_name": found.full_name,
        "private": found.private,
        "archived": found.archived,
        "default_branch": found.default_branch,
        "size": 1 if found.branches() else 0,
        "html_url": f"{request.base}/{found.full_name}",
    }
    if request.login is not None:
        write, admin = found.may_write(request.login), found.roles.get(request.login) == "admin"
        shown["permissions"] = {
            "admin": admin, "maintain": admin, "push": write, "triage": write, "pull": True
        }  # fmt: skip
    return 200, shown


@route("GET", "/repos/{repo}/issues/{number}")
def issue(request: Request) -> Reply:
    found = _there(request)
    one = found.issues.get(int(request.match["number"])) if found else None
    if one is None:
        return NOT_FOUND
    if one.moved_to:
        url = f"{request.base}/api/v3{one.moved_to}"
        return 301, {
            "message": "Moved Permanently",
            "url": url,
            "documentation_url": "https://docs.github.com",
        }
    if one.gone:
        return refused(one.gone, "This issue was deleted" if one.gone == 410 else "Not Found")
    return 200, shown_issue(request, one)


@route("GET", "/repos/{repo}/issues/{number}/comments")
def comments(request: Request) -> Reply:
    found = _there(request)
    one = found.issues.get(int(request.match["number"])) if found else None
    if one is None:
        return NOT_FOUND
    size, page = int(request.query.get("per_page", 30)), int(request.query.get("page", 1))
    shown = one.comments[(page - 1) * size : page * size]
    return 200, [shown_comment(request, comment) for comment in shown]


@route("POST", "/repos/{repo}/issues/{number}/comments")
def add_comment(request: Request) -> Reply:
    found = _there(request)
    one = found.issues.get(int(request.match["number"])) if found else None
    if found is None or one is None or one.gone:
        return NOT_FOUND if one is None or one.gone == 404 else refused(410, "This issue was deleted")
    if request.login is None:
        return refused(401, "Requires authentication")
    if found.archived:
        return refused(403, "Repository was archived so is read-only.")
    if one.locked and not found.may_write(request.login):
        return refused(403, "Unable to create comment because issue is locked.")
    if len(request.body["body"]) > 65_536:
        return refused(422, "Validation Failed", "body is too long (maximum is 65536 characters)")
    comment = Comment(request.hub.next_id(), request.login, request.body["body"])
    one.comments.append(comment)
    return 201, shown_comment(request, comment)


def _comment(request: Request) -> tuple[Issue, Comment] | None:
    found = _there(request)
    for one in found.issues.values() if found else ():
        for comment in one.comments:
            if comment.id == int(request.match["number"]):
                return one, comment
    return None


@route("PATCH", "/repos/{repo}/issues/comments/{number}")
def change_comment(request: Request) -> Reply:
    place = _comment(request)
    if place is None:
        return NOT_FOUND
    if place[1].login != request.login and not request.repository.may_write(request.login or ""):
        return refused(403, "Must have admin rights to Repository.")
    place[1].body = request.body["body"]
    return 200, shown_comment(request, place[1])


@route("DELETE", "/repos/{repo}/issues/comments/{number}")
def delete_comment(request: Request) -> Reply:
    place = _comment(request)
    if place is None:
        return NOT_FOUND
    place[0].comments.remove(place[1])
    return 204, None


@route("GET", "/repos/{repo}/collaborators/{login}/permission")
def permission(request: Request) -> Reply:
    found = _there(request)
    if found is None:
        return NOT_FOUND
    if request.login is None or not found.may_write(request.login):
        return refused(403, "Must have push access to view collaborator permission.")
    role = found.roles.get(request.match["login"], "none" if found.private else "read")
    plain = {"maintain": "write", "triage": "read"}.get(role, role)
    return 200, {
        "permission": plain, "role_name": role, "user": request.hub.user(request.match["login"])
    }  # fmt: skip


@route("GET", "/repos/{repo}/pulls")
def pulls(request: Request) -> Reply:
    found = _there(request)
    if found is None:
        return NOT_FOUND
    wanted, state = request.query.get("head", ""), request.query.get("state", "open")
    shown = [
        shown_pull(request, pull)
        for pull in sorted(found.pulls.values(), key=lambda pull: -pull.issue.number)
        if (not wanted or pull.head == wanted) and state in ("all", pull.issue.state)
    ]
    for one in shown:
        one["author_association"] = "NONE"
    return 200, shown


@route("POST", "/repos/{repo}/pulls")
def add_pull(request: Request) -> Reply:
    found = _there(request)
    if found is None:
        return NOT_FOUND
    if request.login is None:
        return refused(401, "Requires authentication")
    if found.archived:
        return refused(403, "Repository was archived so is read-only.")
    body = request.body
    head = body["head"] if ":" in body["head"] else f"{found.owner}:{body['head']}"
    owner, _, branch = head.partition(":")
    theirs = request.hub.repositories.get(f"{owner}/{found.full_name.partition('/')[2]}".lower())
    if not found.may_write(request.login) and theirs is found:
        return refused(403, "Resource not accessible by integration")
    sha = theirs.commit_of(branch) if theirs else ""
    if not sha:
        return refused(422, "Validation Failed", f"Field head is invalid: {head}")
    if sha == found.commit_of(body["base"]):
        return refused(422, "Validation Failed", f"No commits between {body['base']} and {branch}")
    if not found.commit_of(body["base"]):
        return refused(422, "Validation Failed", f"Field base is invalid: {body['base']}")
    if any(pull.head == head and pull.issue.state == "open" for pull in found.pulls.values()):
        return refused(422, "Validation Failed", f"A pull request already exists for {head}.")
    if len(body.get("body") or "") > 65_536:
        return refused(422, "Validation Failed", "body is too long (maximum is 65536 characters)")
    if body.get("draft") and not found.drafts:
        return refused(422, "Validation Failed", "Draft pull requests are not supported in this repository.")
    one = found.add_issue(body["title"], body.get("body"), login=request.login)
    found.pulls[one.number] = Pull(one, head, body["base"], body.get("draft", False))
    return 201, shown_pull(request, found.pulls[one.number]) | _lone_pull()


def _lone_pull() -> dict[str, Any]:
    return {"author_association": "NONE", "merged": False, "comments": 0, "mergeable": None}


@route("GET", "/repos/{repo}/pulls/{number}")
def pull(request: Request) -> Reply:
    found = _there(request)
    one = found.pulls.get(int(request.match["number"])) if found else None
    return (200, shown_pull(request, one) | _lone_pull()) if one else NOT_FOUND


@route("GET", "/repos/{repo}/pulls/{number}/reviews")
def reviews(request: Request) -> Reply:
    one = request.repository.pulls.get(int(request.match["number"]))
    if one is None:
        return NOT_FOUND
    return 200, [shown_comment(request, review) | {"state": "COMMENTED"} for review in one.reviews]


@route("GET", "/repos/{repo}/pulls/{number}/comments")
def on_lines(request: Request) -> Reply:
    one = request.repository.pulls.get(int(request.match["number"]))
    if one is None:
        return NOT_FOUND
    return 200, [shown_comment(request, said) | {"path": said.path, "line": 3} for said in one.on_lines]


def diff(request: Request) -> str:
    """Return what a pull request changes, where that is asked for by its media type."""
    pull = request.repository.pulls[int(request.match["number"])]
    return request.repository.ask("diff", f"{pull.base}...{pull.head.partition(':')[2]}") + "\n"


@route("PATCH", "/repos/{repo}/pulls/{number}")
def change_pull(request: Request) -> Reply:
    found = _there(request)
    one = found.pulls.get(int(request.match["number"])) if found else None
    if found is None or one is None:
        return NOT_FOUND
    if not found.may_write(request.login or "") and one.issue.login != request.login:
        return refused(403, "Resource not accessible by integration")
    one.issue.title = request.body.get("title", one.issue.title)
    one.issue.body = request.body.get("body", one.issue.body)
    one.issue.state = request.body.get("state", one.issue.state)
    return 200, shown_pull(request, one) | _lone_pull()


@route("GET", "/repos/{repo}/commits/{ref}/check-runs")
def check_runs(request: Request) -> Reply:
    found = _there(request)
    if found is None:
        return NOT_FOUND
    shown = [
        {
            "name": run.name,
            "status": run.status,
            "conclusion": run.conclusion,
            "head_sha": request.match["ref"],
            "output": {"title": None, "summary": run.summary, "text": None},
        }
        for run in found.runs.get(request.match["ref"], [])
    ]
    return 200, {"total_count": len(shown), "check_runs": shown}


@route("GET", "/repos/{repo}/git/commits/{commit}")
def commit(request: Request) -> Reply:
    found = _there(request)
    sha = request.match["commit"]
    if found is None or found.ask("cat-file", "-t", sha) != "commit":
        return NOT_FOUND
    return 200, {"sha": sha, "message": found.ask("log", "-1", "--format=%B", sha)}


@route("POST", "/repos/{repo}/forks")
def fork(request: Request) -> Reply:
    found = _there(request)
    if found is None or request.login is None:
        return NOT_FOUND
    name = f"{request.login}/{found.full_name.partition('/')[2]}"
    if name.lower() not in request.hub.repositories:
        place = found.git.with_name(f"{request.login}-{found.git.name}")
        found.ask("clone", "-q", "--bare", str(found.git), str(place))
        request.hub.repositories[name.lower()] = Repository(
            name, place, found.default_branch, parent=found.full_name, roles={request.login: "admin"}
        )
    return 202, {"full_name": name, "default_branch": found.default_branch}
