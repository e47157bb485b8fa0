"""The work of an import: line after line, beside everybody else's acts, and on where a process was cut off."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

import asyncpg
import structlog

from services.visits import import_files
from services.visits.api.import_lines import (
    Asks,
    Seals,
    Told,
    asks,
    in_passes,
    read_lines,
    subjects_of,
    visited_in,
)
from services.visits.events import ImportedLine, ImportStarted, LineOutcome
from services.visits.photo_files import Altered
from services.visits.rules import importing as rules
from services.visits.rules.importing import IMPORT, Import
from services.visits.rules.lease import LEASE, note_overdue
from services.visits.rules.policy import OFFICE, POLICIES, Policies
from services.visits.views.due import not_noted_overdue
from services.visits.views.imports import lines_done
from shared.bus import Seldom
from shared.clock import Clock, seconds_running
from shared.decisions import Elsewhere, Person, Refusal
from shared.event_sourcing import Decided, EventStore, One, StoreBusy
from shared.keys import NationalNumberTyped
from shared.lost import LOST
from shared.refusals import OccurredInFuture
from shared.web import AWAY, Caller

AT_A_TIME: Final = 100  # of the writer's 2,000 places: everybody else goes on working meanwhile
TRIES: Final = 20
LOOK_SECONDS: Final = 2.0
LONGEST_PAUSE_SECONDS: Final = 600.0
FORSAKEN: Final = timedelta(hours=1)  # a file whose import never began: the request that brought it has failed
ACT: Final = "import_leases"
_under_way: dict[str, "asyncio.Task[None]"] = {}

log = structlog.get_logger()

Outcome = Callable[[Told], Awaitable[ImportedLine]]
Asking = Callable[[Told], Awaitable[Asks]]


def at_work(id: str, work: "Work") -> None:
    """Let an import go on in this process, beside everything else; once, whoever saw first that it waits."""
    if id not in _under_way:
        _under_way[id] = asyncio.create_task(work.run())
        _under_way[id].add_done_callback(lambda _done: _under_way.pop(id, None))


class Work:
    """One import, from wherever it is to its end."""

    def __init__(
        self, id: str, started: ImportStarted, told: Sequence[Told], by: Caller, store: EventStore, policies: Policies
    ) -> None:
        self._id, self._started, self._told, self._by, self._store = id, started, told, by, store
        seals = Seals(by, rehearsal=started.rehearsal)
        bringing = replace(by, source="import", device_time=None, clock_suspect=False)
        asking = partial(asks, by=bringing, seals=seals, policies=policies, visited=visited_in(told))
        if started.rehearsal:
            self._do: Outcome = Rehearsal(bringing, store, asking).outcome
        else:
            self._do = _Bringing(id, bringing, store, asking).outcome

    async def run(self) -> None:
        """Do what is not done yet. Cut off, it leaves its file behind, and goes on when somebody looks again."""
        try:
            done = await lines_done(self._store, by=self._by, of=self._id)
            await self._note(
                _refused(line, line.reason or "line-unreadable", columns=line.columns)
                for line in self._told
                if line.says is None and line.number not in done
            )
            for lines in in_passes(self._told):
                # A rehearsal holds what its earlier lines would bring in memory, so it goes through all of them again.
                to_do = [line for line in lines if self._started.rehearsal or line.number not in done]
                for start in range(0, len(to_do), AT_A_TIME):
                    these = to_do[start : start + AT_A_TIME]
                    await self._prepare_keys(these)
                    outcomes = await asyncio.gather(*(_never_stopping(self._do, line) for line in these))
                    await self._note(one for one in outcomes if one.line not in done)
            if not self._started.rehearsal:
                await self._note_overdue()
            await self._decide(rules.finish)
            await import_files.forget(self._store, by=self._by, of=self._id)
        except AWAY as why:
            log.warning("import-waits-for-the-store", because=type(why).__name__)
        except Exception as why:  # nobody waits for this: what is not said here is not said at all
            log.error("import-cut-off", exc_info=why)

    async def _prepare_keys(self, lines: Sequence[Told]) -> None:
        if not self._started.rehearsal:
            subjects = [subject for line in lines for subject in subjects_of(line, by=self._by)]
            await self._store.seals.prepare(self._by.office, subjects)

    async def _note(self, outcomes: Iterable[ImportedLine]) -> None:
        lines = tuple(outcomes)
        for start in range(0, len(lines), AT_A_TIME):
            await self._decide(partial(rules.advance, done=lines[start : start + AT_A_TIME]))

    async def _decide(self, decision: Callable[[Any], Any]) -> None:
        by = replace(self._by, act=None)  # bookkeeping goes on whatever happens to a mandate meanwhile
        await _patiently(lambda: self._store.decide(IMPORT, self._id, decision, by=by))

    async def _note_overdue(self) -> None:
        """Past visits came after the leases; only now is it known which next visit is overdue today."""
        late = await not_noted_overdue(self._store, by=self._by, today=self._by.today)
        noting = partial(note_overdue, today=self._by.today)
        by = replace(self._by, person=Person(id="SYS", roles=frozenset()), act=None, source="system")
        for start in range(0, len(late), AT_A_TIME):
            these = late[start : start + AT_A_TIME]
            await asyncio.gather(*(_patiently(partial(self._store.decide, LEASE, one, noting, by=by)) for one in these))


async def _never_stopping(do: Outcome, line: Told) -> ImportedLine:
    """Do a line; what is wrong with it stops neither its neighbours nor the import. With the store away all wait."""
    try:
        return await do(line)
    except NationalNumberTyped as typed:
        return _refused(line, "invalid-request", columns=(typed.field,))
    except AWAY:
        raise
    except Exception as bug:
        log.error("import-line-failed", exc_info=bug)
        return _refused(line, "internal-error")


async def _patiently(act: Callable[[], Awaitable[Decided]]) -> Decided:
    """Act; while the store is away or has no place, wait a little longer each time. :raises StoreBusy: at last."""
    for tried in range(TRIES):
        try:
            return await act()
        except StoreBusy:
            await asyncio.sleep(min(2.0, 0.05 * 2**tried))
    raise StoreBusy


class _Bringing:
    """Records what lines bring. Each line has a key, so that one done before a cut answers what it recorded then."""

    def __init__(self, id: str, by: Caller, store: EventStore, asking: Asking) -> None:
        self._id, self._by, self._store, self._asks = id, by, store, asking

    async def outcome(self, line: Told) -> ImportedLine:
        """Return what became of a line."""
        lease: str | None = None
        try:
            asked = await self._asks(line)
            lease = asked.lease
            decided = await _patiently(partial(self._bring, line, asked))
        except Refusal as no:
            return _refused(line, no.reason(), lease=lease)
        return _outcome(line, json.loads(decided.answer or b"[]"), "recorded", lease)

    async def _bring(self, line: Told, asked: Asks) -> Decided:
        by = replace(asked.by, once=f"SYS:import:{self._id}:{line.number}", digest=None)
        return await self._store.decide(
            asked.stream, asked.id, asked.decision, by=by, reads=asked.reads, answer=_names_of
        )


def _names_of(decided: Decided) -> bytes:
    return json.dumps([type(recorded.event).__name__ for recorded in decided.events]).encode()


class Rehearsal:
    """Decides as the import would, over what is there and what the file brought so far, and records nothing."""

    def __init__(self, by: Caller, store: EventStore, asking: Asking) -> None:
        self._by, self._store, self._asks = by, store, asking
        self._states: dict[tuple[str, str], Any] = {}

    async def outcome(self, line: Told) -> ImportedLine:
        """Return what would become of a line."""
        asked = await self._asks(line)
        state = await self._state(asked.stream, asked.id)
        facts = {}
        for name, read in asked.reads.items():
            assert isinstance(read, One)
            facts[name] = await self._state(read.stream, read.id)
        try:
            return self._decided(line, asked, state, facts)
        except Refusal as no:
            return _refused(line, no.reason(), lease=asked.lease)

    def _decided(self, line: Told, asked: Asks, state: Any, facts: Mapping[str, Any]) -> ImportedLine:
        # Read anew: while this line waited for the store another one may have brought its lease.
        state = self._states[(asked.stream.kind, asked.id)]
        events = list(asked.decision(state, **facts))
        if asked.by.day > asked.by.today:
            raise OccurredInFuture
        for event in events:
            stream, id, event = (
                (event.stream, event.id, event.event)
                if isinstance(event, Elsewhere)
                else (asked.stream, asked.id, event)
            )
            before = self._states.get((stream.kind, id), stream.initial)
            self._states[(stream.kind, id)] = stream.evolve(before, event)
        return _outcome(line, [_name(event) for event in events], "would_record", asked.lease)

    async def _state(self, stream: Any, id: str) -> Any:
        key = (stream.kind, id)
        if key not in self._states:
            found = await self._store.state(stream, id, by=self._by)
            self._states.setdefault(key, found)
        return self._states[key]


def _name(event: Any) -> str:
    return type(event.event if isinstance(event, Elsewhere) else event).__name__


def _outcome(line: Told, recorded: Sequence[str], said: LineOutcome, lease: str | None) -> ImportedLine:
    outcome: LineOutcome = said if recorded else "already"
    return ImportedLine(
        line=line.number, kind=line.kind, outcome=outcome, recorded=tuple(dict.fromkeys(recorded)), lease=lease
    )


def _refused(line: Told, reason: str, *, lease: str | None = None, columns: tuple[str, ...] = ()) -> ImportedLine:
    return ImportedLine(
        line=line.number, kind=line.kind, outcome="refused", reason=reason, columns=columns, lease=lease
    )


# --- after a cut ------------------------------------------------------------------------------------------------------


class OfEveryOffice(Protocol):
    """Connections of the role that sees every office."""

    async def fetch(self, query: str) -> list[Any]:
        """Return the rows of a query."""


async def keep_going_on(store: EventStore, clock: Clock, every_office: OfEveryOffice) -> None:
    """Go on with every import that was cut off, until cancelled; only the process that writes does."""
    tried: dict[str, int] = {}
    not_before: dict[str, float] = {}
    seldom = Seldom()
    while True:
        await store.writer.ready.wait()
        try:
            for row in await every_office.fetch(import_files.LEFT):
                id = row["of_import"]
                if id in _under_way or seconds_running() < not_before.get(id, 0.0):
                    continue
                # Whatever is wrong with one is said ever more seldom, and stops no other.
                tried[id] = tried.get(id, 0) + 1
                not_before[id] = seconds_running() + min(LONGEST_PAUSE_SECONDS, LOOK_SECONDS * 2 ** tried[id])
                await _go_on(row["office"], id, row["at"], store, clock)
        except (*AWAY, *LOST, asyncpg.PostgresError) as why:
            seldom.warn("imports-wait-for-the-store", type(why).__name__)
        except Exception as why:
            log.error("import-cannot-go-on", exc_info=why)
        await asyncio.sleep(LOOK_SECONDS)


async def _go_on(office: str, id: str, since: datetime, store: EventStore, clock: Clock) -> None:
    by = Caller(
        office=office,
        person=Person(id="SYS", roles=frozenset()),
        name="",
        today=clock.today(),
        at=clock.now(),
        correlation_id=str(uuid.uuid4()),
        seals=store.seals,
    )
    known: Import = await store.state(IMPORT, id, by=by)
    policies: Policies = await store.state(POLICIES, OFFICE, by=by)
    if known.state == "finished" or (known.state == "new" and clock.now() - since > FORSAKEN):
        await import_files.forget(store, by=by, of=id)
    if known.state != "running" or known.started is None or known.started.file_key is None or not policies:
        return
    try:
        raw = await import_files.file_of(store, by=by, of=id, key=known.started.file_key)
    except Altered:
        raw = None
    if raw is None:
        log.error("import-file-gone", of_import=id)
        return
    # The act is still that of the person who brought the file.
    by = replace(by, person=Person(id=known.started.brought_by, roles=frozenset()), act=ACT)
    told = await asyncio.to_thread(read_lines, raw)
    at_work(id, Work(id, known.started, told, by, store, policies))
