"""Small services that talk to each other on real PostgreSQL and NATS, in one process, for the tests of the bus."""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg

from operate.bus_keeper import keep
from operate.children import stop
from operate.nats import STOPS_BY, Nats
from shared.bus import SERVICES, Bus, BusAway, BusRefused, stream_of
from shared.clock import SystemClock
from shared.codec import Codec
from shared.contracts.visits import FirstVisitDueV1
from shared.correspondence import Correspondence
from shared.decisions import Stream
from shared.event_sourcing import EventStore
from shared.heads import STREAMS, with_heads
from shared.inbox_rows import Itself
from shared.keys import Seals
from shared.outbox import Relay
from shared.told import Reactions, Told
from shared.witness import Witness
from shared.writer.loop import Writer
from tests.conftest import ScratchDatabase

OFFICE = "kantoor-noord"
A_DAY = date(2026, 3, 2)


class Server:
    """A NATS server that a test may kill, wipe and start again on the same port."""

    def __init__(self, nats: Nats) -> None:
        self.nats = nats
        self._child: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it unless it runs; it may take a moment until it answers."""
        if self._child is not None and self._child.poll() is None:
            return
        with open(self.nats.state.log("nats"), "ab") as log:
            self._child = subprocess.Popen(self.nats.command(), **self.nats.start_options(log.fileno()))

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def stop_answering(self) -> None:
        """Stand still, until it is killed."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGSTOP)
        os.waitpid(self._child.pid, os.WUNTRACED)  # it may answer until it really stands

    def wipe(self) -> None:
        """Lose all that JetStream ever held."""
        shutil.rmtree(self.nats.store, ignore_errors=True)

    def end(self) -> None:
        """Stop it in good order."""
        assert self._child is not None
        stop(self._child, by=STOPS_BY)


@dataclass(frozen=True, kw_only=True)
class Due:
    """Something is due: what the small visits tells."""

    lease: str
    due_on: date


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """What the small others make of it."""

    lease: str
    due_on: date


LEASE: Stream[int, Due] = Stream("lease", initial=0, evolve=lambda count, _event: count + 1, events=Due)
NOTICED: Stream[tuple[date, ...], Noticed] = Stream(
    "noticed", initial=(), evolve=lambda seen, event: (*seen, event.due_on), events=Noticed
)


KEPT: Stream[tuple[date, ...], FirstVisitDueV1] = Stream(
    "kept", initial=(), evolve=lambda seen, told: (*seen, told.due_on), events=FirstVisitDueV1
)


def published(event: Any, _state: Any, _id: str) -> tuple[Any, ...]:
    """Tell what is due."""
    return (FirstVisitDueV1(lease=event.lease, due_on=event.due_on),) if isinstance(event, Due) else ()


def noticing(*, unless: Callable[[Told[Any]], None] = lambda _told: None) -> Reactions:
    """React to what is due by noticing it. ``unless``: that raises why not."""
    reactions = Reactions()

    @reactions.to(FirstVisitDueV1)
    async def when_due(told: Told[FirstVisitDueV1], store: EventStore) -> None:
        unless(told)
        await notice(told, store)

    return reactions


async def notice(told: Told[Any], store: EventStore) -> None:
    """Notice what is due."""
    noticed = Noticed(lease=told.data.lease, due_on=told.data.due_on)
    await store.decide(NOTICED, told.data.lease, lambda _seen: [noticed], by=told)


def keeping() -> Reactions:
    """Keep what is due as it was told."""
    reactions = Reactions()
    reactions.keep(KEPT, FirstVisitDueV1, of=lambda told: str(told.data.lease))
    return reactions


@dataclass
class Small:
    """One small service at work."""

    name: str
    database: ScratchDatabase
    store: EventStore
    bus: Bus
    relay: Relay
    post: Correspondence
    witness: Witness
    tasks: list["asyncio.Task[Any]"] = field(default_factory=list)

    async def tell(self, *leases: str, due_on: date = A_DAY, office: str = OFFICE) -> None:
        """Record that something is due for these leases."""
        await asyncio.gather(
            *(
                self.store.decide(
                    LEASE, lease, lambda _n, lease=lease: [Due(lease=lease, due_on=due_on)], by=Itself(office=office)
                )
                for lease in leases
            )
        )

    async def noticed(self, lease: str, *, office: str = OFFICE) -> tuple[date, ...]:
        """Return what it made of what it was told."""
        return tuple(await self.store.state(NOTICED, lease, by=Itself(office=office)))

    async def kept(self, lease: str) -> tuple[date, ...]:
        """Return what it kept of what it was told."""
        return tuple(await self.store.state(KEPT, lease, by=Itself(office=OFFICE)))

    async def sql(self, query: str, *values: Any) -> list[Any]:
        """Look into its database, at all offices."""
        connection = await asyncpg.connect(self.database.all_offices)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()

    async def end(self) -> None:
        """Stop it as SIGTERM would."""
        for task in self.tasks[1:]:
            task.cancel()
        await asyncio.gather(*self.tasks[1:], return_exceptions=True)
        self.tasks[0].cancel()
        await asyncio.gather(self.tasks[0], return_exceptions=True)


