"""Long texts are kept compressed; records of before are read as they were written."""

import json
import sqlite3
from pathlib import Path

import pytest
from own_loop import run_async

from swe_scale.errors import StoreError
from swe_scale.store import Key
from swe_scale.store.reading import open_recorded
from swe_scale.store.sqlite import open_store
from swe_scale.store.texts import fold, key_of, packed, unpacked

LONG = "one line of many\n" * 1000
KEY = Key("a/b", "1")


def test_a_long_text_is_kept_compressed_and_a_short_one_as_it_is() -> None:
    for text in (LONG, "x" * 200, "z:", "\ud800" * 600, ""):
        key = key_of(text)
        assert unpacked(key, packed(key, text)) == text
    assert len(packed(key_of(LONG), LONG)) < 200
    with pytest.raises(ValueError, match="damaged"):
        unpacked(key_of(LONG), b"nonsense")


def test_what_two_records_have_in_common_is_kept_once() -> None:
    kept: dict[str, str] = {}
    trajectory = {"turns": [{"text": f"turn {number}", "tree": "0" * 40} for number in range(40)]}
    alone = fold(trajectory, kept.__setitem__)
    within = fold({"trajectories": [trajectory, {"small": 1}]}, kept.__setitem__)
    assert within == {"trajectories": [alone, {"small": 1}]}
    assert len(kept) == 1


def test_a_record_of_before_is_read_and_gone_on_with(tmp_path: Path) -> None:
    async def write(value: object) -> None:
        async with open_store(tmp_path) as store:
            await store.put(Key("new", "1"), value)

    run_async(write, {"text": LONG})
    with sqlite3.connect(tmp_path / "run.sqlite") as connection:
        connection.execute("INSERT INTO texts VALUES (?, ?)", ("ab" * 16, LONG.encode()))
        old = json.dumps({"text": {"$text": "ab" * 16}})
        connection.execute("INSERT INTO steps VALUES (?, ?, ?)", (KEY.path, KEY.digest, old))
        connection.execute("PRAGMA user_version = 1")
    run_async(write, {"text": LONG})
    with open_recorded(tmp_path) as record:
        assert record.get(KEY) == record.get(Key("new", "1")) == {"text": LONG}


def test_a_damaged_text_is_said(tmp_path: Path) -> None:
    async def write() -> None:
        async with open_store(tmp_path) as store:
            await store.put(KEY, {"text": LONG})

    run_async(write)
    with sqlite3.connect(tmp_path / "run.sqlite") as connection:
        connection.execute("UPDATE texts SET body = ?", (b"nonsense",))
    with open_recorded(tmp_path) as record, pytest.raises(StoreError, match="damaged"):
        record.get(KEY)
