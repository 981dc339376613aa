"""Reads an issue from wherever the user has it: an address, a file, standard input, or plain words."""

import hashlib
import re
import sys
from pathlib import Path

import anyio

from swe_scale.config import GitHubConfig
from swe_scale.errors import UsageError
from swe_scale.github import FetchedIssue, fetch_issue, parse_issue_url
from swe_scale.github.unseen import seen
from swe_scale.records import Issue, Record

LARGEST = 1 << 20
"""Bytes of an issue's text; of a longer one the head and the tail are kept, and it says so."""
_MOST_READ = 16 * LARGEST
"""Bytes that are read at all."""
_LONGEST_TITLE = 200
_LONGEST_ID = 80
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_IMAGE = re.compile(
    r"!\[[^\]\n]{0,200}\]\([ \t]{0,9}(https?://[^\s)>\"]{1,2000})"
    r"|<img\b[^<>]{0,200}?\bsrc=[\"'](https?://[^\s\"'<>]{1,2000})",
    re.IGNORECASE,
)
_SEARCHED_FOR_IMAGES = 200_000
"""Characters."""


class Draft(Record):
    """An issue before it is known on which commit it is to be solved."""

    id: str
    title: str
    body: str
    comments: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    clone_url: str | None = None
    """Where the issue's repository can be cloned from, if the issue says."""
    warnings: tuple[str, ...] = ()
    """What a reader should know of its text, such as words that are meant for a model."""

    def on(self, repo: str, base_commit: str) -> Issue:
        """Return the issue, on this commit of this repository."""
        return Issue(repo=repo, base_commit=base_commit, **self.model_dump(exclude={"clone_url", "warnings"}))


async def read_issue(argument: str, github: GitHubConfig) -> Draft:
    """Return the issue that an argument stands for.

    Args:
        argument: a GitHub issue's address, a file's path, `-` for standard input, or the text itself.
        github: where issues are fetched from.

    Raises:
        UsageError: it is empty, no such file, not UTF-8, or the address of something else.
        GitHubError: the issue can't be fetched.
    """
    if _ADDRESS.match(argument.strip()) and not re.search(r"\s", argument.strip()):
        return await _fetched(argument, github)
    if argument == "-":
        data = await anyio.to_thread.run_sync(sys.stdin.buffer.read, _MOST_READ, abandon_on_cancel=True)
        return _written(_decode(data, "standard input"), None, "standard input")
    path = Path(argument)
    if argument and _exists(path):
        data = await anyio.to_thread.run_sync(_read_file, path, abandon_on_cancel=True)
        return _written(_decode(data, argument), path.stem, argument)
    if _looks_like_path(argument):
        raise UsageError(
            f"{argument} does not exist; name a file, or quote the text if it is the issue itself"
        )
    return draft_of_text(argument)


def draft_of_text(text: str, name: str | None = None) -> Draft:
    """Return the issue that a text describes; its id is made of `name`, otherwise of the text.

    Raises:
        UsageError: it is empty.
    """
    return _written(_bounded(text), name, "the issue")


def safe_id(text: str) -> str:
    """Return a name fit for folders and addresses: letters, digits, `.`, `_`, `-`; never empty."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip(".-")[:_LONGEST_ID].rstrip("-")
    return plain or f"issue-{_short_digest(text)}"


def find_images(text: str) -> tuple[str, ...]:
    """Return the addresses of the pictures that a Markdown text shows, in order, each once."""
    found = _IMAGE.findall(text[:_SEARCHED_FOR_IMAGES])
    return tuple(dict.fromkeys(markdown or html for markdown, html in found))


async def _fetched(argument: str, github: GitHubConfig) -> Draft:
    address = parse_issue_url(argument)
    if address is None:
        raise UsageError(
            f"{argument} is not the address of an issue (https://github.com/OWNER/REPOSITORY/issues/NUMBER)"
        )
    return draft_of_issue(await fetch_issue(address, github))


def draft_of_issue(issue: FetchedIssue) -> Draft:
    """Return the draft of an issue that GitHub has, as its page shows it."""
    title, body = seen(issue.title, "the title"), seen(issue.body, "the issue")
    comments = [seen(text, f"comment {number}") for number, text in enumerate(issue.comments, start=1)]
    texts = (*(one.text for one in comments), *_left_out(issue))
    return Draft(
        id=safe_id(f"{issue.address.owner}__{issue.address.repo}-{issue.address.number}"),
        title=" ".join(title.text.split())[:_LONGEST_TITLE],
        body=_bounded(body.text),
        comments=texts,
        labels=issue.labels,
        images=find_images("\n".join((body.text, *texts))),
        clone_url=issue.address.clone_url,
        warnings=tuple(told for one in (title, body, *comments) for told in one.warnings),
    )


def _left_out(issue: FetchedIssue) -> tuple[str, ...]:
    count = issue.comments_left_out
    return (f"[{count} later comments were not read]",) if count else ()


def _written(text: str, name: str | None, origin: str) -> Draft:
    lines = text.strip().splitlines()
    title, body = "", ""
    for number, line in enumerate(lines):
        title = " ".join(line.lstrip("# \t").split())
        if title:
            body = "\n".join(lines[number + 1 :]).strip("\n")
            break
    if not title:
        raise UsageError(f"{origin} is empty; describe what is wrong and what should happen instead")
    whole = len(title) > _LONGEST_TITLE or not body
    return Draft(
        id=safe_id(name or f"issue-{_short_digest(text)}"),
        title=title[:_LONGEST_TITLE],
        body=text.strip() if whole else body,
        images=find_images(text),
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        # A whole issue is too long for a path, or holds a NUL.
        return False


def _looks_like_path(argument: str) -> bool:
    one_word = bool(argument.strip()) and not re.search(r"\s", argument.strip())
    return one_word and ("/" in argument or re.search(r"\.[A-Za-z]\w{0,7}$", argument) is not None)


def _read_file(path: Path) -> bytes:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name the file that holds the issue")
    try:
        with path.open("rb") as file:
            return file.read(_MOST_READ)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error


def _decode(data: bytes, origin: str) -> str:
    # A read that was cut off may end inside a character.
    data = data if len(data) < _MOST_READ else data[: data.rfind(b"\n") + 1] or data
    try:
        return _bounded(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{origin} is not UTF-8 (byte {error.start + 1} is {data[error.start]:#04x}); save it as UTF-8"
        ) from error


def _bounded(text: str) -> str:
    """Return the text without what UTF-8 can't hold, its middle left out if it is over `LARGEST` bytes."""
    data = text.encode("utf-8", "replace")
    if len(data) <= LARGEST:
        return data.decode()
    half = LARGEST // 2 - 100
    head, tail = (part.decode("utf-8", "ignore") for part in (data[:half], data[-half:]))
    return f"{head}\n\n[… {len(data) - 2 * half} bytes of the issue were left out here …]\n\n{tail}"


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
