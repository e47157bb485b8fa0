"""The service for referrals behind its door, on a real database, without a bus."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from services.referrals.main import SERVICE
from services.referrals.rules.lease import LEASE
from shared.codec import Codec
from shared.day import Day
from shared.event_sourcing import EventStore
from shared.keys import Seals, migrate
from shared.log import event_log, lay_out
from shared.settings import Settings
from shared.web import application
from shared.wording import Wording
from shared.writer.acts import Message
from shared.writer.loop import Writer
from tests.conftest import ScratchDatabase, ScratchDatabases
from tests.shared.shop import FixedClock, Issuer


@dataclass
class Told:
    """Visits, as the one who answers for what was told of a lease."""

    office: str
    actor: str = "SYS"
    act: str | None = None
    mandated: bool = False
    occurred_on: date | None = None
    source: str = "system"
    correlation_id: str = "c-1"
    causation_id: str | None = None
    policy_version: str | None = None
    checklist_version: str | None = None
    device_time: datetime | None = None
    clock_suspect: bool = False
    once: str | None = None
    digest: bytes | None = None
    if_match: int | None = None
    message: Message | None = None


@dataclass
class Referrals:
    """The running service."""

    client: httpx.AsyncClient
    store: EventStore
    database: ScratchDatabase
    issuer: Issuer
    clock: FixedClock = field(default_factory=FixedClock)

    async def told(self, *facts: Any, office: str = "kantoor-noord") -> None:
        """Let visits have told these facts of leases."""
        for fact in facts:
            await self.store.decide(LEASE, fact.lease, lambda _lease, fact=fact: [fact], by=Told(office))

    async def act(
        self, path: str, body: Mapping[str, Any] | None = None, *, role: str = "counsellor", **claims: Any
    ) -> httpx.Response:
        """Do something, as somebody with that role."""
        return await self.client.post(path, json=dict(body or {}), headers=self._as(role, **claims))

    async def read(self, path: str, *, role: str = "counsellor", **claims: Any) -> httpx.Response:
        """Read something, as somebody with that role."""
        return await self.client.get(path, headers=self._as(role, **claims))

    async def day(self, day: date, office: str = "kantoor-noord") -> None:
        """Let a day pass."""
        for what, work in SERVICE.days.works.items():
            await work(Day(office=office, date=day).of(what), self.store)

    async def envelopes(self) -> list[bytes]:
        """Return the exact bytes of everything that is published."""
        connection = await asyncpg.connect(self.database.all_offices)
        try:
            return [row["envelope"] for row in await connection.fetch("select envelope from outbox order by position")]
        finally:
            await connection.close()

    def _as(self, role: str, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(role, **claims)}"}


@pytest.fixture
async def referrals(databases: ScratchDatabases, tmp_path: Path) -> AsyncIterator[Referrals]:
    """The service for referrals, in which nothing has happened yet."""
    database, keys = databases.of("referrals"), databases.of("keys")
    owner = await asyncpg.connect(keys.owner)
    await migrate(owner)
    await owner.close()
    log = event_log(_dsn(database.owner))
    tables = {resource.table.name: resource.table for resource in SERVICE.resources}
    tables |= {table.name: table for view in SERVICE.views for table in view.tables}
    lay_out(log, "referrals", views=list(tables.values()))
    codec, clock, issuer = Codec(SERVICE.streams), FixedClock(), Issuer(tmp_path)
    seals = await Seals.connect(keys.url("referrals"), bytes(32))
    writer = Writer(
        service="referrals",
        connect=lambda: asyncpg.connect(database.at_work),
        codec=codec,
        streams=SERVICE.streams,
        published=SERVICE.published,
        resources=SERVICE.resources,
        views=SERVICE.views,
        authority_stream=SERVICE.authority,
        clock=clock,
    )
    working = asyncio.create_task(writer.run())
    async with asyncpg.create_pool(database.at_work, min_size=0, max_size=4) as pool:
        await writer.ready.wait()
        store = EventStore(writer, codec, pool, seals)
        app: Any = application(
            SERVICE,
            store,
            seals,
            Settings(jwks=str(issuer.jwks)),
            clock=clock,
            wording=Wording(SERVICE.wording),
            ready=_ready,
        )
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://referrals") as client:
            yield Referrals(client, store, database, issuer, clock)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await seals.close()
    log.datastore.close()


async def _ready() -> Mapping[str, Any]:
    return {"ready": True, "why": []}


def _dsn(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "dbname": parts.path[1:],
        "host": parts.hostname or "",
        "port": str(parts.port),
        "user": parts.username or "",
        "password": parts.password or "",
    }
