"""Scripts that reach for the kernel and the network."""

import os
import socket
from collections.abc import Iterator
from secrets import token_hex

import pytest
from hostile_kit import SEALED, Expected, Hostile, attack, way_of
from sandbox_kit import ISOLATING

from swe_scale.sandbox import Template

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("config", ISOLATING, indirect=True)]
NOTHING = Expected(output="")
"""Of scripts that name what they could do."""


CALLS = """\
import ctypes,os,platform
c=ctypes.CDLL(None,use_errno=True)
S=c.syscall
b=ctypes.create_string_buffer(4096)
def did(name,result):
  if result>=0: print(name)
def child(name,number,*a):
  p=os.fork()
  if p==0: os._exit(0 if S(number,*a)>=0 else 1)
  if os.waitpid(p,0)[1]==0: print(name)
for flag,name in ((0x20000,'mount'),(0x2000000,'cgroup'),(0x4000000,'uts'),(0x8000000,'ipc'),(0x10000000,
    'user'),(0x20000000,'pid'),(0x40000000,'net'),(0x80,'time')): child('unshare '+name,272,flag)
child('clone user',56,0x10000011,0,0,0,0)
child('clone3',435,b,88)
child('setns',308,os.open('/proc/self/ns/net',0),0)
child('chroot',161,b'/tmp')
child('pivot_root',155,b'/tmp',b'/tmp')
child('mount',165,b'x',b'/tmp',b'tmpfs',0,0)
child('bind',165,b'/usr',b'/tmp',0,4096,0)
child('remount',165,0,b'/',0,4128,0)
child('umount',166,b'/tmp',2)
child('fsopen',430,b'tmpfs',0)
child('open_tree',428,-100,b'/',1)
child('mount_setattr',442,-100,b'/',0,b,32)
child('ptrace',101,16,1,0,0)
child('seize',101,0x4206,1,0,0)
v=(ctypes.c_uint64*2)(ctypes.addressof(b),8)
child('process_vm_readv',310,1,v,1,v,1,0)
child('process_vm_writev',311,1,v,1,v,1,0)
did('keyctl',S(250,0,-3,1))
did('add_key',S(248,b'user',b'k',b'v',1,-3))
did('request_key',S(249,b'user',b'k',0,-3))
did('bpf',S(321,0,b,72))
did('perf',S(298,b,0,-1,-1,0))
did('userfaultfd',S(323,1))
did('io_uring',S(425,4,b))
did('init_module',S(175,b,64,b''))
did('finit_module',S(313,0,b'',0))
did('delete_module',S(176,b'x',0))
did('kexec',S(246,0,0,0,0))
did('kexec_file',S(320,0,0,1,b'',0))
did('reboot',S(169,0xfee1dead,672274793,0x89abcdef,0))
did('swapon',S(167,b'/tmp/x',0))
did('swapoff',S(168,b'/tmp/x'))
did('acct',S(163,b'/tmp/x'))
did('syslog',S(103,3,b,64))
did('hostname',S(170,b'x',1))
did('settime',S(227,0,v))
did('iopl',S(172,3))
did('ioperm',S(173,0x70,1,1))
did('handle',S(303,-100,b'/',b,b,0))
did('quotactl',S(179,0,b'x',0,b))
did('fanotify',S(300,0,0))
did('setuid',S(105,0))
did('setgroups',S(116,1,v))
did('capset',S(126,(ctypes.c_uint32*2)(0x20080522,0),(ctypes.c_uint32*6)(*[-1]*6)))
for kind,name in ((0o20666,'character'),(0o60666,'block')):
  for device in ((1,1),(8,0),(254,0)):
    did(name+' device',S(133,b'/tmp/n%d%d'%device,kind,os.makedev(*device)))
did('kcmp',S(312,1,os.getpid(),0,0,0))
did('prlimit',S(302,1,7,(ctypes.c_uint64*2)(64,64),0))
did('affinity',S(203,1,8,(ctypes.c_uint64*1)(1)))
did('nice',S(141,0,1,5))
did('nice of all',S(141,2,0,5))
did('scheduler',S(144,1,5,(ctypes.c_int*1)(0)))
did('io priority',S(251,1,1,3<<13))
import fcntl
m,s=os.openpty()
for f in (0,1,2):
  try: fcntl.ioctl(f,0x5412,b'x'); print('TIOCSTI')
  except OSError: pass
"""
OTHERS = (
    "sh:exec </dev/null; su root -c id; mount -t tmpfs x /tmp; newgrp root; sudo -n id; passwd -d root; true"
)
CAPABILITIES = "sh:grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status | tr -d '\\t'; umask"
NONE = "".join(f"Cap{kind}:0000000000000000\n" for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"))
# What the kernel gives to everybody where nobody filters: namespaces of one's own, and one's own keys.
UNFILTERED = Expected(
    # A first process that isn't ours can be stopped, which the deadline ends.
    codes=frozenset({0, None}),
    limits=frozenset({None, "wall"}),
    never=(
        "mount\nbind",
        "module",
        "kexec",
        "reboot",
        "swap",
        "syslog",
        "device",
        "bpf",
        "hostname",
        "settime",
        "iopl",
    ),
)
# Docker's own filter, by its version; the idle process is the cell's own user's.
DOCKERS = Expected(
    never=(
        "unshare",
        "user",
        "mount",
        "bind",
        "keyctl",
        "key",
        "module",
        "kexec",
        "reboot",
        "device",
        "bpf",
        "setns",
    )
)
KERNEL = [
    Hostile("system calls", CALLS, NOTHING, {"docker-exec": DOCKERS, "bubblewrap-copies": UNFILTERED}, 6),
    Hostile("programs of root", OTHERS, Expected(never=("uid=0", "gid=0"))),
    Hostile(
        "capabilities",
        CAPABILITIES,
        Expected(
            output=NONE
            + """\
NoNewPrivs:1
Seccomp:2
0022
"""
        ),
        {
            "bubblewrap-copies": Expected(
                output=NONE
                + """\
NoNewPrivs:1
Seccomp:0
0022
"""
            )
        },
    ),
]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of another architecture")
@pytest.mark.parametrize("hostile", KERNEL, ids=str)
async def test_the_kernel_gives_nothing(
    template: Template, hostile: Hostile, request: pytest.FixtureRequest
) -> None:
    await attack(template, hostile, way_of(request))


REACH = """\
import socket,sys
port=int(sys.argv[3])
socket.setdefaulttimeout(1)
def tried(name,make):
  try: make()
  except (OSError,OverflowError): return
  print(name)
for host in ('127.0.0.1','::1',sys.argv[4],'10.0.2.2','169.254.169.254','172.17.0.1','192.0.2.1'):
  tried('tcp '+host,lambda: socket.create_connection((host,port)))
tried('abstract',lambda: socket.socket(socket.AF_UNIX).connect('\\0'+sys.argv[2]))
tried('udp',lambda: socket.socket(socket.AF_INET,socket.SOCK_DGRAM).sendto(b'x',(sys.argv[4],port)))
tried('broadcast',lambda: socket.socket(socket.AF_INET,socket.SOCK_DGRAM).sendto(b'x',('255.255.255.255',
    port)))
tried('name',lambda: socket.getaddrinfo('example.org',80))
tried('raw',lambda: socket.socket(socket.AF_INET,socket.SOCK_RAW,1))
tried('packet',lambda: socket.socket(socket.AF_PACKET,socket.SOCK_RAW))
tried('vsock',lambda: socket.socket(40,socket.SOCK_STREAM))
tried('alg',lambda: socket.socket(38,socket.SOCK_SEQPACKET))
tried('bluetooth',lambda: socket.socket(31,socket.SOCK_RAW,1))
def netlink():
  s=socket.socket(16,3,0); s.bind((0,0))
  import struct
  s.send(struct.pack('IHHII',32,16,5,1,0)+struct.pack('BxHiII',0,0,1,0,1))
  if struct.unpack_from('i',s.recv(999),16)[0]: raise OSError
tried('netlink',netlink)
"""


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
    expected = (
        NOTHING if way in SEALED else Expected(never=("tcp", "abstract", "udp", "name", "raw", "packet"))
    )
    await attack(template, Hostile("network", REACH, expected), way, name, str(port), address)
