"""The client of the bus, taking messages of pulls off the wire and acknowledging them many at a time.

Its own way, made for any message, is an expression tried on each frame, a dict of headers, a queue, a task's step and a
publish for each acknowledgement. Of messages that we pull only subject, place of answer and body count.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
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


class Connection(Client):
    """A connection of the client."""

    def __init__(self) -> None:
        super().__init__()
        self._pulls: dict[bytes, Callable[[Delivery], None]] = {}
        self._ps: Parser = _Frames(self, self._pulls)
        self._acknowledged: list[str] = []
        self._saying: set[asyncio.Task[None]] = set()

    def hand_over(self, subscription: int, take: Callable[[Delivery], None] | None) -> None:
        """Give what JetStream delivers to a subscription to ``take`` in place of its callback; None: no longer."""
        if take is None:
            self._pulls.pop(b"%d" % subscription, None)
        else:
            self._pulls[b"%d" % subscription] = take

    def acknowledge(self, reply: str) -> None:
        """Acknowledge a message as soon as the loop comes round."""
        if not self._acknowledged:
            asyncio.get_running_loop().call_soon(self._say)
        self._acknowledged.append(reply)

    async def close(self) -> None:
        """Hang up; what was acknowledged is said before."""
        await self._say_now()
        await super().close()

    def _say(self) -> None:
        saying = asyncio.create_task(self._say_now())
        self._saying.add(saying)
        saying.add_done_callback(self._saying.discard)

    async def _say_now(self) -> None:
        replies, self._acknowledged = self._acknowledged, []
        if replies and not self.is_closed:
            await self._send_command("".join([f"PUB {reply}  0\r\n\r\n" for reply in replies]).encode())
            await self._flush_pending()


class _Frames(Parser):
    """Takes what comes apart into frames; those that are not of a pull are the client's own parser's."""

    def __init__(self, client: Connection, pulls: dict[bytes, Callable[[Delivery], None]]) -> None:
        self._rest = b""
        self._pulls = pulls
        self._client = client
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
                words = held[at:end].split()
                size = int(words[-1])
                whole += size + 2
                if whole > length:
                    break
                take = pulls.get(words[2])
                if take is not None and len(words) > 4 and words[3].startswith(DELIVERED):
                    body = end + 2 + (int(words[4]) if words[0] == b"HMSG" else 0)
                    take(Delivery(client, words[1].decode(), words[3].decode(), held[body : whole - 2]))
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
