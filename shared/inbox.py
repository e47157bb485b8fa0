"""What we were told, once: having it take effect, and what becomes of what cannot be taken in (yet).

A message's effects, its inbox row and the version of its stream are one commit of the writer; it is acknowledged after
that. Too early, or failing: parked with what it waits for. Unreadable, forged, contradicting, or failing for good: a
dead letter with its reason. Neither blocks the messages of other streams; those of its own stream wait, visibly.
"""

import asyncio
import contextlib
import hashlib
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import repeat
from typing import Any, Protocol

import msgspec
import prometheus_client
import structlog

from shared import epochs
from shared.bus import SERVICES, Seldom, filters
from shared.clock import Clock
from shared.codec import UnknownEvent
from shared.contracts.platform import Heard, VoidFrom
from shared.decisions import TooEarly
from shared.event_sourcing import LOST, Act, Change, Decided, EventStore, Message, StoreBusy
from shared.fail_points import reach
from shared.hand_over import OFFICE_CHANGED, LeaseMoved, Stored, keys_in
from shared.keys import OFFICE as OF_NO_LEASE
from shared.log import DEAD_LETTER, INBOX, INBOX_STREAM
from shared.progress import Progress, Ranges, Turns
from shared.refusals import WrongState
from shared.sealed import Sealed
from shared.told import SUBJECT, Keep, Letter, Passed, Reaction, Reactions, Reader, Reason, Told, letter_id

__all__ = ["Delivery", "Inbox", "Itself", "Reactions", "Told", "TooEarly"]

log = structlog.get_logger()

TRIES = 5
RETRY_SECONDS = (0.5, 2.0, 8.0, 30.0)  # after the first, second … failure
SWEEP_SECONDS = 15.0
PATIENCE_SECONDS = 3.0  # how long messages are held for a store that is away
SAY_SECONDS = 2.0
PAGE = 200
STREAMS_KNOWN = 10_000  # of which we hold how far they have come, those that moved last; of others the store is asked
AWAY = (StoreBusy, *LOST)

MESSAGES = prometheus_client.Counter(
    "huurspoor_inbox_messages", "Messages by what became of them", ["publisher", "outcome"]
)
DEAD = prometheus_client.Counter("huurspoor_inbox_dead_letters", "Dead letters by reason", ["publisher", "reason"])
PARKED = prometheus_client.Gauge("huurspoor_inbox_parked", "Messages that wait for another one", ["publisher"])


ANNOUNCEMENT = "LogHeadAnnounced"  # by which a publisher says where an epoch of it ended
_OF_THE_POSITION = ("schema", "unknown-version", "failed")  # a dead letter for such a reason is what stands there
_NOT_OURS = ("08", "53", "57", "58", "XX")  # SQL states that say something of the server, nothing of the message
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_DIGITS = str.maketrans("abcdefghijklmnop-", "0123456789abcdef ")
_LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
_UNMOVED = (0, 0)

Sent = Told[Any] | Letter | Passed
Place = tuple[str, str]  # an office, and a stream of a publisher
Straight = tuple[int, Told[Any], Place]  # its number among those delivered
End = Callable[[int, bool], Awaitable[None]]


# What waits for something that took its effect under the office from which leases came to the one that waits.
WAITS_FOR_THE_OFFICE_BEFORE = (
    "select distinct i.office, i.waits_for from inbox i join (select distinct office, from_office from lease_office) l"
    " on l.office = i.office join inbox_stream s on s.office = l.from_office"
    " and s.publisher = split_part(i.waits_for, ':', 1)"
    " and s.stream = substr(i.waits_for, strpos(i.waits_for, ':') + 1)"
    " where i.state = 'parked' and i.waits_for is not null"
)


class Delivery(Protocol):
    """A message as the bus delivers it."""

    subject: str
    data: bytes

    async def ack(self) -> None: ...
    async def nak(self, delay: int | float | None = None) -> None: ...
    async def in_progress(self) -> None: ...


@dataclass(kw_only=True)
class Itself:
    """The inbox as the one who answers for a row it keeps: no act of anybody, no event."""

    office: str
    actor: str = "SYS"
    act: str | None = None
    mandated: bool = False
    occurred_on: date | None = None
    source: str = "system"
    correlation_id: str = "inbox"
    causation_id: str | None = None
    policy_version: str | None = None
    checklist_version: str | None = None
    device_time: datetime | None = None
    clock_suspect: bool = False
    once: str | None = None
    digest: bytes | None = None
    if_match: int | None = None
    message: Message | None = None


