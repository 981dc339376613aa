"""A hog in one cell and an honest script in another at the same time: nothing changes for the latter."""

import anyio
import pytest
from hostile_kit import LIMITS, run
from sandbox_kit import ISOLATING

from swe_scale.records import Execution
from swe_scale.sandbox import Template

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("config", ISOLATING, indirect=True)]


HOGS = {
    "memory": """\
import os
while True:
  if os.fork()==0: x=bytearray(512<<20)
  os.wait()""",
    "processes": """\
import os
while True:
  try: os.fork()
  except OSError: pass""",
    "disk": """\
import os
while True:
  try:
    with open('/tmp/x','wb') as f:
      while f.tell()<62<<20: f.write(b'x'*(1<<20))
  except OSError: pass""",
    "cpu": "import os\nfor _ in range(2): os.fork()\nwhile True: pass",
}
HONEST = """\
import hashlib,os,subprocess,sys
x=bytearray(64<<20)
for i in range(8):
  with open(f'/tmp/f{i}','wb') as f: f.write(b'x'*(1<<20))
d=hashlib.sha256(x)
for i in range(8): d.update(open(f'/tmp/f{i}','rb').read())
made=[subprocess.Popen([sys.executable,'-S','-c','print(6*7,flush=True)'],
    stdout=subprocess.PIPE) for _ in range(6)]
print([p.communicate()[0] for p in made],d.hexdigest()); sys.exit(42)"""


@pytest.mark.parametrize("hog", HOGS.values(), ids=HOGS)
async def test_a_siblings_outcome_is_the_same_as_alone(template: Template, hog: str) -> None:
    found: list[Execution] = []

    async def honest(*, beside: bool) -> None:
        async with template.fork(LIMITS) as sandbox:
            if beside:
                await started.wait()
                await anyio.sleep(0.3)
            found.append(await run(sandbox, HONEST, seconds=60))

    async def hostile() -> None:
        async with template.fork(LIMITS) as sandbox:
            started.set()
            ended.append(await run(sandbox, hog, seconds=2.5))

    started, ended = anyio.Event(), list[Execution]()
    await honest(beside=False)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hostile)
        await honest(beside=True)
        assert ended == [] or found[1].seconds < 2.5
    alone, together = ((each.exit_code, each.output, each.limit, each.truncated) for each in found)
    assert alone == together
    assert alone[0] == 42
    assert ended[0].timed_out
