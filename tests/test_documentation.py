"""The pages say what the code says, read alike in the repository and as a site, and their links hold."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest
from elements_kit import elements, elements_of_page
from packages_kit import ROOT

sys.path.insert(0, str(ROOT / "scripts" / "lib"))

import figures_page
import links
import pages
import settings_page

MKDOCS = ROOT / ".venv-docs" / "bin" / "mkdocs"
PAGES = {f"docs/{path.name}": path.name for path in (ROOT / "docs").glob("*.md")} | {
    source: place for source, place in pages.OUTSIDE.items() if place.endswith(".md")
}
LOADED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(https?:)?//")


@pytest.mark.parametrize("written", [settings_page, figures_page], ids=["configuration", "figures"])
def test_written_pages_are_as_they_would_be_written(written: ModuleType) -> None:
    assert written.PAGE.read_text() == written.page(), "run scripts/docs write"


def test_figures_are_rounded_and_none_is_left_out() -> None:
    ours = "{{startup.json|swe-scale --help beside mini --help|ours|.0f}}"
    spread = "{{real_matrices.json|real: majority beside the lot|spread|+.2f}}"
    made = figures_page.FIGURE.sub(figures_page.shown, f"{ours} {spread}")
    assert re.fullmatch(r"\d+ −0\.\d\d … \+0\.\d\d", made)
    assert "{{" not in figures_page.page()
    with pytest.raises(KeyError):
        figures_page.FIGURE.sub(figures_page.shown, "{{startup.json|no such figure|ours|.0f}}")


def test_every_field_that_a_person_sets_is_explained() -> None:
    text = settings_page.page().partition("## What a run writes")[0]
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [row for row in rows if row.split(" | ")[3].strip(" |") == ""] == []
    assert "None" not in text


@pytest.mark.parametrize(
    ("page", "written", "read"),
    [
        ("run.md", "[a](deciding.md#x)", "[a](deciding.md#x)"),
        ("run.md", "[a](../README.md#limits)", "[a](overview.md#limits)"),
        ("run.md", "[a](../evaluation/results/batch.json)", "[a](results/batch.json)"),
        ("overview.md", "[a](docs/run.md)", "[a](run.md)"),
        (
            "results/README.md",
            "[a](selection.md) [b](../../README.md)",
            "[a](selection.md) [b](../overview.md)",
        ),
        ("run.md", "[a](https://example.org/x) [b](#c)", "[a](https://example.org/x) [b](#c)"),
        ("run.md", "[a](../swe_scale/cli/run.py)", "[a](../swe_scale/cli/run.py)"),
    ],
)
def test_links_point_where_pages_are_in_the_site(page: str, written: str, read: str) -> None:
    assert pages.relinked(written, page) == read


def test_links_of_all_pages_lead_to_files() -> None:
    for source in PAGES:
        for link in pages.LINK.finditer((ROOT / source).read_text()):
            assert (ROOT / source).parent.joinpath(link["target"]).exists(), (source, link[0])


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response({"/there": 200, "/refuses": 403}.get(self.path, 404))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


def test_addresses_that_fail_are_named() -> None:
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        at = f"http://127.0.0.1:{server.server_port}"
        wrong = links.faults([f"{at}/there", f"{at}/gone", f"{at}/refuses", "http://127.0.0.1:1/"])
        server.shutdown()
    assert wrong[f"{at}/gone"] == "404"
    assert list(wrong) == [f"{at}/gone", "http://127.0.0.1:1/"]
    assert "https://arxiv.org/abs/2501.14723" in links.named(ROOT)


def build(project: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a checkout, strictly; the test is skipped where nothing builds it."""
    if not MKDOCS.exists():
        pytest.skip("no .venv-docs: scripts/docs makes it")
    wanted = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        [MKDOCS, "build", "--strict", "--site-dir", site, "--config-file", project / "mkdocs.yml"],
        capture_output=True,
        text=True,
        env=wanted,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    done = build(ROOT, place)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of all that the site is made of."""
    for name in ("mkdocs.yml", *(source for source in pages.OUTSIDE if "/" not in source)):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("docs", "scripts/lib", "evaluation/results"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("page", "text", "said"),
    [
        ("docs/run.md", "[a](nowhere.md)", "nowhere.md"),
        ("docs/run.md", "[a](deciding.md#nowhere)", "#nowhere"),
        ("docs/run.md", "[a](../README.md#nowhere)", "#nowhere"),
        ("README.md", "[a](docs/deciding.md#nowhere)", "#nowhere"),
        ("docs/run.md", "[a](../pyproject.toml)", "pyproject.toml"),
        ("docs/forgotten.md", "# In no menu", "forgotten.md"),
    ],
)
def test_what_does_not_hold_fails(page: str, text: str, said: str, copy: Path, tmp_path: Path) -> None:
    with (copy / page).open("a") as file:
        file.write(f"\n{text}\n")
    done = build(copy, tmp_path / "site")
    assert done.returncode == 1
    assert said in done.stderr


def page_of(site: Path, place: str) -> str:
    folder = site / place.removesuffix("README.md").removesuffix(".md")
    return (folder / "index.html").read_text()


def test_pages_read_alike_in_the_repository_and_in_the_site(site: Path) -> None:
    different: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for source, place in PAGES.items():
        here, there = elements((ROOT / source).read_text()), elements_of_page(page_of(site, place))
        if here != there:
            different[source] = (here - there, there - here)
    assert different == {}


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    files = list(site.rglob("*.html"))
    assert len(files) > len(PAGES)
    assert [file.name for file in files if LOADED.search(file.read_text())] == []
