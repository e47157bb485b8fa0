"""The work of each day: once, in order, caught up, and cheap when nothing is due; with a real store."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import prometheus_client
import pytest

from operate.postgres import Postgres
from shared.clock import clock_of, local_instant, seconds_running, set_clock
from shared.day import Day, DayLoop, Days, day_that_began
from shared.decisions import Stream
from shared.event_sourcing import EventStore, StoreBusy
from shared.keys import Seals
from shared.refusals import WrongState
from shared.views import Resource
from tests.conftest import ScratchDatabase
from tests.one_service import lay_out_log, small_store, template

MONDAY = date(2026, 1, 5)
NORTH, SOUTH = "shed-north", "shed-south"
A_RENTER = "Jan Peeters"


@dataclass(frozen=True, kw_only=True)
class OfficeFounded:
    name: str


@dataclass(frozen=True, kw_only=True)
class ToolLent:
    due_on: date


@dataclass(frozen=True, kw_only=True)
class ToolMissed:
    """The day it was due passed."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    due_on: date | None = None
    missed: int = 0


def evolve(tool: Tool, event: ToolLent | ToolMissed) -> Tool:
    match event:
        case ToolLent(due_on=due_on):
            return replace(tool, due_on=due_on)
        case ToolMissed():
            return replace(tool, due_on=None, missed=tool.missed + 1)


def found(founded: int) -> list[OfficeFounded]:
    return [] if founded else [OfficeFounded(name="shed")]


def miss(tool: Tool) -> list[ToolMissed]:
    return [ToolMissed()]  # not harmless when it is said twice: the key must stop it


SHED = Stream[int, OfficeFounded]("shed", initial=0, evolve=lambda n, _: n + 1, events=OfficeFounded)
TOOL = Stream("tool", initial=Tool(), evolve=evolve, events=ToolLent | ToolMissed)
TOOLS = Resource("tools", TOOL, lambda _id, _tool: {}, {"due_on": "date"}, lambda _id, tool: {"due_on": tool.due_on})


@dataclass
class House:
    """A service at work on a settable clock."""

    clock_file: Path
    store: EventStore
    offices: asyncpg.Pool
    begun: list[tuple[str, date]]

    def moved_to(self, day: date, at: time = time(0, 5)) -> None:
        set_clock(self.clock_file, to=local_instant(day, at))

    def loop(self, days: Days) -> DayLoop:
        return DayLoop(days, self.store, clock_of(self.clock_file), self.offices)

    async def tell(self, office: str, id: str, event: Any) -> None:
        by = Day(office=office, date=MONDAY)
        stream = SHED if isinstance(event, OfficeFounded) else TOOL
        await self.store.decide(stream, id, lambda _: [event], by=by)

    async def tool(self, id: str, office: str = NORTH) -> Tool:
        state: Tool = await self.store.state(TOOL, id, by=Day(office=office, date=MONDAY))
        return state


@pytest.fixture(scope="module")
def laid(postgres: Postgres) -> Iterator[ScratchDatabase]:
    with template(postgres, "visits", partial(lay_out_log, views=[TOOLS.table])) as made:
        yield made


@pytest.fixture
async def house(laid: ScratchDatabase, tmp_path: Path) -> AsyncIterator[House]:
    database = laid.emptied()
    clock_file = tmp_path / "clock.json"
    set_clock(clock_file, to=local_instant(MONDAY, time(8, 0)))
    async with (
        small_store(database, SHED, TOOL, resources=[TOOLS], clock=clock_of(clock_file)) as store,
        asyncpg.create_pool(database.all_offices, min_size=1, max_size=1) as offices,
    ):
        house = House(clock_file, store, offices, [])
        await house.tell(NORTH, "shed", OfficeFounded(name="North"))
        await house.tell(SOUTH, "shed", OfficeFounded(name="South"))
        yield house


async def the_day(_day: Day, _store: EventStore) -> list[None]:
    """The one thing that there is to do is the day itself."""
    return [None]


async def not_brought_back(day: Day, store: EventStore) -> list[str]:
    sql = "select id from tools where office = $1 and due_on < $2 order by id"
    return [row["id"] for row in await store.rows(sql, day.date, by=day)]


def works_of(house: House) -> Days:
    days = Days()

    @days.each("days that began", the_day)
    async def note(_: None, day: Day, store: EventStore) -> None:
        house.begun.append((day.office, day.date))

    @days.each("tools that were not brought back", not_brought_back)
    async def note_missed(tool: str, day: Day, store: EventStore) -> None:
        await store.decide(TOOL, tool, miss, by=day.about(tool))

    return days


