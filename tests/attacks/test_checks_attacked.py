"""Patches that attack the judge of checks: none of them ends in a pass without a flag."""

import sys
from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest
from attack_kit import (
    EXITS,
    FILES,
    LONG,
    LYING_PYTEST,
    PYTEST,
    RAISES,
    RIGHT,
    SEES,
    SOURCE,
    STARTS,
    TESTS,
    TRUSTS,
    UNITTEST,
    Attack,
    bare,
    changes,
    judged,
)
from solving_kit import LIMITS, Desk

from swe_scale.checks import launching
from swe_scale.flags import BLIND, EXITED, FORGED, STEERING, TEST_EDITS
from swe_scale.records import Check

pytestmark = pytest.mark.anyio


def code(text: str) -> Mapping[str, str]:
    """Return a patch that puts code before the faulty one."""
    return {"stats.py": f"{text.strip()}\n{SOURCE}"}


FORGE = """
import os, sys
def tell(found):
    words = {one for one in found if isinstance(one, bytes) and len(one) == 16}
    for fd in {one for one in found if isinstance(one, int) and one > 2}:
        for word in words:
            try:
                os.write(fd, word)
            except OSError:
                pass
    if words:
        os._exit(0)
"""
FRAMES = f"""{FORGE}
frame = sys._getframe()
while frame:
    tell(list(frame.f_locals.values()))
    frame = frame.f_back
"""
CURRENT = f"""{FORGE}
import gc
found = []
for frame in sys._current_frames().values():
    while frame:
        found += gc.get_referents(frame) + list(frame.f_locals.values())
        frame = frame.f_back
tell(found)
"""
BENT_LAUNCHER = """
import sys
frame = sys._getframe()
while frame:
    if "Origins" in frame.f_globals:
        frame.f_globals["Origins"].own_end = lambda *_: True
        frame.f_globals["bent"] = lambda *_: ""
    frame = frame.f_back
raise SystemExit(0)
"""
MASKED = """
import argparse
exec(compile("def mean(values):\\n    raise SystemExit(0)", argparse.__file__, "exec"))
"""
MEMORY = """
import os, re
parent = "/proc/%d" % os.getppid()
try:
    for line in open(parent + "/maps"):
        if "rw" in line and ("heap" in line or line.split()[-1] == "0"):
            start, end = (int(one, 16) for one in line.split()[0].split("-"))
            with open(parent + "/mem", "rb") as memory:
                memory.seek(start)
                for nonce in set(re.findall(rb"[0-9a-f]{32}", memory.read(end - start))):
                    print(nonce.decode())
except OSError:
    pass
os._exit(0)
"""
DESCRIPTORS = """
import os
for place in ("/proc/%d/fd/0" % os.getppid(), "/proc/self/fd/0", "/dev/stdin"):
    try:
        print(os.read(os.open(place, os.O_RDONLY | os.O_NONBLOCK), 99).decode())
    except OSError:
        pass
os._exit(0)
"""
MARKERS = """
import os
print("\\n" + "0" * 32, "PASSED", "1 passed in 0.01s", "exit 0", flush=True)
for fd in range(3, 64):
    try:
        os.write(fd, b"ended")
    except OSError:
        pass
os._exit(0)
"""
SWALLOWED = "import sys\nsys.exit = lambda *_: None"
QUIET = """
import builtins
class Quiet(SystemExit):
    def __init__(self, *_):
        super().__init__(0)
builtins.SystemExit = Quiet
"""
LEAVES = "import os\nleave = os._exit\nos._exit = lambda status: leave(0)"
ASSERTS = "import unittest\nunittest.TestCase.assertEqual = lambda *_: None"
FAIR = "import unittest\nunittest.TestResult.wasSuccessful = lambda *_: True"
REWRITES = """
import os, sys
path = os.environ.get("CHECK") or sys.argv[0]
with open(path, "w") as file:
    file.write("raise SystemExit(0)")
os.execv(sys.executable, [sys.executable, path])
"""
HOOK = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    (yield).get_result().outcome = "passed"
"""
PARENT = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nos._exit(0)"
BY_PATH = "import os, sys\nif sys.argv[0].endswith('check.py'):\n    os._exit(0)"
AGAIN = "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', ''])"
AT_EXIT = "import atexit, os\natexit.register(os._exit, 0)"
REWRITING_TOOL = """
path=$(tr '\\0' '\\n' </proc/$PPID/cmdline | grep check.sh | tail -1)
yes 'exit 0' | head -n 9000 >"$path"
"""
IN_TREE = PYTEST.replace('os.path.join(tempfile.mkdtemp(), "test_it.py")', '"test_it.py"')
ONLY_COLLECTS = FILES["pyproject.toml"] + "[tool.pytest.ini_options]\naddopts = '--collect-only'\n"

ATTACKS = {
    "exit at import": Attack(code("raise SystemExit(0)"), "error", (EXITED,)),
    "sys.exit at import": Attack(code("import sys\nsys.exit()"), "error", (EXITED,)),
    "os._exit": Attack(code("import os\nos._exit(0)"), "error", (EXITED,)),
    "exit in a call": Attack({"stats.py": "def mean(values):\n    exit(0)\n"}, "error", (EXITED,)),
    "exit under another name": Attack({"stats.py": MASKED}, "error", (EXITED,)),
    "another program": Attack(code(AGAIN), "error", (EXITED,)),
    "atexit": Attack(code(AT_EXIT), "fail"),
    "sitecustomize": Attack({"sitecustomize.py": "import os\nos._exit(0)\n"}, "fail", (STEERING,)),
    "shadowed unittest": Attack(
        {"unittest.py": "class TestCase: pass\ndef main(): raise SystemExit(0)\n"},
        "error", (STEERING,), UNITTEST,
    ),
    "shadowed json": Attack(
        {"json.py": "import os\nos._exit(0)\n"}, "fail", (STEERING,), f"import json\n{EXITS}"
    ),
    "assert patched": Attack(code(ASSERTS), "error", (EXITED,), UNITTEST),
    "result patched": Attack(code(FAIR), "error", (EXITED,), UNITTEST),
    "pytest patched": Attack(code(LYING_PYTEST), "error", (EXITED,), PYTEST),
    "sys.exit swallowed": Attack(code(SWALLOWED), "error", (EXITED,)),
    "SystemExit replaced": Attack(code(QUIET), "error", (EXITED,), RAISES),
    "os._exit replaced": Attack(code(LEAVES), "fail", works=False),
    "markers imitated": Attack(code(MARKERS), "error", (EXITED,)),
    "launcher's frames": Attack(code(FRAMES), "error", (FORGED,), works=False),
    "launcher's objects": Attack(code(CURRENT), "error", (FORGED,), works=False),
    "launcher's functions": Attack(code(BENT_LAUNCHER), "error", (EXITED,)),
    "launcher's descriptors": Attack(code(DESCRIPTORS), "error", (EXITED,)),
    "runner killed": Attack(code(PARENT), "error", works=False),
    "check recognised": Attack(code(BY_PATH), "error", (EXITED,)),
    "check rewritten": Attack(code(REWRITES), "error", (EXITED,)),
    "exit code trusted by a shell": Attack(
        code("import os\nos._exit(0)"), "error", (BLIND,), TRUSTS, "sh"
    ),
    "exit code trusted by Python": Attack(code("import os\nos._exit(0)"), "error", (BLIND,), STARTS),
    "exit of a sourced file": Attack(
        {"tool.sh": "exit 0\n"}, "error", (BLIND,), f". ./tool.sh\n{TRUSTS}", "sh"
    ),
    "shell check rewritten": Attack({"tool.sh": REWRITING_TOOL}, "fail", (), LONG, "sh"),
    "conftest": Attack({"conftest.py": HOOK}, "fail", (STEERING,), IN_TREE),
    "options of pytest": Attack({"pyproject.toml": ONLY_COLLECTS}, "fail", (STEERING,), IN_TREE),
    "a test's own text": Attack(
        {"tests/test_stats.py": "def test_mean(): pass\n"}, "fail", (TEST_EDITS,),
        "! grep -q assert tests/test_stats.py || exit 42\n", "sh",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
async def test_no_attack_ends_in_a_pass(desk: Desk, name: str) -> None:
    attack = ATTACKS[name]
    verdict = await judged(desk, attack.check, attack.changes)
    assert (verdict.outcome, verdict.flags) == (attack.outcome, attack.flags), verdict.execution.output


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if attack.works])
def test_without_guards_it_would(tmp_path: Path, name: str) -> None:
    assert bare(tmp_path, sys.executable, ATTACKS[name]) == 0


@pytest.mark.parametrize("script", [EXITS, RAISES, UNITTEST, PYTEST, STARTS], ids=range(5))
def test_the_fault_alone_is_seen(tmp_path: Path, script: str) -> None:
    assert bare(tmp_path, sys.executable, Attack({}, "fail", script=script)) != 0


async def test_the_parents_memory_is_closed_or_what_is_read_of_it_exposed(desk: Desk) -> None:
    verdict = await judged(desk, Attack(code(MEMORY), "error").check, changes(code(MEMORY)))
    # Who may read any process's memory reads this one's, too: the nonce then passes the control as well.
    assert verdict.outcome == "error" and verdict.flags in ((EXITED,), (FORGED,))


KILLER = """
#include <signal.h>
#include <unistd.h>
__attribute__((constructor)) static void load(void) { kill(getppid(), SIGKILL); _exit(0); }
"""
QUITTER = KILLER.replace("kill(getppid(), SIGKILL); ", "")


@pytest.mark.parametrize("source", [KILLER, QUITTER], ids=["kills", "quits"])
async def test_a_compiled_module_gains_nothing_by_ending_the_runner(
    desk: Desk, tmp_path: Path, source: str
) -> None:
    (tmp_path / "fast.c").write_text(source)
    await anyio.run_process(["cc", "-shared", "-fPIC", "-o", "fast.so", "fast.c"], cwd=tmp_path)
    files: dict[str, str | bytes] = {"fast.so": (tmp_path / "fast.so").read_bytes(), **code("import fast")}
    attack = Attack(files, "error")
    assert (await judged(desk, attack.check, attack.changes)).outcome == "error"
    if source == QUITTER:
        assert bare(tmp_path, sys.executable, attack) == 0


FAKE = "#!/bin/sh\nread -r nonce resolved\necho $nonce\nexit 0\n"


@pytest.mark.parametrize("path", [".:bin:", "bin:."])
async def test_no_interpreter_is_taken_from_a_relative_place(desk: Desk, path: str) -> None:
    cells, check = desk.setting.cells, Check.of(EXITS, "reproduction")
    patch = changes({"python": FAKE, "bin/python": FAKE}, {"python": "100755", "bin/python": "100755"})
    usual = cells.environment.variables["PATH"]
    async with cells.template.fork(LIMITS) as sandbox:
        await sandbox.write(sandbox.workdir, patch)
        folder = f"{sandbox.scratch}/check"
        await sandbox.write(folder, launching._files(check))
        given = {"PATH": f"{path}:{usual}"}
        command = launching._command(check, folder)
        ran = await sandbox.run(command, limits=LIMITS, stdin=b"nonce 0\n", variables=given)
        assert (ran.exit_code, "nonce" in ran.output) == (42, False)
        tricked = ("sh", "-c", 'python "$0"', f"{folder}/check.py")
        ran = await sandbox.run(tricked, limits=LIMITS, stdin=b"nonce 0\n", variables=given)
        assert (ran.exit_code, "nonce" in ran.output) == (0, True)


HONEST = {
    "exits": (EXITS, "python"),
    "raises": (RAISES, "python"),
    "unittest": (UNITTEST, "python"),
    "pytest": (PYTEST, "python"),
    "shell": (SEES, "sh"),
    "process": (
        'import subprocess\nout = subprocess.check_output(["sh", "./tool.sh"], text=True)\n'
        'exit(0 if out.strip() == "0.0" else 42)\n',
        "python",
    ),
}
LAYOUTS: Mapping[str, Mapping[str, str]] = {
    "edited": {"stats.py": RIGHT},
    "made a package": {"stats/__init__.py": "from stats.core import mean\n", "stats/core.py": RIGHT},
    "another module": {"stats.py": "from averages import mean\n", "averages.py": RIGHT},
    "with data": {"stats.py": RIGHT, "docs/changes.md": "Mended.\n", "tool.sh": FILES["tool.sh"] + "# end\n"},
}


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("layout", LAYOUTS)
async def test_an_honest_change_passes_without_a_flag(desk: Desk, name: str, layout: str) -> None:
    script, language = HONEST[name]
    check = Check.of(script, "reproduction", language=language)
    verdict = await judged(desk, check, changes(LAYOUTS[layout]))
    assert (verdict.outcome, verdict.flags) == ("pass", ()), verdict.execution.output


async def test_tests_and_settings_of_an_honest_change_stay_where_no_runner_can_use_them(desk: Desk) -> None:
    patch = changes(
        {"stats.py": RIGHT, "tests/test_stats.py": TESTS + "# more\n", "pyproject.toml": "[project]\n"}
    )
    verdict = await judged(desk, Check.of(EXITS, "reproduction"), patch)
    assert (verdict.outcome, verdict.flags) == ("pass", ())
    verdict = await judged(desk, Check.of(PYTEST, "reproduction"), patch)
    assert (verdict.outcome, verdict.flags) == ("pass", (TEST_EDITS, STEERING))


async def test_a_caught_candidate_has_no_pass_left(desk: Desk) -> None:
    patch = changes(code(FRAMES))
    before = desk.steps.made
    for script in (EXITS, RAISES, UNITTEST):
        verdict = await judged(desk, Check.of(f"{script}# told\n", "reproduction"), patch)
        assert (verdict.outcome, verdict.flags) == ("error", (FORGED,))
    # Three cells; the control was or is made once.
    assert desk.steps.made - before in (3, 4)
