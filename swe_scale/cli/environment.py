"""Carries out `swe-scale environment`: builds, proves and shows how a repository is installed and tested."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from swe_scale.building import Builder, Built, Proof, Repairer, read_proof
from swe_scale.cli.environment_effort import Effort
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.screen import FAILED, Naming, Screen, interruptible
from swe_scale.cli.surroundings import network_of, options_of, sandbox_of
from swe_scale.config import UserConfig, load_user_config
from swe_scale.environment import Proposal, Site, look
from swe_scale.environment.latest import recall, remember
from swe_scale.events import Events
from swe_scale.live import watch
from swe_scale.repo import Repository, complete_source
from swe_scale.repo.source import kept_at
from swe_scale.sandbox import open_backend

_RUN = "environment"
"""Name of the run that what is started belongs to."""
_NAMES = {
    "profile": "language", "subdir": "folder", "image": "image", "build": "built of",
    "workdir": "work tree at", "python_version": "Python", "needs": "needs", "setup": "set-up",
    "test": "tests by", "variables": "variables", "services": "services",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """A repository and what its commit says of the environment."""

    repository: Repository
    site: Site
    sandbox: str
    """Name of the backend."""


async def find(repo: str, base: str | None, options: SolveOptions, user: UserConfig, events: Events) -> Found:
    """Return what a commit says of its environment.

    Raises:
        RepositoryError: there is no such repository or commit.
        UsageError: an option or `[environment]` can't be used.
    """
    source = complete_source(repo)
    repository = await Repository.open(source, kept_at(source))
    return await find_in(repository, await repository.resolve(base), options, user, events)


async def find_in(
    repository: Repository, commit: str, options: SolveOptions, user: UserConfig, events: Events
) -> Found:
    """Return what a commit of a repository says of its environment.

    Raises:
        RepositoryError: it can't be read.
        UsageError: an option or `[environment]` can't be used.
    """
    sandbox = sandbox_of(options, user)
    given = options_of(options, sandbox)
    return Found(repository, await look(repository, commit, given, sandbox.kind, events), sandbox.kind)


def build_environment(
    repo: str, base: str | None, options: SolveOptions, effort: Effort, *, json: bool
) -> int:
    """Build and prove; return 0 where some of the repository's own tests pass, or none are known.

    Raises:
        SweScaleError: it can't be built, or what was given can't be used.
    """
    screen, events = Screen.open(json), Events()

    async def act() -> int:
        user = load_user_config(options.config)
        with watch(events, screen.progress):
            found = await find(repo, base, options, user, events)
            async with _builder(found, options, user, effort, events) as builder:
                if effort.fresh:
                    await builder.forget(found.site)
                built = await builder.build_proved(found.site, effort.proof_seconds)
            await remember(found.site, built.prepared)
        _answer(screen, built.prepared.way, built.proof, built)
        return FAILED if built.proof is not None and built.proof.suspicious else 0

    return interruptible(act, Naming())


@asynccontextmanager
async def _builder(
    found: Found, options: SolveOptions, user: UserConfig, effort: Effort, events: Events
) -> AsyncIterator[Builder]:
    sandbox, network = sandbox_of(options, user), network_of(options, user)
    async with (
        open_backend(sandbox, _RUN, events, network) as backend,
        open_repairer_of(found.site, options, user, effort, events) as repairer,
    ):
        yield Builder(backend, events, repairer)


@asynccontextmanager
async def open_repairer_of(
    site: Site, options: SolveOptions, user: UserConfig, effort: Effort, events: Events
) -> AsyncIterator[Repairer | None]:
    """Return who mends a site's set-up; None where no model is named, or none is to be asked."""
    if not (effort.rounds and (options.base_url or options.replies or user.models)):
        yield None
        return
    from swe_scale.cli.environment_repair import open_repairer

    async with open_repairer(site, options, user, effort, events) as repairer:
        yield repairer


def show_environment(repo: str, base: str | None, options: SolveOptions, *, json: bool) -> int:
    """Print the recipe, where its parts come from, and the proof if there is one; return the exit code.

    Raises:
        SweScaleError: what was given can't be used.
    """
    screen, events = Screen.open(json), Events()

    async def act() -> int:
        user = load_user_config(options.config)
        found = await find(repo, base, options, user, events)
        latest = await recall(found.site)
        way = latest.way if latest else found.site.ways[0]
        proof = await read_proof(latest.environment) if latest else None
        for note in found.site.ways[0].notes:
            screen.say(note)
        _answer(screen, way, proof, None, built=latest is not None)
        return 0

    return interruptible(act, Naming())


def _answer(
    screen: Screen, way: Proposal, proof: Proof | None, made: Built | None, *, built: bool = True
) -> None:
    if screen.json:
        screen.document(
            {
                "recipe": way.recipe.model_dump(mode="json", exclude_defaults=True),
                "origins": dict(way.origins),
                "built": built,
                "fresh": made.prepared.fresh if made else False,
                "environment": made.environment.digest if made else (proof.environment if proof else None),
                "repair_rounds": made.repairs if made else 0,
                "proof": _proof(proof),
            }
        )
        return
    for line in (*lines_of(way), *_proof_lines(proof, built=built)):
        screen.answer.print(line, markup=False, highlight=False, soft_wrap=True)


def _proof(proof: Proof | None) -> Mapping[str, Any] | None:
    return None if proof is None else {**proof.model_dump(mode="json"), "works": proof.works}


def lines_of(way: Proposal) -> list[str]:
    """Return a recipe as lines: each part, and where it comes from."""
    shown: list[str] = []
    recipe = way.recipe
    for part, name in _NAMES.items():
        value = getattr(recipe, part)
        texts = {
            "setup": recipe.setup,
            "needs": (", ".join(need.name for need in recipe.needs),),
            "build": (recipe.build.dockerfile if recipe.build else "",),
            "variables": tuple(f"{key}={text}" for key, text in recipe.variables.items()),
            "services": tuple(f"{one.name} on port {one.port}" for one in recipe.services),
        }.get(part, (str(value or ""),))
        for number, text in enumerate(texts if value else ()):
            origin = f"  ({way.origins[part]})" if number == 0 and part in way.origins else ""
            shown.append(f"{name if number == 0 else '':<13} {text}{origin}")
    if not recipe.setup:
        shown.append(f"{'set-up':<13} nothing")
    if recipe.test is None:
        shown.append(f"{'tests by':<13} nothing: no tests of its own are known")
    return shown


def _proof_lines(proof: Proof | None, *, built: bool) -> list[str]:
    if not built:
        return [f"{'proof':<13} not built yet: swe-scale environment build"]
    if proof is None:
        return []
    shown = [f"{'proof':<13} {proof.in_words}"]
    shown += [f"{'':<13} fails on the untouched code: {test}" for test in proof.failing[:20]]
    more = proof.failed + proof.errors - 20
    if more > 0:
        shown.append(f"{'':<13} … and {more} more")
    return [*shown, *(f"{'':<13} | {line}" for line in proof.output.splitlines()[-20:])]
