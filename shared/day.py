"""The work that each local day brings: once, in order, also for the days on which nobody was there.

A service names its works; for each of its offices and each local day, after 00:05 in Brussels, they are done in the
order in which they were named. A work asks a view for what is due **on or before** the day, and decides about each
thing once: ``by=day.about(id)`` carries the key (day, work, thing), so that doing a day again changes nothing. Each
thing is done by itself: one that fails keeps no other one from being done.
"""

import asyncio
import datetime
import uuid
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from traceback import format_tb
from typing import Any, Protocol, TypeVar

import asyncpg
import prometheus_client
import structlog

from shared.bus import Seldom
from shared.clock import BRUSSELS, Clock, seconds_running
from shared.event_sourcing import EventStore, StoreBusy
from shared.keys import KeysAway
from shared.lost import LOST
from shared.refusals import WrongState

log = structlog.get_logger()

DAY_BEGINS = datetime.time(0, 5)
FAILING = prometheus_client.Gauge(
    "huurspoor_day_works_failing", "Things that the last day brought and that failed; they are tried again", ["what"]
)
_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 3600.0
_NAMES = uuid.UUID("0d3c1f0e-6a2b-5d0f-9c51-2f4f3f6c7a11")
_A_DAY = datetime.timedelta(days=1)


@dataclass(kw_only=True)
class Day:
    """A local day of an office, as the one who answers for what the day brings: the platform itself (``SYS``).

    :ivar late: a later day has begun too: this one is caught up.
    :ivar nothing_left: the last day of which nothing is left to do, where that is not the day before: something may be
        of those that are caught up with this one, and of those on which something failed.
    """

    office: str
    date: datetime.date
    late: bool = False
    nothing_left: datetime.date | None = None
    occurred_on: datetime.date | None = None  # that day, also when it is caught up later
    what: str = ""
    once: str | None = None
    correlation_id: str = ""
    actor: str = "SYS"
    act: str | None = None
    mandated: bool = False
    source: str = "system"
    causation_id: str | None = None
    policy_version: str | None = None
    checklist_version: str | None = None
    device_time: datetime.datetime | None = None
    clock_suspect: bool = False
    digest: bytes | None = None
    if_match: int | None = None
    message: Any = None

    def __post_init__(self) -> None:
        self.occurred_on = self.date

    @property
    def since(self) -> datetime.date:
        """The last day of which nothing is left to do."""
        return self.nothing_left or self.date - _A_DAY

    def about(self, id: str) -> "Day":
        """Return the day with the key under which its work on one thing is done once."""
        key = f"SYS:day:{self.date.isoformat()}:{self.what}:{id}"
        return replace(self, once=key, correlation_id=_named(self.office, key))

    def of(self, what: str) -> "Day":
        """Return the day as a work of that name gets it; without a key."""
        return replace(self, what=what, correlation_id=_named(self.office, f"{self.date.isoformat()}:{what}"))


T = TypeVar("T")
Found = Awaitable[Iterable[T]] | AsyncIterable[T]
Find = Callable[[Day, EventStore], Found[T]]
Do = Callable[[T, Day, EventStore], Awaitable[None]]


@dataclass(frozen=True)
class Work:
    """What is done each day: finding what is due, and doing each thing of it."""

    find: Find[Any]
    do: Do[Any]

    async def done(self, day: Day, store: EventStore) -> AsyncIterator[Exception]:
        """Do each thing that is due, and yield what those that failed ended in; so does what ends the finding.

        :param day: with the name of the work.
        """
        try:
            async for thing in _each(self.find(day, store)):
                try:
                    await self.do(thing, day, store)
                except Exception as why:
                    yield why
                    if isinstance(why, KeysAway) or not store.writer.ready.is_set():
                        break  # it would be so with all that follow
        except Exception as why:
            yield why


async def _each(found: Found[T]) -> AsyncIterator[T]:
    if isinstance(found, AsyncIterable):
        async for thing in found:
            yield thing
    else:
        for thing in await found:
            yield thing


class Days:
    """The works of a service, in the order in which they are done."""

    def __init__(self) -> None:
        self.works: dict[str, Work] = {}

    def each(self, what: str, find: Find[T]) -> Callable[[Do[T]], Do[T]]:
        """Name a work that is done on each day of each office. The name is part of the keys, so it stays for ever.

        :param find: what is due, one thing after the other; what is decorated does one of them.
        """
        if what in self.works:
            raise ValueError(f"two works are called {what!r}")

        def named(do: Do[T]) -> Do[T]:
            self.works[what] = Work(find, do)
            return do

        return named


def _named(office: str, key: str) -> str:
    return str(uuid.uuid5(_NAMES, f"{office}:{key}"))


class OfEveryOffice(Protocol):
    """Connections of the role that sees every office."""

    async def fetch(self, query: str) -> list[Any]: ...


def day_that_began(now: datetime.datetime) -> datetime.date:
    """Return the last local day whose work is due at an instant (aware): from 00:05 in Brussels on it is that day's."""
    local = now.astimezone(BRUSSELS)
    return local.date() if local.time() >= DAY_BEGINS else local.date() - _A_DAY


@dataclass
class _CameOf:
    """What came of an office's day.

    :ivar failed: how many things of each work failed. :ivar waits: why something waits for the store.
    """

    failed: "Counter[str]" = field(default_factory=Counter)
    waits: StoreBusy | None = None


