"""Completes a Python set-up by what its tests look for in vain and the project itself names somewhere."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from swe_scale.environment import Proposal
from swe_scale.environment.project import Project
from swe_scale.sandbox import Recipe

_ABSENT = re.compile(r"No module named ['\"]?(?P<name>[A-Za-z_]\w*)")
_PACKAGES: Mapping[str, str] = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "git": "GitPython",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "PIL": "Pillow",
    "pkg_resources": "setuptools<81",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "usb": "pyusb",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}
"""Of modules whose package has another name."""
_MOST = 20
_ROOTS = {"src", "lib", "python"}
ORIGIN = "the python profile, completed by what its tests looked for"


def absent(output: str) -> tuple[str, ...]:
    """Return the modules of which a runner's output says that they aren't there, sorted."""
    return tuple(sorted({found["name"] for found in _ABSENT.finditer(output)}))[:_MOST]


def completed(way: Proposal, modules: Sequence[str], project: Project) -> Recipe | None:
    """Return a recipe that installs further packages, too; None where there are none to be installed.

    Only what the project names in its own declarations is installed: a module's name alone could be
    anybody's package.

    Args:
        way: as it was built; only one that a profile knew is changed.
        modules: that tests looked for in vain.
        project: in whose folder they ran. Its own modules are never had from elsewhere: tests would be of
            another version.
    """
    recipe = way.recipe
    if not recipe.python or recipe.profile != "python" or way.origins.get("setup") != "the python profile":
        return None
    declared = "\n".join(text for path, text in project.texts.items() if _declares(path)).replace("_", "-")
    own = {module for path in project.paths if path.endswith(".py") for module in _modules_of(path)}
    wanted = [_PACKAGES.get(module, module) for module in modules if module not in own]
    named = [package for package in wanted if _named(package, declared) or package.startswith("setuptools")]
    if not named:
        return None
    line = f"python -m pip install {' '.join(map(shlex.quote, dict.fromkeys(named)))}"
    return None if line in recipe.setup else recipe.model_copy(update={"setup": (*recipe.setup, line)})


def _modules_of(path: str) -> set[str]:
    """Return the modules by whose names a source may be imported, wherever its package lies."""
    first, *others = PurePosixPath(path).with_suffix("").parts
    found = {others[0] if others and first in _ROOTS else first}
    return found | {others[-2]} if len(others) > 1 and others[-1] == "__init__" else found


def _declares(path: str) -> bool:
    return path.endswith((".toml", ".cfg", ".ini", ".txt", "setup.py", "noxfile.py", "PKG-INFO", "Pipfile"))


def _named(package: str, declared: str) -> bool:
    name = re.escape(package.replace("_", "-"))
    return re.search(rf"(?<![\w./-]){name}(?![\w-])", declared, re.IGNORECASE) is not None
