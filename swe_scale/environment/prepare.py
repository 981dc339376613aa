"""Decides how an environment is built and has it built once per base commit."""

import tempfile
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from swe_scale.environment.attempts import Attempt, read_attempt, write_attempt
from swe_scale.environment.devcontainer import DOCKERFILES, PLACES
from swe_scale.environment.here import here_of, in_place
from swe_scale.environment.languages import TOLD_BY
from swe_scale.environment.options import FILE, Options, table_of
from swe_scale.environment.project import Project, read_project
from swe_scale.environment.proposals import Proposal, proposals
from swe_scale.errors import EnvironmentFailure
from swe_scale.events import Events
from swe_scale.house import TOLD_BY as HOUSE
from swe_scale.records import Environment, digest
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend, Recipe
from swe_scale.sandbox.owner import owner


@dataclass(frozen=True, slots=True)
class Site:
    """A commit whose environment is wanted, and the ways to build it."""

    repository: Repository
    tree: str
    tag: str | None
    """The last one, since some builds take their version from it."""
    project: Project
    """The whole tree."""
    options: Options
    ways: tuple[Proposal, ...]
    """Best first."""

    async def identity(self, backend: Backend, recipe: Recipe) -> str:
        """Return the digest of all that a build follows: the recipe, the tree, and what it starts from.

        Raises:
            EnvironmentFailure: what it starts from isn't there.
            SandboxError: the backend failed.
        """
        return digest(*await self._start(backend, recipe), self.tree, self.tag or "")

    async def recipe(self, backend: Backend, recipe: Recipe) -> str:
        """Return the digest of all that a build follows but the tree; empty where that is all one.

        Raises:
            EnvironmentFailure: what it starts from isn't there.
            SandboxError: the backend failed.
        """
        if recipe.build is not None:
            return ""
        return digest("recipe", *await self._start(backend, recipe), self.tag or "")

    async def _start(self, backend: Backend, recipe: Recipe) -> tuple[str, ...]:
        given = (backend.name, self.options.basis, await backend.identity(recipe))
        return (*given, recipe.model_dump_json())

    @property
    def key(self) -> str:
        """What names the site and its ways wherever they are built."""
        ways = (way.recipe.model_dump_json() for way in self.ways)
        return digest(self.options.basis, self.tree, self.tag or "", *ways)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A built environment and the way that led to it."""

    environment: Environment
    way: Proposal
    identity: str
    """Digest of the way that is built if nothing is repaired."""
    fresh: bool
    """Whether it was built just now."""


async def look(repository: Repository, commit: str, options: Options, sandbox: str, events: Events) -> Site:
    """Return what a commit says of its environment; builds nothing.

    Raises:
        UsageError: a file has an unusable `[environment]`, there is no such folder, or the checkout can't be
            used as it is.
        RepositoryError: the commit can't be read.
    """
    tree = await repository.tree_of(commit)
    tag = await repository.nearest_tag(commit)
    own = (await repository.read(tree, [FILE], 1 << 20)).get(FILE)
    table = table_of(options, own.decode("utf-8", "replace") if own is not None else None, events)
    folder = options.subdir or (table.subdir if table else "")
    named = (escape(table.dockerfile.path),) if table and table.dockerfile else ()
    told_by = (FILE, *named, *PLACES, *TOLD_BY, *HOUSE, *DOCKERFILES)
    project = await read_project(repository, tree, told_by, folder)
    ways = proposals(options, table, project, sandbox)
    if options.here:
        ways = (in_place(ways[0], await here_of(repository, commit, sandbox, options.servers)),)
    return Site(repository, tree, tag, project, options, ways)


async def build(backend: Backend, site: Site, recipe: Recipe) -> tuple[Environment, bool]:
    """Return the environment of one recipe, found or built now, and whether it was built.

    Raises:
        EnvironmentFailure: what it starts from isn't there, or a set-up line failed.
        RepositoryError: the tree can't be read.
        SandboxError: the backend failed.
    """
    identity = await site.identity(backend, recipe)
    apart = {"recipe": await site.recipe(backend, recipe)}
    if (found := await backend.built(identity)) is not None:
        return found.model_copy(update=apart), False
    with tempfile.TemporaryDirectory(prefix=f"swe-scale-{owner()}-") as folder:
        exported = Path(folder) / "tree"
        await site.repository.export(site.tree, exported, site.tag)
        return (await backend.build(recipe, exported, identity)).model_copy(update=apart), True


async def first_that_works(backend: Backend, site: Site, events: Events) -> Prepared:
    """Return the environment of the best way that can be built; the next stands in for one that can't.

    What couldn't be built is remembered as long as nothing changes of what it is built from.

    Raises:
        EnvironmentFailure: none can; says why the last one can't.
        RepositoryError, SandboxError: as `build` does.
    """
    *others, last = site.ways
    for way in others:
        try:
            return await _prepared(backend, site, way, events)
        except EnvironmentFailure as error:
            events.emit("note", f"the next best way is taken, since {way.source} can't be used: {error}")
    return await _prepared(backend, site, last, events)


async def _prepared(backend: Backend, site: Site, way: Proposal, events: Events) -> Prepared:
    for note in way.notes:
        events.emit("note", note)
    identity = await site.identity(backend, way.recipe)
    known = await read_attempt(identity)
    if known is not None and known.recipe is not None:
        repaired = way.replaced(known.recipe, known.origin)
        events.emit("note", f"environment: {repaired.in_words}")
        environment, fresh = await build(backend, site, known.recipe)
        return Prepared(environment, repaired, identity, fresh)
    if known is not None and way is not site.ways[-1]:
        raise EnvironmentFailure(
            f"{known.failure}\n(so it was when it was tried last; `environment build --fresh` tries again)"
        )
    events.emit("note", f"environment: {way.in_words}")
    try:
        environment, fresh = await build(backend, site, way.recipe)
    except EnvironmentFailure as error:
        if way is not site.ways[-1]:
            await write_attempt(identity, Attempt(failure=str(error)))
        raise
    return Prepared(environment, way, identity, fresh)


async def prepare(
    backend: Backend, repository: Repository, commit: str, options: Options, events: Events
) -> Environment:
    """Return the environment of a commit, built now or found built; no model is asked.

    Raises:
        UsageError: a file has an unusable `[environment]`.
        EnvironmentFailure: what it starts from isn't there, or a set-up line failed.
        RepositoryError: the commit can't be read.
        SandboxError: the backend failed.
    """
    site = await look(repository, commit, options, backend.name, events)
    return (await first_that_works(backend, site, events)).environment
