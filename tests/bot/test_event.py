"""What events ask for, and of whom they say that he may not ask."""

import json
from pathlib import Path
from typing import Any

import pytest

from swe_scale.bot.asked import Asked, Ignored
from swe_scale.bot.event import may_ask, read_event, read_hub_event
from swe_scale.errors import UsageError

REPOSITORY = {"full_name": "ada/engine", "html_url": "https://github.com/ada/engine"}
HOSTILE = "$(touch x) `touch y`\n::set-output name=a::b \u202e \"'"
ISSUE = {
    "number": 7, "title": HOSTILE, "body": None, "state": "open", "labels": [{"name": "bug"}],
    "user": {"login": "bob"},
}  # fmt: skip


def event(tmp_path: Path, **content: Any) -> Path:
    tmp_path.mkdir(exist_ok=True)
    path = tmp_path / "event.json"
    sender = {"login": "ada", "type": "User"}
    path.write_text(json.dumps({"repository": REPOSITORY, "sender": sender} | content))
    return path


def said(body: str | None, association: str = "OWNER", kind: str = "User") -> dict[str, Any]:
    return {"id": 1, "body": body, "user": {"login": "ada", "type": kind}, "author_association": association}


def asked(path: Path) -> Asked:
    found = read_event(path, "swe-scale")
    assert isinstance(found, Asked)
    return found


def ignored(path: Path) -> str:
    found = read_event(path, "swe-scale")
    assert isinstance(found, Ignored)
    return found.reason


def test_a_label(tmp_path: Path) -> None:
    found = asked(event(tmp_path, action="labeled", issue=ISSUE, label={"name": "Swe-Scale"}))
    assert (found.kind, found.issue.web_url) == ("solve", "https://github.com/ada/engine/issues/7")
    assert (found.by, found.labelled, found.title, found.labels) == ("ada", "Swe-Scale", HOSTILE, ("bug",))
    assert may_ask(found) == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"action": "labeled", "issue": ISSUE, "label": {"name": "bug"}}, "the label is 'bug'"),
        ({"action": "unlabeled", "issue": ISSUE, "label": {"name": "swe-scale"}}, "was unlabeled, not set"),
        ({"action": "opened", "issue": ISSUE}, "about no issue's label"),
        (
            {"action": "labeled", "issue": ISSUE | {"pull_request": {}}, "label": {"name": "swe-scale"}},
            "on a pull request",
        ),
        ({"action": "created", "issue": ISSUE, "comment": said("I use /swe-scale")}, "doesn't begin with"),
        ({"action": "created", "issue": ISSUE, "comment": said("/swe-scaled")}, "doesn't begin with"),
        ({"action": "created", "issue": ISSUE, "comment": said(None)}, "doesn't begin with"),
        ({"action": "edited", "issue": ISSUE, "comment": said("/swe-scale")}, "was edited, not written"),
        (
            {"action": "created", "issue": ISSUE, "comment": said("/swe-scale revise x")},
            "under a pull request",
        ),
    ],
)
def test_what_asks_for_nothing(tmp_path: Path, content: dict[str, Any], reason: str) -> None:
    assert reason in ignored(event(tmp_path, **content))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("/swe-scale", ""),
        ("/swe-scale\n", ""),
        ("  /swe-scale solve", ""),
        ("/swe-scale run: only the parser", "only the parser"),
        ("/swe-scale fix\nthe parser", "fix\nthe parser"),
        (f"/swe-scale {HOSTILE}", HOSTILE.strip()),
    ],
)
def test_a_comment(tmp_path: Path, body: str, words: str) -> None:
    found = asked(event(tmp_path, action="created", issue=ISSUE, comment=said(body)))
    assert (found.kind, found.way, found.words) == ("solve", "comment", words)
    assert may_ask(found) == ""


def test_a_revision(tmp_path: Path) -> None:
    pull = ISSUE | {"pull_request": {"url": "x"}}
    for body in ("/swe-scale revise name it better", "/swe-scale name it better"):
        found = asked(event(tmp_path, action="created", issue=pull, comment=said(body)))
        assert (found.kind, found.issue.number, found.words) == ("revise", 7, "name it better")
    review = {"review": said("/swe-scale revise x"), "pull_request": {"number": 9}}
    found = asked(event(tmp_path, action="submitted", **review))
    assert (found.kind, found.issue.number, found.words) == ("revise", 9, "x")


