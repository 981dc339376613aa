"""Scripts that reach for the host's files, and those of other cells."""

from pathlib import Path
from secrets import token_hex
from tempfile import NamedTemporaryFile

import pytest
from hostile_kit import LIMITS, Expected, Hostile, attack, way_of
from sandbox_kit import ISOLATING

from swe_scale.config import cache_folder
from swe_scale.sandbox import Template

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("config", ISOLATING, indirect=True)]
NOTHING = Expected(output="")
"""Of scripts that name what they could do."""


READ = """\
import glob,os,sys
names=[*sys.argv[2:],'/etc/shadow','/etc/gshadow','/root/.bashrc','/root/.ssh/id_rsa','/proc/kcore',
    '/dev/mem','/dev/kmem','/dev/sda','/dev/vda','/proc/1/environ','/proc/1/mem','/run/docker.sock',
    '/var/run/docker.sock',*glob.glob('/root/*'),*glob.glob('/proc/1/root/*'),*glob.glob('/proc/1/cwd/*'),
    *glob.glob('/proc/1/fd/*')]
names+=['/proc/1/root'+n for n in sys.argv[2:]]+['../'*9+n for n in sys.argv[2:]]
for name in names:
  try: data=os.read(os.open(name,os.O_RDONLY|os.O_NONBLOCK),1<<20)
  except OSError: continue
  if data: print(name)
"""
SEARCH = """\
import glob,os
for name in glob.glob('/proc/[0-9]*/environ'):
  try: print(open(name,errors='replace').read())
  except OSError: pass
for top in ('/tmp','/var','/home','/root','/run','/mnt','/opt','/srv','/work','/scratch','/dev'):
  for folder,_,files in os.walk(top):
    for f in files:
      if f=='canary': print('of another cell')
      if os.path.islink(folder+'/'+f) or not os.path.isfile(folder+'/'+f): continue
      try: data=open(folder+'/'+f,errors='replace').read(100)
      except OSError: continue
      if len(data)==32: print(data)
"""
WRITE = """\
import os
for name in ('/proc/sys/kernel/core_pattern','/proc/sys/kernel/modprobe','/proc/sys/kernel/hostname',
    '/proc/sys/kernel/shm_rmid_forced','/proc/sys/kernel/panic','/proc/sys/vm/drop_caches',
    '/proc/sys/vm/overcommit_memory','/proc/sys/net/ipv4/ip_forward','/proc/sys/fs/binfmt_misc/register',
    '/proc/sysrq-trigger','/proc/1/mem','/proc/1/oom_score_adj','/proc/1/comm','/proc/1/autogroup',
    '/proc/irq/0/smp_affinity','/proc/acpi/wakeup','/proc/kmsg','/sys/kernel/uevent_helper',
    '/sys/power/state','/sys/fs/cgroup/memory/release_agent','/sys/fs/cgroup/release_agent',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes','/sys/fs/cgroup/pids/pids.max',
    '/sys/fs/cgroup/pids/cgroup.procs','/sys/fs/cgroup/memory.max','/sys/fs/cgroup/pids.max',
    '/sys/fs/cgroup/cgroup.procs','/etc/passwd','/etc/ld.so.preload','/usr/bin/python3','/usr/bin/env',
    '/bin/sh','/.swe-scale/box','/dev/mem','/dev/kmsg'):
  try: os.close(os.open(name,os.O_WRONLY))
  except OSError: continue
  print(name)
for name in ('/dev/null','/dev','/proc','/','/usr/bin','/.swe-scale','/proc/self/fd/3'):
  try: os.chmod(name,0o777)
  except OSError: continue
  print('mode of',name)
for name in ('/sys/fs/cgroup/x','/sys/fs/cgroup/memory/x','/dev/x','/.swe-scale/x','/x','/usr/x'):
  try: os.mkdir(name)
  except OSError: continue
  print('made',name)
"""
# A container's idle process is the cell's own user's; only what is in the container is to be had from it.
OWN_FIRST = Expected(never=("/sys", "/dev", "/etc", "/usr", "mode", "made", "/proc/i", "/proc/sys"))
# A copy's /dev is its own.
OWN_DEV = Expected(never=("/sys", "/etc", "/usr", "/proc", "mode of /d/", "/.swe"))
FILES = [
    Hostile("host's files", READ, NOTHING, {"docker-exec": Expected(), "bubblewrap-copies": Expected()}),
    Hostile("search", SEARCH, Expected(never=("of another cell",))),
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
