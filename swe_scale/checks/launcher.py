"""Runs a Python check inside the sandbox and vouches for how it ended.

It is copied there and started with `-I -S` by the interpreter found in the sandbox, so it keeps to Python
3.6 and the standard library, and nothing of the work tree or of site-packages runs before the fork. The
parent alone knows the nonce: it reads it after the fork, when its memory is closed to the child, and only
then lets the child run the script. When the script itself has come to its end, and what it says no with
still says no, the child tells the parent so.
"""

import builtins
import io
import os
import sys
import types

MYPY = False
if MYPY:
    # What is imported at run time costs every check.
    from typing import Any

PROBE = """
import unittest
class Probe(unittest.TestCase):
    def test_that_must_fail(self):
        self.assertEqual(1, 2)
"""


def holds(outer: types.CodeType, code: types.CodeType) -> bool:
    """Return whether a code object is another one or lies in it."""
    inner = (one for one in outer.co_consts if isinstance(one, types.CodeType))
    return outer == code or any(holds(one, code) for one in inner)


class Origins:
    """Tells the script's own code and that of installed libraries from code made on the way."""

    script = (lambda: None).__code__

    def __init__(self, path: str, tree: str) -> None:
        # Any code may claim any name, so what can be trusted is what stood in a file before the script did.
        self.tree, self.made = tree, os.stat(path).st_ctime
        self.quitter = type(vars(builtins)["exit"]).__call__.__code__

    def installed(self, code: types.CodeType) -> bool:
        """Return whether code is what the file of its name holds, an old one and not in the work tree."""
        path = os.path.realpath(os.path.join(self.tree, code.co_filename))
        if path.startswith(self.tree + os.sep):
            return False
        try:
            if os.stat(path).st_ctime > self.made:
                return False
            with open(path, "rb") as file:
                return holds(compile(file.read(), path, "exec", 0, True), code)
        except (OSError, SyntaxError, ValueError):
            return False

    def own_end(self, error: SystemExit) -> bool:
        """Return whether a SystemExit came from the script, through nothing but installed libraries."""
        codes, step = [], error.__traceback__
        while step is not None:
            codes.append(step.tb_frame.f_code)
            step = step.tb_next
        # The first is the launcher's own.
        return all(
            holds(self.script, code) or code == self.quitter or self.installed(code) for code in codes[1:]
        )


def exit_status(value: object) -> int:
    """Return the status that Python would exit with."""
    if value is None:
        return 0
    if isinstance(value, int):
        return int.__and__(value, 0xFF)
    sys.stderr.write(str(value) + "\n")
    return 1


def fails(call: "Any", *arguments: object, **named: object) -> bool:
    """Return whether a call raises, and not to say that all is well."""
    try:
        call(*arguments, **named)
    except SystemExit as error:
        return exit_status(error.code) not in (0, None)
    except BaseException:
        return True
    return False


def bent(words: "dict[str, object]", folder: str) -> str:
    """Return what is wrong with that which a script says no with; empty if it still does.

    Args:
        words: what the names of `exits` stood for before the script.
        folder: the launcher's own, where a file can be put.
    """
    changed = [name for name, now in exits().items() if words[name] is not now]
    out, err = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = io.StringIO()
    try:
        name = changed[0] if changed else bent_library(folder)
    finally:
        sys.stdout, sys.stderr = out, err
    return "the check could no longer say no, for another has changed " + name if name else ""


def exits() -> "dict[str, object]":
    """Return what ends a script, by name."""
    names = ("SystemExit", "AssertionError", "Exception", "BaseException", "exit", "quit")
    return dict({name: getattr(builtins, name, None) for name in names}, **{"sys.exit": sys.exit})


def bent_library(folder: str) -> str:
    """Return the first library for tests, of those that are loaded, for which a failing test passes."""
    unittest = sys.modules.get("unittest")
    pytest = sys.modules.get("pytest")  # type: Any
    if unittest is not None:
        module = types.ModuleType("probe")
        exec(PROBE, module.__dict__)  # noqa: S102
        case = module.__dict__["Probe"]("test_that_must_fail")
        said = (
            fails(case.assertEqual, 1, 2),
            fails(case.assertTrue, False),
            fails(case.assertIn, 1, ()),
            fails(case.fail),
            fails(case.assertRaises, ValueError, int),
            fails(unittest.main, module=module, argv=["check"]),
        )
        if not all(said):
            return "unittest"
    # Of pytest itself only what has been used: its plugins are loaded when it runs tests.
    if hasattr(pytest, "raises") and not (fails(pytest.fail, "") and fails(pytest.raises, ValueError, int)):
        return "pytest"
    if "_pytest.junitxml" in sys.modules:
        path = os.path.join(folder, "test_probe.py")
        with open(path, "w") as file:
            file.write("def test_that_must_fail():\n    assert 1 == 2\n")
        if pytest.main(["-q", "-s", "-p", "no:cacheprovider", "-c", os.devnull, path]) != 1:
            return "pytest.main"
    return ""


