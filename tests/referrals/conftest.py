"""The service for referrals behind its door, on a real database, without a bus."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from operate.postgres import Postgres
from services.referrals.main import SERVICE
from services.referrals.rules.lease import LEASE
from shared.day import Day
from shared.event_sourcing import EventStore
from shared.inbox_rows import Itself
from tests.conftest import ScratchDatabase
from tests.one_service import Laid, laid_out_for_all, serving
from tests.shared.shop import FixedClock, Issuer


@dataclass(kw_only=True)
class Told(Itself):
    """Visits, as the one who answers for what was told of a lease."""


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
            await self.store.decide(LEASE, fact.lease, lambda _lease, fact=fact: [fact], by=Told(office=office))

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
            async for why in work.done(Day(office=office, date=day).of(what), self.store):
                raise why

    async def envelopes(self) -> list[bytes]:
        """Return the exact bytes of everything that is published."""
        connection = await asyncpg.connect(self.database.all_offices)
        try:
            return [row["envelope"] for row in await connection.fetch("select envelope from outbox order by position")]
        finally:
            await connection.close()

    def _as(self, role: str, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(role, **claims)}"}


@pytest.fixture(scope="session")
def laid(postgres: Postgres) -> Iterator[Laid]:
    """The databases of the service laid out, for the whole session: each test finds them empty."""
    yield from laid_out_for_all(SERVICE, postgres)


@pytest.fixture
async def referrals(laid: Laid, tmp_path: Path) -> AsyncIterator[Referrals]:
    """The service for referrals, in which nothing has happened yet."""
    own, clock, issuer = laid.emptied(), FixedClock(), Issuer(tmp_path)
    async with serving(SERVICE, own, clock=clock, issuer=issuer) as (client, store):
        yield Referrals(client, store, own.service, issuer, clock)