@pytest.mark.parametrize("number", ["7", " #7 ", 7])
def test_by_hand(tmp_path: Path, number: object) -> None:
    found = asked(event(tmp_path, inputs={"issue": number}))
    assert (found.kind, found.issue.number, found.way) == ("solve", 7, "hand")
    assert may_ask(found) == ""


@pytest.mark.parametrize(
    "association", ["NONE", "FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR", "CONTRIBUTOR", "MANNEQUIN"]
)
def test_who_may_not_write_may_not_ask(tmp_path: Path, association: str) -> None:
    found = asked(event(tmp_path, action="created", issue=ISSUE, comment=said("/swe-scale", association)))
    assert "may not ask" in may_ask(found)


def test_bots_never_ask(tmp_path: Path) -> None:
    bot = {"login": "renovate[bot]", "type": "Bot"}
    events = [
        event(tmp_path / "a", action="created", issue=ISSUE, comment=said("/swe-scale", kind="Bot")),
        event(tmp_path / "b", action="labeled", issue=ISSUE, label={"name": "swe-scale"}, sender=bot),
        event(tmp_path / "c", action="created", issue=ISSUE, comment=said("/swe-scale"), sender=bot),
        event(tmp_path / "d", inputs={"issue": "7"}, sender=bot),
    ]
    for path in events:
        assert "bots never ask" in may_ask(asked(path))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "no event of GitHub's"),
        ('{"repository": 1}', "`repository` is missing"),
        ('{"repository": {"full_name": "a/b"}}', "`sender` is missing"),
        (
            '{"repository": {"full_name": "a b"}, "sender": {"login": "x"}, "inputs": {"issue": "1"}}',
            "no rep",
        ),
        (
            '{"repository": {"full_name": "a/b"}, "sender": {"login": "x"}, "inputs": {"issue": "$(x)"}}',
            "no num",
        ),
        (
            '{"repository": {"full_name": "a/b"}, "sender": {"login": "x"}, "inputs": {"issue": "0"}}',
            "no num",
        ),
    ],
)
def test_what_is_no_event(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "event.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=says):
        read_event(path, "swe-scale")


@pytest.mark.parametrize("number", ["x", None, [], -1, 10**30])
def test_a_review_of_no_pull_request(tmp_path: Path, number: object) -> None:
    path = event(tmp_path, action="submitted", review=said("/swe-scale"), pull_request={"number": number})
    with pytest.raises(UsageError, match=r"pull_request\.number|names no repository"):
        read_event(path, "swe-scale")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_event(tmp_path / "none", "swe-scale")


GITLAB = {
    "object_kind": "issue",
    "user": {"username": "ada"},
    "project": {
        "web_url": "https://gitlab.com/tools/math/engine",
        "path_with_namespace": "tools/math/engine",
    },
    "object_attributes": {
        "iid": 7,
        "title": HOSTILE,
        "description": None,
        "state": "opened",
        "action": "update",
    },
    "labels": [{"title": "swe-scale"}],
    "changes": {"labels": {"previous": [], "current": [{"title": "Swe-Scale"}]}},
}


def test_a_label_at_gitlab(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(GITLAB))
    found = asked(path)
    assert found.issue.clone_url == "https://gitlab.com/tools/math/engine.git"
    assert (found.issue.number, found.title, found.by) == (7, HOSTILE, "ada")
    assert may_ask(found) == ""
    with pytest.raises(UsageError, match=r"an event of GitLab's: .* `swe-scale run --event`"):
        read_hub_event(path, "swe-scale")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"object_kind": "note"}, "is a note, not an issue"),
        ({"changes": {}}, "was not set by this event"),
        (
            {
                "changes": {
                    "labels": {"previous": [{"title": "swe-scale"}], "current": [{"title": "swe-scale"}]}
                }
            },
            "not set",
        ),
        ({"object_attributes": GITLAB["object_attributes"] | {"state": "closed"}}, "the issue is closed"),  # type: ignore[operator]
    ],
)
def test_what_asks_for_nothing_at_gitlab(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(GITLAB | change))
    assert reason in ignored(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"object_attributes": {"iid": 0, "title": "x"}}, "no event of GitLab's: `object_attributes.iid`"),
        ({"project": {"web_url": "javascript:x", "path_with_namespace": "a/b"}}, "names no project"),
    ],
)
def test_what_is_no_event_of_gitlab(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(GITLAB | change))
    with pytest.raises(UsageError, match=says):
        read_event(path, "swe-scale")
