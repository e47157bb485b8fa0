"""The one writer of a service: decides in groups, and stores a whole batch in one commit.

A batch is whatever arrived while the previous one was committing; no timer. For it the writer reads what it does not
hold, decides in memory in order, so that two acts on one stream follow each other without a conflict, and stores
events, envelopes, views, inbox rows and answers in one round trip and one commit (``shared.log``). While a batch is
being committed the next one is read for and decided, on top of the states that the first will leave; it is stored when
the first is committed, and decided anew when that failed.

What holds, and why:

* Nothing is answered before the commit, not even "already so": what an outcome rests on may be in the same batch.
* The ``head`` row is compared first. While it is as this writer left it nobody else wrote, so every state held in
  memory is true, and that one comparison checks the versions of all streams a decision read. When it is not, the
  writer forgets what it holds and decides again. It also checks what was decided ahead: that names the batch before it
  as the head it follows.
* A connection lost during COMMIT means *unknown*. The head tells: it holds the batch's id, or it does not, and then the
  same acts are decided again.
* An error that the database blames on the data makes the batch be tried act by act, so that one poisonous act cannot
  fail its neighbours.
"""

import asyncio
import hashlib
import uuid
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from secrets import token_hex
from time import perf_counter
from traceback import format_tb
from typing import Any, Literal, NamedTuple, Protocol, cast, runtime_checkable

import asyncpg
import msgspec
import structlog
from prometheus_client import Counter, Histogram

from shared import authority
from shared.clock import Clock, local_date
from shared.codec import Beside, Codec, events_of, told_by, with_what_stands_beside
from shared.decisions import AnyStream, Elsewhere, HandOver, Named, Recorded, Refusal, TooEarly
from shared.fail_points import reach
from shared.hand_over import (
    LEASE_OFFICE,
    REMEMBERS_REFUSALS,
    Gone,
    LeaseMoved,
    Leaving,
    Stored,
    handed_over,
    id_of,
    keys_in,
    lease_of,
    read_gone,
    read_leaving,
    rows_that_come,
    rows_that_leave,
)
from shared.log import INBOX, INBOX_STREAM, KEEP_PLANS, OFFICE, ONCE, STREAM_OF_LEASE, change_name, look_sql
from shared.outbox import Sent, envelope, event_and_version
from shared.refusals import WrongState
from shared.views import Resource, Row, Table, View

log = structlog.get_logger()

BATCH = Histogram("huurspoor_writer_batch_acts", "Acts in one commit", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256))
COMMIT = Histogram(
    "huurspoor_writer_commit_seconds", "Time of storing one batch", buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)
)
DECIDE = Histogram(
    "huurspoor_writer_decide_seconds",
    "Time of deciding one batch",
    buckets=(0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1),
)
REPEATED = Counter("huurspoor_writer_batches_decided_again", "Batches decided again", ["because"])
SLOW_DECISION_SECONDS = 0.05
STREAMS_HELD = 8000  # those that were looked at last, about 3 kB each
SYSTEM = "SYS"
WORTH_HALVING = 16  # so many acts that wait are decided and stored in two halves, one while the other commits
ONLY_WRITER = "select pg_try_advisory_lock(hashtext('huurspoor-writer'))"
REFUSED = "\x1frefused"  # behind a key, where no caller can write it: it was refused, and that was remembered
OFFICE_FOUNDED = "OfficeFounded"  # the one event by which every service learns that there is an office
SOMEBODY_ELSE_WROTE = "HS001"  # raised by record_batch
ALREADY_THERE = "23505"
# Classes of SQL states after which nobody knows whether a COMMIT took place: connection, shutdown, resources, internal.
LOST = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)  # errors without an SQL state
UNKNOWN_OUTCOME = frozenset({"08", "25", "53", "57", "58", "XX"})


class StoreBusy(Exception):
    """The queue is full or the store cannot be reached; nothing was recorded."""


class WritingWaits(StoreBusy):
    """The store holds less than the world has seen of it: nothing is written until a person confirms that it goes on.

    :ivar why: what the store holds, what was seen, and who saw it.
    """

    def __init__(self, why: Mapping[str, str | int]) -> None:
        super().__init__("shorter than witnessed")
        self.why = why


class RestoredBeneath(Exception):
    """The store holds less than this process has written to it: nothing that it holds in memory can be believed."""


class KeyReused(Exception):
    """The Idempotency-Key was used for another request."""


class ChangedMeanwhile(Exception):
    """The thing has another version than the caller saw.

    :ivar state: its present state.
    :ivar version: its present version.
    """

    def __init__(self, state: Any, version: int) -> None:
        super().__init__("changed meanwhile")
        self.state, self.version = state, version


class Missing(Exception):
    """The thing to act on does not exist in this office."""


@dataclass(frozen=True)
class One:
    """A decision wants the state of one other stream; of another office's only where a lease comes from there."""

    stream: AnyStream
    id: str
    office: str | None = None


@dataclass(frozen=True)
class Every:
    """A decision wants all streams of a kind that belong to a lease: a dict from id to state (``office``: ``One``)."""

    stream: AnyStream
    lease: str
    office: str | None = None


Read = One | Every


@dataclass(frozen=True)
class OnRefusal:
    """What is recorded, in the commit that answers it, when a decision refuses."""

    stream: AnyStream
    id: str
    events: Callable[[Refusal], Sequence[Any]]


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the writer must know of a message to let it have its effect once, after its predecessor."""

    publisher: str
    epoch: int
    position: int
    stream: str
    version: int
    previous: int
    type: str
    digest: bytes
    envelope: bytes
    event_id: str
    occurred_on: date
    recorded_at: datetime
    actor: str
    mandate: str | None
    policy_version: str | None
    checklist_version: str | None
    source: str
    subject: str  # "lease/<id>" or "office/<code>"
    clock_suspect: bool = False
    released: bool = False  # closed predecessors: goes on although its predecessor never was applied
    office: str = ""  # in whose inbox it lies, where its lease went to the office that it has its effect in

    @property
    def place(self) -> str:
        """Return the message's place in the office's inbox."""
        return f"{self.publisher}:{self.epoch}:{self.position}"


class Responsible(Protocol):
    """Who answers for an act: a caller at the door, a message, a day's work."""

    @property
    def office(self) -> str: ...

    @property
    def actor(self) -> str: ...

    @property
    def act(self) -> str | None: ...

    @property
    def mandated(self) -> bool: ...

    @property
    def occurred_on(self) -> date | None: ...

    @property
    def source(self) -> str: ...

    @property
    def correlation_id(self) -> str: ...

    @property
    def causation_id(self) -> str | None: ...

    @property
    def policy_version(self) -> str | None: ...

    @property
    def checklist_version(self) -> str | None: ...

    @property
    def device_time(self) -> datetime | None: ...

    @property
    def clock_suspect(self) -> bool: ...

    @property
    def once(self) -> str | None: ...

    @property
    def digest(self) -> bytes | None: ...

    @property
    def if_match(self) -> int | None: ...

    @property
    def message(self) -> Message | None: ...


@dataclass(frozen=True)
class Decided:
    """What came of an act. ``repeat``: a message that was taken in before; ``parked``: it waits for its predecessor."""

    id: str
    stream: AnyStream | None
    state: Any
    version: int
    events: tuple[Recorded[Any], ...] = ()
    answer: bytes | None = None  # of a repeated Idempotency-Key: what was answered first
    outcome: str = "done"  # done, replayed, repeat, parked, conflict


@dataclass(frozen=True)
class Entered:
    """A published or taken-in event on its way into companion tables (the ledger)."""

    office: str
    publisher: str
    epoch: int
    position: int
    event_id: str
    type: str
    subject: str
    occurred_on: date
    recorded_at: datetime
    taken_in_at: datetime
    actor: str
    mandate: str | None
    envelope: bytes


@dataclass(frozen=True)
class Change:
    """One row to be stored, or taken away, in the batch's commit. ``insert`` fails when the key is there already."""

    office: str
    table: Table
    values: Mapping[str, Any]
    how: Literal["upsert", "insert", "delete"] = "upsert"


