"""Lays out the ways in which an environment may be built, best first, and where each part comes from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from swe_scale.environment.devcontainer import Devcontainer, read_devcontainer
from swe_scale.environment.languages import plan_of
from swe_scale.environment.options import FILE, Dockerfile, Options, Table
from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project
from swe_scale.environment.python_chosen import python_for
from swe_scale.errors import UsageError
from swe_scale.house import formatters_wanted
from swe_scale.profiles import toolchains
from swe_scale.sandbox import Build, Need, Recipe

_DOCKERFILES = ("Dockerfile.test", "Dockerfile.dev", "Dockerfile")
_CONTAINERS = "docker"
_ANY = "3"
"""The version that asks for a virtual environment only."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One way to build an environment."""

    recipe: Recipe
    origins: Mapping[str, str] = field(default_factory=dict)
    """By part of the recipe, where it comes from."""
    notes: tuple[str, ...] = ()
    """What a user should know of it."""

    @property
    def source(self) -> str:
        """What makes it another than the profile's."""
        names = (self.origins.get(part) for part in ("build", "image", "setup"))
        return next((name for name in names if name), "nothing")

    def replaced(self, recipe: Recipe, origin: str) -> "Proposal":
        """Return it with another recipe, whose changed parts have an origin of their own."""
        old, new = self.recipe.model_dump(), recipe.model_dump()
        changed = {name: origin for name in new if new[name] and new[name] != old[name]}
        return replace(self, recipe=recipe, origins={**self.origins, **changed})

    @property
    def in_words(self) -> str:
        """It in one line."""
        recipe = self.recipe
        kind = f"{recipe.profile} project" if recipe.profile else "no known kind of project"
        where = f"in {recipe.subdir}" if recipe.subdir else ""
        image = f"image {recipe.image}" if recipe.image else ""
        build = f"image built of {recipe.build.dockerfile}" if recipe.build else ""
        python = f"Python {recipe.python_version}" if recipe.python_version else ""
        needs = f"with {', '.join(need.name for need in recipe.needs)}" if recipe.needs else ""
        setup = "; ".join(recipe.setup) or "nothing is set up"
        tests = f"tests by `{recipe.test}`" if recipe.test else "its own tests are not run: none are known"
        return ", ".join(filter(None, (kind, where, image, build, python, needs, setup, tests)))


def proposals(options: Options, table: Table | None, project: Project, sandbox: str) -> tuple[Proposal, ...]:
    """Return the ways to build a project's environment, best first; a later one stands in for the earlier.

    What is said comes before what is found: the user's image, the user's file, the repository's own
    `[environment]`, its devcontainer.json or Dockerfile, and only then what is known of its language.

    Args:
        options: the user's.
        table: of the user's file or the repository's own; None where neither says anything.
        project: the whole tree.
        sandbox: name of the backend.

    Raises:
        UsageError: there is no such folder in the tree, or no such Dockerfile.
    """
    said = table or Table()
    subdir = options.subdir or said.subdir
    if subdir and not any(path.startswith(f"{subdir}/") for path in project.paths):
        raise UsageError(f"there is no folder {subdir!r} in the repository at this commit.")
    source = _source(options)
    plan = plan_of(project.below(subdir), said.language)
    house = formatters_wanted(project.paths, project.texts) if plan is not None and plan.python else ()
    found = _Sayings(options, said, plan, subdir, source, sandbox, house)
    plain = found.proposal()
    if options.image is not None or said.image is not None or said.dockerfile is False:
        return (plain,)
    if said.dockerfile is not None:
        return (_wanted(found, said.dockerfile, project, sandbox),)
    if said.setup is not None:
        return (plain,)
    ways = tuple(_of_the_repository(found, project))
    if sandbox != _CONTAINERS:
        ignored = (
            f"only the docker sandbox uses what the repository has to make containers; {sandbox} ignores it"
        )
        return (replace(plain, notes=(ignored,) if any(way.recipe != plain.recipe for way in ways) else ()),)
    notes = tuple(note for way in ways for note in way.notes if way.recipe == plain.recipe)
    usable = tuple(way for way in ways if way.recipe != plain.recipe)
    return (*usable, replace(plain, notes=notes if not usable else ()))


def _source(options: Options) -> str:
    """Return who wrote the table."""
    if options.environment_file is not None:
        return str(options.environment_file)
    return "the dataset" if options.table is not None else f"the repository's {FILE}"


def _wanted(found: "_Sayings", wanted: Dockerfile, project: Project, sandbox: str) -> Proposal:
    path = wanted.path
    if path not in project.paths:
        raise UsageError(f"{found.source} names the Dockerfile {path!r}, which isn't in the repository.")
    if sandbox != _CONTAINERS:
        raise UsageError(f"{found.source} names a Dockerfile: that needs the docker sandbox, not {sandbox}.")
    if path not in project.texts:
        raise UsageError(f"{found.source} names the Dockerfile {path!r}, which is too large, or no file.")
    given = wanted.model_dump(exclude={"path"})
    build = Build(dockerfile=path, text=project.texts[path], **given)
    return found.proposal(start=_Start(found.source, build=build))


