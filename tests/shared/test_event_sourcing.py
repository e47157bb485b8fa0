"""Reading beside the writer: streams loaded together, on connections that are kept for a moment."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import asyncpg
import pytest
from eventsourcing.persistence import StoredEvent

import shared.event_sourcing
from shared.codec import Codec, EventsMissing, UnknownEvent
from shared.decisions import DatedStream, Stream
from shared.event_sourcing import Act, EventStore, StoreBusy
from shared.log import event_log
from tests.conftest import ScratchDatabase
from tests.one_service import small_writer, writing
from tests.shared.writer.shed import By


@dataclass(frozen=True, kw_only=True)
class Counted:
    by: int


COUNTER: Stream[int, Counted] = Stream(
    "counter", initial=0, evolve=lambda number, counted: number + counted.by, events=Counted
)


@dataclass(frozen=True, kw_only=True)
class Recounted:
    by: int


PLACES: DatedStream[tuple[int, ...], Counted | Recounted] = DatedStream(
    "places", initial=(), evolve=lambda places, told: (*places, told.version), events=Counted | Recounted
)
NORTH, SOUTH = By(office="shed-north"), By(office="shed-south")


@dataclass
class Read:
    """A store whose writer holds nothing, so that every state is read."""

    store: EventStore
    pool: asyncpg.Pool
    database: ScratchDatabase

    async def count(self, counter: str, *, by: By = NORTH) -> tuple[int, int]:
        found = await self.store.found(COUNTER, counter, by=by)
        return found.state, found.version

    def recorded_by_a_script(self, stream: str, **versions: int) -> None:
        """Record events by their names, each as a version of the stream."""
        log = event_log(self.database.in_library_words)
        body = log.select_events("shed-north/counter/c5")[0].state
        log.insert_events([StoredEvent(f"shed-north/{stream}", place, name, body) for name, place in versions.items()])
        log.datastore.close()

    async def ended_by(self, statement: str) -> None:
        connection = await asyncpg.connect(self.database.at_work)
        try:
            await connection.fetch(statement)
        finally:
            await connection.close()


@pytest.fixture
async def read(small: Mapping[str, ScratchDatabase]) -> AsyncIterator[Read]:
    database = small["visits"].emptied()
    async with writing(small_writer(database, COUNTER, PLACES)) as writer:
        for number in range(20):
            for by in (NORTH, SOUTH):
                more = [Counted(by=number), Counted(by=1 if by is NORTH else 1000)]
                await writer.ask(Act(by, stream=COUNTER, id=f"c{number}", decision=lambda _number, more=more: more))
    async with asyncpg.create_pool(database.at_work, min_size=0, max_size=3) as pool:
        yield Read(EventStore(writer, Codec([COUNTER, PLACES]), pool, None), pool, database)  # type: ignore[arg-type]


async def test_streams_that_are_asked_for_at_the_same_time_are_each_read_as_they_are(read: Read) -> None:
    asked = [(number, by) for number in range(21) for by in (NORTH, SOUTH)]
    found = await asyncio.gather(*(read.count(f"c{number}", by=by) for number, by in asked))
    for (number, by), seen in zip(asked, found, strict=True):
        there = (number + (1 if by is NORTH else 1000), 2)
        assert seen == (there if number < 20 else (0, 0))
    assert await read.store.state(COUNTER, "c7", by=NORTH) == 8


async def test_a_history_tells_each_event_with_its_place_and_of_what_is_not_there_nothing(read: Read) -> None:
    told = await read.store.history(COUNTER, "c7", by=SOUTH)
    assert [(one.event, one.version, one.stream) for one in told] == [
        (Counted(by=7), 1, "counter/c7"),
        (Counted(by=1000), 2, "counter/c7"),
    ]
    assert await read.store.history(COUNTER, "nowhere", by=SOUTH) == []


async def test_of_many_streams_only_those_are_told_that_are_there_in_this_office(read: Read) -> None:
    assert await read.store.many(COUNTER, ["c3", "nowhere", "c1"], by=NORTH) == {"c1": 2, "c3": 4}
    assert await read.store.many(COUNTER, [], by=NORTH) == {}
    assert await read.store.many(COUNTER, ["c3"], by=NORTH, only=[Counted]) == {"c3": 4}
    assert await read.store.many(COUNTER, ["c3"], by=NORTH, only=[Recounted]) == {}


async def test_where_only_some_events_are_asked_for_each_keeps_its_place(read: Read) -> None:
    read.recorded_by_a_script("places/p1", Counted=1, Recounted=2)
    read.recorded_by_a_script("places/p1", Counted=3, Recounted=4)
    versions = await read.store.many(PLACES, ["p1"], by=NORTH, only=[Recounted])
    assert versions == {"p1": (2, 4)}
    assert await read.store.state(PLACES, "p1", by=NORTH) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("topic", "version", "because"), [("CountedTwice", 3, UnknownEvent), ("Counted", 4, EventsMissing)]
)
async def test_a_stream_that_cannot_be_read_as_it_is_spoils_no_other(
    read: Read, topic: str, version: int, because: type[Exception]
) -> None:
    read.recorded_by_a_script("counter/c5", **{topic: version})
    spoilt, other = await asyncio.gather(read.count("c5"), read.count("c6"), return_exceptions=True)
    assert isinstance(spoilt, because) and other == (7, 2)


async def test_an_id_does_not_reach_over_the_wall_of_its_office(read: Read) -> None:
    assert await read.count('c1","shed-south/counter/c1') == (0, 0)
    assert await read.count("../../shed-south/counter/c1") == (0, 0)
    key = "shed-south/counter/c1"
    assert await read.store._loading.stream("shed-north", key) is None  # also when a key names another office
    stored = await read.store._loading.stream("shed-south", key)
    assert stored is not None and len(stored[1]) == 2


async def test_who_goes_away_while_streams_are_loaded_takes_nobody_along(read: Read) -> None:
    loads = [asyncio.create_task(read.count(f"c{number}")) for number in range(10)]
    await asyncio.sleep(0)
    loads[0].cancel()
    await asyncio.sleep(0)
    loads[3].cancel()
    seen = await asyncio.gather(*loads, return_exceptions=True)
    assert [isinstance(one, asyncio.CancelledError) for one in seen] == [n in (0, 3) for n in range(10)]
    assert [one for one in seen if isinstance(one, tuple)] == [(n + 1, 2) for n in range(10) if n not in (0, 3)]
    assert await read.count("c0") == (1, 2)


async def test_kept_connections_that_died_are_opened_again(read: Read) -> None:
    await asyncio.gather(*(read.count(f"c{number}") for number in range(5)))
    await read.ended_by(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <>"
        " pg_backend_pid()"
    )
    assert await asyncio.gather(*(read.count(f"c{number}") for number in range(5))) == [(n + 1, 2) for n in range(5)]


async def test_kept_connections_serve_who_waits_and_go_back_when_nobody_asks(read: Read) -> None:
    at_once = [
        read.store.rows("select count(*), pg_sleep(0.01) from stored_events where office = $1", by=NORTH)
        for _ in range(20)
    ]
    assert [rows[0][0] for rows in await asyncio.gather(*at_once)] == [40] * 20
    async with asyncio.timeout(5):
        while read.pool.get_size() > read.pool.get_idle_size():
            await asyncio.sleep(0.01)
    async with read.pool.acquire() as connection:
        assert await connection.fetchval("select count(*) from stored_events") == 0  # no office stayed set


async def test_who_finds_no_connection_free_is_told_so_and_ends_none_of_those_that_others_use(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.event_sourcing, "SECONDS_TO_ANSWER", 0.2)
    used = [await read.pool.acquire() for _ in range(3)]
    with pytest.raises(StoreBusy):
        await read.count("c7")
    for connection in used:
        await read.pool.release(connection)
    assert read.pool.get_idle_size() == 3


async def test_a_database_that_is_away_is_said_to_be_busy(read: Read) -> None:
    assert await read.count("c1") == (2, 2)
    await read.pool.close()
    with pytest.raises(StoreBusy):
        await read.count("c1")


@pytest.mark.parametrize(
    "why",
    [
        asyncpg.TooManyConnectionsError("no room"),
        asyncpg.DiskFullError("no space"),
        asyncpg.LockNotAvailableError("held"),
        asyncpg.DeadlockDetectedError("chosen"),
    ],
)
async def test_a_database_without_room_or_in_the_way_of_others_is_said_to_be_busy(read: Read, why: Exception) -> None:
    async def ask(_connection: asyncpg.Connection) -> None:
        raise why

    with pytest.raises(StoreBusy):
        await read.store.with_connection(ask)
    assert await read.count("c1") == (2, 2)


async def test_what_is_wrong_with_a_question_is_not_laid_at_the_door_of_the_database(read: Read) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await read.store.with_connection(lambda connection: connection.fetch("select * from nowhere"))
