"""`python -m swe_scale`, whose main module worker processes load again under another name."""

import runpy
from pathlib import Path

import swe_scale


def test_a_worker_process_that_loads_it_runs_no_command() -> None:
    file = Path(swe_scale.__file__).with_name("__main__.py")
    assert "main" in runpy.run_path(str(file), run_name="__mp_main__")
