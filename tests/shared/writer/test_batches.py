"""The group writer: what is asked together is decided in order and stored in one commit."""

import asyncio
from collections.abc import Iterable
from datetime import date
from typing import Any

import asyncpg
import pytest
from eventsourcing.persistence import StoredEvent

from shared.codec import Codec
from shared.decisions import Elsewhere
from shared.log import lay_out
from shared.lost import StoreBusy
from shared.writer.acts import Act, ChangedMeanwhile, Decided, Every, One, Read
from tests.one_service import writing
from tests.shared.writer.shed import TOOL, TOOLS, By, Shed, Tool, ToolLent, ToolNotOnShelf, ToolReturned, lend


async def test_what_is_decided_together_is_stored_once_each_and_without_gaps(shed: Shed) -> None:
    outcomes = await asyncio.gather(*(shed.lend(f"t{n % 7}", f"m{n}") for n in range(50)), return_exceptions=True)
    lent = [outcome for outcome in outcomes if isinstance(outcome, Decided)]
    assert len(lent) == 7
    assert all(isinstance(outcome, Decided | ToolNotOnShelf) for outcome in outcomes)
    found = await shed.fetch("select notification_id, originator_id from stored_events order by 1")
    assert [row["notification_id"] for row in found] == list(range(1, 8))
    rows = await shed.fetch("select id, version, member, body->>'lent' as lent from tools order by id")
    assert [(row["id"], row["version"], row["lent"]) for row in rows] == [(f"t{n}", 1, "1") for n in range(7)]


async def test_the_library_alone_reads_everything_that_the_writer_stored(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    await shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=lambda _tool: [ToolReturned(on=date(2026, 3, 2))]))
    stored = shed.log.select_events("shed-north/tool/t1")
    assert [event.originator_version for event in stored] == [1, 2]
    assert [event.topic for event in stored] == ["ToolLent", "ToolReturned"]
    assert [note.id for note in shed.log.select_notifications(1, 10)] == [1, 2]
    back = Codec([TOOL]).decode(stored[1].topic, stored[1].state, stream="tool/t1", version=2)
    assert back.event == ToolReturned(on=date(2026, 3, 2)) and back.actor == "anna"


async def test_a_script_through_the_library_uses_the_same_head_and_the_writer_notices(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    first = shed.log.select_events("shed-north/tool/t1")[0]
    assert shed.log.insert_events([StoredEvent("shed-north/tool/t2", 1, first.topic, first.state)]) == [2]
    with pytest.raises(ToolNotOnShelf):
        await shed.lend("t2", "bram")
    await shed.lend("t3", "bram")
    assert [note.id for note in shed.log.select_notifications(1, 10)] == [1, 2, 3]


@pytest.mark.parametrize(("topic", "version"), [("ToolMended", 2), ("ToolLent", 3)])
async def test_a_stream_that_cannot_be_read_as_it_is_is_not_decided_about(shed: Shed, topic: str, version: int) -> None:
    await shed.lend("t1", "anna")
    first = shed.log.select_events("shed-north/tool/t1")[0]
    shed.log.insert_events([StoredEvent("shed-north/tool/t1", version, topic, first.state)])
    shed.writer.forget()
    with pytest.raises(StoreBusy):
        await shed.lend("t1", "bram")
    await shed.writer.ready.wait()
    assert (await shed.lend("t2", "bram")).version == 1
    assert [event.originator_version for event in shed.log.select_events("shed-north/tool/t1")] == [1, version]


async def test_a_stream_that_is_read_by_itself_and_as_one_of_a_lease_is_read_as_it_is(shed: Shed) -> None:
    for tool in ("t1", "t2"):
        await shed.lend(tool, "anna")
        await shed.writer.ask(Act(By(), stream=TOOL, id=tool, decision=lambda _tool: [ToolReturned()]))
    seen: dict[str, Any] = {}

    def look(tool: Tool, **facts: Any) -> list[ToolLent]:
        seen.update(facts, itself=tool)
        return [ToolLent(member="bram")]

    reads: dict[str, Read] = {
        "all_of_it": Every(TOOL, "shed-1"),
        "new": One(TOOL, "t3"),
        "elsewhere": One(TOOL, "t1", "shed-south"),
    }
    shed.writer.forget()
    decided = await shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=look, reads=reads))
    back = Tool(member=None, lent=1)
    assert seen == {"itself": back, "all_of_it": {"t1": back, "t2": back}, "new": Tool(), "elsewhere": Tool()}
    assert decided.version == 3
    row = (await shed.fetch("select version, made from tools where id = 't1'"))[0]
    assert (row["version"], row["made"]) == (3, 1)  # where its first event lies in the log


