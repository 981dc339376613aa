"""The benchmark of the context measures what it says."""

import json
from pathlib import Path

import pytest
from own_loop import run_apart

BENCHMARKS = Path(__file__).resolve().parent.parent / "evaluation" / "benchmarks"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS / "indexed"))
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.mark.parametrize("way", ["cold", "warm", "ranked", "parsed", "searched", "retrieved"])
def test_every_way_to_look_at_a_repository_is_timed(way: str, tmp_path: Path) -> None:
    import context

    place = context.made(tmp_path / "source", files=120, definitions=3)
    with context.processes(place) as run:
        assert run(way)["seconds"] > 0


def test_what_a_scripted_reader_is_asked_is_counted(tmp_path: Path) -> None:
    import context

    place = context.made(tmp_path / "source", files=200, definitions=20)
    (tokens,) = run_apart(lambda: context.counted(place, 1))
    assert 0 < tokens.second < tokens.first < tokens.whole
    second, first, _ = context.read("200 files", [tokens])
    assert second.ratio == pytest.approx(tokens.second / tokens.first)
    assert first.ratio == pytest.approx(tokens.first / tokens.whole)


def test_the_scripted_reader_goes_by_the_names_that_an_issue_speaks_of() -> None:
    from scripted_reader import reply

    def said(step: str, asked: str) -> dict[str, object]:
        answer: dict[str, object] = json.loads(reply(step, {"messages": [{"content": asked}]}))
        return answer

    issue = "`parse_day` fails\n\n# The file"
    file = 'def parse_day(text):\n    """Reads one day."""\n'
    assert said("i/reader/file/f/1", f"{issue}\n{file}") == {
        "relevant": True,
        "note": "It defines parse_day.",
        "summary": "Reads one day.",
    }
    assert said("i/reader/file/f/1", f"{issue}\n# Other things\n")["relevant"] is False
    skimmed = f"{issue}s\n\n1. `a.py`: defines b\n2. `c.py`: defines parse_day, d\n"
    assert said("i/reader/skim/001", skimmed) == {"files": [2]}
    assert said("i/reader/order/1", skimmed) == {"order": [1, 2]}
