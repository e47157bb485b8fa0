"""Connections that are lost and commits that fail, at every moment: one effect each, and nobody sees what is not so."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any, TypeVar

import asyncpg
import pytest

import shared.writer.loop
from shared.codec import Codec
from shared.lost import StoreBusy
from shared.writer.acts import Act, Decided, Every, Message, One, OnRefusal, Read
from shared.writer.batch import Batch
from shared.writer.storing import store
from tests.shared.writer.shed import (
    OTHERS,
    REFUSED,
    TOOL,
    By,
    LendingRefused,
    Shed,
    Tool,
    ToolLent,
    ToolNotOnShelf,
    evolve,
    fails,
    told,
)

T = TypeVar("T")


async def test_a_connection_lost_while_working_is_opened_again_without_a_doubled_effect(shed: Shed) -> None:
    async def kill() -> None:
        await shed.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'visits'", role="at_work"
        )

    outcomes: list[Any] = []
    for n in range(5):
        burst = [asyncio.create_task(shed.lend(f"t{n}-{m}", "anna")) for m in range(20)]
        await asyncio.sleep(0)
        await asyncio.gather(kill(), return_exceptions=True)
        outcomes += await asyncio.gather(*burst, return_exceptions=True)
        await shed.writer.ready.wait()
    assert all(isinstance(outcome, Decided | StoreBusy) for outcome in outcomes)
    found = await shed.fetch("select notification_id, originator_id from stored_events order by 1")
    assert [row["notification_id"] for row in found] == list(range(1, len(found) + 1))
    assert len({row["originator_id"] for row in found}) == len(found)
    assert sum(isinstance(outcome, Decided) for outcome in outcomes) <= len(found)


async def test_a_connection_lost_while_more_is_looked_for_is_no_fault_of_the_act(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    assert await shed.fetch(f"select pg_terminate_backend(pid) {OTHERS}", role="at_work")
    with pytest.raises(ToolNotOnShelf):  # its key is looked for before it is told so
        await shed.lend("t1", "bram", By(once="bram/k", digest=b"\x01"))
    assert (await shed.lend("t2", "bram")).outcome == "done"


@asynccontextmanager
async def connections_are_lost(shed: Shed, drawn: Random) -> AsyncIterator[None]:
    """Cut connections of the writer again and again."""

    async def lose() -> None:
        while True:
            await asyncio.sleep(drawn.uniform(0.01, 0.2))
            await shed.fetch(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <>"
                " pg_backend_pid() and random() < 0.7",
                role="at_work",
            )

    losing = asyncio.create_task(lose())
    try:
        async with asyncio.timeout(180):
            yield
    finally:
        losing.cancel()
        await asyncio.gather(losing, return_exceptions=True)


async def asked_until_answered(shed: Shed, by: By, tool: str, answer: Callable[[Decided], bytes]) -> Decided:
    """Lend a tool once more, whoever has it; again while the store is away."""
    while True:
        try:
            return await shed.writer.ask(
                Act(by, stream=TOOL, id=tool, decision=lambda _tool: [ToolLent(member="anna")], answer=answer)
            )
        except StoreBusy:
            await shed.writer.ready.wait()
            await asyncio.sleep(0)


async def repeated(drawn: Random, ask: Callable[[], Awaitable[T]]) -> list[T]:
    """Ask up to three times, some of them twice at once, at moments drawn turn by turn of the loop."""
    answers: list[T] = []
    for together in drawn.choices([1, 2], k=drawn.randint(1, 3)):
        for _turn in range(drawn.randint(0, 60)):
            await asyncio.sleep(0)
        answers += await asyncio.gather(*(ask() for _ in range(together)))
    return answers


CALLERS_WHO_REPEAT, EACH = 5, 150


@pytest.mark.parametrize("seed", [1, 2])
async def test_whoever_repeats_a_request_has_its_first_answer_whatever_fails_meanwhile(
    shed: Shed, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Each key has one act and one answer; a repeat makes a commit fail, and connections are lost."""
    monkeypatch.setattr(shared.writer.loop, "SECONDS_OF_DOUBT", 0.0)  # each repeat is held to be new, and fails
    drawn = Random(seed)

    async def ask(key: str, tool: str) -> bytes:
        def answer(decided: Decided) -> bytes:
            return f"{tool} v{decided.version} {decided.events[0].id}".encode()

        decided = await asked_until_answered(shed, By(once=key, digest=b"\x01"), tool, answer)
        return answer(decided) if decided.answer is None else decided.answer

    async def repeat(caller: int) -> dict[str, bytes]:
        told: dict[str, bytes] = {}
        for number in range(EACH):
            key = f"anna/{caller}-{number}"
            (told[key],) = set(await repeated(drawn, partial(ask, key, drawn.choice(["t1", "t2", "t3"]))))
        return told

    async with connections_are_lost(shed, drawn):
        told = [each for one in await asyncio.gather(*map(repeat, range(CALLERS_WHO_REPEAT))) for each in one.items()]
    kept = await shed.fetch("select key, answer from once")
    assert {row["key"]: bytes(row["answer"]) for row in kept} == dict(told)
    assert len(await shed.fetch("select * from stored_events")) == len(told) == CALLERS_WHO_REPEAT * EACH


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_message_that_comes_again_has_one_effect_whatever_fails_meanwhile(
    shed: Shed, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(shared.writer.loop, "SECONDS_OF_DOUBT", 0.0)
    drawn = Random(seed)

    async def take(message: Message) -> str:
        by = By(message=message, actor="SYS")
        return (await asked_until_answered(shed, by, drawn.choice(["t1", "t2", "t3"]), lambda _: b"")).outcome

    async def repeat(order: int) -> None:
        for number in range(1, EACH + 1):
            message = told(order * 1000 + number, version=number, previous=number - 1, stream=f"order/{order}")
            outcomes = Counter(await repeated(drawn, partial(take, message)))
            assert outcomes["done"] <= 1 and outcomes["done"] + outcomes["repeat"] == outcomes.total()

    async with connections_are_lost(shed, drawn):
        await asyncio.gather(*map(repeat, range(CALLERS_WHO_REPEAT)))
    taken = await shed.fetch("select state, count(*) from inbox group by 1")
    assert [tuple(row) for row in taken] == [("taken", CALLERS_WHO_REPEAT * EACH)]
    assert len(await shed.fetch("select * from stored_events")) == CALLERS_WHO_REPEAT * EACH


async def test_an_act_on_which_the_database_fails_again_and_again_keeps_nobody_waiting(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = fails(asyncpg.DataCorruptedError, lambda batch: any(one.id == "t2" for one in batch.asked))
    monkeypatch.setattr(shared.writer.loop, "store", broken)
    async with asyncio.timeout(20):
        first, second = await asyncio.gather(shed.lend("t1", "anna"), shed.lend("t2", "anna"), return_exceptions=True)
        assert isinstance(first, Decided) and isinstance(second, StoreBusy)
        await shed.writer.ready.wait()
        assert (await shed.lend("t3", "anna")).version == 1


def fails_now_and_then(shed: Shed, monkeypatch: pytest.MonkeyPatch, drawn: Random) -> None:
    """Let commits and looks fail, before or after they took place, and let the time that both take be drawn."""
    fetch = asyncpg.Connection.fetch

    async def some_turns() -> None:
        for _turn in range(drawn.randint(0, 6)):
            await asyncio.sleep(drawn.choice([0, 0, 0, 0.001]))

    async def stored(connection: asyncpg.Connection, batch: Batch) -> None:
        await some_turns()
        if drawn.random() < 0.03:
            raise drawn.choice([asyncpg.DeadlockDetectedError, asyncpg.DiskFullError, ConnectionResetError])("as if")
        await store(connection, batch)
        await some_turns()
        if drawn.random() < 0.03:
            raise drawn.choice([TimeoutError, ConnectionResetError, asyncpg.InternalClientError])("only the answer")

    async def looked(connection: asyncpg.Connection, *what: Any, **how: Any) -> Any:
        found = await fetch(connection, *what, **how)
        if connection is shed.writer._look.connection:
            await some_turns()
            if drawn.random() < 0.02:
                raise drawn.choice([asyncpg.QueryCanceledError, ConnectionResetError])("as if")
        return found

    monkeypatch.setattr(shared.writer.loop, "store", stored)
    monkeypatch.setattr(asyncpg.Connection, "fetch", looked)
    monkeypatch.setattr(shared.writer.loop, "SECONDS_OF_DOUBT", 0.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_each_decision_sees_all_that_lies_before_it_and_nothing_else_whatever_fails_meanwhile(
    shed: Shed, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """What was seen is said in the event; a refusal is remembered once for each key; hardly anything is held."""
    drawn = Random(seed)
    shed.writer.memory.most = 3
    fails_now_and_then(shed, monkeypatch, drawn)
    remembered = OnRefusal(REFUSED, "shed-1", lambda no: [LendingRefused(code=no.code())])
    refused: set[str] = set()
    offices = ["shed-north", "shed-east", "shed-south", "shed-west"]  # of a lease in each, one more than is held

    def said_of(tools: Iterable[tuple[str, Tool]]) -> str:
        return " ".join(f"{id}:{tool.lent}" for id, tool in sorted(tools))

    def lend_if_few(tool: Tool, others: dict[str, Tool], first: Tool) -> list[ToolLent]:
        if tool.lent > 1:
            raise ToolNotOnShelf
        return [ToolLent(member=f"{said_of(others.items())} and {first.lent}")]

    async def ask(by: By, tool: str, begins: bool) -> None:
        reads: dict[str, Read] = {"others": Every(TOOL, "shed-1"), "first": One(TOOL, "t1")}
        while True:
            try:
                await shed.writer.ask(
                    Act(by, stream=TOOL, id=tool, decision=lend_if_few, reads=reads, refused=remembered, begins=begins)
                )
            except StoreBusy:
                await shed.writer.ready.wait()
                await asyncio.sleep(0)
            except ToolNotOnShelf:
                refused.add(by.once or "")
                return
            else:
                return

    async def caller(name: str) -> None:
        for number in range(15):
            by = By(office=drawn.choice(offices), once=f"{name}-{number}", digest=b"\x01")
            await repeated(drawn, partial(ask, by, f"t{drawn.randint(1, 9)}", drawn.random() < 0.3))
            if drawn.random() < 0.02:
                shed.writer.look_again()

    async with asyncio.timeout(60):
        await asyncio.gather(*map(caller, ["anna", "bram", "cleo", "dirk", "eva"]))
    codec, attempts = Codec([TOOL, REFUSED]), 0
    of_all: dict[str, dict[str, Tool]] = {office: {} for office in offices}
    for row in await shed.fetch("select * from stored_events order by notification_id"):
        office, kind, id = row["originator_id"].split("/")
        tools = of_all[office]
        if kind == "refused":
            attempts += 1
            continue
        whole = codec.decode(row["topic"], row["state"], stream=f"tool/{id}", version=row["originator_version"])
        assert whole.event.member == f"{said_of(tools.items())} and {tools.get('t1', Tool()).lent}"
        tools[id] = evolve(tools.get(id, Tool()), whole.event)
        assert row["originator_version"] == tools[id].lent
    assert attempts == len(refused)
    shown = {(row["office"], row["id"]): row["member"] for row in await shed.fetch("select * from tools")}
    assert shown == {(office, id): tool.member for office, tools in of_all.items() for id, tool in tools.items()}
