# ruff: noqa: PTH100, PTH118, PTH120, PTH123, UP006, UP031, UP035, UP045
"""Writes down which lines of the work tree are executed, from inside an interpreter that runs a check.

It is read as text and put into a sandbox, for interpreters that are started there as `sitecustomize.py`, and
once more in place of the check, which it runs. It needs Python 3.6, and in the folder `traced` the tracer of
functions as `function_tracer.py`, the check as `check.py`, and the path of the work tree in `root`. There it
appends to `executed`, a row for each line when it is first executed: its number, a tab, its file. Negative
numbers stand for what else was seen: as of the tracer of functions, and that an interpreter began or ended.
"""

import atexit
import os
import sys
import types
from typing import Any, Dict, Optional, Set

HERE = os.path.dirname(os.path.abspath(__file__))
if __name__ == "__main__":
    HERE = os.path.join(os.path.dirname(HERE), "traced")
    sys.path.insert(0, HERE)
MYPY = False
if MYPY or __name__.startswith("swe_scale."):
    from swe_scale.regression.tracer import HIDDEN, LISTS, OPENED, OWN_NAME, TOOLS, Tracer, pass_on
else:
    from function_tracer import HIDDEN, LISTS, OPENED, OWN_NAME, TOOLS, Tracer, pass_on

    sys.path[:] = [place for place in sys.path if __name__ != "__main__" or place != HERE]

BEGUN, ENDED, UNSURE = -6, -7, -8
"""An interpreter began, or ended; what follows is its number. A line is no longer watched; it follows."""
PATIENCE = 20000
"""Lines of a code object that are executed again and again, after which its other ones aren't waited for."""
MOST = 100000
"""Lines that one interpreter writes down."""
LOADS = ("<frozen importlib", "/importlib/")
"""Who opens files only to execute them."""
UNFOLLOWED = ("multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver")
"""What starts interpreters that are told of by no event, and that don't load this file."""


class Watched:
    """A code object, kept so that no other takes over its identity."""

    def __init__(self, tracer: "LineTracer", code: Any, place: Optional[str]) -> None:
        self.tracer, self.code, self.place = tracer, code, place or ""
        self.left = lines_of(code) if place is not None else set()
        """Lines that have not been executed; of code elsewhere there are none."""
        self.patience = PATIENCE

    def traced(self, frame: Any, event: str, argument: Any) -> Any:  # noqa: ARG002
        """Take a line."""
        line = frame.f_lineno
        if line in self.left:
            self.left.discard(line)
            self.tracer.line(line, self.place)
        else:
            self.patience -= 1
            if not self.patience:
                self.give_up()
        if not self.left and hasattr(frame, "f_trace_lines"):
            frame.f_trace_lines = False
        return self.traced

    def give_up(self) -> None:
        """Watch no longer: each line that is executed costs, and what is left may never be."""
        for line in self.left:
            self.tracer.write(UNSURE, "%d %s" % (line, self.place))
        self.left = set()


