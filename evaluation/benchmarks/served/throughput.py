"""Compares the pipeline's tokens per second with those of vLLM's own benchmark, on one server and shape."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

from load import Load, Recorded, Sent, put

from swe_scale.config import OpenAIEndpoint, Serve
from swe_scale.models import open_model
from swe_scale.models.serving import kept_alive, prepare

MODEL_SETTING = "SWE_SCALE_BENCH_MODEL"
"""Names the model that is served on a GPU: a folder, or its name on the hub."""
ARGUMENTS_SETTING = "SWE_SCALE_BENCH_ARGUMENTS"
"""Further arguments of that server, for instance `--load-format dummy`."""
BENCH = ("vllm", "bench", "serve")
_NUMBERS = count(1_000_000, 1000)
"""Of the first issues of loads, and the seeds of the benchmark's texts: never the same twice."""


@dataclass(frozen=True, slots=True)
class Place:
    """A server that runs, and how vLLM's benchmark is called beside it."""

    base_url: str
    model: str
    tokenizer: str
    """Where the benchmark finds the model's tokenizer."""
    bench: Sequence[str] = BENCH
    command: str = ""
    """With which the server was started."""


class Shape(NamedTuple):
    """What vLLM's benchmark needs to know of a load."""

    requests: int
    prefixes: int
    prefix: int
    """Tokens that the requests of one issue share, …"""
    suffix: int
    """… each one's own, …"""
    reply: int
    """… and those of a reply."""
    at_once: int

    @classmethod
    def of(cls, load: Load, sent: Sequence[Sent]) -> "Shape":
        """Return the shape of a load that was sent.

        Its prompts are as long in the mean, and as many of their tokens are new to the server.
        """
        prompt = sum(one.usage.prompt_tokens for one in sent)
        new = prompt - sum(one.usage.cached_tokens for one in sent)
        mean = prompt / len(sent)
        suffix = max(1.0, (new - load.issues * mean) / max(1, len(sent) - load.issues))
        return cls(
            requests=len(sent) // load.issues * load.issues,
            prefixes=load.issues,
            prefix=round(mean - suffix),
            suffix=round(suffix),
            reply=round(sum(one.usage.completion_tokens for one in sent) / len(sent)),
            at_once=min(256, load.issues * load.siblings),
        )


class Rate(NamedTuple):
    """How the pipeline fared."""

    tokens: int
    """Of all replies."""
    seconds: float
    shape: Shape

    @property
    def per_second(self) -> float:
        """Tokens of replies."""
        return self.tokens / self.seconds


async def pipeline(place: Place, load: Load) -> Rate:
    """Return how fast the pipeline gets its replies, all of them of full length."""
    config = OpenAIEndpoint(base_url=place.base_url, model=place.model, extra_body={"ignore_eos": True})
    async with open_model(config) as model:
        recorded = Recorded(model, load.seconds)
        await put(recorded, load, next(_NUMBERS), seeded=False)
    tokens = sum(one.usage.completion_tokens for one in recorded.sent)
    seconds = max(one.ended for one in recorded.sent) - min(one.began for one in recorded.sent)
    return Rate(tokens, seconds, Shape.of(load, recorded.sent))


def benchmark(place: Place, shape: Shape) -> float:
    """Return the tokens of replies per second that vLLM's benchmark gets.

    Raises:
        RuntimeError: some of its requests failed.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        given = {
            "backend": "openai", "endpoint": "/v1/completions",
            "base-url": place.base_url.removesuffix("/v1"), "max-concurrency": shape.at_once,
            "model": place.tokenizer, "served-model-name": place.model, "tokenizer": place.tokenizer,
            "dataset-name": "prefix_repetition", "num-prompts": shape.requests, "seed": next(_NUMBERS),
            "prefix-repetition-num-prefixes": shape.prefixes, "prefix-repetition-prefix-len": shape.prefix,
            "prefix-repetition-suffix-len": shape.suffix, "prefix-repetition-output-len": shape.reply,
            "temperature": 0.8, "result-dir": folder, "result-filename": "result.json",
        }  # fmt: skip
        options = [f"--{name}={value}" for name, value in given.items()]
        command = [*place.bench, *options, "--ignore-eos", "--save-result", "--disable-tqdm"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        found = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
    if found["completed"] < shape.requests:
        raise RuntimeError(f"vLLM's benchmark: {found['completed']} of {shape.requests} requests went well")
    return float(found["output_throughput"])


def without_gpu() -> str:
    """Return why nothing can be measured on a GPU here, or nothing."""
    if (
        shutil.which("nvidia-smi") is None
        or subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode
    ):
        return "no GPU: nvidia-smi finds none"
    if _program() is None:
        return "no vLLM for the GPU: pip install 'swe-scale[vllm]'"
    return "" if os.environ.get(MODEL_SETTING) else f"no model for the GPU: set {MODEL_SETTING} to one"


def _program() -> str | None:
    beside = Path(sys.executable).with_name("vllm")
    return shutil.which("vllm") or (str(beside) if beside.is_file() else None)


@asynccontextmanager
async def on_gpu(siblings: int) -> AsyncIterator[Place]:
    """Return a server on the GPU with the settings of `swe-scale serve`."""
    model, program = os.environ[MODEL_SETTING], _program()
    assert program is not None
    further = shlex.split(os.environ.get(ARGUMENTS_SETTING, ""))
    launch = await prepare(model, Serve(command=(program, "serve"), port=0, trajectories=siblings), further)
    async with kept_alive(launch, lambda text: print(text, file=sys.stderr)) as served:
        command = shlex.join(("vllm", *launch.command[1:]))
        yield Place(served.base_url, served.model, model, (program, *BENCH[1:]), command)
