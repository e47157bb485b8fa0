"""Views are built again beside a service that writes and is read, by one rebuild at a time; with a real store."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

import psycopg
import pytest

from operate.postgres import SUPERUSER, Postgres
from operate.state import PROJECT
from services.visits.main import SERVICE as VISITS
from shared import log
from shared import rebuild as rebuilding
from shared.codec import Codec
from shared.day import Day
from shared.event_sourcing import EventStore
from shared.rebuild import WENT_AWAY
from shared.views import Row
from tests.architecture import put
from tests.conftest import ScratchDatabase
from tests.one_service import lay_out_log, small_store, template
from tests.shared.test_day import MONDAY, NORTH, SHED, TOOL, TOOLS, OfficeFounded, ToolLent

PATIENCE = 20.0


@dataclass
class House:
    """A service at work, and what a rebuild of its views must know."""

    database: ScratchDatabase
    store: EventStore

    async def lend(self, id: str) -> None:
        by = Day(office=NORTH, date=MONDAY)
        await self.store.decide(TOOL, id, lambda _: [ToolLent(due_on=MONDAY)], by=by)

    async def tools(self) -> list[str]:
        found = await self.store.rows("select id from tools where office = $1", by=Day(office=NORTH, date=MONDAY))
        return sorted(row["id"] for row in found)

    def rebuild(self) -> None:
        rebuilding.rebuild(
            "visits",
            self.database.in_library_words,
            codec=Codec([SHED, TOOL]),
            streams=(SHED, TOOL),
            resources=[TOOLS],
            views=[],
        )

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the server, as one who sees everybody."""
        server = self.database.server
        password = server.state.password(SUPERUSER).read_text()
        address = server.url(self.database.name, SUPERUSER)
        with psycopg.connect(address, password=password, autocommit=True) as superuser:
            return superuser.execute(query, values).fetchall()

    def waiting(self) -> list[tuple[int]]:
        """Return who waits for a lock."""
        return self.ask(
            "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )


def until(holds: Any) -> None:
    """Wait until something holds; fail when it does not in time."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def laid(postgres: Postgres) -> Iterator[ScratchDatabase]:
    with template(postgres, "visits", partial(lay_out_log, views=[TOOLS.table])) as made:
        yield made


@pytest.fixture
async def house(laid: ScratchDatabase) -> AsyncIterator[House]:
    database = laid.emptied()
    async with small_store(database, SHED, TOOL, resources=[TOOLS]) as store:
        by = Day(office=NORTH, date=MONDAY)
        await store.decide(SHED, "shed", lambda _: [OfficeFounded(name="North")], by=by)
        yield House(database, store)


async def test_who_writes_while_old_and_new_are_exchanged_waits_and_is_not_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.lend("saw")
    exchange, loop, lent = rebuilding._exchange, asyncio.get_running_loop(), list[Any]()

    def exchange_while_somebody_writes(*arguments: Any) -> None:
        if not lent:
            lent.append(asyncio.run_coroutine_threadsafe(house.lend("axe"), loop))
            until(house.waiting)
        exchange(*arguments)

    monkeypatch.setattr(rebuilding, "_exchange", exchange_while_somebody_writes)
    await asyncio.to_thread(house.rebuild)
    await asyncio.wrap_future(lent[0])
    assert await house.tools() == ["axe", "saw"]


async def test_who_reads_for_long_keeps_no_other_reader_back(house: House) -> None:
    await house.lend("saw")
    server = house.database.server
    address = server.url(house.database.name, SUPERUSER)
    with (
        ThreadPoolExecutor(1) as beside,
        psycopg.connect(address, password=server.state.password(SUPERUSER).read_text()) as reading,
    ):
        reading.execute("select * from tools")
        rebuilt = beside.submit(house.rebuild)
        await asyncio.to_thread(until, house.waiting)
        assert await asyncio.wait_for(house.tools(), PATIENCE / 2) == ["saw"]
        reading.rollback()
        await asyncio.to_thread(rebuilt.result)
    assert await house.tools() == ["saw"]


async def test_two_rebuilds_at_once_follow_each_other_and_lose_no_row(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id in ("axe", "saw"):
        await house.lend(id)
    store, met = rebuilding._store, threading.Event()

    def store_and_meet(rows: Any, page: list[tuple[str, Row]]) -> None:
        if threading.current_thread().name == "second":
            met.set()  # its empty tables lie there
            until(lambda: not first.is_alive())
        store(rows, page)
        if threading.current_thread().name == "first":
            second.start()
            until(lambda: met.is_set() or house.waiting())

    def rebuild() -> None:
        try:
            house.rebuild()
        except Exception as why:
            failed.append(why)

    monkeypatch.setattr(rebuilding, "_store", store_and_meet)
    first, second = (threading.Thread(target=rebuild, name=name) for name in ("first", "second"))
    failed: list[Exception] = []
    first.start()
    await asyncio.to_thread(first.join)
    assert await house.tools() == ["axe", "saw"]
    await asyncio.to_thread(second.join)
    assert await house.tools() == ["axe", "saw"]
    assert failed == []


@pytest.mark.parametrize("at", ["_store", "_have_to_ourselves", "_exchange"])
async def test_a_database_that_goes_away_is_told_apart_from_a_bug_and_the_views_stay(
    house: House, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    await house.lend("saw")
    work = getattr(rebuilding, at)

    def without_a_database(*arguments: Any) -> None:
        house.ask(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and usename = 'visits_owner'"
        )
        work(*arguments)

    monkeypatch.setattr(rebuilding, at, without_a_database)
    with pytest.raises(WENT_AWAY):
        await asyncio.to_thread(house.rebuild)
    monkeypatch.undo()
    assert await house.tools() == ["saw"]
    await asyncio.to_thread(house.rebuild)
    assert await house.tools() == ["saw"]


def test_a_rebuild_whose_database_goes_away_says_so_in_a_sentence() -> None:
    env = {**os.environ, "PYTHONPATH": str(PROJECT), "HUURSPOOR_DATABASE_OWNER": "postgresql://nobody@127.0.0.1:9/x"}
    command = [sys.executable, "-m", "services.visits.main", "rebuild"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.endswith("huurspoor: the database of visits went away; its views are as they were\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("module", "fills_views"),
    [
        ("events.py", True),
        ("rules/lease.py", True),
        ("rules/judgement/about_leases.py", True),
        ("views/__init__.py", True),
        ("views/leases.py", True),
        ("views.py", True),
        ("api/leases.py", False),
        ("days.py", False),
    ],
)
def test_views_are_built_again_by_a_release_that_has_other_code_to_fill_them(
    module: str, fills_views: bool, tmp_path: Path
) -> None:
    before, after = (copytree(VISITS.wording.parent, tmp_path / name) for name in ("before", "after"))
    put(after, module, "ANOTHER = True")
    were, are = (replace(VISITS, wording=release / "wording").views_code for release in (before, after))
    assert (were != are) == fills_views


async def test_who_writes_while_a_newer_release_lays_out_its_tables_waits_for_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.lend("saw")
    schema, loop, lent = log.schema_sql, asyncio.get_running_loop(), list[Any]()

    def schema_while_somebody_writes(*arguments: Any) -> Any:
        lent.append(asyncio.run_coroutine_threadsafe(house.lend("axe"), loop))
        until(house.waiting)
        return schema(*arguments)

    def lay_out() -> None:
        of_owner = log.event_log(house.database.in_library_words)
        try:
            log.lay_out(of_owner, "visits", views=[TOOLS.table], made_by="a newer release")
        finally:
            of_owner.datastore.close()

    monkeypatch.setattr(log, "schema_sql", schema_while_somebody_writes)
    await asyncio.to_thread(lay_out)
    await asyncio.wrap_future(lent[0])
    assert await house.tools() == ["axe"]  # the rest comes with the rebuild that follows
    assert house.ask("select deadlocks from pg_stat_database where datname = current_database()") == [(0,)]
