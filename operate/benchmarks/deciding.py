"""Deciding: an effect with its rows in one commit, a decision on a stream of twenty events, everybody on one stream."""

import asyncio
import random
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, cycle
from time import perf_counter
from typing import Any

import asyncpg
from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import Cursor
from psycopg.rows import DictRow

from operate.benchmarks.cell import Cell, NotAsAcknowledged, Run, Stretch
from operate.benchmarks.ground import (
    CALLERS,
    LOADED,
    NOTES,
    OFFICE,
    By,
    Ground,
    Noted,
    fill,
    followed,
    stored_bytes,
    timed,
    writing,
)
from shared.views import Resource
from shared.writer.acts import Act, Decided, Message
from shared.writer.loop import Writer
from shared.writer.memory import STREAMS_HELD

STREAMS = 5000
STRETCHES = 1 + Cell.pairs  # the first does not count
NOTEBOOKS = Resource(
    "notebooks",
    NOTES,
    lambda _id, number: {"lease": "lease", "state": "open", "notes": number},
    {"lease": "text", "state": "text"},
    lambda _id, _number: {"lease": "lease", "state": "open"},
)


async def effect_cells(on: Ground) -> AsyncIterator[Cell]:
    """An event, an inbox row and a view row in one commit, beside the library with the same rows in its transaction."""
    for callers in (1, 32):
        async with writing(on, resources=[NOTEBOOKS]) as (writer, database):
            ours = _Effects(writer, database, on)
            library = _LibraryWithRows(on, callers)
            yield Cell(
                name=f"effect@{callers}",
                unit="effects/s",
                ours=lambda seconds, ours=ours, callers=callers: timed(seconds, callers, ours.take),  # type: ignore[misc]
                against=library.take,
                check=ours.check,
            )
            library.close()


class _Effects:
    """Messages that each have one effect, through the writer."""

    def __init__(self, writer: Writer, database: str, on: Ground) -> None:
        self._writer = writer
        self._database = database
        self._on = on
        self._positions = count(1)
        self._taken = 0

    async def take(self, _caller: int) -> None:
        """Take one message in."""
        position = next(self._positions)
        by = By(message=_message(position))
        stream = str(uuid.uuid4())
        decided = await self._writer.ask(
            Act(by, stream=NOTES, id=stream, decision=lambda _number: [Noted()], begins=True)
        )
        self._taken += decided.outcome == "done"

    async def check(self) -> None:
        """Check that each message was taken in once, with one event and one view row; a repeat has no effect."""
        repeated = await self._writer.ask(
            Act(By(message=_message(1)), stream=NOTES, id=str(uuid.uuid4()), decision=lambda _number: [Noted()])
        )
        if repeated.outcome != "repeat":
            raise NotAsAcknowledged("a repeated message had an effect again")
        seen = await followed(self._on, self._database)
        asked = await asyncpg.connect(self._on.url(self._database, "visits_all"))
        rows = (
            await asked.fetchval("select count(*) from inbox"),
            await asked.fetchval("select count(*) from notebooks"),
        )
        await asked.close()
        if not len(seen) == rows[0] == rows[1] == self._taken:
            raise NotAsAcknowledged(f"{self._taken} effects, {len(seen)} events, {rows} rows")


class _LibraryWithRows(PostgresApplicationRecorder):
    """The library's recorder with an inbox row and a view row in its transaction."""

    def __init__(self, on: Ground, callers: int) -> None:
        super().__init__(
            PostgresDatastore(**on.dsn(on.fresh(), "visits_owner"), pool_size=callers, originator_id_type="text")
        )
        self._callers = callers
        self._positions = count(1)
        self.create_table()
        with self.datastore.transaction(commit=True) as rows:
            rows.execute(
                "create table inbox_row (publisher text, epoch int, position bigint, state text, stream text,"
                " version bigint, type text, digest bytea, primary key (publisher, epoch, position))"
            )
            rows.execute("create table notebook (id text primary key, lease text, state text, body jsonb)")

    def _insert_events(self, curs: Cursor[DictRow], stored_events: Sequence[StoredEvent], **row: Any) -> None:
        curs.execute(
            "insert into inbox_row values ('orders', 1, %s, 'taken', %s, 1, 'OrderPlaced', %s)",
            (row["position"], f"order/{row['position']}", b"digest"),
            prepare=True,
        )
        curs.execute(
            "insert into notebook values (%s, 'lease', 'open', %s::jsonb) on conflict (id) do update set"
            " state = excluded.state, body = excluded.body",
            (str(stored_events[0].originator_id), '{"lease": "lease", "state": "open", "notes": 1}'),
            prepare=True,
        )

    async def take(self, seconds: float) -> Run:
        """Take messages in for so many seconds, a thread per caller."""

        def act() -> None:
            position = next(self._positions)
            event = StoredEvent(f"{OFFICE}/notes/{uuid.uuid4()}", 1, "Noted", b"x" * stored_bytes())
            self.insert_events([event], position=position)

        return await in_threads(seconds, self._callers, act)

    def close(self) -> None:
        """Let its connections go."""
        self.datastore.close()