def private(launcher: types.CodeType) -> "dict[str, Any]":
    """Return this file's functions once more, with builtins of their own, out of the script's way."""
    own = {"__name__": "launcher", "__builtins__": dict(vars(builtins))}  # type: dict[str, Any]
    exec(launcher, own)  # noqa: S102
    return own


def flushed(why: str) -> bool:
    """Write why the end doesn't count, if so, and return whether all output could be written."""
    try:
        sys.stdout.flush()
        sys.stderr.write(why and why + "\n")
        sys.stderr.flush()
    except Exception:
        return False
    # A closed stream has nothing to flush and doesn't always say so.
    return not any(getattr(stream, "closed", False) for stream in (sys.stdout, sys.stderr))


def run(own: "dict[str, Any]", channel: int, word: bytes, starter: int) -> None:
    """Run the script in this process and leave it at once: no atexit handler, no waiting thread.

    Args:
        own: the launcher's functions, which the script can't replace by their names.
        channel: descriptor that takes the word when the script ended by itself.
        word: what the parent waits for.
        starter: descriptor that gives, when the script may start, the status that stands for 0. In a
            control it is 42, so whoever leaves with 0 is not the script.
    """
    # Until it may start, only the standard library is loaded, while the parent closes its memory.
    import site

    # What is used afterwards is held here, where nothing of the same name can take its place.
    write, leave, show, status_of = os.write, os._exit, sys.__excepthook__, exit_status
    script, system_exit = os.path.abspath(sys.argv[1]), SystemExit
    resolved = os.read(starter, 1)[0]
    os.close(starter)
    site.main()
    words, origins = exits(), own["Origins"](script, os.path.realpath(os.getcwd()))
    sys.argv = [script]
    sys.path[:0] = [origins.tree] + [origins.tree + "/src"] * os.path.isdir(origins.tree + "/src")
    status, why = 0, ""
    try:
        with open(script, "rb") as file:
            origins.script = compile(file.read(), script, "exec", 0, True)
        main = types.ModuleType("__main__")
        main.__dict__["__file__"] = script
        sys.modules["__main__"] = main
        exec(origins.script, main.__dict__)  # noqa: S102
    except system_exit as error:
        status = status_of(error.code)
        why = "" if origins.own_end(error) else "the code under test ended the check"
    except BaseException as error:
        # Without the launcher's own frame; written without the module for it, which takes long to load.
        show(type(error), error, error.__traceback__ and error.__traceback__.tb_next)
        status = 1
    if status == 0 and not why:
        why = own["bent"](words, os.path.dirname(script))
    status = status if own["flushed"](why) else status or 1
    if status == 0 and not why:
        status = resolved
        write(channel, word)
    leave(status)


def close_memory() -> None:
    """Let no process of this user read this one's memory and descriptors, where the system can."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass


def main(launcher: types.CodeType) -> None:
    """Fork, let the child run the script, and print the nonce if the script ended by itself."""
    # Not a constant, or the code under test could write it to every descriptor that it finds.
    word = os.urandom(16)
    reader, writer = os.pipe()
    waiting, starter = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.close(starter)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        run(private(launcher), writer, word, waiting)
    os.close(writer)
    os.close(waiting)
    close_memory()
    line, chunk = b"", os.read(0, 4096)
    # Its end says that all may start.
    while chunk:
        line, chunk = (line + chunk)[:4096], os.read(0, 65536)
    nonce, resolved = line.split()[:2]
    os.write(starter, bytes([int(resolved)]))
    os.close(starter)
    _, state = os.waitpid(child, 0)
    os.set_blocking(reader, False)
    try:
        ended = os.read(reader, 64) == word
    except OSError:
        ended = False
    status = os.WEXITSTATUS(state) if os.WIFEXITED(state) else 128 + os.WTERMSIG(state)
    if ended and status == 0:
        os.write(1, b"\n" + nonce + b"\n")
    os._exit(status)


if __name__ == "__main__":
    main(sys._getframe().f_code)
