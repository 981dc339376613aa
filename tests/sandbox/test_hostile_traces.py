"""What one cell does to its surroundings is not there for the next, in the same box too."""

from secrets import token_hex

import pytest
from hostile_kit import FORKED, LIMITS, Expected, Hostile, attack, run, running, way_of
from sandbox_kit import ISOLATING

from swe_scale.records import File
from swe_scale.sandbox import Template

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("config", ISOLATING, indirect=True)]


LOOK = """\
import os,resource,socket,subprocess
print('limits',[resource.getrlimit(n) for n in range(16)],os.nice(0),sorted(os.sched_getaffinity(0)),
    os.sched_getscheduler(0))
print(os.umask(0),socket.gethostname(),sorted(os.environ.items()),open('/proc/self/oom_score_adj').read())
for name in ('net/tcp','net/tcp6','net/udp','net/unix','sysvipc/shm','sysvipc/sem','sysvipc/msg',
    'net/route'):
  print(name,len(open('/proc/'+name).readlines()))
print('open',sorted(os.listdir('/proc/self/fd')))
print('processes',len([p for p in os.listdir('/proc') if p.isdigit()]))
for top in ('/tmp','/var/tmp','/dev/shm','/dev/mqueue','/scratch',os.environ['HOME'],'.','/opt/venv',
    '/dev','/run'):
  for folder,folders,files in os.walk(top):
    folders.sort()
    if '__pycache__' in folder or folder=='/dev/pts': continue
    for name in sorted([*files,'.']):
      path=folder+'/'+name; s=os.lstat(path)
      if name[-4:]!='.pyc': print(path,oct(s.st_mode),s.st_uid,s.st_size if name!='.' else '',
          int(s.st_mtime) if top in('.','/opt/venv') and name!='.' else '',os.listxattr(path,
              follow_symlinks=False))
"""
LEAVE = """\
import ctypes,os,resource,socket,struct,subprocess,sys,time
mark=sys.argv[1]
def tried(f,*a):
  try: return f(*a)
  except (OSError,ValueError): return None
for folder,folders,files in os.walk('/'):
  if folder in('/proc','/sys') or folder.startswith(('/usr','/dev/pts')): folders[:]=[]; continue
  tried(lambda: open(folder+'/left-'+mark,'w').write(mark))
for name in ('~/.bashrc','~/.profile','~/.gitconfig','~/.config/pip/pip.conf','.git/hooks/pre-commit',
    '.git/config','demo.py','/etc/passwd'):
  name=os.path.expanduser(name); tried(os.makedirs,os.path.dirname(name) or '.')
  tried(lambda: open(name,'a').write('touch /tmp/evil'))
site=__import__('site').getsitepackages()[0]
tried(lambda: open(site+'/sitecustomize.py','w').write('print(1)'))
tried(lambda: open(site+'/evil.pth','w').write('import os'))
tried(os.utime,'pkg/__init__.py',(1,1)); tried(os.chmod,'tool.sh',0); tried(os.chmod,os.environ['HOME'],
    0o700); tried(os.chmod,'.',0o777)
tried(os.chmod,'/tmp',0o700); tried(os.chmod,'/dev/shm',0); tried(os.setxattr,'demo.py','user.x',
    b'x'); tried(os.remove,'product.bin')
tried(os.chmod,'/dev/null',0); tried(os.fchmod,3,0o600)
c=ctypes.CDLL(None); c.shmget(77,4096,0o1666); c.semget(77,4,0o1666); q=c.msgget(77,0o1666); c.msgsnd(q,
    b'\\1'*16,4,0)
tried(lambda: c.syscall(240,b'left',0o102,0o666,0))
c.syscall(248,b'user',b'left',b'x',1,-3); c.syscall(248,b'user',b'left',b'x',1,-4)
s=socket.socket(); s.bind(('127.0.0.1',8000)); s.listen(); a=socket.create_connection(('127.0.0.1',
    8000)); b,_=s.accept(); b.close(); a.close()
u=socket.socket(socket.AF_UNIX); u.bind('\\0left'); u.listen()
for n in range(16):
  tried(resource.prlimit,1,n,(resource.getrlimit(n)[0]//2,)*2)
tried(os.sched_setaffinity,1,{0}); tried(os.setpriority,0,1,9); tried(os.setpriority,1,1,
    9); tried(os.setpriority,2,os.getuid(),9)
tried(os.sched_setscheduler,1,os.SCHED_BATCH,os.sched_param(0)); c.syscall(251,1,1,3<<13)
tried(lambda: open('/proc/1/oom_score_adj',
    'w').write('1000')); tried(lambda: open('/proc/sys/kernel/hostname','w').write('left'))
tried(socket.sethostname,'left'); tried(os.umask,0o777)
if os.fork()==0:
  os.setsid()
  if os.fork()==0: time.sleep(300)
  os._exit(0)
print(open('/proc/1/stat').read().split()[21],os.readlink('/proc/self/ns/pid'))
"""
# Containers that are started ahead may start in one tick: then their namespaces differ.
STARTED = "import os;print(open('/proc/1/stat').read().split()[21],os.readlink('/proc/self/ns/pid'))"


