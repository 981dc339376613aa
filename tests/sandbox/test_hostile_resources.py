"""Scripts that take all they can: processes, memory, disk, output."""

import resource

import pytest
from hostile_kit import BRIEF, ENDLESS, FORKED, LIMITS, MIB, Expected, Hostile, attack, way_of
from sandbox_kit import ISOLATING

from swe_scale.events import printable
from swe_scale.sandbox import Template

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("config", ISOLATING, indirect=True)]


PIDS = Expected(limits=frozenset({"pids"}), output="refused\n")
MEMORY = Expected(frozenset({137}), frozenset({"memory"}), never=("got it",))
FULL = Expected(limits=frozenset({"disk"}), says=("[Errno 28]",))
# Where only files are bound, and none of these is too large.
UNBOUND = dict.fromkeys(("docker-exec", "bubblewrap-copies"), Expected(output="no bound\n"))

PROCESSES = [
    Hostile(
        "fork bomb",
        """\
import os
while True:
  try: os.fork()
  except OSError: pass""",
        ENDLESS,
        {},
        BRIEF,
    ),
    Hostile(
        "processes",
        """\
import os,time
try:
  while os.fork(): pass
  time.sleep(300)
except OSError: print('refused')""",
        PIDS,
    ),
    Hostile(
        "threads",
        """\
import os,threading,time
try:
  while True: threading.Thread(target=time.sleep,args=(300,)).start()
except RuntimeError: print('refused',flush=True)
os._exit(0)""",
        PIDS,
    ),
    Hostile(
        "orphans",
        """\
import os,time
made=0
while made<300:
  try: child=os.fork()
  except OSError: time.sleep(.01); continue
  if not child:
    try: os.fork()
    finally: os._exit(0)
  os.waitpid(child,0); made+=1
print(made)""",
        Expected(limits=frozenset({None, "pids"}), says=("300\n",)),
    ),
    Hostile(
        "zombies",
        """\
import os,time
try:
  while os.fork(): pass
  os._exit(0)
except OSError: print('refused')""",
        PIDS,
    ),
]

MAPPED = """\
import mmap
m=mmap.mmap(-1,512<<20)
for at in range(0,len(m),4096): m[at]=1
print('got it')"""
MEMFD = """\
import os
for i in range(512):
  if i%32==0: f=os.memfd_create('x')
  os.write(f,b'x'*(1<<20))
print('got it')"""
SEGMENT = """\
import ctypes
c=ctypes.CDLL(None)
c.shmat.restype=ctypes.c_void_p
for _ in range(8):
  at=c.shmat(c.shmget(0,64<<20,0o1600),None,0)
  ctypes.memset(at,1,64<<20)
print('got it')"""
MANY = """\
import os,time
for _ in range(24):
  if not os.fork(): x=bytearray(24<<20); time.sleep(300)
time.sleep(2); print('there')"""
HOGS = [
    Hostile("memory", "x=bytearray(512<<20); print('got it')", MEMORY),
    Hostile("mapped memory", MAPPED, MEMORY),
    Hostile("memory of a file", MEMFD, MEMORY),
    Hostile("shared memory", SEGMENT, MEMORY),
    Hostile("many small hogs", MANY, Expected(frozenset({0, 137}), frozenset({"memory"}))),
]

