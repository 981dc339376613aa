"""Strategy kind `exec`: any command-line agent in a sandbox, seen from outside: its diff and its requests."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from swe_scale.config import Exec
from swe_scale.errors import SandboxError, UsageError
from swe_scale.models.gateway import Allowance, Gateway, cut, open_gateway
from swe_scale.prompts import render
from swe_scale.records import Account, Check, Execution, File, Trajectory, Usage
from swe_scale.sandbox import Sandbox
from swe_scale.sandbox.network import open_server
from swe_scale.store import Key
from swe_scale.trajectory import Assignment, Setting
from swe_scale.trajectory.ending import End, end_of
from swe_scale.trajectory.shortened import fitted
from swe_scale.trajectory.workplace import FOLDER, UNATTENDED, Ran, Workplace

_LIKELY = 20
"""Files, likeliest first, that an agent is told of."""
_PLACEHOLDER = "placeholder-the-real-key-is-added-outside"
_OUTPUT = 256 * 1024
"""Bytes of the agent's output that are kept, at least."""
_ARGUMENT = 100 * 1024
"""Bytes of the longest prompt that fits into an argument; Linux takes 128 KiB."""
_OWN = 1 << 20
"""Bytes of its own account."""
_READING = 120.0
"""Seconds after the deadline for what it left to be read."""


@dataclass(frozen=True, slots=True)
class _Left:
    """What an agent left."""

    ran: Ran
    own: str = ""


async def run_command(setting: Setting, assignment: Assignment, settings: Exec) -> Trajectory:
    """Make one trajectory by an agent that isn't ours. What goes wrong within it is part of the record.

    Raises:
        UsageError: the model answers from files, or a bound in US dollars has no price.
        EndpointRefused: the endpoint answers nothing at all.
        SandboxError: the backend no longer works at all, or can't lead an agent to its model alone.
        StoreError: the record can't be written.
    """
    if settings.usd is not None and setting.model.name not in setting.ledger.prices:
        raise UsageError(
            f"the strategy {assignment.strategy} is bound in US dollars, which needs a price: set [prices."
            f'"{setting.model.name}"] prompt and completion, per million tokens, in the configuration.'
        )
    agent = _Agent(setting, assignment, settings)
    allowance = Allowance(settings.requests, assignment.sampling.max_tokens, settings.usd)
    async with open_gateway(setting.model, setting.ledger, agent.path, allowance) as gateway:
        left, end = await agent.led(gateway)
        account = await agent.account(gateway, left)
        if gateway.refused is not None:
            raise gateway.refused
        return await agent.trajectory(gateway.spending.usage, account, left, end)


