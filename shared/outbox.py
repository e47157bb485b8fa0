"""What we told, in order: the exact bytes of each published event, and their way to the bus."""

import asyncio
import contextlib
import re
import secrets
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from itertools import accumulate
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
import prometheus_client

from shared.bus import DUPLICATE_IN_BATCH, NOT_FOUND, Batch, Bus, BusAway, BusRefused, Seldom, StreamState, batch_of
from shared.clock import seconds_running
from shared.contracts import platform
from shared.decisions import Recorded
from shared.fail_points import reach
from shared.log import ENDED_EPOCH
from shared.lost import busy_if_away

PLATFORM = "platform"  # the office code of events that belong to no office
OFFICE = re.compile(r"[a-z0-9][a-z0-9-]{1,30}\Z")

_CONTRACT_NAME = re.compile(r"(?P<event>[A-Z][A-Za-z0-9]*?)V(?P<version>[1-9][0-9]*)\Z")
_encoder = msgspec.json.Encoder()

POLL_SECONDS = (
    0.25  # a commit of this process wakes the relay; the poll finds those of others (scripts, a second process)
)
LOOK_SECONDS = 0.5  # how often the stream is looked at: it may have been lost
BATCH = 1000  # the server takes no more in one
FEW = 8  # a batch costs the server 3 ms, however small; so many single messages cost less
BATCH_BYTES = 4_000_000
AT_ONCE = 4  # batches: the server tells of one when it has taken in what lies before it, often the next as well
WINDOW = 64
SAVE_SECONDS = 0.05  # how far the cursor may lag behind: of a few messages, and of many while more follow
LONGEST_PAUSE_SECONDS = 4.0
SECONDS_TO_SAVE = 1.0  # at the end

PUBLISHED = prometheus_client.Counter("huurspoor_outbox_published", "Messages given to the bus", ["how"])
UNPUBLISHED = prometheus_client.Gauge("huurspoor_outbox_unpublished", "Published events that the bus does not hold yet")
STUCK = prometheus_client.Gauge(
    "huurspoor_outbox_stuck_seconds", "Since when events wait and none was given to the bus; 0 when none waits"
)
REWOUND = prometheus_client.Counter(
    "huurspoor_outbox_rewound", "Times the whole history was published again", ["because"]
)


