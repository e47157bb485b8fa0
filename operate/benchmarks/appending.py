"""Appending one event with its expected version: our writer beside pgbench's one-row commit and the plain library."""

import asyncio
import os
import subprocess
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from operate.benchmarks.cell import Cell, NotAsAcknowledged, Run
from operate.children import run_as
from operate.postgres import SUPERUSER, Postgres, forget
from operate.postgres import running as postgres_running
from operate.state import State
from shared.clock import SystemClock
from shared.codec import Codec
from shared.decisions import Stream
from shared.log import event_log, lay_out
from shared.writer import ChangedMeanwhile, Message, Writer

CALLERS = (1, 8, 32)
OFFICE = "bench-office"
TEXT = "x" * 200  # an event of about the size of a finding


@dataclass(frozen=True, kw_only=True)
class Noted:
    """Something was noted, in about as many bytes as a real event has."""

    what: str = TEXT


NOTES: Stream[int, Noted] = Stream("notes", initial=0, evolve=lambda number, _noted: number + 1, events=Noted)


@dataclass(frozen=True)
class By:
    """Somebody who appends, with the version they saw."""

    if_match: int | None = None
    office: str = OFFICE
    actor: str = "bench"
    act: str | None = None
    mandated: bool = False
    occurred_on: date | None = None
    source: str = "system"
    correlation_id: str = "bench"
    causation_id: str | None = None
    policy_version: str | None = None
    checklist_version: str | None = None
    device_time: datetime | None = None
    clock_suspect: bool = False
    once: str | None = None
    digest: bytes | None = None
    message: Message | None = None


@dataclass(frozen=True)
class Ground:
    """A PostgreSQL of its own, with fsync on, and the folder for what pgbench writes."""

    server: Postgres
    folder: Path

    def url(self, database: str, role: str) -> str:
        """Return an address with the password in it."""
        password = self.server.state.password(role).read_text()
        return f"postgresql://{role}:{password}@127.0.0.1:{self.server.port}/{database}"

    def dsn(self, database: str, role: str) -> dict[str, Any]:
        """Return an address in the words of the library's datastore."""
        parts = urlsplit(self.url(database, role))
        return {
            "dbname": database,
            "host": "127.0.0.1",
            "port": str(parts.port),
            "user": role,
            "password": self.server.state.password(role).read_text(),
        }

    def fresh(self) -> str:
        """Make an empty database like that of a service, and return its name."""
        name = f"bench_{uuid.uuid4().hex[:8]}"
        self.sql("postgres", f"create database {name} owner visits_owner template template0 encoding 'UTF8'")
        self.sql(name, "alter schema public owner to visits_owner; grant usage on schema public to visits, visits_all")
        return name

    def sql(self, database: str, statements: str) -> None:
        """Run statements as the superuser."""
        server = self.server
        env = {**server.environment(), "PGPASSWORD": server.state.password(SUPERUSER).read_text()}
        at = ["-h", "127.0.0.1", "-p", str(server.port), "-U", SUPERUSER, "-d", database]
        run_as(None, [server.bin / "psql", "-X", "-q", *at, "-c", statements], env=env, cwd=server.state.root)

    async def pgbench(self, seconds: float, *, callers: int, database: str, script: Path) -> Run:
        """Run pgbench with prepared statements for whole seconds; every transaction's time is kept."""
        whole = max(1, round(seconds))
        for old in self.folder.glob("times*"):
            old.unlink()
        words = [self.server.bin / "pgbench", "-n", "-M", "prepared", "-T", str(whole), "-c", str(callers)]
        words += [
            "-j",
            str(min(callers, os.cpu_count() or 1)),
            "-f",
            script,
            "-l",
            "--log-prefix",
            self.folder / "times",
        ]
        words += ["-h", "127.0.0.1", "-p", str(self.server.port), "-U", "visits_owner", database]
        env = {**self.server.environment(), "PGPASSWORD": self.server.state.password("visits_owner").read_text()}
        bench = partial(subprocess.run, words, env=env, check=True, capture_output=True, cwd=self.folder)
        await asyncio.to_thread(bench)
        times = [
            int(line.split()[2]) / 1e6
            for log in self.folder.glob("times*")
            for line in log.read_text(encoding="ascii").splitlines()
        ]
        return Run.of(times, whole)


