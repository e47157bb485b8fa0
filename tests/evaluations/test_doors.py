"""Evaluations over HTTP, on a real database: the acts of the story, and what must not happen."""

from datetime import date
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.evaluations.rules.evaluation import EVALUATION
from services.evaluations.rules.notice import compute
from shared.contracts.notifications import (
    AddressedV1,
    CommunicationApprovedV1,
    CommunicationReturnedV1,
    CommunicationSentV1,
    LetterReachedV1,
    ReachedV1,
)
from shared.contracts.referrals import OcmwAnsweredV1, OcmwConsultedV1, ReferralOfferedV1
from shared.contracts.visits import (
    CounsellorAssignedV1,
    FindingAttributedV1,
    FindingDiscussedV1,
    FindingEstablishedV1,
    FindingLinkedAsRepeatV1,
    FindingReattributedV1,
    LeaseRegisteredV1,
    PartyV1,
    ReportFixedV1,
    VisitRecordedV1,
)
from tests.evaluations.conftest import OFFICE, Evaluations

PARTY = "7d2f6f0a-5a53-4f0a-9a51-0d6f4a6f0002"
FATMA: dict[str, Any] = {"role": "counsellor", "sub": "fatma"}
KAREL: dict[str, Any] = {"role": "coordinator", "sub": "karel"}
WIM: dict[str, Any] = {"role": "coordinator", "sub": "wim"}
RITA: dict[str, Any] = {"role": "director", "sub": "rita"}
TOM: dict[str, Any] = {"role": "administration", "sub": "tom"}
BART: dict[str, Any] = {"role": "technical", "sub": "bart"}
OPERATOR: dict[str, Any] = {"role": "operator", "sub": "operator", "office": None}
OWN_REASONS = "Ik woog de situatie van het gezin, de aangeboden hulp en de kansen die er waren. " * 2


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def recorded(answer: httpx.Response) -> list[str]:
    assert answer.status_code in (200, 201), answer.text
    return [event["type"] for event in answer.json()["events"]]


def codes(answer: httpx.Response) -> list[str]:
    return [error["code"] for error in answer.json()["errors"]]


class Lease:
    """A lease as visits, notifications and referrals tell of it."""

    def __init__(self, evaluations: Evaluations) -> None:
        self.it = evaluations
        self.id = str(uuid4())

    async def begins(self) -> "Lease":
        name = await self.it.words(self.id, "An", category="A", name="name")
        start = self.it.clock.today()
        registered = LeaseRegisteredV1(
            lease=self.id,
            dwelling_reference=name,
            dwelling_address=name,
            landlord=name,
            parties=(PartyV1(id=PARTY, name=name, role="renter", language="nl"),),
            start=start,
            informed_on=start,
            policy_version="P-1",
            first_visit_due=start,
            inventory_ref=name,
        )
        await self._of_lease(registered)
        await self._of_lease(CounsellorAssignedV1(lease=self.id, counsellor="fatma", assigned_from=start))
        return self

    async def _of_lease(self, fact: Any) -> None:
        await self.it.told(fact, publisher="visits", stream=f"lease/{self.id}")

    async def visit(
        self, *, item: str = "ONH-02", severity: int = 2, repeats: str | None = None, consequence: Any = None
    ) -> tuple[str, str]:
        """Carry out a visit with one finding, discussed; the report stands. Answers visit and finding."""
        visit, finding, day = str(uuid4()), str(uuid4()), self.it.clock.today()
        seen = await self.it.words(self.id, "vuil fornuis")
        said = await self.it.words(self.id, "ik zal het doen", name="renter_said")
        of: dict[str, Any] = {"publisher": "visits", "stream": f"finding/{finding}"}
        recorded_ = VisitRecordedV1(
            lease=self.id, visit=visit, visit_on=day, purpose="individual", present=("renter",), interpreter="none"
        )
        await self.it.told(recorded_, publisher="visits", stream=f"visit/{visit}")
        facts: list[Any] = [
            FindingEstablishedV1(
                lease=self.id,
                finding=finding,
                item=item,
                checklist_version="CL-1",
                seen_on=day,
                source="visit",
                what_seen=seen,
                visit=visit,
            ),
            FindingAttributedV1(
                lease=self.id,
                finding=finding,
                item=item,
                to="renter",
                severity=severity,
                why=seen,
                consequence=consequence,
            ),
            FindingDiscussedV1(
                lease=self.id,
                finding=finding,
                discussed_with=("renter",),
                discussed_on=day,
                renter_said=said,
                renter_plan=said,
            ),
        ]
        if repeats is not None:
            facts.append(FindingLinkedAsRepeatV1(lease=self.id, finding=finding, earlier=repeats, item=item))
        for fact in facts:
            await self.it.told(fact, **of)
        fixed = ReportFixedV1(
            lease=self.id, visit=visit, visit_on=day, fixed_on=day, late=False, findings=(finding,), goes_well=seen
        )
        await self.it.told(fixed, publisher="visits", stream=f"visit/{visit}")
        return visit, finding

    async def evaluated(self, visit: str, finding: str) -> str:
        """Propose by Fatma, decide by Karel."""
        body = {
            "lease": self.id,
            "moment": visit,
            "outcome": "negative",
            "grounds": [{"finding": finding}],
            "why": "het blijft vuil",
        }
        proposed = await self.it.act("/evaluations", body, **FATMA)
        assert recorded(proposed) == ["EvaluationProposed"]
        evaluation: str = proposed.json()["id"]
        assert proposed.headers["location"] == f"/evaluations/{evaluation}"
        decided = await self.it.act(
            f"/evaluations/{evaluation}/decide",
            {"outcome": "negative", "reasons": f"ik las het verslag van {self.it.clock.today()} zelf"},
            **KAREL,
        )
        assert recorded(decided) == ["EvaluationDecidedNegative"]
        return evaluation

    async def reached(self, evaluation: str, on: date | None = None, *, again: bool = False) -> None:
        """Let the letter reach the renter."""
        day = on or self.it.clock.today()
        letter = LetterReachedV1(
            lease=self.id,
            communication=f"c-{evaluation}",
            kind="L-05",
            about_kind="evaluation",
            about_id=evaluation,
            addressees=(ReachedV1(addressee=PARTY, party=PARTY, outcome="delivered", on=day),),
            communicated_on=day,
            sent_on=day,
        )
        await self.it.told(
            letter, publisher="notifications", stream=f"reaching/{evaluation}", on=day, actor="tom", again=again
        )

    async def standing(self, **asked: str) -> Any:
        """Read the standing."""
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        answer = await self.it.read(f"/dossiers/{self.id}/standing?{query}".rstrip("?"), **KAREL)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def three_evaluations(self) -> tuple[list[str], list[str]]:
        """Reach the threshold; the last finding is serious, and lasting by its repeats."""
        evaluations, findings, before = [], [], None
        for day, severity, consequence in (
            ("2026-01-12", 2, None),
            ("2026-03-10", 2, None),
            ("2026-05-05", 3, "damage"),
        ):
            await self.it.days_until(day)
            visit, finding = await self.visit(severity=severity, consequence=consequence, repeats=before)
            evaluation = await self.evaluated(visit, finding)
            await self.reached(evaluation)
            evaluations.append(evaluation)
            findings.append(finding)
            before = finding
        return evaluations, findings