class LineTracer(Tracer):
    """Notes lines, each once."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.places: Dict[str, Optional[str]] = {}
        self.watched: Dict[int, Watched] = {}
        self.rows = 0
        self.monitors = self.over = False

    def begin(self) -> None:
        """Start to listen, by what costs least."""
        self.write(BEGUN, "%d" % os.getpid())
        atexit.register(self.finish)
        super().begin()

    def finish(self) -> None:
        """Write down that all was seen up to here; no more is."""
        if not self.over:
            self.end()
            self.over = True
            if not self.monitors:
                sys.settrace(None)
            self.write(ENDED, "%d" % os.getpid())

    def end(self) -> None:
        """Write down that another tracer took this one's place, where that can be."""
        if not (self.monitors or self.over):
            super().end()

    def monitored(self, monitoring: Any) -> bool:
        """Listen by PEP 669, which leaves lines alone once they are known."""

        def started(code: Any, _: int) -> Any:
            if self.place_of(code.co_filename) is not None:
                monitoring.set_local_events(tool, code, monitoring.events.LINE)
            return monitoring.DISABLE

        def reached(code: Any, number: int) -> Any:
            place = self.place_of(code.co_filename)
            if place is not None:
                self.line(number, place)
            return monitoring.DISABLE

        for tool in TOOLS:
            if monitoring.get_tool(tool) is None:
                monitoring.use_tool_id(tool, "executed lines")
                monitoring.register_callback(tool, monitoring.events.PY_START, started)
                monitoring.register_callback(tool, monitoring.events.LINE, reached)
                monitoring.set_events(tool, monitoring.events.PY_START)
                self.monitors = True
                return True
        return False

    def called(self, frame: Any, event: str, argument: Any) -> Any:  # noqa: ARG002
        """Take a call; lines are traced in code of the work tree, as long as some of its lines are new."""
        # The code is asked for as seldom as can be: each time that is an audit event.
        module = dict.get(frame.f_globals, "__file__")
        if isinstance(module, str) and module[:1] == "/" and self.place_of(module) is None:
            return None
        code = frame.f_code
        known = self.watched.get(id(code))
        if known is None:
            known = self.watched[id(code)] = Watched(self, code, self.place_of(code.co_filename))
        return known.traced if known.left else None

    def place_of(self, path: str) -> Optional[str]:
        """Return where in the work tree a file of code is; None of others, and of installed ones in it."""
        if path not in self.places:
            self.places[path] = self.found(path)
        return self.places[path]

    def found(self, path: str) -> Optional[str]:
        """Return the same, looked for by the path that it leads to and by the one that is used."""
        if path.startswith("<") or "site-packages" in path:
            return None
        for whole, root in ((os.path.realpath(path), self.real), (os.path.abspath(path), self.root)):
            if whole.startswith(root) and "\n" not in whole:
                return whole[len(root) :]
        return None

    def line(self, number: int, place: str) -> None:
        """Write down a line that is executed for the first time, unless there are too many."""
        self.rows += 1
        if self.rows <= MOST:
            self.write(number, place)
        elif self.rows == MOST + 1:
            self.write(HIDDEN, "more")

    def audited(self, event: str, arguments: Any) -> None:
        """Take an audit event: a process, or a file that is read for something else than to execute it."""
        if event == "object.__getattr__":
            return
        if event in OPENED:
            if arguments[0] == self.written or self.loads():
                return
        elif event == "import":
            if arguments[0] in UNFOLLOWED:
                self.tell(HIDDEN, "process")
            return
        elif event in LISTS:
            return
        super().audited(event, arguments)

    def loads(self) -> bool:
        """Return whether it is the import of a module that opens a file."""
        caller = sys._getframe(2).f_code.co_filename
        return any(own in caller for own in LOADS)

    def write(self, line: int, path: str) -> None:
        """Append a row; opened each time, as code under test may close whatever is open."""
        try:
            file = os.open(self.written, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(file, ("%d\t%s\n" % (line, path)).encode("utf-8", "surrogateescape"))
            finally:
                os.close(file)
        except (OSError, ValueError):
            return


def lines_of(code: Any) -> Set[int]:
    """Return the lines of a code object, but for those that no event tells of: where it is defined."""
    found: Set[int] = {code.co_firstlineno}
    if hasattr(code, "co_lines"):
        found.update(line for _, _, line in code.co_lines() if line)
    else:
        line = code.co_firstlineno
        for step in code.co_lnotab[1::2]:
            line += step if step < 128 else step - 256
            found.add(line)
    return found - {code.co_firstlineno} if code.co_flags & 1 else found


def run_check(folder: str) -> None:
    """Run the check that lies in a folder as the main module, traced, and so what interpreters it starts."""
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = folder + (os.pathsep + others if others else "")
    script = os.path.join(folder, "check.py")
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec", 0, True)
    main = types.ModuleType("__main__")
    main.__dict__["__file__"] = script
    sys.modules["__main__"] = main
    tracer = LineTracer(folder)
    tracer.begin()
    try:
        exec(code, main.__dict__)  # noqa: S102
    finally:
        tracer.finish()


if __name__ == OWN_NAME:
    pass_on(HERE)
    LineTracer(HERE).begin()
elif __name__ == "__main__":
    run_check(HERE)
