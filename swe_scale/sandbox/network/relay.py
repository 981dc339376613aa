"""Gives a command inside a sandbox without network a proxy of its own, which leads to a Unix socket.

It is shown to the sandbox and started with the interpreter found there, so it keeps to Python 3.6 and the
standard library: `relay.py PORT SOCKET -- COMMAND…`. Exits as the command does. Port 0 is any that is free;
at another, who answers at the socket is asked when the command is to end, and ends it by hanging up.
"""

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
OWN = "localhost,127.0.0.1,::1"
NO_WAY = 97
"""Exit status when the socket can't be used."""
WATCH = b"GET /end HTTP/1.1\r\nHost: relay\r\n\r\n"
"""Is answered by hanging up when the command is to end."""


def copy(source: socket.socket, sink: socket.socket) -> None:
    """Pass bytes one way until the source has ended."""
    with suppress(OSError):
        data = source.recv(65536)
        while data:
            sink.sendall(data)
            data = source.recv(65536)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
    with suppress(OSError):
        source.shutdown(socket.SHUT_RD)


def connected(path: str) -> socket.socket:
    """Return a connection to a Unix socket."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.connect(path)
    except OSError:
        stream.close()
        raise
    return stream


def serve(client: socket.socket, path: str) -> None:
    """Join one connection with the Unix socket."""
    with client:
        try:
            server = connected(path)
        except OSError:
            return
        with server:
            upward = threading.Thread(target=copy, args=(client, server), daemon=True)
            upward.start()
            copy(server, client)
            upward.join()


def listen(listener: socket.socket, path: str) -> None:
    """Serve connections for as long as this process lives."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            continue
        threading.Thread(target=serve, args=(client, path), daemon=True).start()


def variables(port: int) -> "dict[str, str]":
    """Return the command's environment: every client is told of the proxy in its own spelling."""
    found = dict(os.environ)
    found.update((name, f"http://127.0.0.1:{port}") for name in PROXIES)
    own = found.get("NO_PROXY", OWN)
    found.update(NO_PROXY=own, no_proxy=own)
    return found


def watch(server: socket.socket, child: "subprocess.Popen[bytes]") -> None:
    """End the command as soon as the server hangs up."""
    with suppress(OSError):
        server.sendall(WATCH)
        while server.recv(65536):
            pass
    child.kill()


def main() -> int:
    """Run the command."""
    port, path, _, *command = sys.argv[1:]
    try:
        server = connected(path)
    except OSError as error:
        sys.stderr.write(f"the proxy's socket can't be used: {error}\n")
        return NO_WAY
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(port)))
    listener.listen(128)
    threading.Thread(target=listen, args=(listener, path), daemon=True).start()
    try:
        child = subprocess.Popen(command, env=variables(listener.getsockname()[1]))
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127 if isinstance(error, FileNotFoundError) else 126
    if int(port):
        threading.Thread(target=watch, args=(server, child), daemon=True).start()
    else:
        server.close()
    status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    try:
        STATUS = main()
    finally:
        sys.stderr.flush()
    # Threads that still carry bytes are not waited for.
    os._exit(STATUS)
