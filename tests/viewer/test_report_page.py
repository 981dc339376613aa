"""The report in a real browser: figures, list, and of each issue the page with all that decided it."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from runs_kit import issue, recorded_run
from viewer_kit import summary_of, write_selection

from swe_scale.analysis.runs import open_run
from swe_scale.viewer import write_report

if TYPE_CHECKING:
    from chromium import Tab

Open = Callable[..., "Tab"]
ISSUES = 12

VISIBLE = "[...document.querySelectorAll('#issues tbody tr:not([hidden])')]"
VALUE = "(cell) => cell.dataset.value ?? cell.textContent.trim()"
ORDER = f"{VISIBLE}.map((row) => row.cells[0].textContent)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = recorded_run(tmp_path_factory.mktemp("run") / "verified-4x3", issues=ISSUES, seed=1)
    write_selection(folder, issue(0).id, "<check>assert 1</check>", 'B is right.\n<choose candidate="B"/>')
    out = folder.with_suffix(".html")
    with open_run(folder) as run:
        write_report(run, summary_of(run), out)
    return out


@pytest.fixture
def overview(report: Path, browser: Open) -> "Tab":
    return browser(report)


@pytest.fixture
def page(report: Path, browser: Open) -> "Tab":
    tab = browser(report, f"#issue/{issue(0).id}")
    tab.until("document.querySelector('#page h1')")
    return tab


def texts(tab: "Tab", selector: str) -> list[str]:
    found: list[str] = tab.value(
        f"[...document.querySelectorAll({selector!r})].map((one) => one.textContent.trim())"
    )
    return found


def choose(tab: "Tab", field: str, value: str) -> None:
    tab.value(f"""(() => {{
      const field = document.querySelector("[name={field}]");
      field.value = {value!r};
      field.dispatchEvent(new Event("input", {{ bubbles: true }}));
    }})()""")


def test_the_overview_shows_the_figures(overview: "Tab") -> None:
    shown = overview.value("document.querySelector('#overview').innerText")
    for text in (
        "verified-4x3", "Resolved, hardened", "Resolved, official", "Coverage", "Selection efficiency",
        "Random → oracle gap", "Cost per issue", "Wall clock per issue", "Samples",
        "Turns", "Serial × parallel", "Cost frontier", "Calibration", "Risk and coverage", "By repository",
        "By difficulty", "Cost by stage", "Abstentions", "Infrastructure failures",
        "the endpoint failed: connection refused", f"{ISSUES} issues",
    ):  # fmt: skip
        assert text in shown
    assert "NaN" not in overview.value(
        "document.documentElement.outerHTML.replace(/<script[^]*?<.script>/g, '')"
    )
    overview.close()


def test_headings_step_down_one_at_a_time(overview: "Tab", page: "Tab") -> None:
    for tab in (overview, page):
        levels = tab.value(
            "[...document.querySelectorAll('h1,h2,h3,h4')].filter((one) => one.offsetParent)"
            ".map((one) => Number(one.localName[1]))"
        )
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        tab.close()


def test_the_list_is_sorted_by_any_column(overview: "Tab") -> None:
    columns = len(texts(overview, "#issues thead th"))
    for column in range(columns):
        press = f"document.querySelectorAll('#issues thead .sort')[{column}].click()"
        values = f"{VISIBLE}.map((row) => row.cells[{column}]).map({VALUE})"
        numeric = overview.value(
            f"document.querySelectorAll('#issues th[scope=col]')[{column}].dataset.kind === 'number'"
        )
        overview.value(press)
        up = overview.value(values)
        assert (
            overview.value(f"document.querySelectorAll('#issues th[scope=col]')[{column}].ariaSort")
            == "ascending"
        )
        overview.value(press)
        down = overview.value(values)
        assert sorted(up) == sorted(down)
        if numeric:
            numbers = [float(one or "-inf") for one in up]
            assert numbers == sorted(numbers)
            assert [float(one or "-inf") for one in down] == sorted(numbers, reverse=True)
    overview.value("document.querySelectorAll('#issues thead .sort')[0].click()")
    # Names are sorted as people would: 2 before 10.
    assert overview.value(ORDER)[:3] == ["acme__calendar-0", "acme__calendar-2", "acme__calendar-4"]
    overview.close()


def test_the_list_is_narrowed(overview: "Tab") -> None:
    every = overview.value(f"{VISIBLE}.map((row) => ({{...row.dataset}}))")
    assert len(every) == ISSUES
    for field, value, fits in (
        ("outcome", "failed", lambda row: row["outcome"] == "failed"),
        ("repo", "acme/parser", lambda row: row["repo"] == "acme/parser"),
        ("resolved", "resolved", lambda row: row["resolved"] == "resolved"),
        ("confidence", "0.5", lambda row: float(row["confidence"]) >= 0.5),
    ):
        choose(overview, field, value)
        left = overview.value(f"{VISIBLE}.map((row) => ({{...row.dataset}}))")
        assert left == [row for row in every if fits(row)]
        assert 0 < len(left) < ISSUES
        assert texts(overview, "#shown-count") == [f"{len(left)} of {ISSUES} issues"]
        choose(overview, field, "")
    choose(overview, "text", "wrong total 3")
    assert overview.value(ORDER) == [issue(3).id]
    overview.value("document.querySelector('#filters [type=reset]').click()")
    overview.until(f"{VISIBLE}.length === {ISSUES}")
    overview.close()


def test_an_address_opens_its_page_and_part(report: Path, browser: Open) -> None:
    tab = browser(report, f"#issue/{issue(3).id}/trajectories")
    tab.until("document.activeElement.id === 'title-trajectories'")
    assert texts(tab, "#page h1") == ["Wrong total 3"]
    assert tab.value("document.getElementById('overview').hidden")
    tab.value("document.querySelector('.beside a').click()")
    tab.until("!document.getElementById('overview').hidden")
    tab.value("location.hash = '#issue/nobody'")
    tab.until("document.getElementById('page').hidden")
    tab.close()


def test_cells_that_execute_nothing_of_the_change_are_marked(page: "Tab") -> None:
    marked = texts(page, ".cell")
    assert any(one.endswith("°") for one in marked) and not all(one.endswith("°") for one in marked)
    name = page.value(
        "[...document.querySelectorAll('.cell')].find((one) => one.textContent.endsWith('°')).ariaLabel"
    )
    assert "executes nothing" in name
    assert any(one.startswith("° executes nothing") for one in texts(page, ".legend span"))


def test_every_cell_opens_its_script_and_both_outputs(page: "Tab") -> None:
    cells = page.value("document.querySelectorAll('.cell').length")
    rows = page.value("document.querySelectorAll('.matrix tbody tr').length")
    assert cells == rows * 4 > 8
    for number in range(cells):
        page.value(f"document.querySelectorAll('.cell')[{number}].click()")
        said: list[str] = texts(page, "#cell pre")
        author = number % 4 + 1
        assert said[0] == f"from pkg.part0 import total\nassert total([{author}]) == {author}"
        base = number < 4
        assert len(said) == (2 if base else 3)
        assert said[1] == "base\n<b>bold</b>"
        if not base:
            name = texts(page, f".matrix tbody tr:nth-child({number // 4 + 1}) code")[0]
            assert said[2] == f"{name}\n<b>bold</b>"
        assert page.value(f"document.querySelectorAll('.cell')[{number}].ariaExpanded") == "true"
        assert page.value("document.querySelectorAll('.cell[aria-expanded=true]').length") == 1
    page.close()


def test_the_page_says_what_decided(page: "Tab") -> None:
    shown = page.value("document.querySelector('#page').innerText")
    for text in (
        "Wrong total 0", "2 of 3 reproduction votes", "Chosen patch", "why the others lost", "lost:",
        "chosen", "Clusters", "B is right.", "as planned", "report-forged", "1 of 2 hidden tests fails", "#4",
        "official", "2 behaviours", "mean overlap of changed lines 0.50",
        "<script>alert(1)</script>",
    ):  # fmt: skip
        assert text in shown
    page.close()


def test_turns_and_patches_are_made_when_they_are_opened(page: "Tab") -> None:
    assert page.value("document.querySelectorAll('.turn').length") == 0
    page.value("document.querySelector('.trajectory').open = true")
    page.until("document.querySelectorAll('.turn').length === 3")
    page.value("document.querySelectorAll('.turn')[2].open = true")
    page.until("document.querySelector('.turn pre')")
    assert "Turn 3: go on with issue 0." in texts(page, ".turn pre")
    page.value("document.querySelectorAll('.turn')[2].querySelector('.patch').open = true")
    page.until("document.querySelector('.turn .diff .add')")
    assert any(one.startswith("+    return sum(values)") for one in texts(page, ".turn .diff .add"))
    page.close()


def test_a_patch_is_set_out_line_by_line(page: "Tab") -> None:
    kinds = page.value("[...document.querySelectorAll('#part-patch .line')].map((one) => one.classList[1])")
    assert kinds == ["file", "file", "file", "hunk", "same", "del", "add"]
    numbers = page.value(
        "[...document.querySelectorAll('#part-patch .line')].map((one) => one.dataset.numbers ?? '')"
    )
    assert [one.split() for one in numbers] == [[], [], [], [], ["1", "1"], ["2"], ["2"]]
    assert texts(page, "#part-patch .del mark")[0].startswith("-")
    page.close()


def test_the_keyboard_does_it_all(page: "Tab") -> None:
    page.value("document.querySelectorAll('.cell')[5].focus()")

    def press(key: str) -> Any:
        code = {"ArrowDown": 40, "ArrowRight": 39, "Enter": 13, "Escape": 27}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            page.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text
            )

    press("ArrowRight")
    assert page.value("[...document.querySelectorAll('.cell')].indexOf(document.activeElement)") == 6
    press("ArrowDown")
    assert page.value("[...document.querySelectorAll('.cell')].indexOf(document.activeElement)") == 10
    press("Enter")
    page.until("document.querySelector('#cell h3')")
    page.value("document.querySelector('#cell .close').focus()")
    press("Escape")
    page.until("!document.querySelector('#cell h3')")
    assert page.value("[...document.querySelectorAll('.cell')].indexOf(document.activeElement)") == 10
    page.close()


def test_a_failed_issue_has_a_page(report: Path, browser: Open) -> None:
    tab = browser(report, f"#issue/{issue(ISSUES - 1).id}")
    tab.until("document.querySelector('#page h1')")
    shown = tab.value("document.querySelector('#page').innerText")
    assert "the endpoint failed: connection refused" in shown
    assert "The total is off by one." in shown
    tab.close()


def test_it_can_be_read_without_scripts(report: Path, browser: Open) -> None:
    tab = browser(report)
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.go(report.absolute().as_uri())
    shown = tab.value("document.body.innerText")
    assert "need JavaScript" in shown
    assert shown.count("Wrong total") == ISSUES
    assert "Resolved, hardened" in shown
    tab.close()
