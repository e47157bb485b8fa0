"""On the bus: the relay, a typed handler, and effects of messages, beside bare sockets and pgbench.

PostgreSQL and NATS are real servers with their data synced to disk at every commit and every batch; relay and consumer
are the service's own, run in the benchmark's process with nothing else in it, as the references are.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import Any

import asyncpg
from nats.aio.msg import Msg

from operate.benchmarks.cell import Cell, NotAsAcknowledged, Run
from operate.benchmarks.ground import OFFICE, Ground, followed, single_rows
from operate.benchmarks.raw_bus import RawBus
from operate.bus_keeper import consumer, tend
from operate.nats import Nats
from operate.nats import running as nats_running
from shared.bus import Bus, Pull, stream_of
from shared.clock import SystemClock
from shared.codec import Codec
from shared.contracts.visits import VisitPlannedV1
from shared.correspondence import Correspondence
from shared.decisions import Recorded, Stream
from shared.declared import LARGEST_BATCH, declare
from shared.event_sourcing import EventStore
from shared.heads import STREAMS
from shared.log import event_log, lay_out
from shared.outbox import JustCommitted, Relay, envelopes, message_id, subject_of
from shared.serving import set_aside_what_stays
from shared.told import Reactions, Reader, Told
from shared.writer.loop import Writer

PUBLISHER, READER, OTHER = "visits", "notifications", "referrals"
LARGEST_ATOMIC = 1000  # what the server takes in one batch
ON_THE_STREAM = 60_000
AT_ONCE = 10_000  # rows that go to the store in one statement
SUBJECT = subject_of(OFFICE, PUBLISHER, "VisitPlanned", 1)


async def relay_cells(on: Ground) -> AsyncIterator[Cell]:
    """From committed rows to the saved cursor, beside publishing the same bytes over a bare socket.

    The reference has message ids too, and the fastest way the server knows: atomic batches as large as it takes.
    """
    async with bus_of(on) as bus:
        relaying = await _Relaying.begun(on, bus)
        raw = await RawBus.open(bus.server, PUBLISHER)
        numbers = count(1)

        async def against(seconds: float) -> Run:
            done, begun = 0, perf_counter()
            while perf_counter() - begun < seconds:
                batch = [(SUBJECT, f"raw-{next(numbers)}", relaying.body(number)) for number in range(LARGEST_ATOMIC)]
                await raw.publish_batch(batch)
                done += len(batch)
            return Run(done / (perf_counter() - begun), 0.0, 0.0)

        async def one_by_one() -> dict[str, Any]:
            begun = perf_counter()
            await raw.publish_each(
                [(SUBJECT, f"raw-{next(numbers)}", relaying.body(number)) for number in range(LARGEST_ATOMIC)]
            )
            return {"raw_without_batches": round(LARGEST_ATOMIC / (perf_counter() - begun), 1)}

        yield Cell("relay", "messages/s", relaying.relay, against, relaying.check, beside=one_by_one)
        raw.close()
        await relaying.end()


class _Relaying:
    """A relay at work on a database of its own."""

    def __init__(self, on: Ground, bus: "_Bus", database: str, connection: asyncpg.Connection) -> None:
        self._bus = bus
        self._owner = connection
        self._rows = planned(1, 1000)
        self._committed = JustCommitted()
        self._client = Bus(bus.server.address, user=PUBLISHER, seed_file=bus.server.seed(PUBLISHER))
        relay = Relay(PUBLISHER, self._client, lambda: asyncpg.connect(on.url(database, "visits_all")), self._committed)
        self._tasks = [asyncio.create_task(self._client.keep_connected()), asyncio.create_task(relay.run())]
        self._published = 0
        self._rate = 60_000.0  # of the stretch before

    @classmethod
    async def begun(cls, on: Ground, bus: "_Bus") -> "_Relaying":
        """Lay out a database and let the relay run on it."""
        database = on.fresh()
        log = event_log(on.dsn(database, "visits_owner"))
        lay_out(log, PUBLISHER)
        log.datastore.close()
        return cls(on, bus, database, await asyncpg.connect(on.url(database, "visits_owner")))

    def body(self, number: int) -> bytes:
        """Return one of the envelopes that are published."""
        return self._rows[number % len(self._rows)]

    async def relay(self, seconds: float) -> Run:
        """Commit as many rows as took that long the last time, and wait until the cursor behind the last is saved."""
        rows, first = max(LARGEST_ATOMIC, int(seconds * self._rate)), self._published + 1
        async with self._owner.transaction():
            for start in range(first, first + rows, AT_ONCE):
                positions = range(start, min(start + AT_ONCE, first + rows))
                await self._owner.execute(
                    "insert into outbox (office, position, version, type, subject, msg_id, envelope)"
                    " select $1, x.position, 1, 'VisitPlanned', $2, x.id, x.body"
                    " from unnest($3::bigint[], $4::text[], $5::bytea[]) x(position, id, body)",
                    OFFICE,
                    SUBJECT,
                    positions,
                    [message_id(PUBLISHER, 1, position, 1) for position in positions],
                    [self.body(position) for position in positions],
                )
            self._published += rows
            await self._owner.execute("update head set published = $1", self._published)
        begun = perf_counter()
        self._committed.set()
        # Who looks takes time from ours alone: the nearer the end the more often, from the rate of the stretch before.
        while (left := self._published - await self._owner.fetchval("select position from relay")) > 0:
            await asyncio.sleep(max(0.005, left / self._rate / 2))
        self._rate = rows / (perf_counter() - begun)
        return Run(self._rate, 0.0, 0.0)

    async def check(self) -> None:
        """Check that the stream holds each position once, in order."""
        raw = await RawBus.open(self._bus.server, READER)
        await self._bus.make_again(READER)
        ids = await raw.ids(PUBLISHER, await self._bus.messages())
        raw.close()
        seen = [id for id in ids if id.startswith("visits-")]
        if seen != [message_id(PUBLISHER, 1, position, 1) for position in range(1, self._published + 1)]:
            raise NotAsAcknowledged(f"{len(seen)} messages on the stream for {self._published} rows, or out of order")

    async def end(self) -> None:
        """Stop the relay."""
        await _ended(self._tasks)
        await self._owner.close()


async def consume_cells(on: Ground) -> AsyncIterator[Cell]:
    """A typed handler under FastStream, beside pulling and acknowledging over a bare socket."""
    async with bus_of(on) as bus:
        await bus.more(1, ON_THE_STREAM)
        raw = await RawBus.open(bus.server, OTHER)

        async def pull() -> None:
            await raw.pull(PUBLISHER, ON_THE_STREAM)

        handled: list[int] = []

        async def consume() -> None:
            handled.clear()
            await _handled(bus, handled)

        async def check() -> None:
            if sorted(handled) != list(range(1, ON_THE_STREAM + 1)):
                raise NotAsAcknowledged(f"{len(handled)} of {ON_THE_STREAM} messages were handled, or one twice")
            if await bus.waiting(READER):
                raise NotAsAcknowledged("not every message was acknowledged")

        yield Cell(
            "consume",
            "messages/s",
            lambda seconds: bus.passes(seconds, READER, consume),
            lambda seconds: bus.passes(seconds, OTHER, pull),
            check,
        )
        raw.close()


async def _handled(bus: "_Bus", handled: list[int]) -> None:
    """Let the reader's subscriber handle everything on the stream, typed, and acknowledge each message."""
    client = Bus(bus.server.address, user=READER, seed_file=bus.server.seed(READER))
    connected = asyncio.create_task(client.keep_connected())
    await client.connected()
    reader = Reader(READER, {VisitPlannedV1: None}, SystemClock())
    pull = Pull(client, PUBLISHER, largest=LARGEST_BATCH)

    async def take_in(publisher: str, batch: Sequence[Msg]) -> None:
        for message in batch:
            told = reader.read(publisher, message.subject, message.data)
            assert isinstance(told, Told) and isinstance(told.data, VisitPlannedV1)
            handled.append(told.position)
            await message.ack()

    broker, subscribers = declare(READER, [PUBLISHER], take_in, client.connected)
    subscribers[PUBLISHER].subscription = pull
    await broker.start()
    async for batch in pull.batches():
        await subscribers[PUBLISHER].consume(batch)
        if len(handled) >= ON_THE_STREAM:
            break
    client_connection = await client.connected()
    await client_connection.flush()
    await _ended([connected])


