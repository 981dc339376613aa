"""Finds addresses of a project, and installs of its packages, in what a trajectory ran."""

import re
from collections.abc import Iterator, Sequence

from swe_scale.analysis.leak_commands import bounded
from swe_scale.analysis.leak_project import Project, normal

ADDRESS = re.compile(r"(?:https?://|git://|ssh://git@|git@)[^\s\"'<>`)\]}]{4,400}")
_FETCHERS = frozenset(
    {"curl", "wget", "http", "https", "aria2c", "axel", "lynx", "w3m", "links", "gh", "hub", "pip", "pip3",
     "conda", "mamba", "npm", "yarn", "pnpm", "cargo", "gem", "go", "poetry", "svn"}
)  # fmt: skip
_FETCHED = re.compile(
    r"\b(?:requests|httpx|session|client|urllib\d?|request|aiohttp|http|https|axios|got)\.(?:get|request|urlopen)"
    r"\s{0,4}\(|\burlopen\s{0,4}\(|\burlretrieve\s{0,4}\(|\bfetch\s{0,4}\(|\bRequest\s{0,4}\("
)
_REACH = 200
"""Characters after a call within which its address stands."""
_INDEXES = re.compile(
    r"(?:pypi\.(?:org|python\.org)/(?:project|pypi|simple)|registry\.npmjs\.org|npmjs\.com/package"
    r"|crates\.io/(?:api/v1/)?crates|rubygems\.org/(?:api/v\d/)?gems|libraries\.io/pypi|anaconda\.org/[\w-]{1,99}"
    r"|packages/source/\w|proxy\.golang\.org/github\.com|pkg\.go\.dev/github\.com)/([A-Za-z0-9._@/-]{1,200})"
)
_INSTALLERS = {
    "pip": {"install", "download", "index", "wheel"},
    "pip3": {"install", "download", "index", "wheel"},
    "conda": {"install", "search", "update", "create"},
    "mamba": {"install", "search", "update", "create"},
    "npm": {"install", "i", "view", "pack", "add", "info"},
    "yarn": {"add", "info"},
    "pnpm": {"add", "install"},
    "cargo": {"install", "add", "search", "download"},
    "gem": {"install", "fetch", "specification"},
    "go": {"get", "install"},
    "poetry": {"add"},
    "easy_install": set[str](),
}
_EXTRAS = re.compile(r"\[[^\]]{0,200}\]|[=<>!~ ;].*|(?<=.)@.*")
_INSTALLED = re.compile(
    r"(?:site|dist)-packages/(\w{1,100})/|\bnode_modules/((?:@[\w.-]{1,99}/)?[\w.-]{1,100})/"
)
_OPEN = re.compile(r"\b(?:open|Path|readFileSync|readFile)\(([^\n)]{1,300})")
_OPENED = frozenset(
    {
        "cat",
        "less",
        "head",
        "tail",
        "sed",
        "grep",
        "rg",
        "awk",
        "diff",
        "cp",
        "find",
        "nl",
        "vim",
        "view",
        "ls",
    }
)


def upstream(address: str, project: Project) -> bool:
    """Return whether an address leads to a project's repository, on whatever host, or to its packages."""
    place = address.lower()
    if project.owner and project.repo:
        found = re.search(rf"[/:]{re.escape(project.owner)}/{re.escape(project.repo)}(?![\w-])", place)
        if found is not None:
            return True
    if (index := _INDEXES.search(place)) is not None:
        return normal(index[1].split("/")[0]) in project.packages
    return any(f"//{name}.readthedocs" in place for name in project.packages)


def fetched(words: Sequence[str], project: Project) -> bool:
    """Return whether a simple command asks a project's own addresses for something."""
    if words[0] not in _FETCHERS:
        return False
    if any(upstream(word, project) for word in words if "/" in word and len(word) <= 500):
        return True
    whole = f"{project.owner}/{project.repo}"
    return words[0] in ("gh", "hub") and any(word.lower().strip("/").endswith(whole) for word in words)


def fetched_by_script(text: str, project: Project) -> Iterator[str]:
    """Yield the calls in a script that ask a project's own addresses for something."""
    text = bounded(text)
    for found in _FETCHED.finditer(text):
        near = text[found.end() : found.end() + _REACH]
        address = ADDRESS.search(near)
        if address is not None and upstream(address[0], project):
            yield f"{found[0]}{near[: address.end()]}"


def installs(words: Sequence[str], project: Project) -> bool:
    """Return whether a simple command installs a project's own package, or asks which there are."""
    wanted = _INSTALLERS.get(words[0])
    if wanted is None:
        return False
    verb = next((word for word in words[1:] if not word.startswith("-")), "")
    if wanted and verb not in wanted:
        return False
    whole = f"/{project.owner}/{project.repo}"
    return any(_names(word, project) or whole in word.lower() for word in words[1:] if word != verb)


def _names(word: str, project: Project) -> bool:
    bare = _EXTRAS.sub("", word[:200])
    if bare.startswith("@"):
        bare = bare[1:].replace("/", "-")
    return "/" not in bare and not bare.startswith(("-", ".")) and normal(bare) in project.packages


def reads_installed(words: Sequence[str], project: Project) -> bool:
    """Return whether a simple command reads code of the project where packages are installed."""
    if words[0] not in _OPENED:
        return False
    found = (_INSTALLED.search(word[:1000]) for word in words[1:])
    names = {(one[1] or one[2]).lower() for one in found if one is not None}
    return bool(names & (project.modules | project.packages))


def opens_installed(text: str, project: Project) -> bool:
    """Return whether a script opens code of the project where packages are installed."""
    for found in _OPEN.finditer(bounded(text)):
        place = _INSTALLED.search(found[1])
        if place is not None and (place[1] or place[2]).lower() in project.modules | project.packages:
            return True
    return False
