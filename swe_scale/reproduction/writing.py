"""Has a test of the issue written in the project's own layout, once it is known which patch is proposed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swe_scale.contents.encodings import decoded
from swe_scale.errors import BudgetExceeded, ModelError, PatchError, SandboxError
from swe_scale.formatting import Style
from swe_scale.patch import touched
from swe_scale.prompts import render
from swe_scale.records import Candidate, Changes, Check, Message, Reproduction, Sampling
from swe_scale.regression.near import find_near
from swe_scale.reproduction.showing import Showing, Shown
from swe_scale.trajectory import Setting
from swe_scale.trajectory.conversation import Conversation
from swe_scale.trajectory.edits import Refused, apply_edits, check_places, paths_of
from swe_scale.trajectory.grammar import Malformed, Tag, parse
from swe_scale.trajectory.shortened import shortened

_PATCH, _SCRIPT, _FILE, _OUTPUT = 16_000, 6_000, 10_000, 6_000
"""Bytes that are shown, at most."""
_SHOWN = 2
"""Test files that are shown; further ones are named."""
_NAMED, _LOOKED_AT = 8, 50
"""Files that are shown or named; and among which those are looked for that can be."""
_LARGEST = 64 << 10
"""Bytes that tests of one issue may add."""
_AROUND = 2_000
"""Bytes that are put around what is shown or told."""
MOST_SHOWN = _PATCH + _SCRIPT + _SHOWN * _FILE + _AROUND
MOST_TOLD = _OUTPUT + _AROUND
"""Bytes that the first prompt is longer by, and in which it is told what is wrong with a test, at most."""
_EDITS = ("edit", "create")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A patch for which there is to be a test."""

    candidate: Candidate
    check: Check | None
    """Which fails on the untouched code and passes with the patch."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Asks one model for a test, a few rounds, and believes no test that wasn't seen to fail and to pass."""

    setting: Setting
    """With the model that writes; its `turns` are the replies that it may have."""
    sampling: Sampling
    showing: Showing
    style: Style | None = None
    """The project's own form. None: what is written stays as it is."""

    async def reproduce(self, wanted: Wanted) -> Reproduction:
        """Return the tests of a patch that show the issue: those that it brings itself, or new ones.

        Raises:
            ModelError: the endpoint failed.
            BudgetExceeded: the next reply doesn't fit the budget.
            SandboxError: the backend failed again and again.
            PatchError: the tests of the patch and its rest can't be had without each other.
        """
        trees, tree = self.setting.trees, wanted.candidate.id
        own = await self.showing.of(tree)
        if own.tests:
            return Reproduction(patch=await trees.patch(tree), tests=own.tests)
        if not self.showing.cells.environment.test_command:
            return Reproduction(fault="no command is known that runs the project's tests")
        if not self.setting.turns:
            return Reproduction(fault="none was asked for")
        return await self._written(wanted)

    async def _written(self, wanted: Wanted) -> Reproduction:
        setting = self.setting
        path = f"{setting.issue.id}/test"
        talk = Conversation(path, setting.model, setting.ledger, self.sampling)
        asked = await self._opening(wanted)
        for number in range(1, setting.turns + 1):
            reply = await talk.ask(number, asked)
            setting.events.emit("turn", f"test {number} of {setting.turns}", f"{path}/turn/{number:02}")
            left = setting.turns - number
            try:
                tree = await self._edited(wanted.candidate.id, parse(reply.text))
            except (Malformed, Refused, PatchError) as error:
                asked = talk.answer(render("malformed", fault=str(error), left=left))
                continue
            if tree is None:
                return Reproduction(replies=number, fault="the model that was asked sees no place for one")
            found = await self.showing.of(tree, wanted.candidate.id)
            if found.tests:
                return Reproduction(patch=await setting.trees.patch(tree), tests=found.tests, replies=number)
            asked = talk.answer(_observed(found, left))
        replies = (
            "the only reply brought none"
            if setting.turns == 1
            else f"none of {setting.turns} replies brought one"
        )
        return Reproduction(replies=setting.turns, fault=f"{replies} that fails without the patch only")

    async def _edited(self, start: str, tags: Sequence[Tag]) -> str | None:
        """Return the tree with the tests of a reply, in the project's form; None if it holds none on purpose.

        Each reply begins from the patch anew.

        Raises:
            Malformed, Refused, PatchError: it can't be carried out, or changes more than tests.
        """
        if {tag.name for tag in tags} == {"done"}:
            return None
        edits = tuple(tag for tag in tags if tag.name in _EDITS)
        if len(edits) < len(tags):
            raise Malformed("only <edit> and <create> can be used here, or <done/> alone")
        trees = self.setting.trees
        self._check_tests(paths_of(edits))
        files = await trees.files(start, paths_of(edits))
        changes = apply_edits(edits, files)
        if _size(changes) - _size(files) > _LARGEST:
            raise Refused(f"that is more than {_LARGEST >> 10} KiB: write a short test")
        check_places(changes, await trees.paths(start))
        tree = await trees.write(start, changes)
        return await self._styled(tree, tuple(changes))

    def _check_tests(self, paths: Sequence[str]) -> None:
        """Refuse what isn't a test: the patch is judged already and stays as it is.

        Raises:
            Refused: one of the paths isn't a test file that the project's runner can be given.
        """
        runnable = self.showing.runnable(paths)
        if others := [path for path in paths if path not in runnable]:
            told = "is no test file that the project's runner can be given: change only these"
            raise Refused(f"{others[0]} {told}")

    async def _styled(self, tree: str, written: Iterable[str]) -> str:
        """Return the tree with the written tests in the project's form; the patch is in it already."""
        if self.style is None:
            return tree
        trees = self.setting.trees
        formed = await trees.files(await self.style.styled(tree), written)
        return await trees.write(tree, formed)

    async def _opening(self, wanted: Wanted) -> tuple[Message, ...]:
        trees, patch = self.setting.trees, wanted.candidate.patch
        near = await find_near(trees.repository, trees.base, touched(patch), _LOOKED_AT)
        runnable = self.showing.runnable(near)
        there = await trees.files(wanted.candidate.id, runnable)
        plain = [path for path in near if path in there and there[path].mode != "120000"]
        read = ((path, decoded(there[path].data)) for path in plain)
        texts = [(path, text) for path, text in read if text is not None][:_NAMED]
        return self.setting.opening(
            render(
                "test",
                rounds=self.setting.turns,
                patch=shortened(patch, _PATCH),
                check=shortened(wanted.check.script, _SCRIPT) if wanted.check else "",
                language=wanted.check.language if wanted.check else "",
                command=self.showing.cells.environment.test_command,
                files=[(path, shortened(text, _FILE)) for path, text in texts[:_SHOWN]],
                others=[path for path, _ in texts[_SHOWN:]],
            )
        )


async def reproduced(writer: Writer, wanted: Wanted) -> tuple[Reproduction, bool]:
    """Return the tests of a patch, and whether a fault kept them away that may be gone at another time.

    Nothing that fails here takes the patch along.
    """
    try:
        return await writer.reproduce(wanted), False
    except BudgetExceeded as error:
        return Reproduction(fault=f"the budget is spent: {_line(error)}"), False
    except PatchError as error:
        return Reproduction(fault=f"the patch can't be told from its tests: {_line(error)}"), False
    except (ModelError, SandboxError) as error:
        return Reproduction(fault=f"it could not be had: {_line(error)}"), True


def _line(error: Exception) -> str:
    return shortened(" ".join(str(error).split()).removesuffix("."), 400)


def _size(files: Changes) -> int:
    return sum(len(file.data) for file in files.values() if file is not None)


def _observed(found: Shown, left: int) -> str:
    return render("test_observed", fault=found.fault, output=shortened(found.output, _OUTPUT), left=left)
