"""The service for evaluations behind its door, on a real database, without a bus."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from operate.postgres import Postgres
from services.evaluations.main import SERVICE
from shared.clock import local_date
from shared.day import Day
from shared.event_sourcing import EventStore, Message
from shared.hand_over import LeaseMoved
from shared.inbox import Told
from shared.outbox import event_and_version
from shared.sealed import Sealed
from tests.conftest import ScratchDatabase
from tests.one_service import Laid, laid_out_for_all, serving
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
                async for why in work.done(Day(office=OFFICE, date=day).of(what), self.store):
                    raise why
        self.clock.on(last)

    def _as(self, role: str, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(role, **claims)}"}


@pytest.fixture(scope="session")
def laid(postgres: Postgres) -> Iterator[Laid]:
    """The databases of the service laid out, for the whole session: each test finds them empty."""
    yield from laid_out_for_all(SERVICE, postgres)


@pytest.fixture
async def evaluations(laid: Laid, tmp_path: Path) -> AsyncIterator[Evaluations]:
    """The service for evaluations, in which nothing has happened yet."""
    own, clock, issuer = laid.emptied(), DayClock(), Issuer(tmp_path)
    async with serving(SERVICE, own, clock=clock, issuer=issuer) as (client, store):
        yield Evaluations(client, store, own.service, issuer, clock)
