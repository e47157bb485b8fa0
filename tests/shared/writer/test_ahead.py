"""The next batch is decided while one is being committed, as if that one were there already."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, cast

import asyncpg
import pytest

import shared.writer.loop
from shared.clock import SystemClock
from shared.codec import Codec
from shared.event_sourcing import EventStore
from shared.keys import Seals
from shared.log import ONCE
from shared.lost import StoreBusy
from shared.writer.acts import Act, Change, Decided, Every, KeyReused
from shared.writer.batch import Batch
from shared.writer.storing import store
from tests.shared.writer.shed import TOOL, Asked, By, Shed, ToolLent, ToolNotOnShelf, nobody_commits, told


async def test_the_next_batch_is_decided_while_one_is_being_committed_and_nobody_is_answered_before(
    shed: Shed,
) -> None:
    acts = Asked(shed)
    async with nobody_commits(shed):
        first = acts.lend("t1", "anna")
        await acts.decided("t1 anna")
        second, third = acts.lend("t1", "bram"), acts.lend("t1", "anna")
        await acts.decided("t1 bram")
        fourth = acts.lend("t2", "bram")  # into the same batch, which is still open
        await acts.decided("t2 bram")
        assert not any(act.done() for act in (first, second, third, fourth))
        assert not shed.writer.held("shed-north", TOOL, "t1").version  # type: ignore[union-attr]
    assert (await first).version == 1
    with pytest.raises(ToolNotOnShelf):
        await second
    assert not (await third).events and (await fourth).version == 1
    assert acts.times == {"t1 anna": 2, "t1 bram": 1, "t2 bram": 1}  # by two who asked, and nothing twice
    stored = await shed.fetch("select notification_id, originator_id from stored_events order by 1")
    assert [tuple(row) for row in stored] == [(1, "shed-north/tool/t1"), (2, "shed-north/tool/t2")]


async def test_who_asks_what_was_known_is_woken_by_the_commit_of_what_is_dated_by_then(shed: Shed) -> None:
    acts = Asked(shed)
    async with nobody_commits(shed):
        first = acts.lend("t1", "anna")
        await acts.decided("t1 anna")
        at = shed.writer._under_way[0].since
        assert at is not None
        asked = asyncio.create_task(shed.writer.known_until(at, now=SystemClock().now()))
        latest = await shed.writer.known_until(None, now=SystemClock().now())
        await asyncio.sleep(0)
        assert latest is not None and latest < at and not asked.done()
    recorded = (await first).events[0].recorded_at
    await asyncio.sleep(0)
    assert asked.done() and await asked == at == recorded


async def test_what_is_decided_again_after_a_lost_look_is_not_known_before_its_commit(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, lost = shed.writer._look.before, list[str]()

    async def lost_once(*of: Any) -> Any:
        if not lost:
            lost.append("now")
            raise ConnectionResetError
        return await look(*of)

    monkeypatch.setattr(shed.writer._look, "before", lost_once)
    acts = Asked(shed)
    async with nobody_commits(shed):
        first = acts.lend("t1", "anna")
        await acts.decided("t1 anna")
        now = SystemClock().now()
        latest = await shed.writer.known_until(None, now=now)
    recorded = (await first).events[0].recorded_at
    assert latest is not None and latest < recorded <= now


async def test_a_process_that_stands_by_answers_of_what_was_known_only_for_what_is_committed(shed: Shed) -> None:
    acts = Asked(shed)
    async with asyncpg.create_pool(shed.database.at_work, min_size=1, max_size=1) as pool:
        stands_by = EventStore(shed.make(), Codec([TOOL]), pool, cast(Seals, None))
        async with nobody_commits(shed):
            first = acts.lend("t1", "anna")
            await acts.decided("t1 anna")
            at = shed.writer._under_way[0].since
            assert at is not None
            with pytest.raises(StoreBusy):  # the answer could lack what is being committed, and hold it later
                await stands_by.known_until(at, now=SystemClock().now())
            before = await stands_by.known_until(None, now=SystemClock().now())
            assert before < at
            assert await stands_by.known_until(before, now=SystemClock().now()) == before
        await first
        assert await stands_by.known_until(at, now=SystemClock().now()) == at


async def test_whoever_gave_up_before_it_was_decided_keeps_nobody_from_knowing_what_is(shed: Shed) -> None:
    gives_up = asyncio.create_task(shed.lend("t1", "anna"))
    await asyncio.sleep(0)
    gives_up.cancel()
    await asyncio.gather(gives_up, return_exceptions=True)
    while shed.writer._queue.arrived.is_set():
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    now = SystemClock().now()
    assert await shed.writer.known_until(None, now=now) == now


async def test_what_was_decided_ahead_is_decided_anew_when_the_commit_before_it_failed(shed: Shed) -> None:
    acts = Asked(shed)
    await shed.lend("t0", "anna", By(once="anna/k1", digest=b"\x01"))
    taken = {"key": "anna/k1", "digest": None, "answer": None, "at": SystemClock().now()}
    async with nobody_commits(shed):
        first = acts.lend("t1", "anna", rows=[Change("shed-north", ONCE, taken, "insert")])
        await acts.decided("t1 anna")
        second = acts.lend("t1", "bram")
        await acts.decided("t1 bram")
    with pytest.raises(asyncpg.UniqueViolationError):
        await first
    assert (await second).state.member == "bram" and acts.times["t1 bram"] == 2
    stored = await shed.fetch("select notification_id from stored_events order by 1")
    assert [row["notification_id"] for row in stored] == [1, 2]


async def test_nothing_rests_on_a_commit_that_failed_when_something_was_asked_in_that_moment(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile: list[asyncio.Task[Decided]] = []

    def ask() -> Awaitable[Decided]:
        return shed.writer.ask(
            Act(
                By(once="anna/k1", digest=b"\x01"),
                stream=TOOL,
                id="t1",
                decision=lambda _tool: [ToolLent(member="anna")],
                answer=lambda decided: f"v{decided.version}".encode(),
            )
        )

    async def stored(connection: asyncpg.Connection, batch: Batch) -> None:
        try:
            await store(connection, batch)
        except asyncpg.UniqueViolationError:
            meanwhile.append(asyncio.create_task(shed.lend("t2", "bram")))
            await asyncio.sleep(0)  # it was asked, and deciding it ahead of the commit has not begun
            raise

    await ask()
    monkeypatch.setattr(shared.writer.loop, "store", stored)
    again = [await ask()]  # held to be new, and decided with a second version
    assert [one.version for one in await asyncio.gather(*meanwhile)] == [1]
    again.append(await ask())
    assert [(one.outcome, one.answer) for one in again] == [("replayed", b"v1")] * 2
    assert (await shed.lend("t3", "cleo")).version == 1
    stored_events = await shed.fetch("select notification_id from stored_events order by 1")
    assert [row["notification_id"] for row in stored_events] == [1, 2, 3]


async def test_what_was_decided_ahead_is_decided_anew_when_somebody_else_wrote(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    acts = Asked(shed)
    async with nobody_commits(shed) as script:
        first = acts.lend("t2", "bram")
        await acts.decided("t2 bram")
        second = acts.lend("t3", "cleo")
        await acts.decided("t3 cleo")
        await script.execute(
            "insert into stored_events (originator_id, originator_version, topic, state, notification_id)"
            " select 'shed-north/tool/t3', 1, topic, state, 2 from stored_events"
        )
        await script.execute("update head set log = 2, batch = 'a script'")
    assert (await first).state.member == "bram"
    with pytest.raises(ToolNotOnShelf):
        await second
    stored = await shed.fetch("select notification_id, originator_id from stored_events order by 1")
    assert [row["originator_id"][-2:] for row in stored] == ["t1", "t3", "t2"]


async def test_what_was_decided_ahead_of_a_lost_connection_has_its_effect_once(shed: Shed) -> None:
    acts = Asked(shed)
    async with nobody_commits(shed):
        first = acts.lend("t1", "anna")
        await acts.decided("t1 anna")
        second = acts.lend("t2", "bram")
        await acts.decided("t2 bram")
        await shed.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <>"
            " pg_backend_pid()",
            role="at_work",
        )
    assert ((await first).version, (await second).version) == (1, 1)
    stored = await shed.fetch("select notification_id, originator_id from stored_events order by 1")
    assert [tuple(row) for row in stored] == [(1, "shed-north/tool/t1"), (2, "shed-north/tool/t2")]


async def test_what_is_being_committed_counts_for_rules_over_a_lease_and_so_it_does_afterwards(shed: Shed) -> None:
    acts = Asked(shed)
    others = {"others": Every(TOOL, "shed-1")}
    async with nobody_commits(shed):
        before = [acts.lend("t1", "anna"), acts.lend("t2", "anna")]
        await acts.decided("t1 anna", "t2 anna")
        third = acts.lend("t3", "anna", reads=others)
        await acts.decided("t3 anna")
    assert len(await asyncio.gather(*before)) == 2
    with pytest.raises(ToolNotOnShelf):
        await third
    with pytest.raises(ToolNotOnShelf):
        await acts.lend("t4", "anna", reads=others)


async def test_a_key_and_a_message_that_are_being_committed_have_no_second_effect(shed: Shed) -> None:
    acts = Asked(shed)
    by, message = By(once="anna/k1", digest=b"\x01"), By(message=told(1), actor="SYS")

    def answer(decided: Decided) -> bytes:
        return f"v{decided.version}".encode()

    async with nobody_commits(shed):
        first = [acts.lend("t1", "anna", by, answer=answer), acts.lend("t2", "anna", message)]
        await acts.decided("t1 anna", "t2 anna")
        again = [acts.lend("t1", "anna", by, answer=answer), acts.lend("t2", "anna", message)]
        successor = acts.lend("t3", "anna", By(message=told(2, version=2, previous=1), actor="SYS"))
        reused = acts.lend("t1", "anna", replace(by, digest=b"\x02"), answer=answer)
        await acts.decided("t3 anna")
        assert not any(act.done() for act in (*first, *again, successor, reused))
    assert [(one.outcome, one.answer) for one in await asyncio.gather(*first)] == [("done", b"v1"), ("done", None)]
    assert [(one.outcome, one.answer) for one in await asyncio.gather(*again)] == [
        ("replayed", b"v1"),
        ("repeat", None),
    ]
    assert (await successor).outcome == "done"
    with pytest.raises(KeyReused):
        await reused
    assert len(await shed.fetch("select * from stored_events")) == 3


async def test_of_many_that_wait_half_are_decided_while_the_other_half_is_being_committed(shed: Shed) -> None:
    acts = Asked(shed)
    async with nobody_commits(shed):
        all_of_them = [acts.lend(f"t{number}", "anna") for number in range(40)]
        await acts.decided(*(f"t{number} anna" for number in range(40)))
    assert {one.version for one in await asyncio.gather(*all_of_them)} == {1}
    stored = await shed.fetch(
        "select xmin::text as commit, count(*) from stored_events group by 1 order by min(notification_id)"
    )
    assert [row["count"] for row in stored] == [20, 20]
