"""What is not plainly HTTP/1 is refused, before a request of ours begins; what is, gets in whole and in order."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from uvicorn.server import ServerState

from shared.serving import LARGEST_HEAD, config_of

HOST = b"Host: huurspoor.example\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
UPGRADE = HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"


async def told_back(scope: Any, receive: Any, send: Any) -> None:
    """Answer what came: method, path, the named headers and the body."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    named = [value.decode() for name, value in scope["headers"] if name in (b"authorization", b"x")]
    told = json.dumps([scope["method"], scope["path"], *named, body.decode()]).encode()
    headers = [(b"content-length", str(len(told)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": told})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a server as a service has it."""
    async with serving() as port:
        yield port


@asynccontextmanager
async def serving(*, seconds: float = 30) -> AsyncIterator[int]:
    """Serve an application that tells back what came, and keep connections alive for so long; yield the port."""
    config, state = config_of(told_back, host="127.0.0.1", port=0), ServerState()
    config.timeout_keep_alive = seconds  # type: ignore[assignment]
    config.load()
    protocol: Any = config.http_protocol_class
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    yield server.sockets[0].getsockname()[1]
    server.close()


class _Client(asyncio.Protocol):
    """Keeps what comes, also where the connection ends in an error behind it."""

    def __init__(self) -> None:
        self.received = b""
        self.came, self.ended = asyncio.Event(), asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.came.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.came.set()
        self.ended.set()


async def answers(port: int, *pieces: bytes) -> tuple[list[int], list[list[str]], bool]:
    """Send the pieces, and a last request that is in order; return statuses, what was told back, and whether it ended.

    Each piece is sent when what came before it was answered or a moment has passed.
    """
    transport, client = await asyncio.get_running_loop().create_connection(_Client, "127.0.0.1", port)
    for piece in (*pieces, b"GET /last HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"):
        client.came.clear()
        transport.write(piece)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.came.wait()
        if client.ended.is_set():
            break
    await client.ended.wait()
    received = client.received
    statuses = [int(found) for found in re.findall(rb"HTTP/1\.1 (\d+)", received)]
    bodies = [json.loads(found) for found in re.findall(rb"\[.*?\]", received)]
    lasted = bodies[-1:] == [["GET", "/last", ""]]
    return statuses[: len(statuses) - lasted], bodies[: len(bodies) - lasted], lasted


REFUSED = {
    "no host": b"GET /a HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /a HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "no version": b"GET /a\r\n\r\n",
    "another version": b"GET /a HTTP/2.0\r\n" + HOST + b"\r\n",
    "bytes beyond ASCII in the path": b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a blank in the path": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "NUL in a header": b"GET /a HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
    "a header over two lines": b"GET /a HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "a blank before the colon": b"GET /a HTTP/1.1\r\n" + HOST + b"X : a\r\n\r\n",
    "a bare CR": b"GET /a HTTP/1.1\r\n" + HOST + b"X: a\rb\r\n\r\n",
    "bare LF": b"GET /a HTTP/1.1\nHost: a\n\n",
    "two lengths": b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a length below nought": b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: -3\r\n\r\nabc",
    "a length beyond measure": b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nabc",
    "a length and chunks": CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "another coding": CHUNKED.replace(b"chunked", b"gzip, chunked") + b"3\r\nabc\r\n0\r\n\r\n",
    "a chunk of no length": CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
    "a chunk that is longer than it says": CHUNKED + b"3\r\nabcde\r\n0\r\n\r\n",
    "a head too long, in one piece": b"GET /a HTTP/1.1\r\n" + HOST + b"X: " + b"a" * LARGEST_HEAD + b"\r\n\r\n",
    "a method that is none": b"G(T /a HTTP/1.1\r\n" + HOST + b"\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303"),
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_not_plainly_http_is_refused_and_the_connection_ends(port: int, sent: bytes) -> None:
    assert await answers(port, sent) == ([400], [], False)


@pytest.mark.parametrize("sent", [b"GET /a HTTP/1.1\r\n\r\n", b"BREW /a\r\n\r\n"], ids=["no host", "no version"])
async def test_what_is_no_request_is_told_so_like_everything_else_that_is_wrong(port: int, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 400 ") and b"content-type: application/problem+json" in head
    assert (json.loads(body)["type"], json.loads(body)["status"]) == ("/problems/malformed-request", 400)


ENDLESS = {
    "head": (b"GET /a HTTP/1.1\r\n" + HOST + b"X: ", b"a"),
    "target": (b"GET /", b"a"),
    "chunk's head": (CHUNKED + b"3;", b"a"),
    "trailer": (CHUNKED + b"0\r\nX: ", b"a"),
}


@pytest.mark.parametrize(("begun", "more"), ENDLESS.values(), ids=ENDLESS.keys())
async def test_what_does_not_end_is_cut_off(port: int, begun: bytes, more: bytes) -> None:
    piece = more * (LARGEST_HEAD // 4)
    assert await answers(port, begun, piece, piece, piece, piece, piece) == ([400], [], False)


TAKEN = {
    "HTTP/1.1": (b"GET /a HTTP/1.1\r\n" + HOST + b"X: b\r\n\r\n", [["GET", "/a", "b", ""]]),
    "a method that nobody knows": (b"BREW /a HTTP/1.1\r\n" + HOST + b"\r\n", [["BREW", "/a", ""]]),
    "an address with its host": (b"GET http://x/a HTTP/1.1\r\n" + HOST + b"\r\n", [["GET", "/a", ""]]),
    "chunks": (CHUNKED + b"2;of=3\r\nab\r\n1\r\nc\r\n0\r\n\r\n", [["POST", "/a", "abc"]]),
    "a trailer, which is no header": (
        CHUNKED + b"1\r\nc\r\n0\r\nAuthorization: Bearer x\r\n\r\n",
        [["POST", "/a", "c"]],
    ),
    "an offer to upgrade": (b"GET /a HTTP/1.1\r\n" + UPGRADE + b"\r\n", [["GET", "/a", ""]]),
    "an offer to upgrade with a body": (
        b"POST /a HTTP/1.1\r\n" + UPGRADE + b"Content-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n" + HOST + b"\r\n",
        [["POST", "/a", "abc"], ["GET", "/b", ""]],
    ),
    "one behind the other": ((b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n") * 3, [["GET", "/a", ""]] * 3),
}


WHOLE = b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.mark.parametrize("begun", [b"", b"GET /a HTTP/1.1\r\nHo", WHOLE, WHOLE + b"GET /b HTTP/1.1\r\nHo"])
async def test_who_does_not_end_a_head_in_time_is_not_waited_for(begun: bytes) -> None:
    async with serving(seconds=1) as port, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        received = await reader.read()
        assert received.count(b"HTTP/1.1 200 OK") == begun.count(WHOLE)
        writer.close()


async def test_a_body_may_take_longer_than_a_head() -> None:
    async with serving(seconds=1) as port, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CHUNKED)
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        await idle.read()  # which was there later, and is not waited for any longer
        writer.write(b"0\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        idle_writer.close()


@pytest.mark.parametrize(("sent", "told"), TAKEN.values(), ids=TAKEN.keys())
async def test_what_is_plain_gets_in_whole_and_the_connection_goes_on(
    port: int, sent: bytes, told: list[list[str]]
) -> None:
    assert await answers(port, sent) == ([200] * len(told), told, True)
    half = len(sent) // 2
    assert await answers(port, sent[:half], sent[half:]) == ([200] * len(told), told, True)


BEHIND = {
    "nonsense": b"NONSENSE\r\n\r\n",
    "no host": b"GET /b HTTP/1.1\r\n\r\n",
    "a method that nobody knows": b"BREW /b HTTP/1.1\r\n" + HOST + b"\r\n",
    "an offer to upgrade": b"GET /b HTTP/1.1\r\n" + UPGRADE + b"\r\n",
}


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND.keys())
async def test_what_was_asked_is_answered_whatever_stands_behind_it(port: int, behind: bytes) -> None:
    asked = b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n"
    statuses, told, lasted = await answers(port, asked + asked + behind)
    assert (statuses, told, lasted) == ([200, 200], [["GET", "/a", ""]] * 2, False)