class Envelope(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A CloudEvents 1.0 envelope in structured JSON, with the extensions of contract 4.

    Attributes without a value are absent.
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"]
    dataschema: str
    office: str
    position: int
    epoch: int
    stream: str
    streamversion: int
    streamprevious: int
    occurredon: date
    actor: str
    correlationid: str
    clock: Literal["system", "simulated"]
    versions: str
    arrived: str
    causationid: str | None = None
    mandate: str | None = None
    policyversion: str | None = None
    checklistversion: str | None = None
    clocksuspect: bool = False
    data: Any = None


class Sent(msgspec.Struct, frozen=True, gc=False):
    """An envelope as it goes to the bus: these bytes, whenever it is sent."""

    version: int
    subject: str
    msg_id: str
    body: bytes


@cache
def _event_and_version(name: str) -> tuple[str, int]:
    told = _CONTRACT_NAME.match(name)
    if told is None:
        raise ValueError(f"{name} is not the name of a contract: <EventName>V<number>")
    return told["event"], int(told["version"])


def event_and_version(contract: type) -> tuple[str, int]:
    """Return what a contract's class name says: ``VisitRecordedV1`` is ``("VisitRecorded", 1)``.

    :raises ValueError: the name does not end in ``V<number>``.
    """
    return _event_and_version(contract.__name__)


def subject_of(office: str, service: str, event: str, version: int) -> str:
    """Return where an event is published.

    :raises ValueError: the office code is none; it must not reach a subject.
    """
    if not OFFICE.match(office):
        raise ValueError("not an office code")
    return f"huurspoor.{office}.{service}.{event}.v{version}"


def message_id(service: str, epoch: int, position: int, version: int) -> str:
    """Return the ``Nats-Msg-Id``: two versions of one event are two messages."""
    return f"{service}-{epoch}-{position}-v{version}"


def envelope(
    service: str,
    office: str,
    recorded: Recorded[Any],
    contract: Any,
    *,
    position: int,
    epoch: int,
    stream_version: int,
    previous: int,
    versions: Sequence[int],
    correlation_id: str,
    causation_id: str | None,
    clock: Literal["system", "simulated"],
) -> Sent:
    """Return the envelope of one contract of a recorded event (contract 4). Pure: the same event, the same bytes.

    :param position: the service's own gap-free number over its published events.
    :param previous: version of the last published event of the same stream, 0 if none.
    :param versions: all versions published at this position.
    """
    event, version = event_and_version(type(contract))
    lease = getattr(contract, "lease", None)
    of_every_service = type(contract).__module__ == platform.__name__
    whole = Envelope(
        specversion="1.0",
        id=recorded.id,
        source=f"/services/{service}",
        type=f"huurspoor.{service}.{event}.v{version}",
        subject=f"lease/{lease}" if lease else f"office/{office}",
        time=recorded.recorded_at,
        datacontenttype="application/json",
        dataschema=f"/schemas/{PLATFORM if of_every_service else service}.{event}.v{version}.json",
        office=office,
        position=position,
        epoch=epoch,
        stream=recorded.stream,
        streamversion=stream_version,
        streamprevious=previous,
        occurredon=recorded.occurred_on,
        actor=recorded.actor,
        correlationid=correlation_id,
        causationid=causation_id,
        clock=clock,
        versions=",".join(str(number) for number in sorted(versions)),
        arrived=recorded.source,
        mandate=recorded.mandate,
        policyversion=recorded.policy_version,
        checklistversion=recorded.checklist_version,
        clocksuspect=recorded.clock_suspect,
        data=contract,
    )
    return Sent(
        version,
        subject_of(office, service, event, version),
        message_id(service, epoch, position, version),
        _encoder.encode(whole),
    )


def envelopes(
    service: str,
    office: str,
    recorded: Recorded[Any],
    contracts: Sequence[Any],
    *,
    position: int,
    epoch: int,
    previous: int,
    correlation_id: str,
    causation_id: str | None,
    clock: Literal["system", "simulated"],
) -> list[Sent]:
    """Return the envelopes of all versions in which one recorded event is published, under one position.

    :raises ValueError: the contracts are not versions of one event.
    """
    named = [event_and_version(type(contract)) for contract in contracts]
    if len({event for event, _ in named}) != 1 or len({version for _, version in named}) != len(named):
        raise ValueError(f"one event is published under one name, once a version: {named}")
    return [
        envelope(
            service,
            office,
            recorded,
            contract,
            position=position,
            epoch=epoch,
            stream_version=recorded.version,
            previous=previous,
            versions=[version for _, version in named],
            correlation_id=correlation_id,
            causation_id=causation_id,
            clock=clock,
        )
        for contract in contracts
    ]


class Gate(Protocol):
    """What may be closed: whoever comes waits."""

    def is_set(self) -> bool: ...

    async def wait(self) -> Any: ...


class _Row(NamedTuple):
    position: int
    version: int
    subject: str
    msg_id: str
    body: bytes


Published = tuple[str, int, int, str, str, str, bytes]  # office, position, version, type, subject, message id, body


class JustCommitted(asyncio.Event):
    """Set after each commit that published something; lends what it published to the relay, which reads it nowhere.

    It is a short memory: positions without a gap, and fewer than go into one batch. What it does not hold stands in the
    table.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[_Row] = []
        self._size = 0

    def add(self, published: Sequence[Published]) -> None:
        """Take what a commit published, and wake who waits."""
        if published:
            rows = sorted(_Row(one[1], one[2], one[4], one[5], one[6]) for one in published)
            if not self._rows or rows[0].position != self._rows[-1].position + 1:
                self.forget()
            self._rows += rows
            self._size += sum(map(_size, rows))
            if len(self._rows) >= BATCH or self._size > BATCH_BYTES:
                self.forget()
        self.set()

    def behind(self, position: int) -> list[_Row]:
        """Give away what follows on a position; nothing where that is not what is held."""
        rows = [row for row in self._rows if row.position > position]
        if rows and rows[0].position != position + 1:
            return []
        self.forget()
        return rows

    def forget(self) -> None:
        """Hold nothing."""
        self._rows, self._size = [], 0


class _Next(NamedTuple):
    """What is sent next: the messages of whole positions in order, as one batch or each by itself.

    :ivar rows: what is not sent as one batch; the bytes of a batch are held once.
    """

    after: int
    last: int
    rows: Sequence[_Row]
    batch: Batch | None = None

    @property
    def messages(self) -> int:
        """How many they are."""
        return len(self.rows) if self.batch is None else self.batch.size


_NOTHING = _Next(0, 0, ())


@dataclass(frozen=True)
class LogHead:
    """How far the log of a service reaches, counted in one instant."""

    epoch: int
    position: int
    counts: Mapping[tuple[str, str], int]  # (office, event) to how many
    log_position: int
    log_hash: bytes
    ended: Mapping[int, int] = field(default_factory=dict)  # of ours: older epochs and their first void positions


class Relay:
    """Sends the outbox to the bus, in order, and again from its beginning when the stream was lost.

    It runs under the role that sees all offices. The cursor moves only after all acknowledgements, and together with
    the stream they came from, so that nothing is ever taken for sent that only a lost stream held. In the store it lags
    a little: what is sent again after a crash carries the same message ids.

    :param committed: the writer adds what each commit published.
    :param writing: set while this process is the one of its service that writes, and may publish; another one's relay
        stands by.
    """

    def __init__(
        self,
        service: str,
        bus: Bus,
        connect: Callable[[], Awaitable[Any]],
        committed: JustCommitted,
        writing: Gate | None = None,
    ) -> None:
        self.service = service
        self._bus = bus
        self._connect = connect
        self._committed = committed
        self._writing = writing
        self._connection: Any = None
        self._turn = asyncio.Lock()  # one statement at a time on the one connection
        self._cursor = 0  # what the bus has acknowledged
        self._saved = 0  # as the store knows it
        self._saving: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()  # set where the cursor is to be saved without waiting for more
        self._held = 0  # messages that the stream holds, as far as we know
        self._head = 0
        self._progress = seconds_running()
        self._stream: StreamState | None = None
        self._looked = float("-inf")
        self._looked_at = -1
        self._counted = 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._seldom = Seldom()
        # The id and the bytes under which something is told (``shared.witness``): after a restore in another epoch.
        self.as_told: Callable[[int, str, bytes], tuple[str, bytes]] | None = None
        self.why_not: str | None = "not started"

    # -- what others ask ----------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """The last published position, as far as this relay saw it."""
        return self._head

    @property
    def stuck_seconds(self) -> float:
        """Since when events wait and none was given to the bus; 0 when none waits."""
        return seconds_running() - self._progress if self._head > self._cursor else 0.0

    async def status(self) -> dict[str, Any]:
        """Return position, number of unpublished events and counts per event name, for ``/health/ready``."""
        async with self._turn:
            await self._count()
        by_event: Counter[str] = Counter()
        for (_, event), number in self._counts.items():
            by_event[event] += number
        return {
            "position": self._counted,
            "unpublished": max(0, self._counted - self._cursor),
            "counts": dict(sorted(by_event.items())),
        }

    async def log_head(self) -> LogHead:
        """Return how far the log reaches now. :raises StoreBusy: the store is away."""
        async with (
            self._asking() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            head = await connection.fetchrow("select log, published, epoch, hash from head")
            await self._count(head["published"])
            ended = await connection.fetch(
                f"select epoch, void_from from {ENDED_EPOCH.name} where publisher = $1", self.service
            )
            return LogHead(
                epoch=head["epoch"],
                position=head["published"],
                counts=dict(self._counts),
                log_position=head["log"],
                log_hash=head["hash"],
                ended={row["epoch"]: row["void_from"] for row in ended},
            )

    async def begun_by(self, epoch: int) -> str | None:
        """Return who confirmed that an epoch of ours begins. :raises StoreBusy: the store is away."""
        async with self._asking() as connection:
            name: str | None = await connection.fetchval(
                f"select confirmed_by from {ENDED_EPOCH.name} where publisher = $1 and epoch = $2",
                self.service,
                epoch - 1,
            )
            return name

    async def publish_again(self, first: int, last: int) -> int:
        """Send the bytes of these positions again, whatever the bus already holds; return how many messages that were.

        :raises BusAway, BusRefused: not all could be sent; whoever misses them asks again.
        """
        if self._writing is not None and not self._writing.is_set():
            raise BusAway("nothing is published now")
        sent = 0
        while first <= last:
            rows = self._as_told(await self._read(first - 1, last))
            if not rows:
                break
            duplicates = [row for row, fresh in zip(rows, await self._one_by_one(rows), strict=True) if not fresh]
            if duplicates:
                # The stream says it holds them, and yet somebody misses them: under another id they come through.
                again = secrets.token_hex(4)
                await self._one_by_one([_again(row, again) for row in duplicates])
            sent += len(rows)
            first = rows[-1].position + 1
        PUBLISHED.labels("requested").inc(sent)
        return sent

    # -- the loop -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send until cancelled. With bus or store away it waits, and costs nothing that can be measured."""
        refusals = 0
        try:
            while True:
                if self._writing is not None and not self._writing.is_set():
                    self.why_not = None  # the writer says why
                    await self._all_saved()
                    await self._writing.wait()
                    self._stream = None  # the cursor may have been moved by another process
                self._committed.clear()
                pause = POLL_SECONDS
                try:
                    if await self._send():
                        pause = 0.0
                    self.why_not, refusals = None, 0
                except BusAway as why:
                    self._because(why)
                except BusRefused as why:
                    # A full disk refuses until somebody makes room: do not hammer at it.
                    self._because(why)
                    refusals += 1
                    pause = min(LONGEST_PAUSE_SECONDS, POLL_SECONDS * 2**refusals)
                except Exception as why:  # a lost connection has many names, asyncpg's InternalClientError among them
                    self._because(why)
                    await self._let_go()
                UNPUBLISHED.set(max(0, self._head - self._cursor))
                STUCK.set(self.stuck_seconds)
                if pause and self.why_not is not None:
                    await asyncio.sleep(pause)  # with the bus away a commit is no reason to hurry
                elif pause:
                    # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the event.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._committed.wait()
        finally:
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SECONDS_TO_SAVE):
                        await self._all_saved()  # what is not is sent again
            finally:
                await self._let_go()

    def _because(self, why: BaseException) -> None:
        self.why_not = str(why) if isinstance(why, BusRefused) else type(why).__name__
        self._seldom.warn("outbox-waits", self.why_not, unpublished=max(0, self._head - self._cursor))

    async def _send(self) -> bool:
        """Send what there is, a batch at a time, until it is time to look at the stream; whether there may be more.

        While the bus stores one batch the next one is read and written out, and once one was stored as a whole the next
        goes before that is heard. The cursor moves in order and behind acknowledgements only, and is saved beside.
        """
        if self._bus.client is None:
            self._committed.forget()
            async with self._turn:
                connection = await self._connected()
                self._head = await connection.fetchval("select published from head")
            raise BusAway("not connected")
        stream = await self._look()
        coming, alone = await self._next(self._cursor, stream), True
        under_way: deque[tuple[_Next, asyncio.Task[int]]] = deque()
        try:
            while coming.messages or under_way:
                if coming.batch is not None and (not under_way or (len(under_way) < AT_ONCE and not alone)):
                    reach("before the publish")
                    under_way.append((coming, asyncio.create_task(self._hand_over(coming))))
                    coming = await self._after(coming, stream)
                    continue
                if under_way:
                    sent, handing_over = under_way.popleft()
                    fresh = await handing_over
                else:
                    reach("before the publish")
                    sent, coming = coming, _NOTHING
                    fresh = await self._hand_over(sent)  # in this very moment, without a task
                # Where the stream held some already it may hold some of the next: that waits, for the order's sake.
                alone = fresh < sent.messages
                reach("after the publish")
                self._acknowledged(sent.last, fresh, stream)
                if seconds_running() - self._looked >= LOOK_SECONDS:
                    coming = _NOTHING
                elif not (coming.messages or under_way):
                    coming = await self._after(sent, stream)
        finally:
            for _, handing_over in under_way:
                handing_over.cancel()
            await asyncio.gather(*(handing_over for _, handing_over in under_way), return_exceptions=True)
        return self._cursor < self._head

    def _acknowledged(self, position: int, fresh: int, stream: StreamState) -> None:
        self._cursor = position
        self._held += fresh
        self._progress = seconds_running()
        if position - self._saved > FEW and position >= self._head:
            self._hurry.set()
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self._save(stream))

    async def _save(self, stream: StreamState) -> None:
        """Save the cursor until it is saved, but for a few positions not at once.

        Only if it is as we left it: another process, or whoever began a new epoch, may have moved it. And when the
        stream was exchanged meanwhile the row speaks of the lost one, and the next look rewinds.
        """
        while self._saved < self._cursor:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SAVE_SECONDS):
                    await self._hurry.wait()
            async with self._turn:
                self._hurry.clear()
                position = self._cursor
                try:
                    connection = await self._connected()
                    saved = await connection.fetchval(
                        "update relay set position = $1, stream_messages = $3 where stream_created = $2"
                        " and position = $4 returning position",
                        position,
                        stream.created,
                        self._held,
                        self._saved,
                    )
                except Exception as why:  # a lost connection has many names
                    self._seldom.warn("cursor-not-saved", type(why).__name__)
                    await self._let_go()
                    saved = None
            if saved is None:
                self._stream = None  # look where it is
                return
            reach("after the cursor")
            self._saved = position

    async def _all_saved(self) -> None:
        """Return once nothing is being saved."""
        saving, self._saving = self._saving, None
        if saving is not None:
            self._hurry.set()
            await saving

    async def _after(self, sent: _Next, stream: StreamState) -> _Next:
        return await self._next(sent.last, stream) if sent.last < self._head else _NOTHING

    async def _next(self, after: int, stream: StreamState) -> _Next:
        """Return what goes into the next batch behind ``after``: as it was just committed, or else read."""
        rows = self._committed.behind(after)
        if rows:
            self._head = max(self._head, rows[-1].position)
        else:
            rows = await self._read_next(after)
            await self._bus.drained()  # what the bus waits for goes before what it will want next
        if not rows:
            return _NOTHING
        rows, last = self._as_told(rows), rows[-1].position
        if stream.takes_batches and len(rows) > FEW:
            return _Next(after, last, (), batch_of(_messages(rows)))
        return _Next(after, last, rows)

    async def _read_next(self, after: int) -> list[_Row]:
        """Read the rows behind ``after``; first, where none are known of, how far they reach now."""
        if after >= self._head:
            async with self._turn:
                connection = await self._connected()
                self._head = await connection.fetchval("select published from head")
        return await self._read(after, self._head) if after < self._head else []

    async def _look(self) -> StreamState:
        """Look whether the stream is still the one the cursor speaks of, and holds what it held; if not, rewind."""
        now = seconds_running()
        if self._stream is not None and now - self._looked < LOOK_SECONDS and self._looked_at == self._bus.generation:
            return self._stream
        generation = self._bus.generation
        await self._all_saved()  # before the stream is counted: what comes after is counted here
        try:
            seen = await self._bus.stream(self.service)
        except BusRefused as why:
            self._stream = None
            if why.code in NOT_FOUND:
                raise BusAway("the stream is gone; the bus keeper makes it again") from why
            raise
        async with self._turn:
            connection = await self._connected()
            kept = await connection.fetchrow(
                "select position, stream_created, stream_messages, published from relay, head"
            )
            self._cursor = self._saved = kept["position"]
            self._head = kept["published"]
            lost = None
            if kept["stream_created"] != seen.created:
                lost = "another-stream" if kept["stream_created"] else "first-stream"
            elif seen.messages < kept["stream_messages"]:
                lost = "messages-missing"
            if lost is not None or seen.messages != kept["stream_messages"]:
                await connection.execute(
                    "update relay set position = $1, stream_created = $2, stream_messages = $3",
                    0 if lost else self._cursor,
                    seen.created,
                    seen.messages,
                )
        if lost is not None:
            self._cursor = self._saved = 0
            if lost != "first-stream":
                REWOUND.labels(lost).inc()
                self._seldom.warn("outbox-rewound", lost)
        self._held = seen.messages
        self._stream, self._looked, self._looked_at = seen, now, generation
        return seen

    async def _hand_over(self, sent: _Next) -> int:
        """Publish all of it; how many were new to the stream."""
        rows = sent.rows
        if sent.batch is not None:
            try:
                await self._bus.publish_batch(sent.batch)
                PUBLISHED.labels("batch").inc(sent.messages)
                return sent.messages
            except BusRefused as why:
                if why.code != DUPLICATE_IN_BATCH:
                    self._seldom.warn("batch-refused", str(why))
            rows = self._as_told(await self._read(sent.after, sent.last))
        fresh = await self._one_by_one(rows)
        PUBLISHED.labels("single").inc(len(rows))
        return sum(fresh)

    async def _one_by_one(self, rows: Sequence[_Row]) -> list[bool]:
        """Publish each by itself, a window at a time; whether each was new to the stream."""
        fresh: list[bool] = []
        for start in range(0, len(rows), WINDOW):
            fresh += await self._bus.publish_each(_messages(rows[start : start + WINDOW]))
        return fresh

    # -- the store ----------------------------------------------------------------------------------------------------

    async def _read(self, after: int, last: int) -> list[_Row]:
        """Read whole positions behind ``after``, as many as go into one batch."""
        async with self._turn:
            connection = await self._connected()
            found = await connection.fetch(
                "select position, version, subject, msg_id, envelope from outbox"
                " where position > $1 and position <= $2 order by position, version limit $3",
                after,
                last,
                BATCH + 1,  # of the last one it shows whether its position goes on
            )
        return _batch(list(map(_Row._make, found)))

    def _as_told(self, rows: list[_Row]) -> list[_Row]:
        told = self.as_told
        return rows if told is None else [_Row(*row[:3], *told(row.position, row.msg_id, row.body)) for row in rows]

    async def _count(self, up_to: int | None = None) -> None:
        connection = await self._connected()
        head = up_to if up_to is not None else await connection.fetchval("select published from head")
        if head > self._counted:
            for office, event, number in await connection.fetch(
                "select office, type, count(distinct position) from outbox where position > $1 and position <= $2"
                " group by office, type",
                self._counted,
                head,
            ):
                self._counts[(office, event)] += number
            self._counted = head

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncIterator[Any]:
        """Have the connection for a question of somebody else. :raises StoreBusy: the store is away."""
        async with self._turn:
            with busy_if_away():
                yield await self._connected()

    async def _connected(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection

    async def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _again(row: _Row, nonce: str) -> _Row:
    return _Row(row.position, row.version, row.subject, f"{row.msg_id}-again-{nonce}", row.body)


def _size(row: _Row) -> int:
    return len(row.body) + 300


def _messages(rows: Sequence[_Row]) -> list[tuple[str, str, bytes]]:
    """Return subject, message id and body of each, without a look at its name for each."""
    return [row[2:] for row in rows]


def _batch(rows: list[_Row]) -> list[_Row]:
    """Return whole positions, as many as go into one batch, but one at least."""
    fit = min(BATCH, bisect_right(list(accumulate(map(_size, rows))), BATCH_BYTES))
    while 0 < fit < len(rows) and rows[fit - 1].position == rows[fit].position:
        fit -= 1
    return rows[:fit] or [row for row in rows if row.position == rows[0].position]
