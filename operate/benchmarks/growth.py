"""What growth costs: appending, and loading a stream, with a million events in the log.

Appending is compared with our own rate at ten thousand events, by as many callers; beside it stands what pgbench keeps
of its own rate on tables grown in the same way. Loading a stream of twenty events through the store, uncached, is
compared with pgbench selecting twenty rows of a table of the same size.
"""

import random
from collections.abc import AsyncIterator, Mapping
from statistics import median
from typing import Any

import asyncpg

from operate.benchmarks.cell import Cell, NotAsAcknowledged, Run, Stretch
from operate.benchmarks.ground import (
    LOADED,
    NOTES,
    OFFICE,
    By,
    Ground,
    Noted,
    fill,
    filled,
    followed,
    single_rows,
    stored_bytes,
    timed,
    writing,
)
from shared.codec import Codec
from shared.event_sourcing import EventStore, reading_pool
from shared.writer.acts import Act, ChangedMeanwhile
from shared.writer.loop import Writer

FEW, MANY = 10_000, 1_000_000
CALLERS = 32
PAIRS_OF_PGBENCH = 3


async def growth_cells(on: Ground) -> AsyncIterator[Cell]:
    """Appending at a million events and at ten thousand; loading a stream at a million."""
    async with writing(on) as (few, few_database), writing(on) as (many, many_database):
        await fill(on, few_database, filled(FEW))
        await fill(on, many_database, filled(MANY))
        young, old = _Growing(on, few, few_database, FEW), _Growing(on, many, many_database, MANY)
        rows = {size: await single_rows(on, CALLERS, filled=size) for size in (FEW, MANY)}

        async def retained() -> Mapping[str, Any]:
            pairs = [(await rows[MANY](1.5), await rows[FEW](1.0)) for _ in range(PAIRS_OF_PGBENCH)]
            return {"pgbench_retains": round(median(many.rate / few.rate for many, few in pairs), 3)}

        async def check() -> None:
            await young.check()
            await old.check()

        yield Cell("growth-append", "events/s", old.append, young.append, check, beside=retained)
        for callers in (1, 8):
            reading = await _Reading.begun(on, many_database, many)
            yield Cell(
                f"growth-load@{callers}",
                "streams/s",
                lambda seconds, reading=reading, callers=callers: timed(seconds, callers, reading.load),  # type: ignore[misc]
                await _selecting(on, callers),
                reading.check,
            )
            await reading.pool.close()


class _Growing:
    """A writer on a log that holds events already; each append begins a stream or continues one of ours."""

    def __init__(self, on: Ground, writer: Writer, database: str, filled: int) -> None:
        self._on, self._writer, self._database, self._filled = on, writer, database, filled
        self._acknowledged: dict[str, int] = {}
        self._next = 0

    async def append(self, seconds: float) -> Run:
        """Append by 32 callers, who each give the version that they expect."""
        # It reads the head again.
        await self._writer.ask(Act(By(), stream=NOTES, id="first", decision=lambda _number: []))
        streams: dict[int, tuple[str, int]] = {}

        async def one(caller: int) -> None:
            stream, version = streams.get(caller, ("", LOADED))
            if version == LOADED:
                self._next += 1
                stream, version = f"new-{self._next}", 0
            decided = await self._writer.ask(Act(By(version), stream=NOTES, id=stream, decision=lambda _n: [Noted()]))
            streams[caller] = (stream, decided.version)
            self._acknowledged[stream] = decided.version

        return await timed(seconds, CALLERS, one)

    async def check(self) -> None:
        """Check that all that was acknowledged is stored behind what was there, and an older version refused."""
        try:
            await self._writer.ask(Act(By(0), stream=NOTES, id="new-1", decision=lambda _n: [Noted()]))
        except ChangedMeanwhile:
            pass
        else:
            raise NotAsAcknowledged("an older version was taken")
        seen = await followed(self._on, self._database)
        new = {stream: version for stream, version in seen.items() if stream.startswith(f"{OFFICE}/notes/new-")}
        told = {f"{OFFICE}/notes/{stream}": version for stream, version in self._acknowledged.items()}
        if new != told or sum(seen.values()) != self._filled + sum(told.values()):
            raise NotAsAcknowledged("stored and acknowledged events differ")


class _Reading:
    """Streams loaded through the store, as doors and reactions do where the writer does not hold them."""

    def __init__(self, store: EventStore, pool: asyncpg.Pool) -> None:
        self._store, self.pool = store, pool
        self._random = random.Random(7)
        self._by = By()

    @classmethod
    async def begun(cls, on: Ground, database: str, writer: Writer) -> "_Reading":
        """Open a pool as a service does."""
        pool = await reading_pool(on.url(database, "visits"))
        return cls(EventStore(writer, Codec([NOTES]), pool, None), pool)  # type: ignore[arg-type]

    async def load(self, _caller: int) -> None:
        """Load one of the streams."""
        number = self._random.randrange(MANY // LOADED)
        found = await self._store.found(NOTES, f"filled-{number}", by=self._by)
        if (found.state, found.version) != (LOADED, LOADED):
            raise NotAsAcknowledged(f"a stream of {LOADED} events was loaded with {found.version}")

    async def check(self) -> None:
        """What was loaded was checked while it was loaded; what is not there is not."""
        if (await self._store.found(NOTES, "nowhere", by=self._by)).version:
            raise NotAsAcknowledged("a stream was loaded that is not there")


async def _selecting(on: Ground, callers: int) -> Stretch:
    database = on.fresh()
    owner = await asyncpg.connect(on.url(database, "visits_owner"))
    await owner.execute(
        "create table row (originator_id text not null, originator_version bigint not null, topic text, state bytea,"
        " notification_id bigint, primary key (originator_id, originator_version));"
        f" insert into row select '{OFFICE}/notes/filled-' || ((n - 1) / {LOADED}), (n - 1) % {LOADED} + 1, 'Noted',"
        f" decode(repeat('78', {stored_bytes()}), 'hex'), n from generate_series(1, {MANY}::bigint) n"
    )
    await owner.close()
    on.settle(database, "row")
    script = on.folder / f"{database}.sql"
    script.write_text(
        f"\\set s random(0, {MANY // LOADED - 1})\n"
        "select originator_version, topic, state from row"
        f" where originator_id = '{OFFICE}/notes/filled-' || :s order by originator_version;\n",
        encoding="ascii",
    )

    async def select(seconds: float) -> Run:
        return await on.pgbench(seconds, callers=callers, database=database, script=script)

    return select
