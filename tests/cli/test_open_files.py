"""The process in which a command runs is fit for it."""

import subprocess
import sys

import pytest

SHOWN = """
import resource, sys
from swe_scale.cli.process import allow_descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
allow_descriptors()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("soft", "hard"), [(256, 4096), (4096, 4096), (300, 300)])
def test_as_many_files_may_be_opened_as_the_system_allows(soft: int, hard: int) -> None:
    command = [sys.executable, "-c", SHOWN, str(soft), str(hard)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [str(hard), str(hard)]


def test_a_command_raises_the_bound() -> None:
    begun = (
        "import resource, sys\n"
        "from swe_scale.cli import app\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))\n"
        "app.app = lambda: print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
        "app.main()"
    )
    ran = subprocess.run([sys.executable, "-c", begun], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["4096"]
