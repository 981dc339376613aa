"""Rows of made-up datasets for tests."""

import json
from pathlib import Path
from typing import Any

GOLD = ("GOLD-PATCH", "GOLD-TESTS", "GOLD-HINT", "GOLD::test", "GOLD-SCRIPT")


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a row in SWE-bench's older form, its answer made of the texts of `GOLD`."""
    made = {
        "instance_id": f"octo__repo-{number}",
        "repo": "octo/repo",
        "base_commit": f"{number:040x}",
        "problem_statement": f"It breaks {number} times.\nBadly.",
        "hints_text": "GOLD-HINT",
        "version": "1.0",
        "patch": "GOLD-PATCH",
        "test_patch": "diff --git a/tests/test_a.py b/tests/test_a.py\nGOLD-TESTS",
        "FAIL_TO_PASS": '["GOLD::test"]',
        "PASS_TO_PASS": ["GOLD::test_too"],
        "difficulty": "<15 min fix" if number % 2 else "1-4 hours",
    }
    return made | changes


def written(folder: Path, name: str, *rows: object) -> Path:
    """Return a JSON Lines file of rows; a string is a line as it stands."""
    path = folder / name
    lines = (one if isinstance(one, str) else json.dumps(one) for one in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
