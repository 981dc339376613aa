"""A scripted reader that says what files are for, and `swe-scale prepare` with it."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from main_job import Desk, assert_clean
from reader_kit import Body, ReadingDesk, ScriptedReader, question
from scripted_server import ScriptedServer


class Summariser(ScriptedReader):
    """Says of each file its stem, and on issues what its kind says."""

    def __call__(self, step: str, body: Body) -> str:
        if "/reader/summary/" not in step:
            return super().__call__(step, body)
        path = summarised(body)
        return self.said.get(path, json.dumps({"summary": f"holds {Path(path).stem}"}))


def summarised(body: Body) -> str:
    """Return the file that is to be summarised."""
    return question(body).partition("`")[2].partition("`")[0]


def asked(server: ScriptedServer) -> list[str]:
    """Return the files that were to be summarised, in order."""
    return [summarised(call.body) for call in server.calls if "/reader/summary/" in call.step]


def command(desk: ReadingDesk, server: ScriptedServer | None, *more: str) -> tuple[str, ...]:
    """Return the arguments that have files summarised."""
    skipped = ("--skip", "environment", "--skip", "tests")
    reader = ("--base-url", server.base_url, "--reader-model", server.model) if server else ()
    return ("prepare", str(desk.other), "--json", *skipped, *reader, *more)


def prepare(
    desk: ReadingDesk, server: ScriptedServer | None, *more: str, code: int = 0
) -> dict[str, dict[str, Any]]:
    """Return what is said of each step."""
    ran = desk.run(*command(desk, server, *more))
    assert_clean(ran, code)
    told = json.loads(ran.stdout)
    assert set(told) == {"repo", "base", "steps"}
    return {step.pop("name"): step for step in told["steps"]}


def kept(desk: Desk) -> list[str]:
    """Return the summaries in the index, each once."""
    (file,) = (desk.folder / "cache").rglob("context-1.sqlite")
    connection = sqlite3.connect(file)
    rows = connection.execute("SELECT DISTINCT note FROM notes WHERE kind = 'summary' ORDER BY note")
    found = [str(row[0]) for row in rows]
    connection.close()
    return found


def configured(desk: Desk, text: str) -> tuple[str, str]:
    """Return the option that names a configuration with this text."""
    (desk.folder / "config.toml").write_text(text)
    return "--config", str(desk.folder / "config.toml")


def slow(server: ScriptedServer) -> str:
    """Return a configuration by which one call is made at a time, and none again."""
    return (
        f'[models.slow]\nkind = "openai"\nbase_url = "{server.base_url}"\nmodel = "scripted"\nretries = 0\n'
        'max_in_flight = 1\n[stages]\nreader = "slow"\n'
    )
