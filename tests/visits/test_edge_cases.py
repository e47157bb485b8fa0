"""The edge cases of domain 14.1 that concern visits, over HTTP, each by its number."""

import json
from datetime import date
from typing import Any
from uuid import uuid4

from shared.contracts.evaluations import MandateEndedV1, MandateGivenV1
from tests.visits.conftest import Visits
from tests.visits.test_doors import LEASE, NOTE, a_lease, a_visit, codes, fact, reason, step, types, was_there

MADE = "2026-01-12T09:00"
VISITED = "2026-01-19"


async def a_visited_lease(visits: Visits) -> tuple[str, str]:
    """A lease, and a visit to it that was carried out."""
    visits.at(MADE)
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, VISITED, announced="2026-01-12")
    visits.at(f"{VISITED}T11:00")
    await visits.done(f"/visits/{visit}/record", was_there(VISITED))
    return lease, visit


async def a_discussed_finding(visits: Visits, lease: str, visit: str, **other: Any) -> str:
    """A finding that is the renter's, and was talked over."""
    finding: str = (await visits.done("/findings", fact(lease, visit, VISITED, **other)))["id"]
    whose = {"to": "renter", "severity": 2, "why": "Dagelijks onderhoud."}
    await visits.done(f"/findings/{finding}/attribute", whose, who="karel")
    talk = {"with": "renter", "on": VISITED, "renter_said": "Het lukt niet.", "renter_plan": "Zaterdag."}
    await visits.done(f"/findings/{finding}/discuss", {**talk, "obstacles": "Geen genoemd."})
    return finding


async def a_running_note(visits: Visits, lease: str, *steps: dict[str, Any], **accepted: Any) -> str:
    """A note that the renter accepted."""
    note: str = (await visits.done("/agreements", {**NOTE, "lease": lease}))["id"]
    await visits.done(f"/agreements/{note}/propose", {"commitments": list(steps)})
    how = {"on": VISITED, "signed": True, "read_in_language": "nl", **accepted}
    await visits.done(f"/agreements/{note}/accept", how)
    return note


async def told(visits: Visits, name: str) -> list[dict[str, Any]]:
    """What was published under a name."""
    found = [json.loads(one) for one in await visits.envelopes()]
    return [one for one in found if one["type"].split(".")[2] == name]


async def test_ec_10_mould_that_proves_the_owner_s_is_the_owner_s_at_once(visits: Visits) -> None:
    lease, visit = await a_visited_lease(visits)
    mould = await a_discussed_finding(visits, lease, visit, item="ONH-04")
    why = {"to": "owner", "why": "Technische dienst: lek in het dak."}
    assert reason(await visits.act(f"/findings/{mould}/reattribute", why)) == (403, "not-permitted")
    changed = await visits.done(f"/findings/{mould}/reattribute", why, who="karel")
    assert (changed["state"], changed["attribution"]["to"], changed["observations"]) == ("discussed", "owner", 0)
    assert [one["from"] for one in changed["reattributions"]] == ["renter"], "the earlier one stays readable"
    (told_,) = await told(visits, "FindingReattributed")
    assert (told_["data"]["to"], told_["data"]["previously"]) == ("owner", "renter")


async def test_ec_13_both_texts_of_two_who_write_on_one_version_can_be_recovered(visits: Visits) -> None:
    visits.at(MADE)
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, VISITED, announced="2026-01-12")
    visits.at(f"{VISITED}T11:00")
    recorded = await visits.act(f"/visits/{visit}/record", was_there(VISITED))
    saw = {"If-Match": recorded.headers["etag"]}
    path = f"/visits/{visit}/draft-report"
    first = await visits.act(path, {"goes_well": "Fatma schrijft eerst."}, headers=saw)
    second = await visits.act(path, {"goes_well": "Mia schrijft dan."}, who="mia", headers=saw)
    assert (first.status_code, reason(second)) == (200, (412, "changed-meanwhile"))
    assert second.headers["etag"] == first.headers["etag"] and "Fatma schrijft" not in second.text
    again = await visits.act(
        path, {"goes_well": "Mia schrijft dan."}, who="mia", headers={"If-Match": second.headers["etag"]}
    )
    assert again.status_code == 200
    for reader in ("fatma", "mia", "karel"):
        texts = [
            one["goes_well"]
            for one in (await visits.seen(f"{path.removesuffix('draft-report')}drafts", who=reader))["items"]
        ]
        assert texts == ["Fatma schrijft eerst.", "Mia schrijft dan."]
    stale = await visits.act(f"/visits/{visit}/fix-report", {"goes_well": "Oud."}, headers=saw)
    assert reason(stale) == (412, "changed-meanwhile")
    fixed = await visits.done(f"/visits/{visit}/fix-report", {"goes_well": "De keuken blinkt."})
    corrected = {"what": "De badkamer blinkt.", "why": "Verwisseld."}
    seen = await visits.done(f"/visits/{visit}/correct-report", corrected, who="mia")
    assert seen["report"]["goes_well"] == fixed["report"]["goes_well"] == "De keuken blinkt."
    assert seen["report"]["corrections"] == [{**corrected, "by": "mia"}]
    assert reason(await visits.act(f"/visits/{visit}/fix-report", {"goes_well": "Anders."})) == (409, "wrong-state")


