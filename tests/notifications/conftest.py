"""The service for notifications behind its door, on a real database, without a bus."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio

from operate.postgres import Postgres
from services.notifications.main import SERVICE
from shared.codec import Codec
from shared.day import Day
from shared.event_sourcing import EventStore
from shared.inbox import Told
from shared.keys import Seals, migrate
from shared.log import event_log, lay_out
from shared.rebuild import rebuild
from shared.sealed import Sealed
from shared.settings import Settings
from shared.web import application
from shared.wording import Wording
from shared.writer.loop import Writer
from tests.conftest import ScratchDatabase, ScratchDatabases
from tests.shared.shop import FixedClock, Issuer


@dataclass
class Notifications:
    """The running service, as one office sees it."""

    client: httpx.AsyncClient
    store: EventStore
    database: ScratchDatabase
    issuer: Issuer
    clock: FixedClock
    office: str

    @property
    def today(self) -> date:
        """The day by the clock."""
        return self.clock.today()

    def set_day(self, day: date) -> None:
        """Move the clock to noon of a day."""
        self.clock.at = datetime(day.year, day.month, day.day, 11, 0, tzinfo=UTC)

    async def seal(self, field: str, text: str, lease: str, category: Any = "C") -> Sealed:
        """Seal a text as another service would have."""
        sealed = await self.store.seals.seal(self.office, lease, category, field, text)
        assert sealed is not None
        return sealed

    async def told(self, *facts: Any, id: str | None = None) -> None:
        """Let other services have told these facts, and react to them."""
        for fact in facts:
            await SERVICE.reactions.heard[type(fact)](self.message(fact, id), self.store)

    def message(self, fact: Any, id: str | None = None) -> Told[Any]:
        """Return a fact as it arrives."""
        return Told(
            data=fact,
            id=id or str(uuid4()),
            publisher=type(fact).__module__.rpartition(".")[2],
            position=1,
            epoch=1,
            stream="s/1",
            version=1,
            previous=0,
            office=self.office,
            occurred_on=None,
            recorded_at=self.clock.now(),
            actor="SYS",
            mandate=None,
            correlation_id=str(uuid4()),
            type=type(fact).__name__,
            envelope=b"",
            at=self.clock.now(),
            today=self.today,
            message=None,
            causation_id=None,
            subject="",
            versions=(1,),
        )

    async def act(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        role: str = "coordinator",
        headers: Mapping[str, str] | None = None,
        **claims: Any,
    ) -> httpx.Response:
        """Do something, as somebody with that role."""
        return await self.client.post(
            path, json=dict(body or {}), headers={**self._as(role, **claims), **(headers or {})}
        )

    async def read(self, path: str, *, role: str = "coordinator", **claims: Any) -> httpx.Response:
        """Read something, as somebody with that role."""
        return await self.client.get(path, headers=self._as(role, **claims))

    async def letters(self, lease: str, **asked: str) -> list[dict[str, Any]]:
        """Return the letters of a lease, as a coordinator reads them."""
        wanted = "&".join(f"{name}={value}" for name, value in {"lease": lease, **asked}.items())
        answer = await self.read(f"/communications?{wanted}")
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def letter(self, lease: str, **asked: str) -> dict[str, Any]:
        """Return the only such letter."""
        found = await self.letters(lease, **asked)
        assert len(found) == 1, found
        return found[0]

    async def tasks(self, **asked: str) -> list[dict[str, Any]]:
        """Return tasks."""
        wanted = "&".join(f"{name}={value}" for name, value in asked.items())
        items: list[dict[str, Any]] = (await self.read(f"/tasks?{wanted}")).json()["items"]
        return items

    async def to_do(self, **asked: str) -> list[str]:
        """Return the kinds of the open tasks, those to approve a letter or to make a card left aside."""
        left_aside = ("letter_to_approve", "counsellor_card_missing")
        kinds = [task["kind"] for task in await self.tasks(state="open", **asked)]
        return [kind for kind in kinds if kind not in left_aside]

    async def day(self, day: date) -> None:
        """Let a day pass."""
        self.set_day(day)
        for what, work in SERVICE.days.works.items():
            await work(Day(office=self.office, date=day).of(what), self.store)

    async def days_until(self, last: date) -> None:
        """Let all days pass up to one."""
        day = self.today + timedelta(days=1)
        while day <= last:
            await self.day(day)
            day += timedelta(days=1)

    async def rebuild(self) -> None:
        """Throw all views away and build them again from the events."""
        await asyncio.to_thread(
            rebuild,
            "notifications",
            _dsn(self.database.owner),
            codec=Codec(SERVICE.streams),
            streams=SERVICE.streams,
            resources=SERVICE.resources,
            views=SERVICE.views,
            stays=SERVICE.stays,
        )

    async def envelopes(self) -> list[bytes]:
        """Return the exact bytes of everything that the office published."""
        connection = await asyncpg.connect(self.database.all_offices)
        try:
            found = await connection.fetch(
                "select envelope from outbox where office = $1 order by position", self.office
            )
            return [row["envelope"] for row in found]
        finally:
            await connection.close()

    def _as(self, role: str, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(role, **{'office': self.office, **claims})}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Notifications]:
    """The service for notifications; it starts once for all tests of a module."""
    databases = ScratchDatabases(postgres)
    database, keys = databases.of("notifications"), databases.of("keys")
    async with serving(database, keys, Issuer(tmp_path_factory.mktemp("issuer"))) as service:
        yield service
    databases.drop()


@asynccontextmanager
async def serving(database: ScratchDatabase, keys: ScratchDatabase, issuer: Issuer) -> AsyncIterator[Notifications]:
    """Run the service on empty databases."""
    owner = await asyncpg.connect(keys.owner)
    await migrate(owner)
    await owner.close()
    log = event_log(_dsn(database.owner))
    tables = {resource.table.name: resource.table for resource in SERVICE.resources}
    tables |= {table.name: table for view in SERVICE.views for table in view.tables}
    lay_out(log, "notifications", views=list(tables.values()))
    codec, clock = Codec(SERVICE.streams), FixedClock()
    seals = await Seals.connect(keys.url("notifications"), bytes(32))
    writer = Writer(
        service="notifications",
        connect=lambda: asyncpg.connect(database.at_work),
        codec=codec,
        streams=SERVICE.streams,
        published=SERVICE.published,
        resources=SERVICE.resources,
        views=SERVICE.views,
        authority_stream=SERVICE.authority,
        clock=clock,
        stays=SERVICE.stays,
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
        async with httpx.AsyncClient(transport=transport, base_url="http://notifications") as client:
            yield Notifications(client, store, database, issuer, clock, "")
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await seals.close()
    log.datastore.close()


@pytest.fixture
def notifications(running: Notifications) -> Notifications:
    """The running service for an office of this test alone, in which nothing has happened yet."""
    running.clock.at = FixedClock.at
    return replace(running, office=f"kantoor-{secrets.token_hex(4)}")


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
