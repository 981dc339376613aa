"""Starts real vLLM servers on the processor, of a tiny random model, for tests and benchmarks."""

import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path

from vllm_served import Served

SETTING = "SWE_SCALE_TEST_VLLM"
"""Name of the variable that holds the Python of the environment that `scripts/vllm` makes."""
MODEL = "tiny"
"""The name under which the model is served."""
CONTEXT = 16_384
"""Tokens of prompt and reply together, unless a server's arguments say otherwise."""
BLOCK = 32
"""Tokens that the prefix cache keeps or forgets together."""
START_SECONDS = 240.0
"""How long a server may take to answer: 13 s on an idle machine with two cores."""

_HERE = Path(__file__).resolve().parent
_RECIPE = _HERE / "real_vllm" / "make_model.py"
_TAUGHT = (_HERE.parent / "LICENSE", _RECIPE)
_STRUCTURED = {"backend": "xgrammar", "disable_any_whitespace": True}
_FLAGS = (
    "--dtype=float32", "--enforce-eager", "--enable-prefix-caching", f"--block-size={BLOCK}",
    "--num-gpu-blocks-override=2048", f"--max-model-len={CONTEXT}", "--no-enable-chunked-prefill",
    f"--max-num-batched-tokens={CONTEXT}", "--max-num-seqs=64", "--enable-prompt-tokens-details",
    "--enable-auto-tool-choice", "--tool-call-parser=hermes", "--distributed-executor-backend=uni",
    f"--structured-outputs-config={json.dumps(_STRUCTURED)}",
)  # fmt: skip
# Without the first, and the `uni` executor above, the server's front starves for seconds on two cores.
_VARIABLES = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    # Nothing is compiled for a model this small, and no compiler is needed.
    "TORCHDYNAMO_DISABLE": "1",
}


def without_vllm() -> str:
    """Return why there is no real vLLM here, or nothing."""
    named = os.environ.get(SETTING, "")
    if not named:
        return f"no vLLM: set {SETTING} to what scripts/vllm prints"
    return "" if os.access(named, os.X_OK) else f"no vLLM: {SETTING} names {named}, which can't be run"


def vllm_python() -> Path:
    """Return the Python that has vLLM.

    Raises:
        RuntimeError: there is none here.
    """
    if reason := without_vllm():
        raise RuntimeError(reason)
    return Path(os.environ[SETTING])


@cache
def tiny_model() -> Path:
    """Return the folder of the model; it is made beside vLLM's environment when it is first asked for."""
    python = vllm_python()
    made = sha256(b"\0".join(path.read_bytes() for path in _TAUGHT)).hexdigest()[:16]
    folder = python.parents[1].with_name(f"tiny-{made}")
    if not folder.is_dir():
        part = Path(tempfile.mkdtemp(dir=folder.parent))
        subprocess.run([python, _RECIPE, part, *_TAUGHT], check=True)
        # Whoever comes second finds the same bytes in place.
        with contextlib.suppress(OSError):
            part.rename(folder)
        shutil.rmtree(part, ignore_errors=True)
    return folder


def command(port: int, *arguments: str) -> list[str]:
    """Return the command line of a server; of a flag that comes twice, the one in the arguments counts."""
    module = ("-W", "ignore", "-m", "vllm.entrypoints.openai.api_server")
    place = (f"--model={tiny_model()}", f"--served-model-name={MODEL}", "--host=127.0.0.1", f"--port={port}")
    return [str(vllm_python()), *module, *place, *_FLAGS, *arguments]


def variables() -> dict[str, str]:
    """Return the environment of a server."""
    # Importing vLLM takes twice as long where its bytecode isn't kept.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return own | _VARIABLES


def free_port() -> int:
    """Return a port at which nobody listens, of those that the kernel hands out to nobody."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as tried:
            tried.bind(("127.0.0.1", port))
            return port


@contextmanager
def launch(folder: Path, *arguments: str, port: int | None = None) -> Iterator[Served]:
    """Yield a server of its own, its log in a folder; nothing of it is left afterwards.

    Raises:
        RuntimeError: it ends before it answers, or doesn't answer in time.
    """
    served = _start(folder, arguments, port or free_port(), os.getpid())
    try:
        _wait_for_answer(served)
        yield served
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(served.keeper, signal.SIGTERM)
            os.waitpid(served.keeper, 0)


@contextmanager
def shared(folder: Path, watched: int, *arguments: str) -> Iterator[Served]:
    """Yield a server that all of a test session share: idle, and nobody else's until this context ends.

    Args:
        folder: where all processes of the session look for it; each such server has its own.
        watched: the process with which the session and the server end.
        arguments: what it is started with.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "served.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if note.is_file():
            said = json.loads(note.read_text(encoding="utf-8"))
            served = Served(said["base_url"], Path(said["log"]), said["keeper"])
        else:
            served = _start(folder, arguments, free_port(), watched)
            _wait_for_answer(served)
            note.write_text(json.dumps(asdict(served), default=str), encoding="utf-8")
        served.wait_until_idle()
        yield served


def _start(folder: Path, arguments: tuple[str, ...], port: int, watched: int) -> Served:
    """Start a server that ends with a process."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"vllm-{port}.log"
    to_log = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    # Not by subprocess: its object complains when it goes before the process, which others may go on using.
    keeper = os.posix_spawn(
        sys.executable,
        [sys.executable, str(_HERE / "vllm_keeper.py"), str(watched), *command(port, *arguments)],
        variables(),
        file_actions=[to_log, (os.POSIX_SPAWN_DUP2, 1, 2)],
        setsid=True,
    )
    return Served(f"http://127.0.0.1:{port}/v1", log, keeper)


def _wait_for_answer(served: Served) -> None:
    """Return once the server answers; end it where it doesn't."""
    end = time.monotonic() + START_SECONDS
    while os.waitpid(served.keeper, os.WNOHANG) == (0, 0):
        with contextlib.suppress(OSError):
            served.ask("/health")
            return
        if time.monotonic() > end:
            os.kill(served.keeper, signal.SIGTERM)
        time.sleep(0.1)
    raise RuntimeError(f"vLLM doesn't start:\n{served.end_of_log()}")
