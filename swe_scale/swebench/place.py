"""Where a row's hidden tests run: its image with the tree in it, or what the user or the row says instead."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from swe_scale.config import Limits
from swe_scale.environment import Options, Site, build, first_that_works, look
from swe_scale.errors import PatchError, UsageError
from swe_scale.events import Events
from swe_scale.records import Environment, digest
from swe_scale.repo import Repository
from swe_scale.repo.source import kept_at
from swe_scale.sandbox import Backend, Recipe
from swe_scale.swebench.images import TESTBED
from swe_scale.swebench.instance import Question
from swe_scale.swebench.questions import source_of

_LARGEST = 4 << 20
"""Bytes of a patch by which an image's tree differs from the base commit."""
_SOON = Limits(seconds=120.0, output=_LARGEST)
_BESIDE = "/work"
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_DIFFERENCE = """
cd "$1" && git config --global --add safe.directory "$1" || exit 1
GIT_OPTIONAL_LOCKS=0 git -c core.fsmonitor=false -c core.fileMode=false \\
    diff --binary --no-ext-diff --no-textconv --no-renames "$2" 2>/dev/null
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A row's environment, with the repository that its tree is in."""

    environment: Environment
    repository: Repository
    tree: str
    """What its work tree holds: the base commit, with what the image's makers changed of it."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that holds a prepared tree."""

    name: str
    workdir: str
    commit: str
    """The row's base commit."""


def asked_for(question: Question, options: Options) -> str:
    """Return the digest of what names a row's environment before it is looked for."""
    table = options.environment_file
    text = table.read_text(encoding="utf-8", errors="replace") if table and table.is_file() else ""
    own = question.model_dump_json(include={"image", "workdir", "python", "requirements", "prepare"})
    return digest(own, options.model_dump_json(exclude={"environment_file"}), text)


async def prepare_place(question: Question, options: Options, backend: Backend, events: Events) -> Place:
    """Return the environment of a row, found or built.

    Raises:
        UsageError: the user's table can't be used, or nothing says where the row's tests run.
        RepositoryError: the repository can't be had, or lacks the base commit.
        EnvironmentFailure: there is no such image, or a set-up line failed.
        SandboxError: the backend failed.
    """
    issue = question.issue
    repository = await Repository.open(issue.repo, kept_at(issue.repo))
    commit = await repository.resolve(issue.base_commit)
    if options.environment_file is not None:
        site = await look(repository, commit, options, backend.name, events)
        return Place((await first_that_works(backend, site, events)).environment, repository, site.tree)
    image = options.image or _image_of(question, backend.name)
    site = await look(repository, commit, Options(image=image or None), backend.name, events)
    known = site.ways[-1].recipe
    if image:
        workdir = question.workdir or TESTBED
        found = await _as_in_image(backend, site, Image(image, workdir, commit))
        recipe = known.model_copy(update={"workdir": workdir})
    else:
        found, recipe = site, _of_row(known, question)
    environment, _ = await build(backend, found, recipe)
    return Place(environment, repository, found.tree)


def _image_of(question: Question, backend: str) -> str:
    """Return a row's image; none where the sandbox can't use it and the row pins its requirements."""
    return question.image if backend == "docker" or not question.requirements else ""


def _of_row(known: Recipe, question: Question) -> Recipe:
    """Return the recipe that a row's own requirements make.

    Raises:
        UsageError: it names none.
    """
    if not question.requirements:
        raise UsageError(
            f"{question.issue.id}: its row names neither image nor requirements; say by --environment FILE "
            "how the place is made where its tests run."
        )
    listed = shlex.join(question.requirements)
    setup = (f"python -m pip install --no-deps {listed}", *filter(None, (question.prepare,)))
    update = {"workdir": question.workdir or TESTBED, "setup": setup, "python": True}
    return known.model_copy(update={**update, "python_version": question.python})


async def _as_in_image(backend: Backend, site: Site, image: Image) -> Site:
    """Return the site with the tree as the image has it: its makers may have changed what git tracks.

    They are asked for in a sandbox of the image whose own work tree is an empty one beside it.
    """
    bare = Recipe(image=image.name, workdir=_BESIDE)
    environment, _ = await build(backend, replace(site, tree=_EMPTY_TREE), bare)
    async with backend.open(environment) as template, template.fork(_SOON) as sandbox:
        ran = await sandbox.run(("sh", "-c", _DIFFERENCE, "sh", image.workdir, image.commit), limits=_SOON)
    if ran.exit_code != 0 or ran.truncated or not ran.output.strip():
        return site
    try:
        return replace(site, tree=await site.repository.apply(site.tree, ran.output))
    except PatchError:
        return site


def with_repository(question: Question, repos: Path | None) -> Question:
    """Return a question whose repository is the user's copy, where there is one as `owner__name`."""
    issue = question.issue.model_copy(update={"repo": source_of(question.repo, repos)})
    return question if repos is None else question.model_copy(update={"issue": issue})
