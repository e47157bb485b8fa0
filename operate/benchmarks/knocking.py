"""The load of all HTTP cells: one generator for ours and for every reference, so that it favours nobody.

Raw HTTP/1.1 over connections that are kept, on asyncio protocols, each request's bytes made before its time is taken.
It costs some 40 µs a request of one core; a client library would cost as much as the servers that are compared.
"""

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit

from operate.benchmarks.cell import Run

Requests = Callable[[], bytes]


class Unexpected(Exception):
    """A server answered something else than asked for; the text holds its answer."""


class Connection(asyncio.Protocol):
    """One kept connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._body_at = 0
        self._whole = 0
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None

    @classmethod
    async def open(cls, address: str) -> "Connection":
        """Connect to the server of an ``http://`` address."""
        parts = urlsplit(address)
        _, connection = await asyncio.get_running_loop().create_connection(cls, parts.hostname or "", parts.port or 80)
        return connection

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request and return status and body of its answer. :raises OSError: the connection was cut."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("cut")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be connected."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take a piece of an answer."""
        self._received += data
        if not self._whole:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._received[:end]).lower()
            length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            self._body_at, self._whole = end + 4, end + 4 + int(length)
        if len(self._received) >= self._whole and self._waiting is not None:
            status, body = int(self._received[9:12]), bytes(self._received[self._body_at : self._whole])
            self._received.clear()
            self._whole = 0
            if not self._waiting.done():
                self._waiting.set_result((status, body))

    def connection_lost(self, why: Exception | None) -> None:
        """Tell who waits."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(why or ConnectionResetError("cut"))


class Callers:
    """So many kept connections to one server."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._connections = connections

    @classmethod
    async def of(cls, address: str, connections: int) -> Self:
        """Open the connections."""
        return cls([await Connection.open(address) for _ in range(connections)])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        for connection in self._connections:
            connection.close()

    async def busy(self, seconds: float, request: Requests, *, connections: int | None = None, status: int) -> Run:
        """Let each connection ask, one request after the other, for so many seconds.

        :raises Unexpected: an answer had another status.
        """
        times: list[float] = []
        begun = perf_counter()
        until = begun + seconds

        async def caller(connection: Connection) -> None:
            while perf_counter() < until:
                asked = request()
                sent = perf_counter()
                found, body = await connection.ask(asked)
                times.append(perf_counter() - sent)
                if found != status:
                    raise Unexpected(f"{found} {body[:500]!r}")

        await asyncio.gather(*(caller(connection) for connection in self._connections[:connections]))
        return Run.of(times, perf_counter() - begun)

    async def all_of(self, requests: Sequence[bytes], *, status: int) -> list[bytes]:
        """Send every request once, as many at a time as there are connections; return the bodies in order.

        :raises Unexpected: an answer had another status.
        """
        bodies: list[bytes] = [b""] * len(requests)
        left = iter(enumerate(requests))

        async def caller(connection: Connection) -> None:
            for number, request in left:
                found, bodies[number] = await connection.ask(request)
                if found != status:
                    raise Unexpected(f"{found} {bodies[number][:500]!r}")

        await asyncio.gather(*(caller(connection) for connection in self._connections))
        return bodies

    async def evenly(self, seconds: float, per_second: int, request: Callable[[float], bytes], *, status: int) -> None:
        """Send requests at even intervals, whether or not earlier ones are answered; return when all are.

        ``request`` is given the moment (``perf_counter``) at which its request was due: a late one counts as sent then.

        :raises Unexpected: an answer had another status.
        """
        free: asyncio.Queue[Connection] = asyncio.Queue()
        for connection in self._connections:
            free.put_nowait(connection)

        async def one(due: float) -> None:
            connection = await free.get()
            found, body = await connection.ask(request(due))
            free.put_nowait(connection)
            if found != status:
                raise Unexpected(f"{found} {body[:500]!r}")

        asked: list[asyncio.Task[None]] = []
        begun = perf_counter()
        for number in range(round(seconds * per_second)):
            due = begun + number / per_second
            await asyncio.sleep(max(0.0, due - perf_counter()))
            asked.append(asyncio.create_task(one(due)))
        await asyncio.gather(*asked)


def post(path: str, body: bytes, *headers: str) -> bytes:
    """Return the bytes of a POST with a JSON body."""
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body
