"""Scripts that won't end, leave processes behind, or kill whatever they can."""

import errno
import socket

import pytest
from hostile_kit import BRIEF, ENDLESS, LIMITS, SEALED, Expected, Hostile, attack, run, way_of
from sandbox_kit import ISOLATING

from swe_scale.records import Limit
from swe_scale.sandbox import Template

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("config", ISOLATING, indirect=True)]


DEAF = "import signal,time\nfor n in (1,2,3,15,20): signal.signal(n,signal.SIG_IGN)\n"
DAEMON = """\
import os,signal,socket,sys,time
if os.fork()==0:
  os.setsid()
  if os.fork(): os._exit(0)
  for n in range(1,32):
    if n not in (9,17,19): signal.signal(n,signal.SIG_IGN)
  s=socket.socket(); s.bind(('0.0.0.0',int(sys.argv[2]))); s.listen()
  f=open('/scratch/held','w'); print('up',flush=True); time.sleep(300)
"""
WAIT = "import os\nos.wait()\n"
HELD = Expected(output="up\n")
ALIVE = Expected(output="alive\n")
KILLED = Expected(frozenset({137}))
EVERY = """\
import os
try: os.kill(-1,9)
except ProcessLookupError: pass
print('alive')"""

ENDLESS_ONES = [
    Hostile("sleep", "import time\nprint('so far',flush=True)\ntime.sleep(300)", ENDLESS, {}, BRIEF),
    Hostile("deaf", DEAF + "time.sleep(300)", ENDLESS, {}, BRIEF),
    Hostile("busy", "import os\nfor _ in range(3): os.fork()\nwhile True: pass", ENDLESS, {}, BRIEF),
    Hostile("stopped", "import os\nos.kill(os.getpid(),19)", ENDLESS, {}, BRIEF),
    Hostile(
        "flood of the dead",
        """\
import os
if os.fork()==0:
  while True:
    try:
      if os.fork()==0: os._exit(0)
    except OSError: pass
while True:
  try: os.wait()
  except OSError: pass""",
        ENDLESS,
        {},
        BRIEF,
    ),
]
LEFT = [
    Hostile("daemon", DAEMON + "time.sleep(.3)", HELD),
    Hostile(
        "daemon, stopped",
        DAEMON
        + """\
else:
  p=os.fork()
  if p==0: os.kill(os.getpid(),19)
  time.sleep(.3)""",
        HELD,
    ),
    Hostile(
        "daemon that holds the output",
        DEAF
        + """\
import os
if os.fork()==0:
  while True: time.sleep(300)
print('up')""",
        HELD,
    ),
    Hostile(
        "output kept in flight",
        """\
import array,socket
a,b=socket.socketpair()
a.sendmsg([b'x'],[(socket.SOL_SOCKET,socket.SCM_RIGHTS,array.array('i',[1,2,a.fileno(),b.fileno()]))])
print('up')""",
        HELD,
    ),
    Hostile("traced by nobody", "import ctypes\nctypes.CDLL(None).ptrace(0,0,0,0)\nprint('up')", HELD),
]
# A parent is ours only where a shell runs the command.
PARENT = Hostile(
    "parent",
    """\
import os,time
if os.fork()==0:
  os.setsid(); time.sleep(300)
os.kill(os.getppid(),9)
time.sleep(.1); print('alive')""",
    ALIVE,
    {"docker-exec": Expected(frozenset({137}))},
)
KILLERS = [
    # All but itself and the first; in a container's own namespace, the shell around it.
    Hostile("everything", EVERY, ALIVE, {"docker-exec": KILLED}),
    Hostile("first", "import os\nos.kill(1,9); os.kill(1,15); os.kill(1,11)\nprint('alive')", ALIVE),
    Hostile("first, stopped", "import os\nos.kill(1,19); os.kill(1,20)\nprint('alive')", ALIVE),
    Hostile(
        "first, by every signal",
        """\
import os
for n in range(1,65):
  try: os.kill(1,n)
  except OSError: pass
print('alive')""",
        ALIVE,
    ),
    Hostile(
        "first, by its end of time",
        """\
import os,resource
try: resource.prlimit(1,0,(1,1))
except OSError: pass
print('alive')""",
        ALIVE,
    ),
    PARENT,
]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("hostile", [*ENDLESS_ONES, *LEFT, *KILLERS], ids=str)
async def test_no_process_escapes(
    template: Template, hostile: Hostile, request: pytest.FixtureRequest, port: int
) -> None:
    found = await attack(template, hostile, way_of(request), str(port))
    assert found.seconds < 20
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


async def test_nothing_of_a_command_runs_beside_the_next(template: Template, port: int) -> None:
    async with template.fork() as sandbox:
        for hostile in (*LEFT, *KILLERS):
            await run(sandbox, hostile.script, "none", str(port), seconds=5)
            seen = await run(sandbox, COUNT)
            assert seen.output == "0\n", hostile.name


# Those of the first process's own, of this script, and of a shell that ran it are no strangers.
COUNT = """\
import os
before=set()
p=os.getpid()
while p: before.add(p); p=int(open(f'/proc/{p}/stat').read().rpartition(')')[2].split()[1])
print(sum(b'python' in open(f'/proc/{p}/cmdline',
    'rb').read() for p in os.listdir('/proc') if p.isdigit() and int(p) not in before))"""


async def test_every_exit_code_is_told(template: Template) -> None:
    async with template.fork(LIMITS) as sandbox:
        for code in (0, 1, 2, 42, 125, 126, 127, 128, 130, 137, 143, 255):
            found = await run(sandbox, f"import os\nos._exit({code})")
            assert Expected(frozenset({code}), output="").faults(found) == [], code


SIGNALLED = """\
import os,signal,sys
number=int(sys.argv[1])
if number!=9: signal.signal(number,signal.SIG_DFL)
os.kill(os.getpid(),number)"""


async def test_every_signal_is_told(template: Template, request: pytest.FixtureRequest) -> None:
    async with template.fork(LIMITS) as sandbox:
        for number in (1, 2, 3, 6, 8, 9, 11, 13, 14, 15, 24, 25, 31):
            # By this one the kernel says that a file is too large.
            limit: Limit | None = "disk" if number == 25 and way_of(request) in SEALED else None
            found = await run(sandbox, SIGNALLED, str(number))
            # A shell around the command names the signal.
            output = None if way_of(request) == "docker-exec" else ""
            expected = Expected(frozenset({128 + number}), frozenset({limit}), output=output)
            assert expected.faults(found) == [], number
