"""Another counsellor, or another office, for a lease (domain 3.1, 4.6, 8)."""

import json
import secrets
from datetime import date
from typing import Any
from uuid import uuid4

from services.visits.events import (
    CounsellorAssigned,
    LeaseTakenOver,
    OfficeChanged,
    RenterInformedOfPolicy,
    VisitHandedOver,
)
from services.visits.rules.handover import change_counsellor, change_office, go_over
from services.visits.rules.lease import LEASE, inform_of_policy
from services.visits.rules.visit import VISIT
from shared.decisions import Elsewhere, HandOver
from shared.refusals import MandateEnded, ReasonMissing, WrongState
from tests.specification import given
from tests.visits.conftest import Visits
from tests.visits.examples import ANNOUNCED, MANDATES, PLANNED, POLICY, RECORDED, REGISTERED, RUNNING, text, visit
from tests.visits.test_doors import a_lease

LEAVES = date(2026, 6, 30)
WHY = text("Fatma verlaat het kantoor.")


def _change(**other: Any) -> dict[str, Any]:
    asked = {"counsellor": "mia", "from_": LEAVES, "reason": WHY, "today": LEAVES, "mandates": MANDATES}
    return {**asked, "visits": {}, **other}


CHANGED = CounsellorAssigned(counsellor="mia", assigned_from=LEAVES, previous="fatma", reason=WHY)


def test_ec_26_open_visits_move_along_and_none_is_dropped() -> None:
    visits = {
        "v1": visit(PLANNED, ANNOUNCED, RECORDED),
        "v2": visit(PLANNED),
        "v3": visit(PLANNED, ANNOUNCED),
    }
    moved = VisitHandedOver(counsellor="mia")
    given(LEASE, *RUNNING).when(change_counsellor, **_change(visits=visits)).then(
        CHANGED, Elsewhere(VISIT, "v2", moved), Elsewhere(VISIT, "v3", moved)
    )


def test_a_change_has_a_reason() -> None:
    given(LEASE, *RUNNING).when(change_counsellor, **_change(reason=None)).then_refused(ReasonMissing)


def test_the_same_counsellor_is_no_change() -> None:
    given(LEASE, *RUNNING).when(change_counsellor, **_change(counsellor="fatma")).then_nothing_happens()


def test_a_lease_that_does_not_run_is_not_handed_over() -> None:
    given(LEASE, REGISTERED).when(change_counsellor, **_change()).then_refused(WrongState)


def test_nobody_takes_over_whose_mandate_for_visits_ended() -> None:
    given(LEASE, *RUNNING).when(change_counsellor, **_change(counsellor="sofie", today=date(2026, 7, 1))).then_refused(
        MandateEnded
    )


# --- another office ---

GOES_ON = date(2026, 7, 1)
GOES = OfficeChanged(to_office="kantoor-zuid", starts_on=GOES_ON)
OVER = [
    HandOver(lease="L1", from_office="kantoor-noord", to_office="kantoor-zuid"),
    Elsewhere(
        LEASE,
        "L1",
        LeaseTakenOver(from_office="kantoor-noord", to_office="kantoor-zuid", starts_on=GOES_ON),
        follows=True,
        office="kantoor-zuid",
    ),
]
AT_NORTH = {"id": "L1", "own": "kantoor-noord", "there": (POLICY,)}


def test_a_lease_goes_over_on_the_day_that_was_said() -> None:
    given(LEASE, *RUNNING, GOES).when(go_over, today=date(2026, 6, 30), **AT_NORTH).then_nothing_happens()
    given(LEASE, *RUNNING, GOES).when(go_over, today=GOES_ON, **AT_NORTH).then(*OVER)
    given(LEASE, *RUNNING, GOES).when(go_over, today=date(2026, 7, 9), **AT_NORTH).then(*OVER)
    given(LEASE, *RUNNING).when(go_over, today=GOES_ON, **AT_NORTH).then_nothing_happens()


def test_a_lease_goes_over_at_once_when_the_day_has_come() -> None:
    asked = {"to": "kantoor-zuid", "from_": GOES_ON, **AT_NORTH}
    given(LEASE, *RUNNING).when(change_office, today=GOES_ON, **asked).then(GOES, *OVER)
    given(LEASE, *RUNNING).when(change_office, today=date(2026, 6, 30), **asked).then(GOES)


def test_a_lease_waits_for_an_office_that_is_not_founded_yet() -> None:
    nobody_there = {**AT_NORTH, "there": ()}
    given(LEASE, *RUNNING, GOES).when(go_over, today=GOES_ON, **nobody_there).then_nothing_happens()