async def effect_cells(on: Ground) -> AsyncIterator[Cell]:
    """Messages that each have an effect, an inbox row and a commit, beside pgbench's one row at 32 callers."""
    async with bus_of(on) as bus:
        taking = await _Taking.begun(on, bus)
        yield Cell("consume-effect", "effects/s", taking.take, await single_rows(on, 32), taking.check)
        await taking.end()


KEPT: Stream[int, VisitPlannedV1] = Stream("kept", initial=0, evolve=lambda n, _told: n + 1, events=VisitPlannedV1)


class _Taking:
    """A service that takes messages in, each into a stream of its own."""

    def __init__(self, on: Ground, bus: "_Bus", database: str, every_office: asyncpg.Pool) -> None:
        self._on, self._bus, self._database, self._every_office = on, bus, database, every_office
        codec = Codec((KEPT, *STREAMS))
        self.writer = Writer(
            service=READER,
            connect=lambda: asyncpg.connect(on.url(database, READER)),
            codec=codec,
            streams=(KEPT, *STREAMS),
            published=lambda _event, _state, _id: (),
            resources=[],
            views=[],
            authority_stream=None,
            clock=SystemClock(),
        )
        self._store = EventStore(self.writer, codec, every_office, None)  # type: ignore[arg-type]
        self._client = Bus(bus.server.address, user=READER, seed_file=bus.server.seed(READER))
        self._tasks = [asyncio.create_task(self.writer.run()), asyncio.create_task(self._client.keep_connected())]
        self._reactions = Reactions()
        self._reactions.keep(KEPT, VisitPlannedV1, of=lambda told: told.data.visit)
        self._on_the_stream = 0

    @classmethod
    async def begun(cls, on: Ground, bus: "_Bus") -> "_Taking":
        """Lay out the reader's database and start its writer."""
        database = on.fresh(READER)
        log = event_log(on.dsn(database, f"{READER}_owner"))
        lay_out(log, READER)
        log.datastore.close()
        pool = await asyncpg.create_pool(on.url(database, f"{READER}_all"), min_size=1, max_size=4)
        taking = cls(on, bus, database, pool)
        await taking.writer.ready.wait()
        return taking

    def _correspondence(self) -> Correspondence:
        relay = Relay(
            READER,
            self._client,
            lambda: asyncpg.connect(self._on.url(self._database, f"{READER}_all")),
            self.writer.committed,
            self.writer.ready,
        )
        return Correspondence(
            READER,
            self._store,
            self._client,
            relay,
            self._reactions,
            clock=SystemClock(),
            every_office=self._every_office,
        )

    async def take(self, seconds: float) -> Run:
        """Let messages wait, begin to take them in, and measure from the first effect on for so many seconds."""
        self._on_the_stream += await self._bus.more(self._on_the_stream + 1, int(seconds * 12_000) + 2000)
        correspondence = self._correspondence()
        progress = correspondence.inbox.progress[PUBLISHER]
        task = asyncio.create_task(correspondence.run())
        await correspondence.inbox.loaded.wait()
        already = progress.done.floor
        while progress.done.last <= already:
            progress.moved.clear()
            await progress.moved.wait()
        first, begun = progress.counts["VisitPlanned"], perf_counter()
        while perf_counter() - begun < seconds and progress.done.floor < self._on_the_stream:
            await asyncio.sleep(0.005)
        taken, took = progress.counts["VisitPlanned"] - first, perf_counter() - begun
        while progress.done.floor < self._on_the_stream:
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return Run(taken / took, 0.0, 0.0)

    async def check(self) -> None:
        """Check that each message had one effect, and that all of them delivered again have none."""
        await self._one_effect_each()
        await self._bus.make_again(READER)
        correspondence = self._correspondence()
        task = asyncio.create_task(correspondence.run())
        while await self._bus.waiting(READER):
            await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._one_effect_each()

    async def _one_effect_each(self) -> None:
        seen = await followed(self._on, self._database, role=f"{READER}_all")
        rows = await self._every_office.fetchval("select count(*) from inbox where state = 'taken'")
        kept = {stream: version for stream, version in seen.items() if "/kept/" in stream}
        if not len(kept) == rows == self._on_the_stream or set(kept.values()) != {1}:
            raise NotAsAcknowledged(f"{self._on_the_stream} messages, {len(kept)} effects, {rows} inbox rows")

    async def end(self) -> None:
        """Stop everything."""
        await _ended(self._tasks)
        await self._every_office.close()


