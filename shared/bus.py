"""The bus as one process of ours uses it: a connection that is found again for ever, batches out, an endless pull in.

Everything here was chosen against a fault that was reproduced (architecture 3 and 4): a client that gives up after 60
attempts, a connection closed after an ``-ERR``, a pull that dies silently with its consumer, a denied publish that
looks like a timeout. Nobody relies on JetStream still holding anything.
"""

import asyncio
import contextlib
import json
import random
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from prometheus_client import Counter, Gauge

from shared.clock import seconds_running
from shared.deliveries import Answer, Connection, Delivery, subscription_id

log = structlog.get_logger()

SERVICES = ("visits", "evaluations", "referrals", "notifications")  # each publishes a stream and hears the others
# Evaluations may know no more of referrals than this (contract 4); everybody else hears all that a publisher says.
PARTS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("evaluations", "referrals"): ("ReferralOffered", "OcmwConsulted", "OcmwAnswered", "LogHeadAnnounced"),
}

CONNECTED = Gauge("huurspoor_bus_connected", "Whether the process is connected to the bus")
ERRORS = Counter("huurspoor_bus_errors", "What the client of the bus reported", ["cause"])

DUPLICATE_IN_BATCH = 10201
NOT_FOUND = (10014, 10059)  # no such consumer, no such stream
SECONDS_TO_LIE = 0.2  # at most, and at least half of it
ENOUGH = 64  # messages of which none is waited for
_REQUEST_SECONDS = 2.0


class BusAway(Exception):
    """The bus cannot be reached, or does not answer; nothing is known of what was sent."""


class BusRefused(Exception):
    """JetStream answered with an error.

    :ivar code: its ``err_code``.
    """

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{code} {description}")
        self.code = code


def stream_of(service: str) -> str:
    """Return the name of the stream that holds what a service publishes."""
    return service.upper()


def subjects_of(service: str) -> str:
    """Return the subjects on which a service, and nobody else, publishes."""
    return f"huurspoor.*.{service}.>"


def filters(consumer: str, publisher: str) -> tuple[str, ...]:
    """Return the subjects of ``publisher`` that ``consumer`` may hear."""
    part = PARTS.get((consumer, publisher))
    return (subjects_of(publisher),) if part is None else tuple(f"huurspoor.*.{publisher}.{event}.>" for event in part)


def inbox_of(user: str) -> str:
    """Return the prefix of a user's replies; nobody else may listen there."""
    return f"_INBOX.{user}"


class Seldom:
    """Says the same cause at most once in ten seconds: a bus that is away for a night must not fill the disk."""

    def __init__(self, *, seconds: float = 10.0) -> None:
        self._seconds = seconds
        self._said: dict[str, float] = {}

    def warn(self, event: str, cause: str, **beside: Any) -> None:
        """Log ``event`` unless it was logged for this cause just before."""
        now = seconds_running()
        if now - self._said.get(f"{event} {cause}", float("-inf")) < self._seconds:
            return
        if len(self._said) > 100:
            self._said.clear()
        self._said[f"{event} {cause}"] = now
        log.warning(event, cause=cause, **beside)


@dataclass(frozen=True)
class Batch:
    """Messages that the stream takes all together or not at all, as they are written to the bus (``batch_of``).

    :ivar written: all but the last one, whose coming commits the batch.
    :ivar subject: of that one; and its ``head`` as it is written, and its ``body``.
    """

    written: bytes
    subject: str
    head: bytes
    body: bytes
    size: int


def batch_of(messages: Sequence[tuple[str, str, bytes]]) -> Batch:
    """Return (subject, message id, body) of all as one batch, under an id of its own."""
    batch = secrets.token_hex(12)
    pieces: list[bytes] = []
    for number, (subject, msg_id, body) in enumerate(messages[:-1], start=1):
        head = f"NATS/1.0\r\nNats-Msg-Id: {msg_id}\r\nNats-Batch-Id: {batch}\r\nNats-Batch-Sequence: {number}\r\n\r\n"
        pieces += (f"HPUB {subject} {len(head)} {len(head) + len(body)}\r\n{head}".encode(), body, b"\r\n")
    subject, msg_id, body = messages[-1]
    last = {
        "Nats-Msg-Id": msg_id,
        "Nats-Batch-Id": batch,
        "Nats-Batch-Sequence": str(len(messages)),
        "Nats-Batch-Commit": "1",
    }
    return Batch(b"".join(pieces), subject, _head(last), body, len(messages))


def _head(headers: Mapping[str, str]) -> bytes:
    return "".join(["NATS/1.0\r\n", *(f"{name}: {value}\r\n" for name, value in headers.items()), "\r\n"]).encode()


