"""Has an environment built, repaired where a model is there, and proved."""

from dataclasses import dataclass

from swe_scale.building.completion import ORIGIN, completed
from swe_scale.building.proof import Proof, prove, read_proof
from swe_scale.building.repair import Repairer
from swe_scale.environment import Options, Prepared, Site, build, first_that_works, look
from swe_scale.environment.attempts import Attempt, forget_attempt, write_attempt
from swe_scale.environment.latest import remember
from swe_scale.errors import EnvironmentFailure
from swe_scale.events import Events
from swe_scale.records import Environment
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend


@dataclass(frozen=True, slots=True)
class Built:
    """An environment, how it came about, and the proof that it works."""

    prepared: Prepared
    proof: Proof | None
    repairs: int = 0
    """Rounds of the model."""

    @property
    def environment(self) -> Environment:
        """The environment itself."""
        return self.prepared.environment


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds environments in one backend."""

    backend: Backend
    events: Events
    repairer: Repairer | None = None
    """Who mends what fails. None: a failure is the answer."""

    async def build(self, site: Site) -> Prepared:
        """Return the environment of a site, found or built, and repaired if its set-up fails.

        Raises:
            EnvironmentFailure: it can't be built, by a model's help neither.
            RepositoryError, SandboxError, BudgetExceeded, EndpointRefused: as the steps do.
        """
        try:
            return await first_that_works(self.backend, site, self.events)
        except EnvironmentFailure as error:
            if self.repairer is None:
                raise
            return await self.repairer.mend(self.backend, site, error)

    async def environment(self, repository: Repository, commit: str, options: Options) -> Environment:
        """Return the environment of a commit, as `build` does; that it works isn't proved.

        Raises:
            UsageError: a file has an unusable `[environment]`.
            EnvironmentFailure, RepositoryError, SandboxError: as `build` does.
        """
        site = await look(repository, commit, options, self.backend.name, self.events)
        prepared = await self.build(site)
        await remember(site, prepared)
        return prepared.environment

    async def build_proved(self, site: Site, seconds: float) -> Built:
        """Return the environment of a site with the proof that it works.

        One of which no test runs is repaired, too; if that doesn't help, it is returned as it is.

        Args:
            site: which.
            seconds: that the proof may take, each time; 0: none is made. What was proved before isn't proved
                again.

        Raises:
            EnvironmentFailure: it can't be built.
            RepositoryError, SandboxError, BudgetExceeded, EndpointRefused: as the steps do.
        """
        prepared = await self.build(site)
        if seconds <= 0:
            return Built(prepared, await read_proof(prepared.environment.digest), self._rounds_taken)
        proof = await self.proof(prepared, site, seconds)
        if proof.absent and (completed := await self._completed(prepared, site, proof, seconds)) is not None:
            prepared, proof = completed
        if proof.suspicious and self.repairer is not None:
            mended = await self.repairer.improve(self.backend, site, prepared, proof)
            prepared = mended or prepared
            proof = await self.proof(prepared, site, seconds)
        return Built(prepared, proof, self._rounds_taken)

    @property
    def _rounds_taken(self) -> int:
        return self.repairer.rounds_taken if self.repairer else 0

    async def _completed(
        self, prepared: Prepared, site: Site, proof: Proof, seconds: float
    ) -> tuple[Prepared, Proof] | None:
        """Return the environment with what its tests looked for; None where that doesn't help."""
        way = prepared.way
        recipe = completed(way, proof.absent, site.project.below(way.recipe.subdir))
        if recipe is None:
            return None
        self.events.emit("note", f"tests look for {', '.join(proof.absent)}; once more: {recipe.setup[-1]}")
        try:
            environment, fresh = await build(self.backend, site, recipe)
        except EnvironmentFailure as error:
            self.events.emit("note", f"it doesn't help: {error}")
            return None
        better = Prepared(environment, way.replaced(recipe, ORIGIN), prepared.identity, fresh)
        again = await self.proof(better, site, seconds)
        if (again.passed, -again.errors) <= (proof.passed, -proof.errors):
            return None
        failure = f"its tests look for {', '.join(proof.absent)}"
        await write_attempt(prepared.identity, Attempt(failure=failure, recipe=recipe, origin=ORIGIN))
        return better, again

    async def proof(self, prepared: Prepared, site: Site, seconds: float) -> Proof:
        """Return the proof of an environment, known or made now."""
        known = await read_proof(prepared.environment.digest)
        if known is not None and (known.complete or known.seconds >= seconds * 0.9):
            return known
        return await prove(self.backend, prepared.environment, site.project.paths, seconds, self.events)

    async def forget(self, site: Site) -> None:
        """Forget what came of earlier tries to build a site."""
        for way in site.ways:
            try:
                await forget_attempt(await site.identity(self.backend, way.recipe))
            except EnvironmentFailure:
                continue