class CompanionBatch(Protocol):
    """One batch's rows of a companion. Those of a batch that was not committed are dropped."""

    def add(self, entered: Entered) -> None: ...
    def changes(self) -> list[Change]: ...
    def committed(self) -> None: ...


class Companion(Protocol):
    """Keeps a table of its own, chained over what is published and taken in, in the writer's commit."""

    tables: tuple[Table, ...]

    async def load(self, connection: Any, offices: set[str]) -> None:
        """Read the present heads of these offices (each within its wall); called before a batch that needs them."""

    def forget(self) -> None:
        """Somebody else wrote: heads in memory are void."""

    def batch(self, after: Any = None) -> CompanionBatch:
        """Begin a batch's rows, on top of those of ``after`` where that one is not committed yet."""


@runtime_checkable
class GoesAlong(Protocol):
    """A companion whose rows about a lease go along to the office that the lease goes to."""

    async def leaving(self, connection: Any, going: HandOver) -> list[Entered]:
        """Return what enters the other office's chain, in its order; each office is read within its wall."""


@dataclass
class Held:
    """A stream as the writer holds it in memory."""

    state: Any
    version: int = 0
    published: int = 0  # version of its last published event
    made: int = 0  # log position of its first event
    lease: str | None = None  # which it belongs to, if any


class Act(NamedTuple):
    """Something to decide for a message that is new: about a stream, or nothing but that it was taken in."""

    by: Responsible
    stream: AnyStream | None = None
    id: str = ""
    decision: Callable[..., Iterable[Any]] | None = None


class _Promised(Protocol):
    """Where the outcome of an act goes: a future, or a place among others."""

    def done(self) -> bool: ...
    def set_result(self, outcome: "Decided", /) -> None: ...
    def set_exception(self, outcome: BaseException, /) -> None: ...


class _Together:
    """The outcomes of acts that were handed over at once."""

    def __init__(self, number: int) -> None:
        self.outcomes: list[Decided | BaseException | None] = [None] * number
        self.left = number
        self.all: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class _Place:
    """The place of one outcome among those of others."""

    __slots__ = ("_number", "_together")

    def __init__(self, together: _Together, number: int) -> None:
        self._together, self._number = together, number

    def done(self) -> bool:
        """Whether there is an outcome, or nobody waits for it any more."""
        return self._together.outcomes[self._number] is not None or self._together.all.done()

    def set_result(self, outcome: "Decided | BaseException", /) -> None:
        """Put the outcome in its place."""
        together = self._together
        together.outcomes[self._number] = outcome
        together.left -= 1
        if not together.left and not together.all.done():
            together.all.set_result(None)

    set_exception = set_result


@dataclass(slots=True)
class _Asked:
    office: str
    stream: AnyStream | None
    id: str
    decision: Callable[..., Iterable[Any]] | None
    by: Responsible
    reads: Mapping[str, Read]
    refused: OnRefusal | None
    answer: Callable[[Decided], bytes] | None
    must_exist: bool
    rows: Sequence[Change]
    future: _Promised
    new: bool = False  # a message that nobody has seen: it is not looked for, the keys of its rows say whether it is so


class _Unread(Exception):
    """A decision writes to a stream whose state is not held: its version is not known."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class _NotRead(Exception):
    """A lease goes over to another office, and what is stored about it was not read yet."""

    def __init__(self, going: HandOver) -> None:
        super().__init__(going.lease)
        self.going = going


@dataclass
class _Leaves:
    """What the acts of a batch leave behind for those that are decided after them.

    :ivar members: streams that were added to a lease.
    """

    committed: bool = False
    held: dict[str, Held] = field(default_factory=dict)
    members: dict[tuple[str, str, str], dict[str, None]] = field(default_factory=dict)
    once: dict[tuple[str, str], tuple[bytes | None, Decided]] = field(default_factory=dict)
    inbox: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    applied: dict[tuple[str, str], int] = field(default_factory=dict)
    gone: dict[tuple[str, str], Gone] = field(default_factory=dict)  # by office and lease


@dataclass(kw_only=True)
class _Batch(_Leaves):
    """What one commit will hold: acts, in the order in which they were decided, and all that follows from them.

    :ivar follows: the id that the head holds before it; afterwards it holds ``id``.
    :ivar below: what the batch that is being committed leaves behind.
    """

    id: str
    follows: str
    moment: datetime
    today: date
    log: int
    published: int
    hash: bytes
    below: _Leaves
    companions: Sequence[CompanionBatch]
    asked: list[_Asked] = field(default_factory=list)
    sent_off: bool = False
    events: list[tuple[str, str, int, str, bytes, int]] = field(default_factory=list)
    sent: list[tuple[str, int, int, str, str, str, bytes]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    entered: list[Entered] = field(default_factory=list)
    outcomes: list[tuple[_Asked, Decided | BaseException]] = field(default_factory=list)
    leaving: dict[HandOver, Leaving] = field(default_factory=dict)
    along: dict[HandOver, list[Entered]] = field(default_factory=dict)
    taken: list[tuple[str, str, int, int, str, int, str, bytes, int]] = field(default_factory=list)  # what was new
    before: list[tuple[dict[Any, Any], Any, Any]] = field(default_factory=list)  # what was overwritten, newest last

    @property
    def stores(self) -> bool:
        """Whether there is anything to be stored; when not, its acts are answered without a commit."""
        return bool(self.events or self.changes or self.taken)

    def put(self, where: dict[Any, Any], key: Any, value: Any) -> None:
        """Set an entry of one of the batch's dicts, so that ``go_back`` can take it back."""
        self.before.append((where, key, where.get(key, _NOTHING)))
        where[key] = value

    def mark(self) -> "_Mark":
        """Remember where the batch stands, before an act that may fail half way."""
        rows = len(self.events), len(self.sent), len(self.changes), len(self.entered), len(self.taken)
        return (self.log, self.published, self.hash), (*rows, len(self.before))

    def go_back(self, mark: "_Mark") -> None:
        """Take out of the batch everything that an act put into it."""
        (self.log, self.published, self.hash), (*lengths, overwritten) = mark
        grown: tuple[list[Any], ...] = (self.events, self.sent, self.changes, self.entered, self.taken)
        for rows, length in zip(grown, lengths, strict=True):
            del rows[length:]
        for where, key, earlier in reversed(self.before[overwritten:]):
            if earlier is _NOTHING:
                del where[key]
            else:
                where[key] = earlier
        del self.before[overwritten:]


_NOTHING: Any = object()
_JSON = msgspec.json.Encoder()
_NOTHING_BELOW = _Leaves()


_Mark = tuple[tuple[int, int, bytes], tuple[int, ...]]


@dataclass
class _Known:
    """What was read for a batch."""

    once: dict[tuple[str, str], tuple[bytes | None, bytes | None]] = field(default_factory=dict)
    inbox: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)