@contextmanager
def ground(root: Path) -> Iterator[Ground]:
    """Start a PostgreSQL for a run of benchmarks, and take it away afterwards."""
    state = State(root)
    folder = root.parent / "pgbench"
    folder.mkdir(parents=True, exist_ok=True)
    with postgres_running(state) as server:
        yield Ground(server, folder)
    forget(state)


async def append_cells(on: Ground) -> AsyncIterator[Cell]:
    """Ours against one prepared row of the same size with the same keys per commit."""
    for callers in CALLERS:
        async with _writing(on) as bench:
            yield Cell(
                name=f"append@{callers}",
                unit="events/s",
                ours=partial(bench.append, callers=callers),
                against=await _single_rows(on, callers),
                check=bench.check,
            )


async def library_cells(on: Ground) -> AsyncIterator[Cell]:
    """Ours against the library's own recorder, a thread and a connection per caller."""
    for callers in (1, 32):
        async with _writing(on) as bench:
            library = _Library(on, callers)
            yield Cell(
                name=f"append-vs-library@{callers}",
                unit="events/s",
                ours=partial(bench.append, callers=callers),
                against=library.append,
                check=bench.check,
            )
            library.close()


async def _single_rows(on: Ground, callers: int) -> Any:
    database = on.fresh()
    owner = await asyncpg.connect(on.url(database, "visits_owner"))
    await owner.execute(
        "create table row (originator_id text not null, originator_version bigint not null, topic text, state bytea,"
        " notification_id bigserial, primary key (originator_id, originator_version));"
        " create unique index on row (notification_id)"
    )
    await owner.close()
    script = on.folder / f"{database}.sql"
    state = "\\\\x" + ("78" * _stored_bytes())
    script.write_text(
        "\\set a random(1, 1000000000000)\n\\set b random(1, 1000000000000)\n"
        f"insert into row (originator_id, originator_version, topic, state) values"
        f" ('{OFFICE}/notes/' || :a || '-' || :b, 1, 'Noted', '{state[1:]}'::bytea);\n",
        encoding="ascii",
    )
    return partial(on.pgbench, callers=callers, database=database, script=script)


def _stored_bytes() -> int:
    """Return how many bytes one of our events takes in the log."""
    return 480


class _Writing:
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
                decided = await self.writer.ask(By(version), stream=NOTES, id=stream, decision=lambda _n: [Noted()])
                times.append(perf_counter() - asked)
                version = decided.version
                self._acknowledged[stream] = version

        await asyncio.gather(*(caller() for _ in range(callers)))
        return Run.of(times, perf_counter() - begun)

    async def check(self) -> None:
        """Check that all that was acknowledged is stored once, in order, and that an older version is refused."""
        stream = next(iter(self._acknowledged))
        try:
            await self.writer.ask(By(0), stream=NOTES, id=stream, decision=lambda _n: [Noted()])
        except ChangedMeanwhile:
            pass
        else:
            raise NotAsAcknowledged("an older version was taken")
        follower = await asyncpg.connect(self._on.url(self._database, "visits_all"))
        seen: dict[str, int] = {}
        position = 0
        while rows := await follower.fetch(
            "select notification_id, originator_id, originator_version from stored_events where notification_id > $1"
            " order by 1 limit 5000",
            position,
        ):
            for number, originator, version in rows:
                if number != position + 1 or version != seen.get(originator, 0) + 1:
                    raise NotAsAcknowledged("a follower by position saw a gap or an event twice")
                position, seen[originator] = number, version
        await follower.close()
        if seen != {f"{OFFICE}/notes/{stream}": version for stream, version in self._acknowledged.items()}:
            raise NotAsAcknowledged("stored and acknowledged events differ")


@asynccontextmanager
async def _writing(on: Ground) -> AsyncIterator[_Writing]:
    database = on.fresh()
    log = event_log(on.dsn(database, "visits_owner"))
    lay_out(log, "visits")
    log.datastore.close()
    writer = Writer(
        service="visits",
        connect=lambda: asyncpg.connect(on.url(database, "visits")),
        codec=Codec([NOTES]),
        streams=[NOTES],
        published=lambda _event, _state, _id: (),
        resources=[],
        views=[],
        authority_stream=None,
        clock=SystemClock(),
    )
    task = asyncio.create_task(writer.run())
    await writer.ready.wait()
    yield _Writing(writer, database, on)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


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
                event = StoredEvent(f"{OFFICE}/notes/{stream}", version, "Noted", b"x" * _stored_bytes())
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
