"""Storing a batch: the statement for one office and the function for several leave the same behind."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest

from operate.postgres import Postgres
from shared.log import INBOX_STREAM, ONCE
from shared.views import Table
from shared.writer import storing
from shared.writer.acts import Change
from shared.writer.batch import NOTHING_BELOW, Batch, Head
from shared.writer.storing import SomebodyElseWrote, store
from tests.conftest import ScratchDatabase
from tests.one_service import lay_out_log, template

SHED = "shed-north"
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOOLS = Table("tools", {"id": "text not null", "member": "text", "body": "jsonb"}, key=("id",))
EMPTY = Head(batch="", log=0, published=0, epoch=1, hash=b"", at=AT)
TABLES = ("head", "stored_events", "outbox", "inbox", "inbox_stream", "once", "tools")


@pytest.fixture(scope="module")
def laid(postgres: Postgres) -> Iterator[ScratchDatabase]:
    with template(postgres, "visits", partial(lay_out_log, views=[TOOLS])) as made:
        yield made


def batch(after: Head = EMPTY, *, id: str = "first") -> Batch:
    begun = Batch.after(after, NOTHING_BELOW, [])
    begun.id, begun.moment = id, AT
    return begun


def with_events(into: Batch, *streams: str, office: str = SHED) -> Batch:
    for stream in streams:
        into.log += 1
        into.events.append((office, f"{office}/tool/{stream}", 1, "ToolLent", b'{"member": "anna"}', into.log))
    return into


def with_envelopes(into: Batch, number: int, office: str = SHED) -> Batch:
    for _ in range(number):
        into.published += 1
        body = b'{"position": %d}' % into.published
        into.sent.append((office, into.published, 1, "ToolLent", "subject", f"visits-1-{into.published}-v1", body))
    return into


def with_messages(
    into: Batch, *told: tuple[str, int, int], office: str = SHED, publisher: str = "orders", epoch: int = 1
) -> Batch:
    for position, (stream, version, previous) in enumerate(told, start=100 * into.log + 1):
        what = (publisher, epoch, position, stream, version, "OrderPlaced", b"digest", previous)
        into.taken.append((office, *what[:2], into.moment, *what[2:]))
        into.applied[(office, f"{publisher}:{stream}")] = version
    return into


def later(into: Batch) -> Batch:
    into.moment += timedelta(milliseconds=3)
    return into


def with_tools(into: Batch, *tools: tuple[str, str | None], how: Any = "upsert", office: str = SHED) -> Batch:
    into.changes += [Change(office, TOOLS, {"id": id, "member": to, "body": {"to": to}}, how) for id, to in tools]
    return into


def with_key(into: Batch, key: str) -> Batch:
    row = {"key": key, "digest": "\\x00", "answer": "\\x7b7d", "at": AT}
    into.changes.append(Change(SHED, ONCE, row, "insert"))
    return into


def with_stream_that_waited(into: Batch, stream: str, version: int) -> Batch:
    row = {"publisher": "orders", "stream": stream, "version": version}
    into.changes.append(Change(SHED, INBOX_STREAM, row))
    return into


HELD: dict[str, Batch] = {
    "one event": with_events(batch(), "t1"),
    "events": with_events(batch(), "t1", "t2", "t3"),
    "an event that is published": with_envelopes(with_events(batch(), "t1"), 1),
    "many that are published": with_envelopes(with_events(batch(), "t1", "t2"), 3),
    "one message": with_messages(batch(), ("order/1", 1, 0)),
    "messages, one after the other": with_messages(batch(), ("order/1", 1, 0), ("order/2", 1, 0), ("order/1", 2, 1)),
    "messages of two publishers": with_messages(
        with_messages(batch(), ("order/1", 1, 0), ("order/2", 2, 1)),
        ("bill/1", 1, 0),
        ("bill/2", 2, 1),
        publisher="bills",
    ),
    "messages of two epochs": with_messages(
        with_messages(batch(), ("order/1", 1, 0), ("order/2", 1, 0)), ("order/3", 1, 0), epoch=2
    ),
    "messages that were decided at two moments": with_messages(
        later(with_messages(batch(), ("order/1", 1, 0))), ("order/2", 1, 0), ("order/1", 2, 1), epoch=2
    ),
    "a message of a stream that moves": with_messages(batch(), ("order/7", 3, 2)),
    "a message that waited, and the new one behind it": with_messages(
        with_stream_that_waited(batch(), "order/7", 2), ("order/7", 3, 2)
    ),
    "a row that is new, and changed at once": with_tools(
        with_tools(batch(), ("t1", "anna"), how="insert"), ("t1", "bert")
    ),
    "rows": with_tools(batch(), ("t1", "anna"), ("t2", None), ("t1", "bert")),
    "a row that is new": with_tools(batch(), ("t1", "anna"), how="insert"),
    "a key": with_key(with_tools(with_events(batch(), "t1"), ("t1", "anna")), "key-1"),
    "everything": with_key(
        with_tools(
            with_messages(with_envelopes(with_events(batch(), "t1", "t2"), 2), ("order/1", 1, 0), ("order/7", 3, 2)),
            ("t1", "anna"),
            ("t2", "bert"),
        ),
        "key-1",
    ),
}


async def left_behind(database: ScratchDatabase) -> dict[str, Sequence[Any]]:
    seen = await asyncpg.connect(database.all_offices)
    found = {table: await seen.fetch(f"select t::text from {table} t order by 1") for table in TABLES}
    await seen.close()
    return found


async def stored(database: ScratchDatabase, *batches: Batch) -> dict[str, Sequence[Any]]:
    connection = await asyncpg.connect(database.at_work)
    try:
        for each in batches:
            await store(connection, each)
    finally:
        await connection.close()
    return await left_behind(database)


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
async def test_a_batch_of_one_office_is_stored_as_the_function_stores_it(
    laid: ScratchDatabase, monkeypatch: pytest.MonkeyPatch, held: Batch
) -> None:
    by_statement = await stored(laid.emptied(), held)
    monkeypatch.setattr(storing, "MOST_KINDS", -1)
    by_function = await stored(laid.emptied(), held)
    assert by_statement == by_function
    assert any(by_statement[table] for table in TABLES[1:])


async def test_a_batch_of_one_office_that_follows_another_head_is_not_stored(laid: ScratchDatabase) -> None:
    database = laid.emptied()
    first = HELD["everything"]
    before = await stored(database, first)
    other = with_tools(with_events(batch(first.head._replace(batch="another")), "t9"), ("t1", "carla"))
    with pytest.raises(SomebodyElseWrote):
        await stored(database, other)
    assert await left_behind(database) == before


async def test_the_next_batch_follows_and_overwrites(laid: ScratchDatabase) -> None:
    first = HELD["everything"]
    after = batch(first.head, id="second")
    second = with_messages(with_tools(with_events(after, "t3"), ("t1", "carla")), ("order/1", 2, 1))
    found = await stored(laid.emptied(), first, second)
    assert [row["t"] for row in found["tools"]] == [
        '(shed-north,t1,carla,"{""to"": ""carla""}")',
        '(shed-north,t2,bert,"{""to"": ""bert""}")',
    ]
    assert "(shed-north,orders,order/1,2)" in [row["t"] for row in found["inbox_stream"]]
    assert len(found["stored_events"]) == 3


async def test_rows_of_another_office_do_not_come_through_the_wall(laid: ScratchDatabase) -> None:
    database = laid.emptied()
    foreign = with_events(batch(), "t1")
    foreign.events = [(SHED, "shed-south/tool/t1", 1, "ToolLent", b"{}", 1)]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await stored(database, foreign)
    assert not (await left_behind(database))["stored_events"]


async def test_a_batch_of_two_offices_and_one_that_takes_rows_away_are_stored_as_well(laid: ScratchDatabase) -> None:
    both = with_events(with_events(batch(), "t1"), "t1", office="shed-south")
    with_tools(both, ("t1", "anna"), office="shed-south")
    gone = with_tools(batch(both.head, id="second"), ("t1", None), how="delete", office="shed-south")
    found = await stored(laid.emptied(), both, gone)
    assert len(found["stored_events"]) == 2
    assert found["tools"] == []


async def test_a_key_that_is_there_lets_nothing_of_the_batch_be_stored(laid: ScratchDatabase) -> None:
    database = laid.emptied()
    first = with_key(with_events(batch(), "t1"), "key-1")
    before = await stored(database, first)
    with pytest.raises(asyncpg.UniqueViolationError):
        await stored(database, with_key(with_events(batch(first.head, id="second"), "t2"), "key-1"))
    assert await left_behind(database) == before
