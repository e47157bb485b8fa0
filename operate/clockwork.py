"""Time on a running platform: waiting until everybody knows everything, and moving the settable clock day by day."""

import contextlib
import fcntl
import time as machine
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from typing import Any

from operate.door import Answer, Away, Door
from operate.state import State
from shared.bus import PARTS
from shared.clock import BRUSSELS, NoSuchLocalTime, SettableClock, local_instant, set_clock

DAY_BEGINS = time(0, 5)
FIRST_YEAR, LAST_YEAR = 1900, 2100  # as everywhere at the doors
SECONDS_A_DAY = 60.0
_A_DAY = timedelta(days=1)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
PATIENCE = 5.0  # for one question while waiting; whoever needs longer is asked again

Progress = Callable[[date], None]


class DayNotDone(Exception):
    """Something that the last day brings failed, and is tried again by itself; the text names services and works."""


class NotSettled(Exception):
    """Not everybody took in what was published; the text names what is missing."""


class Services:
    """The four services of one running platform, asked side by side."""

    def __init__(self, urls: Mapping[str, str], operator_token: str, lasts: Callable[[], None]) -> None:
        self.failed: dict[str, Mapping[str, int]] = {}  # of each service, what failed on the day that was done last
        self._lasts = lasts  # raises what ends the waiting: the platform is no longer there
        self._doors = {name: Door(url, operator_token, patience=PATIENCE) for name, url in urls.items()}
        self._side_by_side = ThreadPoolExecutor(max_workers=len(self._doors))

    def __enter__(self) -> "Services":
        return self

    def __exit__(self, *_: object) -> None:
        self._side_by_side.shutdown()
        for door in self._doors.values():
            door.close()

    def each(self, ask: Callable[[Door], Answer]) -> dict[str, Answer | None]:
        """Ask all services at once; None for those that do not answer."""

        def asked(door: Door) -> Answer | None:
            try:
                return ask(door)
            except Away:
                return None

        return dict(zip(self._doors, self._side_by_side.map(asked, self._doors.values()), strict=True))

    def settle(self, *, until: float) -> dict[str, int]:
        """Wait until outboxes are empty and inboxes hold all that was published; return each one's last position.

        :param until: when patience ends, by ``time.monotonic``.
        :raises NotSettled: it ended.
        """
        pause = _FIRST_PAUSE
        settled: dict[str, int] | None = None
        while True:
            told = self.each(lambda door: door.get("/health/ready"))
            health = {name: answer.body for name, answer in told.items() if answer is not None}
            missing = what_is_missing({name: health.get(name) for name in told})
            if missing:
                self._lasts()
                if machine.monotonic() > until:
                    raise NotSettled("; ".join(missing))
                settled = None
                machine.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
                continue
            positions = {name: int(its["outbox"]["position"]) for name, its in health.items()}
            # Twice the same: a service tells of its outbox a moment before its inbox, and may react in between.
            if positions == settled:
                return positions
            settled = positions

    def do_day(self, day: date, *, until: float) -> dict[str, int]:
        """Have all services do the work of every day up to ``day``; return the position each then stood at.

        :raises NotSettled: one did not finish it in time.
        """
        waiting, positions, said = set(self._doors), {}, dict[str, str]()
        while waiting:
            left = until - machine.monotonic()
            if left <= 0:
                raise NotSettled("; ".join(f"{name}: {said.get(name, 'does not answer')}" for name in sorted(waiting)))
            patience = min(left, PATIENCE)
            answers = self.each(
                lambda door: door.post("/clock/day", {"day": day.isoformat()}, patience=patience)  # noqa: B023
            )
            for name, answer in answers.items():
                if answer is not None and answer.status == 200:
                    positions[name] = int(answer.body["position"])
                    self.failed[name] = answer.body["failed"]
                    waiting.discard(name)
                elif answer is not None:
                    said[name] = answer.sentence
            if waiting:
                self._lasts()
                machine.sleep(0.2)
        return positions


