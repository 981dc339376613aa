"""Our client against a real vLLM whose engine crashes."""

from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from vllm_asking import ask, endpoint
from vllm_kit import launch
from vllm_served import GENERATED

from swe_scale.errors import Interrupted, ModelError
from swe_scale.models import Model, open_model
from swe_scale.models.faults import Unavailable, Unreachable
from swe_scale.records import Request
from swe_scale.retry import without_waiting

pytestmark = [pytest.mark.vllm, pytest.mark.anyio]

CHUNKED = ("--enable-chunked-prefill", "--max-num-batched-tokens=256")
"""On the processor, a prompt with a seed that is computed in parts ends the engine."""
DEADLY = ask("word " * 400)
LONG = ask("Talk on", max_tokens=12_000)


async def error_of(model: Model, request: Request) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await model.complete(request)
    return caught.value


async def test_an_engine_that_crashes_in_mid_reply(vllm: None, tmp_path: Path) -> None:
    errors: dict[str, ModelError] = {}

    async def fail(name: str, model: Model, request: Request) -> None:
        errors[name] = await error_of(model, request)

    with launch(tmp_path, *CHUNKED) as served:
        config = endpoint(served, retries=1, extra_body={"ignore_eos": True})
        async with (
            open_model(config.model_copy(update={"stream": True})) as streaming,
            open_model(config.model_copy(update={"stream": False})) as whole,
        ):
            with without_waiting():
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(fail, "stream", streaming, LONG)
                    tasks.start_soon(fail, "whole", whole, LONG)
                    await anyio.to_thread.run_sync(served.wait_until, lambda found: found[GENERATED] > 40)
                    tasks.start_soon(fail, "deadly", whole, DEADLY)
                await anyio.to_thread.run_sync(served.wait_until_gone)
                errors["later"] = await error_of(whole, ask("Is anybody there?"))
            with launch(tmp_path, port=served.port):
                for model in (streaming, whole):
                    assert (await model.complete(ask("Again", max_tokens=4))).usage.completion_tokens == 4
    assert "CPU Generator" in served.log.read_text()
    assert isinstance(errors["stream"], Interrupted) and errors["stream"].charged
    assert all(isinstance(errors[name], Interrupted | Unavailable | Unreachable) for name in errors)
    assert isinstance(errors["later"], Unreachable) and "connection refused" in str(errors["later"])