def _of_the_repository(found: "_Sayings", project: Project) -> Iterator[Proposal]:
    """Yield what the repository's own files for containers come to."""
    container = read_devcontainer(project)
    if container is not None and container.image is None and container.build is None:
        yield replace(found.proposal(), notes=container.notes)
    elif container is not None:
        yield found.proposal(start=_start_of(container))
    there = (f"{found.subdir}/{name}" if found.subdir else name for name in _DOCKERFILES)
    dockerfile = next((path for path in there if path in project.texts), None)
    built = container.build.dockerfile if container and container.build else None
    if dockerfile is not None and dockerfile != built:
        yield found.proposal(start=_Start(dockerfile, build=_build_of(dockerfile, project)))


def _build_of(dockerfile: str, project: Project) -> Build:
    text = project.texts[dockerfile]
    return Build(dockerfile=dockerfile, text=text, context=dockerfile.rpartition("/")[0])


def _start_of(container: Devcontainer) -> "_Start":
    return _Start(
        container.path, container.image, container.build, container.setup, container.variables,
        container.workdir, container.notes,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Start:
    """What the repository has to make a container of."""

    source: str
    image: str | None = None
    build: Build | None = None
    setup: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    workdir: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sayings:
    """All that is said and known of a project, from which recipes are put together."""

    options: Options
    table: Table
    plan: Plan | None
    subdir: str
    source: str
    """Of the table."""
    sandbox: str
    house: tuple[str, ...] = ()
    """Set-up lines that bring the project's own formatters."""

    def proposal(self, start: _Start | None = None) -> Proposal:
        """Return the recipe that starts as the repository wants, or from what the backend has."""
        said, plan = self.table, self.plan
        image = self.options.image or said.image or (start.image if start else None)
        own = self.options.image is None and said.image is None
        origins: dict[str, str] = {}
        parts = {
            "image": image,
            "build": start.build if start else None,
            "workdir": said.workdir or self.options.workdir or (start.workdir if start else None),
            "path": self.options.path,
            "setup": self._setup(start),
            "test": said.test or (plan.test if plan and _is_text(plan.test or "") else None),
            "profile": plan.profile if plan else said.language,
            "python": self._python(start, own=own),
            "python_version": self._version(start, own=own),
            "needs": self._needs(own=own),
            "variables": {**(start.variables if start else {}), **said.variables},
            "subdir": self.subdir,
            "services": said.services,
        }  # fmt: skip
        recipe = Recipe.model_validate(parts)
        for name in parts:
            if getattr(recipe, name):
                origins[name] = self._origin(name, start)
        return Proposal(recipe, origins, start.notes if start else ())

    def _setup(self, start: _Start | None) -> tuple[str, ...]:
        return (*self._own_setup(start), *self.options.agents)

    def _own_setup(self, start: _Start | None) -> tuple[str, ...]:
        if self.options.image is not None:
            return ()
        if self.table.setup is not None:
            return self.table.setup
        known = (*self.plan.setup, *self.house) if self.plan is not None and self.table.image is None else ()
        known = tuple(filter(_is_text, known))
        if start is None or not start.setup:
            return known
        # In a Python project's virtual environment, what is there already costs nothing.
        python = self.plan is not None and self.plan.profile == "python"
        return tuple(filter(_is_text, (*start.setup, *known) if python else start.setup))

    def _python(self, start: _Start | None, *, own: bool) -> bool:
        if self.options.image is not None:
            return False
        if self.table.python:
            return True
        if not own or self.plan is None or not self.plan.python:
            return False
        return start is None or self.plan.profile == "python"

    def _version(self, start: _Start | None, *, own: bool) -> str:
        if self.options.image is not None:
            return ""
        if self.table.python or not own or self.plan is None or start is not None:
            return "" if self.table.python in (None, _ANY) else self.table.python
        return python_for(self.plan.python_versions, self.sandbox, self.options.basis)

    def _needs(self, *, own: bool) -> tuple[Need, ...]:
        if not own:
            return ()
        named = self.table.needs if self.table.needs is not None else self.plan.needs if self.plan else ()
        return needs_of(named)

    def _origin(self, name: str, start: _Start | None) -> str:
        key = {"python_version": "python", "profile": "language"}.get(name, name)
        if name == "image" and self.options.image:
            return "the dataset" if self.options.workdir else "--image"
        if name == "path":
            return "the dataset"
        if name == "subdir" and self.options.subdir:
            return "--subdir"
        if getattr(self.table, key, None):
            return self.source
        if start is not None and getattr(start, name, None):
            return start.source
        return f"the {self.plan.profile} profile" if self.plan else "recognised"


def _is_text(line: str) -> bool:
    """Return whether a line out of a repository's files can be given to a shell, and recorded, at all."""
    return "\0" not in line and not any("\ud800" <= character <= "\udfff" for character in line)


def needs_of(names: Sequence[str]) -> tuple[Need, ...]:
    """Return the toolchains of these names."""
    known = toolchains()
    return tuple(Need(name=name, **dict(known[name])) for name in dict.fromkeys(names) if name in known)
