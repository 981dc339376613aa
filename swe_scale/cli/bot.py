"""Carries out the commands of the bot's jobs that hold a token and run no code of the repository."""

import os
from dataclasses import replace
from pathlib import Path

from swe_scale.bot.admit import admit
from swe_scale.bot.asked import Asked, Ignored
from swe_scale.bot.deliver import Wish
from swe_scale.bot.event import read_hub_event
from swe_scale.bot.files import write_record
from swe_scale.bot.handover import read_handover
from swe_scale.bot.revision import issue_behind
from swe_scale.cli.bringing import bring_as
from swe_scale.cli.screen import ABSTAINED, PROPOSED, Naming, Screen, interruptible
from swe_scale.config import GitHubConfig, load_user_config
from swe_scale.errors import StoreError, UsageError
from swe_scale.github import open_door, parse_issue_url


def run_admit(event: Path, out: Path, label: str, config: Path | None, *, json: bool) -> int:
    """Write down what is to be solved, if something is; return the exit code.

    Raises:
        SweScaleError: the event can't be read, or GitHub refuses.
    """
    screen = Screen.open(json)
    github = load_user_config(config).github

    async def act() -> int:
        found = await admit(event, label, github)
        if isinstance(found, Ignored):
            _tell_job(go=False)
            screen.say(f"nothing to do: {found.reason}")
            if json:
                screen.document({"go": False, "reason": found.reason})
            return PROPOSED
        write_record(out, found)
        _tell_job(go=True, number=found.asked.issue.number)
        screen.say(f"{found.asked.issue} is to be solved: {out}")
        if json:
            screen.document({"go": True, "issue": found.asked.issue.web_url, "kind": found.asked.kind})
        return PROPOSED

    return interruptible(act, Naming())


def run_deliver(handover: Path, asked: Asked, wish: Wish, config: Path | None, *, json: bool) -> int:
    """Deliver what another job has found; return the exit code.

    Raises:
        SweScaleError: the file can't be used, GitHub refuses, or the branch can't be pushed.
    """
    screen = Screen.open(json)
    github = load_user_config(config).github

    async def act() -> int:
        answer = read_handover(handover)
        found = await bring_as(answer, await _behind(wish, asked, github), github, screen.say)
        screen.say(
            f"{found.kind}{f' {found.url}' if found.url else ''}{f': {found.reason}' if found.reason else ''}"
        )
        if json:
            screen.document({"kind": found.kind, "url": found.url, "reason": found.reason})
        return PROPOSED if found.kind == "pull request" or not wish.pull else ABSTAINED

    return interruptible(act, Naming())


def issue_of(issue: str | None, event: Path | None, label: str) -> Asked:
    """Return what is delivered to: an issue, or of a revision the pull request; and the label that must stay.

    It is taken from the event that started the job or from an option: never from what was handed over.

    Raises:
        UsageError: neither is given, or it is none.
    """
    if (issue is None) == (event is None):
        raise UsageError("name the issue by --issue URL or by --event FILE, one of them.")
    if event is not None:
        asked = read_hub_event(event, label)
        if isinstance(asked, Ignored):
            raise UsageError(f"{event} asks for nothing: {asked.reason}")
        return asked
    address = parse_issue_url(issue or "")
    if address is None:
        wanted = "https://HOST/OWNER/REPOSITORY/issues/NUMBER"
        raise UsageError(f"{issue} is not the address of an issue ({wanted}).")
    return Asked(kind="solve", issue=address, by="", way="hand")


async def _behind(wish: Wish, asked: Asked, github: GitHubConfig) -> Wish:
    """Return a wish with the issue that the pull request is for which is to be revised."""
    if asked.kind == "solve":
        return wish
    async with open_door(asked.issue, github) as door:
        found = await issue_behind(door, asked.issue, github.login)
    if isinstance(found, Ignored):
        raise UsageError(f"nothing is delivered: {found.reason}")
    return replace(wish, issue=found)


def _tell_job(*, go: bool, number: int | None = None) -> None:
    """Set the outputs of a step of GitHub's own CI: words of ours and numbers, never a stranger's text."""
    place = os.environ.get("GITHUB_OUTPUT")
    if not place:
        return
    lines = [f"go={'true' if go else 'false'}", *([] if number is None else [f"issue={number:d}"])]
    try:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
    except OSError as error:
        raise StoreError(f"GITHUB_OUTPUT: {place} can't be written: {error.strerror}.") from error
