"""The references on the bus: NATS spoken over a bare socket, with as little around it as Python allows.

It speaks as one of the users of our own server, with that user's rights, to the same streams and consumers.
"""

import asyncio
import base64
import json
import secrets
from collections.abc import Sequence
from typing import Any, cast

import nkeys

from operate.nats import Nats, inbox_of
from shared.bus import stream_of

LARGEST_PULL = 5000  # what a consumer may have delivered and not acknowledged


class RawBus(asyncio.Protocol):
    """One connection. Answers to requests come to ``answers``; messages of a pull are counted and acknowledged."""

    def __init__(self, user: str, seed: bytes) -> None:
        self._user, self._seed = user, seed
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._presented = False
        self.connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.taken = 0
        self._until = 0
        self._all: asyncio.Future[None] | None = None
        self._asked = 0
        self._next = ""
        self._acks: list[bytes] = []
        self._ids: list[bytes] | None = None

    @classmethod
    async def open(cls, server: Nats, user: str) -> "RawBus":
        """Connect as a user."""
        seed = server.seed(user).read_bytes().strip()
        loop = asyncio.get_running_loop()
        _, bus = await loop.create_connection(lambda: cls(user, seed), "127.0.0.1", server.port)
        await bus.connected
        return bus

    def close(self) -> None:
        """Hang up."""
        assert self._transport is not None
        self._transport.close()

    # -- publishing ---------------------------------------------------------------------------------------------------

    async def publish_batch(self, messages: Sequence[tuple[str, str, bytes]]) -> None:
        """Publish (subject, message id, body) of all in one atomic batch, and wait for its acknowledgement."""
        batch, last = secrets.token_hex(8), len(messages)
        out: list[bytes] = []
        for number, (subject, msg_id, body) in enumerate(messages, start=1):
            commit, reply = ("Nats-Batch-Commit:1\r\n", f" {inbox_of(self._user)}.a") if number == last else ("", "")
            head = (
                f"NATS/1.0\r\nNats-Msg-Id:{msg_id}\r\nNats-Batch-Id:{batch}\r\nNats-Batch-Sequence:{number}\r\n"
                f"{commit}\r\n"
            ).encode()
            out.append(f"HPUB {subject}{reply} {len(head)} {len(head) + len(body)}\r\n".encode())
            out += (head, body, b"\r\n")
        self._write(b"".join(out))
        told = await self.answers.get()
        if told.get("count") != last:
            raise RuntimeError(f"the batch was not taken: {told}")

    async def publish_each(self, messages: Sequence[tuple[str, str, bytes]]) -> None:
        """Publish every message by itself, all of them under way at once, and wait for all acknowledgements."""
        reply = f"{inbox_of(self._user)}.a"
        out: list[bytes] = []
        for subject, msg_id, body in messages:
            head = f"NATS/1.0\r\nNats-Msg-Id:{msg_id}\r\n\r\n".encode()
            out.append(f"HPUB {subject} {reply} {len(head)} {len(head) + len(body)}\r\n".encode())
            out += (head, body, b"\r\n")
        self._write(b"".join(out))
        for _ in messages:
            told = await self.answers.get()
            if "seq" not in told:
                raise RuntimeError(f"a message was not taken: {told}")

    # -- pulling ------------------------------------------------------------------------------------------------------

    async def ids(self, publisher: str, messages: int) -> list[str]:
        """Take so many messages as ``pull`` does, and return their message ids in order."""
        self._ids = []
        await self.pull(publisher, messages)
        return [head.partition(b"Nats-Msg-Id:")[2].partition(b"\r")[0].strip().decode() for head in self._ids]

    async def pull(self, publisher: str, messages: int) -> None:
        """Take so many messages from this user's consumer and acknowledge each."""
        self.taken, self._until, self._asked = 0, messages, 0
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream_of(publisher)}.{self._user}"
        self._all = asyncio.get_running_loop().create_future()
        self._ask()
        await self._all
        self._all = None

    def _ask(self) -> None:
        """Ask for more while less than half of what may be under way is."""
        if self._asked < LARGEST_PULL // 2 and self._until > self.taken:
            more = min(LARGEST_PULL // 2, self._until - self.taken - self._asked)
            if more > 0:
                self._asked += more
                body = json.dumps({"batch": more, "expires": 5_000_000_000}).encode()
                self._write(f"PUB {self._next} {inbox_of(self._user)}.m {len(body)}\r\n".encode() + body + b"\r\n")

    # -- the socket ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=64 * 1024 * 1024)

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Take what came apart."""
        held = self._received + data if self._received else data
        at = 0
        while (end := held.find(b"\r\n", at)) >= 0:
            line = held[at:end]
            if line.startswith((b"HMSG", b"MSG")):
                words = line.split()
                size = int(words[-1])
                if len(held) < end + 4 + size:
                    break
                header = int(words[-2]) if words[0] == b"HMSG" else 0
                self._message(words, held, end + 2, header, size)
                at = end + 4 + size
                continue
            self._line(line)
            at = end + 2
        self._received = held[at:]
        if self._acks:
            self._write(b"".join(self._acks))
            self._acks.clear()
            self._ask()

    def _message(self, words: list[bytes], held: bytes, start: int, header: int, size: int) -> None:
        if words[1].endswith(b".a"):
            self.answers.put_nowait(json.loads(held[start + header : start + size]))
            return
        if len(words) - (3 if words[0] == b"MSG" else 4) < 2:
            return  # a status: the request ran out
        body = held[start + header : start + size]  # as a handler would get it
        if self._ids is not None:
            self._ids.append(held[start : start + header])
        self._acks.append(b"PUB " + words[3] + b" 4\r\n+ACK\r\n")
        self._asked -= 1
        self.taken += bool(body)
        if self.taken == self._until and self._all is not None and not self._all.done():
            self._all.set_result(None)

    def _line(self, line: bytes) -> None:
        if line.startswith(b"INFO ") and not self._presented:  # the server says more once it knows us
            self._presented = True
            self._present_ourselves(json.loads(line[5:]))
        elif line == b"PING":
            self._write(b"PONG\r\n")
        elif line == b"PONG" and not self.connected.done():
            self.connected.set_result(None)
        elif line.startswith(b"-ERR"):
            raise RuntimeError(line.decode())

    def _present_ourselves(self, info: dict[str, Any]) -> None:
        key = nkeys.from_seed(bytearray(self._seed))
        told = {
            "verbose": False,
            "pedantic": False,
            "headers": True,
            "no_responders": True,
            "protocol": 1,
            "lang": "raw",
            "version": "1",
            "name": "raw",
            "nkey": key.public_key.decode(),
            "sig": base64.b64encode(key.sign(info["nonce"].encode())).decode(),
        }
        self._write(b"CONNECT " + json.dumps(told).encode() + b"\r\n")
        self._write(f"SUB {inbox_of(self._user)}.> 1\r\nPING\r\n".encode())
