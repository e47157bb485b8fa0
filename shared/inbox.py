"""What we were told, once: having it take effect, and what becomes of what cannot be taken in (yet).

A message's effects, its inbox row and the version of its stream are one commit of the writer; it is acknowledged after
that. Too early, or failing: parked with what it waits for (``shared.waiting``). Unreadable, forged, contradicting, or
failing for good: a dead letter with its reason (``shared.dead_letters``). Neither blocks the messages of other streams;
those of its own stream wait, visibly.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Any, Protocol

import msgspec
import structlog

from shared import epochs
from shared.bus import SERVICES, Seldom, filters
from shared.clock import Clock
from shared.codec import UnknownEvent
from shared.contracts.platform import Heard, VoidFrom
from shared.dead_letters import DEAD, DeadLetters
from shared.decisions import TooEarly
from shared.event_sourcing import Act, Decided, EventStore, Message, StoreBusy
from shared.fail_points import reach
from shared.hand_over import OFFICE_CHANGED, LeaseMoved, Stored, keys_in
from shared.inbox_rows import InboxRows, Known, place_of, stream_of
from shared.progress import MESSAGES, PARKED, Progress, Ranges, Turns
from shared.told import Keep, Letter, Passed, Reaction, Reactions, Reader, Told, letter_id
from shared.voiding import Voiding
from shared.waiting import Place, Waiting

__all__ = ["Delivery", "Inbox", "Reactions", "Told", "TooEarly"]

log = structlog.get_logger()

TRIES = 5
RETRY_SECONDS = (0.5, 2.0, 8.0, 30.0)  # after the first, second … failure
PATIENCE_SECONDS = 3.0  # how long messages are held for a store that is away
SAY_SECONDS = 2.0
ANNOUNCEMENT = "LogHeadAnnounced"  # by which a publisher says where an epoch of it ended

Sent = Told[Any] | Letter | Passed
Straight = tuple[int, Told[Any], Place]  # its number among those delivered


class End(Protocol):
    """Acknowledges messages by their number among those delivered; those that are not settled come back."""

    async def __call__(self, settled: bool, /, *numbers: int) -> None: ...


class Delivery(Protocol):
    """A message as the bus delivers it."""

    subject: str
    data: bytes

    async def ack(self) -> None: ...
    async def nak(self, delay: int | float | None = None) -> None: ...
    async def in_progress(self) -> None: ...


class Inbox:
    """Everything that a service is told. ``run`` serves until cancelled; ``take_in`` is given what arrives.

    :param every_office: a pool under the role that sees all offices; the inbox reads with it and never writes.
    """

    def __init__(
        self,
        service: str,
        reactions: Reactions,
        store: EventStore,
        clock: Clock,
        every_office: Any,
        *,
        publishers: Sequence[str] | None = None,
        tries: int = TRIES,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self.service = service
        self.publishers = tuple(one for one in (publishers or SERVICES) if one != service)
        self.progress = {publisher: Progress() for publisher in self.publishers}
        self.parts = {publisher for publisher in self.publishers if len(filters(service, publisher)) > 1}
        self.reader = Reader(service, reactions.heard, clock)
        self.loaded = asyncio.Event()
        self.complete: Callable[[str, int], Awaitable[None]] | None = None  # shared.heads: for publishers heard in part
        self.contradicted: Callable[[Heard], None] = lambda _heard: None  # shared.heads: a publisher against itself
        self.hurry: Callable[[str], None] = lambda _publisher: None  # who fetches hands over what lies there
        self.epochs = epochs.KnownEpochs()
        self._heard = reactions.heard
        self._store = store
        self._clock = clock
        self._rows = InboxRows(every_office, store)
        self._seldom = Seldom()
        self._turns = Turns()
        self.waiting = Waiting(
            self._rows,
            self.progress,
            seldom=self._seldom,
            tries=tries,
            retry_seconds=retry_seconds,
            ready=self._ready,
            loaded=self.loaded,
            rerun=self._rerun,
        )
        self.dead_letters = DeadLetters(
            self._rows, store, clock, self.reader, self.progress, self.waiting, self._turns, self._one, self._under_way
        )
        self._voiding = Voiding(self._rows, self.dead_letters, self.reader, clock)
        self._at_work = 0
        self._alone = False
        self._not_alone = asyncio.Event()
        self._outcomes: dict[tuple[str, str], str] = {}
        self._loading = asyncio.Lock()
        self._others = 0  # how often another process wrote, which may have taken messages in
        self._readings = 0  # how often the inbox was read
        store.writer.on_taken = self._note
        store.writer.on_others = self._others_wrote

    # -- what others ask ----------------------------------------------------------------------------------------------

    async def seen(self, publisher: str, position: int, *, office: str) -> None:
        """Return once everything that ``publisher`` meant for us up to ``position`` has been taken in.

        Parked and dead messages have not. It waits for ever; whoever asks sets the limit.
        """
        progress = self.progress.get(publisher)
        if progress is None:
            await asyncio.Event().wait()
            return
        if publisher in self.parts and self.complete is not None:
            await self.complete(publisher, position)
            return
        progress.awaited += 1
        self.hurry(publisher)
        try:
            while progress.done.floor < position:
                progress.moved.clear()
                await progress.moved.wait()
        finally:
            progress.awaited -= 1

    def may_wait(self, publisher: str, subject: str) -> bool:
        """Whether what comes under a subject is only noted, and nobody waits for anything of its publisher."""
        return not self.progress[publisher].awaited and self.reader.only_notes(publisher, subject)

    def status(self) -> dict[str, Any]:
        """Return for each publisher what has arrived, for ``/health/ready``."""
        return {
            publisher: {
                "seen": progress.known.last if publisher in self.parts else progress.known.floor,
                "parked": len(progress.parked),
                "dead": len(progress.dead),
                "counts": dict(sorted(progress.counts.items())),
            }
            for publisher, progress in self.progress.items()
        }

    async def counts_up_to(self, publisher: str, position: int) -> Mapping[tuple[str, str], int]:
        """Return how many events of each office and name had their effect here, up to a position."""
        return await self._rows.counts_up_to(publisher, position)

    # -- epochs -------------------------------------------------------------------------------------------------------

    async def furthest(self) -> tuple[Heard, ...]:
        """Return up to where each publisher is held here without a gap, and what stands there."""
        if not self.loaded.is_set():
            return ()
        found = []
        for publisher, progress in self.progress.items():
            position = progress.known.last if publisher in self.parts else progress.known.floor
            epoch = epochs.epoch_at(self.epochs.of(publisher), position)
            found += [
                Heard(publisher=publisher, epoch=epoch, position=position, digest=row["digest"].hex())
                for row in (await self._rows.standing_at(publisher, epoch, position))[:1]
            ]
        return tuple(found)

    async def end_epochs(self, told: Told[Any], voids: Sequence[VoidFrom]) -> None:
        """Take in that a restore of a publisher made positions of it void; in one commit with its announcement.

        Nothing else is taken in meanwhile. What is void and had its effect keeps it, and becomes a dead letter that
        names it; what waited or was a dead letter already is done with. The streams go on from what is not void.
        """
        publisher = told.publisher
        async with self._by_itself():
            self.epochs.become(await self._rows.read(epochs.ALL_ENDED))
            voided = await self._voiding.follows(publisher, voids, known=self.epochs)
            await self._store.keep(by=told, rows=voided.changes)
            await self._load()
        DEAD.labels(publisher, "void").inc(voided.messages)
        log.error(
            "epoch-ended",
            publisher=publisher,
            epochs=dict(voided.ended),
            void=voided.messages,
            had_their_effect=voided.had_their_effect,
        )

    @contextlib.asynccontextmanager
    async def _by_itself(self) -> AsyncIterator[None]:
        """Let the message at hand be the only one under way; what comes meanwhile waits."""
        self._at_work -= 1
        try:
            async with self._loading, self._nobody_at_work():
                yield
        finally:
            self._at_work += 1

    @contextlib.asynccontextmanager
    async def _under_way(self) -> AsyncIterator[None]:
        """Do something that is stored and then noted here: not while somebody wants nothing to be under way."""
        while self._alone:
            await self._not_alone.wait()
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1

    @contextlib.asynccontextmanager
    async def _nobody_at_work(self) -> AsyncIterator[None]:
        """Let no message be under way; what comes meanwhile, or is released or tried again, waits."""
        self._alone = True
        self._not_alone.clear()
        try:
            while self._at_work:
                await asyncio.sleep(0.01)
            yield
        finally:
            self._alone = False
            self._not_alone.set()

    # -- the loop -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Release what waits and try again what failed, until cancelled."""
        await self.waiting.run()

    async def take_in(self, publisher: str, deliveries: Sequence[Delivery]) -> None:
        """Take in what was delivered from a publisher's stream, and acknowledge each once its effect is committed.

        It may be called again before it has returned: messages of one stream still go one after the other.
        """
        open_ones = dict(enumerate(deliveries))
        with _saying_so_while(open_ones):
            try:
                if not self._is_ready():
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await self._ready()
            except TimeoutError:
                # The store is away, or another process of this service writes: let it have them.
                await asyncio.gather(*(self._come_back(one) for one in deliveries))
                return
            at = self._clock.now()
            read = [self.reader.read(publisher, one.subject, one.data, at=at) for one in deliveries]

            async def end(settled: bool, *numbers: int) -> None:
                for number in numbers:
                    delivery = open_ones.pop(number)
                    if settled:
                        reach("before the acknowledgement")
                        try:
                            await delivery.ack()
                        except Exception as why:  # it comes again, and is a repeat
                            self._seldom.warn("not-acknowledged", type(why).__name__)
                    else:
                        await self._come_back(delivery)

            while self._alone:
                await self._not_alone.wait()
            straight, streams, queues = self._sorted_out(read)
            self._at_work += bool(straight)  # from now on, before anything else has its turn
            work = [self._take_straight(publisher, straight, streams, end)] if straight else []
            work += [self._take_each(queues, end)] if queues else []
            if len(work) == 1:
                await work[0]
            else:
                await asyncio.gather(*work)
            reach("after the acknowledgement")

    def _sorted_out(self, read: Sequence[Sent]) -> tuple[list[Straight], Iterable[Place], list[list[tuple[int, Sent]]]]:
        """Say which messages go straight to the writer, all at once, and which are looked at one by one.

        Straight goes what is new, follows what was applied or goes straight before it, and is only kept or noted; the
        turns of their streams, which come second, are taken. The others come in queues: those of one stream one after
        the other.
        """
        straight: list[Straight] = []
        queues: dict[tuple[str, ...], list[tuple[int, Sent]]] = {}
        reached: dict[Place, int] = {}
        for number, one in enumerate(read):
            if isinstance(one, Told):
                place = (one.office, stream_of(one))
                if place not in queues and self._goes_straight(one, place, reached.get(place)):
                    reached[place] = one.version
                    straight.append((number, one, place))
                else:
                    queues.setdefault(place, []).append((number, one))
            else:
                queues[(str(number),)] = [(number, one)]
        return straight, reached, list(queues.values())

    def _goes_straight(self, told: Told[Any], place: Place, reached: int | None) -> bool:
        """Whether a message can go straight; ``reached`` is how far its stream goes straight before it."""
        reaction = self._heard.get(type(told.data))
        applied = self.waiting.applied(place) if reached is None else reached
        return (
            (reaction is None or isinstance(reaction, Keep))
            and told.type != OFFICE_CHANGED
            and told.previous <= applied
            and told.position not in self.progress[told.publisher].known
            and not self.epochs.is_void(told.publisher, told.epoch, told.position)
            and not self.epochs.is_ahead(told.publisher, told.epoch)
            and not (self.dead_letters.states and letter_id(told.subject, told.envelope) in self.dead_letters.states)
            and (reached is not None or self._turns.claim(place))
        )

    async def _take_straight(
        self, publisher: str, straight: Sequence[Straight], streams: Iterable[Place], end: End
    ) -> None:
        """Let messages have their effects together; each has its own outcome."""
        progress, began = self.progress[publisher], self.waiting.serial
        done: list[int] = []
        others: list[tuple[int, Told[Any], Decided | BaseException]] = []
        try:
            acts = [self._act(told) for _, told, _ in straight]
            outcomes: Iterator[Decided | BaseException]
            try:
                outcomes = iter(await self._store.take_in([act for act in acts if isinstance(act, Act)]))
            except Exception as why:  # nothing was recorded of any of them
                outcomes = repeat(why)
            for (number, told, (office, key)), act in zip(straight, acts, strict=True):
                outcome = next(outcomes) if isinstance(act, Act) else act
                if isinstance(outcome, Decided) and outcome.outcome == "done":
                    progress.settled(told.position, told.type)
                    self.waiting.has_moved(office, key, told.version)
                    done.append(number)
                else:
                    others.append((number, told, outcome))
            await end(True, *done)
            for number, told, outcome in others:
                await end(await self._unless_away(self._became(told, outcome, began)), number)
        finally:
            MESSAGES.labels(publisher, "done").inc(len(done))
            for place in streams:
                self._turns.give_back(place)
            self._at_work -= 1

    def _act(self, told: Told[Any]) -> Act | Exception:
        reaction = self._heard.get(type(told.data))
        try:
            return reaction.act(told) if isinstance(reaction, Keep) else Act(told)
        except Exception as bug:
            return bug

    async def _became(self, told: Told[Any], outcome: Decided | BaseException, began: int) -> None:
        if isinstance(outcome, Decided):
            await self._took(told, outcome.outcome, began)
        elif isinstance(outcome, LeaseMoved):
            await self._react_and_note(told, began)  # to have its effect in the office that has the lease now
        else:
            await self._took_not(told, outcome)

    async def _take_each(self, queues: Sequence[Sequence[tuple[int, Sent]]], end: End) -> None:
        """Bring messages to their end that are looked at one by one, a queue beside the other."""
        readings = self._readings
        try:
            known = await self._known_of_all([one for queue in queues for _, one in queue if isinstance(one, Told)])
        except Exception as why:  # a lost connection has many names; nothing was done yet
            self._seldom.warn("inbox-waits", type(why).__name__)
            await end(False, *(number for queue in queues for number, _ in queue))
            return

        def still_known(told: Told[Any]) -> Known | None:
            # How far streams have come since is forgotten where the inbox was read anew: then it is asked for again.
            return known.get((told.office, place_of(told))) if readings == self._readings else None

        async def settle(queue: Sequence[tuple[int, Sent]]) -> None:
            settled = True
            for number, one in queue:
                settled = settled and await self._unless_away(self._settle(one, still_known))
                await end(settled, number)

        await asyncio.gather(*(settle(queue) for queue in queues))

    async def _settle(self, one: Sent, known: Callable[[Told[Any]], Known | None]) -> None:
        """Bring a message to its end."""
        if isinstance(one, Letter):
            async with self._under_way():
                await self.dead_letters.bury(one)
        elif isinstance(one, Told):
            await self._one(one, known)
        else:
            MESSAGES.labels("any", "passed").inc()

    async def _unless_away(self, work: Awaitable[None]) -> bool:
        """Do the work on a message; False when the store was away and the message must come back."""
        try:
            await work
        except StoreBusy as why:
            self._seldom.warn("inbox-waits", type(why).__name__)
            return False
        except Exception:
            log.exception("inbox-failed")
            return False
        return True

    async def _come_back(self, delivery: Delivery) -> None:
        MESSAGES.labels("any", "delayed").inc()
        with contextlib.suppress(Exception):
            await delivery.nak(delay=1.0)

    def _is_ready(self) -> bool:
        return self._store.writer.ready.is_set() and self.loaded.is_set()

    async def _ready(self) -> None:
        """Wait until this process is the one that writes, and knows what is in the inbox."""
        while not self._is_ready():
            if not self._store.writer.ready.is_set():
                # Another process of this service may have written since.
                self.loaded.clear()
                await self._store.writer.ready.wait()
            try:
                # One at a time: the second would put what it read before over what was taken in since the first.
                async with self._loading:
                    if not self.loaded.is_set():
                        # What has its effect between our reading and our noting would be forgotten.
                        async with self._nobody_at_work():
                            await self._load()
            except StoreBusy as why:
                self._seldom.warn("inbox-waits", type(why).__name__)
                await asyncio.sleep(0.5)

    # -- one message --------------------------------------------------------------------------------------------------

    async def _one(self, told: Told[Any], known: Callable[[Told[Any]], Known | None] = lambda _told: None) -> None:
        """Let a message have its effect, or park it, or make it a dead letter.

        :param known: what the store was found to hold of it, asked when its turn has come; None: it is looked up.
        """
        async with self._turns.of((told.office, stream_of(told))), self._under_way():
            await self._have_its_effect(told, known(told))

    async def _have_its_effect(self, told: Told[Any], known: Known | None) -> None:
        if known is None:
            known = await self._rows.known_of(told)
        assert told.message is not None
        progress, letters = self.progress[told.publisher], self.dead_letters
        began = self.waiting.serial
        is_it = known.digest == told.message.digest
        waited_for = known.waits_for if is_it else None
        if letters.states and letters.hold(letter_id(told.subject, told.envelope)):
            self._count(told, "repeat")
            return
        if self.epochs.is_void(told.publisher, told.epoch, told.position):
            await self._came_too_late(told, known)
            return
        if self.epochs.is_ahead(told.publisher, told.epoch) and told.type != ANNOUNCEMENT:
            named = _epoch_named(told.publisher, told.epoch)
            await self.waiting.park(told, waits_for=named, waited_for=waited_for)
            return
        if known.state is not None:
            # Of an event published in several versions we may have taken another one before an upgrade.
            if not is_it and len(told.versions) == 1:
                await self._contradicts(told, known.digest)
                return
            told.message = msgspec.structs.replace(told.message, waited=True)
        if known.state in ("taken", "closed"):
            progress.settled(told.position, told.type)
            self._count(told, "repeat")
            return
        if known.looked_up and known.state is None and told.position in progress.known:
            others = await self._rows.standing_at(told.publisher, told.epoch, told.position)
            if any(row["office"] != told.office for row in others):
                await self._contradicts(told, others[0]["digest"])
                return
        if not await self._follows(told, known):
            await self.waiting.park(told, waits_for=stream_of(told), waited_for=waited_for)
            self.waiting.release_if_moved(told.office, stream_of(told), began)
            return
        await self._react_and_note(told, began, waited_for=waited_for)

    async def _follows(self, told: Told[Any], known: Known) -> bool:
        """Whether what comes before a message in its stream has had its effect, here or where its lease came from."""
        applied = max(known.applied, self.waiting.applied((told.office, stream_of(told))))
        if told.previous > applied and not known.looked_up:
            applied = (await self._rows.known_of(told)).applied
        if told.previous <= applied:
            return True
        # The word of the office that a lease came to is where that begins; it waits for nothing.
        is_where_it_begins = told.type == OFFICE_CHANGED and getattr(told.data, "from_office", None) is not None
        if not (is_where_it_begins or await self._rows.was_applied_elsewhere(told)):
            return False
        assert told.message is not None
        told.message = msgspec.structs.replace(told.message, released=True)
        return True

    async def _react_and_note(self, told: Told[Any], began: int, *, waited_for: str | None = None) -> None:
        """React to a message whose turn it is, and note what came of it.

        :param waited_for: what it was parked for.
        """
        try:
            outcome = await self._react(told)
        except TooEarly as early:
            await self.waiting.park(told, waits_for=early.waits_for, waited_for=waited_for)
            self.waiting.release_if_moved(told.office, early.waits_for, began)
        except Exception as why:
            await self._took_not(told, why)
        else:
            await self._took(told, outcome, began)

    async def _took(self, told: Told[Any], outcome: str, began: int) -> None:
        """Note what the writer made of a message."""
        progress = self.progress[told.publisher]
        self._count(told, outcome)
        match outcome:
            case "done" | "repeat":
                self.waiting.tries.pop((told.office, place_of(told)), None)
                progress.settled(told.position, told.type)
                if outcome == "done":
                    self.waiting.has_moved(told.office, stream_of(told), told.version)
                    if told.type == OFFICE_CHANGED:
                        self.waiting.release_those_behind_leases(told.office)
            case "parked":
                waits_for = await self._rows.waits_for(told)
                self.waiting.is_parked(told, waits_for)
                self.waiting.release_if_moved(told.office, waits_for, began)
            case _:
                await self._contradicts(told, (await self._rows.known_of(told)).digest)
        PARKED.labels(told.publisher).set(len(progress.parked))

    async def _came_too_late(self, told: Told[Any], known: Known) -> None:
        """A message that a restore of its publisher made void has no effect; one that had it before is known."""
        if not known.looked_up:
            known = await self._rows.known_of(told)
        if known.state in ("taken", "closed"):
            self._count(told, "repeat")
        else:
            letter = self.dead_letters.of(told, "void", f"epoch {told.epoch} ended")
            await self.dead_letters.bury(letter, parked=known.state == "parked")

    async def _contradicts(self, told: Told[Any], digest: bytes | None) -> None:
        """What stands at a position here is another thing than its publisher says now: a dead letter; let it know."""
        if digest is not None:
            self.contradicted(
                Heard(publisher=told.publisher, epoch=told.epoch, position=told.position, digest=digest.hex())
            )
        await self.dead_letters.bury(self.dead_letters.of(told, "conflict", "position"))

    async def _took_not(self, told: Told[Any], why: BaseException) -> None:
        """Give a message up for now, or for good. :raises StoreBusy: it is not the message's fault."""
        if isinstance(why, StoreBusy):
            raise why
        if isinstance(why, UnknownEvent):
            raise StoreBusy from why
        assert isinstance(why, Exception)
        if not await self.waiting.try_again(told, why):
            await self.dead_letters.bury(self.dead_letters.of(told, "failed", type(why).__name__), parked=True)

    async def _react(self, told: Told[Any]) -> str:
        """Run the reaction; what is not reacted to only moves its stream. Return what the writer made of it."""
        place = (told.office, place_of(told))
        self._outcomes.pop(place, None)
        reaction = self._heard.get(type(told.data))
        if reaction is not None:
            await self._where_its_lease_is(reaction, told)
        outcome = self._outcomes.pop(place, None)
        if outcome is None:
            outcome = (await self._store.keep(by=told)).outcome
            self._outcomes.pop(place, None)
        return outcome

    async def _where_its_lease_is(self, reaction: Reaction, told: Told[Any]) -> None:
        """React under the office that has the lease now: what the one before it said, and comes later, counts there.

        The message stays in the inbox, and in the ledger, of the office under which it was told.
        """
        began = told
        while True:
            try:
                await reaction(told, self._store)
                if told is not began:
                    self.waiting.release_those_behind_leases(told.office)
                return
            except LeaseMoved as moved:
                assert told.message is not None
                keys = keys_in([Stored("", 0, told.type, told.envelope)])
                await self._store.writer.widen(told.office, moved.to_office, keys)
                message = msgspec.structs.replace(told.message, office=told.message.office or told.office)
                told = msgspec.structs.replace(told, office=moved.to_office, message=message)

    def _note(self, office: str, message: Message, outcome: str) -> None:
        place = (office, message.place)
        if place in self._outcomes:
            # A message has one effect in one commit: the second decision of a reaction was not recorded.
            log.error("reaction-decides-twice", publisher=message.publisher, type=message.type)
            return
        self._outcomes[place] = outcome

    async def _rerun(self, row: Mapping[str, Any]) -> bool:
        """Try a parked message; whether it had its effect."""
        publisher = row["publisher"]
        read = self.reader.again(publisher, row["envelope"])
        if isinstance(read, Letter):
            async with self._under_way():
                await self.dead_letters.bury(read, parked=True)
        elif isinstance(read, Told):
            await self._one(read)
            return read.position in self.progress[publisher].done
        else:
            # Since an upgrade another version of it is taken, which was passed over when it came.
            async with self._under_way():
                await self._rows.keep(row["office"], epochs.parked_no_more(row, publisher))
                self.progress[publisher].must_come_again(row["position"], row["type"])
            PARKED.labels(publisher).set(len(self.progress[publisher].parked))
        return False

    # -- the store ----------------------------------------------------------------------------------------------------

    def _others_wrote(self) -> None:
        """Let everything be read anew, also when no message comes for which it would be."""
        self._others += 1
        self.loaded.clear()
        self.waiting.release_by(self._ready)

    async def _load(self) -> None:
        """Read how far each publisher has come, what waits, and what failed, while nothing is under way."""
        others = self._others
        ended = await self._rows.read(epochs.ALL_ENDED)
        progress = {publisher: Progress() for publisher in self.publishers}
        ranges = await self._rows.ranges()
        for publisher, one in progress.items():
            one.done = Ranges(ranges.get((publisher, True), ()))
            one.known = Ranges([*ranges.get((publisher, True), ()), *ranges.get((publisher, False), ())])
        for publisher, event, number in await self._rows.counts():
            if publisher in progress:
                progress[publisher].counts[event] = number
        for row in await self._rows.parked():
            if row["publisher"] not in progress:
                continue
            progress[row["publisher"]].parked.add(row["position"])
            if row["waits_for"] is not None:
                self.waiting.awaits(row["office"], row["waits_for"])
                if row["waits_for"] == _epoch_named(row["publisher"], row["epoch"]):
                    self.waiting.release(row["office"], row["waits_for"])
            else:
                self.waiting.release_one(row["office"], row["publisher"], row["epoch"], row["position"])
        await self.waiting.release_what_need_not_wait()
        letters = await self._rows.read("select id, publisher, position, reason, headers, state from dead_letter")
        unknown_before = self.dead_letters.loaded(letters, progress)
        self.waiting.know_nothing()
        self._readings += 1
        self.epochs.become(ended)  # together with what follows from it: who sees the one relies on the other
        if others == self._others:
            self.loaded.set()
        for publisher, one in progress.items():
            # In place: who waits holds on to the object.
            self.progress[publisher].become(one)
            PARKED.labels(publisher).set(len(one.parked))
        if unknown_before:
            self.waiting.release_by(partial(self.dead_letters.read_anew, unknown_before))

    async def _known_of_all(self, told: Sequence[Told[Any]]) -> dict[tuple[str, str], Known]:
        """Return what the store holds about messages; about those that are new and come in order it is not asked.

        The writer compares all of them with the store once more, in the commit of their effect.
        """
        known: dict[tuple[str, str], Known] = {}
        asked: list[Told[Any]] = []
        in_turn: dict[Place, int] = {}
        for one in told:
            place = (one.office, stream_of(one))
            moved = self.waiting.applied(place)
            if one.position in self.progress[one.publisher].known or one.previous > max(in_turn.get(place, 0), moved):
                asked.append(one)
            else:
                # What comes before it in this batch may fail: only what has moved by then counts as applied.
                known[(one.office, place_of(one))] = Known(None, None, moved, looked_up=False)
                in_turn[place] = one.version
        return {**known, **await self._rows.known(asked)}

    def _count(self, told: Told[Any], outcome: str) -> None:
        MESSAGES.labels(told.publisher, outcome).inc()


@contextlib.contextmanager
def _saying_so_while(open_ones: Mapping[int, Delivery]) -> Iterator[None]:
    """Tell the bus every two seconds that we are still at it, so that it does not deliver everything again."""
    loop = asyncio.get_running_loop()

    async def say() -> None:
        for one in list(open_ones.values()):
            with contextlib.suppress(Exception):
                await one.in_progress()

    def begin() -> None:
        saying.append(loop.create_task(say()))
        timers[0] = loop.call_later(SAY_SECONDS, begin)

    saying: list[asyncio.Task[None]] = []
    timers = [loop.call_later(SAY_SECONDS, begin)]
    try:
        yield
    finally:
        timers[0].cancel()
        for task in saying:
            task.cancel()


def _epoch_named(publisher: str, epoch: int) -> str:
    """Return what a message waits for whose epoch nobody told of yet."""
    return f"{publisher}:epoch {epoch}"
