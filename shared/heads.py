"""Comparing what was told with what was taken in: log heads, and asking for what is missing.

JetStream can lose what it acknowledged without a word, so somebody must compare. Each service announces the head of its
log daily and on request; each consumer holds it against its inbox and asks the publisher for what never came. Whoever
hears a publisher only in part compares counts instead of positions.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import prometheus_client
import structlog

from shared.bus import PARTS, Bus, BusAway, BusRefused, Seldom
from shared.clock import Clock, seconds_running
from shared.contracts.platform import Count, Heard, HistoryRequestedV1, LogHeadAnnouncedV1, VoidFrom
from shared.decisions import AnyStream, Stream
from shared.event_sourcing import EventStore, StoreBusy
from shared.inbox import Inbox
from shared.inbox_rows import Itself
from shared.outbox import PLATFORM, Relay
from shared.told import Reactions, Told

log = structlog.get_logger()

LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 3.0  # nothing waits on the bus any more, and still something is missing
LONGEST_PATIENCE_SECONDS = 300.0
AT_ONCE = 5000  # positions asked for in one request

REQUESTED = prometheus_client.Counter("huurspoor_history_requested", "Requests for what never came", ["publisher"])
ANSWERED = prometheus_client.Counter("huurspoor_history_answered", "Requests of others that were answered")


@dataclass(frozen=True, kw_only=True)
class LogHeadAnnounced:
    """How far our log reached."""

    epoch: int
    position: int
    counts: tuple[Count, ...]
    log_position: int
    log_hash: str
    void: tuple[VoidFrom, ...] = ()
    misses: tuple[HistoryRequestedV1, ...] = ()
    heard: tuple[Heard, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HistoryRequested:
    """We missed events of ``publisher``, from ``first`` to ``last``; only its head when first lies behind last."""

    publisher: str
    epoch: int
    first: int
    last: int


def _latest(_state: Any, event: Any) -> Any:
    return event


# Each in a stream of its own: no message of them ever waits for another.
HEADS: Stream[LogHeadAnnounced | None, LogHeadAnnounced] = Stream(
    "log-head", initial=None, evolve=_latest, events=LogHeadAnnounced
)
REQUESTS: Stream[HistoryRequested | None, HistoryRequested] = Stream(
    "history-request", initial=None, evolve=_latest, events=HistoryRequested
)
STREAMS: tuple[AnyStream, ...] = (HEADS, REQUESTS)

OBJECTION_SECONDS = 0.25  # for as long what a publisher contradicts is collected, to name the first of it

Publishing = Callable[[Any, Any, str], tuple[Any, ...]]


def with_heads(published: Publishing) -> Publishing:
    """Return what a service publishes, together with what every service says of its log."""

    def all_published(event: Any, state: Any, id: str) -> tuple[Any, ...]:
        match event:
            case LogHeadAnnounced():
                return (
                    LogHeadAnnouncedV1(
                        epoch=event.epoch,
                        position=event.position,
                        counts=event.counts,
                        log_position=event.log_position,
                        log_hash=event.log_hash,
                        void=event.void,
                        misses=event.misses,
                        heard=event.heard,
                    ),
                )
            case HistoryRequested():
                return (_request(event.publisher, event.epoch, event.first, event.last),)
            case _:
                return published(event, state, id)

    return all_published


@dataclass
class Missing:
    """How patient we still are with a publisher."""

    gaps: tuple[tuple[int, int], ...] = ()
    since: float = 0.0
    patience: float = PATIENCE_SECONDS
    asked: tuple[tuple[int, int], ...] = ()
    # Where a gap ends at a position its publisher never gave out (a message somebody made up), to where it did.
    real_to: dict[int, int] = field(default_factory=dict)

    def real(self, gaps: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        """Return the gaps as far as the publisher can fill them."""
        cut = ((first, min(last, self.real_to.get(last, last))) for first, last in gaps)
        return tuple((first, last) for first, last in cut if first <= last)

    def answered(self, head: int) -> None:
        """Note how far the publisher says that its log reaches."""
        self.real_to = dict.fromkeys(self.real_to, head)
        self.real_to.update({last: head for _, last in self.asked if last > head})


class Heads:
    """The heads of a service's log and of those it hears. ``run`` serves until cancelled."""

    def __init__(
        self,
        service: str,
        store: EventStore,
        bus: Bus,
        relay: Relay,
        clock: Clock,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.reactions = Reactions()
        self.reactions.to(LogHeadAnnouncedV1)(self._when_log_head_announced)
        self.reactions.to(HistoryRequestedV1)(self._when_history_requested)
        self._service = service
        self._store = store
        self._bus = bus
        self._relay = relay
        self._clock = clock
        self._patience = patience
        self._inbox: Inbox | None = None
        self._heads: dict[str, LogHeadAnnouncedV1] = {}
        self._complete_to: dict[str, int] = {}
        self._completed = asyncio.Event()
        self._missing: dict[str, Missing] = {}
        self._asked_for_head: dict[str, float] = {}
        self._requests: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        self._announced_on: date | None = None
        self._announced_epoch = 1
        self._contradicted: dict[str, Heard] = {}
        self._contradiction = asyncio.Event()
        self._seldom = Seldom()
        # What others say that they hold of us: whoever guards the log compares (``shared.witness``).
        self.told_of_us: Callable[[str, Sequence[Heard]], None] = lambda _who, _heard: None

    def watch(self, inbox: Inbox) -> None:
        """Compare with this inbox."""
        self._inbox = inbox
        inbox.complete = self.complete
        inbox.contradicted = self._object

    async def announce(
        self,
        *,
        misses: tuple[HistoryRequestedV1, ...] = (),
        against: tuple[Heard, ...] = (),
    ) -> None:
        """Announce how far the log reaches now, what of it is void, and what is held here of the others.

        :param against: what of that a publisher contradicts.
        :raises StoreBusy: the store is away.
        """
        await self._announce_its_epoch()
        await self._announce(misses=misses, against=against)

    async def _announce(
        self,
        *,
        misses: tuple[HistoryRequestedV1, ...] = (),
        against: tuple[Heard, ...] = (),
        id: str | None = None,
        by: Itself | None = None,
    ) -> None:
        """Announce the head; ``id``: of an announcement that is made once, by default it is once for each head."""
        head = await self._relay.log_head()
        heard = await self._inbox.furthest() if self._inbox is not None else ()
        heard = (*against, *(one for one in heard if one.publisher not in {other.publisher for other in against}))
        event = LogHeadAnnounced(
            epoch=head.epoch,
            position=head.position,
            counts=tuple(
                Count(office=office, event=name, events=number)
                for (office, name), number in sorted(head.counts.items())
            ),
            log_position=head.log_position,
            log_hash=head.log_hash.hex(),
            void=tuple(VoidFrom(epoch=epoch, position=first) for epoch, first in sorted(head.ended.items())),
            misses=misses,
            heard=heard,
        )
        again = f"-{uuid.uuid4()}" if misses or against else ""
        id = id or f"{head.epoch}-{head.position}{again}"
        await self._store.decide(HEADS, id, lambda state: [] if state else [event], by=by or self._itself())

    async def request(self, publisher: str, first: int, last: int) -> None:
        """Ask a publisher for a range of its history, or with ``first`` behind ``last`` for its head only."""
        epoch = self._heads[publisher].epoch if publisher in self._heads else 1
        if (publisher, self._service) in PARTS:
            # It may not hear a request of ours, only our head.
            await self.announce(misses=(_request(publisher, epoch, first, last),))
            return
        event = HistoryRequested(publisher=publisher, epoch=epoch, first=first, last=last)
        await self._store.decide(REQUESTS, str(uuid.uuid4()), lambda _state: [event], by=self._itself())

    async def complete(self, publisher: str, position: int) -> None:
        """Return once all that we may know of a publisher heard in part has been taken in, up to a position."""
        while self._complete_to.get(publisher, 0) < position:
            now = seconds_running()
            if now - self._asked_for_head.get(publisher, float("-inf")) > 1.0:
                self._asked_for_head[publisher] = now
                with contextlib.suppress(StoreBusy):
                    await self.request(publisher, position + 1, position)
            self._completed.clear()
            await self._compare_counts(publisher)
            if self._complete_to.get(publisher, 0) >= position:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._completed.wait()

    async def run(self) -> None:
        """Answer requests, announce daily, ask for what is missing and object to what contradicts, until cancelled."""
        await asyncio.gather(self._answer(), self._look(), self._say_what_is_void(), self._object_for_ever())

    # -- being told ---------------------------------------------------------------------------------------------------

    async def _when_log_head_announced(self, told: Told[LogHeadAnnouncedV1], store: EventStore) -> None:
        if self._inbox is not None and self._inbox.epochs.news(told.publisher, told.data.void):
            await self._inbox.end_epochs(told, told.data.void)
            floor = min(void.position for void in told.data.void) - 1
            self._complete_to[told.publisher] = min(floor, self._complete_to.get(told.publisher, 0))
        else:
            await store.keep(by=told)
        self.told_of_us(told.publisher, [heard for heard in told.data.heard if heard.publisher == self._service])
        known = self._heads.get(told.publisher)
        if known is None or (known.epoch, known.position) <= (told.data.epoch, told.data.position):
            self._heads[told.publisher] = told.data
        missing = self._missing.get(told.publisher)
        if missing is not None:
            missing.answered(told.position)
        for request in told.data.misses:
            if request.publisher == self._service:
                self._requests.put_nowait((request.from_, request.until))
        self._completed.set()

    async def _when_history_requested(self, told: Told[HistoryRequestedV1], store: EventStore) -> None:
        await store.keep(by=told)
        if told.data.publisher == self._service:
            self._requests.put_nowait((told.data.from_, told.data.until))

    # -- answering ----------------------------------------------------------------------------------------------------

    async def _answer(self) -> None:
        lately: dict[tuple[int, int], float] = {}
        while True:
            asked = {await self._requests.get()}
            while not self._requests.empty():
                asked.add(self._requests.get_nowait())
            try:
                now = seconds_running()
                lately = {one: at for one, at in lately.items() if now - at < 2.0}
                # Consumers that lost the same messages ask at the same time.
                for first, last in sorted(asked - lately.keys()):
                    if first <= last:
                        await self._relay.publish_again(max(1, first), min(last, self._store.writer.position))
                        lately[(first, last)] = seconds_running()
                await self.announce()
                ANSWERED.inc(len(asked))
            except (BusAway, BusRefused, StoreBusy) as why:
                self._seldom.warn("history-not-sent", type(why).__name__)
                await asyncio.sleep(1.0)
                for one in asked:
                    self._requests.put_nowait(one)
            except Exception:
                log.exception("history-not-sent")
                await asyncio.sleep(1.0)

    # -- epochs -------------------------------------------------------------------------------------------------------

    async def _say_what_is_void(self) -> None:
        """Announce each epoch as soon as it has begun."""
        while True:
            await self._store.writer.ready.wait()
            try:
                await self._announce_its_epoch()
            except StoreBusy as why:
                self._seldom.warn("epoch-not-announced", type(why).__name__)
            except Exception:
                log.exception("epoch-not-announced")
                await asyncio.sleep(LOOK_SECONDS)
            await asyncio.sleep(0.1)

    async def _announce_its_epoch(self) -> None:
        """Announce the epoch in which we write, once, in the name of who began it, before any other head of it.

        :raises StoreBusy: the store is away.
        """
        epoch = self._store.writer.epoch
        if epoch > self._announced_epoch:
            actor = await self._relay.begun_by(epoch) or "SYS"
            by = Itself(office=PLATFORM, actor=actor, correlation_id=str(uuid.uuid4()))
            await self._announce(id=f"epoch-{epoch}", by=by)
            self._announced_epoch = epoch

    def _object(self, heard: Heard) -> None:
        first = self._contradicted.get(heard.publisher)
        if first is None or (heard.epoch, heard.position) < (first.epoch, first.position):
            self._contradicted[heard.publisher] = heard
        self._contradiction.set()

    async def _object_for_ever(self) -> None:
        """Say what stands here where a publisher says now that it told something else."""
        while True:
            await self._contradiction.wait()
            await asyncio.sleep(OBJECTION_SECONDS)
            self._contradiction.clear()
            against, self._contradicted = tuple(self._contradicted.values()), {}
            try:
                await self.announce(against=against)
            except StoreBusy as why:
                self._seldom.warn("not-objected", type(why).__name__)
                for heard in against:
                    self._object(heard)
                await asyncio.sleep(1.0)
            except Exception:
                log.exception("not-objected")

    # -- comparing ----------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._announce_daily()
                if self._inbox is not None and self._inbox.loaded.is_set() and self._bus.client is not None:
                    for publisher in self._inbox.publishers:
                        await self._compare(publisher)
            except (BusAway, BusRefused, StoreBusy) as why:
                self._seldom.warn("not-compared", type(why).__name__)
            except Exception:
                log.exception("not-compared")

    async def _announce_daily(self) -> None:
        today = self._clock.today()
        if today != self._announced_on and self._store.writer.ready.is_set():
            if self._store.writer.position > 0:
                await self.announce()
            self._announced_on = today

    async def _compare(self, publisher: str) -> None:
        assert self._inbox is not None
        state = self._missing.setdefault(publisher, Missing(patience=self._patience))
        in_part = publisher in self._inbox.parts
        gaps: tuple[tuple[int, int], ...]
        if in_part:
            gaps = () if await self._compare_counts(publisher) else ((1, self._heads[publisher].position),)
        else:
            progress = self._inbox.progress[publisher].known
            head = self._heads.get(publisher)
            up_to = max(progress.last, head.position if head is not None else 0)
            gaps = state.real(progress.gaps(up_to))
        now = seconds_running()
        if not gaps:
            state.gaps, state.patience = (), self._patience
            return
        if not state.gaps or (gaps[0] != state.gaps[0] and not in_part):  # of a part only the head grows
            state.gaps, state.since, state.patience = gaps, now, self._patience
            return
        if now - state.since < state.patience or await self._bus.backlog(publisher) > 0:
            return
        first, last = gaps[0][0], gaps[-1][1]
        state.since, state.patience = now, min(state.patience * 2, LONGEST_PATIENCE_SECONDS)
        state.asked = gaps
        REQUESTED.labels(publisher).inc()
        log.warning("history-missing", publisher=publisher, first=first, last=last)
        await self.request(publisher, first, min(last, first + AT_ONCE - 1) if not in_part else last)

    async def _compare_counts(self, publisher: str) -> bool:
        """Whether what we may know of a publisher is here up to its latest head; True while we know of no head."""
        head = self._heads.get(publisher)
        if head is None or self._inbox is None or self._complete_to.get(publisher, 0) >= head.position:
            return True
        heard = PARTS[(self._service, publisher)]
        taken: Mapping[tuple[str, str], int] = await self._inbox.counts_up_to(publisher, head.position)
        if all(taken.get((one.office, one.event), 0) >= one.events for one in head.counts if one.event in heard):
            self._complete_to[publisher] = head.position
            self._completed.set()
            return True
        return False

    def _itself(self) -> Itself:
        return Itself(office=PLATFORM, correlation_id=str(uuid.uuid4()))


def _request(publisher: str, epoch: int, first: int, last: int) -> HistoryRequestedV1:
    return HistoryRequestedV1(publisher=publisher, epoch=epoch, from_=first, until=last)