async def test_ec_15_the_end_of_the_head_lease_is_held_against_nobody(visits: Visits) -> None:
    visits.at(MADE)
    lease = await a_lease(visits)
    ends = {"on": "2027-03-31"}
    assert reason(await visits.act(f"/leases/{lease}/report-head-lease-end", ends)) == (403, "not-permitted")
    marked = await visits.done(f"/leases/{lease}/report-head-lease-end", ends, who="rita")
    assert (marked["head_lease_ending"], marked["state"]) == ("2027-03-31", "running")
    at_once = await visits.done(f"/leases/{lease}/report-head-lease-end", ends, who="karel")
    assert at_once["events"] == []
    for mode, fits in (("landlord_notice", False), ("judicial_dissolution", False), ("mutual", True)):
        how = {"mode": mode, "ground": "head_lease_ended", "on": "2026-01-12"}
        ended = await visits.act(f"/leases/{lease}/end", how, who="tom")
        assert (ended.status_code == 200) is fits, ended.text


async def test_ec_18_the_only_renter_dies_and_what_was_open_lapses(visits: Visits) -> None:
    lease, visit = await a_visited_lease(visits)
    finding = await a_discussed_finding(visits, lease, visit)
    note = await a_running_note(visits, lease, step("2026-02-16"))
    asked = {"lease": lease, "date": "2026-02-09", "slot": "10:00", "purpose": "individual"}
    planned = (await visits.done("/visits", asked))["id"]
    how = {"mode": "by_law", "ground": "death_last_renter", "on": VISITED}
    wrong = await visits.act(f"/leases/{lease}/end", {**how, "mode": "renter_notice"}, who="tom")
    assert reason(wrong) == (409, "mode-ground-mismatch")
    ended = await visits.done(f"/leases/{lease}/end", how, who="tom")
    assert types(ended) == ["LeaseEnded", "AgreementLapsed"]
    assert ended["ended"]["registration_bar_until"] is None and ended["next_visit_due"] is None
    assert (await visits.seen(f"/agreements/{note}"))["state"] == "lapsed"
    told = {"channel": "letter", "announced_on": VISITED, "purpose_told": True}
    assert reason(await visits.act(f"/visits/{planned}/announce", told)) == (409, "wrong-state")
    late = {"commitment": str(uuid4()), "on": VISITED, "outcome": "not_kept", "seen_by": "fatma"}
    assert reason(await visits.act(f"/agreements/{note}/follow-up", late)) == (409, "wrong-state")
    assert (await visits.seen("/visits/due?by=2027-01-01"))["items"] == [
        one for one in (await visits.seen("/visits/due?by=2027-01-01"))["items"] if one["kind"] == "report"
    ], "nothing but the report of the visit that was"
    assert (await visits.seen(f"/findings/{finding}"))["state"] == "discussed"


async def test_ec_20_who_moves_within_the_landlord_begins_a_new_lease(visits: Visits) -> None:
    visits.at(MADE)
    old = await a_lease(visits)
    how = {"mode": "by_law", "ground": "moved_within_landlord", "on": "2026-01-12"}
    assert (await visits.done(f"/leases/{old}/end", how, who="tom"))["state"] == "ended"
    new = await a_lease(visits, start="2026-01-12", informed_on="2026-01-12")
    assert (await visits.seen(f"/findings?lease={new}"))["items"] == []
    assert (await visits.seen(f"/leases/{new}"))["state"] == "running"
    assert (await visits.seen(f"/leases/{old}"))["ended"]["ground"] == "moved_within_landlord"


