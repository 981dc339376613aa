"""A model mends a set-up that fails, or in which no test runs; its cost is on the books."""

from pathlib import Path

import pytest
from building_kit import PASSES, RUNNER, block, work

from swe_scale.errors import EnvironmentFailure
from swe_scale.models import Model
from swe_scale.records import Completion, Request

pytestmark = pytest.mark.anyio
BROKEN = {"swe-scale.toml": RUNNER + "setup = 'echo something is amiss; exit 3'\n", "test_a.py": PASSES}
UNMADE = {"swe-scale.toml": RUNNER + "setup = []\n", "test_a.py": f"import made\n{PASSES}"}
ABSENT = "[environment]\nlanguage = 'python'\npython = '3.99'\n"
MAKE = "echo x = 1 >made.py"


class Listening:
    """Passes requests on, and keeps what was asked last in each."""

    def __init__(self, model: Model) -> None:
        self.asked: list[str] = []
        self._model = model
        self.name, self.context_length, self.tools = model.name, model.context_length, model.tools

    async def complete(self, request: Request) -> Completion:
        self.asked.append(request.messages[-1].content)
        return await self._model.complete(request)


async def test_what_fails_is_mended_and_found_again(tmp_path: Path) -> None:
    replies = [block("echo again; exit 4"), block("true", MAKE)]
    async with work(tmp_path, BROKEN, replies) as one:
        built = await one.builder.build_proved(one.site, 60)
        assert built.proof is not None and built.proof.works and built.repairs == 2
        assert built.environment.setup == (f"set -x\ntrue\n{MAKE}",)
        assert built.prepared.way.origins["setup"] == "found by a model"
        repairer = one.builder.repairer
        assert repairer is not None
        assert repairer.ledger.by_stage["environment"].calls == 2
    # Nobody is asked the next time, with or without a model.
    async with work(tmp_path, BROKEN) as other:
        again = await other.builder.build_proved(other.site, 60)
    assert again.environment == built.environment and not again.prepared.fresh and again.repairs == 0


async def test_the_model_sees_the_recipe_and_what_it_said(tmp_path: Path) -> None:
    async with work(tmp_path, BROKEN, [block(MAKE)]) as one:
        repairer = one.builder.repairer
        assert repairer is not None
        repairer.model = listening = Listening(repairer.model)
        await one.builder.build(one.site)
    (text,) = listening.asked
    assert "something is amiss" in text and "exit 3" in text and "test_a.py" in text and "{tests}" in text


async def test_what_no_command_can_mend_is_told_at_once(tmp_path: Path) -> None:
    async with work(tmp_path, {"swe-scale.toml": ABSENT, "test_a.py": PASSES}, [block(MAKE)]) as one:
        repairer = one.builder.repairer
        assert repairer is not None
        repairer.model = listening = Listening(repairer.model)
        with pytest.raises(EnvironmentFailure, match=r"Python 3\.99"):
            await one.builder.build(one.site)
    assert listening.asked == []


async def test_a_set_up_in_which_no_test_runs_is_mended(tmp_path: Path) -> None:
    async with work(tmp_path, UNMADE, [block("true"), block(MAKE)]) as one:
        built = await one.builder.build_proved(one.site, 60)
        assert built.proof is not None and built.proof.passed == 1 and built.repairs == 2
    async with work(tmp_path, UNMADE) as other:
        assert (await other.builder.build(other.site)).environment == built.environment


async def test_the_test_line_may_be_mended(tmp_path: Path) -> None:
    wrong = {"swe-scale.toml": "[environment]\nlanguage = 'python'\nsetup = []\ntest = 'no-runner {tests}'\n"}
    reply = block(MAKE, test="PYTHONPATH=. python3 -m unittest {tests}")
    async with work(tmp_path, {**wrong, "test_a.py": f"import made\n{PASSES}"}, [reply]) as one:
        built = await one.builder.build_proved(one.site, 60)
    assert built.proof is not None and built.proof.passed == 1 and built.repairs == 1


async def test_after_the_last_round_the_first_failure_stands(tmp_path: Path) -> None:
    replies = [block("exit 4"), "no block at all", block("exit 5"), block(MAKE)]
    async with work(tmp_path, BROKEN, replies, rounds=3) as one:
        with pytest.raises(EnvironmentFailure, match="something is amiss") as failure:
            await one.builder.build(one.site)
        assert "A model proposed other commands 3 times, and none works." in str(failure.value)


@pytest.mark.parametrize(("replies", "rounds"), [([], 3), ([block(MAKE)], 0), (None, 3)])
async def test_without_an_answer_the_failure_is_the_answer(
    tmp_path: Path, replies: list[str] | None, rounds: int
) -> None:
    async with work(tmp_path, BROKEN, replies, rounds) as one:
        with pytest.raises(EnvironmentFailure, match="something is amiss") as failure:
            await one.builder.build(one.site)
    assert "proposed" not in str(failure.value)


async def test_an_interrupted_repair_goes_on(tmp_path: Path) -> None:
    counted = tmp_path / "count"
    replies = [block(f"echo x >>{counted}; exit 4")]
    for _ in range(2):
        async with work(tmp_path, BROKEN, replies, rounds=2) as one:
            with pytest.raises(EnvironmentFailure):
                await one.builder.build(one.site)
            repairer = one.builder.repairer
            assert repairer is not None and repairer.ledger.spent.calls <= 2
    # The round that failed wasn't run, and its call not made, a second time.
    assert counted.read_text() == "x\n"


async def test_forgotten_is_tried_anew(tmp_path: Path) -> None:
    async with work(tmp_path, BROKEN, [block(MAKE)]) as one:
        await one.builder.build(one.site)
        await one.builder.forget(one.site)
    async with work(tmp_path, BROKEN) as other:
        with pytest.raises(EnvironmentFailure, match="something is amiss"):
            await other.builder.build(other.site)
