"""The client of the bus, taking messages of pulls off the wire and acknowledging them many at a time; and asking.

Its own way, made for any message, is an expression tried on each frame, a dict of headers, a queue, a task's step and a
publish for each acknowledgement. Of messages that we pull only subject, place of answer and body count. What is asked
goes out in one piece at once, and its answer goes straight to who asked.
"""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import MaxPayloadError
from nats.protocol.parser import Parser

CRLF = b"\r\n"
DELIVERED = b"$JS.ACK."  # where JetStream wants a delivered message to be acknowledged


class Delivery(Msg):
    """A message of a pull."""

    async def ack(self) -> None:
        """Acknowledge it, in one piece with all that are acknowledged in the same moment."""
        assert isinstance(self._client, Connection)
        self._client.acknowledge(self.reply)
        self._ackd = True


class Answer(NamedTuple):
    """What was answered to a question.

    :ivar status: what its head says of it, such as ``503 No Responders``; empty where it says nothing.
    """

    status: str
    data: bytes


class Connection(Client):
    """A connection of the client."""

    def __init__(self) -> None:
        super().__init__()
        self._pulls: dict[bytes, Callable[[Delivery], None]] = {}
        self._frames = self._ps = _Frames(self, self._pulls)
        self._answers_to = ""
        self._asked = 0
        self._waiting: dict[bytes, asyncio.Future[Answer | None]] = {}
        self._acknowledged: list[str] = []

    def hand_over(self, subscription: int, take: Callable[[Delivery], None] | None) -> None:
        """Give what JetStream delivers to a subscription to ``take`` in place of its callback; None: no longer."""
        if take is None:
            self._pulls.pop(b"%d" % subscription, None)
        else:
            self._pulls[b"%d" % subscription] = take

    async def hear_answers(self) -> None:
        """Hear what is answered, from now on and over every reconnection; before the first ``ask``."""
        self._answers_to = self.new_inbox()
        subscription = await self.subscribe(f"{self._answers_to}.*", cb=_nothing)
        self._frames.answers = b"%d" % subscription_id(subscription)

    def write_at_once(self) -> None:
        """Let what is written go to the socket in that moment; after each connection.

        uvloop writes when the loop comes round: behind all that is ready to run, such as the answer to a request.
        """
        if self._to_server is not None:
            self._to_server.transport.set_write_buffer_limits(high=0)

    def ask(self, subject: str, body: bytes, *, head: bytes, before: bytes = b"") -> "asyncio.Future[Answer | None]":
        """Ask, in this very moment; return what will hold the answer, or None where the connection was lost.

        :param head: headers as they are written, or nothing. :param before: whole commands to be written just before.
        :raises OSError: not connected. :raises nats.errors.MaxPayloadError: the server takes nothing so large.
        """
        if len(head) + len(body) > self.max_payload:
            raise MaxPayloadError
        self._asked += 1
        reply = f"{self._answers_to}.{self._asked}"
        size = f"{len(head)} {len(head) + len(body)}" if head else f"{len(body)}"
        command = f"{'HPUB' if head else 'PUB'} {subject} {reply} {size}\r\n".encode()
        self._write(before, b"".join((command, head, body, CRLF)))
        place = reply.encode()
        answer = self._waiting[place] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda _answer: self._waiting.pop(place, None))
        return answer

    def answered(self, place: bytes, head: bytes, data: bytes) -> None:
        """Give an answer to who asked."""
        asked = self._waiting.get(place)
        if asked is not None and not asked.done():
            asked.set_result(Answer(head.partition(CRLF)[0].partition(b" ")[2].decode(), data))

    def lose_answers(self) -> None:
        """Tell everybody who asked that no answer will come."""
        for asked in self._waiting.values():
            if not asked.done():
                asked.set_result(None)

    def _write(self, *commands: bytes) -> None:
        """Write at once, behind what already waits to be written. :raises OSError: not connected, or no longer."""
        writer = self._open_writer()
        if writer is None:
            raise ConnectionResetError("not connected")
        waiting, self._pending, self._pending_data_size = self._pending, [], 0
        writer.writelines([*waiting, *filter(None, commands)])

    def _open_writer(self) -> asyncio.StreamWriter | None:
        """Return what writes to the server, None where we are not connected, or no longer."""
        writer = self._to_server
        return None if writer is None or writer.is_closing() or not self.is_connected else writer

    @property
    def _to_server(self) -> asyncio.StreamWriter | None:
        writer: asyncio.StreamWriter | None = getattr(self._transport, "_io_writer", None)
        return writer

    def acknowledge(self, reply: str) -> None:
        """Acknowledge a message as soon as the loop comes round."""
        if not self._acknowledged:
            asyncio.get_running_loop().call_soon(self._say)
        self._acknowledged.append(reply)

    async def close(self) -> None:
        """Hang up; what was acknowledged is said before."""
        self._say()
        await super().close()

    async def _process_op_err(self, why: Exception) -> None:
        """Hang up a connection that is lost, and look for another one.

        The client would wait until all is written, which over a connection that is half open takes a quarter of an
        hour, and find no other one meanwhile.
        """
        if self._to_server is not None and not (self.is_closed or self.is_reconnecting):
            self._to_server.transport.abort()
        await super()._process_op_err(why)

    def _say(self) -> None:
        replies, self._acknowledged = self._acknowledged, []
        if not replies or self.is_closed:
            return
        said = "".join([f"PUB {reply}  0\r\n\r\n" for reply in replies]).encode()
        self._pending.append(said)
        self._pending_data_size += len(said)
        if self._open_writer() is not None:  # else over the next connection
            self._write()


class _Frames(Parser):
    """Takes what comes apart into frames; those that are not of a pull are the client's own parser's."""

    def __init__(self, client: Connection, pulls: dict[bytes, Callable[[Delivery], None]]) -> None:
        self._rest = b""
        self._pulls = pulls
        self._client = client
        self.answers = b""  # the number of the subscription to which answers come
        super().__init__(client)

    def reset(self) -> None:
        """Forget what a lost connection left half."""
        self._rest = b""
        super().reset()

    async def parse(self, data: bytes = b"") -> None:
        """Take a piece of what the server says."""
        held = self._rest + data if self._rest else data
        self._rest = b""
        client, pulls, at, length, taken = self._client, self._pulls, 0, len(held), 0
        while (end := held.find(CRLF, at)) >= 0:
            whole = end + 2
            if held.startswith((b"HMSG ", b"MSG "), at):
                words = held[at:end].split(b" ")  # all other blanks may be part of a subject
                size = int(words[-1])
                whole += size + 2
                if whole > length:
                    break
                if words[2] == self.answers:
                    body = end + 2 + (int(words[-2]) if words[0] == b"HMSG" else 0)
                    client.answered(words[1], held[end + 2 : body], held[body : whole - 2])
                    at = whole
                    continue
                take = pulls.get(words[2])
                if take is not None and len(words) > 4 and words[3].startswith(DELIVERED):
                    body = end + 2 + (int(words[4]) if words[0] == b"HMSG" else 0)
                    subject = words[1].decode(errors="surrogateescape")  # a message's subject may be no text at all
                    take(Delivery(client, subject, words[3].decode(), held[body : whole - 2]))
                    at, taken = whole, taken + 1
                    continue
            frame, at = held[at:whole], whole
            await super().parse(frame)
        self._rest = held[at:]
        client.stats["in_msgs"] += taken


def subscription_id(subscription: Any) -> int:
    """Return the number under which the server knows a subscription."""
    number: int = subscription._id
    return number


async def _nothing(_message: Msg) -> None:
    """Hear nothing in the client's own way."""
