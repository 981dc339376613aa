"""An endpoint that refuses the key or the model ends the run, not one trajectory after another."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from calling_kit import Refusing
from chat_protocol import error
from scripted_server import ScriptedServer
from solving_kit import CHECK, DONE, RIGHT, Spoken, again, bash, edit, open_desk, spoken

from swe_scale.config import OpenAIEndpoint
from swe_scale.errors import EndpointRefused, unwrapped
from swe_scale.models.openai import open_openai
from swe_scale.records import Completion, Request, Sampling
from swe_scale.trajectory import Assignment
from swe_scale.trajectory.loop import run

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("strategy", ["revise", "agent"])
async def test_it_is_no_failed_trajectory(tmp_path: Path, strategy: str) -> None:
    first = CHECK if strategy == "revise" else bash("ls")
    async with open_desk(tmp_path, Refusing(spoken([first]).replies)) as desk:
        with pytest.raises(EndpointRefused, match="the key is refused"):
            await run(desk.setting, Assignment(1, strategy, Sampling()))
        assert desk.setting.cells.boxes.borrowed_tokens == 0


async def test_the_search_ends_with_it_and_goes_on_once_it_is_mended(tmp_path: Path) -> None:
    class Late(Refusing):
        """Refuses the second trajectory while the first waits for its reply."""

        async def complete(self, request: Request) -> Completion:
            if "/trajectory/01/turn/02" in request.step:
                await anyio.sleep_forever()
            return await super().complete(request)

    whole = {**spoken([CHECK, edit(RIGHT), DONE]).replies, **spoken([CHECK, edit(RIGHT), DONE], 2).replies}
    model = Late({step: text for step, text in whole.items() if "02/turn/02" not in step})
    async with open_desk(tmp_path, model) as desk:
        with pytest.raises(EndpointRefused), unwrapped():
            await desk.search("revise", "revise").run()
    mended = Spoken(whole)
    async with open_desk(tmp_path, mended) as desk:
        search = desk.search("revise", "revise")
        await search.run()
    assert {one.outcome for one in search.trajectories.values()} == {"done"}
    asked = {request.step.partition("/")[2] for request in mended.requests}
    assert asked == set(whole) - {"trajectory/01/turn/01", "trajectory/02/turn/01"}


@pytest.mark.parametrize(("status", "code"), [(401, "invalid_api_key"), (404, "model_not_found")])
async def test_over_http(tmp_path: Path, status: int, code: str) -> None:
    faults = {"pkg-1/trajectory/01/turn/02": [replace(error(status, code=code), always=True)]}
    with ScriptedServer(lambda *_: CHECK, faults=faults) as server:
        config = OpenAIEndpoint(base_url=server.base_url, model="scripted")
        async with open_openai(config) as model, open_desk(tmp_path, Spoken({})) as desk:
            with pytest.raises(EndpointRefused):
                await run(again(desk, model=model).setting, Assignment(1, "revise", Sampling()))
        assert len(server.calls) == 2
