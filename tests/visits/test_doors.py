"""Visits over HTTP, on a real database: the story of one lease, and what is refused at the door."""

import json
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

import httpx

from shared.contracts.evaluations import MandateGivenV1
from tests.visits.conftest import Visits
from tests.visits.examples import POLICY

LEASE: dict[str, Any] = {
    "dwelling": {"reference": "KN-0417", "address": "Lindestraat 12 bus 3, 2060 Antwerpen"},
    "landlord": "Woonmaatschappij Noord bv",
    "parties": [
        {
            "name": "Amina Voorbeeld",
            "role": "reference_renter",
            "language": "nl",
            "household": "alone",
            "contacts": [{"kind": "sms", "value": "+32 470 00 00 01"}],
        }
    ],
    "start": "2025-11-10",
    "informed_on": "2025-11-03",
    "inventory_ref": "PB-2025-0417",
}


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def codes(answer: httpx.Response) -> list[str]:
    return [error["code"] for error in answer.json().get("errors", [])]


def types(thing: dict[str, Any]) -> list[str]:
    return [event["type"] for event in thing["events"]]


async def a_lease(visits: Visits, **other: Any) -> str:
    """A lease that runs, guided by Fatma."""
    registered = await visits.done("/leases", {**LEASE, **other}, who="tom")
    lease: str = registered["id"]
    await visits.done(f"/leases/{lease}/assign-counsellor", {"counsellor": "fatma"}, who="karel")
    return lease


async def a_visit(visits: Visits, lease: str, day: str, *, announced: str, agreed: bool = True) -> str:
    """A visit that was announced, and agreed if so wished."""
    asked = {"lease": lease, "date": day, "slot": "10:00", "purpose": "individual", "kind": "home"}
    visit: str = (await visits.done("/visits", asked))["id"]
    told = {"channel": "whatsapp", "announced_on": announced, "purpose_told": True}
    await visits.done(f"/visits/{visit}/announce", told)
    if agreed:
        await visits.done(f"/visits/{visit}/agree", {"agreed_on": announced, "channel": "whatsapp"})
    return visit


def was_there(day: str) -> dict[str, Any]:
    return {
        "occurred_on": day,
        "present": ["renter", "fatma"],
        "permission": True,
        "interpreter": {"kind": "none"},
    }


def fact(lease: str, visit: str, day: str, **other: Any) -> dict[str, Any]:
    return {
        "lease": lease,
        "item": "ONH-02",
        "place": "keuken",
        "what_seen": "Aangekoekt vet op kookplaat en wanden.",
        "occurred_on": day,
        "source": {"kind": "visit", "visit": visit},
        "evidence": [],
        **other,
    }


NOTE = {
    "goes_wrong": "De keuken wordt niet proper gehouden.",
    "why_renter_says": "Veel nachtwerk, weinig energie.",
    "goal": "Een keuken waarin veilig gekookt kan worden.",
    "renter_needs": "Een vast moment in de week.",
}


def step(due: str, **other: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "by": "renter",
        "action": "De kookplaat en de wanden errond ontvetten",
        "place": "keuken",
        "measure": {"kind": "seen_at_visit", "target": "vrij van vet"},
        "due": due,
        "needs": ["ontvetter"],
        "depends_on": [],
        "agreed_by_renter": True,
        **other,
    }


