"""Visits: leases, visits, findings, agreement notes, contacts. ``python -m services.visits.main`` serves."""

from pathlib import Path
from typing import get_args

from services.visits.api import api
from services.visits.days import days
from services.visits.gauges import keep_looking
from services.visits.photo_files import PhotoFiles
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
from shared.contracts.visits import Contract
from shared.service import Service

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
        MANDATES,
    ),
    authority=(MANDATES, OFFICE),
    wording=Path(__file__).parent / "wording",
    contracts=get_args(Contract),
    companions=lambda _seals: (PhotoFiles(),),
    carrier=lambda _store, _settings, clock, every_office: keep_looking(clock, every_office),
)

if __name__ == "__main__":
    SERVICE.run()
