"""Reading: replaying a log into objects, building views again, pages behind the wall, and what growth costs."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import redirect_stderr
from functools import partial
from time import perf_counter
from typing import Any

import asyncpg
import msgspec

from operate.benchmarks.cell import Cell, NotAsAcknowledged, Run
from operate.benchmarks.deciding import NOTEBOOKS
from operate.benchmarks.ground import LOADED, NOTES, By, Ground, Noted, fill, filled, timed, writing
from shared.codec import Codec
from shared.rebuild import rebuild
from shared.writer.acts import Act

EVENTS = 200_000
OFFICES, ROWS_EACH = 41, 10_000
PAGE = "select id, version, body from notebooks where office = $1 and lease = $2 order by made desc limit 50"


async def replay_cells(on: Ground) -> AsyncIterator[Cell]:
    """200,000 events into objects, beside the same table drained by COPY."""
    async with writing(on) as (_, database):
        await fill(on, database, filled(EVENTS))
        codec = Codec([NOTES])

        async def ours(_seconds: float) -> Run:
            connection = await asyncpg.connect(on.url(database, "visits_all"))
            begun, position, seen = perf_counter(), 0, 0
            state: dict[str, int] = {}
            while rows := await connection.fetch(
                "select notification_id, originator_id, originator_version, topic, state from stored_events"
                " where notification_id > $1 order by 1 limit 5000",
                position,
            ):
                position = rows[-1][0]
                for _, originator, version, topic, stored in rows:
                    recorded = codec.decode(topic, stored, stream=originator, version=version)
                    state[originator] = NOTES.evolve(state.get(originator, 0), recorded.event)
                    seen += 1
            await connection.close()
            if seen != EVENTS:
                raise NotAsAcknowledged(f"{seen} of {EVENTS} events were replayed")
            return Run(EVENTS / (perf_counter() - begun), 0.0, 0.0)

        async def against(_seconds: float) -> Run:
            connection = await asyncpg.connect(on.url(database, "visits_all"))
            begun = perf_counter()

            async def drain(_data: bytes) -> None:
                pass

            await connection.copy_from_query(
                "select notification_id, originator_id, originator_version, topic, state from stored_events",
                output=drain,
            )
            seconds = perf_counter() - begun
            await connection.close()
            return Run(EVENTS / seconds, 0.0, 0.0)

        yield Cell("replay", "events/s", ours, against, _nothing_to_check)


async def rebuild_cells(on: Ground) -> AsyncIterator[Cell]:
    """Views from 200,000 events, beside one upsert (and commit) per event."""
    async with writing(on, resources=[NOTEBOOKS]) as (_, database):
        await fill(on, database, filled(EVENTS))

        async def ours(_seconds: float) -> Run:
            begun = perf_counter()

            def build() -> None:
                with redirect_stderr(io.StringIO()):
                    rebuild(
                        "visits",
                        on.dsn(database, "visits_owner"),
                        codec=Codec([NOTES]),
                        streams=[NOTES],
                        resources=[NOTEBOOKS],
                        views=[],
                    )

            await asyncio.to_thread(build)
            return Run(EVENTS / (perf_counter() - begun), 0.0, 0.0)

        other = on.fresh()
        owner = await asyncpg.connect(on.url(other, "visits_owner"))
        await owner.execute("create table notebooks (id text primary key, version bigint, made bigint, body jsonb)")
        upsert = await owner.prepare(
            "insert into notebooks values ($1, $2, $3, $4::jsonb) on conflict (id) do update set"
            " version = excluded.version, body = excluded.body"
        )
        position = 0

        async def one(_caller: int) -> None:
            nonlocal position
            position += 1
            body = msgspec.json.encode({"lease": "lease", "state": "open", "notes": position}).decode()
            await upsert.fetch(f"filled-{position // LOADED}", position % LOADED + 1, position, body)

        async def check() -> None:
            asked = await asyncpg.connect(on.url(database, "visits_all"))
            rows = await asked.fetchval("select count(*) from notebooks where version = $1", LOADED)
            await asked.close()
            if rows != EVENTS // LOADED:
                raise NotAsAcknowledged(f"{rows} views instead of {EVENTS // LOADED}")

        yield Cell("rebuild", "events/s", ours, lambda seconds: timed(seconds, 1, one), check)
        await owner.close()


async def walled_append_cells(on: Ground) -> AsyncIterator[Cell]:
    """Appending by 32 callers behind forced row-level security, and without it."""
    async with writing(on) as (walled, _), writing(on, walls=False) as (open_, _):

        async def append(writer: Any, _caller: int) -> None:
            await writer.ask(Act(By(), stream=NOTES, id=f"n-{perf_counter()}-{_caller}", decision=lambda _n: [Noted()]))

        yield Cell(
            "rls-append",
            "events/s",
            lambda seconds: timed(seconds, 32, partial(append, walled)),
            lambda seconds: timed(seconds, 32, partial(append, open_)),
            _nothing_to_check,
        )


async def walled_page_cells(on: Ground) -> AsyncIterator[Cell]:
    """A page of 50 over 410,000 rows of 41 offices, behind forced row-level security and without it."""
    async with (
        writing(on, resources=[NOTEBOOKS]) as (_, walled_database),
        writing(on, resources=[NOTEBOOKS], walls=False) as (_, open_database),
    ):
        readers = [await _pages(on, database) for database in (walled_database, open_database)]
        yield Cell(
            "rls-page",
            "pages/s",
            lambda seconds: timed(seconds, 1, readers[0].page),
            lambda seconds: timed(seconds, 1, readers[1].page),
            _nothing_to_check,
        )
        for reader in readers:
            await reader.connection.close()


class _Pages:
    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self._number = 0

    async def page(self, _caller: int) -> None:
        """Read one page as a service does: the office set in the transaction, and named by the query."""
        self._number += 1
        office = f"office-{self._number % OFFICES}"
        async with self.connection.transaction():
            await self.connection.execute("select set_config('app.office', $1, true)", office)
            rows = await self.connection.fetch(PAGE, office, f"lease-{self._number % 100}")
        if len(rows) != 50:
            raise NotAsAcknowledged(f"a page of {len(rows)} rows")


async def _pages(on: Ground, database: str) -> _Pages:
    owner = await asyncpg.connect(on.url(database, "visits_owner"))
    await owner.execute(
        "insert into notebooks (office, id, version, made, body, lease, state)"
        " select 'office-' || o, 'id-' || n, 1, n, '{\"state\": \"open\", \"notes\": 1}', 'lease-' || (n % 100), 'open'"
        f" from generate_series(0, {OFFICES - 1}) o, generate_series(1, {ROWS_EACH}) n"
    )
    await owner.execute("analyze notebooks")
    await owner.close()
    return _Pages(await asyncpg.connect(on.url(database, "visits")))


async def _nothing_to_check() -> None:
    """What was read was checked while it was read."""