BIG = """\
import os
try:
  with open('big','wb') as f:
    for _ in range(96): f.write(b'x'*(1<<20))
except OSError as e: print(e)
else: print('no bound')"""
SMALL = """\
import os
os.mkdir('d')
try:
  for i in range(2560):
    with open(f'd/{i}','wb') as f: f.write(b'x'*32768)
except OSError as e: print(e, i)
else: print('no bound')"""
EMPTY = """\
import os
os.mkdir('d')
try:
  for i in range(20000): open(f'd/{i}','w').close()
except OSError as e: print(e)
else: print('no bound')"""
PLACES = """\
import os
folders={os.path.realpath(f) for f in ('/tmp','/var/tmp','/dev/shm','/scratch','/home/user','.')}
total=refused=0
for i in range(20):
  for folder in folders:
    try:
      with open(f'{folder}/f{i}','wb') as f: total+=f.write(b'x'*(1<<20)); f.flush()
    except OSError as e: refused+=1; total-=e.errno!=28 and 1<<20
print('bound' if total<=64<<20 and refused else 'no bound')"""
LARGE = Expected(says=("[Errno 27]",))
SPARSE = """\
import os
try: os.truncate(os.open('s',os.O_CREAT|os.O_RDWR),1<<40)
except OSError as e: print(e)
try: os.posix_fallocate(os.open('t',os.O_CREAT|os.O_RDWR),0,128<<20)
except OSError as e: print(e)"""
DISK = [
    # A file alone is as large as the disk when it is too large.
    Hostile(
        "one file",
        BIG,
        Expected(limits=frozenset({"disk"}), says=("[Errno 2",)),
        dict.fromkeys(UNBOUND, LARGE),
    ),
    Hostile("small files", SMALL, FULL, UNBOUND),
    Hostile("empty files", EMPTY, FULL, UNBOUND | {"docker-plain": Expected(output="no bound\n")}),
    Hostile(
        "every place",
        PLACES,
        Expected(limits=frozenset({"disk"}), output="bound\n"),
        # Each of the folders is a file system of its own; together, only memory bounds them.
        dict.fromkeys((*UNBOUND, "docker-plain"), Expected(output="no bound\n")),
    ),
    Hostile("sparse", SPARSE, LARGE),
]

FLOOD = "sh:echo first; head -c 1073741824 /dev/zero | tr '\\0' x; echo; echo last"
LINE = "print('x'*3000000,end='',flush=True)"
ESCAPES = "\x1b[2J\x1b]0;title\x07\x1b[31mred\r\x08"
FRAME = b"\0" * 4 + b"\x01\0\0\0\0\0\0\x05hello" + b"\x19\0\0\0\0" + b"\0" * 16 + b"\x04\0\0\0wall"
OUTPUT = [
    Hostile(
        "a gigabyte",
        FLOOD,
        Expected(limits=frozenset({"output"}), says=("first\nxxx", "xxx\nlast\n"), cut=True),
        {},
        120,
    ),
    Hostile("one line", LINE, Expected(limits=frozenset({"output"}), never=("xx\nxx",), cut=True)),
    Hostile(
        "binary",
        "import os\nos.write(1,bytes(range(256)))",
        Expected(output=bytes(range(256)).decode("utf-8", "replace")),
    ),
    Hostile("escapes", f"print({ESCAPES!r},end='')", Expected(output=ESCAPES)),
    Hostile("frames", f"import os\nos.write(1,{FRAME!r})", Expected(output=FRAME.decode("utf-8", "replace"))),
    Hostile(
        "closed streams",
        "import os\nos.close(1); os.close(2); os._exit(3)",
        Expected(frozenset({3}), output=""),
    ),
]


@pytest.mark.parametrize("hostile", [*PROCESSES, *HOGS, *DISK, *OUTPUT], ids=str)
async def test_what_a_script_takes_is_bound(
    template: Template, hostile: Hostile, request: pytest.FixtureRequest
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = await attack(template, hostile, way_of(request))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
    if hostile.script is FLOOD:
        assert found.truncated == 1024**3 + 12 - LIMITS.output
    if hostile.name == "escapes":
        assert "\x1b" not in printable(found.output)


LEFT = "sh:cd /scratch; head -c 48M /dev/zero >a; echo left"


async def test_what_is_left_on_a_disk_does_not_take_the_next_cells(
    template: Template, request: pytest.FixtureRequest
) -> None:
    for _ in range(4):
        await attack(template, Hostile("rest", LEFT, Expected(output="left\n")), way_of(request))
    assert LIMITS.disk < 4 * 48 * MIB
    assert FORKED
