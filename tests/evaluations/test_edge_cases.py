"""Edge cases of domain 14.1 that concern evaluations, by number: over HTTP, and through the inbox where it orders."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import asyncpg
import msgspec

from services.evaluations.main import SERVICE
from services.evaluations.rules.case import CASE
from shared.contracts.visits import (
    AgreementAcceptedV1,
    AgreementDraftedV1,
    AgreementProposedV1,
    CommitmentFollowedUpV1,
    CommitmentV1,
    CounsellorAssignedV1,
    FindingAttributedV1,
    FindingDiscussedV1,
    FindingEstablishedV1,
    FindingReattributedV1,
    FollowUpRecordedV1,
    LeaseEndedV1,
    PartyLeftV1,
    PhotoAddedV1,
    PhotoErasedV1,
    RenterInformedOfPolicyV1,
)
from shared.inbox import Inbox
from shared.inbox_rows import Itself
from shared.outbox import event_and_version, subject_of
from tests.evaluations.conftest import OFFICE, Evaluations
from tests.evaluations.test_doors import FATMA, KAREL, RITA, WIM, Lease, an_office, reason, recorded

PROPOSAL: dict[str, Any] = {"outcome": "negative", "why": "het blijft vuil"}


async def begun(it: Evaluations, day: str = "2026-01-12") -> Lease:
    await an_office(it)
    lease = await Lease(it).begins()
    await it.days_until(day)
    return lease


async def types(lease: Lease) -> list[tuple[str, str]]:
    """Return the timeline as type and day of the fact."""
    answer = await lease.it.read(f"/dossiers/{lease.id}?limit=200", **KAREL)
    return [(entry["type"], entry["occurred_on"]) for entry in answer.json()["entries"]]


async def another_finding(lease: Lease, visit: str, finding: str, *, item: str) -> str:
    """Establish a second finding at a visit, attributed and discussed."""
    day, said = lease.it.clock.today(), await lease.it.words(lease.id, "afval op het terras")
    facts: list[Any] = [
        FindingEstablishedV1(
            lease=lease.id, finding=finding, item=item, checklist_version="CL-1", seen_on=day, source="visit",
            what_seen=said, visit=visit,
        ),
        FindingAttributedV1(lease=lease.id, finding=finding, item=item, to="renter", severity=2, why=said),
        FindingDiscussedV1(
            lease=lease.id, finding=finding, discussed_with=("renter",), discussed_on=day, renter_said=said,
            renter_plan=said,
        ),
    ]  # fmt: skip
    for fact in facts:
        await lease.it.told(fact, publisher="visits", stream=f"finding/{finding}")
    return finding


async def test_ec_01_two_breaches_at_one_visit_are_one_evaluation_with_two_grounds(evaluations: Evaluations) -> None:
    lease = await begun(evaluations)
    visit, kitchen = await lease.visit()
    waste = await another_finding(lease, visit, "5f0e7c9e-8f0a-4a8e-9b57-9b1f4a6f1111", item="AFV-01")
    of_visit = {**PROPOSAL, "lease": lease.id, "moment": visit}
    first = await evaluations.act("/evaluations", {**of_visit, "grounds": [{"finding": kitchen}]}, **FATMA)
    second = await evaluations.act("/evaluations", {**of_visit, "grounds": [{"finding": waste}]}, **FATMA)
    assert (recorded(second), second.json()["id"]) == (["EvaluationAmended"], first.json()["id"])
    decided = await evaluations.act(
        f"/evaluations/{first.json()['id']}/decide", {"outcome": "negative", "reasons": "zelf gewogen"}, **KAREL
    )
    assert [ground["finding"] for ground in decided.json()["grounds"]] == [kitchen, waste]
    await lease.reached(first.json()["id"])
    assert (await lease.standing())["count"] == 1


async def test_ec_04_a_proof_typed_in_late_crosses_the_day_it_is_typed_in(evaluations: Evaluations) -> None:
    lease = await begun(evaluations)
    for day in ("2026-01-12", "2026-03-10"):
        await evaluations.days_until(day)
        await lease.reached(await lease.evaluated(*await lease.visit()))
    await evaluations.days_until("2026-05-06")
    third = await lease.evaluated(*await lease.visit())
    await evaluations.days_until("2026-06-02")
    await lease.reached(third, date(2026, 5, 13))
    shown = (await evaluations.read(f"/evaluations/{third}", **KAREL)).json()
    assert shown["communicated_on"] == "2026-05-13"
    assert ("ThresholdReached", "2026-06-02") in await types(lease)
    assert [(await lease.standing(on=on))["count"] for on in ("2026-05-12", "2026-05-13")] == [2, 3]


async def test_ec_07_a_stricter_policy_waits_until_the_renter_was_told(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it)
    await it.act("/policies", {"in_force_from": "2026-01-12", "threshold_n": 2}, **RITA)
    for day in ("2026-01-12", "2026-03-10"):
        await it.days_until(day)
        await lease.reached(await lease.evaluated(*await lease.visit()))
    stood = await lease.standing()
    assert (stood["count"], stood["threshold"], stood["reached"], stood["policy_version"]) == (2, 3, False, "P-2")
    fact = RenterInformedOfPolicyV1(lease=lease.id, policy_version="P-2", delivered_on=it.clock.today())
    await it.told(fact, publisher="visits", stream=f"lease/{lease.id}")
    stood = await lease.standing()
    assert [(track["pin"], track["count"], track["threshold"]) for track in stood["tracks"]] == [(0, 2, 3), (1, 0, 2)]
    for day in ("2026-05-05", "2026-07-06"):
        await it.days_until(day)
        await lease.reached(await lease.evaluated(*await lease.visit()))
    stood = await lease.standing()
    assert (stood["track"], stood["reached"]) == (0, True)
    assert ("ThresholdReached", "2026-05-05") in await types(lease)


async def test_ec_09_and_21_what_was_paid_and_who_left_since_stand_beside_the_count(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it)
    ids, findings = await lease.three_evaluations()
    paid = FollowUpRecordedV1(
        lease=lease.id, finding=findings[0], item="ONH-02", seen_on=it.clock.today(), outcome="resolved",
        seen_by="fatma",
    )  # fmt: skip
    await it.told(paid, publisher="visits", stream=f"finding/{findings[0]}")
    left = PartyLeftV1(lease=lease.id, party="p-2", left_on=it.clock.today())
    await it.told(left, publisher="visits", stream=f"lease/{lease.id}")
    stood = await lease.standing()
    assert stood["count"] == 3
    assert [(one["code"], one["on"]) for one in stood["to_weigh"]] == [
        ("resolved_since", "2026-05-05"),
        ("party_left", "2026-05-05"),
    ]
    assert all(one["sentence"] for one in stood["to_weigh"])
    assert [one["id"] for one in stood["positive"]["items_improved"]] == [findings[0]]
    file = (await it.read(f"/terminations?lease={lease.id}", **KAREL)).json()["items"][0]["id"]
    shown = (await it.read(f"/terminations/{file}", **KAREL)).json()
    gate = next(gate for gate in shown["gates"] if gate["gate"] == "G3")
    assert [one["code"] for one in gate["must_weigh"]] == ["resolved_since", "party_left"]
    shown = (await it.read(f"/evaluations/{ids[0]}", **KAREL)).json()
    assert [one["code"] for one in shown["to_weigh"]] == ["resolved_since", "party_left"]
    shown = (await it.read(f"/evaluations/{ids[1]}", **KAREL)).json()
    assert [one["code"] for one in shown["to_weigh"]] == ["party_left"]


async def test_ec_10_a_leak_in_the_roof_takes_the_mould_out_of_the_count_at_once(evaluations: Evaluations) -> None:
    lease = await begun(evaluations)
    visit, finding = await lease.visit(item="ONH-04")
    evaluation = await lease.evaluated(visit, finding)
    await lease.reached(evaluation)
    assert (await lease.standing())["count"] == 1
    why = await evaluations.words(lease.id, "lek in het dak", name="why")
    turned = FindingReattributedV1(
        lease=lease.id, finding=finding, item="ONH-04", to="owner", previously="renter", why=why
    )
    await evaluations.told(turned, publisher="visits", stream=f"finding/{finding}", actor="karel")
    stood = await lease.standing()
    assert (stood["count"], stood["excluded"]) == (0, [{"id": evaluation, "reason": "no_valid_ground"}])
    annulled = await evaluations.act(f"/evaluations/{evaluation}/annul", {"why": "het was het dak"}, **KAREL)
    assert recorded(annulled) == ["EvaluationAnnulled"]
    assert (await lease.standing())["excluded"] == [{"id": evaluation, "reason": "annulled"}]


@dataclass
class Delivered:
    """A message of visits as the bus hands it over."""

    subject: str
    data: bytes
    acknowledged: bool = False

    async def ack(self) -> None:
        self.acknowledged = True

    async def nak(self, delay: float | None = None) -> None: ...
    async def in_progress(self) -> None: ...


def from_visits(
    it: Evaluations, fact: Any, *, stream: str, version: int, position: int, office: str = OFFICE
) -> Delivered:
    """Return a fact as visits publishes it: the ``version``-th of its stream, the ``position``-th of all."""
    event, number = event_and_version(type(fact))
    envelope = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/services/visits",
        "type": f"huurspoor.visits.{event}.v{number}",
        "subject": f"lease/{fact.lease}",
        "time": it.clock.now(),
        "datacontenttype": "application/json",
        "dataschema": f"/schemas/visits.{event}.v{number}.json",
        "office": office,
        "position": position,
        "epoch": 1,
        "stream": stream,
        "streamversion": version,
        "streamprevious": version - 1,
        "occurredon": it.clock.today(),
        "actor": "fatma",
        "correlationid": "c",
        "clock": "simulated",
        "versions": str(number),
        "arrived": "web",
        "data": fact,
    }
    return Delivered(subject_of(office, "visits", event, number), msgspec.json.encode(envelope))


@asynccontextmanager
async def inbox_of(it: Evaluations) -> AsyncIterator[Inbox]:
    """The service's own inbox at work, without a bus."""
    async with asyncpg.create_pool(it.database.all_offices, min_size=0, max_size=2) as every_office:
        inbox = Inbox("evaluations", SERVICE.reactions, it.store, it.clock, every_office, publishers=("visits",))
        working = asyncio.create_task(inbox.run())
        try:
            yield inbox
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def arrive_backwards(it: Evaluations, inbox: Inbox, stream: str, facts: Sequence[Any]) -> None:
    """Let what happened to one thing arrive the last first; what has come waits until the first is there."""
    first = it.positions["visits"] + 1
    it.positions["visits"] += len(facts)
    sent = [
        from_visits(it, fact, stream=stream, version=number + 1, position=first + number)
        for number, fact in enumerate(facts)
    ]
    for waiting, message in enumerate(reversed(sent[1:]), start=1):
        await inbox.take_in("visits", [message])
        assert message.acknowledged
        assert len(inbox.progress["visits"].parked) == waiting
        case = await it.store.state(CASE, facts[0].lease, by=Itself(office=OFFICE))
        assert stream.partition("/")[2] not in {**case.findings, **case.agreements}, "nothing of it is known yet"
    await inbox.take_in("visits", sent[:1])
    async with asyncio.timeout(60):
        await inbox.seen("visits", it.positions["visits"], office=OFFICE)
    assert not inbox.progress["visits"].parked


