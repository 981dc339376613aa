"""Carries out `swe-scale environment pin`: writes the recipe found where a repository says how it is run."""

from dataclasses import dataclass
from pathlib import Path

from swe_scale.cli.environment import Found, find
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.screen import Naming, Screen, interruptible
from swe_scale.config import load_user_config
from swe_scale.environment.latest import recall
from swe_scale.environment.options import FILE, Options, table_of
from swe_scale.environment.proposals import proposals
from swe_scale.environment.written import pinned
from swe_scale.errors import StoreError, UsageError
from swe_scale.events import Events
from swe_scale.sandbox import Recipe


@dataclass(frozen=True, slots=True)
class Goal:
    """Where the recipe is written."""

    out: Path | None
    """None: the repository's own file."""
    force: bool


def pin_environment(repo: str, base: str | None, options: SolveOptions, goal: Goal, *, json: bool) -> int:
    """Write the recipe that was built last, otherwise the one that would be; return the exit code.

    Raises:
        UsageError: there is no work tree, or the file has uncommitted changes of its own.
        SweScaleError: what was given can't be used, or the file can't be written.
    """
    screen, events = Screen.open(json), Events()

    async def act() -> int:
        user = load_user_config(options.config)
        found = await find(repo, base, options, user, events)
        latest = await recall(found.site)
        recipe = (latest.way if latest else found.site.ways[0]).recipe
        tree = found.repository.worktree
        if goal.out is None and tree is None:
            raise UsageError("pin writes into a work tree, and this repository has none; use --out FILE.")
        place = goal.out or Path(str(tree)) / FILE
        committed = found.site.project.texts.get(FILE, "")
        old = _content(place)
        text = pinned(recipe, old, place)
        _check(recipe, text, found, place)
        if goal.out is None and old not in (committed, text) and not goal.force:
            raise UsageError(
                f"{place} has uncommitted changes; commit them, or add --force to replace its [environment]."
            )
        if text != old:
            _write(place, text)
        if json:
            screen.document({"file": str(place), "changed": text != old})
        else:
            said = f"written to {place}" if text != old else f"{place} says so already"
            screen.answer.print(said, markup=False, highlight=False, soft_wrap=True)
            if latest is None:
                screen.say("it was not built yet: swe-scale environment build shows whether it works")
        return 0

    return interruptible(act, Naming())


def _check(recipe: Recipe, text: str, found: Found, place: Path) -> None:
    """Refuse a text that would lead to another environment than the one that it was made of."""
    options = Options(basis=found.site.options.basis)
    again = proposals(options, table_of(options, text, Events()), found.site.project, found.sandbox)[0].recipe
    parts = [name for name in Recipe.model_fields if getattr(again, name) != getattr(recipe, name)]
    if parts:
        raise UsageError(
            f"{place} is not written: [environment] can't say all of this environment ({', '.join(parts)}); "
            "it is found again without it."
        )


def _content(place: Path) -> str:
    if place.is_symlink() or (place.exists() and not place.is_file()):
        raise UsageError(f"{place} is no plain file: it is not written to.")
    try:
        # Byte by byte: ends of lines stay as they are.
        return place.read_bytes().decode() if place.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{place} can't be read: {error}") from error


def _write(place: Path, text: str) -> None:
    try:
        part = place.with_name(f".{place.name}.part")
        part.write_bytes(text.encode())
        part.replace(place)
    except OSError as error:
        raise StoreError(f"{place} can't be written: {error.strerror}.") from error
