"""Whatever was recorded is shown in a real browser as the text that it is: nothing runs or is fetched."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from viewer_kit import ATTACK, attacking_report

from swe_scale.viewer.visible import visible

if TYPE_CHECKING:
    from chromium import Tab

Open = Callable[..., "Tab"]

EVERYTHING = """
(async () => {
  for (const cell of document.querySelectorAll("#page .cell")) cell.click();
  for (let round = 0; round < 8; round += 1) {
    const closed = document.querySelectorAll("details:not([open])");
    for (const one of closed) one.open = true;
    for (const one of document.querySelectorAll("button.more")) one.click();
    await new Promise((done) => setTimeout(done, 30));
    if (!closed.length) break;
  }
  return document.querySelectorAll("#page details").length;
})()
"""
CENSUS = """
(() => {
  const all = [...document.querySelectorAll("*")];
  const named = (one) => [...one.attributes].map((two) => [one.localName, two.name, two.value]);
  const attributes = all.flatMap(named);
  return {
    pwned: globalThis.pwned ?? null,
    title: document.title,
    names: [...new Set(all.map((one) => one.localName))],
    styles: document.styleSheets.length,
    own: document.querySelectorAll("script:not([type])").length,
    handlers: attributes.filter(([, name]) => name.startsWith("on") || name === "style" || name === "src"),
    links: attributes.filter(([, name, value]) => name.endsWith("href") && !value.startsWith("#")),
  };
})()
"""
HARMFUL = {
    "iframe",
    "img",
    "object",
    "embed",
    "link",
    "base",
    "frame",
    "audio",
    "video",
    "source",
    "use",
    "animate",
}


def assert_harmless(tab: "Tab", title: str) -> None:
    found: dict[str, Any] = tab.value(CENSUS)
    assert found["pwned"] is None
    assert found["title"] == title
    assert not HARMFUL & set(found["names"])
    assert (found["styles"], found["own"]) == (1, 1)
    assert found["handlers"] == found["links"] == []


def troubles(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what was fetched, refused, thrown or asked, the file itself left out."""
    wanted = {
        "Log.entryAdded",
        "Runtime.exceptionThrown",
        "Page.javascriptDialogOpening",
        "Runtime.consoleAPICalled",
    }
    fetched = [
        one
        for one in events
        if one["method"] == "Network.requestWillBeSent"
        and not one["params"]["request"]["url"].startswith("file://")
    ]
    return fetched + [one for one in events if one["method"] in wanted]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attacking_report(tmp_path_factory.mktemp("attacking") / "run")


def test_nothing_that_was_recorded_runs(report: Path, browser: Open, network: Any) -> None:
    before = len(network.asked)
    tab = browser(report)
    title = tab.value("document.title")
    assert title.endswith("· swe-scale report")
    assert visible(ATTACK) in title
    tab.value(EVERYTHING)
    assert_harmless(tab, title)
    addresses = tab.value("[...document.querySelectorAll('#issues tbody a')].map((one) => one.hash)")
    assert len(addresses) == 4
    for address in addresses:
        tab.value(f"location.hash = {address!r}")
        tab.until(
            "document.querySelector('#page h1') && !document.getElementById('page').hasAttribute('aria-busy')"
        )
        tab.value(EVERYTHING)
        assert_harmless(tab, title)
        shown = tab.value("document.querySelector('#page').innerText")
        assert "</script></style></title>" in shown
        assert "␀␛[31m␇␍⟨U+D83D⟩|⟨U+DC00⟩" in shown
        assert not re.search("[\u202e\u2066\u200b\u2028\ud800-\udfff]", shown)
    assert troubles(tab.events()) == []
    assert network.asked[before:] == []
    tab.close()


def test_every_kind_of_text_is_shown(report: Path, browser: Open) -> None:
    tab = browser(report)
    tab.value("location.hash = document.querySelector('#issues tbody a').hash")
    tab.until("document.querySelector('#page h1')")
    tab.value(EVERYTHING)
    shown = re.sub(r"\s+", " ", tab.value("document.querySelector('#page').textContent"))
    start = "</script></style></title></textarea>"
    for text in (
        "Wrong total 0", "The total is off by one.", "Turn 1: go on with issue 0.", "<edit>variant",
        "I choose B.", "as planned", "votes of other trajectories", "from pkg.part0 import total",
        "+ return sum(values) +",
    ):  # fmt: skip
        assert text in shown
    assert shown.count(start) > 80
    assert "{{ 7*7 }}" in shown
    tab.close()


def test_a_page_that_fetches_is_noticed(tmp_path: Path, browser: Open, network: Any) -> None:
    file = tmp_path / "fetching.html"
    file.write_text(
        "<!doctype html><meta http-equiv=Content-Security-Policy content=\"style-src 'none'\">"
        "<style>*{}</style>"
        '<img src=http://outside.test/noticed onerror="globalThis.pwned=1;console.log(1)"><iframe></iframe>'
    )
    before = len(network.asked)
    tab = browser(file)
    tab.until("globalThis.pwned")
    found = {one["method"] for one in troubles(tab.events())}
    assert found >= {"Network.requestWillBeSent", "Log.entryAdded", "Runtime.consoleAPICalled"}
    assert any(b"noticed" in one for one in network.asked[before:])
    with pytest.raises(AssertionError):
        assert_harmless(tab, "")
    tab.close()


def test_the_policy_lets_nothing_run_but_the_two_that_it_names(report: Path, browser: Open) -> None:
    tab = browser(report)
    added = """
      (() => {
        const script = document.createElement("script");
        script.textContent = "globalThis.pwned = 1";
        document.body.append(script);
        const style = document.createElement("style");
        style.textContent = "body { display: none }";
        document.body.append(style);
        document.body.setAttribute("style", "display: none");
        const image = document.createElement("img");
        image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";
        document.body.append(image);
        return [globalThis.pwned ?? null, getComputedStyle(document.body).display];
      })()
    """
    assert tab.value(added) == [None, "block"]
    with pytest.raises(RuntimeError, match="Failed to fetch"):
        tab.value("fetch('http://outside.test/x').then(() => 1)")
    violations = [one for one in tab.events() if one["method"] == "Log.entryAdded"]
    assert len([one for one in violations if one["params"]["entry"]["source"] == "security"]) >= 4
    tab.close()
