"""The service for evaluations behind its door, on a real database, without a bus."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import msgspec
import pytest

from services.evaluations.main import SERVICE
from shared.clock import local_date
from shared.codec import Codec
from shared.day import Day
from shared.event_sourcing import EventStore, Message
from shared.hand_over import LeaseMoved
from shared.inbox import Told
from shared.keys import Seals, migrate
from shared.log import event_log, lay_out
from shared.outbox import event_and_version
from shared.sealed import Sealed
from shared.settings import Settings
from shared.web import application
from shared.wording import Wording
from shared.writer.loop import Writer
from tests.conftest import ScratchDatabase, ScratchDatabases
from tests.shared.shop import Issuer

OFFICE = "kantoor-noord"
BRUSSELS = ZoneInfo("Europe/Brussels")


@dataclass
class DayClock:
    """A clock that stands where a test puts it, and runs a little with each look."""

    at: datetime = datetime(2025, 11, 3, 9, tzinfo=BRUSSELS)
    simulated: bool = True

    def now(self) -> datetime:
        return self.at

    def today(self) -> date:
        return local_date(self.at)

    def on(self, day: str, hour: int = 9) -> None:
        """Put the clock on a day."""
        self.at = datetime.combine(date.fromisoformat(day), time(hour), tzinfo=BRUSSELS)


@dataclass
class Evaluations:
    """The running service."""

    client: httpx.AsyncClient
    store: EventStore
    database: ScratchDatabase
    issuer: Issuer
    clock: DayClock = field(default_factory=DayClock)
    positions: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    async def told(
        self,
        fact: Any,
        *,
        publisher: str,
        stream: str,
        on: date | None = None,
        actor: str = "fatma",
        again: bool = False,
        office: str = OFFICE,
    ) -> None:
        """Let another service have told a fact, through the service's own reaction.

        What was told late, under the office that a lease went from, has its effect where the lease is, as in the inbox.
        """
        if not again:
            self.positions[publisher] = self.positions.get(publisher, 0) + 1
            self.versions[stream] = self.versions.get(stream, 0) + 1
        position, version = self.positions[publisher], self.versions[stream]
        name, _ = event_and_version(type(fact))
        day, at = on or self.clock.today(), self.clock.now()
        id = str(uuid4())
        envelope = {
            "specversion": "1.0",
            "id": id,
            "source": f"/services/{publisher}",
            "type": f"huurspoor.{publisher}.{name}.v1",
            "subject": f"lease/{fact.lease}",
            "time": at,
            "office": office,
            "position": position,
            "epoch": 1,
            "stream": stream,
            "streamversion": version,
            "streamprevious": version - 1,
            "occurredon": day,
            "actor": actor,
            "correlationid": "c-1",
            "clock": "simulated",
            "data": fact,
        }
        message = Message(
            publisher=publisher,
            epoch=1,
            position=position,
            stream=stream,
            version=version,
            previous=version - 1,
            type=name,
            digest=bytes(32),
            envelope=msgspec.json.encode(envelope),
            event_id=id,
            occurred_on=day,
            recorded_at=at,
            actor=actor,
            mandate=None,
            policy_version=None,
            checklist_version=None,
            source="web",
            subject=f"lease/{fact.lease}",
            released=office
            != OFFICE,  # what comes before it was applied under the first office, as the inbox finds out
        )
        told: Told[Any] = Told(
            data=fact,
            id=message.event_id,
            publisher=publisher,
            position=position,
            epoch=1,
            stream=stream,
            version=version,
            previous=version - 1,
            office=office,
            occurred_on=day,
            recorded_at=at,
            actor=actor,
            mandate=None,
            correlation_id="c-1",
            type=name,
            envelope=message.envelope,
            at=at,
            today=self.clock.today(),
            message=message,
            causation_id=message.event_id,
            subject=f"huurspoor.{office}.{publisher}.{name}.v1",
            versions=(1,),
        )
        reaction = SERVICE.reactions.heard.get(type(fact))
        if reaction is None:  # it only goes into the ledger
            await self.store.keep(by=told)
            return
        try:
            await reaction(told, self.store)
        except LeaseMoved as moved:
            there = msgspec.structs.replace(
                told, office=moved.to_office, message=msgspec.structs.replace(message, office=office)
            )
            await reaction(there, self.store)

    async def words(self, lease: str, text: str, *, category: Any = "B", name: str = "what_seen") -> Sealed:
        """Seal a text as another service would."""
        sealed: Any = await self.store.seals.seal(OFFICE, lease, category, name, text)
        return sealed  # type: ignore[no-any-return]

    async def act(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        role: str = "coordinator",
        key: str | None = None,
        **claims: Any,
    ) -> httpx.Response:
        """Do something, as somebody with that role, under an Idempotency-Key where there is one."""
        headers = {**self._as(role, **claims), **({"Idempotency-Key": key} if key is not None else {})}
        return await self.client.post(path, json=dict(body or {}), headers=headers)

    async def read(self, path: str, *, role: str = "coordinator", **claims: Any) -> httpx.Response:
        """Read something, as somebody with that role."""
        return await self.client.get(path, headers=self._as(role, **claims))

    async def days_until(self, last: str) -> None:
        """Let the days pass up to and with one, each with its work."""
        day = self.clock.today()
        while day < date.fromisoformat(last):
            day = date.fromordinal(day.toordinal() + 1)
            self.clock.on(day.isoformat(), 1)
            for what, work in SERVICE.days.works.items():
                await work(Day(office=OFFICE, date=day).of(what), self.store)
        self.clock.on(last)

    def _as(self, role: str, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(role, **claims)}"}


@pytest.fixture
async def evaluations(databases: ScratchDatabases, tmp_path: Path) -> AsyncIterator[Evaluations]:
    """The service for evaluations, in which nothing has happened yet."""
    database, keys = databases.of("evaluations"), databases.of("keys")
    owner = await asyncpg.connect(keys.owner)
    await migrate(owner)
    await owner.close()
    seals = await Seals.connect(keys.url("evaluations"), bytes(32))
    companions = SERVICE.companions(seals)
    log = event_log(_dsn(database.owner))
    tables = {resource.table.name: resource.table for resource in SERVICE.resources}
    tables |= {table.name: table for view in SERVICE.views for table in view.tables}
    lay_out(
        log,
        "evaluations",
        views=list(tables.values()),
        companions=[table for companion in companions for table in companion.tables],
    )
    codec, clock, issuer = Codec(SERVICE.streams), DayClock(), Issuer(tmp_path)
    writer = Writer(
        service="evaluations",
        connect=lambda: asyncpg.connect(database.at_work),
        codec=codec,
        streams=SERVICE.streams,
        published=SERVICE.published,
        resources=SERVICE.resources,
        views=SERVICE.views,
        authority_stream=SERVICE.authority,
        clock=clock,
        companions=companions,
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
        async with httpx.AsyncClient(transport=transport, base_url="http://evaluations") as client:
            yield Evaluations(client, store, database, issuer, clock)
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
