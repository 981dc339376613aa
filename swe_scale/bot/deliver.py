"""Delivers an answer: opens or updates a draft pull request, or comments; safe to be done again at any point.

Nothing is kept between two deliveries but what GitHub has: the branch's name follows from the issue, the
commit from the answer, and pages of ours carry marks. So whatever was interrupted is found again, and nothing
is made twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from swe_scale.bot.branch import await_fork, place_of, set_branch
from swe_scale.bot.comments import say
from swe_scale.bot.examined import Terms, Withheld, examined, objection_to
from swe_scale.bot.ground import Ground, look, may_push, no_right
from swe_scale.bot.handover import Handover
from swe_scale.bot.marks import Mark
from swe_scale.bot.page import Facts, comment_text, pull_text, tested_text
from swe_scale.bot.pulls import Place, declined, ours_from, propose
from swe_scale.bot.rebase import Rebased
from swe_scale.bot.secrets import Secrets
from swe_scale.bot.words import Words, with_changelog, words_of
from swe_scale.errors import GitHubError
from swe_scale.github.address import IssueAddress
from swe_scale.github.door import Door
from swe_scale.github.forms import RepositoryForm
from swe_scale.github.pulls import NewPull, fork_of, own_login
from swe_scale.house.messages import Identity
from swe_scale.repo import Repository
from swe_scale.repo.publish import Publisher, Remote, Signature

BRANCHES = "swe-scale/issue-"
"""What the names of our branches begin with; the issue's number follows."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be delivered, where, and under which conditions."""

    issue: IssueAddress
    pull: bool = True
    """Whether a pull request may be opened."""
    comment: bool = True
    """Whether a comment may be written under the issue."""
    label: str | None = None
    """Which the issue must still have."""
    base: str | None = None
    """Branch that the pull request is made to. None: the default branch."""
    fork: bool = False
    """Whether to push to a fork where the token may not push to the repository itself."""
    allow_workflows: bool = False
    min_confidence: float = 0.0
    run_url: str = ""
    """Page of the job that has the decision page."""
    signer: Identity | None = None
    """Who signs commits off, where the project wants it."""
    login: str | None = None
    """Who acts with the token. None: asked of GitHub."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a delivery works with."""

    door: Door
    repository: Repository
    token: str = field(repr=False)
    secrets: Secrets
    tell: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of it."""

    kind: Literal["pull request", "comment", "nothing"]
    url: str
    """Of the page; empty if there is none."""
    reason: str = ""
    """Why it isn't a pull request."""
    commit: str = ""
    """At the head of the pull request."""


async def deliver(handover: Handover, wish: Wish, means: Means) -> Delivered:
    """Deliver an answer; done again, it changes nothing that is as it should be.

    Raises:
        GitHubError: GitHub refuses, can't be reached, or the issue isn't there.
        RepositoryError: the branch can't be pushed.
    """
    ground = await look(means.door, wish.issue, wish.label)
    if ground.closed_to_us:
        return Delivered("nothing", "", ground.closed_to_us)
    visit = _Visit(handover, wish, means, ground, await own_login(means.door, wish.login))
    terms = Terms(branch=visit.base, allow_workflows=wish.allow_workflows, min_confidence=wish.min_confidence)
    found = await examined(handover, terms, means.repository, means.secrets)
    if isinstance(found, Withheld):
        return await visit.comment(found)
    if not wish.pull:
        return await visit.comment(Withheld(reason=""))
    return await visit.propose(found)


