"""GitHub's answers, as far as they are read; whatever else is in them is left aside."""

from typing import Any

from pydantic import BaseModel, Field, TypeAdapter


class User(BaseModel):
    """Who did something."""

    login: str
    type: str = "User"
    """`User`, `Bot`, `Organization` or `Mannequin`."""


class Label(BaseModel):
    """A label of an issue."""

    name: str


class IssueForm(BaseModel):
    """An issue, or a pull request as an issue."""

    number: int = 0
    title: str
    body: str | None = None
    state: str
    locked: bool = False
    comments: int = 0
    labels: list[Label | str] = []
    user: User | None = None
    author_association: str = "NONE"
    pull_request: dict[str, Any] | None = None
    html_url: str = ""


class CommentForm(BaseModel):
    """A comment under an issue or a pull request."""

    id: int = 0
    body: str | None = None
    user: User | None = None
    author_association: str = "NONE"
    html_url: str = ""
    path: str = ""
    """Of a comment on a line of a pull request: its file."""
    line: int | None = None


ISSUE: TypeAdapter[IssueForm] = TypeAdapter(IssueForm)
COMMENT: TypeAdapter[CommentForm] = TypeAdapter(CommentForm)
COMMENTS: TypeAdapter[list[CommentForm]] = TypeAdapter(list[CommentForm])


class Rights(BaseModel):
    """What the token's owner may do in a repository."""

    push: bool = False


class RepositoryForm(BaseModel):
    """A repository."""

    full_name: str
    private: bool = False
    archived: bool = False
    disabled: bool = False
    default_branch: str
    size: int = 1
    """Kilobytes; 0 of an empty one."""
    permissions: Rights | None = None
    """None where the request was made without a token."""


class PermissionForm(BaseModel):
    """What somebody may do in a repository."""

    permission: str
    """`admin`, `write`, `read` or `none`; finer roles count as one of these."""


class Side(BaseModel):
    """One of the two branches of a pull request."""

    ref: str
    sha: str


class PullForm(BaseModel):
    """A pull request."""

    number: int
    html_url: str
    state: str
    title: str
    body: str | None = None
    draft: bool = False
    user: User | None = None
    head: Side
    base: Side


class CheckOutput(BaseModel):
    """What a check says of a commit."""

    title: str | None = None
    summary: str | None = None
    text: str | None = None


class CheckRun(BaseModel):
    """A check that ran on a commit."""

    name: str
    status: str
    conclusion: str | None = None
    output: CheckOutput = CheckOutput()


class CheckRuns(BaseModel):
    """The checks of a commit."""

    check_runs: list[CheckRun] = Field(default_factory=list)


REPOSITORY: TypeAdapter[RepositoryForm] = TypeAdapter(RepositoryForm)
PERMISSION: TypeAdapter[PermissionForm] = TypeAdapter(PermissionForm)
PULL: TypeAdapter[PullForm] = TypeAdapter(PullForm)
PULLS: TypeAdapter[list[PullForm]] = TypeAdapter(list[PullForm])
CHECK_RUNS: TypeAdapter[CheckRuns] = TypeAdapter(CheckRuns)
USER: TypeAdapter[User] = TypeAdapter(User)