class DayLoop:
    """Does each day's work of one service.

    What fails because the store is away lets the later days of its office wait until it is back; a work that finds no
    keys is given up for that office at once, the others go on. What fails for any other reason is logged and counted,
    and hinders nothing: no other thing, and not the next day, which finds again what is due. Until then its own day is
    not done and is tried again, ever more seldom.

    :ivar done: the last day that is done for every office; None before the first look, or without offices.
    :ivar failed: how many things of each work failed on the last day that was begun; none while it may not write.
    """

    def __init__(self, days: Days, store: EventStore, clock: Clock, offices: OfEveryOffice) -> None:
        self.done: datetime.date | None = None
        self.failed: Mapping[str, int] = {}
        self._days = days
        self._store = store
        self._clock = clock
        self._offices = offices
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Do what each day brings, until cancelled. A process that stands by for another leaves the work to it."""
        looked: datetime.date | None = None
        seldom = Seldom()
        pause, again_at = _RETRY_SECONDS, inf
        while True:
            due = day_that_began(self._clock.now())
            if not self._store.writer.ready.is_set():
                # It is another's to say now. Who writes again looks anew.
                looked, self.failed = None, {}
                FAILING.clear()
            begins = looked is None or due > looked
            if self._store.writer.ready.is_set() and (begins or seconds_running() >= again_at):
                try:
                    await self.run_until(due)
                    pause = _RETRY_SECONDS if begins else min(pause * 2, _LONGEST_PAUSE_SECONDS)
                    looked, again_at = due, seconds_running() + pause if self.failed else inf
                except (StoreBusy, asyncpg.PostgresError, *LOST) as why:
                    seldom.warn("day-waits-for-the-store", type(why).__name__, day=due.isoformat())
                    await asyncio.sleep(_RETRY_SECONDS)
            await asyncio.sleep(_LOOK_SECONDS)

    async def run_until(self, last: datetime.date) -> int:
        """Do every day of every office that is not done yet, up to and with ``last``.

        :returns: how many things failed.
        :raises WrongState: by the clock, ``last`` has not begun.
        :raises StoreBusy, asyncpg.PostgresError: the store is away, or has no room; what was done stays done.
        """
        if last > day_that_began(self._clock.now()):
            raise WrongState
        async with self._one_at_a_time:
            done, nothing_left = dict[str, datetime.date](), dict[str, datetime.date]()
            for row in await self._offices.fetch(
                "select office, coalesce(day, since - 1) as day, coalesce(nothing_left, day, since - 1) as nothing_left"
                " from office left join day_done using (office) order by 1"
            ):
                done[row["office"]], nothing_left[row["office"]] = row["day"], row["nothing_left"]
            number, failed, waits = 0, Counter[str](), None
            day = min(done.values(), default=last) + _A_DAY
            while day <= last:
                failed.clear()  # what failed on an earlier day is found again on this one
                for office in [office for office, until in done.items() if until == day - _A_DAY]:
                    if waits is not None and not self._store.writer.ready.is_set():
                        raise waits
                    begun = Day(office=office, date=day, late=day < last, nothing_left=nothing_left[office])
                    came_of = await self._do(begun)
                    failed += came_of.failed
                    number += came_of.failed.total()
                    waits = waits or came_of.waits
                    if came_of.waits is None and not (came_of.failed and day == last):
                        done[office] = day
                marked = [office for office, until in done.items() if until == day]
                if day == last:
                    nothing_left.update(dict.fromkeys(marked, day))
                await self._mark({office: nothing_left[office] for office in marked}, day)
                day += _A_DAY
            self.failed, self.done = failed, min(done.values(), default=None)
            for what in self._days.works:
                FAILING.labels(what).set(failed[what])
        if waits is not None:
            raise waits
        return number

    async def _do(self, day: Day) -> "_CameOf":
        """Do all works of a day."""
        came_of = _CameOf()
        for what, work in self._days.works.items():
            failed = Counter[tuple[str, ...]]()
            async for why in work.done(day.of(what), self._store):
                if isinstance(why, StoreBusy):
                    came_of.waits = came_of.waits or why
                else:
                    # Neither message nor values: they may hold what no log may.
                    failed[(type(why).__name__, *format_tb(why.__traceback__)[-3:])] += 1
            for (because, *where), times in failed.items():
                came_of.failed[what] += times
                on = day.date.isoformat()
                log.error("day-work-failed", what=what, day=on, because=because, where=where, times=times)
            if came_of.waits is not None and not self._store.writer.ready.is_set():
                break
        return came_of

    async def _mark(self, offices: Mapping[str, datetime.date], day: datetime.date) -> None:
        """Mark a day as done in offices, of each of which nothing is left to do up to and with another."""

        async def mark(connection: asyncpg.Connection) -> None:
            async with connection.transaction():
                # Without waiting for the disk: a lost mark only lets a day be done again, which changes nothing.
                await connection.execute("set local synchronous_commit to off")
                for office, nothing_left in offices.items():
                    await connection.fetch("select set_config('app.office', $1, true)", office)
                    await connection.execute(
                        "insert into day_done (office, day, nothing_left) values ($1, $2, $3) on conflict (office)"
                        " do update set day = excluded.day, nothing_left = excluded.nothing_left",
                        office,
                        day,
                        nothing_left,
                    )

        await self._store.with_connection(mark)
