"""Turns rows of a dataset into tasks: what a solver may see of each, and where its code runs."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import ValidationError

from swe_scale.config import SandboxConfig, explain
from swe_scale.environment import Options, Table
from swe_scale.errors import UsageError
from swe_scale.jobs import Task
from swe_scale.swebench.images import TESTBED, search_path_of
from swe_scale.swebench.instance import Question

Environments = Literal["image", "requirements", "repository"]
_AT_ONCE = 100
"""Packages of one command, so that no line is longer than a command may be."""
_TREE_ON_PATH = (
    "import os, sysconfig; tree = os.getcwd(); "
    "open(os.path.join(sysconfig.get_path('purelib'), 'work-tree.pth'), 'w')"
    ".write(tree + '\\n' + os.path.join(tree, 'src') + '\\n')"
)
"""The code under test is imported from the work tree, as it was where the requirements were pinned."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of the rows, and what is wrong with those that can't be any."""

    found: tuple[Task, ...]
    faults: tuple[str, ...]


def environments_of(text: str | None) -> Environments | None:
    """Return how rows' environments are had.

    Raises:
        UsageError: there is no such way.
    """
    for known in get_args(Environments):
        if text == known:
            return known  # type: ignore[no-any-return]
    if text is None:
        return None
    raise UsageError(f"--environments {text!r}: known are {', '.join(get_args(Environments))}.")


def tasks_of(
    questions: tuple[Question, ...],
    given: Options,
    sandbox: SandboxConfig,
    how: Environments | None,
    say: Callable[[str], None],
) -> Tasks:
    """Return a task per row.

    Args:
        questions: the rows.
        given: what the user says of the environment, which counts more than what a row does.
        sandbox: where code runs.
        how: where environments come from. None: of each row, the best that it names.
        say: is told what is worth knowing.

    Raises:
        UsageError: images are asked for in a sandbox that has none.
    """
    containers = sandbox.kind == "docker"
    if how == "image" and not containers:
        raise UsageError(f"--environments image needs the docker sandbox, not {sandbox.kind}.")
    if given.image is not None or given.environment_file is not None or given.here:
        return Tasks(tuple(Task(issue=one.issue, options=given) for one in questions), ())
    found: list[Task] = []
    faults: list[str] = []
    ignored = 0
    for one in questions:
        try:
            options = _options(one, given, how or _best(one, containers=containers))
        except UsageError as error:
            faults.append(f"{one.issue.id}: {error}")
            continue
        ignored += bool(one.image and options == given and how is None)
        found.append(Task(issue=one.issue, options=options))
    if ignored:
        say(
            f"{ignored} rows name images, which only the docker sandbox can use: their environments are made "
            "of what the repositories say"
        )
    return Tasks(tuple(found), tuple(faults))


def _best(row: Question, *, containers: bool) -> Environments:
    if row.image and containers:
        return "image"
    return "requirements" if row.requirements else "repository"


def _options(row: Question, given: Options, how: Environments) -> Options:
    if how == "repository":
        return given
    if how == "image":
        if not row.image:
            raise UsageError("the row names no image; choose another way by --environments.")
        parts: dict[str, object] = {"image": row.image, "workdir": row.workdir or TESTBED}
        parts["path"] = search_path_of(row.image)
    else:
        if not row.requirements:
            raise UsageError("the row names no requirements; choose another way by --environments.")
        parts = {"table": table_of_row(row)}
    try:
        return Options.model_validate({**given.model_dump(exclude={"table"}), **parts})
    except ValidationError as error:
        raise UsageError(f"what the row says of its image can't be used:\n{explain(error)}") from error


def table_of_row(row: Question) -> Table:
    """Return the environment that a row's own requirements make.

    Raises:
        UsageError: they can't be used.
    """
    pinned = [shlex.quote(one) for one in row.requirements]
    packages = [pinned[start : start + _AT_ONCE] for start in range(0, len(pinned), _AT_ONCE)]
    lines = [f"python -m pip install --no-deps -- {' '.join(several)}" for several in packages]
    lines.append(f"python -c {shlex.quote(_TREE_ON_PATH)}")
    lines += [row.prepare] if row.prepare else []
    if any("\0" in line for line in lines):
        raise UsageError("its requirements hold a NUL character, which no command can be given.")
    try:
        return Table(python=row.python or "3", setup=tuple(lines))
    except ValidationError as error:
        raise UsageError(f"what the row says of its environment can't be used:\n{explain(error)}") from error
