"""What a check's launcher is told on standard input is seen by nobody else inside, servers included."""

import secrets
import shlex

import pytest
from keeper_kit import PORT, opened
from sandbox_kit import ISOLATING

from swe_scale.checks import launching
from swe_scale.config import Limits, SandboxConfig
from swe_scale.records import Check, Environment, Service
from swe_scale.sandbox import Template

pytestmark = pytest.mark.anyio
LIMITS = Limits(seconds=60)
NONCE = "5ec4e7" * 5 + "77"
isolating = pytest.mark.parametrize("config", ISOLATING, indirect=True)
# Copies what lies in any pipe that another's standard input is, and reads any memory, of all that ever ran.
THIEF = """
import ctypes, glob, os, re, socket, stat, sys, threading, time
WORD = re.compile(b"(?:5ec4){1}e7" + b"5ec4e7" * 4 + b"77")
tee = ctypes.CDLL(None).tee
pipes, memories, seen = {}, {}, set()
def note(what):
    with open(os.path.expanduser("~/stolen"), "ab") as file:
        file.write(what)
def collect():
    for place in glob.glob("/proc/[0-9]*"):
        pid = place[6:]
        if int(pid) == os.getpid():
            continue
        try:
            names = os.listdir(place + "/fd")
        except OSError:
            continue
        for name in names:
            target = place + "/fd/" + name
            try:
                status = os.stat(target)
                if stat.S_ISREG(status.st_mode):
                    look(open(target, "rb", 0).read(1 << 20), target)
                elif stat.S_ISFIFO(status.st_mode) and status.st_ino not in pipes:
                    pipes[status.st_ino] = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
            except OSError:
                pass
        try:
            memories.setdefault((pid, os.readlink(place + "/exe")), open(place + "/mem", "rb", 0))
        except OSError:
            pass
def look(data, where):
    if WORD.search(data) and where not in seen:
        seen.add(where)
        note(("%s\\n" % where).encode())
def copy():
    for number, pipe in list(pipes.items()):
        reader, writer = os.pipe()
        if tee(pipe, writer, 65536, 2) > 0:
            look(os.read(reader, 65536), "pipe")
        os.close(reader)
        os.close(writer)
def recall():
    for key, memory in list(memories.items()):
        try:
            spans = open("/proc/%s/maps" % key[0]).read().split("\\n")
        except OSError:
            continue
        for span in spans:
            words = span.split()
            if len(words) > 1 and words[1].startswith("rw") and "[v" not in span:
                start, end = (int(part, 16) for part in words[0].split("-"))
                try:
                    memory.seek(start)
                    look(memory.read(min(end - start, 1 << 22)), "memory of " + key[1])
                except (OSError, ValueError, OverflowError):
                    pass
def work():
    while True:
        for step in (collect, copy, recall):
            try:
                step()
            except Exception:
                pass
for each in range(40):
    try:
        collect()
        copy()
    except OSError:
        pass
threading.Thread(target=work, daemon=True).start()
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()[0].close()
"""
CHECKS = {
    "python": "import os, time\ntime.sleep(0.5)\nassert os.path.exists('/proc')\nraise SystemExit(0)\n",
    "sh": "sleep 0.5\nexit 0\n",
}


@pytest.fixture(autouse=True)
def nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda *_: NONCE)


def thief(name: str = "thief", port: int = PORT) -> Service:
    return Service(name=name, port=port, command=f"exec python -c {shlex.quote(THIEF)} {port}")


@isolating
async def test_a_server_can_not_read_what_the_launcher_is_told(
    config: SandboxConfig, environment: Environment, template: Template
) -> None:
    first, second = thief(), thief("second", PORT + 1)
    check = Check.of(CHECKS["python"], "reproduction")
    async with opened(config, environment, first, second) as found, found.fork() as sandbox:
        ran, vouched = await launching.execute(sandbox, check, LIMITS)
        stolen = await sandbox.run(["sh", "-c", "cat ~/stolen"], limits=LIMITS)
    assert (ran.exit_code, vouched) == (0, True), ran.output
    assert NONCE not in ran.output
    assert "No such file" in stolen.output


@isolating
async def test_a_server_finds_nothing_in_the_input_of_a_shell_check(
    config: SandboxConfig, environment: Environment, template: Template
) -> None:
    check = Check.of(CHECKS["sh"], "reproduction", language="sh")
    first, second = thief(), thief("second", PORT + 1)
    async with opened(config, environment, first, second) as found, found.fork() as sandbox:
        ran, vouched = await launching.execute(sandbox, check, LIMITS)
        stolen = await sandbox.run(["sh", "-c", "cat ~/stolen"], limits=LIMITS)
    assert (ran.exit_code, vouched) == (0, True), ran.output
    # Its memory is open to the code under test, too.
    assert "pipe" not in stolen.output and "/fd/" not in stolen.output


@isolating
async def test_the_code_under_test_finds_nothing_either(template: Template) -> None:
    once = THIEF.partition("for each in range(40)")[0] + "collect()\ncopy()\nrecall()\nprint(len(pipes))\n"
    check = Check.of(
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {once!r}])\n", "reproduction"
    )
    async with template.fork() as sandbox:
        ran, vouched = await launching.execute(sandbox, check, LIMITS)
        stolen = await sandbox.run(["sh", "-c", "cat ~/stolen; ls -d /.stdin*/*"], limits=LIMITS)
    assert (ran.exit_code, vouched) == (0, True), ran.output
    assert stolen.output.count("No such file") == 2, stolen.output
