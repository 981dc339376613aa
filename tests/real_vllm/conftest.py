"""The servers of these tests; all processes of a test session share them."""

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from vllm_kit import shared, without_vllm
from vllm_served import Served

KEY = "sk-canary-41f7c2"
SMALL = ("--max-model-len=2048", "--max-num-batched-tokens=4096", "--num-gpu-blocks-override=97")
"""Memory for 3,104 tokens."""
THINKING = {"backend": "xgrammar", "disable_any_whitespace": True, "enable_in_reasoning": True}
REASONING = ("--reasoning-parser=qwen3", f"--structured-outputs-config={json.dumps(THINKING)}")


@pytest.fixture(scope="session")
def vllm() -> None:
    """Skip where there is no vLLM."""
    if reason := without_vllm():
        pytest.skip(reason)


def of_session(factory: pytest.TempPathFactory, name: str, *arguments: str) -> AbstractContextManager[Served]:
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        return shared(base.parent / name, os.getppid(), *arguments)
    return shared(base / name, os.getpid(), *arguments)


@pytest.fixture
def server(vllm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a server that is this test's alone until it ends, so that all its figures are of this test."""
    with of_session(tmp_path_factory, "vllm") as served:
        yield served


@pytest.fixture
def guarded(
    vllm: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """Yield one that wants a key, which a variable holds; it has little memory, and keeps reasoning apart."""
    monkeypatch.setenv("THE_KEY", KEY)
    with of_session(tmp_path_factory, "guarded-vllm", f"--api-key={KEY}", *SMALL, *REASONING) as served:
        yield served