@contextlib.asynccontextmanager
async def at_work(
    name: str,
    database: ScratchDatabase,
    keys: ScratchDatabase,
    nats: Nats,
    *,
    reactions: Reactions | None = None,
    publishers: Sequence[str] = (),
    published: Callable[[Any, Any, str], tuple[Any, ...]] = published,
    master: bytes = b"m" * 32,
    stands_by: bool = False,
    file: Path | None = None,
) -> AsyncIterator[Small]:
    """Run a small service; ``publishers`` are those it hears.

    :param stands_by: do not wait until it writes. :param file: its witness beside the database.
    """
    streams = (LEASE, NOTICED, KEPT, *STREAMS)
    codec = Codec(streams)
    clock = SystemClock()
    seals = await Seals.connect(keys.url(name), master)
    writer = Writer(
        service=name,
        connect=lambda: asyncpg.connect(database.at_work, timeout=5, command_timeout=10),
        codec=codec,
        streams=streams,
        published=with_heads(published),
        resources=(),
        views=(),
        authority_stream=None,
        clock=clock,
        widen=seals.widen,
    )
    async with (
        asyncpg.create_pool(database.at_work, min_size=0, max_size=4, command_timeout=10) as pool,
        asyncpg.create_pool(database.all_offices, min_size=0, max_size=4, command_timeout=10) as every_office,
    ):
        store = EventStore(writer, codec, pool, seals)
        bus = Bus(nats.address, user=name, seed_file=nats.seed(name))
        witness = Witness(name, writer, bus, clock, every_office, file)
        relay = Relay(
            name, bus, lambda: asyncpg.connect(database.all_offices, timeout=5), writer.committed, witness.publishing
        )
        relay.as_told = witness.as_told
        post = Correspondence(
            name, store, bus, relay, reactions or Reactions(), clock=clock, every_office=every_office,
            publishers=publishers or None,
        )  # fmt: skip
        post.heads.told_of_us = witness.hear
        small = Small(name, database, store, bus, relay, post, witness)
        small.tasks = [
            asyncio.create_task(work)
            for work in (writer.run(), bus.keep_connected(), relay.run(), post.run(), witness.run())
        ]
        try:
            if not stands_by:
                await asyncio.wait_for(writer.ready.wait(), 10)
            yield small
        finally:
            await small.end()
            witness.remember()
            await seals.close()


@contextlib.asynccontextmanager
async def user(nats: Nats, name: str) -> AsyncIterator[Bus]:
    """A bus of a user, connected in the background."""
    bus = Bus(nats.address, user=name, seed_file=nats.seed(name))
    task = asyncio.create_task(bus.keep_connected())
    try:
        await asyncio.wait_for(bus.connected(), 10)
        yield bus
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def kept(nats: Nats) -> AsyncIterator[Bus]:
    """A bus that a keeper tends."""
    async with user(nats, "bus-keeper") as bus:
        task = asyncio.create_task(keep(bus))
        try:
            await soon(lambda: bus.stream("notifications"))
            yield bus
        finally:
            task.cancel()


async def soon(ask: Callable[[], Awaitable[Any]], *, seconds: float = 10) -> Any:
    """Ask the bus until it answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            return await ask()
        except (BusAway, BusRefused):
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.05)


async def until(holds: Callable[[], Any], *, seconds: float = 10) -> float:
    """Wait until something holds; return the seconds it took."""
    began = time.monotonic()
    while True:
        answer = holds()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return time.monotonic() - began
        assert time.monotonic() - began < seconds, "it did not come"
        await asyncio.sleep(0.02)


@dataclass
class Ground:
    """The databases of two small services and their keys."""

    visits: ScratchDatabase
    referrals: ScratchDatabase
    keys: ScratchDatabase


def ground(small: Mapping[str, ScratchDatabase], keys: ScratchDatabase) -> Ground:
    """Empty the databases of visits and referrals."""
    return Ground(small["visits"].emptied(), small["referrals"].emptied(), keys)


async def take_streams_away(nats: Nats) -> None:
    """Leave a server without streams."""
    async with user(nats, "bus-keeper") as bus:
        await soon(lambda: bus.request("$JS.API.INFO", b""))
        for service in SERVICES:
            with contextlib.suppress(BusRefused):  # there is none
                await bus.request(f"$JS.API.STREAM.DELETE.{stream_of(service)}", b"")


def new_lease() -> str:
    """Return an id for a lease."""
    return f"lease-{secrets.token_hex(4)}"
