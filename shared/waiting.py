"""Messages that wait: for the one before them, for what a reaction wants to know first, or to be tried again.

Each lies parked in the inbox with what it waits for, and is run when that stream moves, or when its time has come. A
sweep now and then finds what a release has missed.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from shared.bus import Seldom
from shared.inbox_rows import InboxRows, parked_row, place_of
from shared.lost import StoreBusy
from shared.progress import MESSAGES, PARKED, Progress
from shared.told import Told

log = structlog.get_logger()

SWEEP_SECONDS = 15.0
PAGE = 200
STREAMS_KNOWN = 10_000  # of which we hold how far they have come, those that moved last; of others the store is asked

Place = tuple[str, str]  # an office, and a stream of a publisher
_Work = Callable[[], Awaitable[None]]
_UNMOVED = (0, 0)
_FIRST = ("", "")


class Waiting:
    """What waits, and how far streams have come. ``run`` releases, until cancelled.

    :param ready: returns once this process is the one that writes, and what waits was loaded.
    :param rerun: tries a message that was parked, given its row; whether it had its effect.
    :ivar tries: how often the reaction to a message failed, by office and place.
    :ivar serial: grows with each stream that moves.
    """

    def __init__(
        self,
        rows: InboxRows,
        progress: Mapping[str, Progress],
        *,
        seldom: Seldom,
        tries: int,
        retry_seconds: Sequence[float],
        ready: Callable[[], Awaitable[None]],
        loaded: asyncio.Event,
        rerun: Callable[[Mapping[str, Any]], Awaitable[bool]],
    ) -> None:
        self.tries: Counter[tuple[str, str]] = Counter()
        self.retry_seconds = retry_seconds
        self.serial = 0
        self._rows = rows
        self._progress = progress
        self._tries_allowed = tries
        self._ready = ready
        self._loaded = loaded
        self._rerun = rerun
        self._awaited: set[Place] = set()
        self._moved: OrderedDict[Place, tuple[int, int]] = OrderedDict()
        self._work: asyncio.Queue[_Work] = asyncio.Queue()
        self._timers: set[asyncio.TimerHandle] = set()
        self._seldom = seldom
        self._swept = _FIRST  # up to where it was looked for what waits for something that is there

    # -- how far streams have come ------------------------------------------------------------------------------------

    def applied(self, place: Place) -> int:
        """Return the last version of a stream that had its effect, as far as it is known here; 0 when it is not."""
        return self._moved.get(place, _UNMOVED)[0]

    def has_moved(self, office: str, stream: str, version: int) -> None:
        """Note that a stream has come so far, and release what waits for it."""
        place = (office, stream)
        self.serial += 1
        self._moved[place] = (version, self.serial)
        self._moved.move_to_end(place)
        if len(self._moved) > STREAMS_KNOWN:
            self._moved.popitem(last=False)
        if place in self._awaited:
            self.release(office, stream)

    def release_if_moved(self, office: str, waits_for: str, began: int) -> None:
        """Release what waits for a stream that moved since ``began``: between a decision and its being parked."""
        if self._moved.get((office, waits_for), _UNMOVED)[1] > began:
            self.release(office, waits_for)

    def know_nothing(self) -> None:
        """Forget how far streams have come: another process may have written."""
        self._moved.clear()

    # -- parking and releasing ----------------------------------------------------------------------------------------

    async def park(
        self, told: Told[Any], *, waits_for: str | None, waited_for: str | None = None, reason: str | None = None
    ) -> None:
        """Keep a message until its time has come.

        :param waited_for: what it was parked for before: when that is the same, it is kept already.
        """
        if waits_for is None or waits_for != waited_for:
            await self._rows.keep(told.office, parked_row(told, waits_for, reason))
            MESSAGES.labels(told.publisher, "parked").inc()
        self.is_parked(told, waits_for)
        PARKED.labels(told.publisher).set(len(self._progress[told.publisher].parked))

    def is_parked(self, told: Told[Any], waits_for: str | None) -> None:
        """Note a message that is parked in the store."""
        progress = self._progress[told.publisher]
        progress.arrived(told.position, told.type)
        progress.parked.add(told.position)
        if waits_for is not None:
            self.awaits(told.office, waits_for)

    def awaits(self, office: str, waits_for: str) -> None:
        """Note that something waits for a stream."""
        self._awaited.add((office, waits_for))

    async def try_again(self, told: Told[Any], why: Exception) -> bool:
        """Park a message whose reaction failed, to try it again; False: that was done often enough."""
        place = (told.office, place_of(told))
        self.tries[place] += 1
        number = self.tries[place]
        self._seldom.warn("reaction-failed", type(why).__name__, type=told.type, publisher=told.publisher, tries=number)
        if number < self._tries_allowed:
            await self.park(told, waits_for=None, reason=type(why).__name__)
            delay = self.retry_seconds[min(number, len(self.retry_seconds)) - 1]
            self._later(delay, partial(self._run_one, told.office, told.publisher, told.epoch, told.position))
            return True
        self.tries.pop(place, None)
        return False

    def release(self, office: str, stream: str) -> None:
        """Let those run that wait for a stream."""
        self._work.put_nowait(partial(self._run_those_behind, office, stream))

    def release_one(self, office: str, publisher: str, epoch: int, position: int) -> None:
        """Let a parked message run."""
        self._work.put_nowait(partial(self._run_one, office, publisher, epoch, position))

    def release_those_behind_leases(self, office: str) -> None:
        """Let those run that wait in an office for what had its effect where its leases came from."""
        self._work.put_nowait(partial(self._release_those_behind_leases, office))

    def release_by(self, work: _Work) -> None:
        """Let work be done that releases something, again and again until it is done."""
        self._work.put_nowait(work)

    async def release_what_need_not_wait(self) -> None:
        """Let those run that wait for something that is there, a few hundred at a time; the next ones the next time.

        Many may be there and not far enough, behind dead letters: they must not keep the others from being found.
        """
        found = await self._rows.waiting_for_nothing(after=self._swept, limit=PAGE)
        self._swept = found[-1] if len(found) == PAGE else _FIRST
        for office, stream in found:
            self.release(office, stream)

    # -- the loop -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Release what waits and try again what failed, until cancelled."""
        sweeper = asyncio.create_task(self._sweep())
        try:
            while True:
                await self._ready()
                work = await self._work.get()
                try:
                    await work()
                except StoreBusy as why:
                    self._seldom.warn("inbox-waits", type(why).__name__)
                    self._later(1.0, work)
                except Exception:
                    log.exception("release-failed")
                    self._later(30.0, work)
        finally:
            sweeper.cancel()
            for timer in self._timers:
                timer.cancel()

    async def _release_those_behind_leases(self, office: str) -> None:
        for place in await self._rows.waiting_for_the_office_before(office):
            self.release(*place)

    async def _run_one(self, office: str, publisher: str, epoch: int, position: int) -> None:
        for row in await self._rows.parked_at(office, publisher, epoch, position):
            await self._rerun(row)

    async def _run_those_behind(self, office: str, stream: str) -> None:
        after = 0
        while True:
            rows = await self._rows.parked_for(office, stream, after=after, limit=PAGE)
            if not rows and after == 0:
                self._awaited.discard((office, stream))
                return
            went = False
            for row in rows:
                went = await self._rerun(row) or went
            if not went or len(rows) < PAGE:
                return
            after = rows[-1]["position"]

    async def _sweep(self) -> None:
        """Once in a while run all that waits for something that is there: the net under the releases."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if self._loaded.is_set():
                try:
                    await self.release_what_need_not_wait()
                except Exception as why:  # whatever it is, the next sweep comes
                    self._seldom.warn("not-swept", type(why).__name__)

    def _later(self, seconds: float, work: _Work) -> None:
        def now() -> None:
            self._timers.discard(timer)
            self._work.put_nowait(work)

        timer = asyncio.get_running_loop().call_later(seconds, now)
        self._timers.add(timer)