async def decide_cells(on: Ground) -> AsyncIterator[Cell]:
    """Load twenty events, decide, append, view, answer of the key; beside pgbench's select and insert."""
    for callers in CALLERS:
        async for cell in _deciding(on, f"decide@{callers}", callers, held=1):
            yield cell
    async for cell in _deciding(on, "decide-cached@32", 32, held=STREAMS_HELD):
        yield cell


async def _deciding(on: Ground, name: str, callers: int, *, held: int) -> AsyncIterator[Cell]:
    async with writing(on, resources=[NOTEBOOKS], streams_held=held) as (writer, database):
        # What is read is twenty events in each stretch, and not also those that the stretches before it added. All lie
        # there before the first: laid in between they would drive the reference's rows out of the server's memory. The
        # reference has as many, and each of its stretches is about other ones as well.
        sets = STRETCHES if held == 1 else 1
        streams = [str(uuid.uuid4()) for _ in range(sets * STREAMS)]
        await fill(on, database, streams)
        await writer.ask(Act(By(), stream=NOTES, id="first", decision=lambda _number: [Noted()]))
        deciding = _Deciding(writer, database, on, stored=len(streams) * LOADED + 1)
        about = cycle([streams[begin : begin + STREAMS] for begin in range(0, len(streams), STREAMS)])

        async def ours(seconds: float) -> Run:
            deciding.about = next(about)
            return await timed(seconds, callers, deciding.decide)

        yield Cell(
            name=name,
            unit="decisions/s",
            ours=ours,
            against=await _select_and_insert(on, callers, sets=sets),
            check=deciding.check,
        )


_AT = datetime(2026, 1, 5, 8, tzinfo=UTC)


class _Deciding:
    """Decisions about streams of events.

    :ivar about: the streams that decisions are about now.
    """

    def __init__(self, writer: Writer, database: str, on: Ground, *, stored: int) -> None:
        self._writer = writer
        self._database = database
        self._on = on
        self.about: list[str] = []
        self._random = random.Random(7)
        self._stored = stored

    async def decide(self, _caller: int) -> None:
        """Decide about a stream nobody else is at, under a key of its own."""
        by = By(once=f"bench/{self._random.getrandbits(128):032x}", digest=b"request")
        stream = self._random.choice(self.about)
        await self._writer.ask(Act(by, stream=NOTES, id=stream, decision=_note, answer=_answer))
        self._stored += 1

    async def check(self) -> None:
        """Check that every decision is there once."""
        seen = await followed(self._on, self._database)
        if sum(seen.values()) != self._stored:
            raise NotAsAcknowledged("stored and acknowledged decisions differ")


def _note(number: int) -> list[Noted]:
    return [Noted()] if number >= 0 else []


def _answer(decided: Decided) -> bytes:
    return b'{"status": 200, "version": %d}' % decided.version


