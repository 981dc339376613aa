"""What a check says, however it or the code under test ends, and that each cell is run once."""

import shutil
from collections.abc import AsyncIterator, Mapping

import pytest
from solving_kit import LOCAL, Desk, Spoken, open_desk, ran

from swe_scale.checks import judge, spoken
from swe_scale.config import Bubblewrap, SandboxConfig
from swe_scale.flags import EXITED, UNGUARDED
from swe_scale.profiles import check_languages
from swe_scale.records import BASE, Check, File, Verdict

pytestmark = pytest.mark.anyio

BACKENDS = [
    pytest.param(LOCAL, id="local"),
    pytest.param(Bubblewrap(), id="bubblewrap", marks=pytest.mark.bubblewrap),
]


@pytest.fixture(scope="module", params=BACKENDS)
def sandbox(request: pytest.FixtureRequest) -> SandboxConfig:
    found: SandboxConfig = request.param
    return found


@pytest.fixture(scope="module")
async def desk(
    anyio_backend: str, sandbox: SandboxConfig, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    folder = tmp_path_factory.mktemp("checks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "xdg"))
        async with open_desk(folder, Spoken({}), sandbox=sandbox) as opened:
            yield opened


async def says(
    desk: Desk,
    script: str,
    modules: Mapping[str, str] | None = None,
    *,
    language: str = "python",
    foreign: bool = False,
) -> Verdict:
    """Return what a check says of the tree with these modules added."""
    changes = {name: File(mode="100644", data=text.encode()) for name, text in (modules or {}).items()}
    tree = await desk.trees.write(desk.trees.base, changes)
    check = Check.of(script, "reproduction", language=language, foreign=foreign)
    return await desk.setting.cells.verdict(check, tree if changes else BASE)


@pytest.mark.parametrize(
    ("script", "outcome", "code"),
    [
        ("", "pass", 0),
        ("import sys; sys.exit(0)", "pass", 0),
        ("import sys; sys.exit()", "pass", 0),
        ("def main():\n    raise SystemExit(0)\nmain()", "pass", 0),
        ("raise SystemExit", "pass", 0),
        ("exit(0)", "pass", 0),
        ("quit()", "pass", 0),
        ("import os; os.chdir('/'); exit(0)", "pass", 0),
        ("exit(42)", "fail", 42),
        ("import sys; sys.exit(42)", "fail", 42),
        ("import os; os._exit(42)", "fail", 42),
        ("exit(1)", "error", 1),
        ("exit(2)", "error", 2),
        ("exit('no')", "error", 1),
        ("1/0", "error", 1),
        ("def broken(:", "error", 1),
        ("raise KeyboardInterrupt", "error", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "error", 143),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "error", 137),
        ("import os; os._exit(0)", "error", 0),
        ("import sys; sys.exit(300)", "error", 300 & 255),
        ("assert __name__ == '__main__' and __file__.endswith('check.py')", "pass", 0),
        ("import stats; assert stats.mean([2]) == 2", "pass", 0),
        ("import sys; sys.stdout.close()", "error", 1),
        ("import sys; assert sys.stdin.read() == ''", "pass", 0),
        ("# -*- coding: latin-1 -*-\nprint('x')", "pass", 0),
        ("import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: 'int' = 1\nassert A().x", "pass", 0),
        ("import pickle\nclass A: pass\nassert pickle.loads(pickle.dumps(A()))", "pass", 0),
    ],
)
async def test_the_exit_code_says_it(desk: Desk, script: str, outcome: str, code: int) -> None:
    verdict = await says(desk, script)
    assert (verdict.outcome, verdict.execution.exit_code) == (outcome, code)


ENDINGS = {
    "exit": "exit(0)",
    "sys.exit": "import sys\nsys.exit(0)",
    "os._exit": "import os\nos._exit(0)",
    "SystemExit": "raise SystemExit",
    "bare": "raise SystemExit(None)",
    "compiled": "exec(compile('raise SystemExit(0)', '/elsewhere.py', 'exec'))",
    "no trace": "raise SystemExit(0).with_traceback(None)",
    "forked": "import os\nos.fork()\nraise SystemExit(0)",
    "replaced": "import os\nos.execvp('true', ['true'])",
    "killed parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n",
    "handler": "import signal, sys\nsignal.signal(signal.SIGALRM, lambda *a: sys.exit(0))\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.01)\nsignal.pause()",
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("place", ["at import", "in a call", "under src"])
async def test_code_under_test_that_ends_the_check_never_passes(desk: Desk, ending: str, place: str) -> None:
    body = ENDINGS[ending]
    if place == "in a call":
        body = "def run():\n" + "".join(f"    {line}\n" for line in body.split("\n"))
    folder = "src/" if place == "under src" else ""
    script = f"import patched_{abs(hash((ending, place)))} as patched\n"
    name = script.split()[1]
    script += "patched.run()\n" if place == "in a call" else ""
    verdict = await says(desk, script + "print('went on')\nexit(42)\n", {f"{folder}{name}.py": body})
    assert verdict.outcome != "pass"


async def test_code_made_on_the_way_can_not_end_the_check_either(desk: Desk) -> None:
    body = "space = {}\nexec('def run():\\n    raise SystemExit(0)', space)\nrun = space['run']\n"
    assert (await says(desk, "import making\nmaking.run()", {"making.py": body})).outcome == "error"


async def test_it_is_said_that_the_code_ended_the_check(desk: Desk) -> None:
    verdict = await says(desk, "import ends\nexit(42)", {"ends.py": "exit(0)"})
    assert verdict.flags == ("exit-not-its-own",)
    assert "the code under test ended the check" in verdict.execution.output


async def test_a_check_may_catch_what_the_code_raises_and_end_itself(desk: Desk) -> None:
    script = "import tool\ntry:\n    tool.main()\nexcept SystemExit as e:\n    exit(0 if e.code == 3 else 42)"
    assert (await says(desk, script, {"tool.py": "def main():\n    exit(3)"})).outcome == "pass"
    assert (await says(desk, script, {"tool.py": "def main():\n    exit(4)"})).outcome == "fail"


UNITTEST = """
import sys, unittest
from stats import mean
class T(unittest.TestCase):
    def test(self):
        self.assertEqual(mean([2, 4]), 3)
unittest.main()
"""


async def test_a_check_may_end_by_unittest(desk: Desk) -> None:
    assert (await says(desk, UNITTEST)).outcome == "pass"
    broken = {"stats.py": "def mean(values):\n    return 0\n"}
    # unittest exits 1, which says nothing; as a foreign check it says that the test fails.
    assert (await says(desk, UNITTEST, broken)).outcome == "error"
    assert (await says(desk, UNITTEST, broken, foreign=True)).outcome == "fail"


@pytest.mark.parametrize(
    "script",
    [
        "import atexit, os\natexit.register(os._exit, 0)\nexit(42)",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\nexit(42)",
        "import subprocess\nsubprocess.Popen(['sleep', '600'])\nexit(42)",
        "import multiprocessing\np = multiprocessing.Process(target=print)\np.start()\np.join()\nexit(42)",
    ],
)
async def test_what_is_left_over_changes_nothing(desk: Desk, script: str) -> None:
    assert (await says(desk, script)).outcome == "fail"
    assert (await says(desk, script.replace("exit(42)", "exit(0)"))).outcome == "pass"


FAKES = [
    "print('\\n' + '0' * 32)",
    "import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'ended')\n    except OSError: pass",
    "import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'0' * 32)\n    except OSError: pass",
    "import sys\ntry: print(sys.stdin.read())\nexcept Exception: pass",
    "print(open('/proc/self/environ').read())",
]


@pytest.mark.parametrize("fake", FAKES, ids=range(len(FAKES)))
async def test_no_output_vouches_for_a_check(desk: Desk, fake: str) -> None:
    verdict = await says(desk, "import faker", {"faker.py": f"{fake}\nimport os\nos._exit(0)"})
    assert verdict.outcome == "error"


async def test_the_nonce_is_not_shown(desk: Desk) -> None:
    verdict = await says(desk, "print('seen')")
    assert verdict.execution.output == "seen"
    assert (await says(desk, "print('line', end='')")).execution.output == "line"


async def test_long_output_does_not_hide_the_end(desk: Desk) -> None:
    verdict = await says(desk, "print('x' * 1_000_000)")
    assert verdict.outcome == "pass" and verdict.execution.truncated > 0


@pytest.mark.parametrize(
    ("script", "foreign", "outcome"),
    [
        ("true", False, "pass"),
        ("exit 0", False, "pass"),
        ("exit 42", False, "fail"),
        ("false", False, "error"),
        ("no-such-command", False, "error"),
        ("test -f stats.py && cat >/dev/null", False, "pass"),
        ("printf 'no newline'", False, "pass"),
        ("kill -9 $$", False, "error"),
        ("false", True, "fail"),
        ("no-such-command", True, "fail"),
        ("exit 42", True, "fail"),
        ("true", True, "pass"),
    ],
)
async def test_checks_in_shell(desk: Desk, script: str, foreign: bool, outcome: str) -> None:
    verdict = await says(desk, f"{script}\n", language="sh", foreign=foreign)
    assert verdict.outcome == outcome


@pytest.mark.parametrize(
    ("code", "vouched", "foreign", "outcome"),
    [
        (0, True, False, "pass"),
        (0, False, False, "error"),
        (0, False, True, "error"),
        (42, False, False, "fail"),
        (None, False, False, "error"),
        (127, False, True, "fail"),
    ],
)
def test_judging(code: int | None, vouched: bool, foreign: bool, outcome: str) -> None:
    check = Check.of("", "reproduction", foreign=foreign)
    assert judge(check, ran(code), vouched)[0] == outcome


def test_a_check_out_of_time_says_nothing_else() -> None:
    execution = ran(0).model_copy(update={"timed_out": True})
    assert judge(Check.of("", "reproduction"), execution, True) == ("timeout", ())


async def test_each_cell_has_a_fresh_state(desk: Desk) -> None:
    script = "import os\nassert not os.path.exists('left')\nopen('left', 'w').close()"
    tree = await desk.trees.write(desk.trees.base, {"extra.txt": File(mode="100644", data=b"")})
    check = Check.of(script, "reproduction")
    for repeat in range(2):
        assert (await desk.setting.cells.verdict(check, tree, repeat)).outcome == "pass"


C = "#include <stdlib.h>\n#include <unistd.h>\nint main(void) { %s }\n"
COMPILED = {
    "return 0;": ("pass", (UNGUARDED,)),
    "return 42;": ("fail", ()),
    "abort();": ("error", ()),
    'return access("stats.py", R_OK) ? 42 : 0;': ("pass", (UNGUARDED,)),
    "no C": ("error", ()),
}


@pytest.mark.parametrize("body", COMPILED if shutil.which("cc") else [next(iter(COMPILED))])
async def test_checks_in_a_language_without_a_launcher_say_that_their_end_is_not_guarded(
    desk: Desk, body: str
) -> None:
    if not shutil.which("cc"):
        assert judge(Check.of("", "reproduction", language="go"), ran(0), True) == COMPILED[body]
        return
    verdict = await says(desk, C % body, language="native")
    assert (verdict.outcome, verdict.flags) == COMPILED[body], verdict.execution.output


async def test_a_language_that_no_profile_knows_is_named(desk: Desk) -> None:
    verdict = await says(desk, "exit 0", language="cobol")
    assert verdict.outcome == "error" and "'cobol'" in verdict.execution.output


def test_only_a_guarded_end_is_without_a_flag() -> None:
    for language in ("python", "sh", "node"):
        assert judge(Check.of("", "reproduction", language=language), ran(0), True) == ("pass", ())
    for language in ("go", "java", "ruby"):
        assert judge(Check.of("", "reproduction", language=language), ran(0), True) == ("pass", (UNGUARDED,))
        assert judge(Check.of("", "reproduction", language=language), ran(0), False) == ("error", (EXITED,))


def test_the_projects_own_language_comes_first() -> None:
    assert spoken(None) == spoken("python") == ("python", "sh")
    assert spoken("node") == ("node", "sh") and spoken("rust") == ("sh", "python")
    assert {"node", "go", "java", "ruby"} <= check_languages().keys()
