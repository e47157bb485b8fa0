"""The store as a service's doors, reactions and days see it: decide, and read what is.

``decide`` hands a pure decision to the writer (``shared.writer``) and returns when what came of it is committed. Reads
never go through the writer's queue: a stream's state is folded from the log, a view is asked with SQL, each within the
office's wall.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import asyncpg

from shared.codec import Codec, stored_name
from shared.decisions import AnyStream
from shared.keys import Seals
from shared.writer import (
    Change,
    ChangedMeanwhile,
    Decided,
    Every,
    KeyReused,
    Message,
    Missing,
    One,
    OnRefusal,
    Read,
    Responsible,
    StoreBusy,
    Writer,
)

__all__ = [
    "Change",
    "ChangedMeanwhile",
    "Decided",
    "EventStore",
    "Every",
    "Found",
    "KeyReused",
    "Message",
    "Missing",
    "OnRefusal",
    "One",
    "Read",
    "Responsible",
    "StoreBusy",
    "every",
    "one",
]

T = TypeVar("T")
# A restart of PostgreSQL leaves a pool of dead connections behind; work that changes nothing is tried once more.
LOST = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)
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
        if isinstance(seals, Seals):
            writer.widen = seals.widen
        self._codec = codec
        self._pool = pool

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
        must_exist: bool = False,
        rows: Sequence[Change] = (),
    ) -> Decided:
        """Decide about a stream, with the facts of other streams read in the same instant, and record what comes of it.

        :param reads: what else the decision looks at; each arrives as a keyword argument of the same name.
        :param refused: what is recorded when the decision refuses, in the commit that answers the refusal.
        :param answer: what is kept under an Idempotency-Key, in the same commit.
        :param rows: further rows for the same commit (inbox, dead letters).
        :raises Refusal: the rule said no. :raises StoreBusy: nothing was recorded, or the same key tells what was.
        """
        return await self.writer.ask(
            by,
            stream=stream,
            id=id,
            decision=decision,
            reads=reads,
            refused=refused,
            answer=answer,
            must_exist=must_exist,
            rows=rows,
        )

    async def keep(self, *, by: Responsible, rows: Sequence[Change] = ()) -> Decided:
        """Record that a message was taken in without any effect of its own, and further rows, in one commit."""
        return await self.writer.ask(by, rows=rows)

    async def state(self, stream: AnyStream, id: str, *, by: OfOffice) -> Any:
        """Return the state of a stream as it is now."""
        return (await self.found(stream, id, by=by)).state

    async def found(self, stream: AnyStream, id: str, *, by: OfOffice) -> Found:
        """Return the state and version of a stream as it is now."""
        held = self.writer.held(by.office, stream, id)
        if held is not None:
            return Found(held.state, held.version)
        stored = await self._stream(by.office, stream, id)
        state, version = stream.initial, 0
        for version, topic, body in stored:
            state = self._codec.fold(stream, state, topic, body, id=id, version=version).state
        return Found(state, version)

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
            "select originator_id, originator_version, topic, state from stored_events"
            " where originator_id = any ($1) and ($2::text[] is null or topic = any ($2))"
            " order by originator_id, originator_version",
            [f"{prefix}{id}" for id in asked],
            [stored_name(kind) for kind in only] or None,
        )
        for originator, version, topic, body in stored:
            id = originator.removeprefix(prefix)
            state = found.get(id, stream.initial)
            found[id] = self._codec.fold(stream, state, topic, body, id=id, version=version).state
        return found

    async def history(self, stream: AnyStream, id: str, *, by: OfOffice) -> list[Any]:
        """Return what happened to a stream, each event with what was stored beside it."""
        stored = await self._stream(by.office, stream, id)
        return [
            self._codec.decode(topic, body, stream=f"{stream.kind}/{id}", version=version)
            for version, topic, body in stored
        ]

    async def every(self, stream: AnyStream, lease: str, *, by: OfOffice) -> dict[str, Any]:
        """Return all streams of a kind that belong to a lease, from id to state."""
        members = await self.rows(
            "select id from stream_of_lease where office = $1 and kind = $2 and lease = $3 order by id",
            stream.kind,
            lease,
            by=by,
        )
        return {member["id"]: await self.state(stream, member["id"], by=by) for member in members}

    async def rows(self, sql: str, *values: Any, by: OfOffice) -> list[Any]:
        """Ask a view. The query names the office itself, as ``$1``; the wall is the net under the one that forgot."""
        return await self._in_office(by.office, sql, by.office, *values)

    async def write(self, sql: str, *values: Any, by: OfOffice) -> None:
        """Change a table that is kept beside events (the read log, days done); the office is ``$1``."""
        await self._in_office(by.office, sql, by.office, *values)

    async def _stream(self, office: str, stream: AnyStream, id: str) -> list[Any]:
        """Return a stream's events by one round trip: a function sets the office in its own transaction."""
        key = f"{office}/{stream.kind}/{id}"

        async def ask(connection: asyncpg.Connection) -> list[Any]:
            return list(await connection.fetch("select * from events_of_stream($1, $2)", office, key))

        return await self.with_connection(ask)

    async def _in_office(self, office: str, sql: str, *values: Any) -> list[Any]:
        async def ask(connection: asyncpg.Connection) -> list[Any]:
            async with connection.transaction():
                await connection.execute("select set_config('app.office', $1, true)", office)
                return list(await connection.fetch(sql, *values))

        return await self.with_connection(ask)

    async def with_connection(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Do idempotent work on a connection of the pool; when that was dead, drain the pool and try once more.

        :raises StoreBusy: the store is away, or does not answer.
        """
        try:
            async with self._pool.acquire(timeout=SECONDS_TO_ANSWER) as connection:
                return await _unless_it_hangs(connection, work)
        except LOST:
            await self._pool.expire_connections()
        except TimeoutError as why:
            raise StoreBusy from why
        await asyncio.sleep(0.01)
        try:
            async with self._pool.acquire(timeout=SECONDS_TO_ANSWER) as connection:
                return await _unless_it_hangs(connection, work)
        except (*LOST, TimeoutError, asyncpg.CannotConnectNowError) as why:
            raise StoreBusy from why


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