class _Agent:
    """One run of a command."""

    def __init__(self, setting: Setting, assignment: Assignment, settings: Exec) -> None:
        self.path = f"{setting.issue.id}/trajectory/{assignment.index:02}"
        self._setting = setting
        self._assignment = assignment
        self._settings = settings
        self._start = assignment.tree or setting.trees.base
        own = (*settings.own, *(f"{one}/*" for one in settings.own))
        told = (settings.transcript,) if settings.transcript else ()
        self._place = Workplace(setting, self._start, assignment.check, (*own, *told))

    async def led(self, gateway: Gateway) -> tuple[_Left | None, End]:
        """Run the command where it finds the gateway; return what it left, and why it ended."""
        end = End("budget", "the time is over")
        left = None
        try:
            with self._setting.leash.held(self._setting.deadline + _READING):
                # It waits for its model most of the time, so it takes no slot from those that compute.
                async with self._setting.cells.boxes, open_server(gateway) as socket:
                    seconds = min(self._settings.seconds, self._setting.deadline - anyio.current_time())
                    if seconds <= 0:
                        return None, end
                    left = await self._ran(socket, seconds)
                    end = await self._ended(left.ran, gateway, own=seconds == self._settings.seconds)
        except SandboxError as error:
            if not await self._setting.cells.alive():
                raise
            end = End("failed", f"its sandbox failed: {error}")
        if left is None and (cut := self._setting.leash.cut):
            end = End("cancelled", cut)
        return left, end

    async def _ran(self, socket: Path, seconds: float) -> _Left:
        cells = self._setting.cells
        async with cells.template.fork(cells.limits, socket) as sandbox:
            await self._place.furnish(sandbox)
            prompt = self._prompt()
            words = await self._words(sandbox, prompt)
            limits = cells.limits.model_copy(
                update={"seconds": seconds, "output": max(_OUTPUT, cells.limits.output)}
            )
            issue = File(mode="100644", data=prompt)
            await sandbox.write(sandbox.scratch, {posixpath.basename(words["issue"]): issue})
            execution = await sandbox.run(
                [_filled(word, words) for word in self._settings.command],
                limits=limits,
                stdin=prompt if self._settings.issue == "stdin" else b"",
                variables=self._variables(words),
            )
            own = await self._own(sandbox, words)
            return _Left(await self._place.read(sandbox, execution), own)

    def _prompt(self) -> bytes:
        issue, tokens = self._setting.issue, self._setting.issue_tokens
        shown = issue if tokens is None else fitted(issue, tokens)
        files = self._place.check_files
        text = render(
            "exec",
            issue=shown,
            files=self._setting.context.ranking[:_LIKELY],
            checks=[f"{FOLDER}/{name}" for name in files],
            languages=tuple(files.values()),
            guidance=self._assignment.guidance,
        )
        return text.encode("utf-8", "replace")

    async def _words(self, sandbox: Sandbox, prompt: bytes) -> dict[str, str]:
        """Return what the command and its variables may name."""
        limits = self._setting.cells.limits
        asked = await sandbox.run(("sh", "-c", 'printf %s "$HOME"'), limits=limits)
        issue = posixpath.join(sandbox.scratch, "issue.md")
        short = len(prompt) <= _ARGUMENT and b"\0" not in prompt
        return {
            "model": self._setting.model.name,
            "base_url": f"{sandbox.address}/v1",
            "address": sandbox.address,
            "issue": issue,
            "prompt": prompt.decode() if short else f"Your task is in {issue}: read that file first.",
            "workdir": sandbox.workdir,
            "home": asked.output,
        }

    def _variables(self, words: Mapping[str, str]) -> dict[str, str]:
        return {
            **UNATTENDED,
            "CI": "1",
            "NO_COLOR": "1",
            "OPENAI_BASE_URL": words["base_url"],
            "OPENAI_API_BASE": words["base_url"],
            "OPENAI_API_KEY": _PLACEHOLDER,
            "ANTHROPIC_BASE_URL": words["address"],
            "ANTHROPIC_API_KEY": _PLACEHOLDER,
            **{name: _filled(value, words) for name, value in self._settings.variables.items()},
        }

    async def _own(self, sandbox: Sandbox, words: Mapping[str, str]) -> str:
        """Return the agent's own account."""
        if self._settings.transcript is None:
            return ""
        name = _filled(self._settings.transcript, words)
        for folder in (sandbox.workdir, words["home"]):
            raw = await sandbox.read(posixpath.join(folder, name), _OWN)
            if raw is not None:
                return cut(raw.decode("utf-8", "replace"))
        return ""

    async def _ended(self, ran: Ran, gateway: Gateway, *, own: bool) -> End:
        trees = self._setting.trees
        if not await trees.repository.files(ran.tree):
            return End("failed", "it deleted the repository")
        return end_of(ran, gateway, changed=ran.tree != self._start, own=own)

    async def account(self, gateway: Gateway, left: _Left | None) -> Account:
        """Return what it did, after that was recorded: of a failed one, the trajectory itself isn't."""
        made = Account(
            execution=left.ran.execution if left else Execution(exit_code=None, output=""),
            exchanges=tuple(gateway.transcript.exchanges),
            own=left.own if left else "",
        )
        store = self._setting.cells.steps.store
        await store.put(Key(f"{self.path}/account", "1"), made.model_dump(mode="json"))
        return made

    async def trajectory(self, usage: Usage, account: Account, left: _Left | None, end: End) -> Trajectory:
        """Return the record."""
        given, trees = self._assignment, self._setting.trees
        ran = left.ran if left else None
        tree = ran.tree if ran and await trees.repository.files(ran.tree) else self._start
        check = given.check
        if ran and ran.script is not None:
            check = Check.of(ran.script, "reproduction", author=given.index, language=ran.language)
        said = end.outcome + (f": {end.error}" if end.error else "")
        self._setting.events.emit("trajectory", said, self.path)
        return Trajectory(
            index=given.index,
            strategy=given.strategy,
            model=self._setting.model.name,
            sampling=given.sampling,
            plan=given.plan,
            turns=(),
            tree=tree,
            patch=await trees.patch(tree),
            check=check,
            outcome=end.outcome,
            error=end.error,
            usage=usage,
            account=account,
        )


def _filled(text: str, words: Mapping[str, str]) -> str:
    # In one pass: what is filled in may hold braces itself.
    return re.sub(r"\{([a-z_]+)\}", lambda found: words.get(found[1], found[0]), text)
