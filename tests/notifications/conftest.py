"""The service for notifications behind its door, on a real database, without a bus."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
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
from shared.rebuild import rebuild
from shared.sealed import Sealed
from tests.conftest import ScratchDatabase
from tests.one_service import Laid, laid_out_for_all, serving
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
            async for why in work.done(Day(office=self.office, date=day).of(what), self.store):
                raise why

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
            self.database.in_library_words,
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


@pytest.fixture(scope="session")
def laid(postgres: Postgres) -> Iterator[Laid]:
    """The databases of the service laid out, for the whole session: each module finds them empty."""
    yield from laid_out_for_all(SERVICE, postgres)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(laid: Laid, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Notifications]:
    """The service for notifications; it starts once for all tests of a module."""
    async with at_work(laid.emptied(), Issuer(tmp_path_factory.mktemp("issuer"))) as service:
        yield service


@asynccontextmanager
async def at_work(own: Laid, issuer: Issuer) -> AsyncIterator[Notifications]:
    """Run the service on databases in which nothing has happened yet."""
    clock = FixedClock()
    async with serving(SERVICE, own, clock=clock, issuer=issuer) as (client, store):
        yield Notifications(client, store, own.service, issuer, clock, "")


@pytest.fixture
def notifications(running: Notifications) -> Notifications:
    """The running service for an office of this test alone, in which nothing has happened yet."""
    running.clock.at = FixedClock.at
    return replace(running, office=f"kantoor-{secrets.token_hex(4)}")
