"""What a report is made of: visible texts, packed records, drawings, a file that is whole."""

import json
import re
import sqlite3
import zlib
from base64 import b64decode
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from runs_kit import issue, recorded_run
from viewer_kit import ATTACK, LONE, opened, report_of, summary_of, write_selection

from swe_scale.analysis.runs import open_run
from swe_scale.errors import StoreError
from swe_scale.store.reading import open_recorded
from swe_scale.viewer import write_report
from swe_scale.viewer.axes import Frame, amounts, counts, shares
from swe_scale.viewer.packing import packed
from swe_scale.viewer.plots import Bar, Curve, Dot, Place, Row, heat, intervals, lines, points, time_line
from swe_scale.viewer.svg import element
from swe_scale.viewer.visible import address, visible

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(st.characters(categories=None))
    | st.just("a" * 99),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["$", "a", "texts"]), inner),
)


def unpacked(text: str) -> Any:
    """Return what was packed, as the page's script does."""
    whole = json.loads(zlib.decompress(b64decode(text), -zlib.MAX_WBITS))

    def unfolded(value: Any) -> Any:
        if isinstance(value, list):
            return [unfolded(one) for one in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"$"}:
            if not isinstance(value["$"], list):
                return whole["texts"][value["$"]]
            value = value["$"][0]
        return {name: unfolded(part) for name, part in value.items()}

    return unfolded(whole["page"])


@given(JSON)
def test_what_is_packed_comes_back(value: Any) -> None:
    assert unpacked(packed(value)) == value


def test_a_text_is_kept_once() -> None:
    long = "".join(chr(97 + place * place % 26) for place in range(40_000))
    once, often = (len(packed([long] * count)) for count in (1, 500))
    assert often < once + 200


def test_a_number_that_is_none_is_null() -> None:
    assert unpacked(packed([float("nan"), float("inf"), 1.5])) == [None, None, 1.5]


@given(st.text(st.characters(categories=None)))
def test_nothing_shown_is_unseen(text: str) -> None:
    shown = visible(text)
    assert all(one.isprintable() or one in "\n\t" for one in shown)
    assert re.fullmatch(r"[A-Za-z0-9_.~%-]*", address(text))
    shown.encode("utf-8")


def test_plain_text_is_shown_as_it_is() -> None:
    assert visible("Größe: 3 €, 表\n\tx") == "Größe: 3 €, 表\n\tx"
    assert visible("a\x1b[31m\u202eb\ud800\x7f") == "a␛[31m⟨U+202E⟩b⟨U+D800⟩⟨U+007F⟩"


def test_drawings_are_well_formed_and_hold_no_styles() -> None:
    curve = Curve(ATTACK, "first", (Dot(1, 0.2, 0.1, 0.3, ATTACK), Dot(2, 0.4, 0.3, 0.5)))
    frame = Frame(counts(ATTACK, [1, 2]), shares(ATTACK, [0.1, 0.5]))
    for drawing in (
        lines(ATTACK + LONE, frame, [curve], diagonal=True),
        points(ATTACK, frame, curve.dots),
        intervals(ATTACK, [Row(ATTACK, "first", 0.5, 0.4, 0.6, ATTACK)]),
        heat(ATTACK, ATTACK, ATTACK, [Place(1, 1, 0.5), Place(1, 2, None)]),
        time_line(ATTACK, ATTACK, 2, [Bar(0, "search", 0.0, 5.0, ATTACK), Bar(1, "other", 5.0, 0.0, "")]),
        heat("", "", "", []),
        time_line("", "", 0, []),
    ):
        tree = ElementTree.fromstring(drawing)
        names = {one.tag for one in tree.iter()}
        assert names <= {"svg", "g", "line", "text", "title", "desc", "polyline", "polygon", "circle", "rect"}
        assert "style" not in {name for one in tree.iter() for name in one.attrib}
        assert "nan" not in drawing
    assert element("a", "<b>", Markup("<i></i>"), class_='"') == '<a class="&#34;">&lt;b&gt;<i></i></a>'


@pytest.mark.parametrize("values", [[], [0.0], [1.0], [0.31, 0.35], [0.0, 1.0], [0.95, 0.99], [0.5, 0.7]])
def test_an_axis_of_shares_holds_its_values(values: list[float]) -> None:
    axis = shares("", values)
    assert all(axis.low <= one <= axis.high for one in values)
    assert len(axis.ticks) >= 2
    assert all(axis.low - 1e-9 <= at <= axis.high + 1e-9 for at, _ in axis.ticks)


@pytest.mark.parametrize("most", [0.0, 1e-6, 0.3, 7.0, 4200.0, 3.1e9])
def test_an_axis_of_amounts_has_few_round_numbers(most: float) -> None:
    ticks = amounts("", most).ticks
    assert len(ticks) <= 7
    assert all(at <= (most or 1) * 1.001 for at, _ in ticks)


def test_equal_runs_give_equal_files(tmp_path: Path) -> None:
    with opened(tmp_path / "run", issues=3) as run:
        for name in ("a", "b"):
            write_report(run, summary_of(run), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_run_without_grades_or_solutions_has_a_report(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "run", issues=3, graded=False)
    with open_run(folder) as run:
        write_report(run, summary_of(run), tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Cost per issue" in text
    assert "Resolved, hardened" not in text
    assert report_of(tmp_path / "none", issues=1).is_file()


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    out.write_text("before")
    with opened(tmp_path / "run", issues=3) as run:
        summary = summary_of(run)
        with pytest.raises(StoreError, match="can't be written"):
            write_report(run, summary, tmp_path / "no" / "report.html")
        damage(tmp_path / "run")
        with pytest.raises(StoreError, match="a recorded text is missing"):
            write_report(run, summary, out)
    assert out.read_text() == "before"
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


def damage(folder: Path) -> None:
    """Lose the texts of a record."""
    with sqlite3.connect(folder / "run.sqlite") as connection:
        connection.execute("DELETE FROM texts")


def test_steps_are_found_below_their_address(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "run", issues=3)
    write_selection(folder, issue(0).id, "first", "second")
    write_selection(folder, f"{issue(0).id}0", "of another issue")
    with open_run(folder) as run:
        assert [(path, reply.text) for path, reply in run.selection(issue(0).id)] == [
            (f"{issue(0).id}/selection/turn/01", "first"),
            (f"{issue(0).id}/selection/turn/02", "second"),
        ]
        assert run.selection(issue(1).id) == ()
    with open_recorded(folder) as record:
        assert record.under("nobody") == ()