async def test_the_way_of_a_problem_from_the_first_visit_to_a_broken_agreement(visits: Visits) -> None:
    visits.at("2025-11-03T09:00")
    registered = await visits.done("/leases", LEASE, who="tom")
    assert types(registered) == ["LeaseRegistered"]
    assert registered["first_visit_due"] == "2025-12-01"
    assert registered["policy_version"] == "P-1"
    renter = registered["parties"][0]["id"]
    lease = registered["id"]
    assigned = await visits.done(f"/leases/{lease}/assign-counsellor", {"counsellor": "fatma"}, who="karel")
    assert types(assigned) == ["CounsellorAssigned", "FirstVisitDue"]
    assert assigned["state"] == "prepared"
    await visits.day(date(2025, 11, 10))
    running = await visits.seen(f"/leases/{lease}")
    assert running["state"] == "running"
    assert running["parties"][0]["name"] == "Amina Voorbeeld"

    visits.at("2025-11-20T09:00")
    visit = await a_visit(visits, lease, "2025-12-01", announced="2025-11-20")
    visits.at("2025-12-01T11:00")
    recorded = await visits.done(f"/visits/{visit}/record", was_there("2025-12-01"))
    assert types(recorded) == ["VisitRecorded", "LeaseVisited"]
    assert [event["position"] is None for event in recorded["events"]] == [False, True]

    finding = (await visits.done("/findings", fact(lease, visit, "2025-12-01")))["id"]
    whose = {"to": "renter", "severity": 2, "consequence": "damage", "why": "Dagelijks onderhoud."}
    await visits.done(f"/findings/{finding}/attribute", whose)
    talk = {
        "with": ["renter"],
        "on": "2025-12-01",
        "renter_said": "Het lukt me niet goed.",
        "renter_plan": "Ik poets elke zaterdag.",
        "obstacles": "Nachtwerk.",
    }
    assert (await visits.done(f"/findings/{finding}/discuss", talk))["state"] == "discussed"
    fixed = await visits.done(f"/visits/{visit}/fix-report", {"goes_well": "De woonkamer is gezellig."})
    assert fixed["report"]["findings"] == [finding]
    assert fixed["report"]["goes_well"] == "De woonkamer is gezellig."
    assert not fixed["report"]["late"]
    cadence = await visits.done(f"/leases/{lease}/set-cadence", {"months": 3, "reason": "Dichtbij blijven."})
    assert cadence["next_visit_due"] == "2026-03-02"

    note = (await visits.done("/agreements", {**NOTE, "lease": lease, "findings": [finding]}))["id"]
    first = step("2026-01-05")
    await visits.done(f"/agreements/{note}/propose", {"commitments": [first]})
    accepted = await visits.done(
        f"/agreements/{note}/accept", {"on": "2025-12-01", "signed": True, "read_in_language": "nl"}
    )
    assert types(accepted) == ["AgreementAccepted", "AgreementStarted"]
    assert accepted["state"] == "running"
    tied = {"agreement_id": note, "commitment_id": first["id"]}
    assert (await visits.done(f"/findings/{finding}/agree", tied))["state"] == "agreement"

    visits.at("2026-01-06T09:00")
    await visits.day(date(2026, 1, 6))
    seen = {"commitment": first["id"], "on": "2026-01-06", "outcome": "not_kept", "seen_by": "fatma"}
    await visits.done(f"/agreements/{note}/follow-up", seen)
    concluded = await visits.done(f"/agreements/{note}/conclude", {"as": "broken", "on": "2026-01-06"})
    assert types(concluded) == ["AgreementBreached"]
    assert concluded["state"] == "broken"

    path = await visits.seen(f"/findings/{finding}/path")
    assert path["plan"] == "Ik poets elke zaterdag."
    assert path["notes"][0]["steps"][0]["state"] == "not_kept"
    assert [one["what"] for one in path["open"]] == ["follow-up"]

    told = [json.loads(envelope) for envelope in await visits.envelopes()]
    assert [one["position"] - told[0]["position"] for one in told] == list(range(len(told)))
    names = [one["type"].split(".")[2] for one in told]
    assert names[:3] == ["LeaseRegistered", "CounsellorAssigned", "FirstVisitDue"]
    assert names[-3:] == ["CommitmentDue", "CommitmentFollowedUp", "AgreementBreached"]
    assert all(one["subject"] == f"lease/{lease}" for one in told)
    whole = b"".join(await visits.envelopes())
    for personal in (b"Amina", b"Lindestraat", b"470 00 00 01", b"Nachtwerk", b"gezellig"):
        assert personal not in whole
    assert renter.encode() in whole


