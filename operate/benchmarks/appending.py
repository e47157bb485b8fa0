"""Appending one event with its expected version: our writer beside pgbench's one-row commit and the plain library."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator
from functools import partial
from time import perf_counter

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from operate.benchmarks.cell import Cell, NotAsAcknowledged, Run
from operate.benchmarks.ground import (
    CALLERS,
    NOTES,
    OFFICE,
    By,
    Ground,
    Noted,
    followed,
    single_rows,
    stored_bytes,
    writing,
)
from shared.writer.acts import Act, ChangedMeanwhile
from shared.writer.loop import Writer


async def append_cells(on: Ground) -> AsyncIterator[Cell]:
    """Ours against one prepared row of the same size with the same keys per commit."""
    for callers in CALLERS:
        async with writing(on) as (writer, database):
            bench = _Appending(writer, database, on)
            yield Cell(
                name=f"append@{callers}",
                unit="events/s",
                ours=partial(bench.append, callers=callers),
                against=await single_rows(on, callers),
                check=bench.check,
            )


async def library_cells(on: Ground) -> AsyncIterator[Cell]:
    """Ours against the library's own recorder, a thread and a connection per caller."""
    for callers in (1, 32):
        async with writing(on) as (writer, database):
            bench = _Appending(writer, database, on)
            library = _Library(on, callers)
            yield Cell(
                name=f"append-vs-library@{callers}",
                unit="events/s",
                ours=partial(bench.append, callers=callers),
                against=library.append,
                check=bench.check,
            )
            library.close()


class _Appending:
    """Our writer on an empty database, appended to by callers that each follow their own streams."""

    def __init__(self, writer: Writer, database: str, on: Ground) -> None:
        self.writer = writer
        self._database = database
        self._on = on
        self._acknowledged: dict[str, int] = {}

    async def append(self, seconds: float, *, callers: int) -> Run:
        """Append for so many seconds; each caller gives the version it expects."""
        times: list[float] = []
        begun = perf_counter()
        until = begun + seconds

        async def caller() -> None:
            stream, version = str(uuid.uuid4()), 0
            while perf_counter() < until:
                if version == 20:  # streams stay short
                    stream, version = str(uuid.uuid4()), 0
                asked = perf_counter()
                decided = await self.writer.ask(
                    Act(By(version), stream=NOTES, id=stream, decision=lambda _n: [Noted()])
                )
                times.append(perf_counter() - asked)
                version = decided.version
                self._acknowledged[stream] = version

        await asyncio.gather(*(caller() for _ in range(callers)))
        return Run.of(times, perf_counter() - begun)

    async def check(self) -> None:
        """Check that all that was acknowledged is stored once, in order, and that an older version is refused."""
        stream = next(iter(self._acknowledged))
        try:
            await self.writer.ask(Act(By(0), stream=NOTES, id=stream, decision=lambda _n: [Noted()]))
        except ChangedMeanwhile:
            pass
        else:
            raise NotAsAcknowledged("an older version was taken")
        seen = await followed(self._on, self._database)
        if seen != {f"{OFFICE}/notes/{stream}": version for stream, version in self._acknowledged.items()}:
            raise NotAsAcknowledged("stored and acknowledged events differ")


class _Library:
    """The library's recorder as it comes: one event per ``insert_events``."""

    def __init__(self, on: Ground, callers: int) -> None:
        self._callers = callers
        self._datastore = PostgresDatastore(
            **on.dsn(on.fresh(), "visits_owner"), pool_size=callers, originator_id_type="text"
        )
        self._recorder = PostgresApplicationRecorder(self._datastore)
        self._recorder.create_table()

    async def append(self, seconds: float) -> Run:
        """Append for so many seconds."""
        times: list[float] = []
        begun = perf_counter()
        until = begun + seconds

        def caller() -> None:
            stream, version = str(uuid.uuid4()), 0
            while perf_counter() < until:
                version += 1
                event = StoredEvent(f"{OFFICE}/notes/{stream}", version, "Noted", b"x" * stored_bytes())
                asked = perf_counter()
                self._recorder.insert_events([event])
                times.append(perf_counter() - asked)

        threads = [threading.Thread(target=caller) for _ in range(self._callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        return Run.of(times, perf_counter() - begun)

    def close(self) -> None:
        """Let its connections go."""
        self._datastore.close()