async def test_each_day_is_done_once_in_order_for_each_office(house: House) -> None:
    loop = house.loop(works_of(house))
    house.moved_to(MONDAY + timedelta(days=2))
    assert await loop.run_until(MONDAY + timedelta(days=1)) == 0
    assert await loop.run_until(MONDAY + timedelta(days=2)) == 0
    assert await loop.run_until(MONDAY + timedelta(days=2)) == 0
    assert house.begun == [(office, MONDAY + timedelta(days=n)) for n in range(3) for office in (NORTH, SOUTH)]
    assert loop.done == MONDAY + timedelta(days=2)


async def test_what_is_due_is_done_on_its_day_and_dated_so(house: House) -> None:
    await house.tell(NORTH, "t1", ToolLent(due_on=MONDAY))
    await house.tell(SOUTH, "t1", ToolLent(due_on=MONDAY + timedelta(days=1)))
    house.moved_to(MONDAY + timedelta(days=9), time(12, 0))
    loop = house.loop(works_of(house))
    await loop.run_until(MONDAY)
    assert not (await house.tool("t1")).missed
    await loop.run_until(MONDAY + timedelta(days=9))
    for office, days_later in ((NORTH, 1), (SOUTH, 2)):
        missed = (await house.store.history(TOOL, "t1", by=Day(office=office, date=MONDAY)))[-1]
        assert (missed.event, missed.actor, missed.source) == (ToolMissed(), "SYS", "system")
        assert missed.occurred_on == MONDAY + timedelta(days=days_later)
        assert missed.recorded_at > datetime(2026, 1, 14, tzinfo=UTC)


async def test_a_day_that_is_caught_up_says_so_and_each_since_when_something_may_be_left(house: House) -> None:
    days, seen = Days(), []

    @days.each("how late it is", the_day)
    async def note(_: None, day: Day, store: EventStore) -> None:
        seen.append((day.office, day.date, day.late, day.since))

    house.moved_to(MONDAY + timedelta(days=2))
    loop = house.loop(days)
    await loop.run_until(MONDAY)
    await loop.run_until(MONDAY + timedelta(days=2))
    assert [one[1:] for one in seen if one[0] == NORTH] == [
        (MONDAY, False, MONDAY - timedelta(days=1)),
        (MONDAY + timedelta(days=1), True, MONDAY),
        (MONDAY + timedelta(days=2), False, MONDAY),
    ]


async def test_days_that_are_caught_up_are_told_of_until_the_last_of_them_is_done(house: House) -> None:
    days, seen, away = Days(), [], True

    @days.each("how many were missed", the_day)
    async def note(_: None, day: Day, store: EventStore) -> None:
        if day.office == NORTH and not day.late:
            if away:
                raise StoreBusy
            seen.append((day.date, day.since))

    house.moved_to(MONDAY + timedelta(days=3))
    with pytest.raises(StoreBusy):
        await house.loop(days).run_until(MONDAY + timedelta(days=3))
    away = False
    await house.loop(days).run_until(MONDAY + timedelta(days=3))  # of a process that was started anew
    assert seen == [(MONDAY + timedelta(days=3), MONDAY - timedelta(days=1))]


async def test_what_fails_for_days_is_looked_for_from_the_first_of_them_on(house: House) -> None:
    days, seen = Days(), []

    @days.each("what only the days since can show", the_day)
    async def note(_: None, day: Day, store: EventStore) -> None:
        if day.office == NORTH and not day.late:
            seen.append(day.since)
            if day.date < MONDAY + timedelta(days=3):
                raise ValueError("a bug")

    for number in range(5):
        house.moved_to(MONDAY + timedelta(days=number), time(9, 0))
        await house.loop(days).run_until(MONDAY + timedelta(days=number))
    assert seen == [MONDAY - timedelta(days=1)] * 4 + [MONDAY + timedelta(days=3)]


async def test_a_day_done_again_changes_nothing(house: House) -> None:
    await house.tell(NORTH, "t1", ToolLent(due_on=MONDAY))
    house.moved_to(MONDAY + timedelta(days=1))
    day = Day(office=NORTH, date=MONDAY + timedelta(days=1)).of("tools that were not brought back")
    for _ in range(2):
        await house.store.decide(TOOL, "t1", miss, by=day.about("t1"))
    assert (await house.tool("t1")).missed == 1
    await house.store.decide(TOOL, "t1", miss, by=replace(day, date=MONDAY).about("t1"))
    assert (await house.tool("t1")).missed == 2


