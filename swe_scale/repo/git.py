"""The one door to git: every process gets an environment and a configuration of ours, not the user's."""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import DEVNULL, PIPE, CompletedProcess
from typing import IO

import anyio

from swe_scale.errors import RepositoryError

_SECONDS = 1800.0
"""Longest that one git process may take; far above any honest one, so that a hostile input ends."""

_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.logAllRefUpdates=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.alternateRefsCommand=true",
    "core.autocrlf=false",
    "core.eol=lf",
    "core.safecrlf=false",
    "core.symlinks=true",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.quotePath=false",
    "core.sparseCheckout=false",
    "core.splitIndex=false",
    "core.untrackedCache=false",
    "diff.suppressBlankEmpty=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "index.sparse=false",
    "maintenance.auto=false",
    "pack.threads=2",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
)

_USERS_OWN = re.compile(r"(?!GIT_)|GIT_(SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|SSL_\w+|PROXY_SSL_\w+)$")
"""Variables that a git process which talks to the network inherits: how the user reaches private servers."""

_NOISE = re.compile(r"^(fatal|error): ")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a git process said."""

    code: int
    output: bytes
    error: str

    @property
    def reason(self) -> str:
        """Git's first line that says what was wrong."""
        lines = [line.strip() for line in self.error.splitlines() if line.strip()]
        named = [_NOISE.sub("", line) for line in lines if _NOISE.match(line)]
        return (named or lines or [f"git ended with exit code {self.code}"])[0]

    def checked(self, command: str, *codes: int) -> bytes:
        """Return the output of a command that ended as it should.

        Raises:
            RepositoryError: its exit code is not 0 and not among `codes`.
        """
        if self.code not in (0, *codes):
            raise RepositoryError(f"git {command} failed: {self.reason}")
        return self.output


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }


@dataclass(frozen=True, slots=True)
class Git:
    """Starts git on one git directory."""

    home: Path
    """Folder with nothing but our `.gitconfig`: every process's home and current folder."""
    git_dir: Path | None
    """None: git looks for it from `cwd` upward."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Added to every process's environment."""
    access: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables that a process gets which talks to the network: they may hold a token."""
    settings: tuple[str, ...] = ()
    """Added to our own settings, of which the last one wins; `name=value` each."""
    limiter: anyio.CapacityLimiter = field(
        default_factory=lambda: anyio.CapacityLimiter(max(4, 2 * (os.cpu_count() or 2)))
    )
    """Git processes at a time."""

    @classmethod
    def prepare(cls, home: Path) -> "Git":
        """Return a git without a git directory, after making its home."""
        home.mkdir(parents=True, exist_ok=True)
        # Older versions take safe.directory from a file only, not from -c: a repository that another
        # user owns must stay readable, and nothing in it is executed.
        if not (config := home / ".gitconfig").exists():
            fresh = home / f".gitconfig-{os.getpid()}"
            fresh.write_text("[safe]\n\tdirectory = *\n", encoding="ascii")
            fresh.replace(config)
        return cls(home.resolve(), None)

    def at(self, git_dir: Path, **variables: str) -> "Git":
        """Return a git for a git directory, with these variables added."""
        return replace(self, git_dir=git_dir, variables={**self.variables, **variables})

    def setting(self, *settings: str) -> "Git":
        """Return a git with these settings added."""
        return replace(self, settings=(*self.settings, *settings))

    def online(self) -> "Git":
        """Return a git that may use the network, with the user's own settings, keys and proxies."""
        own = {name: value for name, value in os.environ.items() if _USERS_OWN.match(name)}
        switches = {
            "GIT_ALLOW_PROTOCOL": "https:http:ssh",
            "GIT_TERMINAL_PROMPT": "0",
            "GCM_INTERACTIVE": "never",
            "GIT_CONFIG_NOSYSTEM": "0",
            "LC_ALL": "C",
        }
        return replace(self, variables={**own, **switches, **self.access})

    async def run(
        self,
        *arguments: str,
        input: bytes | IO[bytes] = b"",
        output: IO[bytes] | None = None,
        cwd: Path | None = None,
    ) -> Answer:
        """Run git to its end and return what it said, whatever its exit code.

        Args:
            arguments: the subcommand and its arguments, after our own settings.
            input: bytes, or an open file, for its standard input.
            output: an open file for its standard output; otherwise that is returned.
            cwd: its current folder; otherwise the empty home.

        Raises:
            RepositoryError: git isn't installed, can't be started, or took far too long.
        """
        place = () if self.git_dir is None else (f"--git-dir={self.git_dir}",)
        settings = [part for setting in (*_SETTINGS, *self.settings) for part in ("-c", setting)]
        command = ["git", *settings, *place, *arguments]
        try:
            async with self.limiter:
                with anyio.fail_after(_SECONDS):
                    done = await self._process(command, input, output, cwd or self.home)
        except TimeoutError as error:
            raise RepositoryError(f"git {arguments[0]} was stopped after {_SECONDS:.0f} seconds.") from error
        except (OSError, ValueError) as error:
            if isinstance(error, FileNotFoundError) and error.filename == "git":
                raise RepositoryError(
                    "git was not found. Install git 2.31 or later and try again."
                ) from error
            raise RepositoryError(f"git {arguments[0]} can't be started: {error}") from error
        return Answer(done.returncode, done.stdout or b"", (done.stderr or b"").decode("utf-8", "replace"))

    async def _process(
        self, command: list[str], input: bytes | IO[bytes], output: IO[bytes] | None, cwd: Path
    ) -> CompletedProcess[bytes]:
        # Input goes by a nameless file, not a pipe: git may end before it has read everything.
        with tempfile.TemporaryFile(dir=self.home) as file:
            if isinstance(input, bytes):
                file.write(input)
                file.seek(0)
            return await anyio.run_process(
                command,
                stdin=DEVNULL if input == b"" else file if isinstance(input, bytes) else input,
                stdout=output or PIPE,
                stderr=PIPE,
                check=False,
                cwd=cwd,
                env={**_environment(self.home), **self.variables},
                start_new_session=True,
                umask=0o022,
            )

    async def ask(
        self,
        *arguments: str,
        input: bytes | IO[bytes] = b"",
        output: IO[bytes] | None = None,
        cwd: Path | None = None,
    ) -> bytes:
        """Run git and return its output.

        Raises:
            RepositoryError: as of `run`, or it failed; with git's own reason.
        """
        answer = await self.run(*arguments, input=input, output=output, cwd=cwd)
        return answer.checked(arguments[0])


def object_id(name: str) -> str:
    """Return a full object hash as it is.

    Raises:
        RepositoryError: it is anything else, such as a revision or an option.
    """
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name):
        raise RepositoryError(f"{name[:80]!r} is not a full git object hash.")
    return name
