"""Where nothing may be skipped, a skipped test fails the run; tests that need a GPU excepted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.mark.gpu
def test_needs_a_gpu():
    pytest.skip("no GPU")

@pytest.mark.xfail
def test_known_to_fail():
    assert False

def test_passes():
    pass
"""
SKIPPED = """
def test_is_skipped():
    pytest.skip("no daemon")
"""
WHOLE_FILE = """
import pytest
pytest.skip("no daemon", allow_module_level=True)
"""


def run(folder: Path, text: str, strict: str) -> tuple[int, str]:
    (folder / "conftest.py").write_text(Path(__file__).with_name("conftest.py").read_text())
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  gpu: needs a GPU\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder],
        env=os.environ | {"SWE_SCALE_NO_SKIPS": strict},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("text", [TESTS + SKIPPED, WHOLE_FILE])
def test_skips_pass_unless_forbidden(text: str, tmp_path: Path) -> None:
    status, shown = run(tmp_path, text, "")
    assert status in (0, 5)
    assert "skipped" in shown.splitlines()[-1]


def test_a_skip_fails_where_forbidden(tmp_path: Path) -> None:
    status, shown = run(tmp_path, TESTS + SKIPPED, "1")
    assert status == 1
    assert "1 failed, 1 passed, 1 skipped, 1 xfailed" in shown.splitlines()[-1]
    assert "skipped, though nothing may be: no daemon" in shown


def test_a_skipped_file_fails_where_forbidden(tmp_path: Path) -> None:
    status, shown = run(tmp_path, WHOLE_FILE, "1")
    assert status == 2
    assert "skipped, though nothing may be: no daemon" in shown
