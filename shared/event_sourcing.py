"""The store as a service's doors, reactions and days see it: decide, and read what is.

``decide`` hands a pure decision to the writer (``shared.writer``) and returns when what came of it is committed. Reads
never go through the writer's queue: a stream's state is folded from the log, a view is asked with SQL, each within the
office's wall.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

import asyncpg
import msgspec

from shared.codec import TOGETHER, Codec, stored_name
from shared.decisions import AnyStream
from shared.keys import Seals
from shared.log import STREAMS_SQL
from shared.lost import LOST, StoreBusy, busy_if_away
from shared.writer.acts import (
    Act,
    Change,
    ChangedMeanwhile,
    Decided,
    Every,
    KeyReused,
    Message,
    One,
    OnRefusal,
    Read,
    Responsible,
)
from shared.writer.loop import Writer

__all__ = [
    "Act",
    "Change",
    "ChangedMeanwhile",
    "Decided",
    "EventStore",
    "Every",
    "Found",
    "KeyReused",
    "Message",
    "OnRefusal",
    "One",
    "Read",
    "Responsible",
    "StoreBusy",
    "every",
    "one",
]

T = TypeVar("T")
KEPT_SECONDS = 0.03
ROUND_TRIPS_AT_ONCE = 2  # while one group of streams is folded the next one is read
SECONDS_TO_ANSWER = 3.0  # a server that stands still must not pile up whoever asks it


STATEMENT_TIMEOUTS = {"statement_timeout": "15s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "15s"}


def reading_pool(address: str) -> asyncpg.Pool:
    """Return the pool that a service reads with, as its own role."""
    return asyncpg.create_pool(
        address,
        min_size=0,
        max_size=10,
        command_timeout=20,
        timeout=5,
        server_settings=STATEMENT_TIMEOUTS,
        reset=_only_what_is_left,
    )


async def _only_what_is_left(connection: Any) -> None:
    """Ask for nothing when a connection comes back: what is set is set within a transaction, and ends with it."""
    if connection.is_in_transaction():
        await connection.reset()


class OfOffice(Protocol):
    """Somebody or something that reads within one office."""

    @property
    def office(self) -> str: ...


class Found(NamedTuple):
    """A stream's state and version; version 0 says that there is none."""

    state: Any
    version: int


def one(stream: AnyStream, id: str, *, office: str | None = None) -> Read:
    """Let a decision see the state of another stream.

    :param office: whose, where a lease goes over from or to another office.
    """
    return One(stream, id, office)


def every(stream: AnyStream, lease: str, *, office: str | None = None) -> Read:
    """Let a decision see all streams of a kind that belong to a lease: from id to state (``office``: ``one``)."""
    return Every(stream, lease, office)