async def test_what_is_due_and_overdue_is_one_thing_everywhere(visits: Visits) -> None:
    visits.at("2025-11-10T09:00")
    lease = await a_lease(visits)
    due = await visits.seen("/visits/due?by=2025-12-01")
    assert [(one["kind"], one["lease"], one["due_on"], one["overdue"]) for one in due["items"]] == [
        ("first_visit", lease, "2025-12-01", False)
    ]
    assert (await visits.seen("/visits/due?by=2025-11-30"))["items"] == []
    visits.at("2025-12-02T09:00")
    await visits.day(date(2025, 12, 2))
    await visits.day(date(2025, 12, 2))
    assert (await visits.seen("/visits/due"))["items"][0]["overdue"] is True
    assert [one["id"] for one in (await visits.seen("/leases?overdue=true"))["items"]] == [lease]
    told = [json.loads(envelope)["type"].split(".")[2] for envelope in await visits.envelopes()]
    assert told.count("FirstVisitOverdue") == 1
    assert (await visits.seen("/leases?overdue=false"))["items"] == []
    assert (await visits.seen("/visits/due?counsellor=mia"))["items"] == []


async def test_the_list_of_what_is_due_goes_on_where_it_stopped(visits: Visits) -> None:
    visits.at("2025-11-10T09:00")
    leases = {await a_lease(visits) for _ in range(3)}
    page = await visits.seen("/visits/due?by=2026-01-01&limit=2")
    rest = await visits.seen(f"/visits/due?by=2026-01-01&limit=2&cursor={page['next']}")
    assert {one["lease"] for one in (*page["items"], *rest["items"])} == leases
    assert rest["next"] is None
    assert (await visits.read(f"/visits/due?by=2026-01-02&cursor={page['next']}")).status_code == 400


