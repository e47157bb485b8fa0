import asyncio
from types import SimpleNamespace
from typing import Any

from shared.clock import SystemClock
from shared.inbox import Inbox, Reactions
from shared.progress import Ranges, Turns


async def test_who_is_about_the_same_thing_goes_one_after_the_other() -> None:
    turns, at_it, seen = Turns(), set[str](), list[str]()

    async def one(thing: str, name: str) -> None:
        async with turns.of(thing):
            assert thing not in at_it
            at_it.add(thing)
            await asyncio.sleep(0)
            at_it.discard(thing)
            seen.append(name)

    await asyncio.gather(*(one("a", f"a{number}") for number in range(3)), one("b", "b"))
    assert [name for name in seen if name != "b"] == ["a0", "a1", "a2"]
    assert seen.index("b") < 2, "nobody waits for another thing"


async def test_who_gives_up_waiting_holds_nobody_up() -> None:
    turns, seen = Turns(), list[int]()

    async def one(number: int) -> None:
        async with turns.of("a"):
            await asyncio.sleep(0)
            seen.append(number)

    waiting = [asyncio.create_task(one(number)) for number in range(4)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 1)
    assert seen == [0, 2, 3]


async def test_who_is_cancelled_just_as_its_turn_comes_passes_it_on() -> None:
    turns, seen = Turns(), list[int]()
    free = asyncio.Event()

    async def one(number: int) -> None:
        async with turns.of("a"):
            await free.wait()
            seen.append(number)

    waiting = [asyncio.create_task(one(number)) for number in range(3)]
    await asyncio.sleep(0)
    free.set()
    await asyncio.sleep(0)  # the first has gone: the turn is the second's, which has not run yet
    waiting[1].cancel()
    await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 1)
    assert seen == [0, 2]


def test_a_position_is_in_its_range_or_in_none() -> None:
    ranges = Ranges([(1, 3), (7, 9)])
    assert [number for number in range(12) if number in ranges] == [1, 2, 3, 7, 8, 9]


async def test_the_inbox_is_read_once_though_two_wait_for_it() -> None:
    """What the second read before would be put over what was taken in since the first."""
    asked: list[str] = []

    async def fetch(sql: str, *_values: Any) -> list[Any]:
        asked.append(sql)
        await asyncio.sleep(0.01)
        return []

    ready = asyncio.Event()
    ready.set()
    store: Any = SimpleNamespace(writer=SimpleNamespace(ready=ready, on_taken=None))
    inbox = Inbox("visits", Reactions(), store, SystemClock(), SimpleNamespace(fetch=fetch))
    await asyncio.gather(*(inbox.take_in("evaluations", []) for _ in range(3)))
    assert sum("group by publisher, settled, island" in sql for sql in asked) == 1