async def test_ec_11_follow_ups_before_the_finding_they_are_about_wait_for_it(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it)
    finding, day, said = str(uuid4()), it.clock.today(), await it.words(lease.id, "vuil fornuis")
    of: dict[str, Any] = {"lease": lease.id, "finding": finding}
    facts = [
        FindingEstablishedV1(
            **of, item="ONH-02", checklist_version="CL-1", seen_on=day, source="visit", what_seen=said
        ),
        FindingAttributedV1(**of, item="ONH-02", to="renter", severity=2, why=said),
        FindingDiscussedV1(**of, discussed_with=("renter",), discussed_on=day, renter_said=said),
        FollowUpRecordedV1(**of, item="ONH-02", seen_on=day, outcome="partly", seen_by="fatma"),
        FollowUpRecordedV1(**of, item="ONH-02", seen_on=day, outcome="resolved", seen_by="mia"),
    ]
    async with inbox_of(it) as inbox:
        await arrive_backwards(it, inbox, f"finding/{finding}", facts)
    stood = (await it.store.state(CASE, lease.id, by=Itself(office=OFFICE))).findings_on()[finding]
    assert (stood.attribution, stood.discussed_on) == ("renter", day)
    assert [seen.outcome for seen in stood.follow_ups] == ["partly", "resolved"]
    assert [name for name, _ in await types(lease)][-5:] == [
        "FindingEstablished",
        "FindingAttributed",
        "FindingDiscussed",
        "FollowUpRecorded",
        "FollowUpRecorded",
    ]


