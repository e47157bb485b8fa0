"""Where benchmarks run: a PostgreSQL of their own with fsync on, pgbench beside us, and writers on empty databases."""

import asyncio
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import msgspec

from operate.benchmarks.cell import NotAsAcknowledged, Run, Stretch
from operate.children import run_as
from operate.postgres import SUPERUSER, Postgres, forget
from operate.postgres import running as postgres_running
from operate.state import State
from shared.clock import SystemClock
from shared.codec import Beside, Codec
from shared.decisions import AnyStream, Stream
from shared.log import event_log, lay_out
from shared.views import Resource
from shared.writer.acts import Message
from shared.writer.loop import Writer

CALLERS = (1, 8, 32)
OFFICE = "bench-office"
LOADED = 20  # events of a stream that is loaded
_AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
TEXT = "x" * 200  # an event of about the size of a finding


@dataclass(frozen=True, kw_only=True)
class Noted:
    """Something was noted, in about as many bytes as a real event has."""

    what: str = TEXT


NOTES: Stream[int, Noted] = Stream("notes", initial=0, evolve=lambda number, _noted: number + 1, events=Noted)


class By(msgspec.Struct, frozen=True):
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

    def fresh(self, service: str = "visits") -> str:
        """Make an empty database like that of a service, and return its name."""
        name, owner = f"bench_{uuid.uuid4().hex[:8]}", f"{service}_owner"
        self.sql("postgres", f"create database {name} owner {owner} template template0 encoding 'UTF8'")
        self.sql(
            name,
            f"alter schema public owner to {owner}; grant usage on schema public to {service}, {service}_all",
        )
        return name

    def sql(self, database: str, statements: str) -> None:
        """Run statements as the superuser."""
        server = self.server
        env = {**server.environment(), "PGPASSWORD": server.state.password(SUPERUSER).read_text()}
        at = ["-h", "127.0.0.1", "-p", str(server.port), "-U", SUPERUSER, "-d", database]
        run_as(None, [server.bin / "psql", "-X", "-q", *at, "-c", statements], env=env, cwd=server.state.root)

    def settle(self, database: str, table: str) -> None:
        """Let nothing of what was put into a table be left to do for those who are measured on it.

        Else they would mark its rows as committed, and the server would write its pages out, beside what they ask.
        """
        self.sql(database, f"vacuum (analyze) {table}")
        self.sql(database, "checkpoint")

    async def pgbench(self, seconds: float, *, callers: int, database: str, script: Path, first: int = 1) -> Run:
        """Run pgbench with prepared statements for whole seconds; every transaction's time is kept.

        :param first: what the script knows as ``:first``.
        """
        whole = max(1, round(seconds))
        for old in self.folder.glob("times*"):
            old.unlink()
        words = [self.server.bin / "pgbench", "-n", "-M", "prepared", "-T", str(whole), "-c", str(callers)]
        words += ["-D", f"first={first}"]
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


def stored_bytes() -> int:
    """Return how many bytes one of our events takes in the log."""
    return 480


async def single_rows(on: Ground, callers: int, *, filled: int = 0) -> Stretch:
    """Return pgbench storing one prepared row per commit, of the size and with the keys of our events.

    :param filled: so many rows are there already.
    """
    database = on.fresh()
    owner = await asyncpg.connect(on.url(database, "visits_owner"))
    await owner.execute(
        "create table row (originator_id text not null, originator_version bigint not null, topic text, state bytea,"
        " notification_id bigserial, primary key (originator_id, originator_version));"
        " create unique index on row (notification_id);"
        f" insert into row (originator_id, originator_version, topic, state) select '{OFFICE}/notes/' || n, 1, 'Noted',"
        f" decode(repeat('78', {stored_bytes()}), 'hex') from generate_series(1, {filled}) n"
    )
    await owner.close()
    if filled:
        on.settle(database, "row")
    script = on.folder / f"{database}.sql"
    state = "\\\\x" + ("78" * stored_bytes())
    script.write_text(
        "\\set a random(1, 1000000000000)\n\\set b random(1, 1000000000000)\n"
        f"insert into row (originator_id, originator_version, topic, state) values"
        f" ('{OFFICE}/notes/' || :a || '-' || :b, 1, 'Noted', '{state[1:]}'::bytea);\n",
        encoding="ascii",
    )
    return partial(on.pgbench, callers=callers, database=database, script=script)


@asynccontextmanager
async def writing(
    on: Ground,
    *,
    streams: Iterable[AnyStream] = (NOTES,),
    resources: Iterable[Resource] = (),
    walls: bool = True,
    **how: Any,
) -> AsyncIterator[tuple[Writer, str]]:
    """Run our writer on an empty database; the second answer is the database's name.

    :param walls: False takes the row-level security off, to see what it costs.
    """
    database = on.fresh()
    log = event_log(on.dsn(database, "visits_owner"))
    lay_out(log, "visits", views=[resource.table for resource in resources])
    log.datastore.close()
    if not walls:
        on.sql(
            database,
            "do $$ declare t text; begin for t in select tablename from pg_tables where schemaname = 'public' loop"
            " execute format('alter table %I disable row level security', t); end loop; end $$",
        )
    writer = Writer(
        service="visits",
        connect=lambda: asyncpg.connect(on.url(database, "visits")),
        codec=Codec(streams),
        streams=streams,
        published=lambda _event, _state, _id: (),
        resources=resources,
        views=[],
        authority_stream=None,
        clock=SystemClock(),
        **how,
    )
    task = asyncio.create_task(writer.run())
    await writer.ready.wait()
    yield writer, database
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def filled(events: int) -> list[str]:
    """Return the names of as many streams as so many events fill."""
    return [f"filled-{number}" for number in range(events // LOADED)]


async def fill(on: Ground, database: str, streams: Sequence[str]) -> None:
    """Put streams of ``LOADED`` events each into a log that holds none, one after the other."""
    beside = Beside(id="0" * 36, occurred_on=_AT.date(), recorded_at=_AT, actor="bench", correlation_id="bench")
    owner = await asyncpg.connect(on.url(database, "visits_owner"))
    await owner.execute(
        "insert into stored_events (originator_id, originator_version, topic, state, notification_id)"
        f" select '{OFFICE}/notes/' || name, version, 'Noted', $2, (number - 1) * {LOADED} + version"
        f" from unnest($1::text[]) with ordinality s(name, number), generate_series(1, {LOADED}) version"
        " order by number, version",
        streams,
        Codec([NOTES]).encode(Noted(), beside),
    )
    await owner.execute("update head set log = $1, batch = 'filled'", len(streams) * LOADED)
    await owner.close()
    on.settle(database, "stored_events")


async def timed(seconds: float, callers: int, act: Callable[[int], Any]) -> Run:
    """Let so many callers act, one act after the other each, for so many seconds."""
    times: list[float] = []
    begun = perf_counter()
    until = begun + seconds

    async def caller(number: int) -> None:
        while perf_counter() < until:
            asked = perf_counter()
            await act(number)
            times.append(perf_counter() - asked)

    await asyncio.gather(*(caller(number) for number in range(callers)))
    return Run.of(times, perf_counter() - begun)


async def followed(on: Ground, database: str, *, role: str = "visits_all") -> dict[str, int]:
    """Follow a log by position and return the last version of each stream.

    :raises NotAsAcknowledged: there was a gap, or an event came twice.
    """
    follower = await asyncpg.connect(on.url(database, role))
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
    return seen
