"""One process of a service writes; who lost that right believes nothing that it holds."""

import asyncio
from functools import partial
from typing import Any

import asyncpg
import pytest

import shared.writer.loop
from shared.lost import StoreBusy
from shared.writer.acts import Act
from shared.writer.loop import ONLY_WRITER, Writer
from tests.shared.writer.shed import OTHERS, TOOL, Asked, By, Shed, ToolNotOnShelf, ToolReturned, lend, nobody_commits


async def test_a_second_process_stands_by_until_the_first_is_gone(shed: Shed) -> None:
    second = shed.make()
    task = asyncio.create_task(second.run())
    with pytest.raises(StoreBusy):
        await second.ask(Act(By(), stream=TOOL, id="t1", decision=partial(lend, to="anna")))
    await shed.lend("t1", "anna")
    shed.task.cancel()
    await asyncio.wait_for(second.ready.wait(), 10)
    with pytest.raises(ToolNotOnShelf):
        await second.ask(Act(By(), stream=TOOL, id="t1", decision=partial(lend, to="bram")))
    task.cancel()


WHO_WRITES = "select pid from pg_locks where locktype = 'advisory'"


async def test_a_process_to_which_nobody_says_anything_notices_that_it_is_no_longer_the_one_that_writes(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.writer.loop, "SECONDS_TO_COME_BACK", 0.3)
    second = shed.make()
    task = asyncio.create_task(second.run())
    await loses_its_lock_to(second, shed, monkeypatch)
    async with asyncio.timeout(10):
        while shed.writer.ready.is_set():
            await asyncio.sleep(0.01)
    assert (await second.ask(Act(By(), stream=TOOL, id="t1", decision=partial(lend, to="anna")))).version == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(shed.writer.ready.wait(), 10)


async def test_a_process_to_which_nobody_says_anything_opens_a_lost_connection_again(shed: Shed) -> None:
    before = await shed.fetch(WHO_WRITES, role="at_work")
    await shed.fetch("select pg_terminate_backend($1)", before[0]["pid"], role="at_work")
    async with asyncio.timeout(10):
        while await shed.fetch(WHO_WRITES, role="at_work") in ([], before):
            await asyncio.sleep(0.01)
    assert shed.writer.ready.is_set()


async def loses_its_lock_to(second: Writer, shed: Shed, monkeypatch: pytest.MonkeyPatch) -> None:
    """End the connection that makes the writer the one that writes, and keep it from coming back before a second."""
    reconnect, taken_over = shed.writer._reconnect, asyncio.Event()

    async def after_the_second() -> None:
        if not taken_over.is_set():
            raise ConnectionRefusedError
        await reconnect()

    monkeypatch.setattr(shed.writer, "_reconnect", after_the_second)
    async with asyncio.timeout(10):
        await shed.fetch(WHO_WRITES.replace("pid", "pg_terminate_backend(pid)"), role="at_work")
        await second.ready.wait()
    taken_over.set()


async def test_nobody_is_sent_away_when_a_connection_alone_has_ended(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shed.lend("t1", "anna")
    reconnect, comes_back, may = shed.writer._reconnect, asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        comes_back.set()
        await may.wait()
        await reconnect()

    monkeypatch.setattr(shed.writer, "_reconnect", slowly)
    await shed.fetch(f"select pg_terminate_backend(pid) {OTHERS}", role="at_work")
    first = asyncio.create_task(shed.lend("t2", "anna"))
    await asyncio.wait_for(comes_back.wait(), 10)
    second = asyncio.create_task(shed.lend("t3", "anna"))
    await asyncio.sleep(0)
    may.set()
    assert ((await first).version, (await second).version) == (1, 1)


async def test_nothing_held_is_shown_before_a_process_knows_that_it_is_the_one_that_writes_again(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shed.lend("t1", "anna")
    ask, asked, may = asyncpg.Connection.fetchval, asyncio.Event(), asyncio.Event()

    async def slowly(connection: asyncpg.Connection, statement: str, *values: Any, **how: Any) -> Any:
        if statement == ONLY_WRITER:
            asked.set()
            await may.wait()
        return await ask(connection, statement, *values, **how)

    monkeypatch.setattr(asyncpg.Connection, "fetchval", slowly)
    await shed.fetch(f"select pg_terminate_backend(pid) {OTHERS}", role="at_work")
    lent = asyncio.create_task(shed.lend("t2", "anna"))
    await asyncio.wait_for(asked.wait(), 10)
    seen = shed.writer.held("shed-north", TOOL, "t1")
    may.set()
    assert seen is None  # another process may have written by now
    await lent
    await shed.lend("t3", "anna")
    assert shed.writer.held("shed-north", TOOL, "t3") is not None


async def test_nothing_is_written_before_somebody_vouched_although_a_connection_was_lost(shed: Shed) -> None:
    acts, vouched = Asked(shed), asyncio.Event()

    async def vouch() -> None:
        await vouched.wait()

    async with nobody_commits(shed):
        first = acts.lend("t1", "anna")
        await acts.decided("t1 anna")
        second = acts.lend("t2", "anna")
        await acts.decided("t2 anna")
        shed.writer.vouch = vouch
        shed.writer.look_again()
        await shed.fetch(f"select pg_terminate_backend(pid) {OTHERS}", role="at_work")
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(one) for one in outcomes] == [StoreBusy, StoreBusy]
    assert not shed.writer.ready.is_set() and not await shed.fetch("select 1 from stored_events")
    vouched.set()
    await shed.writer.ready.wait()
    assert (await shed.lend("t1", "anna")).version == 1


async def test_who_lost_the_connection_that_made_it_the_one_that_writes_believes_nothing_that_it_holds(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.writer.loop, "SECONDS_TO_COME_BACK", 0.3)
    await shed.lend("t1", "anna")
    second = shed.make()
    task = asyncio.create_task(second.run())
    await loses_its_lock_to(second, shed, monkeypatch)
    await second.ask(Act(By(), stream=TOOL, id="t1", decision=lambda _tool: [ToolReturned()]))
    assert shed.writer.held("shed-north", TOOL, "t1") is None
    with pytest.raises(StoreBusy):  # and not that another one has it
        await shed.lend("t1", "bram")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await shed.writer.ready.wait()
    assert (await shed.lend("t1", "bram")).version == 3
