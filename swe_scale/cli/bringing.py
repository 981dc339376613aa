"""Brings an answer to GitHub at the end of a run, or in a job of its own."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from swe_scale.batch import repository_folder
from swe_scale.bot.deliver import Delivered, Means, Wish, deliver
from swe_scale.bot.files import write_record
from swe_scale.bot.ground import has_commit, look, may_push, no_right
from swe_scale.bot.handover import Handover, handover_of, read_handover
from swe_scale.bot.secrets import Secrets
from swe_scale.bot.waiting import Checked, wait_for_checks
from swe_scale.config import GitHubConfig
from swe_scale.errors import UsageError
from swe_scale.github import open_door
from swe_scale.github.credentials import token_for
from swe_scale.house.messages import Identity
from swe_scale.jobs import Delivery
from swe_scale.records import Issue, Solution
from swe_scale.repo import Repository

_NAME = "handover.json"


async def forestall(delivery: Delivery, base_commit: str, github: GitHubConfig) -> None:
    """Refuse before anything is spent what could not be delivered then.

    Raises:
        UsageError: there is no token, or the issue takes nothing.
        GitHubError: the issue isn't there, or the token lacks a right.
    """
    if delivery.at is None:
        return
    if not token_for(delivery.at.clone_url, github):
        raise UsageError(
            f"--pr and --comment need a token for {delivery.at.host}: set {github.token_variable}"
            " (and `github.api`, if that isn't github.com)."
        )
    async with open_door(delivery.at, github) as door:
        ground = await look(door, delivery.at, None)
        if ground.closed_to_us:
            raise UsageError(f"nothing can be delivered: {ground.closed_to_us}.")
        if delivery.pull and not delivery.fork and not may_push(ground.repository):
            raise no_right(ground.repository)
        if delivery.pull and not await has_commit(door, delivery.at.repository, base_commit):
            told = f"{delivery.at.repository} has no commit {base_commit[:12]}"
            raise UsageError(f"{told}; push it first, or name another by --base.")


def hand_over(solution: Solution, issue: Issue, folder: Path, delivery: Delivery) -> Handover:
    """Return what is handed on of a run, the same however often it is asked for; write it where it is wished.

    Raises:
        UsageError: a file can't be written.
    """
    fresh = handover_of(solution, issue, int(time.time()), delivery.warnings)
    kept = folder / _NAME
    if (before := _kept(kept)) is not None:
        same = fresh.model_copy(update={"seconds": before.seconds})
        fresh = same if same == before else fresh
    write_record(kept, fresh)
    if delivery.handover is not None:
        write_record(delivery.handover, fresh)
    return fresh


def _kept(file: Path) -> Handover | None:
    """Return what was handed over before; None if nothing was, or by another version."""
    try:
        return read_handover(file) if file.is_file() else None
    except UsageError:
        return None


async def bring(
    handover: Handover, delivery: Delivery, github: GitHubConfig, tell: Callable[[str], None]
) -> Delivered:
    """Deliver an answer to its issue.

    Raises:
        GitHubError, RepositoryError: it can't be delivered.
    """
    assert delivery.at is not None
    wish = Wish(
        issue=delivery.at, pull=delivery.pull, comment=delivery.comment, fork=delivery.fork,
        allow_workflows=delivery.allow_workflows,
    )  # fmt: skip
    return await bring_as(handover, wish, github, tell)


async def checked(
    delivered: Delivered, delivery: Delivery, github: GitHubConfig, tell: Callable[[str], None]
) -> Checked | None:
    """Return what the checks of a pull request have come to; None if they aren't waited for.

    Raises:
        GitHubError: they can't be read.
    """
    if delivery.at is None or delivery.wait == 0 or not delivered.commit:
        return None
    async with open_door(delivery.at, github) as door:
        door.tell = tell
        repository, seconds = delivery.at.repository, 60 * delivery.wait
        return await wait_for_checks(door, repository, delivered.commit, seconds, tell)


async def bring_as(
    handover: Handover, wish: Wish, github: GitHubConfig, tell: Callable[[str], None]
) -> Delivered:
    """Deliver an answer as it is wished.

    Raises:
        GitHubError, RepositoryError: it can't be delivered.
    """
    source = wish.issue.repository.clone_url
    token = token_for(source, github)
    async with open_door(wish.issue, github) as door:
        door.tell = tell
        repository = await Repository.open(source, repository_folder(source), token)
        wish = replace(wish, login=github.login, signer=_signer(github))
        means = Means(door, repository, token, Secrets(os.environ), tell)
        return await deliver(handover, wish, means)


def _signer(github: GitHubConfig) -> Identity | None:
    """Return who signs commits off.

    Raises:
        UsageError: the configuration names nobody in the form that git has for it.
    """
    if github.sign_off is None:
        return None
    match = re.fullmatch(r"([^<>\n]+?) <([^<>\s]+)>", github.sign_off.strip())
    if match is None:
        raise UsageError(f"`github.sign_off` is {github.sign_off!r}; write it as `Name <address>`.")
    return Identity(match[1], match[2])
