"""Has a model mend a set-up that fails or in which no test runs: it sees what was said and proposes the next.

What it proposes runs where every set-up does, apart from this host and with set-up's network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from swe_scale.building.proof import Proof, prove
from swe_scale.building.reply import Malformed, Suggestion, read_reply
from swe_scale.environment import Prepared, Proposal, Site, build
from swe_scale.environment.attempts import Attempt, write_attempt
from swe_scale.errors import BudgetExceeded, EnvironmentFailure, ModelError, SetUpFailed
from swe_scale.events import Events
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.prompts import render
from swe_scale.records import Message, Record, Sampling, digest
from swe_scale.sandbox import Backend, Recipe
from swe_scale.store import Key
from swe_scale.trajectory.conversation import Conversation
from swe_scale.trajectory.shortened import shortened

PROOF_SECONDS = 120.0
"""For the tests that show whether a proposal helps."""
_OUTPUT = 8_000
"""Bytes of output that are shown."""
_TEXTS = 12_000
"""Bytes of the project's own files that are shown, all together."""
_PATHS = 200
_SHOWN = (
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "tox.ini",
    "package.json",
    "requirements.txt",
    "CMakeLists.txt",
)


class Fault(Record):
    """Why a set-up isn't what is wanted, in the words that the model is told."""

    text: str
    output: str = ""


class _Round(Record):
    """What came of one proposal; nothing amiss if there is no fault."""

    fault: Fault | None = None


@dataclass(slots=True)
class Repairer:
    """Asks one model for set-up lines, a few rounds."""

    model: Model
    ledger: Ledger
    sampling: Sampling
    events: Events
    issue: str
    """Id of the issue that pays."""
    rounds: int = 3
    rounds_taken: int = field(default=0, init=False)

    async def mend(self, backend: Backend, site: Site, error: EnvironmentFailure) -> Prepared:
        """Return an environment of a site that can't be built.

        Raises:
            EnvironmentFailure: none of the proposals works, the model can't be asked, or what failed isn't a
                command of the set-up, which is all that it could change; the first failure.
            RepositoryError, SandboxError, StoreError: as the steps do.
        """
        if not isinstance(error, SetUpFailed):
            raise error
        way = site.ways[-1]
        fault = Fault(text=_first_lines(error), output=_output_of(error))
        found = await self._repaired(backend, site, way, fault)
        if found is None:
            taken = self.rounds_taken
            times = "once" if taken == 1 else f"{taken} times"
            said = f"A model proposed other commands {times}, and none works." if taken else ""
            raise EnvironmentFailure(f"{error}\n{said}".rstrip()) from error
        return found

    async def improve(
        self, backend: Backend, site: Site, prepared: Prepared, proof: Proof
    ) -> Prepared | None:
        """Return an environment in which tests run; None where no proposal works.

        Raises:
            RepositoryError, SandboxError, StoreError: as the steps do.
        """
        return await self._repaired(backend, site, prepared.way, _fault_of(proof), prepared.identity)

    async def _repaired(
        self, backend: Backend, site: Site, way: Proposal, fault: Fault, identity: str | None = None
    ) -> Prepared | None:
        if self.rounds < 1:
            return None
        self.events.emit("stage", "repair of the environment", self.issue)
        talk = _Talk(self, backend, site, way)
        try:
            found = await talk.hold(fault)
        except (ModelError, BudgetExceeded) as error:
            self.events.emit(
                "note", f"the model that repairs environments can't be asked: {error}", self.issue
            )
            return None
        if found is not None:
            origin = identity or await site.identity(backend, way.recipe)
            kept = Attempt(failure=fault.text, recipe=found.way.recipe)
            await write_attempt(origin, kept)
        return found


