"""Decides how an environment is built and has it built once per base commit."""

import tempfile
from pathlib import Path

from swe_scale.environment.options import FILE, Options, Table, table_of
from swe_scale.environment.project import Project, read_project
from swe_scale.environment.python import setup_lines, uses_pytest
from swe_scale.events import Events
from swe_scale.profiles import Profile, find_tests, recognise
from swe_scale.records import Environment, digest
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend, Recipe
from swe_scale.sandbox.owner import owner


def recipe_for(options: Options, project: Project, events: Events) -> Recipe:
    """Return how the project's environment is built.

    What is said comes before what is found: the user's image, the user's file, the repository's
    own `[environment]`, and only then what is known of the project's language.

    Raises:
        UsageError: a file has an unusable `[environment]`.
    """
    table = table_of(options, project.texts.get(FILE), events) or Table()
    profile = recognise(project.paths)
    image = options.image or table.image
    recipe = Recipe(
        image=image,
        workdir=table.workdir,
        setup=_setup(options, table, profile, project),
        test=table.test or _test_line(profile, project),
        profile=profile.name if profile else None,
        python=profile is not None and image is None,
    )
    events.emit("note", f"environment: {_in_words(recipe)}")
    return recipe


def _setup(options: Options, table: Table, profile: Profile | None, project: Project) -> tuple[str, ...]:
    if options.image is not None:
        return ()
    if table.setup is not None:
        return table.setup
    return setup_lines(project) if profile is not None and table.image is None else ()


def _test_line(profile: Profile | None, project: Project) -> str | None:
    if profile is None or not find_tests(project.paths):
        return None
    return profile.runners["pytest" if uses_pytest(project) else "unittest"].command


def _in_words(recipe: Recipe) -> str:
    kind = f"{recipe.profile} project" if recipe.profile else "no known kind of project"
    image = f"image {recipe.image}" if recipe.image else ""
    setup = "; ".join(recipe.setup) or "nothing is set up"
    tests = f"tests by `{recipe.test}`" if recipe.test else "its own tests are not run: none are known"
    return ", ".join(part for part in (kind, image, setup, tests) if part)


async def prepare(
    backend: Backend, repository: Repository, commit: str, options: Options, events: Events
) -> Environment:
    """Return the environment of a commit, built now or found built.

    Its digest covers the backend and what it starts from (an image by its content, not by its name),
    the recipe, the tree, and the last tag, since some builds take their version from it.

    Raises:
        UsageError: a file has an unusable `[environment]`.
        EnvironmentFailure: what it starts from isn't there, or a set-up line failed.
        RepositoryError: the commit can't be read.
        SandboxError: the backend failed.
    """
    tree = await repository.tree_of(commit)
    tag = await repository.nearest_tag(commit)
    recipe = recipe_for(options, await read_project(repository, tree), events)
    start = (backend.name, options.basis, await backend.identity(recipe))
    identity = digest(*start, recipe.model_dump_json(), tree, tag or "")
    if (found := await backend.built(identity)) is not None:
        return found
    with tempfile.TemporaryDirectory(prefix=f"swe-scale-{owner()}-") as folder:
        exported = Path(folder) / "tree"
        await repository.export(tree, exported, tag)
        return await backend.build(recipe, exported, identity)
