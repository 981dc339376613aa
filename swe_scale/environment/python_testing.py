"""What a project's tests need though nothing declares it: options, marks, fixtures and imports tell."""

import re
from collections.abc import Mapping

from swe_scale.environment.project import Project

_CONFIGURED = (
    "pyproject.toml",
    "setup.cfg",
    "tox.ini",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
)
_ADDED = re.compile(
    r"^\s*\"?addopts\"?\s*=\s*(?P<options>\[[^\]]*\]|\"\"\"[\s\S]*?\"\"\"|.*(?:\n[ \t]+.*)*)", re.MULTILINE
)
_OPTIONS: Mapping[str, str] = {
    r"--cov\b": "pytest-cov",
    r"(?:^|[\s\"'])-n[ =\"']*(?:\d|auto|logical)|--dist\b|--numprocesses\b": "pytest-xdist",
    r"--benchmark-": "pytest-benchmark",
    r"--timeout\b": "pytest-timeout",
    r"--asyncio-mode\b": "pytest-asyncio",
    r"--mypy\b": "pytest-mypy",
    r"--black\b": "pytest-black",
    r"--flake8\b": "pytest-flake8",
    r"--isort\b": "pytest-isort",
    r"--ruff\b": "pytest-ruff",
    r"--reruns\b": "pytest-rerunfailures",
    r"--forked\b": "pytest-forked",
    r"--doctest-plus\b|--doctest-rst\b": "pytest-doctestplus",
    r"--random-order\b": "pytest-random-order",
    r"--randomly-": "pytest-randomly",
    r"--disable-socket\b|--allow-hosts\b": "pytest-socket",
    r"--snapshot-": "syrupy",
    r"--html\b": "pytest-html",
    r"--hypothesis-": "hypothesis",
    r"--remote-data\b": "pytest-remotedata",
    r"--ds[ =]|--reuse-db\b|--nomigrations\b|--no-migrations\b": "pytest-django",
    r"--instafail\b": "pytest-instafail",
    r"--spec\b": "pytest-spec",
}
_SETTINGS: Mapping[str, str] = {
    r"^\s*asyncio_(?:mode|default_\w+)\s*=": "pytest-asyncio",
    r"^\s*timeout(?:_method)?\s*=": "pytest-timeout",
    r"^\s*DJANGO_SETTINGS_MODULE\s*=": "pytest-django",
    r"^\s*trio_mode\s*=": "pytest-trio",
    r"^\s*qt_api\s*=": "pytest-qt",
    r"^\s*doctest_plus\s*=": "pytest-doctestplus",
}
_USES: Mapping[str, str] = {
    r"pytest\.mark\.asyncio|\bpytest_asyncio\b": "pytest-asyncio",
    r"pytest\.mark\.trio\b": "pytest-trio",
    r"pytest\.mark\.django_db\b": "pytest-django",
    r"pytest\.mark\.timeout\b": "pytest-timeout",
    r"pytest\.mark\.benchmark\b|def test_\w*\([^)]*\bbenchmark\b": "pytest-benchmark",
    r"def \w+\([^)]*\bmocker\b": "pytest-mock",
    r"def \w+\([^)]*\bhttpx_mock\b": "pytest-httpx",
    r"def \w+\([^)]*\bhttpserver\b": "pytest-httpserver",
    r"def test_\w*\([^)]*\bsubtests\b": "pytest-subtests",
    r"def test_\w*\([^)]*\b(?:data|file|num|image)_regression\b": "pytest-regressions",
    r"def \w+\([^)]*\bdatadir\b": "pytest-datadir",
    r"def \w+\([^)]*\bqtbot\b": "pytest-qt",
    r"def \w+\([^)]*\baiohttp_(?:client|server|raw_server)\b": "pytest-aiohttp",
}
_IMPORTS: Mapping[str, str] = {
    "ddt": "ddt",
    "flaky": "flaky",
    "freezegun": "freezegun",
    "httpretty": "httpretty",
    "hypothesis": "hypothesis",
    "mock": "mock",
    "nose": "pynose",
    "parameterized": "parameterized",
    "pkg_resources": "setuptools<81",
    "pretend": "pretend",
    "pyfakefs": "pyfakefs",
    "pytest_mock": "pytest-mock",
    "requests_mock": "requests-mock",
    "responses": "responses",
    "respx": "respx",
    "sybil": "sybil",
    "testfixtures": "testfixtures",
    "time_machine": "time-machine",
    "trustme": "trustme",
    "vcr": "vcrpy",
}


def packages_of_tests(project: Project) -> tuple[str, ...]:
    """Return the packages, sorted, without which the tests can't be loaded or the runner won't start.

    Only packages that are made for tests: what the product needs it must declare.
    """
    configured = "\n".join(project.texts.get(path, "") for path in _CONFIGURED)
    options = "\n".join(found["options"] for found in _ADDED.finditer(configured))
    sources = "\n".join(text for path, text in project.texts.items() if path.endswith(".py") and "/" in path)
    sources += project.texts.get("conftest.py", "")
    found = {package for rule, package in _OPTIONS.items() if re.search(rule, options)}
    if re.search(r"^\[(?:tool[.:])?pytest\b", configured, re.MULTILINE):
        found |= {package for rule, package in _SETTINGS.items() if re.search(rule, configured, re.MULTILINE)}
    found |= {package for rule, package in _USES.items() if re.search(rule, sources)}
    imported = set(re.findall(r"^\s*(?:import|from)\s+(\w+)", sources, re.MULTILINE))
    own = {
        path.split("/")[-2 if path.endswith("/__init__.py") else -1].removesuffix(".py")
        for path in project.paths
    }
    found |= {package for module, package in _IMPORTS.items() if module in imported - own}
    for required in re.findall(r"^\s*required_plugins\s*=\s*(.+)$", configured, re.MULTILINE):
        found |= set(re.findall(r"pytest-[\w-]+", required))
    return tuple(sorted(found))
