"""One row of a dataset, in two halves: what a solver may see, and what only grading may."""

from collections.abc import Mapping
from dataclasses import dataclass

from swe_scale.records import Issue, Record


class Question(Record):
    """What a solver may see of a row: the issue, and where its code runs. Nothing tells of the answer."""

    issue: Issue
    repo: str
    """`owner/name`, as the dataset has it; `issue.repo` is where it is cloned from."""
    image: str = ""
    """Name of the container image that holds the prepared tree. Empty: the row names none."""
    workdir: str = ""
    """Where the tree lies in that image. Empty: `/testbed`."""
    version: str = ""
    python: str = ""
    """Version of the interpreter, such as `3.9`, where the row says."""
    requirements: tuple[str, ...] = ()
    """Pinned packages that the tests need, where the row says."""
    prepare: str = ""
    """Shell line that readies the tree, where the row says."""
    created_at: str = ""


class Gold(Record):
    """What only grading may see of a row. It is never part of anything that a solver is given."""

    instance: str
    repo: str
    base_commit: str
    patch: str
    test_patch: str
    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    eval_script: str = ""
    """Bash script that applies the hidden tests and runs them. Empty: it is made of `test_command`."""
    test_command: str = ""
    log_parser: str = ""
    """Name in the official registry, such as `parse_log_django`."""
    eval_type: str = "pass_and_fail"
    version: str = ""
    difficulty: str = ""
    image_assets: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Instance:
    """A whole row, as grading has it."""

    question: Question
    gold: Gold
