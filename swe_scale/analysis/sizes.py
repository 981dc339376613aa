"""Measures what is known of an issue's run before it starts: its first prompt, to the byte, and its tree."""

from collections.abc import Mapping

from swe_scale.config import RunConfig
from swe_scale.environment import Options, read_project, recipe_for
from swe_scale.events import Events
from swe_scale.pipeline import choose_context
from swe_scale.prompts import render
from swe_scale.records import Issue, Record
from swe_scale.repo import Repository
from swe_scale.trajectory.setting import shared_part
from swe_scale.trajectory.tools import BASH_AND_SUBMIT

_OWN = ("revise", "agent")


class Sizes(Record):
    """Bytes of UTF-8, but where another unit is named."""

    system: int
    shared: int
    """What all first messages begin with: files and issue."""
    files: int
    """How many are shown."""
    instructions: Mapping[str, int]
    """What follows in the first message, by strategy; `selection` without patches and checks."""
    tooled: int
    """The instructions of an agent whose model calls tools."""
    schemas: int
    """Of its tools."""
    tree: int
    """The work tree at the base commit."""
    setup: bool
    """Whether set-up installs anything."""
    tests: bool
    """Whether the repository has tests that can be run."""

    def opening(self, strategy: str, tools: bool = False) -> int:
        """Return the size of the first two messages of a conversation."""
        own = self.tooled if tools else self.instructions[strategy]
        return self.system + self.shared + own


async def measure(issue: Issue, repository: Repository, config: RunConfig, options: Options) -> Sizes:
    """Measure an issue on its resolved base commit; nothing is asked of a model, built or run.

    Raises:
        RepositoryError: the commit can't be read.
        UsageError: a file has an unusable `[environment]`.
    """
    tree = await repository.tree_of(issue.base_commit)
    entries = await repository.files(tree)
    recipe = recipe_for(options, await read_project(repository, tree), Events())
    context = await choose_context(issue, repository, tree, config.context_tokens)
    shared = shared_part(issue, context, config.issue_tokens)
    return Sizes(
        system=size_of(render("system")),
        shared=size_of(f"{shared}\n\n"),
        files=len(context.files),
        instructions=_instructions(config),
        tooled=size_of(render("agent", turns=config.turns, tools=True)),
        schemas=sum(size_of(offered.tool.model_dump_json()) for offered in BASH_AND_SUBMIT),
        tree=sum(entry.size for entry in entries),
        setup=bool(recipe.setup),
        tests=recipe.test is not None and config.regression_seconds > 0,
    )


def _instructions(config: RunConfig) -> dict[str, int]:
    # What another package's strategy says isn't known before it runs.
    known = {one: one if one in _OWN else "agent" for one in config.strategies}
    found = {
        strategy: size_of(render(name, turns=config.turns, tools=False)) for strategy, name in known.items()
    }
    nobody = [{"label": "A", "patch": ""}]
    found["selection"] = size_of(
        render("select", finalists=nobody, outputs=(), turns=config.selection_turns, checks=1)
    )
    return found


def size_of(text: str) -> int:
    """Return the bytes of a text in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))
