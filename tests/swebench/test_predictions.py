"""Predictions in every form that the field has, and what is said of those that can't be used."""

import json
from pathlib import Path

import pytest

from swe_scale.errors import UsageError
from swe_scale.swebench.predictions import Prediction, read_predictions

ONE = {"instance_id": "a__b-1", "model_name_or_path": "m", "model_patch": "diff"}
TWO = {"instance_id": "a__b-2", "model_patch": None}
READ = [Prediction("a__b-1", "diff", "m"), Prediction("a__b-2", "")]


def read(path: Path, content: object) -> tuple[list[Prediction], list[str]]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(data)
    told: list[str] = []
    return list(read_predictions(path, told.append)), [one.removeprefix(f"{path}, ") for one in told]


def test_forms(tmp_path: Path) -> None:
    whole, lines = tmp_path / "preds.json", tmp_path / "preds.jsonl"
    by_id = {"a__b-1": {"model_name_or_path": "m", "model_patch": "diff"}, "a__b-2": ""}
    assert read(whole, [ONE, TWO]) == (READ, [])
    assert read(whole, by_id) == (READ, [])
    assert read(whole, {"a__b-1": [ONE, ONE]}) == ([READ[0], READ[0]], [])
    text = b"\xef\xbb\xbf" + json.dumps(ONE).encode() + b"\n\n" + json.dumps(TWO).encode()
    assert read(lines, text) == (READ, [])
    assert read(lines, (json.dumps(ONE) + "\n").encode() * 2) == ([READ[0], READ[0]], [])


def test_what_cannot_be_used_is_told_by_its_place(tmp_path: Path) -> None:
    bad = {
        b"{": "not JSON",
        b"\xff{}": "not UTF-8",
        b"[1]": "not an object with instance_id and model_patch",
        b'{"model_patch": "x"}': "instance_id is missing or empty",
        b'{"instance_id": "a"}': "'a' has no model_patch",
        b'{"instance_id": "a", "model_patch": 3}': "model_patch of 'a' is not a text",
        b'{"instance_id": "a", "model_patch": "\\ud800"}': "is not text: it holds half of a character",
        b"[" * 100_000: "not JSON",
    }
    found, told = read(tmp_path / "preds.jsonl", b"\n".join([*bad, json.dumps(ONE).encode()]))
    assert found == READ[:1]
    assert len(told) == len(bad)
    for number, (line, why) in enumerate(zip(told, bad.values(), strict=True), start=1):
        assert line.startswith(f"line {number}: ") and why in line


def test_huge_ones_cost_no_memory_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "preds.jsonl"
    with path.open("wb") as file:
        file.write(b'{"instance_id": "a", "model_patch": "' + b"x" * (33 << 20) + b'"}\n')
        file.seek((129 << 20) + (34 << 20))
        file.write(b"\n" + json.dumps(ONE).encode())
    told: list[str] = []
    assert list(read_predictions(path, told.append)) == READ[:1]
    assert "longer than 32 Mi characters" in told[0] and "line 2: longer than 128 MiB" in told[1]


@pytest.mark.parametrize("content", [b"", b"3", b"{", b"\xff", b'"text"'])
def test_files_that_are_no_predictions(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match=r"preds\.json"):
        read(tmp_path / "preds.json", content)


def test_no_file(tmp_path: Path) -> None:
    for name in ("preds.json", "preds.jsonl"):
        with pytest.raises(UsageError, match="No such file"):
            list(read_predictions(tmp_path / name, print))