async def test_what_is_held_in_memory_no_more_is_read_again(shed: Shed) -> None:
    shed.writer.memory.most = 2
    for office in ("shed-north", "shed-south", "shed-west", "shed-east") * 2:
        by, reads = By(office=office), {"others": Every(TOOL, "shed-1")}
        for tool in ("t1", "t2"):
            await shed.lend(tool, "anna", by, reads=reads)
        with pytest.raises(ToolNotOnShelf):
            await shed.lend("t3", "anna", by, reads=reads)
        with pytest.raises(ToolNotOnShelf):
            await shed.lend("t1", "bert", by)
        assert len(shed.writer.memory.streams) <= 2
        assert len(shed.writer.memory.members) <= 2
    assert len(await shed.fetch("select 1 from stored_events")) == 8


async def test_a_rule_over_all_streams_of_a_lease_holds_within_one_batch(shed: Shed) -> None:
    many = [shed.lend(f"t{n}", "anna", reads={"others": Every(TOOL, "shed-1")}) for n in range(6)]
    outcomes = await asyncio.gather(*many, return_exceptions=True)
    assert sum(isinstance(outcome, Decided) for outcome in outcomes) == 2


async def test_another_stream_is_seen_as_it_is_in_the_same_batch(shed: Shed) -> None:
    def lend_if_free(tool: Tool, other: Tool) -> list[ToolLent]:
        return lend(tool, to="cleo") if other.member is None else []

    first, second = await asyncio.gather(
        shed.lend("t1", "anna"),
        shed.writer.ask(Act(By(), stream=TOOL, id="t2", decision=lend_if_free, reads={"other": One(TOOL, "t1")})),
    )
    assert first.events and not second.events


async def test_who_saw_an_older_version_changes_nothing(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    with pytest.raises(ChangedMeanwhile) as changed:
        await shed.lend("t1", "anna", By(if_match=7))
    assert changed.value.version == 1


async def test_a_bug_in_one_decision_fails_only_its_own_act(shed: Shed) -> None:
    def broken(_tool: Tool) -> Iterable[ToolLent]:
        raise ZeroDivisionError

    good, bad = await asyncio.gather(
        shed.lend("t1", "anna"),
        shed.writer.ask(Act(By(), stream=TOOL, id="t2", decision=broken)),
        return_exceptions=True,
    )
    assert isinstance(good, Decided) and isinstance(bad, ZeroDivisionError)


async def test_an_act_that_fails_half_way_leaves_nothing_of_itself_in_the_batch(shed: Shed) -> None:
    def half(_tool: Tool) -> list[Any]:
        return [ToolLent(member="anna"), Elsewhere(TOOL, "t9", ToolLent(member="anna")), object()]

    outcomes = await asyncio.gather(
        shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=half)), shed.lend("t1", "bram"), return_exceptions=True
    )
    assert isinstance(outcomes[0], TypeError) and isinstance(outcomes[1], Decided)
    stored = await shed.fetch("select notification_id, originator_id from stored_events")
    assert [tuple(row) for row in stored] == [(1, "shed-north/tool/t1")]
    assert outcomes[1].state.member == "bram"


async def test_what_the_database_will_not_take_fails_only_its_own_act(shed: Shed) -> None:
    outcomes = await asyncio.gather(
        shed.lend("t1", "anna"), shed.lend("t2", "nul\x00"), shed.lend("t3", "cleo"), return_exceptions=True
    )
    assert [isinstance(outcome, Decided) for outcome in outcomes] == [True, False, True]
    found = await shed.fetch("select notification_id from stored_events order by 1")
    assert [row["notification_id"] for row in found] == [1, 2]


