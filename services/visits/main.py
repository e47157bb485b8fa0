"""Visits: leases, visits, findings, agreement notes, contacts. ``python -m services.visits.main`` serves."""

import asyncio
from pathlib import Path
from typing import Any, get_args

from services.visits.api import api
from services.visits.api.import_work import keep_going_on
from services.visits.days import days
from services.visits.gauges import keep_looking
from services.visits.import_files import IMPORT_FILE
from services.visits.photo_files import PHOTO_FILE, Beside
from services.visits.publishing import published
from services.visits.reactions import reactions
from services.visits.rules.agreement import AGREEMENT
from services.visits.rules.card import CARD
from services.visits.rules.contact import CONTACT
from services.visits.rules.finding import FINDING
from services.visits.rules.importing import IMPORT
from services.visits.rules.lease import LEASE
from services.visits.rules.photo import PHOTO
from services.visits.rules.policy import CHECKLISTS, OFFICE, POLICIES
from services.visits.rules.termination import TERMINATIONS
from services.visits.rules.visit import VISIT
from services.visits.views import RESOURCES, VIEWS
from shared.authority import MANDATES
from shared.clock import Clock
from shared.contracts.visits import Contract
from shared.event_sourcing import EventStore
from shared.holds import HOLDS
from shared.service import Service
from shared.settings import Settings


async def _beside_the_doors(store: EventStore, _settings: Settings, clock: Clock, every_office: Any) -> None:
    """Count for the metrics, and go on with imports that were cut off."""
    await asyncio.gather(keep_looking(clock, every_office), keep_going_on(store, clock, every_office))


SERVICE = Service(
    name="visits",
    api=api,
    reactions=reactions,
    days=days,
    published=published,
    resources=RESOURCES,
    views=VIEWS,
    streams=(
        LEASE,
        VISIT,
        FINDING,
        AGREEMENT,
        CONTACT,
        CARD,
        PHOTO,
        IMPORT,
        POLICIES,
        CHECKLISTS,
        TERMINATIONS,
        HOLDS,
        MANDATES,
    ),
    authority=(MANDATES, OFFICE),
    wording=Path(__file__).parent / "wording",
    contracts=get_args(Contract),
    companions=lambda _seals: (Beside(PHOTO_FILE, IMPORT_FILE),),
    carrier=_beside_the_doors,
)

if __name__ == "__main__":
    SERVICE.run()
