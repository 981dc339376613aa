"""Which folders of a host are never shown whole: homes, and those in which a job keeps tokens and scripts."""

import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

from swe_scale.sandbox.in_place.secrets import is_secret

_NEVER = ("/proc", "/sys", "/dev", "/run", "/etc", "/tmp")  # noqa: S108 - not written to
_WIDE = (
    "/", "/github", "/media", "/mnt", "/opt", "/root", "/srv", "/usr", "/var", "/var/cache", "/var/lib",
    "/var/opt", "/var/tmp",  # noqa: S108 - not written to
)  # fmt: skip
_HOMES = ("/home", "/var/home", "/Users")
"""Folders whose own are homes."""
_OF_HOMES = ("", ".cache", ".local", ".local/share", ".local/state")
_NAMING = (
    "AGENT_HOMEDIRECTORY", "AGENT_TEMPDIRECTORY", "AGENT_WORKFOLDER", "BUILDKITE_BUILD_PATH", "CI_BUILDS_DIR",
    "CI_PROJECT_DIR", "CREDENTIALS_DIRECTORY", "GITHUB_WORKSPACE", "HOME", "JENKINS_HOME", "RUNNER_TEMP",
    "RUNNER_WORKSPACE", "TMPDIR", "WORKSPACE", "WORKSPACE_TMP", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
    "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
)  # fmt: skip
"""Variables that name a home, or a folder of a job."""
_LINKS = 40
"""As many as the kernel follows."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a path leads to where it leads."""

    links: tuple[Path, ...]
    """Those that are followed, at their real places."""
    end: Path | None
    """None: there are too many."""


def way(path: Path) -> Way:
    """Follow the symbolic links of an absolute path, one at a time."""
    done, links, rest = Path("/"), list[Path](), [*reversed(path.parts[1:])]
    while rest:
        place = done / rest.pop()
        if place.name == "..":
            done = done.parent
            continue
        try:
            target = place.readlink()
        except OSError:
            done = place
            continue
        if len(links) == _LINKS:
            return Way(tuple(links), None)
        links.append(place)
        done = Path("/") if target.is_absolute() else done
        rest.extend(reversed(PurePath(target).relative_to(target.anchor).parts))
    return Way(tuple(links), done)


@dataclass(frozen=True)
class Private:
    """What is never shown whole on this host, nor any folder that it is in."""

    checkout: Path
    variables: Mapping[str, str]
    """Of this process."""

    @cached_property
    def folders(self) -> frozenset[Path]:
        """Homes, folders of a job, the checkout, and all that these are in; as named and as they are."""
        homes = {home / part for home in self._homes() for part in _OF_HOMES}
        named = {Path(self.variables.get(name, "")) for name in _NAMING}
        wanted = (place for place in homes | named | {self.checkout} if place.is_absolute())
        found = {form for place in wanted for form in _forms(place)}
        return frozenset(
            {*map(Path, _WIDE), *found, *(parent for place in found for parent in place.parents)}
        )

    @cached_property
    def home(self) -> Path | None:
        """The home of who runs this, as its variables have it."""
        with suppress(RuntimeError):
            return Path.home()
        return None

    def _homes(self) -> Iterator[Path]:
        users = {str(os.getuid()), self.variables.get("SUDO_UID", "")}
        with suppress(OSError):
            users.add(str(self.checkout.stat().st_uid))
        if self.home is not None:
            yield self.home
        for user in filter(str.isdecimal, users):
            # Users of containers often have no entry.
            with suppress(KeyError, OverflowError):
                yield Path(pwd.getpwuid(int(user)).pw_dir)

    def shows(self, folder: Path) -> bool:
        """Return whether something private would be seen if a folder were shown."""
        return any(self._shows(form) for form in _forms(folder))

    def _shows(self, folder: Path) -> bool:
        if any(is_secret(part, folder=True) for part in folder.parts):
            return True
        below = any(folder.is_relative_to(place) for place in _NEVER)
        return below or folder in self.folders or str(folder.parent) in _HOMES

    def by_repository(self, path: Path) -> bool:
        """Return whether a path leads elsewhere by a link in the checkout, where a repository may put it."""
        checkout = Path(os.path.realpath(self.checkout))
        found = way(path)
        if found.end is None:
            return True
        inside = found.end.is_relative_to(checkout)
        return not inside and any(link.is_relative_to(checkout) for link in found.links)


def is_folder(path: Path) -> bool:
    """Return whether a folder is at a path, as far as that can be seen."""
    with suppress(OSError):
        return path.is_dir()
    return False


def is_file(path: Path) -> bool:
    """Return whether a file is at a path, as far as that can be seen."""
    with suppress(OSError):
        return path.is_file()
    return False


def _forms(path: Path) -> set[Path]:
    return {path, Path(os.path.realpath(path))}