class Writer:
    """The writer of one service process: ``run`` serves until cancelled, ``ask`` queues an act and waits for it."""

    def __init__(
        self,
        *,
        service: str,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        codec: Codec,
        streams: Iterable[AnyStream],
        published: Callable[[Any, Any, str], tuple[Any, ...]],
        resources: Iterable[Resource],
        views: Iterable[View],
        authority_stream: tuple[AnyStream, str] | None,
        clock: Clock,
        companions: Sequence[Companion] = (),
        queue: int = 2000,
        largest_batch: int = 256,
        streams_held: int = STREAMS_HELD,
        stays: Iterable[AnyStream] = (),
    ) -> None:
        self.service = service
        self.ready = asyncio.Event()
        self.committed = asyncio.Event()  # set after each commit that published something; the relay waits for it
        self.on_taken: Callable[[str, Message, str], None] = lambda _office, _message, _state: None
        self._connect = connect
        self._codec = codec
        self._published = published
        self._resources = {resource.stream.kind: resource for resource in resources}
        self._views: dict[str, list[View]] = {}
        for view in views:
            self._views.setdefault(view.of.kind, []).append(view)
        self._streams = {stream.kind: stream for stream in streams}
        self._own = {
            event
            for stream in streams
            for event in events_of(stream)
            if told_by(event) is None or told_by(event) == service
        }
        self._authority = authority_stream
        self._clock = clock
        self._companions = companions
        self._queue: deque[_Asked] = deque()
        self._room = queue
        self._largest = largest_batch
        self._arrived = asyncio.Event()
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._members: OrderedDict[tuple[str, str, str], dict[str, None]] = OrderedDict()
        self._gone: dict[str, dict[str, Gone]] = {}  # by office and lease
        self._stays = frozenset(stream.kind for stream in stays)
        self.widen: Callable[[str, str, set[str]], Awaitable[None]] = _no_keys
        self._applied: OrderedDict[tuple[str, str], int] = OrderedDict()  # the last version of streams we are told of
        self._streams_held = streams_held
        self._under_way: list[_Batch] = []  # whose acts were taken from the queue and have no outcome yet, oldest first
        self._storing: _Batch | None = None
        self._ahead: _Batch | None = None  # decided while that one is being stored
        self._deciding: asyncio.Task[None] | None = None
        self._below_committed: asyncio.Future[None] | None = None  # what a hand-over waits for
        self._connection: asyncpg.Connection | None = None  # stores
        self._reading: asyncpg.Connection | None = None  # reads what the next batch needs, meanwhile
        self._batch_id, self._log, self._published_at, self._hash, self._at = (
            "",
            0,
            0,
            b"",
            datetime.fromtimestamp(0, UTC),
        )
        self.epoch = 1
        # Returns once writing may begin: at a start, and whenever ``look_again`` was called (``shared.witness``).
        self.vouch: Callable[[], Awaitable[None]] | None = None
        self.waits: Mapping[str, str | int] | None = None  # why writing waits for a person
        self._look_again = False

    # -- asking -------------------------------------------------------------------------------------------------------

    async def ask(
        self,
        by: Responsible,
        *,
        stream: AnyStream | None = None,
        id: str = "",
        decision: Callable[..., Iterable[Any]] | None = None,
        reads: Mapping[str, Read] | None = None,
        refused: OnRefusal | None = None,
        answer: Callable[[Decided], bytes] | None = None,
        must_exist: bool = False,
        rows: Sequence[Change] = (),
    ) -> Decided:
        """Queue an act and wait until its outcome is committed.

        :raises Refusal: the rule said no. :raises TooEarly: likewise, for callers without a message.
        :raises StoreBusy: the queue is full, or the store away: nothing was recorded, or the same key tells what was.
        :raises ChangedMeanwhile: ``by.if_match`` no longer matches. :raises KeyReused: the key had another request.
        """
        if len(self._queue) >= self._room or not self.ready.is_set():
            raise StoreBusy if self.waits is None else WritingWaits(self.waits)
        future: asyncio.Future[Decided] = asyncio.get_running_loop().create_future()
        self._queue.append(
            _Asked(by.office, stream, id, decision, by, reads or {}, refused, answer, must_exist, rows, future)
        )
        self._arrived.set()
        if self._storing is not None:
            self._decide_ahead()
        return await future

    async def ask_all(self, acts: Sequence[Act]) -> list[Decided | BaseException]:
        """Queue acts for new messages in this order, and return the outcome of each once all are committed.

        Each has its own, as if it had been asked alone; ``on_taken`` hears of none of them.

        :raises StoreBusy: there is no room, or the store is away: nothing was recorded.
        """
        if len(self._queue) + len(acts) > self._room or not self.ready.is_set():
            raise StoreBusy
        if not acts:
            return []
        together = _Together(len(acts))
        for number, (by, stream, id, decision) in enumerate(acts):
            place = _Place(together, number)
            self._queue.append(_Asked(by.office, stream, id, decision, by, {}, None, None, False, (), place, new=True))
        self._arrived.set()
        if self._storing is not None:
            self._decide_ahead()
        await together.all
        return cast("list[Decided | BaseException]", together.outcomes)

    def held(self, office: str, stream: AnyStream, id: str) -> Held | None:
        """Return a stream's committed state when this writer is the one that writes and holds it."""
        return self._held.get(f"{office}/{stream.kind}/{id}") if self.ready.is_set() else None

    def look_again(self) -> None:
        """Let nothing more be written until it was vouched for."""
        self.ready.clear()
        self._look_again = True
        self._arrived.set()

    @property
    def position(self) -> int:
        """The number of the last published event."""
        return self._published_at

    @property
    def log_head(self) -> tuple[int, bytes]:
        """The position of the last event in the log, and the hash over all of it."""
        return self._log, self._hash

    # -- the loop -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until cancelled. A lost connection is opened again; a second process of the service stands by."""
        quiet_until = 0.0
        while True:
            try:
                await self._open()
                while not self._look_again:
                    try:
                        await self._serve()
                    except (*LOST, asyncpg.PostgresError) as why:
                        await self._settle_under_way(why)
                self._let_go()
                await self._close()
            except asyncio.CancelledError:
                self._let_go()
                await self._close()
                raise
            except RestoredBeneath:
                self._let_go()
                await self._close()
                raise
            except Exception as why:
                if perf_counter() > quiet_until:
                    log.warning("store-away", because=type(why).__name__)
                    quiet_until = perf_counter() + 10
                self._let_go()
                await self._close()
                await asyncio.sleep(0.1)

    async def _serve(self) -> None:
        """Store one batch after the other, the next one decided while one is being committed, until something fails.

        Returns when somebody must vouch for the store again (``look_again``).
        """
        batch = self._begin()
        self._under_way = [batch]
        while True:
            while not (batch.asked or self._look_again):
                await self._arrived.wait()
                if not self._look_again:
                    await self._decide(self._take(self._to_begin_with()), batch)
            if self._look_again:
                return
            if batch.stores:
                self._storing = batch
                if self._queue:
                    self._decide_ahead()
                await self._store(batch)
                self._storing = None
            self._go_on_from(batch)
            del self._under_way[0]
            if self._ahead is not None and self._deciding is None:
                # The answers wait until the next batch is on its way, which is in this very step.
                asyncio.get_running_loop().call_soon(self._answer_all, batch)
            else:
                self._answer_all(batch)
                if self._deciding is not None:
                    await self._deciding
            batch, self._ahead = self._ahead or self._begin(), None
            self._under_way = [batch]

    def _to_begin_with(self) -> int:
        """Return how many acts the next batch takes when nothing is being committed.

        Of many that wait, half: the others are decided while these are being committed.
        """
        waiting = len(self._queue)
        return min(self._largest, (waiting + 1) // 2 if waiting >= WORTH_HALVING else waiting)

    def _decide_ahead(self) -> None:
        if self._deciding is None and (self._ahead is None or len(self._ahead.asked) < self._largest):
            self._deciding = asyncio.create_task(self._decide_on_top_of(self._storing))

    async def _decide_on_top_of(self, below: _Batch | None) -> None:
        """Decide what arrives while a batch is being committed, as if it were already."""
        if self._ahead is None:
            self._ahead = self._begin(below)
            self._under_way.append(self._ahead)
        ahead = self._ahead
        while self._queue and self._storing is below and len(ahead.asked) < self._largest:
            await self._decide(self._take(self._largest - len(ahead.asked)), ahead)
        self._deciding = None

    def _take(self, most: int) -> list[_Asked]:
        taken: list[_Asked] = []
        while self._queue and len(taken) < most:
            asked = self._queue.popleft()
            if not asked.future.done():
                taken.append(asked)
        if not self._queue:
            self._arrived.clear()
        return taken

    def _begin(self, below: _Batch | None = None) -> _Batch:
        """Begin a batch that follows what is committed, or the one that is being committed."""
        return _Batch(
            id=str(uuid.uuid4()),
            follows=self._batch_id if below is None else below.id,
            moment=(self._at if below is None else below.moment) + timedelta(microseconds=1),
            today=date.min,
            log=self._log if below is None else below.log,
            published=self._published_at if below is None else below.published,
            hash=self._hash if below is None else below.hash,
            below=below or _NOTHING_BELOW,
            companions=[
                companion.batch(below.companions[number] if below is not None else None)
                for number, companion in enumerate(self._companions)
            ],
        )

    def _let_go(self) -> None:
        """Tell everybody who waits that the store is away; the same key will tell what was."""
        self.ready.clear()
        for asked in (*(asked for batch in self._under_way for asked in batch.asked), *self._queue):
            _answer(asked, StoreBusy())
        self._queue.clear()
        self._arrived.clear()

    async def _open(self) -> None:
        await self._reconnect()
        assert self._connection is not None
        while not await self._connection.fetchval(ONLY_WRITER):
            await asyncio.sleep(0.25)
        await self._read_head()
        self._look_again = False
        if self.vouch is not None:
            await self.vouch()
            await self._read_head()  # a new epoch may have begun
        self.ready.set()

    async def _reconnect(self) -> None:
        self._connection = await self._connect()
        self._reading = await self._connect()
        await self._reading.execute(KEEP_PLANS)

    async def _close(self) -> None:
        self.ready.clear()
        for connection in (self._connection, self._reading):
            if connection is not None:
                connection.terminate()
        self._connection = self._reading = None
        if self._deciding is not None:
            self._deciding.cancel()
        await self._nothing_is_decided_ahead()

    async def _read_head(self) -> None:
        assert self._connection is not None
        head = await self._connection.fetchrow("select log, published, epoch, hash, batch, at from head")
        if head["log"] < self._log or head["published"] < self._published_at:
            raise RestoredBeneath
        if head["batch"] != self._batch_id or self._log != head["log"]:
            self._forget()
        self._log, self._published_at, self.epoch = head["log"], head["published"], head["epoch"]
        self._hash, self._batch_id, self._at = head["hash"], head["batch"], head["at"]

    def _forget(self) -> None:
        self._held.clear()
        self._members.clear()
        self._gone.clear()
        self._applied.clear()
        for companion in self._companions:
            companion.forget()

    async def _settle_under_way(self, why: Exception) -> None:
        """Give every act that is under way exactly one outcome, whatever went wrong: nothing is decided ahead here."""
        await self._nothing_is_decided_ahead()
        for batch in self._under_way:
            if not batch.sent_off or await self._is_to_be_decided_again(batch, why):
                await self._settle(batch.asked)
            batch.asked = []

    async def _nothing_is_decided_ahead(self) -> None:
        self._storing = self._ahead = None
        if self._below_committed is not None and not self._below_committed.done():
            self._below_committed.set_exception(OSError("the commit below failed"))
        if self._deciding is not None:
            await asyncio.gather(self._deciding, return_exceptions=True)  # what went wrong there goes wrong again
            self._deciding = None

    async def _settle(self, asked: list[_Asked]) -> None:
        """Decide and store as often as it takes."""
        while asked:
            batch = self._begin()
            try:
                await self._decide(asked, batch)
                await self._store(batch)
            except (*LOST, asyncpg.PostgresError) as why:
                if not await self._is_to_be_decided_again(batch, why):
                    return
            else:
                self._keep(batch)
                return

    async def _is_to_be_decided_again(self, batch: _Batch, why: Exception) -> bool:
        """Look what came of a batch that could not be stored; where that is known, its acts have their outcome."""
        if isinstance(why, asyncpg.PostgresError) and why.sqlstate == SOMEBODY_ELSE_WROTE:
            REPEATED.labels("somebody-else-wrote").inc()
            await self._read_head()
            return True
        if not isinstance(why, asyncpg.PostgresError) or (why.sqlstate or "")[:2] in ("", *UNKNOWN_OUTCOME):
            return not await self._was_committed(batch)
        if why.sqlstate == ALREADY_THERE and any(one.new for one in batch.asked):
            # A message is not as new as it was held to be: look for all of them.
            REPEATED.labels("not-new").inc()
            for one in batch.asked:
                one.new = False
            return True
        if len(batch.asked) == 1:
            log.error("act-refused-by-the-store", sqlstate=why.sqlstate, act=batch.asked[0].by.act)
            _answer(batch.asked[0], why)
        else:
            REPEATED.labels("one-by-one").inc()
            for one in batch.asked:
                await self._settle([one])
        return False

    async def _was_committed(self, batch: _Batch) -> bool:
        """The reply was lost: ask the head whether the batch was committed, and if so give its outcomes."""
        REPEATED.labels("connection-lost").inc()
        await self._close()
        deadline, head = perf_counter() + 5, ""
        while True:
            try:
                await self._reconnect()
                assert self._connection is not None
                if not await self._connection.fetchval(ONLY_WRITER):
                    raise OSError("another process writes")
                head = await self._connection.fetchval("select batch from head")
                break
            except (*LOST, asyncpg.PostgresError):
                await self._close()
                if perf_counter() > deadline:
                    for one in batch.asked:
                        _answer(one, StoreBusy())
                    raise
                await asyncio.sleep(0.05)
        committed = batch.sent_off and head == batch.id
        if committed:
            self._keep(batch)
        else:
            self._forget()
            await self._read_head()
        self.ready.set()
        return committed

    def _keep(self, batch: _Batch) -> None:
        self._go_on_from(batch)
        self._answer_all(batch)

    def _go_on_from(self, batch: _Batch) -> None:
        """The batch is committed, or had nothing to commit: hold its states, wake who waits for what it published."""
        reach("after the append")
        batch.committed = True
        if self._below_committed is not None and not self._below_committed.done():
            self._below_committed.set_result(None)
        if batch.stores:
            self._batch_id = batch.id
        self._log, self._hash, self._at = batch.log, batch.hash, batch.moment
        woken = batch.published != self._published_at
        self._published_at = batch.published
        for key, held in batch.held.items():
            self._held[key] = held
            self._held.move_to_end(key)
        for stream, applied in batch.applied.items():
            self._applied[stream] = applied
            self._applied.move_to_end(stream)
        for place, added in batch.members.items():
            if place in self._members:  # only a complete list is held; one that is not is read when somebody asks
                self._members[place].update(added)
        for (office, lease), gone in batch.gone.items():
            self._gone.setdefault(office, {})[lease] = gone
        if self._deciding is None:  # it may count on what it found to be held
            self._hold_no_more()
        for companion in batch.companions:
            companion.committed()
        if woken:
            self.committed.set()

    def _hold_no_more(self) -> None:
        for held_in_memory in (self._held, self._members, self._applied):
            while len(held_in_memory) > self._streams_held:
                held_in_memory.popitem(last=False)

    def _answer_all(self, batch: _Batch) -> None:
        for one, outcome in batch.outcomes:
            if one.by.message is not None and isinstance(outcome, Decided) and not isinstance(one.future, _Place):
                self.on_taken(one.by.message.office or one.office, one.by.message, outcome.outcome)
            _answer(one, outcome)

    # -- reading ------------------------------------------------------------------------------------------------------

    async def _read(self, asked: list[_Asked], batch: _Batch) -> _Known:
        """Read in one round trip what acts need and is not held."""
        streams: dict[str, str] = {}
        leases: dict[tuple[str, str, str], None] = {}
        keys: dict[tuple[str, str], None] = {}
        messages: list[tuple[str, str, int, int, str]] = []

        def want(office: str, stream: AnyStream, id: str) -> None:
            key = f"{office}/{stream.kind}/{id}"
            if key in self._held:
                self._held.move_to_end(key)
            elif key not in batch.below.held:
                streams[key] = office

        def want_all(office: str, stream: AnyStream, lease: str) -> None:
            place = (office, stream.kind, lease)
            keys_of_members = [f"{office}/{stream.kind}/{id}" for id in self._members.get(place, ())]
            if place in self._members and all(key in self._held for key in keys_of_members):
                self._members.move_to_end(place)
                for key in keys_of_members:
                    self._held.move_to_end(key)
            else:
                leases[place] = None

        for one in asked:
            if one.stream is not None:
                want(one.office, one.stream, one.id)
            for read in one.reads.values():
                office = read.office or one.office
                if isinstance(read, One):
                    want(office, read.stream, read.id)
                else:
                    want_all(office, read.stream, read.lease)
            if one.refused is not None:
                want(one.office, one.refused.stream, one.refused.id)
            if one.by.act is not None and self._authority is not None:
                want(one.office, *self._authority)
            if one.by.once is not None:
                keys[(one.office, one.by.once)] = None
                if one.refused is not None:
                    keys[(one.office, one.by.once + REFUSED)] = None
            if one.by.message is not None:
                told = one.by.message
                inbox = told.office or one.office
                applied = self._applied_of(_stream_of(inbox, told), batch)
                known_to_follow = told.previous == 0 if applied is None else told.version > applied
                if not (one.new and known_to_follow):
                    messages.append((inbox, told.publisher, told.epoch, told.position, told.stream))
        known = _Known()
        if not (streams or leases or keys or messages):
            return known
        await self._fetch(streams, list(leases), list(keys), messages, known, batch)
        return known

    async def _fetch(
        self,
        streams: Mapping[str, str],
        leases: Sequence[tuple[str, str, str]],
        keys: Sequence[tuple[str, str]],
        messages: Sequence[tuple[str, str, int, int, str]],
        known: _Known,
        batch: _Batch,
    ) -> None:
        assert self._reading is not None
        of_streams = [(office, key) for key, office in streams.items()]
        asked: list[tuple[str, Sequence[tuple[Any, ...]]]] = [
            (kind, rows)
            for kind, rows in (("streams", of_streams), ("leases", leases), ("keys", keys), ("messages", messages))
            if rows
        ]
        found = await self._reading.fetch(
            look_sql(tuple(kind for kind, _ in asked)),
            list({row[0] for _, rows in asked for row in rows}),
            *(list(column) for _, rows in asked for column in zip(*rows, strict=True)),
        )
        fresh: dict[str, Held] = {}
        # What is being committed may have been committed while this was read: it counts more than what was read.
        for lease in leases:
            self._members[lease] = dict(batch.below.members.get(lease, {})) if batch.below.committed else {}
        for (what, a), rows in groupby(found, key=itemgetter(0, 2)):
            if what == "event":
                if a not in fresh:  # it may have been asked for by itself, and as one of a lease
                    _, kind, id = a.split("/", 2)
                    events = list(rows)
                    folded = self._codec.fold(
                        self._streams[kind],
                        [(b, c, d) for _, _, _, b, c, d, _ in events],
                        id=id,
                        service=self.service,
                    )
                    belongs_to = lease_of(kind, id, folded.first)
                    fresh[a] = Held(folded.state, folded.version, folded.published, events[0][6], belongs_to)
                continue
            for _, office, _, b, c, d, _ in rows:
                if what == "member":
                    kind, lease_id = a.split("/", 1)
                    self._members[(office, kind, lease_id)][c] = None
                elif what == "once":
                    known.once[(office, a)] = (bytes.fromhex(c) if c else None, d)
                elif what == "inbox":
                    known.inbox[(office, a)] = (c, d)
                else:
                    self._applied.setdefault((office, a), b)
        for key in streams:
            self._held[key] = fresh[key] if key in fresh else Held(self._streams[key.split("/", 2)[1]].initial)
        for key, held in fresh.items():
            if key not in self._held or self._held[key].version < held.version:
                self._held[key] = held

    # -- deciding -----------------------------------------------------------------------------------------------------

    async def _decide(self, asked: list[_Asked], batch: _Batch) -> None:
        """Read what acts need, and decide them one after the other into a batch."""
        batch.asked += asked
        self._hold_no_more()
        known = await self._read(asked, batch)
        offices = {one.office for one in asked}
        offices |= {one.by.message.office for one in asked if one.by.message is not None and one.by.message.office}
        for office in offices - self._gone.keys():
            self._gone[office] = await read_gone(self._reading, office)
        if self._companions:
            for companion in self._companions:
                await companion.load(self._reading, offices)
        batch.moment = max(self._clock.now(), batch.moment)
        batch.today = local_date(batch.moment)
        started = perf_counter()
        entered = len(batch.entered)
        for one in asked:
            begun, before = perf_counter(), batch.mark()
            try:
                outcome: Decided | BaseException = await self._decide_with_all_it_writes(one, batch, known, before)
            except (Refusal, TooEarly, ChangedMeanwhile, KeyReused, Missing, LeaseMoved) as no:
                outcome = no
            except Exception as bug:
                # Neither message nor values: they may hold what no log may.
                where = format_tb(bug.__traceback__)[-3:]
                log.error("decision-failed", act=one.by.act, because=type(bug).__name__, where=where)
                batch.go_back(before)
                outcome = bug
            if perf_counter() - begun > SLOW_DECISION_SECONDS:
                log.warning("slow-decision", act=one.by.act, seconds=round(perf_counter() - begun, 3))
            batch.outcomes.append((one, outcome))
        DECIDE.observe(perf_counter() - started)
        for rows in batch.companions:
            for one_entered in batch.entered[entered:]:
                rows.add(one_entered)

    async def _decide_with_all_it_writes(self, one: _Asked, batch: _Batch, known: _Known, before: _Mark) -> Decided:
        """Decide; when the decision writes to a stream that nobody had asked for, read that one and decide again."""
        while True:
            try:
                return self._decide_one(one, batch, known)
            except _Unread as unread:
                batch.go_back(before)
                await self._fetch({unread.key: unread.key.partition("/")[0]}, (), (), (), _Known(), batch)
            except _NotRead as not_read:
                batch.go_back(before)
                await self._all_below_is_committed(batch)
                going = not_read.going
                batch.leaving[going] = await self._read_leaving(going, batch)
                batch.along[going] = [
                    entered
                    for companion in self._companions
                    if isinstance(companion, GoesAlong)
                    for entered in await companion.leaving(self._reading, going)
                ]
                for companion in self._companions:
                    await companion.load(self._reading, {going.from_office, going.to_office})

    def _decide_one(self, one: _Asked, batch: _Batch, known: _Known) -> Decided:
        by = one.by
        if by.once is not None:
            place = (one.office, by.once)
            earlier = batch.once.get(place) or batch.below.once.get(place)
            if earlier is not None:
                if earlier[0] != by.digest:
                    raise KeyReused
                first = earlier[1]
                return Decided(
                    first.id, first.stream, first.state, first.version, first.events, first.answer, "replayed"
                )
            stored = known.once.get(place)
            if stored is not None:
                if stored[0] != by.digest:
                    raise KeyReused
                return Decided(one.id, one.stream, None, 0, (), stored[1], "replayed")
        if by.message is not None:
            waits = self._already(one, by.message, batch, known)
            if waits is not None:
                return waits
        if one.stream is None or one.decision is None:
            self._put_rows(one, batch)
            if by.message is not None:
                self._taken(one, by.message, batch, state="taken")
            return Decided(one.id, None, None, 0)
        held = self._look(batch, one.office, one.stream, one.id)
        if one.must_exist and held.version == 0:
            raise Missing
        if by.if_match is not None and by.if_match != held.version:
            raise ChangedMeanwhile(held.state, held.version)
        mandate: str | None = None
        facts = {name: self._want(batch, one.office, read) for name, read in one.reads.items()}
        try:
            mandate = self._mandate(one, batch)
            events = list(one.decision(held.state, **facts))
            self._must_be_competent(one, events, batch)
        except TooEarly as early:
            if by.message is None:
                raise
            self._taken(one, by.message, batch, state="parked", waits_for=early.waits_for)
            return Decided(one.id, one.stream, held.state, held.version, outcome="parked")
        except Refusal as no:
            if one.refused is not None and not self._attempted(one, batch, known):
                told = [Elsewhere(one.refused.stream, one.refused.id, event) for event in one.refused.events(no)]
                self._record(one, told, batch, mandate)
            raise
        cause = len(batch.entered)  # what was told goes into the ledger before what follows from it
        recorded = self._record(one, events, batch, mandate)
        self._put_rows(one, batch)
        after = self._look(batch, one.office, one.stream, one.id)
        decided = Decided(one.id, one.stream, after.state, after.version, recorded)
        if by.message is not None:
            self._taken(one, by.message, batch, state="taken", enters_at=cause)
        if by.once is not None:
            answer = one.answer(decided) if one.answer is not None else None
            decided = Decided(one.id, one.stream, after.state, after.version, recorded, answer)
            batch.put(batch.once, (one.office, by.once), (by.digest, decided))
            row = {"key": by.once, "digest": _hex(by.digest), "answer": _hex(answer), "at": batch.moment}
            batch.changes.append(Change(one.office, ONCE, row, "insert"))
        return decided

    def _attempted(self, one: _Asked, batch: _Batch, known: _Known) -> bool:
        """Whether this very request was refused and remembered before; a repetition is not another attempt."""
        by = one.by
        if by.once is None:
            return False
        place = (one.office, by.once + REFUSED)
        earlier = batch.once.get(place) or batch.below.once.get(place) or known.once.get(place)
        if earlier is not None and earlier[0] == by.digest:
            return True
        batch.put(batch.once, place, (by.digest, Decided(one.id, one.stream, None, 0)))
        row = {"key": by.once + REFUSED, "digest": _hex(by.digest), "answer": None, "at": batch.moment}
        batch.changes.append(Change(one.office, ONCE, row))
        return False

    def _mandate(self, one: _Asked, batch: _Batch) -> str | None:
        """Check that the actor may do this act, on both days, and return the mandate that covers it (domain 8)."""
        if one.by.act is None or self._authority is None:
            return None
        register = self._look(batch, one.office, *self._authority).state
        days = {batch.today, one.by.occurred_on or batch.today}
        found = authority.mandate_for(
            register, person=one.by.actor, act=one.by.act, needed=one.by.mandated, on_days=tuple(sorted(days))
        )
        return None if found is None else found.id

    def _must_be_competent(self, one: _Asked, events: Sequence[Any], batch: _Batch) -> None:
        """Let nothing be recorded about a lease under an office that it went from.

        :raises WrongState: people act on it in the other office. :raises LeaseMoved: what was told belongs there too.
        """
        if not (self._gone.get(one.office) or batch.gone or batch.below.gone) or (
            one.stream and one.stream.kind in self._stays
        ):
            return
        for event in events:
            stream, id, what = one.stream, one.id, event
            if isinstance(event, HandOver) or (isinstance(event, Elsewhere) and event.office not in (None, one.office)):
                continue
            if isinstance(event, Elsewhere):
                stream, id, what = event.stream, event.id, event.event
            assert stream is not None
            if stream.kind == REMEMBERS_REFUSALS:
                continue
            lease = self._look(batch, one.office, stream, id).lease or lease_of(stream.kind, id, what)
            gone = self._gone_from(one.office, lease, batch) if lease is not None else None
            if gone is None or gone.to_office is None:
                continue
            if one.by.message is None and one.by.actor != SYSTEM:
                raise WrongState(Named("WITH_ANOTHER_OFFICE"))
            raise LeaseMoved(gone.to_office)

    def _gone_from(self, office: str, lease: str, batch: _Batch) -> Gone | None:
        place = (office, lease)
        return batch.gone.get(place) or batch.below.gone.get(place) or self._gone.get(office, {}).get(lease)

    def _has_read(self, key: str, batch: _Batch) -> bool:
        return key in batch.held or key in batch.below.held or key in self._held

    def _look(self, batch: _Batch, office: str, stream: AnyStream, id: str) -> Held:
        key = f"{office}/{stream.kind}/{id}"
        return batch.held.get(key) or batch.below.held.get(key) or self._held.get(key) or Held(stream.initial)

    def _want(self, batch: _Batch, office: str, read: Read) -> Any:
        office = read.office or office
        if isinstance(read, One):
            return self._look(batch, office, read.stream, read.id).state
        place = (office, read.stream.kind, read.lease)
        members = {
            **self._members.get(place, {}),
            **batch.below.members.get(place, {}),
            **batch.members.get(place, {}),
        }
        return {id: self._look(batch, office, read.stream, id).state for id in members}

    def _record(
        self, one: _Asked, events: Sequence[Any], batch: _Batch, mandate: str | None
    ) -> tuple[Recorded[Any], ...]:
        """Put a decision's events into the batch: versions, positions, envelopes, rows of views."""
        recorded = []
        went: set[str] = set()  # to whom something went before: that office has what belongs to it
        for event in events:
            if isinstance(event, HandOver):
                if not self._hand_over(event, batch):
                    went.add(event.to_office)
            elif isinstance(event, Elsewhere):
                office = event.office or one.office
                if event.office in went:
                    continue
                told = self._append(
                    one, event.stream, event.id, event.event, batch, mandate, follows=event.follows, office=office
                )
                if office == one.office:  # who acts for one office is told nothing of another
                    recorded.append(told)
            else:
                assert one.stream is not None
                recorded.append(self._append(one, one.stream, one.id, event, batch, mandate))
        return tuple(recorded)

    def _append(
        self,
        one: _Asked,
        stream: AnyStream,
        id: str,
        event: Any,
        batch: _Batch,
        mandate: str | None,
        *,
        follows: bool = False,
        office: str | None = None,
    ) -> Recorded[Any]:
        office, by = office or one.office, one.by
        key = f"{office}/{stream.kind}/{id}"
        if not self._has_read(key, batch):
            raise _Unread(key)
        held = self._look(batch, office, stream, id)
        version = held.version + 1
        batch.log += 1
        own = type(event) in self._own
        told = by.message
        if not own and told is not None:
            beside = Beside(
                id=told.event_id,
                occurred_on=told.occurred_on,
                recorded_at=told.recorded_at,
                actor=told.actor,
                mandate=told.mandate,
                policy_version=told.policy_version,
                checklist_version=told.checklist_version,
                position=f"{told.publisher}:{told.position}",
                source=told.source,
                clock_suspect=told.clock_suspect,
                correlation_id=by.correlation_id,
                taken_in_at=batch.moment,
                clock="simulated" if self._clock.simulated else "system",
                office=told.office or None,
            )
        else:
            beside = Beside(
                id=_new_id(),
                occurred_on=batch.today if follows else by.occurred_on or batch.today,
                recorded_at=batch.moment,
                # What follows from a message, or by itself, is nobody's own act.
                actor="SYS" if follows or told is not None else by.actor,
                mandate=None if follows else mandate,
                policy_version=by.policy_version,
                checklist_version=by.checklist_version,
                source="system" if follows else by.source,
                clock_suspect=by.clock_suspect and not follows,
                device_time=None if follows else by.device_time,
                correlation_id=by.correlation_id,
                causation_id=by.causation_id,
                clock="simulated" if self._clock.simulated else "system",
            )
        whole = with_what_stands_beside(event, beside, stream=f"{stream.kind}/{id}", version=version)
        state = stream.after(held.state, whole)
        contracts = self._published(event, state, id) if own else ()
        published = held.published
        if contracts:
            batch.published += 1
            beside = msgspec.structs.replace(beside, position=f"{self.service}:{batch.published}")
            whole = with_what_stands_beside(event, beside, stream=f"{stream.kind}/{id}", version=version)
            state = stream.after(held.state, whole)
            self._publish(office, whole, contracts, beside, batch, previous=published)
            published = version
        lease = held.lease if held.version else lease_of(stream.kind, id, event)
        after = Held(state, version, published, held.made or batch.log, lease)
        stored = self._codec.encode(event, beside)
        name = self._codec.name(event)
        batch.events.append((office, key, version, name, stored, batch.log))
        batch.hash = chained(batch.hash, key, version, name, stored)
        batch.put(batch.held, key, after)
        if version == 1 and lease is not None and stream.kind != "lease":
            batch.changes.append(Change(office, STREAM_OF_LEASE, {"kind": stream.kind, "lease": lease, "id": id}))
            place = (office, stream.kind, lease)
            batch.put(batch.members, place, {**batch.members.get(place, {}), id: None})
        if type(event).__name__ == OFFICE_FOUNDED:
            self._know_office(office, batch)
        self._view(office, stream, id, after, whole, batch)
        return whole

    def _publish(
        self,
        office: str,
        whole: Recorded[Any],
        contracts: tuple[Any, ...],
        beside: Beside,
        batch: _Batch,
        *,
        previous: int,
    ) -> None:
        versions = [event_and_version(type(contract))[1] for contract in contracts]
        for contract in contracts:
            sent: Sent = envelope(
                self.service,
                office,
                whole,
                contract,
                position=batch.published,
                epoch=self.epoch,
                stream_version=whole.version,
                previous=previous,
                versions=versions,
                correlation_id=beside.correlation_id or whole.id,
                causation_id=beside.causation_id,
                clock="simulated" if beside.clock == "simulated" else "system",
            )
            event, version = event_and_version(type(contract))
            batch.sent.append((office, batch.published, version, event, sent.subject, sent.msg_id, sent.body))
            if version == max(versions):
                lease = getattr(contract, "lease", None)
                batch.entered.append(
                    Entered(
                        office=office,
                        publisher=self.service,
                        epoch=self.epoch,
                        position=batch.published,
                        event_id=whole.id,
                        type=event,
                        subject=f"lease/{lease}" if lease else f"office/{office}",
                        occurred_on=whole.occurred_on,
                        recorded_at=whole.recorded_at,
                        taken_in_at=whole.taken_in_at,
                        actor=whole.actor,
                        mandate=whole.mandate,
                        envelope=sent.body,
                    )
                )

    def _view(self, office: str, stream: AnyStream, id: str, held: Held, whole: Recorded[Any], batch: _Batch) -> None:
        rows: list[Row] = []
        if stream.kind in self._resources:
            rows.append(shown_row(self._resources[stream.kind], id, held))
        for view in self._views.get(stream.kind, ()):
            rows += view.rows(held.state, whole)
        for row in rows:
            batch.changes.append(Change(office, row.table, row.values, "delete" if row.gone else "upsert"))

    def _applied_of(self, stream: tuple[str, str], batch: _Batch) -> int | None:
        """Return the last version that was applied of a stream we are told of, None when it is not known here."""
        for applied in (batch.applied, batch.below.applied, self._applied):
            if stream in applied:
                return applied[stream]
        return None

    # -- messages -----------------------------------------------------------------------------------------------------

    def _already(self, one: _Asked, told: Message, batch: _Batch, known: _Known) -> Decided | None:
        """Say whether a message has had its effect, contradicts an earlier one, or must wait for its predecessor."""
        office = told.office or one.office
        place = (office, told.place)
        seen = batch.inbox.get(place) or batch.below.inbox.get(place) or known.inbox.get(place)
        if seen is not None and seen[1] != told.digest:
            return Decided(one.id, one.stream, None, 0, outcome="conflict")
        if seen is not None and seen[0] in ("taken", "closed"):
            return Decided(one.id, one.stream, None, 0, outcome="repeat")
        applied = self._applied_of(_stream_of(office, told), batch) or 0
        if told.version <= applied:
            # Older than what was applied of this stream: it can only be a repetition under another number.
            self._taken(one, told, batch, state="taken", moves=False)
            return Decided(one.id, one.stream, None, 0, outcome="repeat")
        if told.previous > applied and not told.released:
            if seen is None or seen[0] != "parked":
                self._taken(one, told, batch, state="parked", waits_for=f"{told.publisher}:{told.stream}")
            return Decided(one.id, one.stream, None, 0, outcome="parked")
        return None

    def _taken(
        self,
        one: _Asked,
        told: Message,
        batch: _Batch,
        *,
        state: str,
        waits_for: str | None = None,
        moves: bool = True,
        enters_at: int | None = None,
    ) -> None:
        office = told.office or one.office
        batch.put(batch.inbox, (office, told.place), (state, told.digest))
        new = one.new and state == "taken" and moves
        if new:
            batch.taken.append(
                (
                    office,
                    told.publisher,
                    told.epoch,
                    told.position,
                    told.stream,
                    told.version,
                    told.type,
                    told.digest,
                    told.previous,
                )
            )
        else:
            row = {
                "publisher": told.publisher,
                "epoch": told.epoch,
                "position": told.position,
                "state": state,
                "stream": told.stream,
                "version": told.version,
                "type": told.type,
                "digest": _hex(told.digest),
                "waits_for": waits_for,
                "reason": None,
                "envelope": None if state == "taken" else _hex(told.envelope),
                "taken_at": batch.moment,
            }
            batch.changes.append(Change(office, INBOX, row, "insert" if one.new else "upsert"))
        if state != "taken":
            return
        if told.type == OFFICE_FOUNDED:
            self._know_office(office, batch)
        if not moves:
            return
        batch.put(batch.applied, _stream_of(office, told), told.version)
        if not new:
            moved = {"publisher": told.publisher, "stream": told.stream, "version": told.version}
            batch.changes.append(Change(office, INBOX_STREAM, moved))
        if not self._companions:
            return
        entered = Entered(
            office=office,
            publisher=told.publisher,
            epoch=told.epoch,
            position=told.position,
            event_id=told.event_id,
            type=told.type,
            subject=told.subject,
            occurred_on=told.occurred_on,
            recorded_at=told.recorded_at,
            taken_in_at=batch.moment,
            actor=told.actor,
            mandate=told.mandate,
            envelope=told.envelope,
        )
        of_both = [entered] if office == one.office else [entered, replace(entered, office=one.office)]
        place = len(batch.entered) if enters_at is None else enters_at
        batch.entered[place:place] = of_both

    def _put_rows(self, one: _Asked, batch: _Batch) -> None:
        """Put further rows of an act into the batch; one may move a stream that we are told of."""
        batch.changes += one.rows
        for change in one.rows:
            if change.table is INBOX_STREAM:
                stream = (change.office, f"{change.values['publisher']}:{change.values['stream']}")
                batch.put(batch.applied, stream, 0 if change.how == "delete" else change.values["version"])

    def _know_office(self, office: str, batch: _Batch) -> None:
        """From this day on there is work to do for the office (``shared.day``)."""
        batch.changes.append(Change(office, OFFICE, {"since": batch.today.isoformat()}))

    # -- leases that go over to another office ------------------------------------------------------------------------

    def _know_gone(self, office: str, lease: str, gone: Gone, batch: _Batch) -> None:
        batch.put(batch.gone, (office, lease), gone)
        batch.changes.append(Change(office, LEASE_OFFICE, {"lease": lease, **gone._asdict()}))

    async def _all_below_is_committed(self, batch: _Batch) -> None:
        """Wait for the commit that a batch is decided on top of: what goes along is read from the store.

        :raises OSError: it failed.
        """
        if self._storing is not None and batch.below is self._storing:
            self._below_committed = asyncio.get_running_loop().create_future()
            await self._below_committed

    async def _read_leaving(self, going: HandOver, batch: _Batch) -> Leaving:
        """Read what goes along, and let the other office open its texts: who reads the events must be able to."""
        for office in {going.from_office, going.to_office} - self._gone.keys():
            self._gone[office] = await read_gone(self._reading, office)
        leaving = await read_leaving(self._reading, going, stays=self._stays)
        unread = {
            stream: going.to_office
            for stream in (f"{going.to_office}/{name}" for name in leaving.streams)
            if not self._has_read(stream, batch) and stream.split("/", 2)[1] in self._streams
        }
        if unread:
            await self._fetch(unread, (), (), (), _Known(), batch)
        keys = keys_in((*leaving.events, *self._not_stored_yet(leaving, going, batch)))
        await self.widen(going.from_office, going.to_office, keys)
        return leaving

    def _not_stored_yet(self, leaving: Leaving, going: HandOver, batch: _Batch) -> list[Stored]:
        """Return what this act and those before it in the same batch recorded about a lease that goes."""
        stored = {(event.stream, event.version) for event in leaving.events}
        return [
            Stored(stream, version, topic, state)
            for office, stream, version, topic, state, _ in batch.events
            if office == going.from_office
            and batch.held[stream].lease == going.lease
            and stream.split("/", 2)[1] not in self._stays
            and (stream, version) not in stored
        ]

    def _hand_over(self, going: HandOver, batch: _Batch) -> bool:
        """Lay what is stored about a lease under the office it goes to, and take it out of the old one's work.

        :returns: whether it had not gone there before.
        """
        gone = self._gone_from(going.from_office, going.lease, batch)
        if gone is not None and gone.to_office == going.to_office:
            return False
        leaving = batch.leaving.get(going)
        if leaving is None:
            raise _NotRead(going)
        histories: dict[str, list[Recorded[Any]]] = {}
        for event in (*leaving.events, *self._not_stored_yet(leaving, going, batch)):
            kind, id = event.kind_and_id
            whole = self._codec.decode(event.topic, event.state, stream=f"{kind}/{id}", version=event.version)
            histories.setdefault(event.stream, []).append(whole)
            there = leaving.there.get(f"{going.to_office}/{kind}/{id}", ())
            if whole.id not in {id_of(one.state) for one in there}:
                self._lay_under(going, event, batch)
        for stream, history in histories.items():
            kind = stream.split("/", 2)[1]
            for row in rows_that_leave(self._streams[kind], self._views.get(kind, ()), history):
                batch.changes.append(Change(going.from_office, row.table, row.values, "delete"))
        for stream, present in leaving.there.items():
            self._look_anew(going.to_office, stream, present, batch)
        about = (going.from_office, f"lease/{going.lease}")
        fresh = [entered for entered in batch.entered if (entered.office, entered.subject) == about]
        batch.entered += [
            replace(one, office=going.to_office, taken_in_at=batch.moment) for one in (*batch.along[going], *fresh)
        ]
        came_from = gone.from_office if gone is not None else None
        self._know_gone(going.from_office, going.lease, Gone(going.to_office, came_from), batch)
        self._know_gone(going.to_office, going.lease, Gone(None, going.from_office), batch)
        return True

    def _look_anew(self, office: str, name: str, present: Sequence[Stored], batch: _Batch) -> None:
        """Give an office the rows of its work again that went with a lease which is back."""
        fresh = (Stored(stream, version, topic, state) for _, stream, version, topic, state, _ in batch.events)
        kind, id = name.split("/", 2)[1:]
        history = [
            self._codec.decode(one.topic, one.state, stream=f"{kind}/{id}", version=one.version)
            for one in (*present, *(one for one in fresh if one.stream == name))
        ]
        for row in rows_that_come(self._streams[kind], self._views.get(kind, ()), history):
            batch.changes.append(Change(office, row.table, row.values, "delete" if row.gone else "upsert"))

    def _lay_under(self, going: HandOver, event: Stored, batch: _Batch) -> None:
        kind, id = event.kind_and_id
        stream, key = self._streams[kind], f"{going.to_office}/{kind}/{id}"
        if not self._has_read(key, batch):
            raise _Unread(key)
        held = self._look(batch, going.to_office, stream, id)
        version = held.version + 1
        stored, beside = handed_over(event.state, office=going.from_office, at=batch.moment)
        whole = self._codec.decode(event.topic, stored, stream=f"{kind}/{id}", version=version)
        batch.log += 1
        published = version if beside.position is not None and type(whole.event) in self._own else held.published
        after = Held(stream.after(held.state, whole), version, published, held.made or batch.log, going.lease)
        batch.events.append((going.to_office, key, version, event.topic, stored, batch.log))
        batch.hash = chained(batch.hash, key, version, event.topic, stored)
        batch.put(batch.held, key, after)
        if version == 1 and kind != "lease":
            member = {"kind": kind, "lease": going.lease, "id": id}
            batch.changes.append(Change(going.to_office, STREAM_OF_LEASE, member))
            place = (going.to_office, kind, going.lease)
            batch.put(batch.members, place, {**batch.members.get(place, {}), id: None})
        self._view(going.to_office, stream, id, after, whole, batch)

    # -- storing ------------------------------------------------------------------------------------------------------

    async def _store(self, batch: _Batch) -> None:
        reach("before the append")
        if not batch.stores:
            return
        assert self._connection is not None
        started = perf_counter()
        batch.below, batch.sent_off = _NOTHING_BELOW, True
        # One statement per office, table and kind of change; of several changes to one key the last one counts.
        grouped: dict[tuple[str, str], dict[tuple[Any, ...], dict[str, Any]]] = {}
        for change in (*batch.changes, *(change for rows in batch.companions for change in rows.changes())):
            key = tuple(change.values[column] for column in change.table.key)
            for how in ("upsert", "delete"):
                if how != change.how:
                    grouped.get((change.office, change_name(change.table, how)), {}).pop(key, None)
            rows_of = grouped.setdefault((change.office, change_name(change.table, change.how)), {})
            rows_of[key] = {"office": change.office, **change.values}
        moved: dict[tuple[str, str, str], int] = {}
        begun: dict[tuple[str, str, str], bool] = {}
        for office, publisher, _, _, of, version, _, _, previous in batch.taken:
            moved[(office, publisher, of)] = version
            begun.setdefault((office, publisher, of), previous == 0)
        await self._connection.fetchval(
            "select record_batch($1,$2,$3,$4,$5,$6, $7, $8,$9,$10,$11,$12,$13, $14,$15,$16,$17,$18,$19,$20,"
            " $21,$22,$23, $24,$25,$26,$27,$28,$29,$30,$31, $32,$33,$34,$35,$36)",
            batch.follows,
            batch.id,
            batch.log,
            batch.published,
            batch.hash,
            batch.moment,
            list(set(map(itemgetter(0), (*batch.events, *batch.sent, *grouped, *batch.taken)))),
            *_columns(batch.events, 6),
            *_columns(batch.sent, 7),
            [office for office, _ in grouped],
            [name for _, name in grouped],
            [_JSON.encode(list(rows_of.values())).decode() for rows_of in grouped.values()],
            *_columns(batch.taken, 9)[:8],
            *_columns([(*place, version) for place, version in moved.items()], 4),
            list(begun.values()),
            timeout=20,
        )
        COMMIT.observe(perf_counter() - started)
        BATCH.observe(len(batch.asked))


def shown_row(resource: Resource, id: str, held: Held) -> Row:
    """Return the row that shows a thing as it is."""
    shown = resource.show(id, held.state)
    if shown is None:
        return Row(resource.table, {"id": id}, gone=True)
    body = msgspec.to_builtins(shown, str_keys=True)
    values = {"id": id, "version": held.version, "made": held.made, "body": body}
    return Row(resource.table, {**values, **resource.filter_values(id, held.state)})


async def _no_keys(_from: str, _to: str, _keys: set[str]) -> None:
    """Where nothing is sealed, no keys go along."""


def chained(before: bytes, stream: str, version: int, name: str, state: bytes) -> bytes:
    """Return the hash over the whole log after one more event: what a log head anchors, private events included."""
    entry = hashlib.sha256(_JSON.encode([stream, version, name]) + state).digest()
    return hashlib.sha256(before + entry).digest()


def _new_id() -> str:
    """Return a random UUID (version 4), in half the time that the library takes."""
    drawn = token_hex(16)
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-{'89ab'[int(drawn[16], 16) & 3]}{drawn[17:20]}-{drawn[20:]}"


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _stream_of(office: str, told: Message) -> tuple[str, str]:
    return office, f"{told.publisher}:{told.stream}"


def _hex(value: bytes | None) -> str | None:
    return None if value is None else "\\x" + value.hex()


def _answer(asked: _Asked, outcome: Decided | BaseException) -> None:
    if asked.future.done():
        return
    if isinstance(outcome, BaseException):
        asked.future.set_exception(outcome)
    else:
        asked.future.set_result(outcome)
