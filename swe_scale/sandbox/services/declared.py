"""Refuses services that can't be run as they are declared, before anything is built."""

import re
from collections import Counter
from collections.abc import Sequence

from swe_scale.errors import EnvironmentFailure
from swe_scale.records import Service

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def require_sound(services: Sequence[Service], images: str | None) -> None:
    """Refuse services of which one couldn't be started, or not told from another.

    Args:
        services: as declared.
        images: name of the sandbox where it can't run container images; None where it can.

    Raises:
        EnvironmentFailure: names the service, and what is wrong with it.
    """
    for service in services:
        if reason := _problem(service, images):
            raise EnvironmentFailure(f"the service {service.name[:60]!r} {reason}")
    for what, values in (("name", [one.name for one in services]), ("port", [one.port for one in services])):
        twice = [value for value, count in Counter(values).items() if count > 1]
        if twice:
            raise EnvironmentFailure(f"two services have the {what} {twice[0]}; each needs its own")


def _problem(service: Service, images: str | None) -> str:
    if not _NAME.fullmatch(service.name):
        return "has no usable name: write small letters, digits, - and _"
    if bool(service.command.strip()) == bool(service.image.strip()):
        return "needs either a `command` or an `image`"
    if service.image and images is not None:
        return (
            f"is the image {service.image}, which the {images} sandbox can't run; use --sandbox docker, or "
            "install the server in set-up and name the `command` that starts it"
        )
    if unusable := [name for name in service.variables if not _VARIABLE.fullmatch(name)]:
        return f"has a variable with an unusable name: {unusable[0][:60]!r}"
    texts = (service.command, service.image, service.ready, *service.variables.values())
    return "has a zero byte in its settings" if any("\0" in text for text in texts) else ""