def test_where_it_came_to_it_stays_until_it_is_said_to_go_on() -> None:
    came = LeaseTakenOver(from_office="kantoor-noord", to_office="kantoor-zuid", starts_on=GOES_ON)
    at_south = {"id": "L1", "own": "kantoor-zuid", "there": (POLICY,)}
    given(LEASE, *RUNNING, GOES, came).when(go_over, today=date(2027, 1, 1), **at_south).then_nothing_happens()
    on = OfficeChanged(to_office="kantoor-oost", starts_on=date(2026, 8, 1))
    given(LEASE, *RUNNING, GOES, came, on).when(go_over, today=date(2026, 8, 1), **at_south).then(
        HandOver(lease="L1", from_office="kantoor-zuid", to_office="kantoor-oost"),
        Elsewhere(
            LEASE,
            "L1",
            LeaseTakenOver(from_office="kantoor-zuid", to_office="kantoor-oost", starts_on=date(2026, 8, 1)),
            follows=True,
            office="kantoor-oost",
        ),
    )


def test_a_version_of_the_new_office_is_not_the_one_of_that_name_the_renter_knew() -> None:
    came = LeaseTakenOver(from_office="kantoor-noord", to_office="kantoor-zuid", starts_on=GOES_ON)
    known = POLICY.version
    told = {"policy_version": known, "delivered_on": date(2026, 7, 2), "proof": None, "policies": (POLICY,)}
    given(LEASE, *RUNNING).when(inform_of_policy, **told).then_nothing_happens()
    given(LEASE, *RUNNING, GOES, came).when(inform_of_policy, **told).then(
        RenterInformedOfPolicy(policy_version=known, delivered_on=date(2026, 7, 2), proof=None)
    )


async def test_the_other_office_has_it_from_that_day_and_this_one_only_reads(visits: Visits) -> None:
    other = f"zuid-{secrets.token_hex(4)}"
    await visits.founded(other)
    lease, neighbour = await a_lease(visits), await a_lease(visits)
    plan = {"lease": lease, "date": "2026-03-20", "slot": "10:00", "purpose": "individual", "kind": "home"}
    planned = await visits.done("/visits", plan)
    asked = {"to": other, "from": "2026-03-10"}
    await visits.done(f"/leases/{lease}/change-office", asked, who="rita")
    unknown = await visits.read(f"/leases/{uuid4()}", office=other)
    for one in (lease, neighbour):
        assert (await visits.read(f"/leases/{one}", office=other)).status_code == unknown.status_code == 404
    visits.at("2026-03-10T08:00")
    await visits.day(date(2026, 3, 10))
    await visits.day(date(2026, 3, 10))
    there = await visits.read(f"/leases/{lease}", office=other)
    assert there.status_code == 200 and there.json()["came_from"] == visits.office
    assert there.json()["parties"][0]["name"] == (await visits.seen(f"/leases/{lease}"))["parties"][0]["name"]
    assert (await visits.read(f"/visits/{planned['id']}", office=other)).status_code == 200
    assert (await visits.read(f"/leases/{neighbour}", office=other)).status_code == 404
    refused = await visits.act("/visits", {**plan, "date": "2026-03-30"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/wrong-state")
    assert refused.json()["errors"][0]["code"] == "WITH_ANOTHER_OFFICE"
    again = await visits.act(f"/leases/{lease}/change-office", {"to": visits.office, "from": "2026-04-01"}, who="rita")
    assert again.status_code == 409
    assert (await visits.act("/visits", {**plan, "date": "2026-03-30"}, office=other)).status_code == 201
    due = {one["lease"] for one in (await visits.seen("/visits/due?by=2026-12-31"))["items"]}
    assert lease not in due and neighbour in due
    theirs = await visits.read("/visits/due?by=2026-12-31", office=other)
    assert {one["lease"] for one in theirs.json()["items"]} == {lease}


async def test_both_offices_tell_that_it_changed_and_nothing_else_is_told_again(visits: Visits) -> None:
    other = f"zuid-{secrets.token_hex(4)}"
    await visits.founded(other)
    lease = await a_lease(visits)
    before = await visits.envelopes()
    await visits.done(f"/leases/{lease}/change-office", {"to": other, "from": "2026-03-02"}, who="rita")
    here = [json.loads(one) for one in (await visits.envelopes())[len(before) :]]
    there = [json.loads(one) for one in await visits.envelopes(other)]
    assert [(one["type"], one["data"]) for one in here] == [
        (
            "huurspoor.visits.OfficeChanged.v1",
            {"lease": lease, "to_office": other, "starts_on": "2026-03-02", "from_office": None},
        )
    ]
    assert [(one["type"], one["data"]["from_office"], one["office"]) for one in there] == [
        ("huurspoor.visits.OfficeChanged.v1", visits.office, other)
    ]
    assert there[0]["streamprevious"] == here[0]["streamversion"]
