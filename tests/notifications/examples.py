"""An office, a lease and a negative evaluation as the tests of notifications tell of them, and what an act answers."""

from dataclasses import replace
from datetime import date
from typing import Any

import httpx

from shared.contracts.evaluations import (
    ChecklistItem,
    ChecklistPublishedV1,
    EvaluationCommunicatedV1,
    EvaluationDecidedNegativeV1,
    GroundToldOfV1,
    OfficeFoundedV1,
)
from shared.contracts.visits import (
    CounsellorAssignedV1,
    LeaseRegisteredV1,
    PartyV1,
)
from tests import founding_policy
from tests.notifications.conftest import Notifications

LEASE, AN, BERT = (f"5b1f6f0a-5a53-4f0a-9a51-0d6f4a6f000{n}" for n in (1, 2, 3))
EVALUATION, VISIT, FINDING = (f"5b1f6f0a-5a53-4f0a-9a51-0d6f4a6f010{n}" for n in (1, 2, 3))
TERMINATION, AGREEMENT, COMMITMENT, CONSULTATION = (f"5b1f6f0a-5a53-4f0a-9a51-0d6f4a6f020{n}" for n in (1, 2, 3, 4))
KAREL: dict[str, Any] = {"role": "coordinator", "sub": "karel", "name": "Karel Maes"}
WIM: dict[str, Any] = {"role": "coordinator", "sub": "wim", "name": "Wim Claes"}
RITA: dict[str, Any] = {"role": "director", "sub": "rita", "name": "Rita Jans"}
FATMA: dict[str, Any] = {"role": "counsellor", "sub": "fatma", "name": "Fatma Yilmaz"}
TOM: dict[str, Any] = {"role": "administration", "sub": "tom", "name": "Tom De Wit"}
POLICY = replace(founding_policy.POLICY, notice_months=())
ITEM = ChecklistItem(
    code="ONH-02",
    category="maintenance",
    label="De keuken en de toestellen zijn proper.",
    severity=2,
    lasting_after_days=60,
    attribution="renter",
    terminable=True,
    consequences=("damage",),
)


async def a_lease(notifications: Notifications, *, language: str = "nl", married: bool = False) -> None:
    """Let an office, and a lease with its first counsellor, have been told."""
    founded = OfficeFoundedV1(code="kantoor-noord", name="Kantoor Noord", from_=date(2025, 1, 1), director="rita")
    checklist = ChecklistPublishedV1(version="CL-1", in_force_from=date(2025, 1, 1), founding=True, items=(ITEM,))
    await notifications.told(founded, POLICY, checklist)
    seal = notifications.seal

    async def party(id: str, name: str, role: Any) -> PartyV1:
        return PartyV1(id=id, name=await seal("name", name, LEASE, "A"), role=role, language=language)

    parties = [await party(AN, "An Peeters", "reference_renter")]
    if married:
        parties.append(await party(BERT, "Bert Wouters", "spouse"))
    lease = LeaseRegisteredV1(
        lease=LEASE,
        dwelling_reference=await seal("dwelling_reference", "KN-0012", LEASE, "A"),
        dwelling_address=await seal("dwelling_address", "Vaartstraat 12, 2000 Antwerpen", LEASE, "A"),
        landlord=await seal("landlord", "Woonmaatschappij Noord", LEASE, "A"),
        parties=tuple(parties),
        start=date(2025, 11, 3),
        informed_on=date(2025, 11, 3),
        policy_version="P-1",
        first_visit_due=date(2025, 11, 24),
    )
    assigned = CounsellorAssignedV1(lease=LEASE, counsellor="fatma", assigned_from=date(2025, 11, 3))
    await notifications.told(lease, assigned)


async def decided_negative(notifications: Notifications, **other: Any) -> EvaluationDecidedNegativeV1:
    """Let a negative evaluation have been decided."""
    seal = notifications.seal
    ground = GroundToldOfV1(
        finding=FINDING,
        item="ONH-02",
        label=ITEM.label,
        occurred_on=date(2026, 2, 12),
        seen_by="fatma",
        what_seen=await seal("what_seen", "Het fornuis en de vloer zijn vuil.", LEASE, "B"),
        renter_said=await seal("renter_said", "Ik was een week ziek.", LEASE, "B"),
    )
    decided = EvaluationDecidedNegativeV1(
        lease=LEASE,
        evaluation=EVALUATION,
        moment=VISIT,
        moment_kind="visit",
        moment_on=date(2026, 2, 12),
        decided_on=date(2026, 2, 20),
        decided_by="karel",
        in_name_of=None,
        proposed_by="fatma",
        reasons=await seal("reasons", "De keuken is al twee keer besproken en er is geen vooruitgang.", LEASE),
        grounds=(ground,),
        count_before=0,
        count_if_communicated=1,
        threshold=3,
        contest_days=30,
        cure_days=30,
        validity_months=24,
        policy_version="P-1",
        checklist_version="CL-1",
    )
    decided = replace(decided, **other)
    await notifications.told(decided)
    return decided


def communicated(
    on: date, *, until: date, evaluation: str = EVALUATION, letter: str = "c-1"
) -> EvaluationCommunicatedV1:
    """Return that the letter on a negative evaluation reached the renter, who may contest it until a day."""
    return EvaluationCommunicatedV1(
        lease=LEASE,
        evaluation=evaluation,
        communication=letter,
        communicated_on=on,
        contest_until=until,
        late_registered=False,
    )


def recorded(answer: httpx.Response) -> list[str]:
    """Return the names of the events that an act recorded."""
    assert answer.status_code in (200, 201), answer.text
    return [event["type"] for event in answer.json()["events"]]


def reason(answer: httpx.Response) -> tuple[int, str]:
    """Return status and reason of a refusal."""
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


async def approved(notifications: Notifications, kind: str = "L-05", **by: Any) -> dict[str, Any]:
    """Let the only letter of a kind have been approved."""
    letter = await notifications.letter(LEASE, kind=kind)
    answer = await notifications.act(f"/communications/{letter['id']}/approve", **(by or KAREL))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def sent(notifications: Notifications, *, married: bool = False) -> dict[str, Any]:
    """Let the letter on a negative evaluation have been sent."""
    await a_lease(notifications, married=married)
    await decided_negative(notifications)
    letter = await approved(notifications)
    body = {"on": notifications.today.isoformat(), "method": "registered_paper", "tracking": "RR1BE"}
    answer = await notifications.act(f"/communications/{letter['id']}/send", body, **TOM)
    assert recorded(answer) == ["CommunicationSent"]
    told: dict[str, Any] = answer.json()
    return told


def outcome(addressee: str, on: date, **other: Any) -> dict[str, Any]:
    """Return what is told of an addressee."""
    return {"addressee": addressee, "on": on.isoformat(), **other}


RECEIPT = {"kind": "receipt", "reference": "AR-1", "signed_by": "addressee"}