@dataclass(frozen=True)
class _Known:
    """What the store holds about a message that arrives; or, not looked up, what is known of its stream here."""

    state: str | None
    digest: bytes | None
    applied: int
    looked_up: bool = True


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
        self.epochs = epochs.KnownEpochs()
        self._heard = reactions.heard
        self._store = store
        self._clock = clock
        self._every_office = every_office
        self._tries_allowed = tries
        self._retry_seconds = retry_seconds
        self._tries: Counter[tuple[str, str]] = Counter()
        self._letters: dict[str, str] = {}
        self._awaited: set[tuple[str, str]] = set()
        self._moved: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()
        self._serial = 0
        self._at_work = 0
        self._alone = False
        self._not_alone = asyncio.Event()
        self._outcomes: dict[tuple[str, str], str] = {}
        self._turns = Turns()
        self._loading = asyncio.Lock()
        self._again: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
        self._timers: set[asyncio.TimerHandle] = set()
        self._seldom = Seldom()
        store.writer.on_taken = self._note

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
        while progress.done.floor < position:
            progress.moved.clear()
            await progress.moved.wait()

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

    async def listed(
        self, *, limit: int, after: Sequence[Any] | None
    ) -> tuple[list[Mapping[str, Any]], Sequence[Any] | None]:
        """Return dead letters, oldest first, and the place after the last one where there are more. No content."""
        since, last = (datetime.fromisoformat(str(after[0])), str(after[1])) if after else (_LONG_AGO, "")
        rows = await self._read(
            "select id, office, publisher, epoch, position, stream, reason, headers, state, closed_because, at"
            " from dead_letter where state = 'open' and (at, id) > ($1, $2) order by at, id limit $3",
            since,
            last,
            limit + 1,
        )
        shown: list[Mapping[str, Any]] = [
            {
                "id": row["id"],
                "office": row["office"],
                "publisher": row["publisher"],
                "position": f"{row['publisher']}:{row['position']}" if row["position"] else None,
                "epoch": row["epoch"],
                "stream": row["stream"],
                "reason": row["reason"],
                "envelope": _shown(msgspec.json.decode(row["headers"])),
                "state": row["state"],
                "at": row["at"].astimezone(UTC).isoformat().replace("+00:00", "Z"),
            }
            for row in rows[:limit]
        ]
        end = rows[limit - 1] if len(rows) > limit else None
        return shown, None if end is None else [end["at"].isoformat(), end["id"]]

    async def requeue(self, id: str, *, reason: str, operator: str) -> bool:
        """Handle a dead letter again; False: there is no such open one. It may become one again.

        :raises WrongState: a restore made it void; it can only be closed.
        """
        letter = await self._open_letter(id)
        if letter is None:
            return False
        if letter.reason == "void":
            raise WrongState
        self._letters[id] = "requeued"
        row = {**self._letter_row(letter), "state": "requeued", "closed_because": f"{operator}: {reason}"}
        await self._keep(letter.office, Change(letter.office, DEAD_LETTER, row))
        if letter.position is not None:
            self.progress[letter.publisher].dead.discard(letter.position)
        read = self.reader.read(letter.publisher, letter.subject, letter.body)
        if isinstance(read, Told):
            self._tries.pop((read.office, _place(read)), None)
            await self._one(read)
        elif isinstance(read, Letter):
            await self._bury(read)
        return True

    async def close(self, id: str, *, reason: str, operator: str) -> bool:
        """Let those behind a dead letter go on without it; False: there is no such open one."""
        letter = await self._open_letter(id)
        if letter is None:
            return False
        because = f"{operator}: {reason}"
        if letter.reason == "void":
            rows = await self._read("select * from dead_letter where id = $1 and state = 'open'", id)
            await self._keep(letter.office, *(epochs.settled_letter(row, because) for row in rows))
            self._letters[id] = "closed"
            return True
        row = {**self._letter_row(letter), "state": "closed", "closed_because": because}
        changes = [Change(letter.office, DEAD_LETTER, row)]
        holds = letter.reason in _OF_THE_POSITION and letter.stream is not None
        if holds:
            assert letter.position is not None and letter.version is not None and letter.stream is not None
            async with self._turns.of((letter.office, f"{letter.publisher}:{letter.stream}")):
                known = await self._known_of(letter.office, letter)
                if known.state not in ("taken", "closed"):
                    changes.append(Change(letter.office, INBOX, self._closed_row(letter, reason)))
                if known.applied < letter.version:
                    moved = {"publisher": letter.publisher, "stream": letter.stream, "version": letter.version}
                    changes.append(Change(letter.office, INBOX_STREAM, moved))
                await self._keep(letter.office, *changes)
            self.progress[letter.publisher].settled(letter.position, letter.type or "")
            self._has_moved(letter.office, f"{letter.publisher}:{letter.stream}", letter.version)
        else:
            await self._keep(letter.office, *changes)
        self._letters[id] = "closed"
        return True

    async def missing_since(self, publisher: str, up_to: int) -> list[tuple[int, int]]:
        """Return the ranges of positions up to there that have not arrived in any state."""
        await self.loaded.wait()
        return self.progress[publisher].known.gaps(up_to)

    async def counts_up_to(self, publisher: str, position: int) -> Mapping[tuple[str, str], int]:
        """Return how many events of each office and name had their effect here, up to a position."""
        rows = await self._read(
            "select office, type, count(*) from inbox i where publisher = $1 and position <= $2"
            f" and state in ('taken', 'closed') and {epochs.NOT_VOID} group by office, type",
            publisher,
            position,
        )
        return {(row[0], row[1]): row[2] for row in rows}

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
                for row in (await self._standing_at(publisher, epoch, position))[:1]
            ]
        return tuple(found)

    async def _standing_at(self, publisher: str, epoch: int, position: int) -> list[Any]:
        """Return what was taken in at a position, whichever office it is of."""
        return await self._read(
            "select office, digest from inbox where publisher = $1 and epoch = $2 and position = $3"
            " and state = 'taken'",
            publisher,
            epoch,
            position,
        )

    async def end_epochs(self, told: Told[Any], voids: Sequence[VoidFrom]) -> None:
        """Take in that a restore of a publisher made positions of it void; in one commit with its announcement.

        Nothing else is taken in meanwhile. What is void and had its effect keeps it, and becomes a dead letter that
        names it; what waited or was a dead letter already is done with. The streams go on from what is not void.
        """
        publisher = told.publisher
        async with self._by_itself():
            self.epochs.become(await self._read(epochs.ALL_ENDED))
            news = self.epochs.news(publisher, voids)
            ended = epochs.with_ended(self.epochs.of(publisher), news)
            of = (publisher, list(ended), list(ended.values()))
            rows = [row for row in await self._read(epochs.VOID_ROWS, *of) if self._is_news(row, publisher, ended)]
            effects = await self._effects([row["taken_at"] for row in rows if row["state"] != "parked"])
            changes = [epochs.ended_row(publisher, void, at=self._clock.now()) for void in news]
            streams = sorted({(row["office"], row["stream"]) for row in rows if row["state"] != "parked"})
            for row in rows:
                if row["state"] == "parked":
                    changes.append(epochs.parked_no_more(row, publisher))
                    changes += await self._buried(row, publisher)
                else:
                    what = epochs.effects_of(row, publisher, effects)
                    changes.append(epochs.letter_of(row, publisher, what, at=self._clock.now()))
            versions = {
                (row["office"], row["stream"]): row["version"]
                for row in await self._read(epochs.VALID_VERSIONS, *of, *map(list, zip(*streams, strict=True)))
            } if streams else {}  # fmt: skip
            changes += [epochs.stream_goes_on(*at[:1], publisher, at[1], versions.get(at)) for at in streams]
            because = f"void: {publisher} was restored"
            changes += [epochs.settled_letter(row, because) for row in await self._read(epochs.VOID_LETTERS, *of)]
            await self._store.keep(by=told, rows=changes)
            await self._load()
        taken = sum(row["state"] != "parked" for row in rows)
        DEAD.labels(publisher, "void").inc(len(rows))
        log.error("epoch-ended", publisher=publisher, epochs=dict(ended), void=len(rows), had_their_effect=taken)

    def _is_news(self, row: Mapping[str, Any], publisher: str, ended: epochs.Ended) -> bool:
        """Whether a row is void now, and was not before."""
        place = (row["epoch"], row["position"])
        return epochs.is_void(ended, *place) and not self.epochs.is_void(publisher, *place)

    async def _buried(self, row: Mapping[str, Any], publisher: str) -> list[Change]:
        read = self.reader.again(publisher, row["envelope"])
        if not isinstance(read, Told):
            return []
        letter = self._letter(read, "void", f"epoch {read.epoch} ended")
        kept = {**self._letter_row(letter), "envelope": await self._sealed(letter)}
        return [Change(letter.office, DEAD_LETTER, kept)]

    async def _effects(self, moments: Sequence[datetime]) -> list[epochs.Effect]:
        """Return the events that were recorded because of a message, as far back as the first of these moments."""
        found: list[epochs.Effect] = []
        before = 2**62
        while moments:
            rows = await self._read(epochs.EFFECTS, before, 2000)
            found += [effect for row in rows if (effect := epochs.Effect.of(row)) is not None]
            if not rows or rows[-1]["at"] < min(moments):
                break
            before = rows[-1]["notification_id"]
        return found

    @contextlib.asynccontextmanager
    async def _by_itself(self) -> AsyncIterator[None]:
        """Let the message at hand be the only one under way; what comes meanwhile waits."""
        self._at_work -= 1
        try:
            async with self._loading:
                self._alone = True
                self._not_alone.clear()
                while self._at_work:
                    await asyncio.sleep(0.01)
                yield
        finally:
            self._at_work += 1
            self._alone = False
            self._not_alone.set()

    # -- the loop -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Release what waits and try again what failed, until cancelled."""
        sweeper = asyncio.create_task(self._sweep())
        try:
            while True:
                await self._ready()
                work = await self._again.get()
                try:
                    await self._release(work)
                except AWAY as why:
                    self._seldom.warn("inbox-waits", type(why).__name__)
                    self._later(1.0, work)
                except Exception:
                    log.exception("release-failed")
                    self._later(30.0, work)
        finally:
            sweeper.cancel()
            for timer in self._timers:
                timer.cancel()

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

            async def end(number: int, settled: bool) -> None:
                if settled:
                    reach("before the acknowledgement")
                    with contextlib.suppress(Exception):  # not acknowledged: it comes again, and is a repeat
                        await deliveries[number].ack()
                else:
                    await self._come_back(deliveries[number])
                del open_ones[number]

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
                place = (one.office, f"{one.publisher}:{one.stream}")
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
        applied = self._moved.get(place, _UNMOVED)[0] if reached is None else reached
        return (
            (reaction is None or isinstance(reaction, Keep))
            and told.type != OFFICE_CHANGED
            and told.previous <= applied
            and told.position not in self.progress[told.publisher].known
            and not self.epochs.is_void(told.publisher, told.epoch, told.position)
            and not self.epochs.is_ahead(told.publisher, told.epoch)
            and not (self._letters and letter_id(told.subject, told.envelope) in self._letters)
            and (reached is not None or self._turns.claim(place))
        )

    async def _take_straight(
        self, publisher: str, straight: Sequence[Straight], streams: Iterable[Place], end: End
    ) -> None:
        """Let messages have their effects together; each has its own outcome."""
        progress, began, done = self.progress[publisher], self._serial, 0
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
                    self._has_moved(office, key, told.version)
                    done += 1
                    await end(number, True)
                else:
                    await end(number, await self._unless_away(self._became(told, outcome, began)))
        finally:
            MESSAGES.labels(publisher, "done").inc(done)
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
        try:
            known = await self._known_of_all([one for queue in queues for _, one in queue if isinstance(one, Told)])
        except Exception as why:  # a lost connection has many names; nothing was done yet
            self._seldom.warn("inbox-waits", type(why).__name__)
            await asyncio.gather(*(end(number, False) for queue in queues for number, _ in queue))
            return

        async def settle(queue: Sequence[tuple[int, Sent]]) -> None:
            settled = True
            for number, one in queue:
                settled = settled and await self._unless_away(self._settle(one, known))
                await end(number, settled)

        await asyncio.gather(*(settle(queue) for queue in queues))

    async def _settle(self, one: Sent, known: Mapping[str, _Known]) -> None:
        """Bring a message to its end."""
        if isinstance(one, Letter):
            await self._bury(one)
        elif isinstance(one, Told):
            await self._one(one, known.get(f"{one.office} {_place(one)}"))
        else:
            MESSAGES.labels("any", "passed").inc()

    async def _unless_away(self, work: Awaitable[None]) -> bool:
        """Do the work on a message; False when the store was away and the message must come back."""
        try:
            await work
        except AWAY as why:
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
                        await self._load()
            except AWAY as why:
                self._seldom.warn("inbox-waits", type(why).__name__)
                await asyncio.sleep(0.5)

    # -- one message --------------------------------------------------------------------------------------------------

    async def _one(self, told: Told[Any], known: _Known | None = None) -> None:
        """Let a message have its effect, or park it, or make it a dead letter."""
        async with self._turns.of((told.office, f"{told.publisher}:{told.stream}")):
            while self._alone:
                await self._not_alone.wait()
            self._at_work += 1
            try:
                await self._have_its_effect(told, known)
            finally:
                self._at_work -= 1

    async def _have_its_effect(self, told: Told[Any], known: _Known | None) -> None:
        message = told.message
        assert message is not None
        key = f"{told.publisher}:{told.stream}"
        if known is None:
            known = (await self._known([told]))[f"{told.office} {_place(told)}"]
        progress = self.progress[told.publisher]
        began = self._serial
        if self._letters and self._letters.get(letter_id(told.subject, told.envelope)) in ("open", "closed"):
            self._count(told, "repeat")
            return
        if self.epochs.is_void(told.publisher, told.epoch, told.position):
            await self._came_too_late(told, known)
            return
        if self.epochs.is_ahead(told.publisher, told.epoch) and told.type != ANNOUNCEMENT:
            await self._park(told, waits_for=_epoch_of(told))
            return
        if known.state in ("taken", "closed"):
            # Of an event published in several versions we may have taken another one before an upgrade.
            if known.digest != message.digest and len(told.versions) == 1:
                self._contradicts(told, known.digest)
                await self._bury(self._letter(told, "conflict", "position"))
                return
            progress.settled(told.position, told.type)
            self._count(told, "repeat")
            return
        if known.looked_up and known.state is None and told.position in progress.known:
            others = await self._standing_at(told.publisher, told.epoch, told.position)
            if any(row["office"] != told.office for row in others):
                self._contradicts(told, others[0]["digest"])
                await self._bury(self._letter(told, "conflict", "position"))
                return
        applied = max(known.applied, self._moved.get((told.office, key), (0, 0))[0])
        if told.previous > applied and not known.looked_up:
            applied = (await self._known([told]))[f"{told.office} {_place(told)}"].applied
        if told.previous > applied and await self._was_applied_elsewhere(told):
            message = msgspec.structs.replace(message, released=True)
            told.message = message
        elif told.previous > applied:
            await self._park(told, waits_for=key)
            if self._moved.get((told.office, key), (0, 0))[1] > began:
                self._again.put_nowait(("stream", told.office, key))
            return
        await self._react_and_note(told, began)

    async def _react_and_note(self, told: Told[Any], began: int) -> None:
        """React to a message whose turn it is, and note what came of it."""
        try:
            outcome = await self._react(told)
        except TooEarly as early:
            await self._park(told, waits_for=early.waits_for)
            self._look_again(told, early.waits_for, began)
        except Exception as why:
            await self._took_not(told, why)
        else:
            await self._took(told, outcome, began)

    async def _took(self, told: Told[Any], outcome: str, began: int) -> None:
        """Note what the writer made of a message."""
        progress, key = self.progress[told.publisher], f"{told.publisher}:{told.stream}"
        self._count(told, outcome)
        match outcome:
            case "done" | "repeat":
                self._tries.pop((told.office, _place(told)), None)
                progress.settled(told.position, told.type)
                if outcome == "done":
                    self._has_moved(told.office, key, told.version)
                    if told.type == OFFICE_CHANGED:
                        self._again.put_nowait(("office", told.office))
            case "parked":
                progress.arrived(told.position, told.type)
                progress.parked.add(told.position)
                waits_for = await self._waits_for(told)
                self._awaited.add((told.office, waits_for))
                self._look_again(told, waits_for, began)
            case _:
                self._contradicts(told, (await self._known([told]))[f"{told.office} {_place(told)}"].digest)
                await self._bury(self._letter(told, "conflict", "position"))
        PARKED.labels(told.publisher).set(len(progress.parked))

    async def _came_too_late(self, told: Told[Any], known: _Known) -> None:
        """A message that a restore of its publisher made void has no effect; one that had it before is known."""
        if not known.looked_up:
            known = (await self._known([told]))[f"{told.office} {_place(told)}"]
        if known.state in ("taken", "closed"):
            self._count(told, "repeat")
        else:
            await self._bury(self._letter(told, "void", f"epoch {told.epoch} ended"), parked=known.state == "parked")

    def _contradicts(self, told: Told[Any], digest: bytes | None) -> None:
        """What stands at a position here is another thing than its publisher says now: let it know."""
        if digest is not None:
            self.contradicted(
                Heard(publisher=told.publisher, epoch=told.epoch, position=told.position, digest=digest.hex())
            )

    async def _took_not(self, told: Told[Any], why: BaseException) -> None:
        """Give a message up for now, or for good. :raises StoreBusy: it is not the message's fault."""
        if isinstance(why, AWAY):
            raise why
        if (getattr(why, "sqlstate", None) or "")[:2] in _NOT_OURS or isinstance(why, UnknownEvent):
            raise StoreBusy from why
        assert isinstance(why, Exception)
        await self._failed(told, why)

    async def _react(self, told: Told[Any]) -> str:
        """Run the reaction; what is not reacted to only moves its stream. Return what the writer made of it."""
        place = (told.office, _place(told))
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
                    self._again.put_nowait(("office", told.office))
                return
            except LeaseMoved as moved:
                assert told.message is not None
                keys = keys_in([Stored("", 0, told.type, told.envelope)])
                await self._store.writer.widen(told.office, moved.to_office, keys)
                message = msgspec.structs.replace(told.message, office=told.message.office or told.office)
                told = msgspec.structs.replace(told, office=moved.to_office, message=message)

    async def _was_applied_elsewhere(self, told: Told[Any]) -> bool:
        """Whether what comes before a message took its effect under the office that its lease came from.

        The word of the office that a lease came to is where that begins; it waits for nothing.
        """
        if told.type == OFFICE_CHANGED and getattr(told.data, "from_office", None) is not None:
            return True
        lease = told.message.subject.removeprefix("lease/") if told.message is not None else ""
        rows = await self._read(
            "select 1 from lease_office l join inbox_stream s on s.office = l.from_office"
            " where l.office = $1 and l.lease = $2 and s.publisher = $3 and s.stream = $4 and s.version >= $5",
            told.office,
            lease,
            told.publisher,
            told.stream,
            told.previous,
        )
        return bool(rows)

    def _note(self, office: str, message: Message, outcome: str) -> None:
        place = (office, message.place)
        if place in self._outcomes:
            # A message has one effect in one commit: the second decision of a reaction was not recorded.
            log.error("reaction-decides-twice", publisher=message.publisher, type=message.type)
            return
        self._outcomes[place] = outcome

    async def _failed(self, told: Told[Any], why: Exception) -> None:
        """Park a message whose reaction failed, to try it again; or give it up."""
        place = (told.office, _place(told))
        self._tries[place] += 1
        number = self._tries[place]
        self._seldom.warn("reaction-failed", type(why).__name__, type=told.type, publisher=told.publisher, tries=number)
        if number < self._tries_allowed:
            await self._park(told, waits_for=None, reason=type(why).__name__)
            delay = self._retry_seconds[min(number, len(self._retry_seconds)) - 1]
            self._later(delay, ("message", told.office, told.publisher, str(told.epoch), str(told.position)))
            return
        self._tries.pop(place, None)
        await self._bury(self._letter(told, "failed", type(why).__name__), parked=True)

    async def _park(self, told: Told[Any], *, waits_for: str | None, reason: str | None = None) -> None:
        await self._keep(told.office, Change(told.office, INBOX, self._parked_row(told, waits_for, reason)))
        progress = self.progress[told.publisher]
        progress.arrived(told.position, told.type)
        progress.parked.add(told.position)
        PARKED.labels(told.publisher).set(len(progress.parked))
        if waits_for is not None:
            self._awaited.add((told.office, waits_for))
        self._count(told, "parked")

    async def _bury(self, letter: Letter, *, parked: bool = False) -> None:
        """Store a dead letter; a message that was ``parked`` is parked no more.

        Of any other the inbox row is left alone: it may be that of the true message at that position.
        """
        if self._letters.get(letter.id) in ("open", "closed"):
            return
        row = {**self._letter_row(letter), "envelope": await self._sealed(letter)}
        changes = [Change(letter.office, DEAD_LETTER, row)]
        if parked and letter.position is not None:
            place = {"publisher": letter.publisher, "epoch": letter.epoch, "position": letter.position}
            changes.append(Change(letter.office, INBOX, place, "delete"))
        await self._keep(letter.office, *changes)
        self._letters[letter.id] = "open"
        DEAD.labels(letter.publisher, letter.reason).inc()
        MESSAGES.labels(letter.publisher, "dead").inc()
        if letter.position is not None and letter.reason in _OF_THE_POSITION:
            progress = self.progress[letter.publisher]
            progress.arrived(letter.position, letter.type or "")
            progress.parked.discard(letter.position)
            progress.dead.add(letter.position)
        self._seldom.warn(
            "dead-letter",
            f"{letter.reason}: {letter.why}",
            publisher=letter.publisher,
            security=letter.reason == "forged",
            id=letter.id,
        )

    # -- what waits ---------------------------------------------------------------------------------------------------

    async def _release(self, work: tuple[str, ...]) -> None:
        """Run what was parked for a stream that moved, or one message whose time has come."""
        what, office, *rest = work
        if what == "office":
            for row in await self._read(WAITS_FOR_THE_OFFICE_BEFORE + " and i.office = $1", office):
                self._again.put_nowait(("stream", office, row["waits_for"]))
            return
        if what == "message":
            rows = await self._read(
                "select publisher, envelope, position from inbox where office = $1 and publisher = $2 and epoch = $3"
                " and position = $4 and state = 'parked'",
                office,
                rest[0],
                int(rest[1]),
                int(rest[2]),
            )
            for row in rows:
                await self._rerun(row["publisher"], row["envelope"])
            return
        (key,) = rest
        after = 0
        while True:
            rows = await self._read(
                "select publisher, envelope, position from inbox where office = $1 and waits_for = $2"
                " and state = 'parked' and position > $3 order by position limit $4",
                office,
                key,
                after,
                PAGE,
            )
            if not rows and after == 0:
                self._awaited.discard((office, key))
                return
            went = False
            for row in rows:
                went = await self._rerun(row["publisher"], row["envelope"]) or went
            if not went or len(rows) < PAGE:
                return
            after = rows[-1]["position"]

    async def _rerun(self, publisher: str, body: bytes) -> bool:
        """Try a parked message; whether it had its effect."""
        read = self.reader.again(publisher, body)
        if isinstance(read, Letter):
            await self._bury(read, parked=True)
        elif isinstance(read, Told):
            await self._one(read)
            return read.position in self.progress[publisher].done
        return False

    def _has_moved(self, office: str, key: str, version: int) -> None:
        self._serial += 1
        self._moved[(office, key)] = (version, self._serial)
        self._moved.move_to_end((office, key))
        if len(self._moved) > STREAMS_KNOWN:
            self._moved.popitem(last=False)
        if (office, key) in self._awaited:
            self._again.put_nowait(("stream", office, key))

    def _look_again(self, told: Told[Any], waits_for: str, began: int) -> None:
        """What a message waits for may have come between its decision and its parking."""
        if self._moved.get((told.office, waits_for), (0, 0))[1] > began:
            self._again.put_nowait(("stream", told.office, waits_for))

    async def _sweep(self) -> None:
        """Once in a while run all that waits for something that is there: the net under the releases."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if self.loaded.is_set():
                with contextlib.suppress(*AWAY):
                    await self._release_what_need_not_wait()

    async def _release_what_need_not_wait(self) -> None:
        for row in await self._read(
            "select distinct i.office, i.waits_for from inbox i join inbox_stream s on s.office = i.office"
            " and s.publisher = split_part(i.waits_for, ':', 1)"
            " and s.stream = substr(i.waits_for, strpos(i.waits_for, ':') + 1)"
            " where i.state = 'parked' and i.waits_for is not null limit 200"
        ):
            self._again.put_nowait(("stream", row["office"], row["waits_for"]))
        for row in await self._read(WAITS_FOR_THE_OFFICE_BEFORE + " limit 200"):
            self._again.put_nowait(("stream", row["office"], row["waits_for"]))

    def _later(self, seconds: float, work: tuple[str, ...]) -> None:
        def now() -> None:
            self._timers.discard(timer)
            self._again.put_nowait(work)

        timer = asyncio.get_running_loop().call_later(seconds, now)
        self._timers.add(timer)

    # -- the store ----------------------------------------------------------------------------------------------------

    async def _load(self) -> None:
        """Read how far each publisher has come, what waits, and what failed."""
        while self._at_work:
            await asyncio.sleep(0.01)  # what is under way must not be noted between our reading and our noting
        ended = await self._read(epochs.ALL_ENDED)
        progress = {publisher: Progress() for publisher in self.publishers}
        ranges: dict[tuple[str, bool], list[tuple[int, int]]] = {}
        for publisher, settled, first, last in await self._read(
            "select publisher, settled, min(position), max(position) from (select publisher, position,"
            " state in ('taken', 'closed') settled, position - row_number() over"
            " (partition by publisher, state in ('taken', 'closed') order by position) island"
            f" from (select distinct publisher, position, state from inbox i where {epochs.NOT_VOID}) i) x"
            " group by publisher, settled, island"
        ):
            ranges.setdefault((publisher, settled), []).append((first, last))
        for publisher, one in progress.items():
            one.done = Ranges(ranges.get((publisher, True), ()))
            one.known = Ranges([*ranges.get((publisher, True), ()), *ranges.get((publisher, False), ())])
        for publisher, event, number in await self._read(
            f"select publisher, type, count(*) from inbox i where {epochs.NOT_VOID} group by publisher, type"
        ):
            if publisher in progress:
                progress[publisher].counts[event] = number
        for row in await self._read(
            "select office, publisher, epoch, position, waits_for from inbox where waits_for is not null"
            " and state = 'parked'"
        ):
            if row["publisher"] not in progress:
                continue
            progress[row["publisher"]].parked.add(row["position"])
            if row["waits_for"] is not None:
                self._awaited.add((row["office"], row["waits_for"]))
                if row["waits_for"] == _epoch_named(row["publisher"], row["epoch"]):
                    self._again.put_nowait(("stream", row["office"], row["waits_for"]))
            else:
                self._again.put_nowait(
                    ("message", row["office"], row["publisher"], str(row["epoch"]), str(row["position"]))
                )
        await self._release_what_need_not_wait()  # whoever took in what they wait for ended before it released them
        self._letters = {}
        readable = []
        for row in await self._read("select id, publisher, position, reason, headers, state from dead_letter"):
            self._letters[row["id"]] = row["state"]
            placed = row["position"] is not None and row["reason"] in _OF_THE_POSITION and row["publisher"] in progress
            if row["state"] == "open" and placed:
                if row["position"] not in progress[row["publisher"]].done:
                    headers = msgspec.json.decode(row["headers"])
                    progress[row["publisher"]].arrived(row["position"], headers.get("type") or "")
                    progress[row["publisher"]].dead.add(row["position"])
                if row["reason"] == "unknown-version":
                    readable.append(row["id"])
        self._moved.clear()
        self.epochs.become(ended)  # together with what follows from it: who sees the one relies on the other
        self.loaded.set()
        for publisher, one in progress.items():
            # In place: who waits holds on to the object.
            self.progress[publisher].become(one)
            PARKED.labels(publisher).set(len(one.parked))
        for id in readable:
            # After an upgrade what was of an unknown version may be read, and those behind it run in order.
            letter = await self._open_letter(id)
            if letter is not None and isinstance(self.reader.read(letter.publisher, letter.subject, letter.body), Told):
                await self.requeue(id, reason="this version is known now", operator="SYS")

    async def _known_of_all(self, told: Sequence[Told[Any]]) -> dict[str, _Known]:
        """Return what the store holds about messages; about those that are new and come in order it is not asked.

        The writer compares all of them with the store once more, in the commit of their effect.
        """
        known: dict[str, _Known] = {}
        asked: list[Told[Any]] = []
        in_turn: dict[tuple[str, str], int] = {}
        for one in told:
            stream = (one.office, f"{one.publisher}:{one.stream}")
            applied = max(in_turn.get(stream, 0), self._moved.get(stream, (0, 0))[0])
            if one.position in self.progress[one.publisher].known or one.previous > applied:
                asked.append(one)
            else:
                # What comes before it in this batch may fail: only what has moved by then counts as applied.
                known[f"{one.office} {_place(one)}"] = _Known(
                    None, None, self._moved.get(stream, (0, 0))[0], looked_up=False
                )
                in_turn[stream] = one.version
        return {**known, **await self._known(asked)}

    async def _known(self, told: Sequence[Told[Any]]) -> dict[str, _Known]:
        if not told:
            return {}
        rows = await self._read(
            "select i.state, i.digest, coalesce(s.version, 0) as applied"
            " from unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[])"
            " with ordinality x(office, publisher, epoch, position, stream, number)"
            " left join inbox i on i.office = x.office and i.publisher = x.publisher and i.epoch = x.epoch"
            " and i.position = x.position"
            " left join inbox_stream s on s.office = x.office and s.publisher = x.publisher and s.stream = x.stream"
            " order by x.number",
            [one.office for one in told],
            [one.publisher for one in told],
            [one.epoch for one in told],
            [one.position for one in told],
            [one.stream for one in told],
        )
        return {
            f"{one.office} {_place(one)}": _Known(row["state"], row["digest"], row["applied"])
            for one, row in zip(told, rows, strict=True)
        }

    async def _known_of(self, office: str, letter: Letter) -> _Known:
        rows = await self._read(
            "select (select state from inbox where office = $1 and publisher = $2 and epoch = $3 and position = $4)"
            " as state,"
            " (select version from inbox_stream where office = $1 and publisher = $2 and stream = $5) as applied",
            office,
            letter.publisher,
            letter.epoch,
            letter.position,
            letter.stream,
        )
        return _Known(rows[0]["state"], None, rows[0]["applied"] or 0)

    async def _waits_for(self, told: Told[Any]) -> str:
        rows = await self._read(
            "select waits_for from inbox where office = $1 and publisher = $2 and epoch = $3 and position = $4",
            told.office,
            told.publisher,
            told.epoch,
            told.position,
        )
        return str(rows[0]["waits_for"]) if rows else f"{told.publisher}:{told.stream}"

    async def _open_letter(self, id: str) -> Letter | None:
        rows = await self._read("select * from dead_letter where id = $1 and state = 'open'", id)
        if not rows:
            return None
        row = rows[0]
        headers = msgspec.json.decode(row["headers"])
        text: str | None = ""
        if row["envelope"] is not None:
            sealed = msgspec.json.decode(row["envelope"], type=Sealed)
            text = await self._store.seals.open(row["office"], "envelope", sealed)
        if text is None:
            return None  # its key was destroyed: nobody can handle it any more
        return Letter(
            id=row["id"],
            office=row["office"],
            publisher=row["publisher"],
            reason=row["reason"],
            why=headers["why"],
            subject=headers["subject"],
            body=bytes.fromhex(text.translate(_DIGITS)),
            epoch=row["epoch"],
            position=row["position"],
            stream=row["stream"],
            version=headers["version"],
            previous=headers["previous"],
            type=headers["type"],
        )

    async def _sealed(self, letter: Letter) -> str:
        """Return a letter's bytes sealed, as hexadecimal: what cannot be read may hold anything."""
        # In letters alone, since no text that is sealed may look like a national number. A dash: the empty message.
        text = letter.body.hex().translate(_LETTERS) or "-"
        sealed = await self._store.seals.seal(letter.office, OF_NO_LEASE, "B", "envelope", text)
        return "\\x" + msgspec.json.encode(sealed).hex()

    def _letter(self, told: Told[Any], reason: Reason, why: str) -> Letter:
        return Letter(
            letter_id(told.subject, told.envelope),
            told.office,
            told.publisher,
            reason,
            why,
            told.subject,
            told.envelope,
            told.epoch,
            told.position,
            told.stream,
            told.version,
            told.previous,
            told.type,
        )

    def _letter_row(self, letter: Letter) -> dict[str, Any]:
        return {
            "id": letter.id,
            "publisher": letter.publisher,
            "epoch": letter.epoch,
            "position": letter.position,
            "stream": letter.stream,
            "reason": letter.reason,
            "headers": {
                "subject": letter.subject.replace("\0", ""),
                "why": letter.why,
                "type": letter.type,
                "version": letter.version,
                "previous": letter.previous,
                "bytes": len(letter.body),
            },
            "envelope": None,
            "state": "open",
            "closed_because": None,
            "at": self._clock.now(),
        }

    def _parked_row(self, told: Told[Any], waits_for: str | None, reason: str | None) -> dict[str, Any]:
        return {
            "publisher": told.publisher,
            "epoch": told.epoch,
            "position": told.position,
            "state": "parked",
            "stream": told.stream,
            "version": told.version,
            "type": told.type,
            "digest": _hex(hashlib.sha256(told.envelope).digest()),
            "waits_for": waits_for,
            "reason": reason,
            "envelope": _hex(told.envelope),
            "taken_at": told.at,
        }

    def _closed_row(self, letter: Letter, reason: str) -> dict[str, Any]:
        return {
            "publisher": letter.publisher,
            "epoch": letter.epoch,
            "position": letter.position,
            "state": "closed",
            "stream": letter.stream,
            "version": letter.version,
            "type": letter.type,
            "digest": _hex(hashlib.sha256(letter.body).digest()),
            "waits_for": None,
            "reason": reason,
            "envelope": None,
            "taken_at": self._clock.now(),
        }

    async def _keep(self, office: str, *changes: Change) -> None:
        await self._store.keep(by=Itself(office=office), rows=changes)

    async def _read(self, sql: str, *values: Any) -> list[Any]:
        try:
            rows: list[Any] = await self._every_office.fetch(sql, *values)
        except LOST:
            # A restart of PostgreSQL leaves dead connections in the pool.
            await self._every_office.expire_connections()
            rows = await self._every_office.fetch(sql, *values)
        return rows

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


def _shown(headers: dict[str, Any]) -> dict[str, Any]:
    """Return what may be shown of a letter: a subject that is none of ours may hold anything."""
    return headers if SUBJECT.match(headers["subject"]) else {**headers, "subject": None}


def _place(told: Told[Any]) -> str:
    return f"{told.publisher}:{told.epoch}:{told.position}"


def _epoch_of(told: Told[Any]) -> str:
    """Return what a message waits for whose epoch nobody told of yet."""
    return _epoch_named(told.publisher, told.epoch)


def _epoch_named(publisher: str, epoch: int) -> str:
    return f"{publisher}:epoch {epoch}"


def _hex(value: bytes) -> str:
    return "\\x" + value.hex()