async def test_ec_21_who_leaves_the_lease_stays_in_its_history_and_the_last_one_does_not_leave(visits: Visits) -> None:
    visits.at(MADE)
    couple = [LEASE["parties"][0], {"name": "Deniz Voorbeeld", "role": "spouse", "language": "nl"}]
    lease = await a_lease(visits, parties=couple)
    first, second = [one["id"] for one in (await visits.seen(f"/leases/{lease}"))["parties"]]
    left = await visits.done(f"/leases/{lease}/party-leaves", {"party": second, "reason": "Gescheiden."}, who="tom")
    assert [one["left_on"] for one in left["parties"]] == [None, "2026-01-12"]
    assert reason(await visits.act(f"/leases/{lease}/party-leaves", {"party": first}, who="tom")) == (409, "last-party")
    # Who left is no party any more: their refusal at the door is nobody's.
    visit = await a_visit(visits, lease, VISITED, announced="2026-01-12")
    visits.at(f"{VISITED}T11:00")
    assert reason(await visits.act(f"/visits/{visit}/access-refused", {"by_whom": second})) == (409, "not-a-party")
    assert (await visits.done(f"/visits/{visit}/access-refused", {"by_whom": first}))["state"] == "access_refused"


async def test_ec_22_an_administrator_is_appointed_from_a_day_by_a_judgment(visits: Visits) -> None:
    visits.at("2026-03-30T09:00")
    lease = await a_lease(visits)
    how = {"from": "2026-04-01", "scope": "housing", "name": "Mr. Voorbeeld"}
    assert reason(await visits.act(f"/leases/{lease}/appoint-administrator", how, who="tom")) == (409, "no-proof")
    appointed = await visits.done(f"/leases/{lease}/appoint-administrator", {**how, "judgment_ref": "26B12"}, who="tom")
    assert [(one["from"], one["scope"]) for one in appointed["administrators"]] == [("2026-04-01", "housing")]
    early = await visits.act(f"/leases/{lease}/end-administration", {"on": "2026-03-30"}, who="tom")
    assert reason(early) == (409, "date-order")


async def test_ec_26_a_counsellor_leaves_and_nothing_of_hers_is_lost_or_renamed(visits: Visits) -> None:
    visits.at("2026-06-22T09:00")
    given = MandateGivenV1(
        mandate=str(uuid4()),
        person="fatma",
        role="counsellor",
        acts=("*",),
        from_=date(2025, 1, 1),
        until=None,
        in_name_of=None,
        given_by="rita",
    )
    await visits.hears(given)
    lease = await a_lease(visits)
    days = ("2026-07-02", "2026-07-09", "2026-07-16", "2026-07-23")
    planned = [await a_visit(visits, lease, day, announced="2026-06-22") for day in days]
    await visits.hears(MandateEndedV1(mandate=given.mandate, person="fatma", until=date(2026, 6, 30)))
    change = {"counsellor": "mia", "from": "2026-07-01", "reason": "Fatma verlaat het kantoor."}
    handed = await visits.done(f"/leases/{lease}/change-counsellor", change, who="karel")
    assert types(handed) == ["CounsellorAssigned", *["VisitHandedOver"] * 4]
    (assigned,) = [one for one in await told(visits, "CounsellorAssigned") if one["data"]["counsellor"] == "mia"]
    assert assigned["data"]["previous"] == "fatma", "by which notifications writes to the renter (L-14)"
    visits.at("2026-07-02T11:00")
    mine = {**was_there("2026-07-02"), "present": ["renter", "mia"]}
    assert reason(await visits.act(f"/visits/{planned[0]}/record", was_there("2026-07-02"))) == (403, "mandate-ended")
    assert (await visits.done(f"/visits/{planned[0]}/record", mine, who="mia"))["counsellor"] == "mia"
    assert {(await visits.seen(f"/visits/{one}", who="mia"))["counsellor"] for one in planned} == {"mia"}
    (first, *_) = await told(visits, "VisitPlanned")
    assert first["actor"] == "fatma", "what she did stays hers"


async def test_a_substitute_acts_under_an_own_mandate_and_the_trail_shows_both(visits: Visits) -> None:
    visits.at(MADE)
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, VISITED, announced="2026-01-12")
    given = MandateGivenV1(
        mandate=str(uuid4()),
        person="mia",
        role="counsellor",
        acts=("record_visit", "set_cadence"),
        from_=date(2026, 1, 1),
        until=date(2026, 12, 31),
        in_name_of="fatma",
        given_by="rita",
    )
    await visits.hears(given)
    visits.at(f"{VISITED}T11:00")
    there = {**was_there(VISITED), "present": ["renter", "mia"]}
    await visits.done(f"/visits/{visit}/record", there, who="mia")
    # In the name of the lease's own counsellor, she may also choose how often to come.
    await visits.done(f"/leases/{lease}/set-cadence", {"months": 3, "reason": "Dichtbij."}, who="mia")
    (recorded,) = await told(visits, "VisitRecorded")
    assert (recorded["actor"], recorded["mandate"]) == ("mia", given.mandate)
    (cadence,) = await told(visits, "CadenceSet")
    assert (cadence["actor"], cadence["mandate"]) == ("mia", given.mandate)
    assert (await visits.seen(f"/leases/{lease}"))["counsellor"] == "fatma"