@dataclass(frozen=True, slots=True)
class _Visit:
    """One delivery, once it is known that something may be delivered."""

    handover: Handover
    wish: Wish
    means: Means
    ground: Ground
    login: str

    @property
    def base(self) -> str:
        return self.wish.base or self.ground.repository.default_branch

    @property
    def address(self) -> IssueAddress:
        """The issue's, by the name that its repository has now, whatever the one that was given."""
        return place_of(self.wish.issue, self.ground.repository).issue(self.wish.issue.number)

    def _facts(self, *notes: str) -> Facts:
        shown = tuple(note for note in notes if note)
        return Facts(self.wish.issue.number, shown, self.wish.run_url)

    async def comment(self, withheld: Withheld) -> Delivered:
        """Say under the issue what was found, and why there is no pull request."""
        reason = withheld.reason or self.handover.reason
        if not self.wish.comment:
            return Delivered("nothing", "", reason)
        shown = self.handover if withheld.shown else self.handover.model_copy(update={"patch": None})
        mark = Mark("comment", self.wish.issue.number, self.handover.digest)
        url = await self._say(comment_text(shown, self._facts(withheld.reason), mark))
        return Delivered("comment", url, reason)

    async def propose(self, found: Rebased) -> Delivered:
        """Push the patch to our branch, open or change our pull request, and say so under the issue."""
        home = await self._home()
        owner = place_of(self.address, home).owner
        number = self.address.number
        place = Place(self.address.repository, owner, f"{BRANCHES}{number}", number, self.login)
        if closed := declined(await ours_from(self.means.door, place), place, self.handover.digest):
            told = f"This answer was proposed already, in {closed.html_url}, which somebody has closed."
            return await self.comment(Withheld(reason=told))
        words = await words_of(self.means.repository, found, self._told(), number, self.wish.signer)
        made = await with_changelog(self.means.repository, found, words)
        if objection := await self._against(made):
            return await self.comment(objection)
        commit = await self._pushed(made, words.message, place.branch, home)
        if commit is None:
            theirs = f"Somebody else has added to the branch `{place.branch}`."
            return await self.comment(Withheld(reason=theirs))
        mark = Mark("pull", number, self.handover.digest, commit)
        pull = await propose(self.means.door, place, self._new(made, words, place, mark))
        if self.wish.comment:
            own = replace(mark, kind="comment")
            text = comment_text(self.handover, self._facts(*found.notes), own, pull.html_url)
            await self._say_beside(text)
        return Delivered("pull request", pull.html_url, commit=commit)

    def _told(self) -> Handover:
        """Return the answer with words that hold no secret: they go into a changelog, too."""
        words = self.handover.words
        hidden = {"summary": self._safe(words.summary), "paragraph": self._safe(words.paragraph)}
        told = words.model_copy(update=hidden)
        return self.handover.model_copy(update={"title": self._safe(self.handover.title), "words": told})

    async def _against(self, made: Rebased) -> Withheld | None:
        """Return what speaks against a change with its changelog entry, whose place the project names."""
        terms = Terms(branch=self.base, allow_workflows=self.wish.allow_workflows)
        return await objection_to(made, terms, self.means.repository)

    async def _home(self) -> RepositoryForm:
        """Return the repository to which the branch is pushed."""
        form = self.ground.repository
        if may_push(form):
            return form
        if not self.wish.fork:
            raise no_right(form)
        return await fork_of(self.means.door, self.address.repository)

    async def _pushed(self, made: Rebased, message: str, branch: str, home: RepositoryForm) -> str | None:
        """Return the commit that is now on our branch; None if somebody else has added to it."""
        remote = Remote(place_of(self.address, home).clone_url, self.means.token)
        publisher = await Publisher.open(self.means.repository, remote)
        # The address is that of whoever acts with the token: another could be a stranger's.
        who = Signature("swe-scale", f"{self.login}@users.noreply.{self.address.host}", self.handover.seconds)
        commit = await publisher.commit(made.tree, made.parent, self._safe(message), who)
        if home is not self.ground.repository:
            await await_fork(publisher, home.default_branch, self.means.tell)
        return commit if await set_branch(publisher, branch, commit) else None

    def _new(self, made: Rebased, words: Words, place: Place, mark: Mark) -> NewPull:
        """Return the pull request, as it is to be opened."""
        facts = self._facts(*made.notes, *(f"Missing: {lack}" for lack in words.lacks))
        description = words.description(tested_text(self.handover.evidence))
        body = self._safe(pull_text(description, self.handover, facts, mark))
        head = place.branch if place.owner == place.upstream.owner else place.head
        return NewPull(head, self.base, self._safe(words.title), body)

    async def _say(self, text: str) -> str:
        """Write our comment; a conversation that is locked stays without one."""
        try:
            number = self.address.number
            return await say(self.means.door, self.address, number, self._safe(text), self.login)
        except GitHubError as error:
            if error.status != 403 or not self.ground.issue.locked:
                raise
            self.means.tell(f"{self.address} is locked, so that no comment could be written")
            return ""

    async def _say_beside(self, text: str) -> None:
        """Write our comment, without which the pull request still stands: it may be refused."""
        try:
            await self._say(text)
        except GitHubError as error:
            if error.status != 403:
                raise
            self.means.tell(f"no comment could be written: {error}")

    def _safe(self, text: str) -> str:
        return self.means.secrets.hidden(text)
