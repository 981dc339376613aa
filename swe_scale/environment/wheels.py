"""Programs that the Python index has, too: they go into a virtual environment, where there is one."""

import shlex


def from_index(wheel: str, otherwise: str, then: str = ":", options: str = "") -> str:
    """Return a shell command that installs a package of the index into the virtual environment.

    An image of the repository's own has none, unless the project is one in Python.

    Args:
        wheel: the package, with its version.
        otherwise: command in place of all that, where there is no virtual environment.
        then: command that follows.
        options: of pip.
    """
    install = " ".join(filter(None, ("python -m pip install", options, shlex.quote(wheel))))
    return f'if test -n "${{VIRTUAL_ENV:-}}"; then {install}; {then}; else {otherwise}; fi'