def _told(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.json.decode(answer.data)
    if "error" in told:
        raise BusRefused(int(told["error"].get("err_code", 0)), str(told["error"].get("description", "")))
    return told


@dataclass(frozen=True)
class StreamState:
    """A stream as the server describes it."""

    created: str
    messages: int
    takes_batches: bool


class Bus:
    """The connection of one process. ``keep_connected`` runs for as long as the process lives.

    :ivar generation: grows with each connection and reconnection: what was asked of an earlier one is lost.
    :ivar denied: the last operation that the server did not permit, and when.
    """

    def __init__(self, address: str, *, user: str, seed_file: Path | None = None) -> None:
        self.user = user
        self.generation = 0
        self.denied: tuple[str, float] | None = None
        self.moved = asyncio.Event()
        self._address = address
        self._seed_file = seed_file
        self._client: Connection | None = None
        self._closed = asyncio.Event()
        self._leaving = False
        self._seldom = Seldom()

    @property
    def client(self) -> Connection | None:
        """The client while it is connected, else None."""
        client = self._client
        return client if client is not None and client.is_connected else None

    async def keep_connected(self) -> None:
        """Connect, and connect again whenever the client gave up; until cancelled."""
        while True:
            self._closed, self._leaving = asyncio.Event(), False
            client = Connection()
            try:
                await self._connect(client)
                await client.hear_answers()
                client.write_at_once()
                self._client = client
                self._has_moved()
                await self._closed.wait()
            except asyncio.CancelledError:
                await self._leave(client)
                raise
            except Exception as why:  # whatever the client raises, there is no reason to stop looking for the bus
                self._seldom.warn("bus-away", type(why).__name__)
            CONNECTED.set(0)
            self._client = None
            await self._leave(client)
            await asyncio.sleep(0.5)

    async def request(
        self, subject: str, body: bytes, *, head: bytes = b"", before: bytes = b"", seconds: float = _REQUEST_SECONDS
    ) -> dict[str, Any]:
        """Ask JetStream and return its JSON answer.

        :param head: headers as they are written. :param before: whole commands to be written just before.
        :raises BusAway: not connected, no answer in time, or nobody there to answer.
        :raises BusRefused: the answer is an error.
        """
        (answer,) = await self._asked(((subject, head, body),), before=before, seconds=seconds)
        return _told(answer)

    async def _asked(
        self, questions: Sequence[tuple[str, bytes, bytes]], *, before: bytes = b"", seconds: float = _REQUEST_SECONDS
    ) -> list[Answer]:
        """Ask (subject, head, body) of all at once, and return the answers. :raises BusAway: as ``request``."""
        client = self.client
        if client is None:
            raise BusAway("not connected")
        asked: list[asyncio.Future[Answer | None]] = []
        answers: list[Answer] = []
        try:
            for subject, head, body in questions:
                asked.append(client.ask(subject, body, head=head, before=before))
            async with asyncio.timeout(seconds):
                for one in asked:
                    answer = await one
                    if answer is None:
                        raise BusAway("connection lost")
                    if answer.status.startswith("503"):
                        raise BusAway("nobody answers")
                    answers.append(answer)
        except (TimeoutError, nats.errors.Error, OSError) as why:
            raise BusAway(type(why).__name__) from why
        finally:
            for one in asked:
                one.cancel()
        return answers

    async def stream(self, service: str) -> StreamState:
        """Return how a service's stream is. :raises BusAway: see ``request``. :raises BusRefused: there is none."""
        told = await self.request(f"$JS.API.STREAM.INFO.{stream_of(service)}", b"")
        return StreamState(
            created=str(told["created"]),
            messages=int(told["state"]["messages"]),
            takes_batches=bool(told["config"].get("allow_atomic", False)),
        )

    async def stored(self, service: str, number: int) -> bytes | None:
        """Return what stands at a number of the user's own stream, or None. :raises BusAway, BusRefused."""
        return await self._get(f"$JS.API.DIRECT.GET.{stream_of(service)}", json.dumps({"seq": number}).encode())

    async def last_said(self, publisher: str, event: str) -> bytes | None:
        """Return the last message of a publisher about itself, or None. :raises BusAway, BusRefused."""
        subject = f"huurspoor.platform.{publisher}.{event}.v1"
        return await self._get(f"$JS.API.DIRECT.GET.{stream_of(publisher)}.{subject}", b"")

    async def _get(self, subject: str, body: bytes) -> bytes | None:
        (answer,) = await self._asked(((subject, b"", body),))
        status, _, description = answer.status.partition(" ")
        if status == "404":
            return None
        if status:
            raise BusRefused(int(status), description)
        return answer.data

    async def backlog(self, publisher: str) -> int:
        """Return how many messages of a publisher wait for this user. :raises BusAway, BusRefused: as ``stream``."""
        told = await self.request(f"$JS.API.CONSUMER.INFO.{stream_of(publisher)}.{self.user}", b"")
        return int(told["num_pending"]) + int(told["num_ack_pending"])

    async def publish(self, subject: str, body: bytes, *, msg_id: str) -> bool:
        """Publish one message; False when the stream held its id already.

        :raises BusAway, BusRefused: as ``request``.
        """
        return (await self.publish_each([(subject, msg_id, body)]))[0]

    async def publish_each(self, messages: Sequence[tuple[str, str, bytes]]) -> list[bool]:
        """Publish (subject, message id, body) of each by itself, all at once; whether each was new to the stream.

        :raises BusAway, BusRefused: as ``request``; which of them were stored is not known.
        """
        questions = [(subject, _head({"Nats-Msg-Id": msg_id}), body) for subject, msg_id, body in messages]
        return [not _told(answer).get("duplicate", False) for answer in await self._asked(questions)]

    async def publish_batch(self, batch: Batch) -> None:
        """Publish all messages of a batch or none of them, with one acknowledgement.

        :raises BusRefused: with code ``DUPLICATE_IN_BATCH`` when the stream holds the id of one of them.
        :raises BusAway: as ``request``; whether they were stored is not known.
        """
        # Others may be under way before it, and its answer comes behind all that the server had already taken in.
        told = await self.request(batch.subject, batch.body, head=batch.head, before=batch.written, seconds=10.0)
        if told.get("count") != batch.size:
            # Another publisher's or an older server's answer: it was taken for a single message.
            raise BusRefused(0, "the batch was not acknowledged as one")

    async def drained(self) -> None:
        """Return when what was written has left the process, but for a little; after a second at most."""
        client = self.client
        if client is not None and client._transport is not None:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await client._transport.drain()  # type: ignore[no-untyped-call]

    async def connected(self) -> Connection:
        """Wait until the bus is there and return its client."""
        while True:
            client = self.client
            if client is not None:
                return client
            self.moved.clear()
            with contextlib.suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the event.
                async with asyncio.timeout(1.0):
                    await self.moved.wait()

    async def _connect(self, client: Client) -> None:
        await client.connect(
            self._address,
            name=self.user,
            nkeys_seed=None if self._seed_file is None else str(self._seed_file),
            inbox_prefix=inbox_of(self.user),
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.25,  # type: ignore[arg-type]
            connect_timeout=2,
            ping_interval=4,  # with two that may be missing, a half-open connection is noticed after 12 s at most
            max_outstanding_pings=2,
            drain_timeout=5,
            error_cb=self._notice,
            disconnected_cb=self._lost,
            reconnected_cb=self._found,
            closed_cb=self._ended,
        )

    async def _notice(self, error: Exception) -> None:
        said = str(error).lower()
        if "permissions violation" in said:
            # A denied publish is told nowhere else. The text holds a subject of ours, never a body.
            self.denied = (str(error).removeprefix("nats: "), seconds_running())
            ERRORS.labels("permission-denied").inc()
            self._seldom.warn("bus-permission-denied", self.denied[0])
            return
        cause = "authorization" if "authorization" in said else "connection"
        ERRORS.labels(cause).inc()
        self._seldom.warn("bus-away", cause)

    async def _lost(self) -> None:
        CONNECTED.set(0)
        if not self._leaving:
            # A connection that is half open ends without an error of its own.
            ERRORS.labels("connection").inc()
            self._seldom.warn("bus-away", "connection")
        if self._client is not None:
            self._client.lose_answers()

    async def _found(self) -> None:
        if self._client is not None:
            self._client.write_at_once()
        self._has_moved()

    async def _ended(self) -> None:
        self._closed.set()

    def _has_moved(self) -> None:
        self.generation += 1
        CONNECTED.set(1)
        self.moved.set()

    async def _leave(self, client: Client) -> None:
        self._leaving = True
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2.0):
                await client.close()