# -- the bus of these cells -------------------------------------------------------------------------------------------


@dataclass
class _Bus:
    server: Nats
    keeper: Bus

    async def make_again(self, reader: str) -> None:
        """Let a reader's consumer begin at the beginning."""
        stream = stream_of(PUBLISHER)
        await self.keeper.request(f"$JS.API.CONSUMER.DELETE.{stream}.{reader}", b"")
        told = {"stream_name": stream, "config": consumer(reader, PUBLISHER), "action": ""}
        await self.keeper.request(f"$JS.API.CONSUMER.CREATE.{stream}.{reader}", json.dumps(told).encode())

    async def messages(self) -> int:
        """Return how many messages the stream holds."""
        return (await self.keeper.stream(PUBLISHER)).messages

    async def waiting(self, reader: str) -> int:
        """Return how many messages a reader has not acknowledged."""
        await asyncio.sleep(0.2)
        told = await self.keeper.request(f"$JS.API.CONSUMER.INFO.{stream_of(PUBLISHER)}.{reader}", b"")
        return int(told["num_pending"]) + int(told["num_ack_pending"])

    async def more(self, first: int, number: int) -> int:
        """Put so many messages on the stream, at positions from ``first`` on; return how many."""
        raw = await RawBus.open(self.server, PUBLISHER)
        for start in range(first, first + number, LARGEST_ATOMIC):
            batch = planned(start, min(LARGEST_ATOMIC, first + number - start))
            await raw.publish_batch([(SUBJECT, f"made-{start + n}", body) for n, body in enumerate(batch)])
        raw.close()
        return number

    async def passes(self, seconds: float, reader: str, once: Callable[[], Awaitable[None]]) -> Run:
        """Let a reader take in the whole stream, as often as fits into so many seconds; only that time counts."""
        taken = 0.0
        done = 0
        while taken < seconds:
            await self.make_again(reader)
            begun = perf_counter()
            await once()
            taken += perf_counter() - begun
            done += ON_THE_STREAM
        return Run(done / taken, 0.0, 0.0)


