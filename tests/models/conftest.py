"""Every kind of endpoint, with a scripted server of its own; files that need only one have their own."""

from collections.abc import Iterator

import pytest
from backend_kit import BACKENDS, Backend
from scripted_server import ScriptedServer

from swe_scale.retry import without_waiting


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    chosen: Backend = request.param
    return chosen


@pytest.fixture
def server(backend: Backend) -> Iterator[ScriptedServer]:
    with (
        without_waiting(),
        backend.serve(lambda step, body: f"reply to {step}", max_model_len=4096) as server,
    ):
        yield server