async def test_ec_11_what_became_of_a_commitment_waits_for_the_note_it_stands_in(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it)
    note, day, said = str(uuid4()), it.clock.today(), await it.words(lease.id, "de keuken poetsen")
    of: dict[str, Any] = {"lease": lease.id, "agreement": note}
    mends = CommitmentV1(
        id=str(uuid4()), by="office", action=said, place=said, measure="seen_at_visit", target=said, due_on=day
    )
    facts = [
        AgreementDraftedV1(
            **of, findings=("f-1",), goes_wrong=said, why_renter_says=said, goal=said, renter_needs=said
        ),
        AgreementProposedV1(**of, findings=("f-1",), commitments=(mends,)),
        AgreementAcceptedV1(**of, findings=("f-1",), accepted_on=day, signed=True, read_in_language="nl"),
        CommitmentFollowedUpV1(
            **of, commitment=mends.id, by="office", seen_on=day, outcome="not_kept", seen_by="fatma"
        ),
        CommitmentFollowedUpV1(**of, commitment=mends.id, by="office", seen_on=day, outcome="kept", seen_by="fatma"),
    ]
    async with inbox_of(it) as inbox:
        await arrive_backwards(it, inbox, f"agreement/{note}", facts)
    case = await it.store.state(CASE, lease.id, by=Itself(office=OFFICE))
    (stood,) = case.notes()
    # By arrival the note would still be proposed, and the last word that the office did not keep it.
    assert (stood.state, stood.outcomes, stood.office_owes) == ("running", {mends.id: "kept"}, False)