async def test_not_smart_names_each_letter_in_dutch(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    note = (await visits.done("/agreements", {**NOTE, "lease": lease}))["id"]
    vague = step("2027-12-31", action="poetsen", measure={"kind": "seen_at_visit", "target": ""})
    refused = await visits.act(f"/agreements/{note}/propose", {"commitments": [vague]})
    assert reason(refused) == (409, "not-smart")
    assert codes(refused) == ["S", "M", "T"]
    assert refused.json()["errors"][0]["detail"].startswith("Afspraak 1 is niet specifiek")
    empty = await visits.act(f"/agreements/{note}/propose", {"commitments": [{}]})
    assert codes(empty) == ["S", "M", "R", "T"]


async def test_what_is_missing_is_a_refusal_with_its_code(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    nobody: tuple[dict[str, Any], ...] = ({"parties": None}, {"parties": []})
    for missing in nobody:
        assert reason(await visits.act("/leases", {**LEASE, **missing}, who="tom")) == (409, "party-missing")
    assert reason(await visits.act("/leases", {**LEASE, "informed_on": None}, who="tom")) == (
        409,
        "renter-not-informed",
    )
    lease = await a_lease(visits)
    changed = await visits.act(f"/leases/{lease}/change-counsellor", {"counsellor": "mia", "reason": " "}, who="karel")
    assert reason(changed) == (409, "reason-missing")
    note = await visits.act("/agreements", {"lease": lease, "goes_wrong": "  "})
    assert reason(note) == (409, "agreement-incomplete")
    assert codes(note) == ["goes_wrong", "why_renter_says", "goal", "renter_needs"]
    ended = await visits.act(f"/leases/{lease}/end", {"on": "2026-01-12", "ground": "moved_on"}, who="tom")
    assert reason(ended) == (409, "mode-ground-mismatch")


async def test_who_may_do_what(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    assert reason(await visits.act("/leases", LEASE, who="fatma")) == (403, "not-permitted")
    lease = await a_lease(visits)
    assert reason(await visits.act(f"/leases/{lease}/assign-counsellor", {"counsellor": "mia"}, who="tom")) == (
        403,
        "not-permitted",
    )
    seen = await visits.act(f"/leases/{lease}/set-cadence", {"months": 3, "reason": "x"}, who="mia")
    assert reason(seen) == (403, "not-permitted")
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    visits.at("2026-01-19T11:00")
    await visits.done(f"/visits/{visit}/record", was_there("2026-01-19"))
    mould = (await visits.done("/findings", fact(lease, visit, "2026-01-19", item="ONH-04")))["id"]
    whose = {"to": "renter", "severity": 2, "why": "Te weinig verlucht."}
    assert reason(await visits.act(f"/findings/{mould}/attribute", whose)) == (403, "not-permitted")
    await visits.done(f"/findings/{mould}/attribute", {**whose, "to": "owner"}, who="bart")
    assert reason(await visits.act(f"/findings/{mould}/reattribute", {**whose, "severity": None}, who="karel")) == (
        422,
        "invalid-request",
    )
    again = {"to": "renter", "why": "Het dak is hersteld."}
    assert (await visits.done(f"/findings/{mould}/reattribute", again, who="karel"))["attribution"]["to"] == "renter"


async def test_who_may_read_what(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    for who in ("tom", "bart", "amir", "dora"):
        assert (await visits.read(f"/visits/{visit}", who=who)).status_code == 403
    assert (await visits.read(f"/leases/{lease}", who="amir")).status_code == 403
    assert (await visits.seen(f"/visits/{visit}", who="els"))["lease"] == lease
    assert (await visits.seen(f"/leases/{lease}", who="tom"))["landlord"] == LEASE["landlord"]


async def test_the_technical_service_reads_what_the_office_promised_and_nothing_else(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    note = (await visits.done("/agreements", {**NOTE, "lease": lease}))["id"]
    mend = step("2026-02-02", by="office", action="De afvoer in de keuken herstellen", agreed_by_renter=None)
    after = step("2026-02-16", depends_on=[mend["id"]])
    await visits.done(f"/agreements/{note}/propose", {"commitments": [mend, after]})
    seen = await visits.seen(f"/agreements/{note}", who="bart")
    assert seen["commitments"][0]["action"] == "De afvoer in de keuken herstellen"
    assert "action" not in seen["commitments"][1]
    assert "why_renter_says" in seen["withheld"]
    await visits.done(f"/agreements/{note}/accept", {"on": "2026-01-12", "signed": True, "read_in_language": "nl"})
    done = {"commitment": mend["id"], "on": "2026-01-12", "outcome": "kept", "seen_by": "bart"}
    assert (await visits.act(f"/agreements/{note}/follow-up", done, who="bart")).status_code == 200
    theirs = {**done, "commitment": after["id"]}
    assert reason(await visits.act(f"/agreements/{note}/follow-up", theirs, who="bart")) == (403, "not-permitted")
    await visits.done(f"/agreements/{note}/follow-up", {**theirs, "on": "2026-01-12", "seen_by": "fatma"})
    seen = await visits.seen(f"/agreements/{note}", who="bart")
    offices, renters = seen["commitments"]
    assert (offices["state"], offices["due"]) == ("kept", "2026-02-02")
    assert renters == {"id": after["id"], "by": "renter", "depends_on": [mend["id"]]}
    assert {"accepted", "commitments.state", "commitments.follow_ups"} <= set(seen["withheld"])
    listed = (await visits.seen(f"/agreements?lease={lease}", who="bart"))["items"]
    assert (listed[0]["commitments"], "accepted" in listed[0]) == (seen["commitments"], False)
    assert (await visits.seen(f"/agreements/{note}"))["commitments"][1]["state"] == "kept"


async def test_a_draft_belongs_to_its_authors_and_the_coordinator(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    visits.at("2026-01-19T11:00")
    await visits.done(f"/visits/{visit}/record", was_there("2026-01-19"))
    drafted = await visits.done(f"/visits/{visit}/draft-report", {"goes_well": "Alles is proper."})
    assert "Alles" not in json.dumps(drafted)
    assert (await visits.seen(f"/visits/{visit}/drafts"))["items"][0]["goes_well"] == "Alles is proper."
    assert (await visits.seen(f"/visits/{visit}/drafts", who="karel"))["items"]
    assert (await visits.read(f"/visits/{visit}/drafts", who="mia")).status_code == 404
    assert (await visits.read(f"/visits/{visit}/drafts", who="rita")).status_code == 403


async def test_several_texts_are_read_in_the_answer_as_in_its_repetition_and_in_drafts(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    visits.at("2026-01-19T11:00")
    await visits.done(f"/visits/{visit}/record", was_there("2026-01-19"))
    words = {"goes_well": "De tuin is mooi.", "needs": ["money"], "can_do": ["Koken."], "needs_support": ["Papieren."]}
    await visits.done(f"/visits/{visit}/draft-report", words)
    draft = (await visits.seen(f"/visits/{visit}/drafts"))["items"][0]
    assert draft == {"author": "fatma", **words}
    key = {"Idempotency-Key": "verslag"}
    first = await visits.act(f"/visits/{visit}/fix-report", words, headers=key)
    assert {name: first.json()["report"][name] for name in words} == words
    again = await visits.act(f"/visits/{visit}/fix-report", words, headers=key)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content


async def test_ec_13_of_two_who_write_on_one_version_the_second_is_told(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    visits.at("2026-01-19T11:00")
    recorded = await visits.act(f"/visits/{visit}/record", was_there("2026-01-19"))
    version = {"If-Match": recorded.headers["etag"]}
    first = await visits.act(f"/visits/{visit}/draft-report", {"goes_well": "Eerst."}, headers=version)
    second = await visits.act(f"/visits/{visit}/draft-report", {"goes_well": "Dan."}, who="mia", headers=version)
    assert first.status_code == 200
    assert reason(second) == (412, "changed-meanwhile")
    assert second.json()["present"]["report"]["authors"] == ["fatma"]
    assert [one["author"] for one in (await visits.seen(f"/visits/{visit}/drafts"))["items"]] == ["fatma"]


async def test_the_same_act_under_one_key_is_one_act(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    key = {"Idempotency-Key": "eens"}
    first = await visits.act("/leases", LEASE, who="tom", headers=key)
    again = await visits.act("/leases", LEASE, who="tom", headers=key)
    assert first.status_code == again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()


async def test_another_office_sees_nothing(visits: Visits) -> None:
    await visits.founded("kantoor-midden")
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    asked = {"lease": lease, "date": "2026-01-19", "slot": "10:00", "purpose": "individual"}
    assert (await visits.read(f"/leases/{lease}", office="kantoor-midden")).status_code == 404
    assert (await visits.act("/visits", asked, office="kantoor-midden")).status_code == 404
    assert (await visits.read("/leases", office="kantoor-midden")).json()["items"] == []
    assert (await visits.read("/visits/due?by=2027-01-01", office="kantoor-midden")).json()["items"] == []


async def test_an_office_whose_policy_has_not_arrived_waits(visits: Visits) -> None:
    answer = await visits.act("/leases", LEASE, who="tom", office="kantoor-zuid")
    assert reason(answer) == (409, "not-yet-known")
    assert answer.headers["retry-after"] == "1"


async def test_not_home_is_recorded_from_the_slot_on(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    waited = {"waited_minutes": 20, "card_left": True}
    visits.at("2026-01-19T09:30")
    assert reason(await visits.act(f"/visits/{visit}/not-home", waited)) == (409, "too-early")
    visits.at("2026-01-19T10:20")
    assert (await visits.done(f"/visits/{visit}/not-home", waited))["state"] == "not_home"
    cooperation = fact(lease, visit, "2026-01-19", item="MED-01")
    assert (await visits.act("/findings", cooperation)).status_code == 201


async def test_a_fact_lies_not_in_the_future(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    assert reason(await visits.act(f"/visits/{visit}/record", was_there("2026-01-19"))) == (409, "occurred-in-future")


async def test_ec_12_a_device_whose_clock_runs_ahead(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    visits.at("2026-01-19T23:00")
    await visits.done(f"/visits/{visit}/record", was_there("2026-01-19"))
    ahead = fact(lease, visit, "2026-01-20", device_time="2026-01-20T02:00:00+01:00")
    finding = await visits.done("/findings", ahead)
    assert finding["clock_suspect"] is True
    how = {"occurred_on": "2026-01-19", "why": "De tablet liep drie uur voor."}
    another = await visits.act(f"/findings/{finding['id']}/confirm-date", {**how, "occurred_on": "2026-01-18"})
    assert reason(another) == (409, "date-order"), "it was seen at the visit"
    confirmed = await visits.done(f"/findings/{finding['id']}/confirm-date", how)
    assert confirmed["clock_suspect"] is False
    assert confirmed["occurred_on"] == "2026-01-19"


async def test_how_far_a_device_s_clock_may_differ_is_the_office_s_policy(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    visits.at("2026-01-19T11:00")
    await visits.done(f"/visits/{visit}/record", was_there("2026-01-19"))
    late = fact(lease, visit, "2026-01-19", device_time="2026-01-19T11:20:00+01:00")
    assert (await visits.done("/findings", late))["clock_suspect"] is True
    await visits.hears(replace(POLICY, version="P-2", in_force_from=date(2026, 1, 19), clock_skew_minutes=30))
    assert (await visits.done("/findings", late))["clock_suspect"] is False


async def test_each_fact_says_how_it_came(visits: Visits) -> None:
    """Domain 0.2: by hand at the desk, from a tablet, by the portal, by post."""
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    log = {"lease": lease, "kind": "question", "channel": "letter", "gist": "Wanneer komt u?"}
    asked: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({}, {"device_time": "2026-01-12T09:00:00+01:00"}),
        ({"Arrived": "post"}, {}),
        ({"Arrived": "portal"}, {"device_time": "2026-01-12T09:00:00+01:00"}),
    ]
    for headers, beside in asked:
        assert (await visits.act("/contacts", {**log, **beside}, headers=headers)).status_code == 201
    told = [json.loads(one) for one in await visits.envelopes() if b"ContactLogged" in one]
    assert [one["arrived"] for one in told] == ["web", "tablet", "post", "portal"]
    wrong = await visits.act("/contacts", log, headers={"Arrived": "import"})
    assert (*reason(wrong), wrong.json()["errors"][0]["pointer"]) == (422, "invalid-request", "Arrived")


async def test_what_stands_in_the_way_names_who_takes_it_on(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    visits.at("2026-01-19T11:00")
    await visits.done(f"/visits/{visit}/record", was_there("2026-01-19"))
    finding = (await visits.done("/findings", fact(lease, visit, "2026-01-19")))["id"]
    whose = {"to": "renter", "severity": 2, "why": "Dagelijks onderhoud."}
    await visits.done(f"/findings/{finding}/attribute", whose)
    obstacles = [{"what": "Nachtwerk", "by": "renter"}, {"what": "De dampkap is stuk", "by": "office"}]
    talk = {"with": "renter", "on": "2026-01-19", "renter_said": "Ik werk nachten.", "renter_plan": "Elke zaterdag."}
    await visits.done(f"/findings/{finding}/discuss", {**talk, "obstacles": obstacles})
    path = await visits.seen(f"/findings/{finding}/path")
    assert path["obstacles_taken_on"] == obstacles
    assert path["obstacles"] == "Nachtwerk; De dampkap is stuk"


async def test_two_parties_of_one_id_are_no_two_parties(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    twice = [{**LEASE["parties"][0], "id": str(uuid4())}] * 2
    assert reason(await visits.act("/leases", {**LEASE, "parties": twice}, who="tom")) == (422, "invalid-request")


async def test_a_slot_that_clocks_skip_does_not_exist(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    asked = {"lease": lease, "date": "2026-03-29", "slot": "02:30", "purpose": "individual"}
    skipped = await visits.act("/visits", asked)
    assert (reason(skipped), skipped.json()["errors"][0]["pointer"]) == ((422, "invalid-request"), "/slot")
    for slot, new in (("02:30", {}), ("10:00", {"new_slot": "02:30"})):
        visit = (await visits.done("/visits", {**asked, "date": "2026-03-28", "slot": slot}))["id"]
        move = {"new_date": "2026-03-29", "asked_by": "renter", **new}
        assert reason(await visits.act(f"/visits/{visit}/reschedule", move)) == (422, "invalid-request")


async def test_a_visit_moved_is_another_visit_that_must_be_announced(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    move = {"new_date": "2026-01-26", "asked_by": "renter"}
    for there in (visit, await a_visit(visits, await a_lease(visits), "2026-01-20", announced="2026-01-12")):
        answer = await visits.act(f"/visits/{visit}/reschedule", {**move, "new_visit": there})
        assert reason(answer) == (409, "wrong-state"), "what is there is not written over"
    moved = await visits.done(f"/visits/{visit}/reschedule", move)
    assert types(moved) == ["VisitRescheduled", "VisitPlanned"]
    other = await visits.seen(f"/visits/{moved['rescheduled_to']}")
    assert (other["state"], other["date"], other["rescheduled_from"]) == ("planned", "2026-01-26", visit)


async def test_open_visits_move_along_to_the_new_counsellor(visits: Visits) -> None:
    """EC-26."""
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    change = {"counsellor": "mia", "reason": "Fatma verlaat het kantoor."}
    assert types(await visits.done(f"/leases/{lease}/change-counsellor", change, who="karel")) == [
        "CounsellorAssigned",
        "VisitHandedOver",
    ]
    assert (await visits.seen(f"/visits/{visit}"))["counsellor"] == "mia"
    assert [one["id"] for one in (await visits.seen("/leases?counsellor=mia"))["items"]] == [lease]


async def test_who_has_a_mandate_acts_only_while_it_is_valid(visits: Visits) -> None:
    """EC-26, EC-16: a mandate is asked of whom the office ever gave one."""
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    given = MandateGivenV1(
        mandate=str(uuid4()),
        person="fatma",
        role="counsellor",
        acts=("plan_visit",),
        from_=date(2025, 1, 1),
        until=date(2026, 6, 30),
        in_name_of=None,
        given_by="rita",
    )
    await visits.hears(given)
    asked = {"lease": lease, "date": "2026-07-20", "slot": "10:00", "purpose": "individual"}
    assert (await visits.act("/visits", asked)).status_code == 201
    visits.at("2026-07-01T09:00")
    assert reason(await visits.act("/visits", asked)) == (403, "mandate-ended")


async def test_a_repair_report_of_the_desk_is_a_task_that_is_due(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    report = {
        "lease": lease,
        "kind": "repair_report",
        "channel": "counter",
        "gist": "De kraan lekt.",
        "due": "2026-01-26",
        "repair_by": "office",
    }
    logged = await visits.done("/contacts", report, who="tom")
    assert set(logged) == {"id", "state", "version", "events", "withheld"}
    seen = await visits.seen(f"/contacts/{logged['id']}")
    assert (seen["owner"], seen["state"], seen["gist"]) == ("fatma", "open", "De kraan lekt.")
    late = (await visits.seen("/visits/due?by=2026-01-31"))["items"]
    assert [(one["kind"], one["about"]) for one in late if one["kind"] == "answer"] == [("answer", logged["id"])]
    await visits.done(f"/contacts/{logged['id']}/answer", {"answer": "Hersteld."}, who="bart")
    assert all(one["kind"] != "answer" for one in (await visits.seen("/visits/due?by=2026-01-31"))["items"])


async def test_a_group_moment_stands_in_each_lease(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    leases = [await a_lease(visits) for _ in range(2)]
    moment = {"leases": leases, "kind": "presence_contact", "channel": "in_person", "purpose": "participation"}
    first = await visits.done("/contacts", moment)
    for lease in leases:
        items = (await visits.seen(f"/contacts?lease={lease}"))["items"]
        assert [one["group"] for one in items] == [first["id"]]
    both = {**moment, "lease": leases[0]}
    assert reason(await visits.act("/contacts", both)) == (422, "invalid-request")


async def test_a_counsellor_makes_their_own_card(visits: Visits) -> None:
    card = {"counsellor": "fatma", "name": "Fatma", "phone": "+32 3 555 01 01", "channels": ["phone", "sms"]}
    made = await visits.done("/counsellors", card)
    assert made["name"] == "Fatma"
    assert reason(await visits.act("/counsellors", {**card, "counsellor": "mia"})) == (403, "not-permitted")
    changed = await visits.done(f"/counsellors/{made['id']}/change", {"name": "Fatma V."})
    assert (changed["name"], changed["counsellor"]) == ("Fatma V.", "fatma")
    assert [one["id"] for one in (await visits.seen("/counsellors", who="amir"))["items"]] == [made["id"]]


async def test_a_lease_ends_and_its_file_is_closed(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    ended = await visits.done(
        f"/leases/{lease}/end", {"mode": "renter_notice", "ground": "moved_on", "on": "2026-01-12"}, who="tom"
    )
    assert ended["state"] == "ended"
    assert ended["no_visit_due_because"] == "not_running"
    assert (await visits.seen("/visits/due?by=2027-01-01"))["items"] == []
    assert (await visits.done(f"/leases/{lease}/close", {}, who="karel"))["state"] == "closed"


async def test_what_the_renter_owes_who_joins_and_who_administers(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    balance = {"on": "2026-01-10", "amount_cents": 45000, "month_rent_cents": 42000, "source": "boekhouding"}
    assert (await visits.done(f"/leases/{lease}/record-balance", balance, who="tom"))["balance"]["on"] == "2026-01-10"
    again = await visits.done(f"/leases/{lease}/record-balance", balance, who="tom")
    assert again["events"] == []
    party = {"name": "Deniz Voorbeeld", "role": "spouse", "language": "tr"}
    joined = await visits.done(f"/leases/{lease}/add-party", {"party": party, "date": "2026-01-11"}, who="tom")
    assert [one["name"] for one in joined["parties"]] == ["Amina Voorbeeld", "Deniz Voorbeeld"]
    appointed = {"from": "2026-01-12", "scope": "housing", "judgment_ref": "VR 26/14", "name": "Mr. Bewind"}
    assert (await visits.done(f"/leases/{lease}/appoint-administrator", appointed, who="tom"))["administered"]
    standstill = {"from": "2026-01-12", "kind": "collective_debt_settlement", "ref": "CSR 26/1"}
    assert (await visits.done(f"/leases/{lease}/start-standstill", standstill, who="tom"))["standstill"]
    assert not (await visits.done(f"/leases/{lease}/end-standstill", {"on": "2026-01-12"}, who="tom"))["standstill"]
    head = await visits.done(f"/leases/{lease}/report-head-lease-end", {"on": "2027-03-31"}, who="rita")
    assert head["head_lease_ending"] == "2027-03-31"
    landlord = {"to": "Woonmaatschappij Groter Noord", "from": "2026-07-01"}
    assert (await visits.done(f"/leases/{lease}/change-landlord", landlord, who="rita"))["landlord"] == landlord["to"]


async def test_a_date_after_the_term_is_late_in_the_report(visits: Visits) -> None:
    """GV-12 over HTTP."""
    visits.at("2026-03-20T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-04-03", announced="2026-03-20")
    visits.at("2026-04-03T11:00")
    assert (await visits.done(f"/visits/{visit}/record", was_there("2026-04-03")))["report"]["due_on"] == "2026-04-13"
    visits.at("2026-04-14T09:00")
    fixed = await visits.done(f"/visits/{visit}/fix-report", {"goes_well": "De tuin is mooi."})
    assert types(fixed) == ["ReportDrafted", "ReportFixed", "ReportLate"]