async def test_ec_27_a_daughter_of_fifteen_does_not_interpret(visits: Visits) -> None:
    visits.at(MADE)
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, VISITED, announced="2026-01-12")
    visits.at(f"{VISITED}T11:00")
    child = {**was_there(VISITED), "interpreter": {"kind": "informal_adult", "age_over_18": False}}
    assert reason(await visits.act(f"/visits/{visit}/record", child)) == (409, "interpreter-is-minor")
    coffee = {"lease": lease, "kind": "presence_contact", "channel": "in_person", "gist": "Koffie, zonder tolk."}
    contact = (await visits.done("/contacts", coffee))["id"]
    heard = fact(lease, visit, VISITED, source={"kind": "contact", "contact": contact})
    assert reason(await visits.act("/findings", heard)) == (409, "presence-no-finding")
    for otherwise in ({"kind": "letter"}, {"kind": "third_party", "identity": "De buur"}, {"kind": "technical"}):
        called = fact(lease, visit, VISITED, source={**otherwise, "contact": contact})
        assert reason(await visits.act("/findings", called)) == (409, "presence-no-finding"), (
            "by another name it is one"
        )
    as_visit = fact(lease, visit, VISITED, source={"kind": "visit", "visit": contact})
    assert reason(await visits.act("/findings", as_visit)) == (409, "presence-no-finding")
    moved = await visits.done(f"/visits/{visit}/reschedule", {"new_date": "2026-01-26", "asked_by": "fatma"})
    assert moved["state"] == "rescheduled"


async def test_ec_28_a_renter_who_does_not_sign_has_broken_nothing(visits: Visits) -> None:
    lease, visit = await a_visited_lease(visits)
    finding = await a_discussed_finding(visits, lease, visit)
    note = (await visits.done("/agreements", {**NOTE, "lease": lease, "findings": [finding]}))["id"]
    promise = step("2026-02-16")
    await visits.done(f"/agreements/{note}/propose", {"commitments": [promise]})
    refused = await visits.done(f"/agreements/{note}/refuse", {"on": VISITED})
    assert (refused["state"], types(refused)) == ("refused", ["AgreementRefused"])
    tied = {"agreement_id": note, "commitment_id": promise["id"]}
    assert reason(await visits.act(f"/findings/{finding}/agree", tied)) == (409, "agreement-not-accepted")
    assert (await visits.seen(f"/findings/{finding}"))["state"] == "discussed"
    unwilling = await visits.act("/findings", fact(lease, visit, VISITED, item="MED-01"))
    assert reason(unwilling) == (409, "not-lack-of-cooperation")


async def test_ec_29_what_the_renter_signed_under_is_kept_word_for_word(visits: Visits) -> None:
    lease, _ = await a_visited_lease(visits)
    kept, disputed = step("2026-02-02"), step("2026-02-02", action="De tuin om de twee weken maaien")
    words = "niet akkoord met punt 2 !"
    note = await a_running_note(
        visits, lease, kept, disputed, reservation={"words": words, "commitments": [disputed["id"]]}
    )
    seen = await visits.seen(f"/agreements/{note}")
    assert seen["accepted"]["reservation"] == {"words": words, "commitments": [disputed["id"]]}
    assert [one["disputed"] for one in seen["commitments"]] == [False, True]
    visits.at("2026-02-03T09:00")
    undone = {"on": "2026-02-03", "outcome": "not_kept", "seen_by": "fatma", "commitment": disputed["id"]}
    assert reason(await visits.act(f"/agreements/{note}/follow-up", undone)) == (409, "under-reservation")
    talk = {
        "on": "2026-02-03",
        "office_said": "Eén keer per maand.",
        "renter_said": "Dat lukt.",
        "commitments": [disputed["id"]],
    }
    settled = await visits.done(f"/agreements/{note}/settle-reservation", talk)
    assert not any(one["disputed"] for one in settled["commitments"])
    assert (await visits.act(f"/agreements/{note}/follow-up", undone)).status_code == 200


async def test_a_reservation_without_words_is_none(visits: Visits) -> None:
    lease, _ = await a_visited_lease(visits)
    for blank in ("", "  "):
        note = await a_running_note(visits, lease, step("2026-02-02"), reservation=blank)
        seen = await visits.seen(f"/agreements/{note}")
        assert (seen["accepted"]["reservation"], seen["commitments"][0]["disputed"]) == (None, False)