async def test_the_days_that_were_missed_are_caught_up_by_the_loop(house: House) -> None:
    await house.tell(NORTH, "t1", ToolLent(due_on=MONDAY))
    house.moved_to(MONDAY + timedelta(days=3))
    loop = house.loop(works_of(house))
    running = asyncio.create_task(loop.run())
    while loop.done != MONDAY + timedelta(days=3):
        await asyncio.sleep(0.02)
    house.moved_to(MONDAY + timedelta(days=4))
    while loop.done != MONDAY + timedelta(days=4):
        await asyncio.sleep(0.02)
    running.cancel()
    assert house.begun == [(office, MONDAY + timedelta(days=n)) for n in range(5) for office in (NORTH, SOUTH)]
    assert (await house.tool("t1")).missed == 1


async def test_a_work_that_fails_hinders_neither_the_others_nor_the_next_day(house: House) -> None:
    days = Days()

    @days.each("what fails", the_day)
    async def fail(_: None, day: Day, store: EventStore) -> None:
        if day.office == NORTH:
            raise ValueError("a bug")

    for what, work in works_of(house).works.items():
        days.each(what, work.find)(work.do)
    await house.tell(NORTH, "t1", ToolLent(due_on=MONDAY))
    house.moved_to(MONDAY + timedelta(days=1))
    loop = house.loop(days)
    assert await loop.run_until(MONDAY + timedelta(days=1)) == 2
    assert (await house.tool("t1")).missed == 1
    assert house.begun == [(office, MONDAY + timedelta(days=n)) for n in range(2) for office in (NORTH, SOUTH)]
    # Of the office in which it fails that day is not done yet.
    assert (loop.done, loop.failed) == (MONDAY, {"what fails": 1})


