"""Scripts that reach for the host: its files, its kernel, its network."""

import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from secrets import token_hex
from tempfile import NamedTemporaryFile

import pytest
from hostile_kit import LIMITS, SEALED, Expected, Hostile, attack, opened, way_of
from sandbox_kit import ISOLATING

from swe_scale.config import SandboxConfig, cache_folder
from swe_scale.records import Environment
from swe_scale.sandbox import Template

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("config", ISOLATING, indirect=True)]
NOTHING = Expected(output="")
"""Of scripts that name what they could do."""


@pytest.fixture(scope="module")
async def template(
    config: SandboxConfig, environment: Environment, shared_cache: Path
) -> AsyncIterator[Template]:
    async with opened(config, environment, shared_cache) as found:
        yield found


READ = (
    "import glob,os,sys\n"
    "names=[*sys.argv[2:],'/etc/shadow','/etc/gshadow','/root/.bashrc','/root/.ssh/id_rsa','/proc/kcore','/dev/mem','/dev/kmem',"
    "'/dev/sda','/dev/vda','/proc/1/environ','/proc/1/mem','/run/docker.sock','/var/run/docker.sock',*glob.glob('/root/*'),"
    "*glob.glob('/proc/1/root/*'),*glob.glob('/proc/1/cwd/*'),*glob.glob('/proc/1/fd/*')]\n"
    "names+=['/proc/1/root'+n for n in sys.argv[2:]]+['../'*9+n for n in sys.argv[2:]]\n"
    "for name in names:\n"
    "  try: data=os.read(os.open(name,os.O_RDONLY|os.O_NONBLOCK),1<<20)\n"
    "  except OSError: continue\n"
    "  if data: print(name)\n"
)
SEARCH = (
    "import glob,os\nfor name in glob.glob('/proc/[0-9]*/environ'):\n"
    "  try: print(open(name,errors='replace').read())\n  except OSError: pass\n"
    "for top in ('/tmp','/var','/home','/root','/run','/mnt','/opt','/srv','/work','/scratch','/dev'):\n"
    "  for folder,_,files in os.walk(top):\n    for f in files:\n"
    "      if 'canary' in f: print(f)\n"
    "      if os.path.islink(folder+'/'+f) or not os.path.isfile(folder+'/'+f): continue\n"
    "      try: data=open(folder+'/'+f,errors='replace').read(100)\n      except OSError: continue\n"
    "      if len(data)==32: print(data)\n"
)
WRITE = (
    "import os\nfor name in ('/proc/sys/kernel/core_pattern','/proc/sys/kernel/modprobe','/proc/sys/kernel/hostname',"
    "'/proc/sys/kernel/shm_rmid_forced','/proc/sys/kernel/panic','/proc/sys/vm/drop_caches','/proc/sys/vm/overcommit_memory',"
    "'/proc/sys/net/ipv4/ip_forward','/proc/sys/fs/binfmt_misc/register','/proc/sysrq-trigger','/proc/1/mem','/proc/1/oom_score_adj',"
    "'/proc/1/comm','/proc/1/autogroup','/proc/irq/0/smp_affinity','/proc/acpi/wakeup','/proc/kmsg',"
    "'/sys/kernel/uevent_helper','/sys/power/state','/sys/fs/cgroup/memory/release_agent','/sys/fs/cgroup/release_agent',"
    "'/sys/fs/cgroup/memory/memory.limit_in_bytes','/sys/fs/cgroup/pids/pids.max','/sys/fs/cgroup/pids/cgroup.procs',"
    "'/sys/fs/cgroup/memory.max','/sys/fs/cgroup/pids.max','/sys/fs/cgroup/cgroup.procs','/etc/passwd','/etc/ld.so.preload',"
    "'/usr/bin/python3','/usr/bin/env','/bin/sh','/.swe-scale/box','/dev/mem','/dev/kmsg'):\n"
    "  try: os.close(os.open(name,os.O_WRONLY))\n  except OSError: continue\n  print(name)\n"
    "for name in ('/dev/null','/dev','/proc','/','/usr/bin','/.swe-scale','/proc/self/fd/3'):\n"
    "  try: os.chmod(name,0o777)\n  except OSError: continue\n  print('mode of',name)\n"
    "for name in ('/sys/fs/cgroup/x','/sys/fs/cgroup/memory/x','/dev/x','/.swe-scale/x','/x','/usr/x'):\n"
    "  try: os.mkdir(name)\n  except OSError: continue\n  print('made',name)\n"
)
# A container's idle process is the cell's own user's; only what is in the container is to be had from it.
OWN_FIRST = Expected(never=("/sys", "/dev", "/etc", "/usr", "mode", "made", "/proc/i", "/proc/sys"))
# A copy's /dev is its own.
OWN_DEV = Expected(never=("/sys", "/etc", "/usr", "/proc", "mode of /d/", "/.swe"))
FILES = [
    Hostile("host's files", READ, NOTHING, {"docker-exec": Expected(), "bubblewrap-copies": Expected()}),
    Hostile("search", SEARCH, Expected(never=("canary",))),
    Hostile("kernel's files", WRITE, NOTHING, {"docker-exec": OWN_FIRST, "bubblewrap-copies": OWN_DEV}),
]