async def test_ec_18_after_the_death_of_the_renter_the_file_lapses_and_nothing_crosses(
    evaluations: Evaluations,
) -> None:
    it = evaluations
    lease = await begun(it)
    ids, _ = await lease.three_evaluations()
    died = LeaseEndedV1(lease=lease.id, mode="by_law", ground="death_last_renter", ended_on=it.clock.today())
    await it.told(died, publisher="visits", stream=f"lease/{lease.id}")
    files = (await it.read(f"/terminations?lease={lease.id}", **KAREL)).json()["items"]
    assert [(file["state"], file["closed"]) for file in files] == [("closed_ended", None)]
    await it.act(f"/evaluations/{ids[0]}/annul", {"why": "x"}, **RITA)
    assert "ThresholdNoLongerMet" not in [name for name, _ in await types(lease)]
    visit = {**PROPOSAL, "lease": lease.id, "moment": ids[0], "grounds": []}
    assert reason(await it.act("/evaluations", visit, **FATMA))[0] == 409


async def test_ec_19_the_dossier_says_of_a_photo_when_it_was_erased(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it)
    photo, sha256 = "3b7c1d5e-2222-4a8e-9b57-9b1f4a6f2222", "ab" * 32
    visit, _ = await lease.visit()
    said = await it.words(lease.id, "een kind op de foto", name="why")
    added = PhotoAddedV1(lease=lease.id, photo=photo, sha256=sha256, size=1, kind="jpeg", added_by="fatma")
    await it.told(added, publisher="visits", stream=f"photo/{photo}")
    evidence = FindingEstablishedV1(
        lease=lease.id, finding="5f0e7c9e-8f0a-4a8e-9b57-9b1f4a6f3333", item="SCH-01", checklist_version="CL-1",
        seen_on=it.clock.today(), source="visit", what_seen=said, visit=visit, evidence=(photo,),
    )  # fmt: skip
    await it.told(evidence, publisher="visits", stream=f"finding/{evidence.finding}")
    it.clock.at += timedelta(seconds=1)
    before = it.clock.at.isoformat()
    await it.days_until("2026-02-02")
    erased = PhotoErasedV1(lease=lease.id, photo=photo, sha256=sha256, why=said, erased_by="dirk")
    await it.told(erased, publisher="visits", stream=f"photo/{photo}", actor="dirk")

    async def marked(**asked: str) -> list[tuple[str, str]]:
        answer = await it.read(f"/dossiers/{lease.id}?{urlencode({'limit': '200', **asked})}", **KAREL)
        return [(entry["type"], entry["erased_on"]) for entry in answer.json()["entries"] if "erased_on" in entry]

    assert await marked() == [("PhotoAdded", "2026-02-02"), ("FindingEstablished", "2026-02-02")]
    assert await marked(known_at=before) == await marked(valid_on="2026-02-01") == []
    assert ("PhotoErased", "2026-02-02") in await types(lease)


async def test_ec_26_another_counsellor_stands_for_the_proposal_and_never_decides_it(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it)
    visit, finding = await lease.visit()
    body = {**PROPOSAL, "lease": lease.id, "moment": visit, "grounds": [{"finding": finding}]}
    at = f"/evaluations/{(await it.act('/evaluations', body, **FATMA)).json()['id']}"
    moved = CounsellorAssignedV1(lease=lease.id, counsellor="mia", assigned_from=it.clock.today(), previous="fatma")
    await it.told(moved, publisher="visits", stream=f"lease/{lease.id}")
    mia: dict[str, Any] = {"role": "counsellor", "sub": "mia"}
    assert reason(await it.act(f"{at}/adopt", {}, **mia)) == (409, "reason-missing")
    adopted = await it.act(f"{at}/adopt", {"why": "Fatma vertrok"}, **mia)
    assert (recorded(adopted), adopted.json()["proposed_by"]) == (["ProposalAdopted"], "mia")
    judged = {"outcome": "negative", "reasons": "zelf gewogen"}
    assert reason(await it.act(f"{at}/decide", judged, role="director", sub="mia")) == (403, "no-mandate")
    assert recorded(await it.act(f"{at}/decide", judged, **WIM)) == ["EvaluationDecidedNegative"]
