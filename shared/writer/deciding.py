"""Deciding the acts of a batch, one after the other: each sees what those before it leave behind.

One act's refusal, or a bug in its rule, takes out of the batch what that act put into it and touches no other.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter
from traceback import format_tb
from typing import Any

import asyncpg
import structlog
from prometheus_client import Histogram

from shared import authority
from shared.clock import Clock, local_date
from shared.decisions import AnyStream, Elsewhere, HandOver, Recorded, Refusal, TooEarly
from shared.hand_over import LeaseMoved
from shared.log import ONCE
from shared.lost import WITHOUT_STATE
from shared.writer.acts import Act, Change, ChangedMeanwhile, Decided, KeyReused
from shared.writer.batch import Batch, Mark, as_hex
from shared.writer.companions import Companion
from shared.writer.handing_over import HandingOver, NotRead
from shared.writer.look import REFUSED, Known, Look
from shared.writer.memory import Memory, Unread
from shared.writer.messages import Messages
from shared.writer.recording import Recording

log = structlog.get_logger()

DECIDE = Histogram(
    "huurspoor_writer_decide_seconds",
    "Time of deciding one batch",
    buckets=(0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1),
)
SLOW_DECISION_SECONDS = 0.05


class Deciding:
    """Decides acts into batches.

    :param authority: the stream that holds the office's mandates, and its id.
    :ivar told_until: what is decided from now on is dated later, whatever the clock says.
    """

    def __init__(
        self,
        memory: Memory,
        look: Look,
        recording: Recording,
        messages: Messages,
        handing_over: HandingOver,
        *,
        authority: tuple[AnyStream, str] | None,
        clock: Clock,
        companions: Sequence[Companion],
    ) -> None:
        self.told_until = datetime.fromtimestamp(0, UTC)
        self._memory = memory
        self._look = look
        self._recording = recording
        self._messages = messages
        self._handing_over = handing_over
        self._authority = authority
        self._clock = clock
        self._companions = companions

    async def decide(self, asked: list[Act], batch: Batch) -> None:
        """Read what acts need, and decide them in their order into a batch.

        :raises Exception: of the driver; the batch is of no use any more.
        """
        if not asked:
            return  # nobody waits for an answer any more
        batch.asked += asked
        self._memory.let_go()
        known = await self._look.before(asked, batch)
        offices = {one.office for one in asked}
        offices |= {one.by.message.office for one in asked if one.by.message is not None and one.by.message.office}
        if not offices <= self._memory.gone.keys():
            await self._look.at_leases_gone(offices)
        for companion in self._companions:
            await companion.load(self._look.connection, offices)
        batch.moment = max(self._clock.now(), batch.moment, self.told_until + timedelta(microseconds=1))
        batch.since = batch.since or batch.moment
        batch.today = local_date(batch.moment)
        started = perf_counter()
        entered = len(batch.entered)
        for one in asked:
            begun, before = perf_counter(), batch.mark()
            outcome: Decided | BaseException | None = None
            try:
                while outcome is None:
                    try:
                        outcome = self._outcome(one, batch, known)
                    except Exception as why:
                        await self._look_for_more(why, one, batch, known, before)
            except (Refusal, TooEarly, ChangedMeanwhile, KeyReused, LeaseMoved) as no:
                outcome = no
            except (*WITHOUT_STATE, asyncpg.PostgresError):  # while it looked for something more
                raise
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

    async def _look_for_more(self, why: Exception, one: Act, batch: Batch, known: Known, before: Mark) -> None:
        """Look for what turned out to be needed and was not looked for, so that the act can be decided again.

        :raises Exception: ``why``, where all is known.
        """
        match why:
            case Unread():
                batch.go_back(before)
                await self._look.at_streams({why.key: why.key.partition("/")[0]})
            case NotRead():
                batch.go_back(before)
                await self._handing_over.read(why.going, batch)
            case _ if one.supposes:
                # Of a request or message that was there before, the first outcome counts, whatever is said to it now.
                batch.go_back(before)
                one.suppose_nothing()
                known.add(await self._look.before([one], batch))
            case _:
                raise why

    def _outcome(self, one: Act, batch: Batch, known: Known) -> Decided:
        """Decide an act, and put what follows from it into the batch."""
        by = one.by
        if by.once is not None:
            first = self._first_answer(one, by.once, batch, known)
            if first is not None:
                return first
        if by.message is not None:
            waits = self._messages.already(one, by.message, batch, known)
            if waits is not None:
                return waits
        if one.stream is None or one.decision is None:
            batch.add_rows(one.rows)
            if by.message is not None:
                self._messages.take(one, by.message, batch)
            return Decided(one.id, None, None, 0)
        held = self._memory.stream(batch, one.office, one.stream, one.id)
        if by.if_match is not None:
            version = held.version if one.version_of is None else one.version_of(held.state)
            if by.if_match != version:
                raise ChangedMeanwhile(held.state, version)
        key = f"{one.office}/{one.stream.kind}/{one.id}"
        mandate: str | None = None
        facts = {name: self._memory.wanted(batch, one.office, read) for name, read in one.reads.items()}
        try:
            mandate = self._mandate(one, batch)
            events = list(one.decision(held.state, **facts))
            self._handing_over.must_be_competent(one, events, batch)
        except TooEarly as early:
            if by.message is None:
                raise
            self._memory.must_hold(batch, key)
            self._messages.park(one, by.message, batch, waits_for=early.waits_for)
            return Decided(one.id, one.stream, held.state, held.version, outcome="parked")
        except Refusal as no:
            if one.refused is not None and not self._attempted(one, batch, known):
                told = [Elsewhere(one.refused.stream, one.refused.id, event) for event in one.refused.events(no)]
                self._record(one, told, batch, mandate)
            raise
        cause = len(batch.entered)  # what was told goes into the ledger before what follows from it
        recorded = self._record(one, events, batch, mandate)
        batch.add_rows(one.rows)
        if one.begins:  # where no event of its own stream says by its key that there was none
            self._memory.must_hold(batch, key)
        after = batch.held.get(key, held)
        decided = Decided(one.id, one.stream, after.state, after.version, recorded)
        if by.message is not None:
            self._messages.take(one, by.message, batch, enters_at=cause)
        if by.once is not None:
            answer = one.answer(decided) if one.answer is not None else None
            decided = Decided(one.id, one.stream, after.state, after.version, recorded, answer)
            batch.put(batch.once, (one.office, by.once), (by.digest, decided))
            row = {"key": by.once, "digest": as_hex(by.digest), "answer": as_hex(answer), "at": batch.moment}
            batch.changes.append(Change(one.office, ONCE, row, "insert"))
        return decided

    def _first_answer(self, one: Act, key: str, batch: Batch, known: Known) -> Decided | None:
        """Return what came of the request that had this key first. :raises KeyReused: that was another request."""
        place = (one.office, key)
        earlier = batch.once.get(place) or batch.below.once.get(place)
        if earlier is not None:
            if earlier[0] != one.by.digest:
                raise KeyReused
            first = earlier[1]
            return Decided(first.id, first.stream, first.state, first.version, first.events, first.answer, "replayed")
        stored = known.once.get(place)
        if stored is None:
            return None
        if stored[0] != one.by.digest:
            raise KeyReused
        return Decided(one.id, one.stream, None, 0, (), stored[1], "replayed")

    def _attempted(self, one: Act, batch: Batch, known: Known) -> bool:
        """Whether this very request was refused and remembered before; a repetition is not another attempt."""
        by = one.by
        if by.once is None:
            return False
        place = (one.office, by.once + REFUSED)
        earlier = batch.once.get(place) or batch.below.once.get(place) or known.once.get(place)
        if earlier is not None and earlier[0] == by.digest:
            return True
        batch.put(batch.once, place, (by.digest, Decided(one.id, one.stream, None, 0)))
        row = {"key": by.once + REFUSED, "digest": as_hex(by.digest), "answer": None, "at": batch.moment}
        batch.changes.append(Change(one.office, ONCE, row))
        return False

    def _mandate(self, one: Act, batch: Batch) -> str | None:
        """Check that the actor may do this act, on both days, and return the mandate that covers it (domain 8)."""
        if one.by.act is None or self._authority is None:
            return None
        register = self._memory.stream(batch, one.office, *self._authority).state
        days = {batch.today, one.by.occurred_on or batch.today}
        found = authority.mandate_for(
            register, person=one.by.actor, act=one.by.act, needed=one.by.mandated, on_days=tuple(sorted(days))
        )
        return None if found is None else found.id

    def _record(self, one: Act, events: Sequence[Any], batch: Batch, mandate: str | None) -> tuple[Recorded[Any], ...]:
        """Put a decision's events into the batch, and return those of the act's own office."""
        recorded = []
        went: set[str] = set()  # to whom something went before: that office has what belongs to it
        for event in events:
            if isinstance(event, HandOver):
                if not self._handing_over.hand_over(event, batch):
                    went.add(event.to_office)
            elif isinstance(event, Elsewhere):
                office = event.office or one.office
                if event.office in went:
                    continue
                told = self._recording.append(
                    one, event.stream, event.id, event.event, batch, mandate, follows=event.follows, office=office
                )
                if office == one.office:  # who acts for one office is told nothing of another
                    recorded.append(told)
            else:
                assert one.stream is not None
                recorded.append(self._recording.append(one, one.stream, one.id, event, batch, mandate))
        return tuple(recorded)
