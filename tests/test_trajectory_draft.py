"""Strategy `check`: conversations that end with a check and no change."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from solving_kit import CHECK, DONE, RIGHT, edit, open_desk, spoken

from swe_scale.records import Sampling, Trajectory
from swe_scale.trajectory import Assignment
from swe_scale.trajectory.loop import run

pytestmark = pytest.mark.anyio
PASSES = "<check>\nimport sys\nsys.exit(0)\n</check>\n"


async def converse(folder: Path, replies: Sequence[str], turns: int = 8) -> Trajectory:
    async with open_desk(folder, spoken(replies), turns=turns) as desk:
        return await run(desk.setting, Assignment(1, "check", Sampling()))


def told(made: Trajectory) -> list[str]:
    """Return what the model was told after each of its replies but the last."""
    return [turn.asked[-1].content for turn in made.turns[1:]]


async def test_it_ends_when_its_check_fails_on_the_untouched_code(tmp_path: Path) -> None:
    made = await converse(tmp_path, [PASSES, CHECK, DONE])
    assert made.outcome == "done" and len(made.turns) == 3
    assert made.check is not None and made.check.author == 1 and made.check.kind == "reproduction"
    assert made.patch == "" and made.turns[-1].untouched is not None
    first, second = told(made)
    assert "should exit 42" in first and "reply with `<done/>`" in second and "6 replies left" in second


async def test_it_may_end_with_its_check_but_not_with_one_that_passes(tmp_path: Path) -> None:
    made = await converse(tmp_path, [PASSES + DONE, CHECK + DONE])
    assert made.outcome == "done" and len(made.turns) == 2
    assert "so your work isn't done" in told(made)[0]


async def test_it_changes_nothing(tmp_path: Path) -> None:
    made = await converse(tmp_path, [DONE, edit(RIGHT), CHECK + edit(RIGHT), CHECK], turns=4)
    assert [turn.action for turn in made.turns] == ["check", "malformed", "malformed", "check"]
    assert made.outcome == "turns" and made.patch == "" and made.check is not None
    first, second, _ = told(made)
    assert "There is no check yet." in first and "<edit> has no meaning here" in second