async def test_ec_31_being_told_is_not_agreeing(visits: Visits) -> None:
    visits.at(MADE)
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, VISITED, announced="2026-01-12", agreed=False)
    visits.at(f"{VISITED}T10:20")
    await visits.done(f"/visits/{visit}/not-home", {"waited_minutes": 20, "card_left": True})
    tried = await visits.act("/findings", fact(lease, visit, VISITED, item="MED-01"))
    assert reason(tried) == (409, "not-lack-of-cooperation")


async def test_a_note_is_not_revised_onto_one_that_is_there(visits: Visits) -> None:
    lease, _ = await a_visited_lease(visits)
    notes = [await a_running_note(visits, one, step("2026-02-02")) for one in (lease, await a_lease(visits))]
    body = {"commitments": [step("2026-02-02")], "why": "Te veel ineens."}
    for there in notes:
        answer = await visits.act(f"/agreements/{notes[0]}/revise", {**body, "new_agreement": there})
        assert reason(answer) == (409, "wrong-state"), "what is there is not written over"
    assert (await visits.done(f"/agreements/{notes[0]}/revise", body))["state"] == "revised"


async def test_ec_33_nothing_is_broken_while_the_office_has_not_done_its_part(visits: Visits) -> None:
    lease, _ = await a_visited_lease(visits)
    mend = step("2026-02-02", by="office", action="De afvoer in de keuken herstellen", agreed_by_renter=None)
    clean = step("2026-02-02", depends_on=[mend["id"]])
    note = await a_running_note(visits, lease, mend, clean)
    visits.at("2026-02-03T09:00")
    undone = {"on": "2026-02-03", "outcome": "not_kept", "seen_by": "fatma", "commitment": clean["id"]}
    assert reason(await visits.act(f"/agreements/{note}/follow-up", undone)) == (409, "landlord-commitment-open")
    broken = {"as": "broken", "on": "2026-02-03"}
    assert reason(await visits.act(f"/agreements/{note}/conclude", broken)) == (409, "landlord-commitment-open")
    mended = {"on": "2026-02-03", "outcome": "kept", "seen_by": "bart", "commitment": mend["id"]}
    await visits.done(f"/agreements/{note}/follow-up", mended, who="bart")
    assert reason(await visits.act(f"/agreements/{note}/conclude", broken)) == (409, "no-follow-up")
    await visits.done(f"/agreements/{note}/follow-up", undone)
    assert (await visits.done(f"/agreements/{note}/conclude", broken))["state"] == "broken"


async def test_ec_34_a_day_that_passes_is_a_task_and_nothing_else(visits: Visits) -> None:
    lease, _ = await a_visited_lease(visits)
    promise = step("2026-05-15")
    note = await a_running_note(visits, lease, promise)
    before = len(await visits.envelopes())
    await visits.day(date(2026, 5, 15))
    assert await told(visits, "CommitmentDue") == []
    for _ in range(2):
        await visits.day(date(2026, 5, 16))
    after = [json.loads(one)["type"].split(".")[2] for one in (await visits.envelopes())[before:]]
    assert [name for name in after if not name.endswith("VisitOverdue")] == ["CommitmentDue"]
    assert (await visits.seen(f"/agreements/{note}"))["commitments"][0]["state"] == "open"


async def test_a_request_by_any_channel_is_one_call_and_somebody_s_task(visits: Visits) -> None:
    visits.at(MADE)
    lease = await a_lease(visits)
    for channel in ("phone", "sms", "whatsapp", "facebook", "counter", "email", "letter", "in_person"):
        asked = {"lease": lease, "kind": "repair_report", "channel": channel, "gist": "De kraan lekt."}
        logged = (await visits.done("/contacts", asked, who="tom"))["id"]
        seen = await visits.seen(f"/contacts/{logged}")
        assert (seen["owner"], seen["state"], seen["repair_by"], seen["due"]) == (
            "fatma",
            "open",
            "office",
            "2026-02-11",
        )
    (first, *_) = await told(visits, "ContactLogged")
    assert (first["data"]["repair_by"], first["data"]["answer_due_on"]) == ("office", "2026-02-11")
    closing = {"mode": "mutual", "ground": "other", "on": "2026-01-12"}
    await visits.done(f"/leases/{lease}/end", closing, who="tom")
    shut = await visits.act(f"/leases/{lease}/close", who="karel")
    assert (reason(shut), codes(shut)) == ((409, "open-matters"), ["request_open"])
