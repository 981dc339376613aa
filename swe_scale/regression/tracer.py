# ruff: noqa: PTH100, PTH118, PTH119, PTH120, PTH123, UP006, UP031, UP035
"""Writes down what of the work tree is executed and read, from inside an interpreter under test.

It is read as text and put into a sandbox as `sitecustomize.py`: it needs Python 3.6 and nothing else. Beside
it lies `root`, a file with the path of the work tree; it appends to `executed`, a line for each function
when it is first entered: its first line, a tab, its file. Line 0 stands for a module's own code. Negative
numbers stand for what else was seen, by the audit events of PEP 578, from Python 3.8 on.
"""

import os
import sys
from typing import Any, Dict

OWN_NAME = "sitecustomize"
DISPLACED = "displaced"
TOOLS = (4, 3)
"""Numbers that PEP 669 leaves to anybody."""
HIDDEN, READ, LISTED, IMPORTED = -2, -3, -4, -5
"""Something ran that can't be seen into; a file was opened, a folder listed, a module looked for."""
PROCESSES = ("os.system", "os.spawn", "pty.spawn")
STARTED = {"subprocess.Popen": 3, "os.exec": 2, "os.posix_spawn": 2}
"""Where the variables are among what is told of a process that is started."""
OPENED = ("open", "sqlite3.connect", "ctypes.dlopen")
LISTS = ("os.listdir", "os.scandir")
OWN_LISTS = ("<frozen importlib", "/importlib/", "/_pytest/")
"""Who lists folders only to find modules and tests that are known by name."""


class Tracer:
    """Notes code objects, each once."""

    def __init__(self, folder: str) -> None:
        with open(os.path.join(folder, "root"), encoding="utf-8", errors="surrogateescape") as file:
            self.root = file.read().rstrip("/") + "/"
        self.folder = folder
        self.real = os.path.realpath(self.root) + "/"
        self.written = os.path.join(folder, "executed")
        self.seen: Dict[int, Any] = {}
        self.told: Dict[Any, bool] = {}
        self.lines: Dict[Any, bool] = {}

    def begin(self) -> None:
        """Start to listen, by what costs least."""
        if hasattr(sys, "addaudithook"):
            sys.addaudithook(self.audited)
        else:
            self.write(HIDDEN, "unheard")
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
        # The code is asked for as seldom as can be: each time that is an audit event.
        module, line = dict.get(frame.f_globals, "__file__"), frame.f_lineno
        if (
            isinstance(module, str)
            and module[:1] == "/"
            and ((module, line) in self.lines or not module.startswith(self.root))
        ):
            return
        code = frame.f_code
        if code.co_flags & 1 and code.co_firstlineno == line:
            # Not so where a generator goes on, or the module itself begins.
            self.lines[module, line] = True
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

    def audited(self, event: str, arguments: Any) -> None:
        """Take an audit event; whatever goes wrong here is no concern of the code under test."""
        try:
            if event in OPENED:
                self.at(READ, arguments[0])
            elif event == "import":
                self.tell(IMPORTED, arguments[0])
                self.at(READ, arguments[1])
            elif event in LISTS:
                caller = sys._getframe(1).f_code.co_filename
                if not any(own in caller for own in OWN_LISTS):
                    self.at(LISTED, "." if arguments[0] is None else arguments[0])
            elif event in PROCESSES or (event in STARTED and not self.followed(event, arguments)):
                self.tell(HIDDEN, "process")
        except Exception:
            self.tell(HIDDEN, "event")

    def followed(self, event: str, arguments: Any) -> bool:
        """Return whether a process that is started is an interpreter that will load this file, too."""
        words = [os.fsdecode(word) for word in arguments[1]] if not isinstance(arguments[1], str) else []
        program = os.fsdecode(arguments[0] or words[0])
        flags = ""
        for word in words[1:]:
            if not word.startswith("-") or word.startswith("--"):
                break
            flags += word
            if word[-1] in "mc":
                break
        variables = arguments[STARTED[event]]
        found: Any = os.environb if variables is None else variables
        path = os.fsdecode(found.get(b"PYTHONPATH") or (variables or {}).get("PYTHONPATH") or "")
        isolated = any(letter in flags for letter in "SIE")
        named = os.path.basename(program).startswith(("python", "pypy"))
        return named and not isolated and self.folder in path.split(os.pathsep)

    def at(self, mark: int, place: Any) -> None:
        """Write down a file or folder of the work tree, by the path used and by the one that it leads to."""
        if not isinstance(place, (str, bytes)) and not hasattr(place, "__fspath__"):
            return
        path = os.path.abspath(os.fsdecode(place)) + ("/" if mark == LISTED else "")
        if path.startswith(self.root):
            self.tell(mark, path[len(self.root) :] or "/")
            real = os.path.realpath(path) + ("/" if mark == LISTED else "")
            if real.startswith(self.real):
                self.tell(mark, real[len(self.real) :] or "/")
        elif path.startswith(self.real):
            self.tell(mark, path[len(self.real) :] or "/")

    def tell(self, mark: int, what: str) -> None:
        """Write a mark down, once."""
        if (mark, what) not in self.told and not what.endswith(".pyc"):
            self.told[mark, what] = True
            plain = "\n" not in what
            self.write(mark if plain else HIDDEN, what if plain else "path")

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
