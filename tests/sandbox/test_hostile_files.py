"""Files that are shaped to mislead whoever writes, reads or compares them from outside."""

import resource

import pytest
from hostile_kit import LIMITS, run, unharmed
from sandbox_kit import ISOLATING

from swe_scale.errors import SandboxError
from swe_scale.records import Changes, File
from swe_scale.sandbox import Sandbox, Template

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("config", ISOLATING, indirect=True)]
SAFE = File(mode="100644", data=b"written\n")


DEEP = """\
import os
os.mkdir('/scratch/check'); os.chdir('/scratch/check')
for _ in range(1500): os.mkdir('d'); open('f','w').close(); os.chdir('d')
"""
IN_THE_WAY = {
    "a deep folder": DEEP,
    "a closed folder": DEEP.replace("1500", "20")
    + "os.chmod('/scratch/check/d/d',0); os.chmod('/scratch/check',0)",
    "a link": "import os\nos.symlink('/scratch/victim','/scratch/check')",
    "a link to a folder": "import os\nos.symlink('/tmp','/scratch/check')",
    "a pipe": "import os\nos.mkfifo('/scratch/check')",
    "a socket": "import socket\nsocket.socket(socket.AF_UNIX).bind('/scratch/check')",
    "a closed file": "import os\nopen('/scratch/check','w'); os.chmod('/scratch/check',0)",
    "a second name": """\
import os
open('/scratch/victim','w').write('safe'); os.link('/scratch/victim','/scratch/check')""",
}


@pytest.mark.parametrize("script", IN_THE_WAY.values(), ids=IN_THE_WAY)
async def test_what_is_in_the_way_is_replaced(template: Template, script: str) -> None:
    with unharmed():
        async with template.fork(LIMITS) as sandbox:
            assert (await run(sandbox, script)).exit_code == 0
            await sandbox.write(sandbox.scratch, {"check": SAFE})
            assert await sandbox.read(f"{sandbox.scratch}/check") == SAFE.data
            assert await sandbox.read(f"{sandbox.scratch}/victim") in (None, b"safe")
        async with template.fork(LIMITS) as sandbox:
            assert (await run(sandbox, "sh:ls /scratch | wc -l")).output.strip() == "0"


async def absent(sandbox: Sandbox, path: str) -> bool:
    """Return whether a path leads to no file; a container service may refuse to look."""
    try:
        return await sandbox.read(path) is None
    except SandboxError:
        return True


PARENTS = {
    "a link": "import os\nos.symlink('/tmp','/scratch/a')",
    "a loop": "import os\nos.symlink('a','/scratch/a')",
    "a file": "open('/scratch/a','w')",
    "up": "import os\nos.symlink('..','/scratch/a')",
}


@pytest.mark.parametrize("script", PARENTS.values(), ids=PARENTS)
async def test_no_parent_leads_elsewhere(template: Template, script: str) -> None:
    async with template.fork(LIMITS) as sandbox:
        assert (await run(sandbox, script)).exit_code == 0
        assert await absent(sandbox, f"{sandbox.scratch}/a/b")
        await sandbox.write(sandbox.scratch, {"a/b": SAFE})
        assert await sandbox.read(f"{sandbox.scratch}/a/b") == SAFE.data
        assert (await run(sandbox, "sh:find / -xdev -name b -path '*/a/*' 2>/dev/null; ls /tmp")).output in (
            "",
            "/scratch/a/b\n",
        )


HIDING = """\
import ctypes,os
c=ctypes.CDLL(None)
for name in ('pkg','pkg/deep','demo.py','.'):
  for key in ('user.overlay.opaque','user.overlay.whiteout','user.overlay.redirect',
      'trusted.overlay.opaque'):
    try: os.setxattr(name,key,b'y')
    except OSError: pass
c.mknod(b'pkg/__init__.py',0o20000,0); c.mknod(b'wh',0o20000,0); c.mknod(b'.wh.demo.py',0o20000,0)
open('.wh..wh..opq','w').close(); os.remove('.wh..wh..opq')
"""
ODD: dict[str, tuple[str, Changes]] = {
    "hidden": (HIDING, {}),
    "closed": (
        """\
import os
open('demo.py','w').write('x'); os.chmod('demo.py',0); os.chmod('pkg/deep',0); os.chmod('.',0)""",
        {"demo.py": File(mode="100644", data=b"x")},
    ),
    "names": (
        """\
import os
open('a\\nb','w').close(); open('n'*255,'w').close(); os.makedirs('-rf/ $(x)'); open('-rf/ $(x)/\\x1b[2J',
    'w').close()""",
        dict.fromkeys(("a\nb", "n" * 255, "-rf/ $(x)/\x1b[2J"), File(mode="100644", data=b"")),
    ),
    "moved": (
        """\
import os
os.makedirs('new/deep'); open('new/deep/data.txt','w').write('other'); open('new/__init__.py','w').close()
os.rename('pkg','old'); os.rename('new','pkg')""",
        {
            "pkg/deep/data.txt": File(mode="100644", data=b"other"),
            "old/__init__.py": File(mode="100644", data=b""),
            "old/deep/data.txt": File(mode="100644", data=b"data\n"),
        },
    ),
}
MOVING = ODD["moved"][0].replace("os.rename('pkg','old')", "__import__('shutil').move('pkg','old')")
ODD["moved"] = (MOVING, ODD["moved"][1])


@pytest.mark.parametrize(("script", "changes"), ODD.values(), ids=ODD)
async def test_a_snapshot_tells_the_truth(template: Template, script: str, changes: Changes) -> None:
    async with template.fork(LIMITS) as sandbox:
        found = await run(sandbox, script)
        assert found.exit_code == 0, found.output
        assert await sandbox.snapshot() == changes


BOTTOMLESS = "import os\nfor _ in range(400): os.mkdir('d'); os.chdir('d')\nopen('f','w').close()"
LONG = """\
import os
n='n'*255
for _ in range(40): os.mkdir(n); os.chdir(n)
for i in range(6000): open(f'{i:0255}','w').close()"""
HUGE = {
    "deep": BOTTOMLESS,
    "long": LONG,
    "sparse": "import os\nos.truncate(os.open('s',66),60<<20); os.truncate(os.open('t',66),60<<20)",
}


@pytest.mark.parametrize("script", HUGE.values(), ids=HUGE)
async def test_a_tree_that_is_no_patch_is_refused_at_little_cost(template: Template, script: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with template.fork(LIMITS) as sandbox:
        found = await run(sandbox, script)
        assert found.exit_code == 0, found.output
        try:
            changes = await sandbox.snapshot()
        except SandboxError:
            changes = {}
        assert len(changes) <= 6000
        assert (await run(sandbox, "sh:echo fine")).output == "fine\n"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024
    async with template.fork(LIMITS) as sandbox:
        assert await sandbox.snapshot() == {}


async def test_a_path_of_any_length_is_no_danger_to_the_box(template: Template) -> None:
    async with template.fork(LIMITS) as sandbox:
        for path in ("a/" * 6000 + "b", "n" * 5000, "a" * 9_000_000):
            assert await absent(sandbox, f"/scratch/{path}")
        assert (await run(sandbox, "sh:echo fine")).output == "fine\n"