async def _select_and_insert(on: Ground, callers: int, *, sets: int) -> Stretch:
    database = on.fresh()
    owner = await asyncpg.connect(on.url(database, "visits_owner"))
    await owner.execute(
        "create table row (originator_id text not null, originator_version bigint not null, topic text, state bytea,"
        " notification_id bigserial, primary key (originator_id, originator_version));"
        " create unique index on row (notification_id);"
        f" insert into row (originator_id, originator_version, topic, state) select '{OFFICE}/notes/' || s, v, 'Noted',"
        f" decode(repeat('78', {stored_bytes()}), 'hex') from generate_series(1, {sets * STREAMS}) s,"
        f" generate_series(1, {LOADED}) v order by s, v"
    )
    await owner.close()
    on.settle(database, "row")
    script = on.folder / f"{database}.sql"
    script.write_text(
        f"\\set s random(:first, :first + {STREAMS - 1})\n\\set v random(100, 1000000000000)\n"
        f"select * from row where originator_id = '{OFFICE}/notes/' || :s order by originator_version limit {LOADED};\n"
        f"insert into row (originator_id, originator_version, topic, state)"
        f" values ('{OFFICE}/notes/' || :s, :v, 'Noted', '\\x{'78' * stored_bytes()}'::bytea);\n",
        encoding="ascii",
    )
    first = cycle(range(1, sets * STREAMS, STREAMS))
    return lambda seconds: on.pgbench(seconds, callers=callers, database=database, script=script, first=next(first))


async def one_stream_cells(on: Ground) -> AsyncIterator[Cell]:
    """All callers on one stream; beside optimistic retries on the plain library."""
    callers = 32
    async with writing(on) as (writer, database):
        one = _OneStream(writer, database, on)
        library = _Retrying(on, callers)
        yield Cell(
            name=f"one-stream@{callers}",
            unit="decisions/s",
            ours=lambda seconds: timed(seconds, callers, one.decide),
            against=library.decide,
            check=one.check,
        )
        library.close()


class _OneStream:
    def __init__(self, writer: Writer, database: str, on: Ground) -> None:
        self._writer, self._database, self._on = writer, database, on
        self._decided = 0

    async def decide(self, _caller: int) -> None:
        """Decide about the one stream."""
        await self._writer.ask(Act(By(), stream=NOTES, id="one", decision=_note))
        self._decided += 1

    async def check(self) -> None:
        """Check that every decision is there once."""
        if await followed(self._on, self._database) != {f"{OFFICE}/notes/one": self._decided}:
            raise NotAsAcknowledged("stored and acknowledged decisions differ")


class _Retrying:
    """The library used as its applications do: read the last version, append, and once more when somebody was first."""

    def __init__(self, on: Ground, callers: int) -> None:
        self._callers = callers
        self._datastore = PostgresDatastore(
            **on.dsn(on.fresh(), "visits_owner"), pool_size=callers, originator_id_type="text"
        )
        self._recorder = PostgresApplicationRecorder(self._datastore)
        self._recorder.create_table()

    async def decide(self, seconds: float) -> Run:
        """Append to the one stream for so many seconds, a thread per caller."""
        stream = f"{OFFICE}/notes/one"

        def act() -> None:
            while True:
                last = self._recorder.select_events(stream, desc=True, limit=1)
                version = last[0].originator_version + 1 if last else 1
                try:
                    self._recorder.insert_events([StoredEvent(stream, version, "Noted", b"x" * stored_bytes())])
                    return
                except IntegrityError:
                    continue

        return await in_threads(seconds, self._callers, act)

    def close(self) -> None:
        """Let its connections go."""
        self._datastore.close()


async def in_threads(seconds: float, callers: int, act: Callable[[], None]) -> Run:
    """Let so many threads act, one act after the other each, for so many seconds."""
    times: list[float] = []
    begun = perf_counter()
    until = begun + seconds

    def caller() -> None:
        while perf_counter() < until:
            asked = perf_counter()
            act()
            times.append(perf_counter() - asked)

    threads = [threading.Thread(target=caller) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    return Run.of(times, perf_counter() - begun)


@dataclass(frozen=True)
class _Fixed:
    """What all bench messages have in common."""

    beside: Mapping[str, Any]


_SAME = _Fixed(
    {
        "publisher": "orders",
        "epoch": 1,
        "previous": 0,
        "type": "OrderPlaced",
        "digest": b"digest",
        "envelope": b"{}",
        "occurred_on": _AT.date(),
        "recorded_at": _AT,
        "actor": "SYS",
        "mandate": None,
        "policy_version": None,
        "checklist_version": None,
        "source": "web",
        "subject": f"office/{OFFICE}",
    }
)


def _message(position: int) -> Message:
    return Message(
        position=position, stream=f"order/{position}", version=1, event_id=f"event-{position}", **_SAME.beside
    )