class _Talk:
    """One conversation about one way to build."""

    def __init__(self, repairer: Repairer, backend: Backend, site: Site, way: Proposal) -> None:
        self._repairer = repairer
        self._backend = backend
        self._site = site
        self._way = way
        self._path = f"{repairer.issue}/environment"
        self._conversation = Conversation(self._path, repairer.model, repairer.ledger, repairer.sampling)

    async def hold(self, fault: Fault) -> Prepared | None:
        """Return the environment that one of the proposals leads to."""
        rounds = self._repairer.rounds
        asked = self._opening(fault, rounds)
        for number in range(1, rounds + 1):
            reply = await self._conversation.ask(number, asked)
            self._repairer.rounds_taken = number
            try:
                suggestion = read_reply(reply.text)
            except Malformed as error:
                asked = _user(render("malformed", fault=str(error), left=rounds - number))
                continue
            recipe = self._changed(suggestion)
            self._repairer.events.emit("turn", f"set-up {number} of {rounds}", self._path)
            done = await self._tried(recipe, number)
            if done.fault is None:
                environment, fresh = await build(self._backend, self._site, recipe)
                identity = await self._site.identity(self._backend, self._way.recipe)
                return Prepared(environment, self._way.replaced(recipe, "found by a model"), identity, fresh)
            asked = _user(_observed(done.fault, rounds - number))
        return None

    async def _tried(self, recipe: Recipe, number: int) -> _Round:
        """Return what came of a recipe, tried now or before this run was interrupted."""

        async def make() -> _Round:
            return _Round(fault=await self._fault(recipe))

        identity = await self._site.identity(self._backend, recipe)
        key = Key(f"{self._path}/round/{number:02}", digest(identity))
        return await self._repairer.ledger.steps.once(key, _Round, make)

    async def _fault(self, recipe: Recipe) -> Fault | None:
        try:
            environment, _ = await build(self._backend, self._site, recipe)
        except EnvironmentFailure as error:
            return Fault(text=_first_lines(error), output=_output_of(error))
        paths = self._site.project.paths
        proof = await prove(self._backend, environment, paths, PROOF_SECONDS, self._repairer.events)
        return _fault_of(proof) if proof.suspicious else None

    def _changed(self, suggestion: Suggestion) -> Recipe:
        traced = f"set -x\n{suggestion.setup}" if "\n" in suggestion.setup else suggestion.setup
        changes = {
            "setup": (traced, *self._site.options.agents),
            "test": suggestion.test or self._way.recipe.test,
        }
        return self._way.recipe.model_copy(update=changes)

    def _opening(self, fault: Fault, rounds: int) -> tuple[Message, ...]:
        recipe, project = self._way.recipe, self._site.project.below(self._way.recipe.subdir)
        start = recipe.image or (recipe.build.dockerfile if recipe.build else "") or self._site.options.basis
        text = render(
            "environment",
            rounds=rounds,
            setup="\n".join(recipe.setup),
            failure=fault.text,
            output=shortened(fault.output, _OUTPUT),
            place=f"In the {self._backend.name} sandbox{f', from {start}' if start else ''}.",
            subdir=recipe.subdir,
            root=self._backend.name == "docker",
            python=recipe.python,
            python_version=recipe.python_version,
            network="those of this machine's package clients",
            test=recipe.test or "",
            paths=_nearest(project.paths),
            texts=_texts(project.texts),
        )
        return (Message(role="system", content=render("system")), *_user(text))


def _user(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def _observed(fault: Fault, left: int) -> str:
    return render(
        "environment_observed", failure=fault.text, output=shortened(fault.output, _OUTPUT), left=left
    )


def _fault_of(proof: Proof) -> Fault:
    return Fault(text=f"The set-up works, but no test runs by `{proof.command}`:", output=proof.output)


def _first_lines(error: EnvironmentFailure) -> str:
    if isinstance(error, SetUpFailed):
        return f"The command `{shortened(error.command, 1_000)}` failed:"
    return "It failed:"


def _output_of(error: EnvironmentFailure) -> str:
    return error.output if isinstance(error, SetUpFailed) else str(error)


def _nearest(paths: Sequence[str]) -> list[str]:
    shown = sorted(paths, key=lambda path: (path.count("/"), path))[:_PATHS]
    return [*sorted(shown), *(["…"] if len(paths) > _PATHS else [])]


def _texts(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    there = [name for name in _SHOWN if name in texts]
    return [(name, shortened(texts[name], _TEXTS // max(1, len(there)))) for name in there]
