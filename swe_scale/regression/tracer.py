# ruff: noqa: PTH100, PTH118, PTH120, PTH123, UP006, UP031, UP035
"""Writes down which functions below the work tree are executed, from inside an interpreter under test.

It is read as text and put into a sandbox as `sitecustomize.py`: it needs Python 3.6 and nothing else. Beside
it lies `root`, a file with the path of the work tree; it appends to `executed`, a line for each function
when it is first entered: its first line, a tab, its file. Line 0 stands for a module's own code.
"""

import os
import sys
from typing import Any, Dict

OWN_NAME = "sitecustomize"
DISPLACED = "displaced"
TOOLS = (4, 3)
"""Numbers that PEP 669 leaves to anybody."""


class Tracer:
    """Notes code objects, each once."""

    def __init__(self, folder: str) -> None:
        with open(os.path.join(folder, "root"), encoding="utf-8", errors="surrogateescape") as file:
            self.root = file.read().rstrip("/") + "/"
        self.written = os.path.join(folder, "executed")
        self.seen: Dict[int, Any] = {}

    def begin(self) -> None:
        """Start to listen, by what costs least."""
        if hasattr(sys, "monitoring") and self.monitored(sys.monitoring):
            return
        import atexit
        import threading

        threading.settrace(self.called)
        sys.settrace(self.called)
        atexit.register(self.end)

    def monitored(self, monitoring: Any) -> bool:
        """Listen by PEP 669, which leaves functions alone once they are known."""

        def started(code: Any, _: int) -> Any:
            self.note(code)
            return monitoring.DISABLE

        for tool in TOOLS:
            if monitoring.get_tool(tool) is None:
                monitoring.use_tool_id(tool, "executed functions")
                monitoring.register_callback(tool, monitoring.events.PY_START, started)
                monitoring.set_events(tool, monitoring.events.PY_START)
                return True
        return False

    def called(self, frame: Any, event: str, argument: Any) -> None:  # noqa: ARG002
        """Take a call; as it returns nothing, lines are not traced."""
        code = frame.f_code
        if id(code) not in self.seen:
            # Kept, so that no other takes over its identity.
            self.seen[id(code)] = code
            self.note(code)

    def note(self, code: Any) -> None:
        """Write down a code object of the work tree."""
        path = code.co_filename
        if not path.startswith(self.root) or "site-packages" in path:
            return
        in_function = code.co_flags & 1
        if in_function or code.co_name == "<module>":
            self.write(code.co_firstlineno if in_function else 0, path[len(self.root) :])

    def write(self, line: int, path: str) -> None:
        """Append a line; opened each time, as code under test may close whatever is open."""
        try:
            with open(self.written, "a", encoding="utf-8", errors="surrogateescape") as file:
                file.write("%d\t%s\n" % (line, path))
        except (OSError, ValueError):
            return

    def end(self) -> None:
        """Write down that another tracer took this one's place, so that not all was seen."""
        if sys.gettrace() != self.called:
            self.write(-1, DISPLACED)


def pass_on(folder: str) -> None:
    """Import the `sitecustomize` in whose place this one was found."""
    sys.path[:] = [place for place in sys.path if os.path.abspath(place) != folder]
    own = sys.modules.pop(OWN_NAME)
    try:
        __import__(OWN_NAME)
    except ImportError:
        sys.modules[OWN_NAME] = own


if __name__ == OWN_NAME:
    here = os.path.dirname(os.path.abspath(__file__))
    pass_on(here)
    Tracer(here).begin()
