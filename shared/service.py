"""The wiring of one service process; only a ``main`` imports it.

``python -m services.<name>.main`` serves; given the owner's address too (``up`` does so at its start) it lays out the
database first. ``… migrate`` does only that, ``… rebuild`` builds the views again beside a running service,
``… schemas`` writes the documents of its public contracts.
"""

import asyncio
import contextlib
import hashlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import asyncpg
import structlog
import uvicorn
import uvloop

from shared import observability, web
from shared.bus import Bus
from shared.clock import Clock, clock_of
from shared.codec import Codec
from shared.contract_documents import write
from shared.correspondence import Correspondence
from shared.day import DayLoop, Days
from shared.dead_letters import OPEN_LETTERS
from shared.decisions import AnyStream
from shared.event_sourcing import STATEMENT_TIMEOUTS, EventStore, reading_pool
from shared.heads import STREAMS, with_heads
from shared.keys import Seals, read_master_key
from shared.log import event_log, lay_out
from shared.lost import WITHOUT_STATE
from shared.outbox import Relay
from shared.rebuild import WENT_AWAY, rebuild
from shared.serving import config_of, set_aside_what_stays
from shared.settings import Settings, with_password
from shared.told import Reactions
from shared.views import Resource, Table, View
from shared.web import Doors
from shared.witness import Witness
from shared.wording import Wording
from shared.writer.companions import Companion
from shared.writer.loop import WRITER_READY, Writer

log = structlog.get_logger()

SECONDS_TO_TELL = 2.0
SECONDS_TO_FINISH = 9.0  # for what was fetched or is with a carrier; they give up by themselves after 8
HURRY_SECONDS = 2.0  # at the end: when what does not end is told again, and what is still held is let go

Carrier = Callable[[EventStore, Settings, Clock, asyncpg.Pool], Coroutine[Any, Any, None] | None]