def what_is_missing(told: Mapping[str, Any]) -> list[str]:
    """Say what is still on its way, from what each service's ``/health/ready`` answered (None: it did not)."""
    missing = [f"{name} does not answer" for name, health in told.items() if not tells(health)]
    heard = {name: health for name, health in told.items() if tells(health)}
    for publisher, health in heard.items():
        outbox = health["outbox"]
        if outbox["unpublished"]:
            missing.append(f"{publisher} has {outbox['unpublished']} not yet published")
        for consumer, other in heard.items():
            if consumer == publisher:
                continue
            inbox = other["inbox"].get(publisher, {})
            part = PARTS.get((consumer, publisher))
            if part is None:
                behind = outbox["position"] - inbox.get("seen", 0)
            else:
                behind = sum(
                    max(0, outbox["counts"].get(event, 0) - inbox.get("counts", {}).get(event, 0)) for event in part
                )
            if behind > 0:
                missing.append(f"{consumer} has not taken in {behind} of {publisher}")
    return missing


def tells(health: Any) -> bool:
    """Whether an answer says how far outbox and inbox are: not where the store did not answer, nor does a problem."""
    return isinstance(health, Mapping) and bool(health.get("outbox")) and bool(health.get("inbox"))


def local_time(text: str) -> datetime:
    """Return the instant of a local time ``YYYY-MM-DDTHH:MM`` in Brussels. :raises ValueError: it is none."""
    shown = None
    with contextlib.suppress(ValueError):
        shown = datetime.fromisoformat(text)
    if shown is None or shown.tzinfo is not None or "T" not in text:
        raise ValueError(f"a local time is written like 2026-03-01T09:00, not {text!r}")
    if not FIRST_YEAR <= shown.year <= LAST_YEAR:
        raise ValueError(f"a local time lies between {FIRST_YEAR} and {LAST_YEAR}, not in {shown.year}")
    try:
        return local_instant(shown.date(), shown.time())
    except NoSuchLocalTime as why:
        raise ValueError(str(why)) from why


def days_between(now: datetime, then: datetime) -> list[date]:
    """Return the local days that begin (at 00:05) after ``now`` and not after ``then``."""
    day, days = now.astimezone(BRUSSELS).date(), []
    while (begins := local_instant(day, DAY_BEGINS)) <= then:
        if begins > now:
            days.append(day)
        day += _A_DAY
    return days


def move(state: State, services: Services, *, to: datetime, progress: Progress = lambda _day: None) -> None:
    """Move the settable clock forward to an instant, one local day after the other.

    No day begins before all that the day before brought is taken in everywhere. Whoever else moves it meanwhile waits.

    :raises ClockGoesBackwards: the clock already shows a later time.
    :raises NotSettled: something was missing for a minute; the clock stands at the day on which it was.
    :raises DayNotDone: it was moved there, but not all was done that the last day brings.
    """
    with state.clock.with_suffix(".lock").open("a") as moving:
        fcntl.flock(moving, fcntl.LOCK_EX)
        now = SettableClock(state.clock).now()
        if to < now:
            set_clock(state.clock, to=to)  # refuses, in its own words
        known = services.settle(until=machine.monotonic() + SECONDS_A_DAY)
        for day in days_between(now, to):
            until = machine.monotonic() + SECONDS_A_DAY
            begins = local_instant(day, DAY_BEGINS)
            if begins > SettableClock(state.clock).now():  # a slow day may have run into this one
                set_clock(state.clock, to=begins)
            if services.do_day(day, until=until) != known:
                known = services.settle(until=until)
            progress(day)
        if to > SettableClock(state.clock).now():
            set_clock(state.clock, to=to)
    failed = [f"{name}: {what} ({number})" for name, works in services.failed.items() for what, number in works.items()]
    if failed:
        raise DayNotDone(f"the clock was moved, but some of the day's work failed (see the logs): {'; '.join(failed)}")
