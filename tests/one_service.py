"""One service behind its door, on real databases, without a bus."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast
from unittest.mock import patch

import asyncpg
import httpx

from operate import key_database
from operate.postgres import Postgres
from shared.clock import Clock, SystemClock
from shared.codec import Codec
from shared.decisions import AnyStream
from shared.event_sourcing import EventStore
from shared.keys import Seals
from shared.log import event_log, lay_out
from shared.service import Service
from shared.settings import Settings
from shared.views import Table
from shared.web import application
from shared.wording import Wording
from shared.writer.loop import Writer
from tests.conftest import ScratchDatabase, ScratchDatabases
from tests.shared.shop import Issuer

PATIENCE: Final = 60.0  # in seconds: a machine that stands still for a while is no store that is away


@dataclass(frozen=True)
class Laid:
    """The databases of a service, laid out."""

    service: ScratchDatabase
    keys: ScratchDatabase

    def emptied(self) -> "Laid":
        """Return them with nothing in them any more, for the next test."""
        return Laid(self.service.emptied(), self.keys.emptied())


def laid_out(service: Service, databases: ScratchDatabases) -> Laid:
    """Make the databases of a service with nothing in them."""
    made = Laid(databases.of(service.name), databases.of("keys"))
    lay_out_log(made.service, views=service.view_tables, companions=service.companion_tables)
    lay_out_keys(made.keys)
    return made


def laid_out_for_all(service: Service, postgres: Postgres) -> Iterator[Laid]:
    """Yield the databases of a service, for a fixture of a session; they are emptied for each test and dropped last."""
    databases = ScratchDatabases(postgres)
    yield laid_out(service, databases)
    databases.drop()


@contextmanager
def template(postgres: Postgres, service: str, lay_out: Callable[[ScratchDatabase], None]) -> Iterator[ScratchDatabase]:
    """Have a database that is laid out once, to be emptied for each test, and dropped."""
    databases = ScratchDatabases(postgres)
    made = databases.of(service)
    lay_out(made)
    yield made
    databases.drop()


def lay_out_log(database: ScratchDatabase, *, views: Iterable[Table] = (), companions: Iterable[Table] = ()) -> None:
    """Make the tables of a service."""
    log = event_log(database.in_library_words)
    try:
        lay_out(log, database.service, views=views, companions=companions)
    finally:
        log.datastore.close()


def lay_out_keys(database: ScratchDatabase) -> None:
    """Make the key database's tables."""
    with ThreadPoolExecutor(1) as beside:  # an async test has a loop of its own
        beside.submit(asyncio.run, key_database.lay_out(database.owner)).result()


def small_writer(database: ScratchDatabase, *streams: AnyStream, clock: Clock | None = None, **more: Any) -> Writer:
    """Return a writer that publishes nothing, shows nothing and asks for no mandate, unless it is told to."""
    nothing_else: dict[str, Any] = {
        "published": lambda _event, _state, _id: (),
        "resources": (),
        "views": (),
        "authority_stream": None,
    }
    return Writer(
        service=database.service,
        connect=lambda: asyncpg.connect(database.at_work),
        codec=Codec(streams),
        streams=streams,
        clock=clock or SystemClock(),
        **{**nothing_else, **more},
    )


@asynccontextmanager
async def writing(writer: Writer) -> AsyncIterator[Writer]:
    """Let a writer work for as long as the block lasts, which begins once it is ready."""
    working = asyncio.create_task(writer.run())
    try:
        await writer.ready.wait()
        yield writer
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


@asynccontextmanager
async def small_store(
    database: ScratchDatabase, *streams: AnyStream, seals: Seals | None = None, **more: Any
) -> AsyncIterator[EventStore]:
    """Have a store at work on a database, whose writer is a ``small_writer``."""
    if seals is not None:
        more["widen"] = seals.widen
    async with (
        writing(small_writer(database, *streams, **more)) as writer,
        asyncpg.create_pool(database.at_work, min_size=0, max_size=4) as pool,
    ):
        yield EventStore(writer, Codec(streams), pool, cast(Seals, seals))


@asynccontextmanager
async def serving(
    service: Service, laid: Laid, *, clock: Clock, issuer: Issuer
) -> AsyncIterator[tuple[httpx.AsyncClient, EventStore]]:
    """Run a service in this process: its store at work, and a client that asks at its door."""
    at_work = laid.service.at_work
    codec = Codec(service.streams)
    seals = await Seals.connect(laid.keys.url(service.name), bytes(32))
    writer = Writer(
        service=service.name,
        connect=lambda: asyncpg.connect(at_work),
        codec=codec,
        streams=service.streams,
        published=service.published,
        resources=service.resources,
        views=service.views,
        authority_stream=service.authority,
        clock=clock,
        companions=service.companions(seals),
        stays=service.stays,
        widen=seals.widen,
    )
    async with writing(writer), asyncpg.create_pool(at_work, min_size=0, max_size=4) as pool:
        store = EventStore(writer, codec, pool, seals)
        app: Any = application(
            service,
            store,
            seals,
            Settings(jwks=str(issuer.jwks)),
            clock=clock,
            wording=Wording(service.wording),
            ready=_ready,
        )
        transport = httpx.ASGITransport(app=app)
        with (
            patch("shared.event_sourcing.SECONDS_TO_ANSWER", PATIENCE),
            patch("shared.acting.SECONDS_TO_ANSWER", PATIENCE),
        ):
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{service.name}") as client:
                yield client, store
    await seals.close()


async def _ready() -> Mapping[str, Any]:
    return {"ready": True, "why": []}
