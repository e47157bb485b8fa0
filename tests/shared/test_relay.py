"""The way of the outbox to the bus: in order, whole, and again when it must be."""

import asyncio
import json
from collections.abc import Mapping

import asyncpg
import pytest

import shared.heads
import shared.outbox
from shared.bus import Batch, Bus, BusRefused
from shared.outbox import PUBLISHED, REWOUND
from tests.conftest import ScratchDatabase
from tests.shared.correspondents import Server, Small, at_work, kept, new_lease, until


@pytest.fixture
def database(small: Mapping[str, ScratchDatabase]) -> ScratchDatabase:
    """An empty database of visits."""
    return small["visits"].emptied()


@pytest.fixture(autouse=True)
def _nothing_is_told_but_by_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second after its start a service announces the head of the day: one position more, whenever that is."""
    monkeypatch.setattr(shared.heads, "LOOK_SECONDS", 3600.0)


async def sent(small: Small) -> bool:
    status = await small.relay.status()
    return bool(status["position"]) and not status["unpublished"]


async def told_before(database: ScratchDatabase, positions: int, *, versions: int = 1) -> None:
    """Leave in the outbox what a service told and nobody has sent yet, each of a hundred bytes."""
    connection = await asyncpg.connect(database.owner)
    try:
        await connection.execute(
            "insert into outbox (office, position, version, type, subject, msg_id, envelope)"
            " select 'kantoor-noord', p, v, 'FirstVisitDue', 'huurspoor.kantoor-noord.visits.FirstVisitDue.v' || v,"
            " 'visits-1-' || p || '-v' || v, decode(repeat('61', 100), 'hex')"
            " from generate_series(1, $1::int) p, generate_series(1, $2::int) v on conflict do nothing",
            positions,
            versions,
        )
        await connection.execute("update head set published = $1", positions)
    finally:
        await connection.close()


async def set_cursor(database: ScratchDatabase, position: int) -> None:
    connection = await asyncpg.connect(database.all_offices)
    try:
        await connection.execute("update relay set position = $1", position)
    finally:
        await connection.close()


def test_what_was_sent_and_not_noted_is_sent_twice_and_kept_once(
    server: Server, database: ScratchDatabase, keys: ScratchDatabase
) -> None:
    async def story() -> None:
        async with kept(server.nats):
            async with at_work("visits", database, keys, server.nats) as visits:
                await visits.tell(*(new_lease() for _ in range(30)))
                await until(lambda: sent(visits))
                position = visits.store.writer.position
            await set_cursor(database, 0)  # killed between publishing and noting it
            async with at_work("visits", database, keys, server.nats) as visits:
                await visits.tell(new_lease())
                await until(lambda: visits.store.writer.position > position)
                await until(lambda: sent(visits))
                assert (await visits.bus.stream("visits")).messages == visits.store.writer.position

    asyncio.run(story())


def test_a_batch_of_which_the_stream_holds_some_is_sent_whole(
    server: Server, database: ScratchDatabase, keys: ScratchDatabase
) -> None:
    async def story() -> None:
        async with kept(server.nats):
            for positions in (20, 40):
                await told_before(database, positions)
                await set_cursor(database, 0)  # the second time it does not know of the first
                async with at_work("visits", database, keys, server.nats, stands_by=True) as visits:
                    await until(lambda: sent(visits))
                    assert (await visits.bus.stream("visits")).messages == positions

    asyncio.run(story())


def test_what_is_asked_for_again_comes_although_the_stream_says_it_has_it(
    server: Server, database: ScratchDatabase, keys: ScratchDatabase
) -> None:
    async def story() -> None:
        async with kept(server.nats), at_work("visits", database, keys, server.nats) as visits:
            await visits.tell(*(new_lease() for _ in range(10)))
            await until(lambda: sent(visits))
            before = (await visits.bus.stream("visits")).messages
            assert await visits.relay.publish_again(3, 5) == 3
            assert await visits.relay.publish_again(500, 600) == 0
            assert (await visits.bus.stream("visits")).messages == before + 3

    asyncio.run(story())


def test_a_lost_store_is_filled_again_from_the_beginning(
    server: Server, database: ScratchDatabase, keys: ScratchDatabase
) -> None:
    async def story() -> None:
        async with kept(server.nats), at_work("visits", database, keys, server.nats) as visits:
            for _ in range(12):
                await visits.tell(*(new_lease() for _ in range(250)))
            await until(lambda: sent(visits))
            server.kill()
            server.wipe()
            server.start()
            await until(lambda: full_again(visits), seconds=60)  # how fast is measured: wiped, of the benchmarks

    async def full_again(visits: Small) -> bool:
        try:
            return (await visits.bus.stream("visits")).messages >= visits.store.writer.position >= 3000
        except Exception:
            return False

    asyncio.run(story())


def test_the_head_of_the_log_counts_each_office_and_event(
    server: Server, database: ScratchDatabase, keys: ScratchDatabase
) -> None:
    async def story() -> None:
        async with kept(server.nats), at_work("visits", database, keys, server.nats) as visits:
            await visits.tell("l-1", "l-2")
            await visits.tell("l-3", office="kantoor-midden")
            await visits.post.heads.announce()
            head = await visits.relay.log_head()
            assert head.counts[("kantoor-noord", "FirstVisitDue")] == 2
            assert head.counts[("kantoor-midden", "FirstVisitDue")] == 1
            assert head.position == sum(head.counts.values())
            (told,) = [
                json.loads(row["envelope"])
                for row in await visits.sql("select envelope from outbox where type = 'LogHeadAnnounced' limit 1")
            ]
            assert (told["office"], told["subject"]) == ("platform", "office/platform")
            assert told["dataschema"] == "/schemas/platform.LogHeadAnnounced.v1.json"
            assert len(told["data"]["log_hash"]) == 64

    asyncio.run(story())


def test_a_bus_that_refuses_is_asked_ever_more_seldom(
    server: Server, database: ScratchDatabase, keys: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with kept(server.nats), at_work("visits", database, keys, server.nats) as visits:
            await until(lambda: visits.relay.why_not is None)
            asked = 0

            async def refuse(_messages: object) -> list[bool]:
                nonlocal asked
                asked += 1
                raise BusRefused(10047, "insufficient storage resources available")

            honest = visits.bus.publish_each
            monkeypatch.setattr(visits.bus, "publish_each", refuse)
            await visits.tell("l-1")
            await until(lambda: asked)
            await asyncio.sleep(2)
            assert asked <= 10
            assert "insufficient" in str(visits.relay.why_not)
            monkeypatch.setattr(visits.bus, "publish_each", honest)
            await until(lambda: sent(visits))

    asyncio.run(story())


async def cursor(small: Small) -> int:
    ((position,),) = await small.sql("select position from relay")
    return int(position)


def test_what_was_just_committed_is_sent_without_being_read(
    server: Server, database: ScratchDatabase, keys: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with kept(server.nats), at_work("visits", database, keys, server.nats) as visits:
            await visits.tell("l-0")
            await until(lambda: sent(visits))

            async def nothing(_after: int) -> list[object]:
                return []

            with monkeypatch.context() as blind:
                blind.setattr(visits.relay, "_read_next", nothing)
                for _ in range(5):
                    await visits.tell(*(new_lease() for _ in range(30)))
                await until(lambda: sent(visits))
                blind.setattr(visits.store.writer.committed, "add", lambda _rows: None)
                await visits.tell("l-1")
                assert not await sent(visits)
            await until(lambda: sent(visits))  # what nobody lends is read
            assert (await visits.bus.stream("visits")).messages == visits.store.writer.position

    asyncio.run(story())


def test_the_cursor_of_a_few_messages_lags_and_is_saved_at_the_end(
    server: Server, database: ScratchDatabase, keys: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.outbox, "SAVE_SECONDS", 30.0)
    monkeypatch.setattr(shared.outbox, "LOOK_SECONDS", 30.0)
    monkeypatch.setattr(shared.outbox, "SECONDS_TO_SAVE", 30.0)

    async def story() -> None:
        async with kept(server.nats):
            async with at_work("visits", database, keys, server.nats) as visits:
                await visits.tell("l-0")
                await until(lambda: sent(visits))
                assert await cursor(visits) == 0
                await visits.tell(*(new_lease() for _ in range(30)))  # many are saved without waiting
                await until(lambda: saved(visits))
                before = await cursor(visits)
                await visits.tell("l-1")
                await until(lambda: sent(visits))
                assert await cursor(visits) == before
            assert await cursor(visits) == visits.store.writer.position

    async def saved(visits: Small) -> bool:
        return await cursor(visits) == visits.store.writer.position

    asyncio.run(story())


def test_a_cursor_that_somebody_else_moved_is_left_there_and_followed(
    server: Server, database: ScratchDatabase, keys: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As who begins a new epoch does, from whose first position all must be told again."""
    monkeypatch.setattr(shared.outbox, "SAVE_SECONDS", 30.0)
    monkeypatch.setattr(shared.outbox, "LOOK_SECONDS", 30.0)

    async def story() -> None:
        async with kept(server.nats), at_work("visits", database, keys, server.nats) as visits:
            await visits.tell(*(new_lease() for _ in range(30)))
            await until(lambda: sent(visits))
            await until(lambda: all_saved(visits))
            singles, rewound = PUBLISHED.labels("single"), REWOUND.labels("messages-missing")
            before, again = singles._value.get(), rewound._value.get()
            await visits.tell("l-1")
            await until(lambda: sent(visits))
            position = visits.store.writer.position
            await set_cursor(database, position - 4)
            visits.relay._hurry.set()  # not before it was moved
            await until(lambda: singles._value.get() - before >= 1 + 4)  # the four behind it again
            visits.relay._hurry.set()
            await until(lambda: all_saved(visits))
            assert (await visits.bus.stream("visits")).messages == visits.store.writer.position
            assert rewound._value.get() == again

    async def all_saved(visits: Small) -> bool:
        return await cursor(visits) == visits.store.writer.position

    asyncio.run(story())


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [
        ({"BATCH": 10}, [10] * 4),
        ({"BATCH": 11}, [10] * 4),
        ({"BATCH_BYTES": 11 * 400}, [10] * 4),  # a message counts for 300 bytes more than it has
        ({"BATCH_BYTES": 1}, [2] * 20),
    ],
)
def test_a_batch_holds_whole_positions_and_as_many_as_fit(
    server: Server,
    database: ScratchDatabase,
    keys: ScratchDatabase,
    monkeypatch: pytest.MonkeyPatch,
    limits: Mapping[str, int],
    sizes: list[int],
) -> None:
    for name, limit in {"FEW": 1, **limits}.items():
        monkeypatch.setattr(shared.outbox, name, limit)
    seen: list[int] = []
    publish_batch = Bus.publish_batch

    async def noted(bus: Bus, batch: Batch) -> None:
        seen.append(batch.size)
        await publish_batch(bus, batch)

    monkeypatch.setattr(Bus, "publish_batch", noted)

    async def story() -> None:
        await told_before(database, 20, versions=2)
        async with kept(server.nats), at_work("visits", database, keys, server.nats, stands_by=True) as visits:
            await until(lambda: sent(visits))
            assert seen == sizes
            assert (await visits.bus.stream("visits")).messages >= 40

    asyncio.run(story())


def test_the_cursor_of_many_messages_is_saved_when_all_are_sent(
    server: Server, database: ScratchDatabase, keys: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.outbox, "BATCH", 20)
    monkeypatch.setattr(shared.outbox, "SAVE_SECONDS", 30.0)
    monkeypatch.setattr(shared.outbox, "LOOK_SECONDS", 30.0)
    reached: list[str] = []
    monkeypatch.setattr(shared.outbox, "reach", reached.append)

    async def story() -> None:
        await told_before(database, 200)
        async with kept(server.nats), at_work("visits", database, keys, server.nats, stands_by=True) as visits:
            await until(lambda: "after the cursor" in reached)
            assert await cursor(visits) == 200
            assert reached.count("after the publish") == 10
            assert reached.count("after the cursor") == 1

    asyncio.run(story())
