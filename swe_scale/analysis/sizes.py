"""Measures what is known of an issue's run before it starts: its first prompt, to the byte, and its tree."""

from collections.abc import Mapping

from swe_scale import triage
from swe_scale.assignments import plan
from swe_scale.checks import spoken
from swe_scale.config import Prompted, RunConfig, standing_for
from swe_scale.context import Questioning, Wish, find_context
from swe_scale.depicting import MOST_IMAGES, question
from swe_scale.environment import Options, look
from swe_scale.events import Events
from swe_scale.house import formatters_of
from swe_scale.patch import is_test
from swe_scale.planning import OBSERVATIONS
from swe_scale.prompts import render
from swe_scale.records import Issue, Record
from swe_scale.repo import Repository
from swe_scale.trajectory.setting import shared_part
from swe_scale.trajectory.tools import BASH_AND_SUBMIT
from swe_scale.trajectory.workplace import FOLDER, check_files

_LARGEST = 4
"""Bytes of a token of the files that are shown, at most."""
_OTHERS, _SAID = 40, 700
"""Files that are named with a note and not shown, and bytes of what is said of one, at most."""


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
    variants: Mapping[str, int] = {}
    """The prompt's variant, by strategy that has one."""
    planning: int = 0
    """What follows in the first message where plans are made."""
    triage: int = 0
    """What follows where it is asked if the issue is worth it."""
    schemas: int
    """Of its tools."""
    tree: int
    """The work tree at the base commit."""
    setup: bool
    """Whether set-up installs anything."""
    shown: int = 0
    """Texts of the files that are shown."""
    complete: bool = False
    """Whether these are all that there are, whole."""
    tests: int
    """Its test files, not in bytes: at least one where it has tests that can be run, 0 where none are run."""
    formatted: bool = False
    """Whether the project names a formatter that is run over candidates."""

    images: int = 0
    """Of the issue, how many are looked at; not in bytes."""
    depicting: int = 0
    """What is asked of each."""
    reading: Questioning | None = None
    """What a reader is asked. None: none reads."""
    less: int = 0
    """By how much the files that a reader finds may be smaller than those that are found without."""
    more: int = 0
    """By how much they may be larger, with what is said of them."""

    def opening(self, strategy: str, tools: bool = False) -> int:
        """Return the size of the first two messages of a conversation."""
        own = self.tooled if tools else self.instructions[strategy]
        return self.system + self.shared + own + self.variants.get(strategy, 0)


async def measure(issue: Issue, repository: Repository, config: RunConfig, options: Options) -> Sizes:
    """Measure an issue on its resolved base commit; nothing is asked of a model, built or run.

    Raises:
        RepositoryError: the commit can't be read.
        UsageError: a file has an unusable `[environment]`.
    """
    tree = await repository.tree_of(issue.base_commit)
    entries = await repository.files(tree)
    site = await look(repository, issue.base_commit, options, config.sandbox.kind, Events())
    recipe = site.ways[0].recipe
    wish = Wish(issue, issue.base_commit, config.context_tokens, config.context)
    context = await find_context(wish, repository, Events())
    paths = frozenset(entry.path for entry in entries)
    shared = shared_part(issue, context, config.issue_tokens)
    return Sizes(
        system=size_of(render("system")),
        shared=size_of(f"{shared}\n\n"),
        files=len(context.files),
        shown=sum(size_of(file.text) for file in context.files),
        complete=len(context.files) == context.considered
        and not any(reason.startswith("cut to") for file in context.files for reason in file.reasons),
        instructions=_instructions(config, recipe.profile),
        variants=_variants(config),
        planning=size_of(render("plan", most=OBSERVATIONS)),
        triage=size_of(triage.instructions(0)),
        images=min(len(issue.images), MOST_IMAGES),
        depicting=size_of(question(issue)),
        tooled=size_of(_agent(config, recipe.profile, tools=True)),
        schemas=sum(size_of(offered.tool.model_dump_json()) for offered in BASH_AND_SUBMIT),
        tree=sum(entry.size for entry in entries),
        setup=bool(recipe.setup or recipe.build),
        tests=max(1, sum(map(is_test, paths))) if recipe.test and config.regression_seconds else 0,
        formatted=config.format and bool(formatters_of(paths, site.project.texts)),
    )


def with_reading(sizes: Sizes, reading: Questioning, config: RunConfig) -> Sizes:
    """Return sizes with what a reader is asked, and how much other files its judgement may bring."""
    if sizes.complete:
        return sizes.model_copy(update={"reading": reading})
    most = config.context_tokens * _LARGEST
    more = max(0, most - sizes.shown) + _OTHERS * _SAID
    return sizes.model_copy(update={"reading": reading, "less": sizes.shown // 2, "more": more})


def _instructions(config: RunConfig, profile: str | None) -> dict[str, int]:
    # What another package's strategy says isn't known before it runs.
    named = {name: standing_for(name, config.named) for name in config.strategies}
    revise = size_of(render("revise", turns=config.turns))
    found = {
        name: revise
        if one and one.kind in ("revise", "check")
        else size_of(_agent(config, profile, begun=isinstance(one, Prompted) and one.start == "best"))
        for name, one in named.items()
    }
    nobody = [{"label": "A", "patch": ""}]
    found["selection"] = size_of(
        render("select_list", finalists=nobody, labels=["A"], rows=())
        if config.selection == "list"
        else render("select", finalists=nobody, outputs=(), turns=config.selection_turns, checks=1)
    )
    return found


def _agent(config: RunConfig, profile: str | None, *, tools: bool = False, begun: bool = False) -> str:
    """Return what an agent is told first."""
    languages = spoken(profile)
    checks = [f"{FOLDER}/{name}" for name in check_files(languages)]
    return render(
        "agent",
        turns=max(map(config.turns_of, config.strategies)),
        tools=tools,
        seconds=config.limits.seconds,
        checks=checks,
        languages=languages,
        begun=begun,
        check=checks[0] if begun else "",
    )


def _variants(config: RunConfig) -> dict[str, int]:
    given = {one.strategy: one.guidance for one in plan(config)}
    return {strategy: size_of(f"\n\n{text}") for strategy, text in given.items() if text}


def size_of(text: str) -> int:
    """Return the bytes of a text in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))
