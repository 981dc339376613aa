"""A strategy of another package: what it fails at, or hands back, ends the command with its name."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NoReturn

from swe_scale.config import OWN_STRATEGIES
from swe_scale.errors import ExtensionError, PatchError, SweScaleError
from swe_scale.extensions import described, loaded
from swe_scale.records import Check
from swe_scale.trajectory import Act, Assignment, Opener, Setting, Strategy
from swe_scale.trajectory.edits import Refused
from swe_scale.trajectory.grammar import Malformed

_TREE = re.compile(r"[0-9a-f]{40}")


class ForeignStrategy:
    """The state of one trajectory, as the other package has it."""

    def __init__(self, name: str, strategy: Strategy) -> None:
        self._name = name
        self._strategy = strategy
        self._take()

    def _take(self) -> None:
        try:
            self.tree: str = self._strategy.tree
            self.check: Check | None = self._strategy.check
            self.tools = tuple(self._strategy.tools)
        except Exception as error:
            _fail(self._name, error)
        if not isinstance(self.tree, str) or not _TREE.fullmatch(self.tree):
            raise ExtensionError(f"the strategy {self._name!r} has no tree: it is {self.tree!r:.80}.")
        if not isinstance(self.check, Check | None):
            raise ExtensionError(f"the strategy {self._name!r} has no check: it is {self.check!r:.80}.")

    def instructions(self) -> str:
        """Return what follows the shared part of the first message.

        Raises:
            ExtensionError: it failed, or this is no text.
        """
        try:
            text = self._strategy.instructions()
        except Exception as error:
            _fail(self._name, error)
        if not isinstance(text, str):
            raise ExtensionError(f"the strategy {self._name!r} gives no instructions: {text!r:.80}.")
        return text

    async def act(self, number: int, reply: str) -> Act:
        """Carry out one reply.

        Raises:
            Malformed: it isn't in the strategy's language, or an edit can't be made.
            ExtensionError: the strategy failed, or hands back something else.
            SweScaleError: something beneath it failed.
        """
        try:
            act = await self._strategy.act(number, reply)
        except (Refused, PatchError) as error:
            raise Malformed(str(error)) from error
        except (Malformed, SweScaleError):
            raise
        except Exception as error:
            _fail(self._name, error)
        if not isinstance(act, Act):
            raise ExtensionError(f"the strategy {self._name!r} hands back no Act: it is {act!r:.80}.")
        self._take()
        return act


def _fail(name: str, error: Exception) -> NoReturn:
    raise ExtensionError(f"the strategy {name!r} failed: {described(error)}.") from error


def foreign(name: str) -> Opener:
    """Return what opens a strategy of another package.

    Raises:
        UsageError: there is none of that name.
        ExtensionError: it can't be loaded.
    """
    opener: Opener = loaded("strategy", name, OWN_STRATEGIES)

    @asynccontextmanager
    async def opened(setting: Setting, assignment: Assignment) -> AsyncIterator[Strategy]:
        async with AsyncExitStack() as stack:
            try:
                strategy = await stack.enter_async_context(opener(setting, assignment))
            except SweScaleError:
                raise
            except Exception as error:
                _fail(name, error)
            yield ForeignStrategy(name, strategy)

    return opened