async def an_office(it: Evaluations) -> None:
    """Found the office and give Karel and Wim their mandates."""
    founded = await it.act(
        "/offices", {"code": OFFICE, "name": "Kantoor Noord", "director": "rita", "from": "2025-11-03"}, **OPERATOR
    )
    assert recorded(founded) == ["OfficeFounded", "PolicyAdopted", "ChecklistPublished", "MandateGiven"]
    for person in ("karel", "wim"):
        given = await it.act(
            "/mandates",
            {
                "person": person,
                "role": "coordinator",
                "acts": ["decide_evaluation", "decide_contest"],
                "from": "2025-11-03",
                "until": "2026-12-31",
            },
            **RITA,
        )
        assert recorded(given) == ["MandateGiven"]


async def test_an_office_has_versions_of_policy_checklist_and_mandates(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    again = await it.act(
        "/offices", {"code": OFFICE, "name": "Kantoor Noord", "director": "rita", "from": "2025-11-03"}, **OPERATOR
    )
    assert recorded(again) == []
    adopted = await it.act("/policies", {"in_force_from": "2025-12-01", "threshold_n": 4}, **RITA)
    assert recorded(adopted) == ["PolicyAdopted"]
    assert adopted.headers["location"] == "/policies/P-2"
    policies = (await it.read("/policies", **KAREL)).json()["items"]
    assert [(one["version"], one["threshold_n"]) for one in policies] == [("P-1", 3), ("P-2", 4)]
    assert (await it.read("/policies/P-2", **KAREL)).json()["in_force_from"] == "2025-12-01"
    assert reason(await it.read("/policies/P-9", **KAREL)) == (404, "not-found")
    past = await it.act("/policies", {"in_force_from": "2025-11-02", "threshold_n": 4}, **RITA)
    assert reason(past) == (409, "policy-retroactive")
    outside = await it.act("/policies", {"in_force_from": "2025-12-01", "threshold_n": 9, "cure_days": 5}, **RITA)
    assert reason(outside) == (409, "policy-out-of-range")
    assert [error["pointer"] for error in outside.json()["errors"]] == ["/cure_days", "/threshold_n"]
    checklist = (await it.read("/checklists/CL-1", **FATMA)).json()
    assert len(checklist["items"]) == 24
    items = [{**item, "terminable": True} for item in checklist["items"]]
    statutory = await it.act("/checklists", {"in_force_from": "2025-12-01", "items": items}, **RITA)
    assert reason(statutory) == (409, "statutory-not-terminable")
    kept = [item for item in checklist["items"] if item["code"] != "ONH-07"]
    assert recorded(await it.act("/checklists", {"in_force_from": "2025-12-01", "items": kept}, **RITA)) == [
        "ChecklistPublished"
    ]
    mandates = (await it.read("/mandates", **RITA)).json()["items"]
    assert (mandates[0]["person"], mandates[0]["acts"]) == ("rita", ["*"])
    own = {"person": "rita", "role": "director", "acts": ["*"], "from": "2025-11-03"}
    assert reason(await it.act("/mandates", own, **RITA)) == (403, "self-approval")
    ended = await it.act(f"/mandates/{mandates[1]['id']}/end", {"until": "2025-11-03", "why": "vertrokken"}, **RITA)
    assert recorded(ended) == ["MandateEnded"]
    assert ended.json()["until"] == "2025-11-03"
    assert reason(await it.act("/policies", {"in_force_from": "2025-12-01"}, **KAREL)) == (403, "not-permitted")
    reserved = {"code": "platform", "name": "x", "director": "x", "from": "2025-11-03"}
    assert reason(await it.act("/offices", reserved, **OPERATOR)) == (422, "invalid-request")


async def test_an_operator_founds_an_office_once_under_one_key(evaluations: Evaluations) -> None:
    it = evaluations
    office = {"code": OFFICE, "name": "Kantoor Noord", "director": "rita", "from": "2025-11-03"}
    founded = await it.act("/offices", office, key="k-1", **OPERATOR)
    again = await it.act("/offices", office, key="k-1", **OPERATOR)
    assert (again.status_code, again.json()) == (201, founded.json())
    assert again.headers["idempotency-replayed"] == "true"
    midden = {**office, "code": "kantoor-midden"}
    assert reason(await it.act("/offices", midden, key="k-1", **OPERATOR)) == (422, "idempotency-key-reused")


async def test_a_mandate_has_a_version_of_its_own(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    _, karel, wim = (await it.read("/mandates", **RITA)).json()["items"]
    at = f"/mandates/{karel['id']}"

    async def ends(until: str, seen: str) -> httpx.Response:
        headers = {**it._as(**RITA), "If-Match": seen}
        return await it.client.post(f"{at}/end", json={"until": until, "why": "vertrokken"}, headers=headers)

    seen = (await it.read(at, **RITA)).headers["etag"]
    await it.act(f"/mandates/{wim['id']}/end", {"until": "2026-06-30", "why": "vertrokken"}, **RITA)
    ended = await ends("2026-05-31", seen)
    assert (ended.status_code, ended.headers["etag"], ended.json()["version"]) == (200, '"2"', 2)
    late = await ends("2026-04-30", seen)
    assert (reason(late), late.headers["etag"]) == ((412, "changed-meanwhile"), '"2"')
    assert late.json()["present"]["until"] == "2026-05-31"
    assert (await it.read(at, **RITA)).headers["etag"] == '"2"'


async def test_what_is_made_answers_the_version_that_reading_it_answers(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    made = (
        ('"2"', await it.act("/policies", {"in_force_from": "2025-12-01", "threshold_n": 4}, **RITA)),
        ('"1"', await it.act(f"/dossiers/{lease.id}/court", {}, **RITA)),
    )
    for version, answer in made:
        read = await it.read(answer.headers["location"], **RITA)
        assert answer.headers["etag"] == read.headers["etag"] == version
    for path in ("/offices", f"/dossiers/{lease.id}/court"):  # of what is not there yet nobody saw a version
        office = {"code": "kantoor-midden", "name": "Kantoor Midden", "director": "nora", "from": "2025-11-03"}
        who, body = (OPERATOR, office) if path == "/offices" else (RITA, {})
        answer = await it.client.post(path, json=body, headers={**it._as(**who), "If-Match": '"1"'})
        assert (reason(answer), answer.json()["present"]) == ((412, "changed-meanwhile"), None)


async def test_who_adopts_after_a_version_that_is_no_longer_the_last_sees_the_last(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    items = (await it.read("/checklists/CL-1", **RITA)).json()["items"]
    for path, first, change, other in (
        ("/policies", "P-1", {"threshold_n": 4}, {"threshold_n": 5}),
        ("/checklists", "CL-1", {"items": items[:-1]}, {"items": items[:-2]}),
    ):
        seen = {**it._as(**RITA), "If-Match": (await it.read(f"{path}/{first}", **RITA)).headers["etag"]}
        day = {"in_force_from": "2025-12-01"}
        adopted = await it.client.post(path, json={**day, **change}, headers=seen)
        assert (adopted.status_code, adopted.headers["etag"]) == (201, '"2"')
        late = await it.client.post(path, json={**day, **other}, headers=seen)
        assert (reason(late), late.headers["etag"]) == ((412, "changed-meanwhile"), '"2"')
        assert late.json()["present"]["id"] == adopted.json()["id"]
        again = await it.act(path, {**day, **change}, **RITA)
        assert (recorded(again), again.headers["etag"]) == ([], '"2"')


async def test_a_lease_that_is_not_known_is_so_before_anything_else_is_looked_at(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    nowhere = "0b2f6f0a-5a53-4f0a-9a51-0d6f4a6f0001"
    assert reason(await it.act(f"/dossiers/{nowhere}/court", {"id": 5}, **RITA)) == (404, "not-found")
    for path in (f"/dossiers/{nowhere}/standing?on=x", f"/dossiers/{nowhere}/refused-attempts?limit=0"):
        assert reason(await it.read(path, **RITA)) == (404, "not-found")
    for path in (f"/evaluations/{nowhere}?valid_on=x", f"/terminations/{nowhere}?valid_on=x"):
        assert reason(await it.read(path, **RITA)) == (404, "not-found")


async def test_three_evaluations_a_review_and_a_directors_decision(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    ids, findings = await lease.three_evaluations()
    stood = await lease.standing()
    assert (stood["count"], stood["threshold"], stood["reached"], stood["counted"]) == (3, 3, True, ids)
    assert stood["next_expiry"] == "2028-01-12"
    assert [line["id"] for line in stood["why"]] == ids and all(line["sentence"] for line in stood["why"])
    assert (await lease.standing(on="2026-05-04"))["count"] == 2
    files = (await it.read(f"/terminations?lease={lease.id}", **KAREL)).json()["items"]
    assert [(file["state"], file["route"], file["evaluations"]) for file in files] == [
        ("under_review", "threshold", ids)
    ]
    at = f"/terminations/{files[0]['id']}"
    proposed = await it.act(f"{at}/propose", {"grounds": [findings[2]], "why": "al een half jaar"}, **KAREL)
    assert recorded(proposed) == ["TerminationProposed"]

    decision = {"outcome": "terminate", "reasons": OWN_REASONS}
    for _ in range(2):  # asked again under its key it is the same attempt
        again = await it.act(f"{at}/decide", decision, key="k-1", **FATMA)
        assert reason(again) == (403, "not-permitted")
    unknown = {**decision, "grounds": ["0b2f6f0a-5a53-4f0a-9a51-0d6f4a6f0001"]}
    assert reason(await it.act(f"{at}/decide", unknown, **RITA)) == (409, "not-yet-known")
    assert reason(await it.act(f"{at}/decide", unknown, role="director", sub="karel")) == (403, "no-mandate")
    assert reason(await it.act(f"{at}/decide", {**decision, "reasons": "kort"}, **RITA)) == (409, "reasons-not-own")
    refused = await it.act(f"{at}/decide", decision, **RITA)
    assert (reason(refused), codes(refused)) == ((409, "gate-open"), ["G1", "G2", "G3", "G4", "G7", "G9"])

    await it.days_until("2026-05-20")
    early = {"on": "2026-05-20", "invited_on": "2026-05-15", "present": ["renter"]}
    assert reason(await it.act(f"{at}/record-hearing", early, **KAREL)) == (409, "invited-too-late")
    heard = {**early, "invited_on": "2026-05-12", "interpreter": {"kind": "none"}, "said": "ik wil blijven"}
    assert recorded(await it.act(f"{at}/record-hearing", heard, **KAREL)) == ["HearingHeld"]
    on = it.clock.today()
    await it.told(ReferralOfferedV1(lease=lease.id, offered_on=on), publisher="referrals", stream="offer/1")
    consulted = OcmwConsultedV1(lease=lease.id, consultation="o1", consulted_on=on, ground="maintenance")
    await it.told(consulted, publisher="referrals", stream="ocmw/1")
    await it.told(
        OcmwAnsweredV1(lease=lease.id, consultation="o1", answered_on=on), publisher="referrals", stream="ocmw/1"
    )
    assert reason(await it.act(f"{at}/record-gate", {"gate": "G2"}, **KAREL)) == (409, "no-proof")
    assert reason(await it.act(f"{at}/record-gate", {"gate": "G7", "proof": {"note": "x"}}, **KAREL)) == (
        409,
        "gate-not-recorded",
    )
    assert reason(await it.act(f"{at}/record-gate", {"gate": "G2", "proof": {"note": "x"}}, **TOM)) == (
        403,
        "not-permitted",
    )
    for who, gate, proof, event in (
        (KAREL, "G2", {"findings": findings, "note": "nagekeken"}, "AttributionChecked"),
        (KAREL, "G3", {"household": "alleen", "progress": "weinig"}, "ProportionalityNoteWritten"),
        (TOM, "G8", {"addressees": [{"party": PARTY, "checked_on": "2026-05-20"}]}, "AddresseesChecked"),
        (BART, "G9", {"in_order": True}, "LandlordDutiesChecked"),
    ):
        assert recorded(await it.act(f"{at}/record-gate", {"gate": gate, "proof": proof}, **who)) == [event]
    shown = (await it.read(at, **RITA)).json()
    assert [(gate["gate"], gate["passes"]) for gate in shown["gates"]] == [(f"G{n}", True) for n in range(1, 11)]
    shown_to_tom = (await it.read(at, **TOM)).json()
    assert [gate for gate in shown_to_tom["gates"] if len(gate) > 1] == [shown["gates"][7]], "G8, which Tom records"
    rests_on = {"findings", "evaluations", "grounds", "hearings", "doubtful_because", "positive", "to_weigh"}
    assert rests_on <= shown.keys() and not rests_on & shown_to_tom.keys()
    assert rests_on | {"gates.passes", "gates.code", "gates.why"} <= set(shown_to_tom["withheld"])
    assert shown["proportionality_note"] == "household: alleen\nprogress: weinig"
    decided = await it.act(f"{at}/decide", decision, **RITA)
    assert recorded(decided) == ["TerminationDecided"]
    assert decided.json()["notice_dates"][0] == {
        "posted_from": "2026-05-20",
        "posted_until": "2026-05-26",
        "start": "2026-06-01",
        "end": "2026-08-31",
    }

    posting = {"posted_on": "2026-05-20", "method": "registered_paper", "communications": ["c9"], "tracking": ["R1"]}
    assert reason(await it.act(f"{at}/post-notice", posting, **TOM)) == (409, "not-approved")
    dates = compute(posted_on=on, months=3, basis="latest")
    approved = CommunicationApprovedV1(
        lease=lease.id,
        communication="c9",
        kind="L-09",
        about_kind="termination",
        about_id=files[0]["id"],
        addressees=(AddressedV1(addressee=PARTY, role="party", party=PARTY),),
        approved_on=on,
        document="00",
        notice_start=dates.start,
        notice_end=dates.end,
    )
    await it.told(approved, publisher="notifications", stream="communication/c9", actor="rita")
    posted = await it.act(f"{at}/post-notice", posting, **TOM)
    assert recorded(posted) == ["NoticePosted", "NoticeDatesComputed"]
    assert (posted.json()["state"], posted.json()["notice"]["end"]) == ("notice_running", "2026-08-31")

    steps = (await it.read(at, **RITA)).json()["notice"]["steps"]
    assert [step["rule"] for step in steps][-2:] == ["start", "end"] and all(step["sentence"] for step in steps)

    # The letter comes back from a wrong address: the file says so, and that it can be posted anew.
    letter: dict[str, Any] = {"lease": lease.id, "communication": "c9", "kind": "L-09", "about_kind": "termination"}
    letter["about_id"] = files[0]["id"]
    sent = CommunicationSentV1(addressees=(), required=(PARTY,), method="registered_paper", sent_on=on, **letter)
    await it.told(sent, publisher="notifications", stream="communication/c9", actor="tom")
    assert (await it.read(at, **RITA)).json()["warnings"] == []
    back = CommunicationReturnedV1(addressee=PARTY, party=PARTY, returned_on=on, **letter)
    await it.told(back, publisher="notifications", stream="communication/c9", actor="tom")
    assert (await it.read(at, **RITA)).json()["warnings"] == ["NOTICE_CAME_BACK"]
    anew = {**posting, "communications": ["c10"]}
    assert reason(await it.act(f"{at}/post-notice", anew, **TOM)) == (409, "not-approved")

    # Somebody annuls an evaluation: the grounds are doubtful, and nothing goes on until a person has weighed them.
    annulled = await it.act(f"/evaluations/{ids[1]}/annul", {"why": "verkeerd gezien"}, **RITA)
    assert recorded(annulled) == ["EvaluationAnnulled", "ThresholdNoLongerMet", "GroundsDoubtful", "GroundsDoubtful"]
    assert (await it.read(at, **RITA)).json()["doubtful"] is True
    claim = {"court": "vrederechter", "filed_on": "2026-05-20"}
    assert reason(await it.act(f"{at}/file-claim", claim, **RITA)) == (409, "grounds-doubtful")
    weak = {"remaining_grounds": [findings[0]], "reasons": "wij gaan door"}
    assert reason(await it.act(f"{at}/confirm-grounds", weak, **RITA)) == (409, "no-ground")
    strong = {"remaining_grounds": [{"finding": findings[2]}], "reasons": "de schade blijft"}
    assert recorded(await it.act(f"{at}/confirm-grounds", strong, **RITA)) == ["GroundsConfirmed"]
    assert recorded(await it.act(f"{at}/file-claim", claim, **RITA)) == ["ClaimFiled", "OcmwToldOfClaim"]
    for who, reads in ((FATMA, False), (KAREL, True), (RITA, True), (TOM, True), ({"role": "auditor"}, True)):
        (listed,) = (await it.read(f"/terminations?lease={lease.id}", **who)).json()["items"]
        for shown in (listed, (await it.read(at, **who)).json()):
            assert (shown["state"], "claim" in shown, "claim" in shown["withheld"]) == ("in_court", reads, not reads)

    attempts = (await it.read(f"/dossiers/{lease.id}/refused-attempts", role="auditor")).json()["items"]
    assert [(one["actor"], one["code"]) for one in attempts] == [
        ("fatma", "NOT_PERMITTED"),
        ("karel", "NO_MANDATE"),
        ("rita", "REASONS_NOT_OWN"),
        ("rita", "GATE_OPEN"),
        ("karel", "INVITED_TOO_LATE"),
        ("karel", "NO_PROOF"),
        ("karel", "GATE_NOT_RECORDED"),
        ("tom", "NOT_PERMITTED"),
        ("tom", "NOT_APPROVED"),
        ("tom", "NOT_APPROVED"),
        ("rita", "GROUNDS_DOUBTFUL"),
        ("rita", "NO_GROUND"),
    ]
    assert attempts[3]["named"] == ["G1", "G2", "G3", "G4", "G7", "G9"]
    timeline = (await it.read(f"/dossiers/{lease.id}?limit=200", **KAREL)).json()["entries"]
    by_system = {entry["type"] for entry in timeline if entry["actor"] == "SYS"}
    assert {"ThresholdReached", "ReviewOpened", "GroundsDoubtful", "ThresholdNoLongerMet"} <= by_system
    judged = {"TerminationDecided", "EvaluationDecidedNegative", "EvaluationAnnulled", "GroundsConfirmed"}
    assert judged.isdisjoint(by_system)  # I-01
    crossed = [entry["occurred_on"] for entry in timeline if entry["type"] == "ThresholdReached"]
    assert crossed == ["2026-05-05"]


async def test_four_eyes_and_mandates_on_evaluations(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    await it.days_until("2026-01-12")
    visit, finding = await lease.visit()
    body = {
        "lease": lease.id,
        "moment": visit,
        "outcome": "negative",
        "grounds": [{"finding": finding}],
        "why": "het blijft vuil",
    }
    unknown = {**body, "grounds": [{"finding": str(uuid4())}]}
    assert reason(await it.act("/evaluations", unknown, **KAREL)) == (409, "not-yet-known")
    assert reason(await it.act("/evaluations", {**body, "grounds": []}, **KAREL)) == (409, "no-ground")
    proposed = await it.act("/evaluations", body, **KAREL)
    at = f"/evaluations/{proposed.json()['id']}"
    more = await it.act("/evaluations", {**body, "why": "ook dit"}, **WIM)
    assert (more.status_code, recorded(more), more.json()["id"]) == (200, ["EvaluationAmended"], proposed.json()["id"])
    judged = {"outcome": "negative", "reasons": "ik weeg het zelf"}
    assert reason(await it.act(f"{at}/decide", judged, **KAREL)) == (403, "self-approval")
    assert reason(await it.act(f"{at}/decide", judged, role="coordinator", sub="els")) == (403, "no-mandate")
    assert reason(await it.act(f"{at}/decide", judged, **FATMA)) == (403, "not-permitted")
    assert reason(await it.act(f"{at}/decide", {**judged, "reasons": " Ook DIT "}, **RITA)) == (409, "reasons-not-own")
    future = {**judged, "occurred_on": "2026-01-13"}
    assert reason(await it.act(f"{at}/decide", future, **RITA)) == (409, "occurred-in-future")
    decided = await it.act(f"{at}/decide", judged, **RITA)
    assert recorded(decided) == ["EvaluationDecidedNegative"]
    assert (decided.json()["count_before"], decided.json()["count_if_communicated"]) == (0, 1)
    assert recorded(await it.act(f"{at}/decide", judged, **RITA)) == []

    # EC-16: Karel's mandate ends; from the next day on he is refused, backdated or not.
    mandate = next(m for m in (await it.read("/mandates", **RITA)).json()["items"] if m["person"] == "karel")
    await it.act(f"/mandates/{mandate['id']}/end", {"until": "2026-01-31", "why": "vertrokken"}, **RITA)
    await it.days_until("2026-03-02")
    visit, finding = await lease.visit()
    again = await it.act("/evaluations", {**body, "moment": visit, "grounds": [{"finding": finding}]}, **FATMA)
    at = f"/evaluations/{again.json()['id']}"
    assert reason(await it.act(f"{at}/decide", judged, **KAREL)) == (403, "mandate-ended")
    backdated = {**judged, "occurred_on": "2026-01-30"}
    assert reason(await it.act(f"{at}/decide", backdated, **KAREL)) == (403, "mandate-ended")


async def test_a_contest_is_settled_by_a_third_person(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    ids, _ = await lease.three_evaluations()
    at = f"/evaluations/{ids[2]}"
    await it.days_until("2026-05-12")
    contest = {"lodged_on": "2026-05-10", "channel": "whatsapp", "words": "dit klopt niet"}
    contested = await it.act(f"{at}/contest", contest, **TOM)
    # In the review nothing is doubted for a contest as such: the count fell, and that is.
    assert recorded(contested) == ["EvaluationContested", "ThresholdNoLongerMet", "GroundsDoubtful"]
    assert (await lease.standing())["count"] == 2
    settle = {"outcome": "upheld", "reasons": "de foto's tonen het", "heard": {"on": "2026-05-11"}}
    assert reason(await it.act(f"{at}/decide-contest", settle, **KAREL)) == (403, "self-approval")
    assert reason(await it.act(f"{at}/decide-contest", {**settle, "heard": None}, **WIM)) == (409, "not-heard")
    upheld = await it.act(f"{at}/decide-contest", settle, **WIM)
    assert recorded(upheld) == ["EvaluationUpheld", "ThresholdReached"]
    assert upheld.json()["contest_decision"]["count_after"] == 3
    late = {"lodged_on": "2026-05-12", "channel": "letter", "words": "toch niet akkoord"}
    await it.days_until("2026-06-20")
    assert (await it.read(f"/evaluations/{ids[1]}", **KAREL)).json()["state"] == "final"
    refused = await it.act(f"/evaluations/{ids[1]}/contest", {**late, "lodged_on": "2026-06-20"}, **TOM)
    assert reason(refused) == (409, "contest-too-late")
    attempts = (await it.read(f"/dossiers/{lease.id}/refused-attempts", **RITA)).json()["items"]
    assert attempts[-1]["words"] == "toch niet akkoord"
    admitted = await it.act(
        f"/evaluations/{ids[1]}/admit-late-contest", {**late, "lodged_on": "2026-06-20", "why": "opname"}, **KAREL
    )
    assert recorded(admitted)[0] == "LateContestAdmitted"


async def test_what_arrives_twice_or_late_crosses_once_and_today(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    await lease.three_evaluations()
    await it.days_until("2026-07-06")
    visit, finding = await lease.visit()
    evaluation = await lease.evaluated(visit, finding)
    await it.days_until("2026-08-03")
    await lease.reached(evaluation, date(2026, 7, 20))
    await lease.reached(evaluation, date(2026, 7, 20), again=True)  # the same message once more
    state = await it.store.state(EVALUATION, evaluation, by=Office())
    assert [type(told.event).__name__ for told in state.history if "Communicated" in type(told.event).__name__] == [
        "EvaluationCommunicated"
    ]
    timeline = (await it.read(f"/dossiers/{lease.id}?limit=200", **KAREL)).json()["entries"]
    assert [entry["type"] for entry in timeline].count("ThresholdReached") == 1
    assert (await lease.standing())["count"] == 4


class Office:
    """Who reads for the office."""

    office = OFFICE


async def test_a_standing_is_of_one_day_whichever_of_its_two_names_says_it(evaluations: Evaluations) -> None:
    await an_office(evaluations)
    lease = await Lease(evaluations).begins()
    days = [
        (await lease.standing(**asked))["on"]
        for asked in ({"on": "2026-01-02"}, {"valid_on": "2026-01-02"}, {"on": "2026-01-02", "valid_on": "2026-01-02"})
    ]
    assert days == ["2026-01-02"] * 3
    both = await evaluations.read(f"/dossiers/{lease.id}/standing?on=2026-01-02&valid_on=2026-01-03", **KAREL)
    assert reason(both) == (422, "invalid-request")
    assert both.json()["errors"][0]["pointer"] == "valid_on"


async def test_a_finding_that_turns_out_the_owners_counts_no_more_and_the_past_stays_answered(
    evaluations: Evaluations,
) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    _ids, findings = await lease.three_evaluations()
    before = await lease.standing()
    known_at = before["as_known_at"].replace("+", "%2B")
    await it.days_until("2026-05-07")
    why = await it.words(lease.id, "lek in het dak", name="why")
    turned = FindingReattributedV1(
        lease=lease.id, finding=findings[0], item="ONH-02", to="owner", previously="renter", why=why
    )
    # The fact is dated back; what was known then is still answered, byte for byte.
    await it.told(turned, publisher="visits", stream=f"finding/{findings[0]}", on=date(2026, 5, 4), actor="karel")
    assert (await lease.standing())["count"] == 2
    assert (await lease.standing(on="2026-05-05"))["count"] == 2
    then = await lease.standing(on="2026-05-05", known_at=known_at)
    assert {name: then[name] for name in ("count", "counted", "excluded")} == {
        name: before[name] for name in ("count", "counted", "excluded")
    }
    assert then == await lease.standing(on="2026-05-05", known_at=known_at)


async def test_an_answer_names_exactly_what_it_rests_on(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    ids, _ = await lease.three_evaluations()
    timeline = (await it.read(f"/dossiers/{lease.id}?limit=200", **KAREL)).json()["entries"]
    crossing = next(entry["event"] for entry in timeline if entry["type"] == "ThresholdReached")
    found = (await it.read(f"/decisions/{crossing}/provenance", role="auditor")).json()
    assert (found["count"], found["rule_version"], found["lease"]) == (3, "count/1", lease.id)
    named = [event["type"] for event in found["events"]]
    assert named.count("EvaluationCommunicated") == 3 and named.count("FindingEstablished") == 3
    assert "ReportFixed" not in named and "FindingDiscussed" not in named
    supplied = {one["parameter"] for policy in found["policies"] for one in policy["supplied"]}
    assert supplied == {"threshold_n", "validity_months", "cure_days", "contest_suspends"}
    assert [one["version"] for one in found["checklists"]] == ["CL-1"]
    assert reason(await it.read(f"/decisions/{uuid4()}/provenance", role="auditor")) == (404, "not-found")
    decided = next(entry["event"] for entry in timeline if entry["type"] == "EvaluationDecidedNegative")
    found = (await it.read(f"/decisions/{decided}/provenance", role="auditor")).json()
    assert (found["count"], found["rule_versions"]) == (0, ["count/1", "evaluation/1"])
    # What the letter quotes of the talk is part of the decision; who is the counsellor refuses nothing here.
    assert [event["type"] for event in found["events"]] == [
        "LeaseRegistered", "FindingEstablished", "FindingAttributed", "FindingDiscussed", "EvaluationProposed",
    ]  # fmt: skip
    supplied = {one["parameter"] for policy in found["policies"] for one in policy["supplied"]}
    assert supplied == {"threshold_n", "validity_months", "cure_days", "contest_suspends", "contest_days"}
    assert ids


async def test_a_draft_policy_is_tried_out_and_nothing_is_recorded(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    ids, _ = await lease.three_evaluations()
    head = (await it.read("/ledger/checkpoint", **RITA)).json()["position"]
    tried = (await it.act("/simulations", {"threshold_n": 4}, **RITA)).json()
    assert tried["summary"]["would_fall_back"] == 1
    assert [(one["lease"], one["before"]["count"], one["after"]["threshold"]) for one in tried["leases"]] == [
        (lease.id, 3, 4)
    ]
    log = (await it.read(f"/read-log?lease={lease.id}", role="auditor")).json()["items"]
    assert "simulations" in [one["what"] for one in log], "it shows the count of this lease"
    longer = (await it.act("/simulations", {"cure_days": 90}, **RITA)).json()
    assert [one["why"] for one in longer["leases"]] == [[{"id": ids[1], "before": "counted", "after": "within_cure"}]]
    assert (await it.act("/simulations", {"threshold_n": 3}, **RITA)).json()["leases"] == []
    assert reason(await it.act("/simulations", {"threshold_n": 9}, **RITA)) == (409, "policy-out-of-range")
    assert (await it.read("/ledger/checkpoint", **RITA)).json()["position"] == head


async def test_ec_08_a_milder_policy_takes_the_threshold_back_the_day_it_takes_force(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    await lease.three_evaluations()
    assert recorded(await it.act("/policies", {"in_force_from": "2026-05-05", "threshold_n": 4}, **RITA)) == [
        "PolicyAdopted"
    ]
    timeline = (await it.read(f"/dossiers/{lease.id}?limit=200", **KAREL)).json()["entries"]
    last = [(entry["type"], entry["actor"], entry["occurred_on"]) for entry in timeline[-2:]]
    assert last == [("ThresholdNoLongerMet", "SYS", "2026-05-05"), ("GroundsDoubtful", "SYS", "2026-05-05")]
    files = (await it.read(f"/terminations?lease={lease.id}", **KAREL)).json()["items"]
    assert [(file["state"], file["doubtful"]) for file in files] == [("under_review", True)]
    await it.act("/policies", {"in_force_from": "2026-05-08", "threshold_n": 3}, **RITA)
    await it.days_until("2026-05-08")
    assert (await lease.standing())["reached"]  # milder still counts until told otherwise: P-1 was the pin, and N is 3
    timeline = (await it.read(f"/dossiers/{lease.id}?limit=200", **KAREL)).json()["entries"]
    assert [entry["type"] for entry in timeline].count("ThresholdReached") == 2


async def test_a_day_on_which_nothing_changes_asks_for_no_decision(
    evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    await lease.three_evaluations()
    decide, asked = it.store.decide, []

    async def noted(*given: Any, **more: Any) -> Any:
        asked.append((it.clock.today().isoformat(), given[0].kind))
        return await decide(*given, **more)

    monkeypatch.setattr(it.store, "decide", noted)
    await it.days_until("2026-06-05")
    assert asked == [("2026-06-05", "evaluation")]  # the contest term of the third is over; the count stays
    await it.days_until("2026-06-06")
    assert len(asked) == 1


async def test_longer_validity_brings_back_what_had_expired_and_crosses_again_that_day(
    evaluations: Evaluations,
) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    await lease.three_evaluations()
    review = (await it.read(f"/terminations?lease={lease.id}", **KAREL)).json()["items"][0]["id"]
    going_on = {"outcome": "continue", "reasons": "een kans", "measures": ["elke maand een bezoek"]}
    assert recorded(await it.act(f"/terminations/{review}/decide", going_on, **RITA)) == ["TerminationNotPursued"]
    await it.act("/policies", {"in_force_from": "2026-05-06", "validity_months": 6}, **RITA)
    await it.days_until("2026-05-06")
    for day in ("2026-07-12", "2026-09-10", "2026-11-05"):
        await it.days_until(day)
    assert (await lease.standing())["count"] == 0
    await it.act("/policies", {"in_force_from": "2026-11-09", "validity_months": 24}, **RITA)
    await it.days_until("2026-11-09")
    assert (await lease.standing())["count"] == 3
    timeline = (await it.read(f"/dossiers/{lease.id}?limit=200", **KAREL)).json()["entries"]
    crossings = [entry["occurred_on"] for entry in timeline if entry["type"] == "ThresholdReached"]
    assert crossings == ["2026-05-05", "2026-11-09"]


async def test_figures_hide_groups_under_five(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    ids, _ = await lease.three_evaluations()
    asked = "from=2026-01-01&until=2026-12-31"
    figures = {one["id"]: one for one in (await it.read(f"/kpis?{asked}", **RITA)).json()["kpis"]}
    assert set(figures) == {"K-10", "K-11", "K-12", "K-13"}
    assert (figures["K-13"]["suppressed"], figures["K-13"]["value"]) == (True, None)
    assert (figures["K-12"]["suppressed"], figures["K-12"]["denominator"]) == (False, 0)
    listed = (await it.read(figures["K-13"]["list"], **RITA)).json()["items"]
    assert [one["id"] for one in listed] == ids
    assert {kpi: sorted(figure["lists"]) for kpi, figure in figures.items()} == {
        "K-10": ["dwellings"], "K-11": [], "K-12": ["serious_facts", "threshold"], "K-13": ["decided"],
    }  # fmt: skip
    contest = {"lodged_on": it.clock.today().isoformat(), "channel": "letter", "words": "niet akkoord"}
    await it.act(f"/evaluations/{ids[2]}/contest", contest, **TOM)
    settled = {"outcome": "annulled", "reasons": "gewogen", "heard": {"on": it.clock.today().isoformat()}}
    await it.act(f"/evaluations/{ids[2]}/decide-contest", settled, **WIM)
    review = (await it.read(f"/terminations?lease={lease.id}", **KAREL)).json()["items"][0]["id"]
    await it.act(f"/terminations/{review}/decide", {"outcome": "continue", "reasons": "een kans"}, **RITA)
    assert (await it.read(figures["K-13"]["lists"]["decided"], **RITA)).json()["items"] == [
        {"id": ids[2], "counts": True, "days": 0}
    ]
    assert (await it.read(figures["K-12"]["lists"]["threshold"], **RITA)).json()["items"] == [
        {"id": review, "counts": True}
    ]
    assert (await it.read(figures["K-12"]["lists"]["serious_facts"], **RITA)).json()["items"] == []
    dwellings = (await it.read(figures["K-10"]["lists"]["dwellings"], **RITA)).json()["items"]
    assert dwellings == [{"id": lease.id, "counts": True}]
    for _ in range(4):
        other = await Lease(it).begins()
        visit, finding = await other.visit()
        await other.reached(await other.evaluated(visit, finding))
    figures = {one["id"]: one for one in (await it.read(f"/kpis?{asked}", **RITA)).json()["kpis"]}
    assert (figures["K-13"]["numerator"], figures["K-13"]["denominator"]) == (1, 7)
    assert (figures["K-11"]["numerator"], figures["K-11"]["denominator"]) == (0, 5)
    assert reason(await it.read(f"/kpis/K-99/list?{asked}", **RITA)) == (404, "not-found")


async def test_a_talk_about_the_file_and_a_positive_evaluation(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    await it.days_until("2026-01-12")
    opened = await it.act(
        "/moments", {"lease": lease.id, "date": "2026-01-12", "about": "de huur", "why": "goed op schema"}, **FATMA
    )
    assert recorded(opened) == ["EvaluationMomentOpened"]
    body = {"lease": lease.id, "moment": opened.json()["id"], "outcome": "positive", "why": "alles betaald"}
    proposed = await it.act("/evaluations", body, **FATMA)
    told = await it.act(f"/evaluations/{proposed.json()['id']}/decide", {"outcome": "positive"}, **FATMA)
    assert recorded(told) == ["EvaluationRecorded"]
    stood = await lease.standing()
    assert (stood["count"], stood["positive"]["evaluations"][0]["outcome"]) == (0, "positive")


async def test_holds_keep_a_lease(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    dpo: dict[str, Any] = {"role": "dpo", "sub": "dirk"}
    placed = await it.act("/holds", {"lease": lease.id, "why": "vordering"}, **dpo)
    assert recorded(placed) == ["HoldPlaced"]
    lifted = await it.act(f"/holds/{placed.json()['id']}/lift", {"why": "gesloten"}, **dpo)
    assert (recorded(lifted), lifted.json()["state"]) == (["HoldLifted"], "lifted")


async def test_another_offices_things_do_not_exist(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    ids, _ = await lease.three_evaluations()
    elsewhere: dict[str, Any] = {"role": "director", "sub": "piet", "office": "kantoor-midden"}
    files = (await it.read(f"/terminations?lease={lease.id}", **KAREL)).json()["items"]
    for path in (
        f"/evaluations/{ids[0]}",
        f"/terminations/{files[0]['id']}",
        f"/dossiers/{lease.id}/standing",
        f"/dossiers/{lease.id}/refused-attempts",
    ):
        assert reason(await it.read(path, **elsewhere)) == (404, "not-found")
    assert reason(await it.act(f"/evaluations/{ids[0]}/annul", {"why": "x"}, **elsewhere)) == (404, "not-found")
    assert (await it.read("/evaluations", **elsewhere)).json()["items"] == []
