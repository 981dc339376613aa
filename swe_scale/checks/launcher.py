"""Runs a Python check inside the sandbox and vouches for how it ended.

It is copied there and started with the interpreter found in the sandbox, so it keeps to Python 3.6 and
the standard library. The parent alone knows the nonce, which it reads from its standard input after the
fork; the child runs the script and, only when the script itself has come to its end, says so.
"""

import os
import sys
import traceback


def own_end(error: SystemExit, tree: str) -> bool:
    """Return whether no frame between the script and this SystemExit lies in the work tree."""
    step = error.__traceback__
    while step is not None:
        name = step.tb_frame.f_code.co_filename
        # `exit` itself is a frozen module's; other names in brackets stand for code made on the way.
        path = os.path.realpath(os.path.join(tree, name))
        if path.startswith(tree + os.sep) and not name.startswith("<frozen "):
            return False
        step = step.tb_next
    return True


def exit_status(value: object) -> int:
    """Return the status that Python would exit with."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value & 0xFF
    sys.stderr.write(str(value) + "\n")
    return 1


def run(script: str, channel: int, ended_by_itself: bytes) -> None:
    """Run the script in this process and leave it at once: no atexit handler, no waiting thread."""
    tree = os.path.realpath(os.getcwd())
    sys.argv = [script]
    sys.path[:0] = [tree] + [tree + "/src"] * os.path.isdir(tree + "/src")
    status, ended = 0, True
    try:
        with open(script, "rb") as file:
            code = compile(file.read(), script, "exec")
        main = type(sys)("__main__")
        main.__dict__["__file__"] = script
        sys.modules["__main__"] = main
        exec(code, main.__dict__)  # noqa: S102
    except SystemExit as error:
        ended = own_end(error, tree)
        status = exit_status(error.code)
        if not ended:
            sys.stderr.write("the code under test ended the check\n")
    except BaseException:
        traceback.print_exc()
        status = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            status = status or 1
    if ended:
        os.write(channel, ended_by_itself)
    os._exit(status)


def main() -> None:
    """Fork, let the child run the script, and print the nonce if the script ended by itself."""
    # Not a constant, or the code under test could write it to every descriptor that it finds.
    word = os.urandom(16)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        run(sys.argv[1], writer, word)
    os.close(writer)
    nonce = os.read(0, 64).strip()
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
    main()
