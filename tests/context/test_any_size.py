"""A context is found in trees of any size, in bounded memory; what is known is not looked at again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import context_at_size
import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST = 700
"""Megabytes that a process may take at its peak."""


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "evaluation" / "benchmarks" / "indexed"))


def found(source: Path, kept: Path, commit: str) -> dict[str, Any]:
    command = [sys.executable, str(context_at_size.__file__), str(source), str(kept), commit]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["own"] < MOST
    assert told["largest_child"] < MOST
    return told


def test_fifty_thousand_files_take_little_memory_and_are_looked_at_once(tmp_path: Path) -> None:
    import generated

    source, kept = tmp_path / "source", tmp_path / "kept"
    commit = generated.commit(source, generated.files(50_000, 3))
    first = found(source, kept, commit)
    assert first["considered"] == 50_000
    assert first["best"] == generated.path(0)
    assert any(note == "25,025 files are new to the index" for note in first["notes"])
    again = found(source, kept, commit)
    assert again["notes"] == []
    assert {name: again[name] for name in ("best", "tokens")} == {
        name: first[name] for name in ("best", "tokens")
    }


def test_large_files_are_not_in_memory_together(tmp_path: Path) -> None:
    import generated

    # Of forty files of 8 MB half are code that is looked at; prose and data of that size are not.
    source = tmp_path / "source"
    commit = generated.commit(source, generated.blobs(40))
    told = found(source, tmp_path / "kept", commit)
    assert told["considered"] == 20 + 20
    assert told["own"] < 250
