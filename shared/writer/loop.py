"""The one writer of a service: decides in groups, and stores a whole batch in one commit.

A batch is whatever arrived while the previous one was committing; no timer. For it the writer reads what it does not
hold (``look``), decides in memory in order, so that two acts on one stream follow each other without a conflict
(``deciding``), and stores events, envelopes, views, inbox rows and answers in one round trip and one commit
(``storing``). While a batch is being committed the next one is read for and decided, on top of the states that the
first will leave; it is stored when the first is committed, and decided anew when that failed.

What holds, and why:

* Nothing is answered before the commit, not even "already so": what an outcome rests on may be in the same batch.
* The ``head`` row is compared first. While it is as this writer left it nobody else wrote, so every state held in
  memory is true, and that one comparison checks the versions of all streams a decision read. When it is not, the
  writer forgets what it holds and decides again. It also checks what was decided ahead: that names the batch before it
  as the head it follows.
* A connection lost during COMMIT means *unknown*. The head tells: it holds the batch's id, or it does not, and then the
  same acts are decided again.
* An error that the database blames on the data makes the batch be tried act by act, so that one poisonous act cannot
  fail its neighbours. So does any other error that comes back again and again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any, cast

import asyncpg
import structlog
from prometheus_client import Counter, Gauge

from shared.clock import Clock
from shared.codec import Codec
from shared.decisions import AnyStream
from shared.fail_points import reach
from shared.log import KEEP_PLANS, READ_IN_ORDER
from shared.lost import IN_THE_WAY, OF_THE_SERVER, WITHOUT_STATE, StoreBusy
from shared.outbox import JustCommitted
from shared.views import Resource, View
from shared.writer.acts import Act, Decided, Message, WritingWaits
from shared.writer.awake import Awake
from shared.writer.batch import NOTHING_BELOW, Batch, Head, Held
from shared.writer.companions import Companion
from shared.writer.deciding import Deciding
from shared.writer.handing_over import HandingOver, Widen, no_keys
from shared.writer.look import Look
from shared.writer.memory import STREAMS_HELD, Memory
from shared.writer.messages import Messages
from shared.writer.queue import Place, Queue, Together
from shared.writer.recording import Recording
from shared.writer.storing import SomebodyElseWrote, store

log = structlog.get_logger()

WRITER_READY = Gauge(
    "huurspoor_writer_ready", "1 while this process takes commands; 0 while its store is away or it stands by"
)
REPEATED = Counter("huurspoor_writer_batches_decided_again", "Batches decided again", ["because"])
WORTH_HALVING = 16  # so many acts that wait are decided and stored in two halves, one while the other commits
SECONDS_OF_DOUBT = 10.0
SECONDS_TO_COME_BACK = 5.0  # after a lost connection, before those under way are told that the store is away
ONLY_WRITER = "select pg_try_advisory_lock(hashtext('huurspoor-writer'))"
ALREADY_THERE = "23505"
TRIES = 3  # of acts that the database fails on, together and then each by itself
NO_HEAD = Head(batch="", log=0, published=0, epoch=1, hash=b"", at=datetime.fromtimestamp(0, UTC))


class RestoredBeneath(Exception):
    """The store holds less than this process has written to it: nothing that it holds in memory can be believed."""


class Writer:
    """The writer of one service process: ``run`` serves until cancelled, ``ask`` queues an act and waits for it.

    :ivar ready: set while acts are taken.
    :ivar committed: what the relay waits for; it is given what each commit published.
    :ivar on_taken: hears of each message that was asked for by itself: in whose inbox it lies, and its outcome.
    :ivar on_others: hears that somebody else wrote, before anything is decided on top of that.
    :ivar vouch: returns once writing may begin: at a start, and after ``look_again`` (``shared.witness``).
    :ivar waits: why writing waits for a person.
    :ivar widen: lets another office open what is sealed under keys of the first, given both and the keys.
    """

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
        widen: Widen = no_keys,
    ) -> None:
        self.service = service
        self.ready = asyncio.Event()
        self.committed = JustCommitted()
        self.on_taken: Callable[[str, Message, str], None] = lambda _office, _message, _state: None
        self.on_others: Callable[[], None] = lambda: None
        self.vouch: Callable[[], Awaitable[None]] | None = None
        self.waits: Mapping[str, str | int] | None = None
        self.memory = Memory(streams_held)
        self.widen = widen
        self._connect = connect
        self._connection: asyncpg.Connection | None = None  # stores; the look before the next batch has its own
        self._companions = companions
        self._queue = Queue(queue)
        self._largest = largest_batch
        self._head = NO_HEAD
        self._is_settled = False  # that this process is the one that writes, and what is committed
        self._look_again = False
        self._doubted_until = 0.0  # something was not as new as it was held to be: the next things may not be either
        self._under_way: list[Batch] = []  # whose acts were taken from the queue and have no outcome yet, oldest first
        self._less_under_way = asyncio.Event()  # never set for long: it wakes who waits
        self._storing: Batch | None = None
        self._ahead: Batch | None = None  # decided while that one is being stored
        self._deciding_ahead: asyncio.Task[None] | None = None
        by_kind = {stream.kind: stream for stream in streams}
        self._awake = Awake()
        self._look = Look(
            self.memory, service=service, codec=codec, streams=by_kind, authority=authority_stream, awake=self._awake
        )
        recording = Recording(
            self.memory,
            service=service,
            codec=codec,
            streams=by_kind,
            published=published,
            resources=resources,
            views=views,
            clock=clock,
        )
        self._handing_over = HandingOver(
            self.memory,
            self._look,
            recording,
            codec=codec,
            streams=by_kind,
            stays=stays,
            companions=companions,
            widen=widen,
        )
        self._deciding = Deciding(
            self.memory,
            self._look,
            recording,
            Messages(self.memory, enter=bool(companions)),
            self._handing_over,
            authority=authority_stream,
            clock=clock,
            companions=companions,
        )

    # -- asking -------------------------------------------------------------------------------------------------------

    async def ask(self, act: Act) -> Decided:
        """Queue an act and wait until its outcome is committed.

        :raises Refusal: the rule said no. :raises TooEarly: likewise, for callers without a message.
        :raises StoreBusy: the queue is full, or the store away: nothing was recorded, or the same key tells what was.
        :raises ChangedMeanwhile: ``by.if_match`` no longer matches. :raises KeyReused: the key had another request.
        """
        if not (self.ready.is_set() and self._queue.has_room_for(1)):
            raise StoreBusy if self.waits is None else WritingWaits(self.waits)
        future: asyncio.Future[Decided] = asyncio.get_running_loop().create_future()
        act.future, by = future, act.by
        if perf_counter() > self._doubted_until:
            act.new = by.once is not None or (by.message is not None and not by.message.waited)
            act.begins = act.begins or (by.if_match == 0 and act.version_of is None)
        else:
            act.suppose_nothing()
        self._queue.put(act)
        if self._storing is not None:
            self._decide_ahead()
        return await future

    async def ask_all(self, acts: Sequence[Act]) -> list[Decided | BaseException]:
        """Queue acts for new messages in this order, and return the outcome of each once all are committed.

        Each has its own, as if it had been asked alone; ``on_taken`` hears of none of them.

        :raises StoreBusy: there is no room, or the store is away: nothing was recorded.
        """
        if not (self.ready.is_set() and self._queue.has_room_for(len(acts))):
            raise StoreBusy
        if not acts:
            return []
        together, doubted = Together(len(acts)), perf_counter() <= self._doubted_until
        for number, act in enumerate(acts):
            act.future, act.new = Place(together, number), True
            act.begins = act.begins and not doubted
            self._queue.put(act)
        if self._storing is not None:
            self._decide_ahead()
        await together.all
        return cast("list[Decided | BaseException]", together.outcomes)

    def held(self, office: str, stream: AnyStream, id: str) -> Held | None:
        """Return a stream's committed state when this writer is the one that writes and holds it."""
        if not (self.ready.is_set() and self.is_the_one_that_writes):
            return None
        return self.memory.streams.get(f"{office}/{stream.kind}/{id}")

    async def known_until(self, at: datetime | None, *, now: datetime) -> datetime | None:
        """Return an instant such that all can be read that is or will be dated by then; None: only who writes knows.

        What is being committed is dated already, and cannot be read yet. What is decided from now on is dated later,
        also when the clock was put back: so what is answered of that instant can be answered again for ever.

        :param at: waited for, and returned; of one that is to come, now. None: the latest one, for which nothing is
            waited for; of what was written last where that is later than now.
        """
        latest = max(now, self._head.at)
        wanted = latest if at is None else min(at, latest)
        while self.is_the_one_that_writes:
            begun = [batch.since for batch in self._under_way if batch.since is not None]
            until = min([wanted, *(since - timedelta(microseconds=1) for since in begun)])
            if at is None or until == wanted:
                self._deciding.told_until = max(self._deciding.told_until, until)
                return until
            await self._less_under_way.wait()
        return None

    def look_again(self) -> None:
        """Let nothing more be written until it was vouched for."""
        self.ready.clear()
        self._look_again = True
        self._queue.arrived.set()

    def forget(self) -> None:
        """Believe nothing that is held in memory: it is read again when it is needed."""
        self.memory.forget()
        for companion in self._companions:
            companion.forget()

    @property
    def is_the_one_that_writes(self) -> bool:
        """Whether no other process of this service writes, and all is known that any wrote."""
        return self._is_settled and self._connection is not None and not self._connection.is_closed()

    @property
    def epoch(self) -> int:
        """In which epoch it writes (``shared.epochs``)."""
        return self._head.epoch

    @property
    def position(self) -> int:
        """The number of the last published event."""
        return self._head.published

    @property
    def log_head(self) -> tuple[int, bytes]:
        """The position of the last event in the log, and the hash over all of it."""
        return self._head.log, self._head.hash

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
                    except (*WITHOUT_STATE, asyncpg.PostgresError) as why:
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
        self._wake_who_waits_for_commits()
        while True:
            while not (batch.asked or self._look_again):
                await self._queue.arrived.wait()
                if not self.is_the_one_that_writes:
                    raise ConnectionResetError
                if not self._look_again:
                    await self._deciding.decide(self._queue.take(self._to_begin_with()), batch)
            if self._look_again:
                return
            self._must_follow(batch)
            if batch.stores:
                self._storing = batch
                if self._queue:
                    self._decide_ahead()
                await self._store(batch)
                self._storing = None
            self._go_on_from(batch)
            del self._under_way[0]
            self._wake_who_waits_for_commits()
            if self._ahead is not None and self._deciding_ahead is None:
                # The answers wait until the next batch is on its way, which is in this very step.
                asyncio.get_running_loop().call_soon(self._answer_all, batch)
            else:
                self._answer_all(batch)
                if self._deciding_ahead is not None:
                    await self._deciding_ahead
            batch, self._ahead = self._ahead or self._begin(), None
            self._under_way = [batch]

    def _wake_who_waits_for_commits(self) -> None:
        self._less_under_way.set()
        self._less_under_way.clear()

    def _to_begin_with(self) -> int:
        """Return how many acts the next batch takes when nothing is being committed.

        Of many that wait, half: the others are decided while these are being committed.
        """
        waiting = len(self._queue)
        return min(self._largest, (waiting + 1) // 2 if waiting >= WORTH_HALVING else waiting)

    def _decide_ahead(self) -> None:
        if self._deciding_ahead is None and self._room_ahead > 0:
            self._deciding_ahead = asyncio.create_task(self._decide_on_top_of(self._storing))

    async def _decide_on_top_of(self, below: Batch | None) -> None:
        """Decide what arrives while a batch is being committed, as if it were already.

        What came of that batch may be known before this begins: then nothing is put on top of it.
        """
        while self._queue and self._room_ahead > 0 and self._storing is below:
            if self._ahead is None:
                self._ahead = self._begin(below)
                self._under_way.append(self._ahead)
            await self._deciding.decide(self._queue.take(self._room_ahead), self._ahead)
        self._deciding_ahead = None

    @property
    def _room_ahead(self) -> int:
        """So many acts more may be decided ahead."""
        return self._largest - (0 if self._ahead is None else len(self._ahead.asked))

    def _begin(self, below: Batch | None = None) -> Batch:
        """Begin a batch that follows what is committed, or the one that is being committed."""
        if below is None:
            return Batch.after(self._head, NOTHING_BELOW, [companion.batch(None) for companion in self._companions])
        companions = zip(self._companions, below.companions, strict=True)
        return Batch.after(below.head, below, [companion.batch(rows) for companion, rows in companions])

    def _let_go(self) -> None:
        """Tell everybody who waits that the store is away; the same key will tell what was."""
        self.ready.clear()
        for batch in self._under_way:
            for act in batch.asked:
                act.tell(StoreBusy())
        for act in self._queue.take(len(self._queue)):
            act.tell(StoreBusy())

    async def _open(self) -> None:
        await self._reconnect()
        assert self._connection is not None
        while not await self._connection.fetchval(ONLY_WRITER):
            await asyncio.sleep(0.25)
        await self._read_head()
        self._under_way = []  # of what was sent off the head tells by now what became of it
        self._is_settled, self._look_again = True, False
        if self.vouch is not None:
            await self.vouch()
            await self._read_head()  # a new epoch may have begun
        self.ready.set()

    async def _reconnect(self) -> None:
        self._connection = await self._connect()
        # Also a process to which nobody says anything notices that it is no longer the one that writes.
        self._connection.add_termination_listener(lambda _connection: self._queue.arrived.set())
        self._look.connection = await self._connect()
        for connection in (self._connection, self._look.connection):
            await connection.execute(f"{KEEP_PLANS}; {READ_IN_ORDER}")

    async def _close(self) -> None:
        self.ready.clear()
        await self._hang_up()

    async def _hang_up(self) -> None:
        self._is_settled = False
        for connection in (self._connection, self._look.connection):
            if connection is not None:
                connection.terminate()
        self._connection = self._look.connection = None
        if self._deciding_ahead is not None:
            self._deciding_ahead.cancel()
        await self._nothing_is_decided_ahead()

    async def _read_head(self) -> None:
        assert self._connection is not None
        head = Head(*await self._connection.fetchrow("select batch, log, published, epoch, hash, at from head"))
        if head.log < self._head.log or head.published < self._head.published:
            raise RestoredBeneath
        if (head.batch, head.log) != (self._head.batch, self._head.log):
            self.forget()
            self.on_others()
        self._head = head

    async def _settle_under_way(self, why: Exception) -> None:
        """Give every act that is under way exactly one outcome, whatever went wrong: nothing is decided ahead here.

        :raises Exception: of the driver, where the connection is lost and does not come back.
        """
        await self._nothing_is_decided_ahead()
        for batch in list(self._under_way):
            if batch.asked and (not batch.sent_off or await self._is_to_be_decided_again(batch, why)):
                await self._settle(batch.asked)
            batch.asked = []
        if not self.is_the_one_that_writes:
            await self._was_committed(self._begin())

    async def _nothing_is_decided_ahead(self) -> None:
        storing, self._storing, self._ahead = self._storing, None, None
        if storing is not None:
            storing.has_come_to(committed=False)
        if self._deciding_ahead is not None:
            await asyncio.gather(self._deciding_ahead, return_exceptions=True)  # what went wrong there goes wrong again
            self._deciding_ahead = None

    async def _settle(self, asked: list[Act]) -> None:
        """Decide and store until each has its outcome; what fails again and again is tried act by act.

        :raises Exception: of the driver, where one act alone fails again and again as well; nothing of it was stored.
        :raises StoreBusy: somebody must vouch for the store first; nothing was stored.
        """
        failed: Exception = StoreBusy()
        for _try in range(TRIES):
            if self._look_again:
                raise StoreBusy
            batch = self._begin()
            self._under_way.append(batch)  # what is dated in it is not known before its commit
            try:
                await self._deciding.decide(asked, batch)
                self._must_follow(batch)
                await self._store(batch)
            except (*WITHOUT_STATE, asyncpg.PostgresError) as why:
                if not await self._is_to_be_decided_again(batch, why):
                    return
                failed = why
            else:
                self._keep(batch)
                return
            finally:
                self._under_way.remove(batch)
        if len(asked) == 1:
            raise failed
        for one in asked:
            await self._settle([one])

    async def _is_to_be_decided_again(self, batch: Batch, why: Exception) -> bool:
        """Look what came of a batch that could not be stored; where that is known, its acts have their outcome."""
        if isinstance(why, asyncpg.PostgresError) and why.sqlstate == SomebodyElseWrote.sqlstate:
            REPEATED.labels("somebody-else-wrote").inc()
            await self._read_head()
            return True
        if not isinstance(why, asyncpg.PostgresError) or (why.sqlstate or "")[:2] in ("", *OF_THE_SERVER):
            return not await self._was_committed(batch)
        if why.sqlstate[:2] in IN_THE_WAY:
            REPEATED.labels("in-the-way").inc()
            return True
        if why.sqlstate == ALREADY_THERE and any(one.supposes for one in batch.asked):
            # One is not as new as it was held to be: look for all of them, and for those that are asked from now on.
            REPEATED.labels("not-new").inc()
            self._doubted_until = perf_counter() + SECONDS_OF_DOUBT
            for one in batch.asked:
                one.suppose_nothing()
            return True
        if len(batch.asked) == 1:
            log.error("act-refused-by-the-store", sqlstate=why.sqlstate, act=batch.asked[0].by.act)
            batch.asked[0].tell(why)
        else:
            REPEATED.labels("one-by-one").inc()
            for one in batch.asked:
                await self._settle([one])
        return False

    async def _was_committed(self, batch: Batch) -> bool:
        """The reply was lost: ask the head whether the batch was committed, and if so give its outcomes.

        Where the database is there, it was the connection alone that ended: nobody is sent away for it.
        """
        REPEATED.labels("connection-lost").inc()
        await self._hang_up()
        deadline, head = perf_counter() + SECONDS_TO_COME_BACK, ""
        while True:
            try:
                await self._reconnect()
                assert self._connection is not None
                if not await self._connection.fetchval(ONLY_WRITER):
                    raise OSError("another process writes")
                head = await self._connection.fetchval("select batch from head")
                break
            except (*WITHOUT_STATE, asyncpg.PostgresError):
                await self._close()
                if perf_counter() > deadline:
                    for one in batch.asked:
                        one.tell(StoreBusy())
                    raise
                await asyncio.sleep(0.05)
        committed = batch.sent_off and head == batch.id
        if committed:
            self._keep(batch)
        else:
            self.forget()
            await self._read_head()
        self._is_settled = True
        if not self._look_again:
            self.ready.set()
        return committed

    def _must_follow(self, batch: Batch) -> None:
        """Let nobody be answered on top of what was not committed, or by what another process may have made untrue.

        :raises SomebodyElseWrote: the batch follows another one than the last. :raises OSError: the connection is lost
            that made this process the one that writes.
        """
        if batch.follows != self._head.batch:
            raise SomebodyElseWrote
        if not self.is_the_one_that_writes:
            raise ConnectionResetError

    async def _store(self, batch: Batch) -> None:
        assert self._connection is not None
        with self._awake:
            await store(self._connection, batch)

    def _keep(self, batch: Batch) -> None:
        self._go_on_from(batch)
        self._answer_all(batch)

    def _go_on_from(self, batch: Batch) -> None:
        """The batch is committed, or had nothing to commit: hold its states, wake who waits for what it published."""
        reach("after the append")
        batch.has_come_to(committed=True)
        woken = batch.published != self._head.published
        self._head = batch.head
        self.memory.keep(batch)
        if self._deciding_ahead is None:  # it may count on what it found to be held
            self.memory.let_go()
        for companion in batch.companions:
            companion.committed()
        if woken:
            self.committed.add(batch.sent)

    def _answer_all(self, batch: Batch) -> None:
        for one, outcome in batch.outcomes:
            if one.by.message is not None and isinstance(outcome, Decided) and not isinstance(one.future, Place):
                self.on_taken(one.by.message.office or one.office, one.by.message, outcome.outcome)
            one.tell(outcome)
