"""Where code runs, what it may use, and what set-up may reach."""

import re
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from swe_scale.config.base import Config
from swe_scale.config.offered import OFFERED, OWN_SANDBOXES, OfferedSandbox, told_apart


class Docker(Config):
    """Containers of a Docker or Podman service."""

    kind: Literal["docker"] = "docker"
    base_url: str | None = None
    """The service's socket. None: as the environment says."""
    runtime: str | None = None
    """An OCI runtime other than the service's default, for instance `runsc`."""
    mode: Literal["fork", "strict"] = "fork"
    """`fork`: cells take turns in containers, each in namespaces of its own. `strict`: a container each."""
    warm: int = Field(default=2, ge=1)
    """Containers that `strict` starts ahead of need."""
    as_root: bool = False
    """Run commands as the image's root, without its powers, even where an ordinary user would do."""
    allow_unbounded: bool = False
    """Go on where the kernel can't hold a limit."""
    base_image: str = "python:3.11"
    """The image in which a repository's environment is built when none is named."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds that the service may take for one small call, such as to start a container."""
    pull_timeout: float = Field(default=600.0, gt=0)
    """Seconds that a pull may go on without a word from the service before it is tried again."""


class Bubblewrap(Config):
    """Namespaces on this host, without a service."""

    kind: Literal["bubblewrap"] = "bubblewrap"
    python: str | None = None
    """Interpreter for the environment. None: the one that runs swe-scale."""
    allow_unbounded: bool = False
    """Go on where the kernel can't hold a limit."""


class Local(Config):
    """No isolation at all: for tests and for jobs that are themselves disposable."""

    kind: Literal["local"] = "local"
    python: str | None = None
    """Interpreter for the environment. None: the one that runs swe-scale."""


SandboxConfig = Annotated[
    Annotated[Docker, Tag("docker")]
    | Annotated[Bubblewrap, Tag("bubblewrap")]
    | Annotated[Local, Tag("local")]
    | Annotated[OfferedSandbox, Tag(OFFERED)],
    Discriminator(told_apart(*OWN_SANDBOXES)),
]


_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")


class Network(Config):
    """What set-up may reach; solving reaches nothing."""

    mode: Literal["none", "setup-only", "full"] = "setup-only"
    """`none`: nothing. `setup-only`: the registries of this machine's package clients, and `setup_hosts`.
    `full`: everything that this machine reaches, by `--network full` alone."""
    setup_hosts: tuple[str, ...] = ()
    """Further public hosts for set-up: `host` (ports 80 and 443), `host:port`, or `*.domain`."""

    @property
    def reach(self) -> str:
        """What set-up may reach, in words that tell it from anything else."""
        return " ".join((self.mode, *sorted(self.setup_hosts)))

    @field_validator("setup_hosts")
    @classmethod
    def _plain_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is not a host; write host, host:port or *.domain")
        return value


class Limits(Config):
    """What one command in a sandbox may use."""

    seconds: float = Field(default=300.0, gt=0)
    """Wall clock."""
    memory: int = Field(default=4 * 1024**3, ge=16 * 1024**2)
    """Bytes."""
    cpus: float = Field(default=1.0, gt=0)
    """Processors' worth of time."""
    pids: int = Field(default=512, ge=8)
    """Processes and threads at a time."""
    disk: int = Field(default=2 * 1024**3, ge=1024**2)
    """Bytes that it may write, where the backend can hold it."""
    output: int = Field(default=64 * 1024, ge=256)
    """Bytes of output that are kept, head and tail."""