async def test_no_trace_of_a_cell_is_left(template: Template, request: pytest.FixtureRequest) -> None:
    mark = token_hex(8)
    async with template.fork(LIMITS) as sandbox:
        before = await run(sandbox, LOOK)
    assert before.exit_code == 0, before.output
    async with template.fork(LIMITS) as sandbox:
        left = await run(sandbox, LEAVE, mark)
    assert left.exit_code == 0, left.output
    assert running(mark) == []
    async with template.fork(LIMITS) as sandbox:
        started = await run(sandbox, STARTED)
    assert (started.output == left.output) == (way_of(request) in FORKED - {"docker-strict"})
    async with template.fork(LIMITS) as sandbox:
        after = await run(sandbox, LOOK)
        assert await sandbox.snapshot() == {}
    assert after.output.splitlines() == before.output.splitlines()


ALL = (
    "sh:exec 2>/dev/null; rm -rf --no-preserve-root /; rm -rf .git * .[a-z]* /opt/venv/* ~/*;"
    "echo gone; ls -A | wc -l"
)


async def test_everything_may_be_deleted(template: Template, request: pytest.FixtureRequest) -> None:
    await attack(template, Hostile("all", ALL, Expected(output="gone\n0\n")), way_of(request))
    async with template.fork(LIMITS) as sandbox:
        await run(sandbox, ALL)
        missing = await run(sandbox, "print('there')")
        assert missing.exit_code in (0, 127)
        changes = await sandbox.snapshot()
        assert changes["demo.py"] is None
        assert set(changes.values()) == {None}
    async with template.fork(LIMITS) as sandbox:
        assert (await run(sandbox, "print('there')")).output == "there\n"
        assert await sandbox.snapshot() == {}


SWAP = """\
import os,time
os.makedirs('/scratch/real'); os.makedirs('/scratch/victim')
if os.fork()==0:
  os.setsid()
  if os.fork()==0:
    while True:
      os.rename('/scratch/real','/scratch/away'); os.symlink('victim','/scratch/real')
      os.unlink('/scratch/real'); os.rename('/scratch/away','/scratch/real')
  os._exit(0)
time.sleep(.2)"""


async def test_nothing_swaps_a_folder_while_it_is_written_to(template: Template) -> None:
    # The swapper is killed with its command, in whatever state it leaves the folder.
    async with template.fork(LIMITS) as sandbox:
        for _ in range(3):
            assert (await run(sandbox, SWAP + "\n")).exit_code in (0, 1)
            await sandbox.write(sandbox.scratch, {"real/file": File(mode="100644", data=b"x")})
            assert await sandbox.read(f"{sandbox.scratch}/real/file") == b"x"
            assert await sandbox.read(f"{sandbox.scratch}/victim/file") is None
