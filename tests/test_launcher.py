"""The launcher on every Python that is here: it finds what is installed and runs none of it beforehand."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from swe_scale.checks import launching

NEWEST = 14
NAMES = {found for n in range(6, NEWEST + 1) if (found := shutil.which(f"python3.{n}"))}
# A name may lead to nothing.
WORKING = {one for one in NAMES if subprocess.run([one, "-c", ""], capture_output=True).returncode == 0}
PYTHONS = sorted(WORKING | {sys.executable})
CHECK = "import installed, product\nassert product.answer() == 42\nassert installed.here\nexit(0)\n"


@pytest.fixture(scope="module", params=PYTHONS, ids=lambda one: Path(one).name)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a virtual environment whose site-packages run code of the work tree."""
    folder = tmp_path_factory.mktemp("launcher")
    environment = folder / "venv"
    subprocess.run([request.param, "-m", "venv", "--without-pip", str(environment)], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "installed.py").write_text("here = True\n")
    (packages / "product.pth").write_text(f"{folder / 'tree'}\nimport hooked\n")
    (folder / "tree").mkdir()
    return folder


UNITTEST = """import unittest, product
class T(unittest.TestCase):
    def test(self):
        self.assertEqual(product.answer(), 42)
"""


def launch(
    home: Path, product: str, hooked: str = "", stdin: str = "nonce 0\n", check: str = CHECK
) -> tuple[int, bool]:
    """Return the exit code of the check, and whether the nonce was printed."""
    (home / "tree" / "product.py").write_text(product)
    (home / "tree" / "hooked.py").write_text(hooked)
    (home / "check.py").write_text(check)
    (home / "launcher.py").write_bytes(launching._launcher())
    python = home / "venv" / "bin" / "python"
    ran = subprocess.run(
        [str(python), "-I", "-S", "-B", str(home / "launcher.py"), str(home / "check.py")],
        cwd=home / "tree",
        input=stdin,
        capture_output=True,
        text=True,
    )
    return ran.returncode, "nonce" in ran.stdout


RIGHT = "def answer():\n    return 42\n"


def test_a_check_that_ends_by_itself_is_vouched_for(home: Path) -> None:
    assert launch(home, RIGHT) == (0, True)


def test_a_control_says_no_where_the_check_says_yes(home: Path) -> None:
    assert launch(home, RIGHT, stdin="nonce 42\n") == (42, False)


@pytest.mark.parametrize(
    "product",
    [
        "def answer():\n    return 41\n",
        "import os\nos._exit(0)\n",
        "raise SystemExit(0)\n",
        "import sys\nsys.exit = lambda *_: None\ndef answer():\n    return 42\n",
        "import argparse\nexec(compile('raise SystemExit(0)', argparse.__file__, 'exec'))\n",
        "import unittest\nunittest.TestCase.assertTrue = lambda *_: None\ndef answer():\n    return 42\n",
    ],
)
def test_nothing_else_is(home: Path, product: str) -> None:
    assert not launch(home, product)[1]


def test_nothing_of_site_packages_runs_where_the_nonce_is(home: Path) -> None:
    log = home / "processes"
    log.unlink(missing_ok=True)
    told = "file.write('%d %d\\n' % (os.getpid(), os.getppid()))"
    hooked = f"import os\nwith open({str(log)!r}, 'a') as file:\n    {told}\n"
    assert launch(home, RIGHT, hooked) == (0, True)
    # Once, in the child: its parent, which holds the nonce, is the process that this test started.
    ((_, parent),) = (line.split() for line in log.read_text().splitlines())
    assert int(parent) != os.getpid()
    assert launch(home, RIGHT, "import os\nos._exit(0)\n") == (0, False)


def test_a_library_may_end_a_check(home: Path) -> None:
    check = f"{UNITTEST}unittest.main()\n"
    assert launch(home, RIGHT, check=check) == (0, True)
    assert launch(home, RIGHT.replace("2", "1"), check=check) == (1, False)
    parsed = "import argparse\nargparse.ArgumentParser().exit(0)\n"
    assert launch(home, RIGHT, check=parsed) == (0, True)