async def test_an_event_elsewhere_lies_in_the_same_commit(shed: Shed) -> None:
    def lend_two(tool: Tool) -> list[ToolLent | Elsewhere]:
        return [ToolLent(member="anna"), Elsewhere(TOOL, "t2", ToolLent(member="anna"))]

    decided = await shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=lend_two))
    assert [recorded.stream for recorded in decided.events] == ["tool/t1", "tool/t2"]


async def test_an_event_elsewhere_follows_what_that_stream_holds_also_after_a_restart(shed: Shed) -> None:
    await shed.lend("t2", "anna")
    shed.task.cancel()
    await asyncio.gather(shed.task, return_exceptions=True)
    async with writing(shed.make()) as again:
        await again.ask(Act(By(), stream=TOOL, id="t1", decision=lambda _tool: [Elsewhere(TOOL, "t2", ToolReturned())]))
    stored = shed.log.select_events("shed-north/tool/t2")
    assert [(event.topic, event.originator_version) for event in stored] == [("ToolLent", 1), ("ToolReturned", 2)]


async def test_offices_do_not_see_each_other_even_when_the_query_forgot(shed: Shed) -> None:
    await shed.lend("t1", "anna", By(office="shed-north"))
    await shed.lend("t1", "bram", By(office="shed-south"))
    connection = await asyncpg.connect(shed.database.at_work)
    try:
        async with connection.transaction():
            await connection.execute("select set_config('app.office', 'shed-south', true)")
            assert [row["member"] for row in await connection.fetch("select member from tools")] == ["bram"]
            assert await connection.fetchval("select count(*) from stored_events") == 1
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute(
                        "insert into tools (office, id, version, made, body) values ('shed-north','x',1,1,'{}')"
                    )
        assert await connection.fetchval("select count(*) from tools") == 0  # no office: nothing at all
    finally:
        await connection.close()


@pytest.mark.parametrize("change", ["update stored_events set topic = 'x'", "delete from stored_events"])
async def test_the_services_role_can_neither_change_nor_delete_an_event(shed: Shed, change: str) -> None:
    await shed.lend("t1", "anna")
    connection = await asyncpg.connect(shed.database.at_work)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(change)
    finally:
        await connection.close()


async def test_a_full_queue_says_so_instead_of_piling_up(shed: Shed) -> None:
    shed.writer._queue.room = 3
    outcomes = await asyncio.gather(*(shed.lend(f"t{n}", "anna") for n in range(10)), return_exceptions=True)
    assert sum(isinstance(outcome, StoreBusy) for outcome in outcomes) == 7
    assert isinstance(await shed.lend("t99", "anna"), Decided)


async def test_what_is_read_before_a_batch_is_found_by_one_key_and_no_other_index(shed: Shed) -> None:
    # While a table has no statistics the planner takes any whole index for as good as the key.
    read = ("inbox", "inbox_stream", "once", "stream_of_lease")
    indexes = await shed.fetch("select tablename, indexdef from pg_indexes where schemaname = 'public'")
    whole = [row["tablename"] for row in indexes if " WHERE " not in row["indexdef"]]
    assert sorted(table for table in whole if table in read) == sorted(read)


async def test_a_writer_that_has_nothing_to_do_lets_the_core_sleep(shed: Shed, monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[None] = []
    monkeypatch.setattr("os.sched_yield", lambda: offered.append(None))
    for name in ("SECONDS_BETWEEN", "SECONDS_AWAKE", "SECONDS_TO_COME_BACK"):  # however busy this machine is
        monkeypatch.setattr(f"shared.writer.awake.{name}", 60.0)
    for number in range(10):
        await shed.lend(f"t{number}", "anna")
    assert offered
    for _ in range(3):
        await asyncio.sleep(0)
    offered.clear()
    await asyncio.sleep(0.05)
    assert offered == []


async def test_a_view_that_other_code_filled_is_laid_anew(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    assert not lay_out(shed.log, "visits", views=[TOOLS.table])  # the same code: it stays
    assert lay_out(shed.log, "visits", views=[TOOLS.table], made_by="a later version")
    assert await shed.fetch("select * from tools") == []
