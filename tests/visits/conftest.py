"""The service for visits behind its door, on a real database, without a bus."""

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from operate.postgres import Postgres
from services.visits.main import SERVICE
from shared.clock import BRUSSELS
from shared.day import Day
from shared.event_sourcing import EventStore
from shared.inbox_rows import Itself
from tests.conftest import ScratchDatabase
from tests.one_service import Laid, laid_out_for_all, serving
from tests.shared.shop import FixedClock, Issuer
from tests.visits.examples import CHECKLIST, POLICY

ROLE_OF = {
    "fatma": "counsellor",
    "mia": "counsellor",
    "karel": "coordinator",
    "rita": "director",
    "tom": "administration",
    "bart": "technical",
    "els": "auditor",
    "amir": "bridge-figure",
    "dora": "dpo",
}


@dataclass(kw_only=True)
class Told(Itself):
    """Evaluations, as the one who answers for what was told."""

    data: Any = None


@dataclass
class Visits:
    """The running service."""

    client: httpx.AsyncClient
    store: EventStore
    database: ScratchDatabase
    issuer: Issuer
    clock: FixedClock
    office: str

    async def hears(self, *facts: Any) -> None:
        """Let the service react to what evaluations tells."""
        for fact in facts:
            told: Any = Told(office=self.office, data=fact)
            await SERVICE.reactions.heard[type(fact)](told, self.store)

    async def founded(self, office: str | None = None) -> None:
        """Let the office have its first policy and checklist."""
        for fact in (POLICY, CHECKLIST):
            told: Any = Told(office=office or self.office, data=fact)
            await SERVICE.reactions.heard[type(fact)](told, self.store)

    async def act(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        who: str = "fatma",
        headers: Mapping[str, str] | None = None,
        office: str | None = None,
    ) -> httpx.Response:
        """Do something, as somebody of the office."""
        as_ = {**self._as(who, office), **(headers or {})}
        return await self.client.post(path, json=dict(body or {}), headers=as_)

    async def done(self, path: str, body: Mapping[str, Any] | None = None, *, who: str = "fatma") -> dict[str, Any]:
        """Do something that is not refused, and return the thing after it."""
        answer = await self.act(path, body, who=who)
        assert answer.status_code in (200, 201), f"{path}: {answer.text}"
        return dict(answer.json())

    async def read(self, path: str, *, who: str = "fatma", office: str | None = None) -> httpx.Response:
        """Read something, as somebody of the office."""
        return await self.client.get(path, headers=self._as(who, office))

    async def seen(self, path: str, *, who: str = "fatma") -> dict[str, Any]:
        """Read something that is there."""
        answer = await self.read(path, who=who)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return dict(answer.json())

    def at(self, moment: str) -> None:
        """Let it be this local moment."""
        self.clock.at = datetime.fromisoformat(moment).replace(tzinfo=BRUSSELS).astimezone(UTC)

    async def day(self, day: date) -> None:
        """Let a day pass."""
        for what, work in SERVICE.days.works.items():
            async for why in work.done(Day(office=self.office, date=day).of(what), self.store):
                raise why

    async def envelopes(self, office: str | None = None) -> list[bytes]:
        """Return the exact bytes of everything that is published under an office, by default its own."""
        connection = await asyncpg.connect(self.database.all_offices)
        try:
            asked = "select envelope from outbox where office = $1 order by position"
            return [row["envelope"] for row in await connection.fetch(asked, office or self.office)]
        finally:
            await connection.close()

    def _as(self, who: str, office: str | None) -> dict[str, str]:
        token = self.issuer.token(ROLE_OF[who], sub=who, office=office or self.office)
        return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="session")
def laid(postgres: Postgres) -> Iterator[Laid]:
    """The databases of the service for visits, for the whole session: each test empties them."""
    yield from laid_out_for_all(SERVICE, postgres)


@pytest.fixture
async def visits(laid: Laid, tmp_path: Path) -> AsyncIterator[Visits]:
    """The service for visits, with an office that has just been founded."""
    clock, issuer = FixedClock(), Issuer(tmp_path)
    own = laid.emptied()  # the log's time never goes back: what a test before dated later would be this one's present
    async with serving(SERVICE, own, clock=clock, issuer=issuer) as (client, store):
        office = f"kantoor-{secrets.token_hex(4)}"
        running = Visits(client, store, own.service, issuer, clock, office)
        await running.founded()
        yield running