async def test_a_thing_that_fails_hinders_no_other_and_is_tried_again_until_its_day_is_done(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shared.day._RETRY_SECONDS", 0.0)
    monkeypatch.setattr("shared.day._LOOK_SECONDS", 0.01)
    poisonous, tried, days = True, list[str](), Days()

    @days.each("tools that were not brought back", not_brought_back)
    async def note_missed(tool: str, day: Day, store: EventStore) -> None:
        tried.append(tool)
        if poisonous and tool == "t1":
            raise ValueError(A_RENTER)
        await store.decide(TOOL, tool, miss, by=day.about(tool))

    for tool in ("t1", "t2"):
        await house.tell(NORTH, tool, ToolLent(due_on=MONDAY))
    await house.tell(SOUTH, "t1", ToolLent(due_on=MONDAY + timedelta(days=5)))
    house.moved_to(MONDAY + timedelta(days=1))
    loop = house.loop(days)
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(10):
        while tried.count("t1") < 3:
            await asyncio.sleep(0)
        assert [(await house.tool(tool)).missed for tool in ("t1", "t2")] == [0, 1]
        assert (loop.done, loop.failed) == (MONDAY, {"tools that were not brought back": 1})
        assert failing("tools that were not brought back") == 1
        poisonous = False
        while loop.failed:
            await asyncio.sleep(0)
        assert failing("tools that were not brought back") == 0
    running.cancel()
    assert [(await house.tool(tool)).missed for tool in ("t1", "t2")] == [1, 1]
    assert loop.done == MONDAY + timedelta(days=1)
    said = capsys.readouterr().out
    assert "day-work-failed" in said and A_RENTER not in said


async def test_who_lost_the_right_to_write_no_longer_says_what_failed_and_looks_anew_with_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.day._LOOK_SECONDS", 0.0)
    monkeypatch.setattr("shared.day._RETRY_SECONDS", 3600.0)
    days = Days()

    @days.each("what fails", the_day)
    async def fail(_: None, day: Day, store: EventStore) -> None:
        raise ValueError("a bug")

    loop, said = house.loop(days), list[float | None]()
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(10):
        while not loop.failed:
            await asyncio.sleep(0)
        house.store.writer.ready.clear()
        while loop.failed:
            await asyncio.sleep(0)
        said.append(failing("what fails"))
        house.store.writer.ready.set()
        while not loop.failed:
            await asyncio.sleep(0)
        said.append(failing("what fails"))
    running.cancel()
    assert said == [None, 2]


def failing(what: str) -> float | None:
    """Return what the figure of a work says of how many of its things fail."""
    return prometheus_client.REGISTRY.get_sample_value("huurspoor_day_works_failing", {"what": what})


@pytest.mark.parametrize("finds", [True, False])
async def test_what_fails_while_it_is_looked_for_is_a_failure_and_hinders_no_other_work(
    house: House, finds: bool
) -> None:
    days = Days()

    async def due(_day: Day, _store: EventStore) -> AsyncIterator[str]:
        if finds:
            yield "t1"
        raise ValueError("a bug")

    @days.each("what cannot be looked for", due)
    async def note(tool: str, day: Day, store: EventStore) -> None:
        house.begun.append((tool, day.date))

    for what, work in works_of(house).works.items():
        days.each(what, work.find)(work.do)
    loop = house.loop(days)
    assert await loop.run_until(MONDAY) == 2
    assert set(house.begun) == {(NORTH, MONDAY), (SOUTH, MONDAY)} | ({("t1", MONDAY)} if finds else set())
    assert loop.failed == {"what cannot be looked for": 2}


async def test_what_fails_many_times_in_one_way_is_said_once(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    days = Days()

    async def many(_day: Day, _store: EventStore) -> list[int]:
        return list(range(40))

    @days.each("what fails", many)
    async def fail(number: int, day: Day, store: EventStore) -> None:
        raise ValueError(A_RENTER) if number % 2 else KeyError(A_RENTER)

    loop = house.loop(days)
    assert await loop.run_until(MONDAY) == 80
    said = [line for line in capsys.readouterr().out.splitlines() if "day-work-failed" in line]
    assert len(said) == 2 * 2  # in each office, each error
    assert all("times=20" in line for line in said)


async def test_a_store_that_is_away_for_long_is_said_once_in_ten_seconds(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shared.day._RETRY_SECONDS", 0.0)
    monkeypatch.setattr("shared.day._LOOK_SECONDS", 0.0)
    monkeypatch.setattr("shared.bus.seconds_running", lambda: 0.0)  # all of it within the ten seconds
    days, tried = Days(), list[str]()

    @days.each("what needs the keys", the_day)
    async def need(_: None, day: Day, store: EventStore) -> None:
        tried.append(day.office)
        raise StoreBusy

    running = asyncio.create_task(house.loop(days).run())
    async with asyncio.timeout(60):
        while len(tried) < 20:
            await asyncio.sleep(0)
    running.cancel()
    assert capsys.readouterr().out.count("day-waits-for-the-store") == 1


async def test_an_office_that_waits_for_the_store_hinders_no_other_office_nor_its_own_other_things(
    house: House,
) -> None:
    busy, days = True, Days()

    @days.each("what the store has no room for", the_day)
    async def need(_: None, day: Day, store: EventStore) -> None:
        if busy and day.office == NORTH:
            raise StoreBusy

    for what, work in works_of(house).works.items():
        days.each(what, work.find)(work.do)
    house.moved_to(MONDAY + timedelta(days=1))
    loop = house.loop(days)
    with pytest.raises(StoreBusy):
        await loop.run_until(MONDAY + timedelta(days=1))
    assert house.begun == [(NORTH, MONDAY), (SOUTH, MONDAY), (SOUTH, MONDAY + timedelta(days=1))]
    busy = False
    house.begun.clear()
    assert await loop.run_until(MONDAY + timedelta(days=1)) == 0
    assert house.begun == [(NORTH, MONDAY), (NORTH, MONDAY + timedelta(days=1))]


async def test_a_work_whose_keys_are_away_is_given_up_at_the_first_thing_and_hinders_no_other(house: House) -> None:
    days, asked = Days(), list[str]()

    async def refuse(_query: str, office: str, *_whose: Any) -> list[Any]:
        asked.append(office)
        raise ConnectionRefusedError

    async def expire() -> None:
        """No connection is there."""

    seals = Seals(SimpleNamespace(fetch=refuse, expire_connections=expire), b"")

    async def many(_day: Day, _store: EventStore) -> list[str]:
        return [f"t{number}" for number in range(40)]

    @days.each("keys to what is forgotten", many)
    async def destroy(tool: str, day: Day, store: EventStore) -> None:
        await seals.destroy(day.office, tool)

    for what, work in works_of(house).works.items():
        days.each(what, work.find)(work.do)
    with pytest.raises(StoreBusy):
        await house.loop(days).run_until(MONDAY)
    assert Counter(asked) == {NORTH: 2, SOUTH: 2}  # each question twice: a connection may have been dead
    assert house.begun == [(NORTH, MONDAY), (SOUTH, MONDAY)]


async def test_a_day_waits_while_the_store_is_away(house: House) -> None:
    away = True
    days = Days()

    @days.each("what needs the store", the_day)
    async def need(_: None, day: Day, store: EventStore) -> None:
        if away:
            raise StoreBusy
        house.begun.append((day.office, day.date))

    loop = house.loop(days)
    with pytest.raises(StoreBusy):
        await loop.run_until(MONDAY)
    away = False
    assert await loop.run_until(MONDAY) == 0
    assert house.begun == [(NORTH, MONDAY), (SOUTH, MONDAY)]


@pytest.mark.parametrize(
    "why",
    [asyncpg.TooManyConnectionsError("no room"), asyncpg.DiskFullError("no space"), asyncpg.LockNotAvailableError],
)
@pytest.mark.parametrize("where", ["offices", "work", "mark"])
async def test_a_store_without_room_lets_the_day_wait_and_ends_no_loop(
    house: House, why: Exception, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, days = list[str](), Days()
    monkeypatch.setattr("shared.day._RETRY_SECONDS", 0.0)
    monkeypatch.setattr("shared.day._LOOK_SECONDS", 0.01)

    def refuse_once(at: str) -> None:
        if at == where and not refused:
            refused.append(at)
            raise why

    async def refusing(_connection: asyncpg.Connection) -> None:
        refuse_once("work")

    @days.each("what needs the store", the_day)
    async def need(_: None, day: Day, store: EventStore) -> None:
        await store.with_connection(refusing)
        house.begun.append((day.office, day.date))

    class Offices:
        async def fetch(self, query: str) -> list[Any]:
            refuse_once("offices")
            return list(await house.offices.fetch(query))

    mark = house.store.with_connection

    async def with_connection(work: Any) -> Any:
        if work is not refusing:
            refuse_once("mark")
        return await mark(work)

    monkeypatch.setattr(house.store, "with_connection", with_connection)
    loop = DayLoop(days, house.store, clock_of(house.clock_file), Offices())
    running = asyncio.create_task(loop.run())
    while loop.done != MONDAY and not running.done():
        await asyncio.sleep(0.02)
    running.cancel()
    assert loop.done == MONDAY
    assert refused == [where]
    assert set(house.begun) == {(NORTH, MONDAY), (SOUTH, MONDAY)}


async def test_a_day_is_not_done_before_it_begins(house: House) -> None:
    with pytest.raises(WrongState):
        await house.loop(works_of(house)).run_until(MONDAY + timedelta(days=1))


async def test_an_office_founded_later_begins_with_that_day(house: House) -> None:
    loop = house.loop(works_of(house))
    house.moved_to(MONDAY + timedelta(days=1))
    await loop.run_until(MONDAY + timedelta(days=1))
    house.begun.clear()
    house.moved_to(MONDAY + timedelta(days=2), time(9, 0))
    await house.tell("shed-west", "shed", OfficeFounded(name="West"))
    house.moved_to(MONDAY + timedelta(days=3))
    await loop.run_until(MONDAY + timedelta(days=3))
    assert [day for office, day in house.begun if office == "shed-west"] == [
        MONDAY + timedelta(days=2),
        MONDAY + timedelta(days=3),
    ]


async def test_an_idle_day_is_cheap(house: House) -> None:
    house.moved_to(MONDAY + timedelta(days=200))
    loop = house.loop(works_of(house))
    await loop.run_until(MONDAY)
    took = list[float]()
    for days in range(50, 201, 50):
        begun = seconds_running()
        await loop.run_until(MONDAY + timedelta(days=days))
        took.append(seconds_running() - begun)
    # Of four times fifty days the quickest: a machine may stand still for a while.
    assert min(took) / 50 < 0.02, "an idle day of two offices took more than 20 ms"


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (local_instant(MONDAY, time(0, 4, 59)), MONDAY - timedelta(days=1)),
        (local_instant(MONDAY, time(0, 5)), MONDAY),
        (datetime(2026, 3, 28, 23, 5, tzinfo=UTC), date(2026, 3, 29)),  # the nights on which clocks change
        (datetime(2026, 10, 24, 22, 4, tzinfo=UTC), date(2026, 10, 24)),
        (datetime(2026, 10, 24, 22, 5, tzinfo=UTC), date(2026, 10, 25)),
    ],
)
def test_a_day_begins_five_minutes_after_midnight_in_brussels(now: datetime, day: date) -> None:
    assert day_that_began(now) == day


def test_two_works_cannot_have_one_name() -> None:
    days = Days()
    days.each("a", the_day)(_nothing)
    with pytest.raises(ValueError, match="'a'"):
        days.each("a", the_day)


async def _nothing(_: None, day: Day, store: EventStore) -> None:
    """Nothing is to be done."""
