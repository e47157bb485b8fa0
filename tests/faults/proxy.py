"""A small TCP proxy between a service and a server: it cuts, falls silent, refuses, swallows a request or its reply."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

READY_FOR_QUERY = b"Z\x00\x00\x00\x05"  # PostgreSQL is done with what it was asked


@dataclass
class _Line:
    """One connection that passes through."""

    client: socket.socket
    server: socket.socket
    silent: bool = False
    swallowing: bool = False
    swallowed: bytearray = field(default_factory=bytearray)

    def end(self) -> None:
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()


class Proxy:
    """Listens on a port of the loopback interface and passes everything on, until told otherwise.

    :param upstream: the port of the server behind it, asked for with each connection.
    """

    def __init__(self, upstream: Callable[[], int]) -> None:
        self._upstream = upstream
        self._lines: list[_Line] = []
        self._refusing = False
        self._marker: bytes | None = None
        self._swallowed = threading.Event()
        self._unheard: tuple[re.Pattern[bytes], threading.Event] | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening and cut every line."""
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut every line."""
        for line in list(self._lines):
            line.end()

    def refuse(self) -> None:
        """Cut every line and let nobody through."""
        self._refusing = True
        self.cut()

    def let_through(self) -> None:
        """Let whoever connects from now on through again."""
        self._refusing = False

    def fall_silent(self) -> None:
        """Pass nothing more over the present lines, and say nothing about it; new ones are fine: half-open."""
        for line in self._lines:
            line.silent = True

    def swallow_reply(self, marker: bytes) -> threading.Event:
        """Pass on the next request that holds ``marker``, wait until it is done, and cut the line instead of telling.

        :returns: is set once that has happened.
        """
        self._swallowed = threading.Event()
        self._marker = marker
        return self._swallowed

    def swallow_request(self, like: bytes) -> threading.Event:
        """Pass on nothing of the next that holds what the expression ``like`` finds, and cut its line instead.

        :returns: is set once that has happened.
        """
        swallowed = threading.Event()
        self._unheard = (re.compile(like), swallowed)
        return swallowed

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._upstream()), timeout=5)
            except (OSError, LookupError):
                client.close()
                continue
            for side in (client, server):
                side.settimeout(None)
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = _Line(client, server)
            self._lines = [*(one for one in self._lines if one.client.fileno() >= 0), line]
            threading.Thread(target=self._to_server, args=(line,), daemon=True).start()
            threading.Thread(target=self._to_client, args=(line,), daemon=True).start()

    def _to_server(self, line: _Line) -> None:
        with contextlib.suppress(OSError):
            while part := line.client.recv(65536):
                if line.silent:
                    continue
                if self._marker is not None and self._marker in part:
                    self._marker, line.swallowing = None, True
                if self._unheard is not None and self._unheard[0].search(part):
                    (_, swallowed), self._unheard = self._unheard, None
                    swallowed.set()
                    break
                line.server.sendall(part)
        self._over(line)

    def _to_client(self, line: _Line) -> None:
        with contextlib.suppress(OSError):
            while part := line.server.recv(65536):
                if line.silent:
                    continue
                if line.swallowing:
                    line.swallowed += part
                    if READY_FOR_QUERY in line.swallowed:
                        break
                    continue
                line.client.sendall(part)
        self._over(line)
        if line.swallowing:
            self._swallowed.set()

    def _over(self, line: _Line) -> None:
        if not line.silent:  # of a half-open line neither side hears anything, not even its end
            line.end()
