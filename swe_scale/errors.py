"""Every error that a user can meet, by the boundary at which it arises.

SweScaleError                 exit 1
├── UsageError                exit 2   wrong argument, configuration, name, input file
├── RepositoryError           exit 1   git, the repository's content, its objects
├── PatchError                exit 1   a patch that doesn't apply or leaves the work tree
├── EnvironmentFailure        exit 1   the environment can't be built
│   └── SetUpFailed           exit 1   one of its commands failed; a model may propose others
├── SandboxError              exit 1   the sandbox backend failed (daemon, kernel, image)
│   └── TooLarge              –        more was changed in a sandbox than a patch may hold; its agent is told
├── ModelError                exit 1   the endpoint failed for good
│   ├── ContextExceeded       –        one trajectory's prompt is too long; its work is kept
│   ├── EndpointRefused       exit 1   key, model or address are wrong: nothing will work, so the run stops
│   └── Interrupted           –        a try that may have been charged broke off; another is paid for
├── GitHubError               exit 1   GitHub can't be reached, refuses, or has no such issue
│   └── PerhapsDone           exit 1   whether a change was made isn't known; who asked looks first
├── ScoreError                –        an external verifier gave no scores; the run goes on without
├── ExtensionError            exit 1   what another package offers (a rule, a policy) failed or makes no sense
├── StoreError                exit 1   the run folder: disk full, locked, of a newer version
└── BudgetExceeded            –        the next call doesn't fit the budget; what is there is voted on
"""

from collections.abc import Iterator
from contextlib import contextmanager


class SweScaleError(Exception):
    """An expected failure. Its text says what was wrong, where, and what to do next."""

    exit_code = 1


class UsageError(SweScaleError):
    """What the user gave can't be used as it is."""

    exit_code = 2


class RepositoryError(SweScaleError):
    """The repository can't be read or lacks what was asked of it."""


class PatchError(SweScaleError):
    """A patch doesn't apply, or would write where it must not."""


class EnvironmentFailure(SweScaleError):
    """The environment in which checks run can't be built."""


class SetUpFailed(EnvironmentFailure):
    """A command of the set-up failed."""

    def __init__(self, text: str, *, command: str, output: str) -> None:
        super().__init__(text)
        self.command = command
        self.output = output
        """The end of what it said."""


class SandboxError(SweScaleError):
    """The sandbox backend failed; says nothing about the code that ran in it."""


class TooLarge(SandboxError):
    """What changed in a sandbox is more than a patch may hold: the fault of what ran there."""


class ModelError(SweScaleError):
    """The model's endpoint failed in a way that trying again doesn't mend."""

    def __init__(self, text: str, *, charged: bool = False) -> None:
        super().__init__(text)
        self.charged = charged
        """Whether the call may have cost something all the same."""


class ContextExceeded(ModelError):
    """The prompt no longer fits the model's context; only this trajectory ends."""


class EndpointRefused(ModelError):
    """The endpoint answers nothing, whatever is asked: the key, the model or the address is wrong."""


class Interrupted(ModelError):
    """A try that may have been charged brought no reply; whoever keeps the books decides on another."""

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(text, charged=True)
        self.retry_after = retry_after
        """Seconds to wait, if the server said so."""
        self.again: int | None = None
        """Further tries that the endpoint is worth. None: nobody said."""


class GitHubError(SweScaleError):
    """GitHub can't be reached, refuses, or doesn't have what was asked for."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        """What GitHub answered; None if it gave no answer that can be used."""


class PerhapsDone(GitHubError):
    """No answer came to a request that changes something: look whether it was carried out."""


class ScoreError(SweScaleError):
    """An external verifier failed, or gave what can't be used."""


class ExtensionError(SweScaleError):
    """What another package offers by an entry point can't be loaded, failed, or gave what can't be used."""


class StoreError(SweScaleError):
    """The run's record can't be written or read."""


class BudgetExceeded(SweScaleError):
    """The bound of the next call is more than what is left of the budget."""


@contextmanager
def unwrapped() -> Iterator[None]:
    """Raise the expected failure that a task group wrapped; groups of anything else pass as they are."""
    try:
        yield
    except BaseExceptionGroup as group:
        expected, other = group.split(SweScaleError)
        if expected is None or (other is not None and other.split(Exception)[0] is not None):
            raise
        leaf: BaseException = expected
        while isinstance(leaf, BaseExceptionGroup):
            leaf = leaf.exceptions[0]
        raise leaf from group