def _no_carrier(_store: EventStore, _settings: Settings, _clock: Clock, _every_office: asyncpg.Pool) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Service:
    """Everything that makes one service, put together by its ``main``.

    :ivar streams: all kinds of streams that it keeps.
    :ivar published: which public contracts an event becomes, given its stream's state after it and the stream's id.
    :ivar authority: the stream that holds the office's mandates here, and its id.
    :ivar wording: the folder with ``nl.toml`` and ``en.toml``.
    :ivar carrier: makes the work that carries messages to the world; None where no carrier is set.
    :ivar stays: kinds of streams that stay with an office when the lease they are about goes to another one.
    :ivar companions: makes tables that are chained over what is published and taken in (the ledger).
    """

    name: str
    api: Doors
    reactions: Reactions
    days: Days
    published: Callable[[Any, Any, str], tuple[Any, ...]]
    resources: Sequence[Resource]
    views: Sequence[View]
    streams: Sequence[AnyStream]
    authority: tuple[AnyStream, str] | None
    wording: Path
    companions: Callable[[Seals], Sequence[Companion]] = field(default=lambda _seals: ())
    contracts: Sequence[type] = ()
    stays: Sequence[AnyStream] = ()
    carrier: Carrier = _no_carrier

    def run(self, arguments: Sequence[str] | None = None) -> NoReturn:
        """Do what the command line says, and end the process."""
        words = list(sys.argv[1:] if arguments is None else arguments)
        settings = Settings()
        match words:
            case []:
                observability.configure(self.name, settings.log_level)
                if settings.database_owner:
                    self._migrate(settings)
                uvloop.run(self._serve(settings))
            case ["migrate"]:
                self._migrate(settings)
            case ["rebuild"]:
                try:
                    self._rebuild(settings)
                except WENT_AWAY:
                    sys.exit(f"huurspoor: the database of {self.name} went away; its views are as they were")
            case ["schemas"]:
                print(f"{len(write(self.name, list(self.reactions.heard)))} documents written")
            case _:
                print("usage: main [migrate | rebuild | schemas]", file=sys.stderr)
                sys.exit(2)
        sys.exit(0)

    # -- commands -----------------------------------------------------------------------------------------------------

    def _migrate(self, settings: Settings) -> None:
        log_of_owner = event_log(_dsn(with_password(settings.database_owner, settings.database_owner_password_file)))
        try:
            stale = lay_out(
                log_of_owner,
                self.name,
                views=self.view_tables,
                companions=self.companion_tables,
                made_by=self.views_code,
            )
        finally:
            log_of_owner.datastore.close()
        if stale:
            self._rebuild(settings)

    def _rebuild(self, settings: Settings) -> None:
        rebuild(
            self.name,
            _dsn(with_password(settings.database_owner, settings.database_owner_password_file)),
            codec=Codec((*self.streams, *STREAMS)),
            streams=(*self.streams, *STREAMS),
            resources=self.resources,
            views=self.views,
            stays=self.stays,
            made_by=self.views_code,
        )

    @property
    def views_code(self) -> str:
        """Stand for the code that decides what the views hold: events, rules and views of the service."""
        package = self.wording.parent
        code = [
            module
            for room in ("events", "views", "rules")  # each one module, or a folder of them
            for module in (*package.glob(f"{room}.py"), *sorted((package / room).rglob("*.py")))
        ]
        return hashlib.sha256(b"".join(module.read_bytes() for module in code)).hexdigest()

    @property
    def view_tables(self) -> list[Table]:
        """All tables that are made of events only."""
        tables = {resource.table.name: resource.table for resource in self.resources}
        tables.update({table.name: table for view in self.views for table in view.tables})
        return list(tables.values())

    @property
    def companion_tables(self) -> list[Table]:
        """All tables that are chained over what is published and taken in."""
        return [table for companion in self.companions(_NO_SEALS) for table in companion.tables]

    # -- serving ------------------------------------------------------------------------------------------------------

    async def _serve(self, settings: Settings) -> None:
        clock = clock_of(settings.clock_file)
        seals = await Seals.connect(
            settings.keys_database,
            read_master_key(settings.master_key_file) if settings.master_key_file else b"",
            password=_password(settings.keys_database_password_file),
        )
        own = with_password(settings.database, settings.database_password_file)
        of_all = with_password(settings.database_all, settings.database_all_password_file)
        pool = reading_pool(own)
        every_office = asyncpg.create_pool(of_all, min_size=0, max_size=4, command_timeout=20, timeout=5)
        streams = (*self.streams, *STREAMS)
        codec = Codec(streams)
        writer = Writer(
            service=self.name,
            connect=lambda: asyncpg.connect(own, timeout=5, command_timeout=20, server_settings=STATEMENT_TIMEOUTS),
            codec=codec,
            streams=streams,
            published=with_heads(self.published),
            resources=self.resources,
            views=self.views,
            authority_stream=self.authority,
            clock=clock,
            companions=self.companions(seals),
            stays=self.stays,
            widen=seals.widen,
        )
        store = EventStore(writer, codec, pool, seals)
        bus = Bus(settings.nats, user=self.name, seed_file=settings.nats_seed_file)
        witness = Witness(self.name, writer, bus, clock, every_office, settings.witness_file)
        relay = Relay(
            self.name,
            bus,
            lambda: asyncpg.connect(of_all, timeout=5, command_timeout=20),
            writer.committed,
            witness.publishing,
        )
        relay.as_told = witness.as_told
        inbox = Correspondence(self.name, store, bus, relay, self.reactions, clock=clock, every_office=every_office)
        inbox.heads.told_of_us = witness.hear
        days = DayLoop(self.days, store, clock, every_office)
        WRITER_READY.set_function(writer.ready.is_set)
        OPEN_LETTERS.set_function(inbox.dead_letters.number_open)

        async def ready() -> dict[str, Any]:
            return await _readiness(writer, relay, inbox, days, witness)

        async def run_days(until: date) -> Mapping[str, Any]:
            await days.run_until(until)
            return {"position": writer.position, "failed": days.failed}

        app = web.application(
            self,
            store,
            seals,
            settings,
            clock=clock,
            wording=Wording(self.wording),
            ready=ready,
            inbox=inbox,
            dead_letters=inbox.dead_letters,
            epochs=witness,
            run_days=run_days if clock.simulated else None,
        )
        carrier = self.carrier(store, settings, clock, every_office)
        server = _Server(config_of(app, host=settings.host, port=settings.port))
        set_aside_what_stays()
        async with _at_hand(pool, every_office):
            works = {
                "writer": writer.run(),
                "bus": bus.keep_connected(),
                "relay": relay.run(),
                "inbox": inbox.run(),
                "days": days.run(),
                "witness": witness.run(),
                **({"carrier": carrier} if carrier is not None else {}),
            }
            try:
                await _at_work(server, works)
            finally:
                witness.remember()
        await _soon(seals.close())


