"""The real vLLM through the same code: it knows our flags, comes up, comes back, leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import httpx2
import pytest
import tomli_w
from serving_kit import alive, reach
from vllm_kit import tiny_model, variables, vllm_python, without_vllm

from swe_scale.config import Serve
from swe_scale.models.serving import serving
from swe_scale.models.serving.keeper import descendants
from swe_scale.models.serving.machine import Gpu, Machine
from swe_scale.models.serving.plan import make_plan
from swe_scale.models.serving.shape import Shape, Sizes

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.vllm,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(without_vllm()), reason=without_vllm() or "-"),
]

GIB = 1024**3
EIGHT_BILLION = Shape(16 * GIB, 131_072, Sizes(32, 32, 8, 128, 4096, 14336, 128256))
KNOWS = """
import json, sys
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = make_arg_parser(FlexibleArgumentParser())
for words in json.load(sys.stdin):
    parser.parse_args(words)
"""
# A prompt with a seed that is taken in two pieces ends the engine on a processor; a short one is answered.
FLAGS = (
    "--dtype=float32", "--enforce-eager", "--block-size=32", "--num-gpu-blocks-override=512",
    "--max-num-batched-tokens=256", "--max-num-seqs=8", "--enable-chunked-prefill",
    "--distributed-executor-backend=uni", "--served-model-name=tiny",
)  # fmt: skip


def settings() -> Serve:
    changed = {name: value for name, value in variables().items() if os.environ.get(name) != value}
    return Serve(
        command=(str(vllm_python()), "-m", "vllm.entrypoints.openai.api_server", "--model", "{model}"),
        arguments=FLAGS,
        variables={**changed, "VLLM_ENABLE_V1_MULTIPROCESSING": "1"},
        port=0,
        context=1024,
        start_seconds=240,
    )


def test_it_knows_every_flag_of_a_plan() -> None:
    cards = (
        (Gpu("ada", 24 * GIB, 0, 8.9),),
        (Gpu("hopper", 80 * GIB, 0, 9.0),) * 8,
        (Gpu("ampere", 24 * GIB, 0, 8.6),) * 2,
        (),
    )
    odd = Shape(30 * GIB, why="odd")
    plans = [
        make_plan(Serve(trajectories=count), Machine(gpus, "none"), shape, ())
        for gpus in cards
        for count in (4, 200)
        for shape in (EIGHT_BILLION, odd)
        if len(gpus) != 1 or shape is not odd
    ]
    words = [[*plan.words, "--host", "::1", "--port", "0", "--served-model-name", "x"] for plan in plans]
    flags = {word for line in words for word in line if word.startswith("--")}
    assert {"--kv-cache-dtype", "--speculative-config", "--data-parallel-size", "--max-model-len"} <= flags
    command = [str(vllm_python()), "-W", "ignore", "-c", KNOWS]
    checked = subprocess.run(
        command, input=json.dumps(words), text=True, capture_output=True, check=False, env=variables()
    )
    assert checked.returncode == 0, checked.stderr[-2000:]


async def asked(base_url: str, prompt: str) -> int:
    """Return the status of a completion with a seed; 0 if there was no answer."""
    body = {"model": "tiny", "prompt": prompt, "max_tokens": 4, "seed": 1, "temperature": 1.0}
    async with httpx2.AsyncClient(trust_env=False, timeout=120) as client:
        try:
            return (await client.post(f"{base_url}/completions", json=body)).status_code
        except httpx2.HTTPError:
            return 0


async def test_it_comes_back_after_a_crash_of_its_engine() -> None:
    said: list[str] = []
    others = descendants(os.getpid())
    async with serving(str(tiny_model()), settings(), said.append) as served:
        assert (served.model, served.context_length) == ("tiny", 1024)
        assert await asked(served.base_url, "hello") == 200
        before = descendants(os.getpid()) - others
        assert len(before) >= 3
        assert await asked(served.base_url, "hello " * 120) in (0, 500)
        await reach(lambda: any("answers again" in line for line in said))
        assert await asked(served.base_url, "hello") == 200
        after = descendants(os.getpid()) - before - others
    assert not [one for one in before | after if alive(one)]
    assert [line for line in said if "starting it again in 1 s (1 of 5)" in line]


SERVES = """
import sys
from pathlib import Path
from swe_scale.cli.serve import ServeWish, run_serve
sys.exit(run_serve(ServeWish(sys.argv[1]), Path(sys.argv[2]), json=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_nothing_is_left_of_it(tmp_path: Path, number: signal.Signals) -> None:
    config = tmp_path / "config.toml"
    config.write_text(tomli_w.dumps({"serve": settings().model_dump(mode="json", exclude_none=True)}))
    command = [sys.executable, "-c", SERVES, str(tiny_model()), str(config)]
    async with await anyio.open_process(command, stderr=None) as ours:
        assert ours.stdout is not None
        document = json.loads(await ours.stdout.receive())
        theirs = descendants(ours.pid)
        assert len(theirs) >= 3
        assert await asked(document["base_url"], "hello") == 200
        ours.send_signal(number)
        assert await ours.wait() == (130 if number == signal.SIGINT else -signal.SIGKILL)
    await reach(lambda: not any(alive(one) for one in theirs))
