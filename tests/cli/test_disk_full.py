"""A disk that is full is named, with what to do, and nothing half-made stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox_kit import configured

pytestmark = pytest.mark.bubblewrap
SMALL = (
    'mount -t tmpfs -o size="$1" tmpfs "$XDG_CACHE_HOME" && shift && "$@"; '
    'code=$?; find "$XDG_CACHE_HOME"; exit $code'
)


@pytest.mark.parametrize("size", ["3m", "8m"])
def test_a_full_cache_folder_is_named(tmp_path: Path, size: str) -> None:
    configured("bubblewrap")
    (cache := tmp_path / "cache").mkdir()
    command = [sys.executable, "-m", "swe_scale", "demo"]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", SMALL, "sh", size, *command],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "is full; make room there (swe-scale images prune --keep-free SIZE)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "/tree" not in done.stdout