class EventStore:
    """What a service knows and decides. One for the whole process; ``by`` says for which office and in whose name."""

    def __init__(self, writer: Writer, codec: Codec, pool: asyncpg.Pool, seals: Seals) -> None:
        self.writer = writer
        self.seals = seals
        self._codec = codec
        self._pool = pool
        self._connections = _Connections(pool)
        self._loading = _Loading(self.with_connection)

    async def decide(
        self,
        stream: AnyStream,
        id: str,
        decision: Callable[..., Iterable[Any]],
        *,
        by: Responsible,
        reads: Mapping[str, Read] | None = None,
        refused: OnRefusal | None = None,
        answer: Callable[[Decided], bytes] | None = None,
        begins: bool = False,
        version_of: Callable[[Any], int] | None = None,
        rows: Sequence[Change] = (),
    ) -> Decided:
        """Decide about a stream, with the facts of other streams read in the same instant, and record what comes of it.

        :param reads: what else the decision looks at; each arrives as a keyword argument of the same name.
        :param refused: what is recorded when the decision refuses, in the commit that answers the refusal.
        :param answer: what is kept under an Idempotency-Key, in the same commit.
        :param begins: the stream will have no event yet, mostly: it is not looked for, the store says when it has.
        :param version_of: of what version ``by.if_match`` speaks, given the state; None: of the stream's.
        :param rows: further rows for the same commit (inbox, dead letters).
        :raises Refusal: the rule said no. :raises StoreBusy: nothing was recorded, or the same key tells what was.
        """
        act = Act(by, stream, id, decision, reads or {}, refused, answer, begins, version_of, rows)
        return await self.writer.ask(act)

    async def take_in(self, acts: Sequence[Act]) -> list[Decided | BaseException]:
        """Decide what many messages lead to, in this order, and return what came of each once that is committed.

        :raises StoreBusy: nothing was recorded.
        """
        return await self.writer.ask_all(acts)

    async def keep(self, *, by: Responsible, rows: Sequence[Change] = ()) -> Decided:
        """Record that a message was taken in without any effect of its own, and further rows, in one commit."""
        return await self.writer.ask(Act(by, rows=rows))

    async def state(self, stream: AnyStream, id: str, *, by: OfOffice) -> Any:
        """Return the state of a stream as it is now."""
        return (await self.found(stream, id, by=by)).state

    async def found(self, stream: AnyStream, id: str, *, by: OfOffice) -> Found:
        """Return the state and version of a stream as it is now."""
        held = self.writer.held(by.office, stream, id)
        if held is not None:
            return Found(held.state, held.version)
        stored = await self._loading.stream(by.office, f"{by.office}/{stream.kind}/{id}")
        if stored is None:
            return Found(stream.initial, 0)
        folded = self._codec.fold(stream, *stored, id=id)
        return Found(folded.state, folded.version)

    async def many(
        self, stream: AnyStream, ids: Sequence[str], *, by: OfOffice, only: Sequence[type] = ()
    ) -> dict[str, Any]:
        """Return the states of many streams of a kind, in one query, from id to state; what is not there is left out.

        :param only: kinds of events that matter to who asks: a state may then lack what the others say.
        """
        found: dict[str, Any] = {}
        asked = []
        for id in ids:
            held = self.writer.held(by.office, stream, id)
            if held is None:
                asked.append(id)
            elif held.version:
                found[id] = held.state
        prefix = f"{by.office}/{stream.kind}/"
        stored = await self._in_office(
            by.office,
            f"select originator_id, {TOGETHER}, array_agg(originator_version order by originator_version)"
            " from stored_events where originator_id = any ($1) and ($2::text[] is null or topic = any ($2))"
            " group by originator_id order by originator_id",
            [f"{prefix}{id}" for id in asked],
            [stored_name(kind) for kind in only] or None,
        )
        for key, events, versions in stored:
            id = key.removeprefix(prefix)
            found[id] = self._codec.fold(stream, events, versions, id=id).state
        return found

    async def history(self, stream: AnyStream, id: str, *, by: OfOffice) -> list[Any]:
        """Return what happened to a stream, each event with what was stored beside it."""
        stored = await self._loading.stream(by.office, f"{by.office}/{stream.kind}/{id}")
        return [] if stored is None else self._codec.history(*stored, stream=f"{stream.kind}/{id}")

    async def every(self, stream: AnyStream, lease: str, *, by: OfOffice) -> dict[str, Any]:
        """Return all streams of a kind that belong to a lease, from id to state."""
        members = await self.rows(
            "select id from stream_of_lease where office = $1 and kind = $2 and lease = $3 order by id",
            stream.kind,
            lease,
            by=by,
        )
        return {member["id"]: await self.state(stream, member["id"], by=by) for member in members}

    async def known_until(self, at: datetime | None, *, now: datetime) -> datetime:
        """Wait until all can be read that was known at an instant, and return it; of one that is to come, now.

        A process that stands by does not see what the one that writes is committing: it answers for what is committed,
        since whatever is committed later is dated later.

        :param at: None: the latest instant of which that can be said.
        :raises StoreBusy: it cannot be read yet.
        """
        try:
            async with asyncio.timeout(SECONDS_TO_ANSWER):
                until = await self.writer.known_until(at, now=now)
        except TimeoutError:
            raise StoreBusy from None
        if until is not None:
            return until
        latest: datetime = await self.with_connection(lambda connection: connection.fetchval("select at from head"))
        if at is None or at >= now:
            return latest
        if at > latest:
            raise StoreBusy
        return at

    async def rows(self, sql: str, *values: Any, by: OfOffice) -> list[Any]:
        """Ask a view. The query names the office itself, as ``$1``; the wall is the net under the one that forgot."""
        return await self._in_office(by.office, sql, by.office, *values)

    async def write(self, sql: str, *values: Any, by: OfOffice) -> None:
        """Change a table that is kept beside events (the read log, days done); the office is ``$1``."""
        await self._in_office(by.office, sql, by.office, *values)

    async def _in_office(self, office: str, sql: str, *values: Any) -> list[Any]:
        async def ask(connection: asyncpg.Connection) -> list[Any]:
            async with connection.transaction():
                await connection.execute("select set_config('app.office', $1, true)", office)
                return list(await connection.fetch(sql, *values))

        return await self.with_connection(ask)

    async def with_connection(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Do idempotent work on a connection of the pool; when that was dead, drain the pool and try once more.

        :raises StoreBusy: the store is away, has no room, or does not answer.
        """
        with busy_if_away():
            try:
                return await self._connections.used_for(work)
            except TimeoutError:  # one of those that follow: no connection was free, or came about, in time
                raise
            except LOST:
                await self._connections.hang_up()
                await self._pool.expire_connections()
            await asyncio.sleep(0.01)
            return await self._connections.used_for(work)


Stored = tuple[bytes, Sequence[int]]  # a stream's events together, and the version of each


class _Connections:
    """Connections of a pool, kept for a moment after their work for whoever asks next.

    Getting one from the pool and giving it back is half of loading a stream of twenty events (measured).
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._kept: list[asyncpg.Connection] = []
        self._fewest = 0  # kept ones since the last look: so many were not needed
        self._waiting = 0  # who waits at the pool goes before who would find one here
        self._looking: asyncio.TimerHandle | None = None
        self._giving_back: set[asyncio.Task[None]] = set()

    async def used_for(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Do work on a connection that nobody else uses. :raises StoreBusy: the server does not answer."""
        connection = await self._one()
        try:
            done = await _unless_it_hangs(connection, work)
        except LOST:
            await self._hang_up(connection)
            raise
        except BaseException:
            await self._pool.release(connection)
            raise
        if self._waiting or connection.is_closed() or connection.is_in_transaction():
            await self._pool.release(connection)
        else:
            self._kept.append(connection)
            if self._looking is None:
                self._fewest = 0
                self._looking = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._let_idle_ones_go)
        return done

    async def hang_up(self) -> None:
        """End all that are kept: the server that they led to has gone."""
        kept, self._kept = self._kept, []
        for connection in kept:
            await self._hang_up(connection)

    async def _hang_up(self, connection: asyncpg.Connection) -> None:
        # Given back as it is, the pool would ask a dead connection to reset itself, and fail.
        with contextlib.suppress(asyncpg.InterfaceError):  # it has noticed, and is no longer there
            connection.terminate()
        await self._pool.release(connection)

    async def _one(self) -> asyncpg.Connection:
        if self._kept:
            connection = self._kept.pop()
            self._fewest = min(self._fewest, len(self._kept))
            return connection
        self._waiting += 1
        try:
            return await self._pool.acquire(timeout=SECONDS_TO_ANSWER)
        finally:
            self._waiting -= 1

    def _let_idle_ones_go(self) -> None:
        loop = asyncio.get_running_loop()
        idle, self._kept = self._kept[: self._fewest], self._kept[self._fewest :]
        for connection in idle:
            giving_back = loop.create_task(self._pool.release(connection))
            self._giving_back.add(giving_back)
            giving_back.add_done_callback(self._giving_back.discard)
        self._fewest = len(self._kept)
        self._looking = loop.call_later(KEPT_SECONDS, self._let_idle_ones_go) if self._kept else None


class _Loading:
    """Loads streams; those that are asked for while others are on their way are loaded together."""

    def __init__(self, with_connection: Callable[[Callable[[asyncpg.Connection], Awaitable[Any]]], Awaitable[Any]]):
        self._with_connection = with_connection
        self._wanted: list[tuple[str, str, asyncio.Future[Stored | None]]] = []
        self._under_way = 0
        self._at_work: set[asyncio.Task[None]] = set()

    async def stream(self, office: str, key: str) -> Stored | None:
        """Return a stream's events, None where there are none. :raises StoreBusy: the store is away."""
        loaded: asyncio.Future[Stored | None] = asyncio.get_running_loop().create_future()
        self._wanted.append((office, key, loaded))
        try:
            if self._under_way < ROUND_TRIPS_AT_ONCE:
                await self._load()
            return await loaded
        except asyncio.CancelledError:
            loaded.cancel()
            raise

    async def _load(self) -> None:
        """Load what is wanted of one office, in one round trip."""
        self._wanted = [one for one in self._wanted if not one[2].done()]
        if not self._wanted:
            return
        office = self._wanted[0][0]
        together = [one for one in self._wanted if one[0] == office]
        self._wanted = [one for one in self._wanted if one[0] != office] if len(together) < len(self._wanted) else []
        keys = msgspec.json.encode([key for _, key, _ in together]).decode()
        found: list[Stored | None] = [None] * len(together)

        async def ask(connection: asyncpg.Connection) -> Any:
            return await connection.fetch(STREAMS_SQL, office, keys)

        self._under_way += 1
        try:
            for number, version, events in await self._with_connection(ask):
                found[number - 1] = events, range(1, version + 1)
        except asyncio.CancelledError:  # whoever asked first has gone; the others still wait
            self._wanted = [*together, *self._wanted]
            raise
        except Exception as why:
            for _, _, loaded in together:
                if not loaded.done():
                    loaded.set_exception(why)
        else:
            for (_, _, loaded), stored in zip(together, found, strict=True):
                if not loaded.done():
                    loaded.set_result(stored)
        finally:
            self._under_way -= 1
            if self._wanted:
                following = asyncio.get_running_loop().create_task(self._load())
                self._at_work.add(following)
                following.add_done_callback(self._at_work.discard)


async def _unless_it_hangs(connection: asyncpg.Connection, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    """Do work, and hang up on a server that does not answer. :raises StoreBusy: it did not."""
    hung = False

    def hang_up() -> None:
        # Not a cancellation: asyncpg would tell the server of it, and wait for its answer.
        nonlocal hung
        hung = True
        connection.terminate()

    patience = asyncio.get_running_loop().call_later(SECONDS_TO_ANSWER, hang_up)
    try:
        return await work(connection)
    except LOST as why:
        if hung:
            raise StoreBusy from why
        raise
    finally:
        patience.cancel()