async def _at_work(server: "_Server", works: Mapping[str, Coroutine[Any, Any, None]]) -> None:
    """Serve and do the works of a process until it is asked to end, or one of them ends; then end all in order.

    :param works: by their names; the first three are those of the writer, the bus and the relay.
    """
    at_work = [asyncio.create_task(work, name=name) for name, work in works.items()]
    serving = asyncio.create_task(server.serve(), name="http")
    asked_to_end = asyncio.create_task(server.asked_to_end.wait())
    ended, _ = await asyncio.wait([*at_work, serving, asked_to_end], return_when=asyncio.FIRST_COMPLETED)
    # Fetch nothing new, also while the last requests are being answered; then finish what is under way. Over
    # the bus what was taken in last is acknowledged, and what was done last is told. The writer goes last.
    server.should_exit = True
    asked_to_end.cancel()
    writing, connected, relaying, *fetching = at_work
    await _ended(*fetching, again_after=SECONDS_TO_FINISH)
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    await _ended(relaying)
    await _ended(connected)
    await _ended(writing)
    for task in ended:
        if task in at_work and not task.cancelled() and task.exception() is not None:
            raise task.exception() or RuntimeError(task.get_name())


async def _ended(*tasks: "asyncio.Task[Any]", again_after: float = HURRY_SECONDS) -> None:
    """Cancel tasks and wait until they have ended; again after a while, for a cancellation can be lost on its way.

    ``asyncio.wait_for`` of Python 3.11 loses one that comes together with what it waits for, and then nobody ends. A
    second one cuts off what a task finishes after the first: so long they get.
    """
    waiting = set(tasks)
    while waiting:
        for task in reversed(tasks):
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=again_after)
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _at_hand(*pools: asyncpg.Pool) -> AsyncIterator[None]:
    """Have connections to the store; at the end nobody may hold one for ever."""
    for pool in pools:
        await pool
    try:
        yield
    finally:
        for pool in pools:
            await _soon(pool.close())


async def _soon(closing: Awaitable[None]) -> None:
    """Close connections, or end them where one is not given back in time: what matters is committed by then."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(closing, HURRY_SECONDS)  # cut off, a pool ends its connections at once


class _Server(uvicorn.Server):
    """Uvicorn, ended by SIGINT and SIGTERM with exit code 0 once everything under way is answered.

    :ivar asked_to_end: set with the first of these signals.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.asked_to_end = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.asked_to_end.set()
        super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


async def _readiness(
    writer: Writer, relay: Relay, inbox: Correspondence, days: DayLoop, witness: Witness
) -> dict[str, Any]:
    """Say whether this process can do its work, and if not why; holds no personal data."""
    why: list[str] = []
    if witness.why_not:
        why.append(witness.why_not)
    elif not writer.ready.is_set():
        why.append("the store is away, or another process of this service writes")
    outbox: dict[str, Any] = {}
    taken: dict[str, Any] = {}
    try:
        async with asyncio.timeout(SECONDS_TO_TELL):
            outbox = await relay.status()
            taken = await inbox.status()
    except (*WITHOUT_STATE, asyncpg.PostgresError):
        why.append("the store does not answer")
    why += [reason for reason in (relay.why_not, inbox.why_not) if reason]
    return {
        "ready": not why,
        "why": why,
        "waits": witness.waiting.shown() if witness.waiting is not None else None,
        "outbox": outbox,
        "inbox": taken,
        "day": days.done.isoformat() if days.done else None,
        "day_failed": dict(days.failed),
    }


class _NoSeals:
    """What companions are made with where only their tables are asked for."""


_NO_SEALS: Any = _NoSeals()


def _password(file: Path | None) -> str | None:
    return file.read_text(encoding="utf-8").strip() if file else None


def _dsn(address: str) -> dict[str, Any]:
    """Return an address in the words of the library's datastore."""
    parts = urlsplit(address)
    return {
        "dbname": parts.path.lstrip("/"),
        "host": parts.hostname or "",
        "port": str(parts.port or 5432),
        "user": parts.username or "",
        "password": unquote(parts.password or ""),
    }
