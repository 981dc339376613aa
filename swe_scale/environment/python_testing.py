"""What a project's tests need though nothing declares it: options, marks, fixtures and imports tell."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice

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
    r"^[ \t]*+\"?addopts\"?\s*+=\s*+(?P<options>\[[^\]]*+\]|\"\"\"[\s\S]*?\"\"\"|.*+(?:\n[ \t]++.*+)*+)",
    re.MULTILINE,
)
_MOST_ADDED = 16
"""Places with options that are looked at: each may have an end that has to be searched for."""
_MOST_READ = 8 << 20
"""Characters of sources that are looked at."""
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
    r"^[ \t]*+asyncio_(?:mode|default_\w+)[ \t]*+=": "pytest-asyncio",
    r"^[ \t]*+timeout(?:_method)?[ \t]*+=": "pytest-timeout",
    r"^[ \t]*+DJANGO_SETTINGS_MODULE[ \t]*+=": "pytest-django",
    r"^[ \t]*+trio_mode[ \t]*+=": "pytest-trio",
    r"^[ \t]*+qt_api[ \t]*+=": "pytest-qt",
    r"^[ \t]*+doctest_plus[ \t]*+=": "pytest-doctestplus",
}
_USES: Mapping[str, str] = {
    r"pytest\.mark\.asyncio|\bpytest_asyncio\b": "pytest-asyncio",
    r"pytest\.mark\.trio\b": "pytest-trio",
    r"pytest\.mark\.django_db\b": "pytest-django",
    r"pytest\.mark\.timeout\b": "pytest-timeout",
    r"pytest\.mark\.benchmark\b": "pytest-benchmark",
}
_SIGNATURE = re.compile(r"def (?P<name>\w++)\((?P<arguments>[^)]*+)")
_FIXTURES: Mapping[str, str] = {
    "mocker": "pytest-mock",
    "httpx_mock": "pytest-httpx",
    "httpserver": "pytest-httpserver",
    "datadir": "pytest-datadir",
    "qtbot": "pytest-qt",
    "aiohttp_client": "pytest-aiohttp",
    "aiohttp_server": "pytest-aiohttp",
    "aiohttp_raw_server": "pytest-aiohttp",
}
"""Packages by the name of an argument that they provide."""
_TEST_FIXTURES: Mapping[str, str] = {
    "benchmark": "pytest-benchmark",
    "subtests": "pytest-subtests",
    "data_regression": "pytest-regressions",
    "file_regression": "pytest-regressions",
    "num_regression": "pytest-regressions",
    "image_regression": "pytest-regressions",
}
"""The same, of names that mean it in a test alone."""
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
    options = "\n".join(found["options"] for found in islice(_ADDED.finditer(configured), _MOST_ADDED))
    sources = "\n".join(text for path, text in project.texts.items() if path.endswith(".py") and "/" in path)
    sources = (project.texts.get("conftest.py", "") + "\n" + sources)[:_MOST_READ]
    found = {package for rule, package in _OPTIONS.items() if re.search(rule, options)}
    if re.search(r"^\[(?:tool[.:])?pytest\b", configured, re.MULTILINE):
        found |= {package for rule, package in _SETTINGS.items() if re.search(rule, configured, re.MULTILINE)}
    found |= {package for rule, package in _USES.items() if re.search(rule, sources)}
    found |= set(_fixtures(sources))
    imported = set(re.findall(r"^[ \t]*+(?:import|from)[ \t]++(\w++)", sources, re.MULTILINE))
    own = {
        path.split("/")[-2 if path.endswith("/__init__.py") else -1].removesuffix(".py")
        for path in project.paths
    }
    found |= {package for module, package in _IMPORTS.items() if module in imported - own}
    for required in re.findall(r"^[ \t]*+required_plugins[ \t]*+=\s*+(.+)$", configured, re.MULTILINE):
        found |= set(re.findall(r"pytest-[\w-]+", required))
    return tuple(sorted(found))


def _fixtures(sources: str) -> Iterator[str]:
    for function in _SIGNATURE.finditer(sources):
        known = {**_FIXTURES, **_TEST_FIXTURES} if function["name"].startswith("test_") else _FIXTURES
        yield from (known[word] for word in re.findall(r"\w+", function["arguments"]) if word in known)