@pytest.mark.parametrize("hostile", FILES, ids=str)
async def test_the_hosts_files_are_out_of_reach(
    template: Template, hostile: Hostile, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = token_hex(16)
    monkeypatch.setenv("SWE_SCALE_CANARY", secret)
    cache_folder().mkdir(parents=True, exist_ok=True)
    async with template.fork() as other:
        await other.run(["sh", "-c", f"echo {secret} >/tmp/canary; echo {secret} >canary"], limits=LIMITS)
        with (
            NamedTemporaryFile("w", dir=cache_folder(), prefix="canary") as cached,
            NamedTemporaryFile("w", dir=Path.home(), prefix=".canary") as homely,
        ):
            for file in (cached, homely):
                file.write(secret)
                file.flush()
            names = (cached.name, homely.name, str(Path.home() / ".bashrc"), str(cache_folder()))
            found = await attack(template, hostile, way_of(request), *names)
    assert secret not in found.output


CALLS = (
    "import ctypes,os,platform\nc=ctypes.CDLL(None,use_errno=True)\nS=c.syscall\nb=ctypes.create_string_buffer(4096)\n"
    "def did(name,result):\n  if result>=0: print(name)\n"
    "def child(name,number,*a):\n"
    "  p=os.fork()\n  if p==0: os._exit(0 if S(number,*a)>=0 else 1)\n"
    "  if os.waitpid(p,0)[1]==0: print(name)\n"
    "for flag,name in ((0x20000,'mount'),(0x2000000,'cgroup'),(0x4000000,'uts'),(0x8000000,'ipc'),(0x10000000,'user'),"
    "(0x20000000,'pid'),(0x40000000,'net'),(0x80,'time')): child('unshare '+name,272,flag)\n"
    "child('clone user',56,0x10000011,0,0,0,0)\nchild('clone3',435,b,88)\nchild('setns',308,os.open('/proc/self/ns/net',0),0)\n"
    "child('chroot',161,b'/tmp')\nchild('pivot_root',155,b'/tmp',b'/tmp')\nchild('mount',165,b'x',b'/tmp',b'tmpfs',0,0)\n"
    "child('bind',165,b'/usr',b'/tmp',0,4096,0)\nchild('remount',165,0,b'/',0,4128,0)\nchild('umount',166,b'/tmp',2)\n"
    "child('fsopen',430,b'tmpfs',0)\nchild('open_tree',428,-100,b'/',1)\nchild('mount_setattr',442,-100,b'/',0,b,32)\n"
    "child('ptrace',101,16,1,0,0)\nchild('seize',101,0x4206,1,0,0)\n"
    "v=(ctypes.c_uint64*2)(ctypes.addressof(b),8)\nchild('process_vm_readv',310,1,v,1,v,1,0)\nchild('process_vm_writev',311,1,v,1,v,1,0)\n"
    "did('keyctl',S(250,0,-3,1))\ndid('add_key',S(248,b'user',b'k',b'v',1,-3))\ndid('request_key',S(249,b'user',b'k',0,-3))\n"
    "did('bpf',S(321,0,b,72))\ndid('perf',S(298,b,0,-1,-1,0))\ndid('userfaultfd',S(323,1))\ndid('io_uring',S(425,4,b))\n"
    "did('init_module',S(175,b,64,b''))\ndid('finit_module',S(313,0,b'',0))\ndid('delete_module',S(176,b'x',0))\n"
    "did('kexec',S(246,0,0,0,0))\ndid('kexec_file',S(320,0,0,1,b'',0))\ndid('reboot',S(169,0xfee1dead,672274793,0x89abcdef,0))\n"
    "did('swapon',S(167,b'/tmp/x',0))\ndid('swapoff',S(168,b'/tmp/x'))\ndid('acct',S(163,b'/tmp/x'))\ndid('syslog',S(103,3,b,64))\n"
    "did('hostname',S(170,b'x',1))\ndid('settime',S(227,0,v))\ndid('iopl',S(172,3))\ndid('ioperm',S(173,0x70,1,1))\n"
    "did('handle',S(303,-100,b'/',b,b,0))\ndid('quotactl',S(179,0,b'x',0,b))\ndid('fanotify',S(300,0,0))\n"
    "did('setuid',S(105,0))\ndid('setgroups',S(116,1,v))\ndid('capset',S(126,(ctypes.c_uint32*2)(0x20080522,0),(ctypes.c_uint32*6)(*[-1]*6)))\n"
    "for kind,name in ((0o20666,'character'),(0o60666,'block')):\n"
    "  for device in ((1,1),(8,0),(254,0)):\n    did(name+' device',S(133,b'/tmp/n%d%d'%device,kind,os.makedev(*device)))\n"
    "did('kcmp',S(312,1,os.getpid(),0,0,0))\ndid('prlimit',S(302,1,7,(ctypes.c_uint64*2)(64,64),0))\n"
    "did('affinity',S(203,1,8,(ctypes.c_uint64*1)(1)))\ndid('nice',S(141,0,1,5))\ndid('nice of all',S(141,2,0,5))\n"
    "did('scheduler',S(144,1,5,(ctypes.c_int*1)(0)))\ndid('io priority',S(251,1,1,3<<13))\n"
    "import fcntl\nm,s=os.openpty()\n"
    "for f in (0,1,2):\n  try: fcntl.ioctl(f,0x5412,b'x'); print('TIOCSTI')\n  except OSError: pass\n"
)
OTHERS = "sh:su root -c id </dev/null; mount -t tmpfs x /tmp; newgrp root </dev/null; sudo -n id; passwd -d root; true"
CAPABILITIES = "sh:grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status | tr -d '\\t'; umask"
NONE = "".join(f"Cap{kind}:0000000000000000\n" for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"))
# What the kernel gives to everybody where nobody filters: namespaces of one's own, and one's own keys.
UNFILTERED = Expected(
    # A first process that isn't ours can be stopped, which the deadline ends.
    codes=frozenset({0, None}),
    limits=frozenset({None, "wall"}),
    never=("mount\nbind", "module", "kexec", "reboot", "swap", "syslog", "device", "bpf", "hostname", "settime", "iopl")
)
# Docker's own filter, by its version; the idle process is the cell's own user's.
DOCKERS = Expected(
    never=("unshare", "user", "mount", "bind", "keyctl", "key", "module", "kexec", "reboot", "device", "bpf", "setns")
)
KERNEL = [
    Hostile("system calls", CALLS, NOTHING, {"docker-exec": DOCKERS, "bubblewrap-copies": UNFILTERED}, 6),
    Hostile("programs of root", OTHERS, Expected(never=("uid=0", "gid=0"))),
    Hostile(
        "capabilities",
        CAPABILITIES,
        Expected(output=NONE + "NoNewPrivs:1\nSeccomp:2\n0022\n"),
        {"bubblewrap-copies": Expected(output=NONE + "NoNewPrivs:1\nSeccomp:0\n0022\n")},
    ),
]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of another architecture")
@pytest.mark.parametrize("hostile", KERNEL, ids=str)
async def test_the_kernel_gives_nothing(
    template: Template, hostile: Hostile, request: pytest.FixtureRequest
) -> None:
    await attack(template, hostile, way_of(request))


REACH = (
    "import socket,sys\nport=int(sys.argv[3])\nsocket.setdefaulttimeout(1)\n"
    "def tried(name,make):\n  try: make()\n  except (OSError,OverflowError): return\n  print(name)\n"
    "for host in ('127.0.0.1','::1',sys.argv[4],'10.0.2.2','169.254.169.254','172.17.0.1','192.0.2.1'):\n"
    "  tried('tcp '+host,lambda: socket.create_connection((host,port)))\n"
    "tried('abstract',lambda: socket.socket(socket.AF_UNIX).connect('\\0'+sys.argv[2]))\n"
    "tried('udp',lambda: socket.socket(socket.AF_INET,socket.SOCK_DGRAM).sendto(b'x',(sys.argv[4],port)))\n"
    "tried('broadcast',lambda: socket.socket(socket.AF_INET,socket.SOCK_DGRAM).sendto(b'x',('255.255.255.255',port)))\n"
    "tried('name',lambda: socket.getaddrinfo('example.org',80))\n"
    "tried('raw',lambda: socket.socket(socket.AF_INET,socket.SOCK_RAW,1))\n"
    "tried('packet',lambda: socket.socket(socket.AF_PACKET,socket.SOCK_RAW))\n"
    "tried('vsock',lambda: socket.socket(40,socket.SOCK_STREAM))\n"
    "tried('alg',lambda: socket.socket(38,socket.SOCK_SEQPACKET))\n"
    "tried('bluetooth',lambda: socket.socket(31,socket.SOCK_RAW,1))\n"
    "def netlink():\n  s=socket.socket(16,3,0); s.bind((0,0))\n"
    "  import struct\n  s.send(struct.pack('IHHII',32,16,5,1,0)+struct.pack('BxHiII',0,0,1,0,1))\n"
    "  if struct.unpack_from('i',s.recv(999),16)[0]: raise OSError\ntried('netlink',netlink)\n"
)


@pytest.fixture
def listening() -> Iterator[tuple[str, int, str]]:
    """Servers of this host that say yes: at any address, and an abstract one."""
    name = token_hex(8)
    with (
        socket.create_server(("0.0.0.0", 0)) as server,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        abstract.bind("\0" + name)
        abstract.listen()
        probe.connect(("192.0.2.1", 9))
        yield probe.getsockname()[0], server.getsockname()[1], name


async def test_no_network_is_reached(
    template: Template, request: pytest.FixtureRequest, listening: tuple[str, int, str]
) -> None:
    address, port, name = listening
    way = way_of(request)
    # Without a filter of ours, sockets of the machine around this one can be made.
    expected = NOTHING if way in SEALED else Expected(never=("tcp", "abstract", "udp", "name", "raw", "packet"))
    await attack(template, Hostile("network", REACH, expected), way, name, str(port), address)