class Pull:
    """An endless pull from this user's durable consumer in a publisher's stream.

    It hands over what has arrived as soon as it has, and asks again by itself after a restart of the server, a wiped
    store or a deleted consumer: only the name counts, the bus keeper makes both again under the same one.

    :param largest: so many messages are handed over at once; twice as many may be under way.
    :param gate: nothing is asked for while this is not set; a second process of a service stands by.
    :param may_wait: whether a message, by its subject, may lie here for a part of ``SECONDS_TO_LIE`` while nothing else
        comes; drawn at random, since services that hear the same messages would all store them in one moment.
    :ivar alive: the consumer answered when it was last asked.
    """

    def __init__(
        self,
        bus: Bus,
        publisher: str,
        *,
        gate: asyncio.Event | None = None,
        largest: int = 256,
        may_wait: Callable[[str], bool] = lambda _subject: False,
    ) -> None:
        self.publisher = publisher
        self._gate = gate
        self._may_wait = may_wait
        self.alive = False
        self._bus = bus
        self._largest = largest
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream_of(publisher)}.{bus.user}"
        self._arrived: deque[Delivery] = deque()
        self._said: deque[Msg] = deque()  # of requests: that they ran out, or that nobody is there
        self._due = asyncio.Event()  # there is something to be handed over, or to be heard of a request
        self._lying: asyncio.TimerHandle | None = None  # until that is due
        self._stopping = False

    async def batches(self) -> AsyncIterator[list[Delivery]]:
        """Yield batches of at least one message, until ``stop``."""
        while (client := await self._connected()) is not None:
            inbox = client.new_inbox()
            subscription = await client.subscribe(f"{inbox}.*", cb=self._say)
            client.hand_over(subscription_id(subscription), self._arrive)
            try:
                async for batch in self._from(client, inbox):
                    yield batch
            finally:
                with contextlib.suppress(Exception):
                    await subscription.unsubscribe()
                client.hand_over(subscription_id(subscription), None)
                await self._give_back()

    async def stop(self) -> None:
        """Fetch nothing new; what is being handled is finished, what was only fetched goes back."""
        self._stopping = True
        self.hurry()

    def hurry(self) -> None:
        """Hand over now what lies here."""
        self._due.set()

    async def unsubscribe(self) -> None:
        """Stop, in the name FastStream calls it by."""
        await self.stop()

    async def _from(self, client: Connection, inbox: str) -> AsyncIterator[list[Delivery]]:
        asked, until, generation, number = 0, 0.0, -1, 0
        while not self._stopping and self._bus.client in (client, None):
            if self._bus.client is None:
                self.alive = False
                await self._connected()
                continue
            now = seconds_running()
            if self._gate is not None and not self._gate.is_set() and asked <= 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.25):
                        await self._gate.wait()
                continue
            if asked <= 0 or now > until or generation != self._bus.generation:
                number += 1
                ask = json.dumps({"batch": 2 * self._largest, "expires": 2_000_000_000}).encode()
                try:
                    await client.publish(self._next, ask, reply=f"{inbox}.{number}")
                except (nats.errors.Error, OSError):
                    await asyncio.sleep(0.25)
                    continue
                asked, until, generation = 2 * self._largest, now + 2.5, self._bus.generation
            if not self._due.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.05, until - now)):
                        await self._due.wait()
            if not (self._arrived or self._said):
                # Neither a message nor the word that the request ran out: nobody heard it.
                self.alive = self.alive and seconds_running() < until
                self._due.clear()
                continue
            batch = [self._arrived.popleft() for _ in range(min(len(self._arrived), self._largest))]
            if not self._arrived:
                self._nothing_is_due()
            asked -= len(batch)
            gone = False
            while self._said:
                said = self._said.popleft()
                headers = said.headers or {}
                if said.subject == f"{inbox}.{number}" and headers.get("Status") != "100":
                    asked = 0
                    gone = headers.get("Status") in ("409", "503") and "Batch Completed" not in headers.get(
                        "Description", ""
                    )
            if batch or not gone:
                self.alive = True
            if batch:
                yield batch
            elif gone:
                self.alive = False
                await asyncio.sleep(0.2)

    async def _connected(self) -> Connection | None:
        """Wait for the bus; None once this pull is stopped."""
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.25):
                    return await self._bus.connected()
        return None

    def _arrive(self, message: Delivery) -> None:
        self._arrived.append(message)
        if self._due.is_set():
            return
        if len(self._arrived) >= ENOUGH or not self._may_wait(message.subject):
            self.hurry()
        elif self._lying is None:
            lies = random.uniform(SECONDS_TO_LIE / 2, SECONDS_TO_LIE)
            self._lying = asyncio.get_running_loop().call_later(lies, self.hurry)

    async def _say(self, word: Msg) -> None:
        self._said.append(word)
        self._due.set()

    def _nothing_is_due(self) -> None:
        if self._lying is not None:
            self._lying.cancel()
            self._lying = None
        self._due.clear()

    async def _give_back(self) -> None:
        self._nothing_is_due()
        self._said.clear()
        while self._arrived:
            with contextlib.suppress(Exception):
                await self._arrived.popleft().nak()