@asynccontextmanager
async def bus_of(on: Ground) -> AsyncIterator[_Bus]:
    """Run a NATS server with our streams and consumers in it, on an empty store.

    The collector leaves alone what is there, as in a service: it would look through all that a benchmark imports.
    """
    set_aside_what_stays()
    folder = on.folder.parent / f"bus-{uuid.uuid4().hex[:8]}"
    running = nats_running(type(on.server.state)(folder))
    server = await asyncio.to_thread(running.__enter__)
    keeper = Bus(server.address, user="bus-keeper", seed_file=server.seed("bus-keeper"))
    connected = asyncio.create_task(keeper.keep_connected())
    try:
        await keeper.connected()
        await tend(keeper)
        yield _Bus(server, keeper)
    finally:
        await _ended([connected])
        await asyncio.to_thread(running.__exit__, None, None, None)


def planned(first: int, number: int) -> list[bytes]:
    """Return the envelopes of so many planned visits, each of a stream of its own, at positions from ``first`` on."""
    at = SystemClock().now()
    made = []
    for position in range(first, first + number):
        visit, lease = str(uuid.uuid4()), str(uuid.uuid4())
        contract = VisitPlannedV1(
            lease=lease, visit=visit, visit_on=at.date(), slot="10:00", purpose="individual", counsellor="c-1"
        )
        recorded = Recorded(
            event=contract,
            id=str(uuid.uuid4()),
            stream=f"visit/{visit}",
            version=1,
            occurred_on=at.date(),
            recorded_at=at,
            taken_in_at=at,
            actor="c-1",
            position=f"{PUBLISHER}:{position}",
        )
        (sent,) = envelopes(
            PUBLISHER,
            OFFICE,
            recorded,
            [contract],
            position=position,
            epoch=1,
            previous=0,
            correlation_id="bench",
            causation_id=None,
            clock="system",
        )
        made.append(sent.body)
    return made


async def _ended(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
