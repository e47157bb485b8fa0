"""What visits does when evaluations tells it something."""

from dataclasses import replace
from datetime import date
from typing import Any

from shared.contracts.evaluations import (
    MandateEndedV1,
    MandateGivenV1,
    NoticePostedV1,
    NoticeWithdrawnV1,
    ReviewOpenedV1,
    TerminationLapsedV1,
)
from tests.visits.conftest import Visits
from tests.visits.examples import CHECKLIST, POLICY, item, text
from tests.visits.test_doors import a_lease, a_visit, codes, fact, reason, was_there


def posted(lease: str) -> NoticePostedV1:
    return NoticePostedV1(
        lease=lease,
        termination="t1",
        posted_on=date(2026, 1, 12),
        method="registered_paper",
        communications=(),
        tracking=(),
        posted_on_closed_day=False,
    )


def opened(lease: str) -> ReviewOpenedV1:
    return ReviewOpenedV1(
        lease=lease, termination="t1", route="threshold", findings=(), evaluations=(), why=None, by=None
    )


async def test_a_lease_stands_under_notice_from_the_posting_until_it_is_withdrawn(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    await visits.hears(opened(lease), posted(lease), posted(lease))
    assert (await visits.seen(f"/leases/{lease}"))["state"] == "notice_running"
    await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")  # guidance goes on
    await visits.hears(NoticeWithdrawnV1(lease=lease, termination="t1", why=text("Opgelost."), by="rita"))
    assert (await visits.seen(f"/leases/{lease}"))["state"] == "running"


async def test_a_file_is_not_closed_while_a_termination_is_open(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    await visits.hears(opened(lease))
    ended = {"mode": "mutual", "ground": "other", "on": "2026-01-12"}
    await visits.done(f"/leases/{lease}/end", ended, who="tom")
    refused = await visits.act(f"/leases/{lease}/close", {}, who="karel")
    assert reason(refused) == (409, "open-matters")
    assert codes(refused) == ["termination_open"]
    await visits.hears(TerminationLapsedV1(lease=lease, termination="t1"))
    assert (await visits.done(f"/leases/{lease}/close", {}, who="karel"))["state"] == "closed"


async def test_a_later_policy_rules_from_its_day_on(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    longer = replace(POLICY, version="P-2", in_force_from=date(2026, 2, 1), founding=False, visit_announce_days=14)
    await visits.hears(longer)
    await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    visits.at("2026-02-02T09:00")
    asked = {"lease": lease, "date": "2026-02-12", "slot": "10:00", "purpose": "individual"}
    visit = (await visits.done("/visits", asked))["id"]
    told = {"channel": "sms", "announced_on": "2026-02-02", "purpose_told": True}
    assert reason(await visits.act(f"/visits/{visit}/announce", told)) == (409, "announced-too-late")
    informed = {"policy_version": "P-2", "delivered_on": "2026-02-02", "proof": "getekend"}
    known = await visits.done(f"/leases/{lease}/inform-of-policy", informed)
    assert [one["policy_version"] for one in known["informed"]] == ["P-1", "P-2"]
    unknown = await visits.act(f"/leases/{lease}/inform-of-policy", {**informed, "policy_version": "P-9"})
    assert reason(unknown) == (409, "unknown")


async def test_a_fact_is_judged_by_the_checklist_of_its_day(visits: Visits) -> None:
    visits.at("2026-01-12T09:00")
    lease = await a_lease(visits)
    visit = await a_visit(visits, lease, "2026-01-19", announced="2026-01-12")
    later = replace(CHECKLIST, version="CL-2", in_force_from=date(2026, 2, 1), items=(item("NEW-01", 30),))
    await visits.hears(later)
    visits.at("2026-02-02T09:00")
    await visits.done(f"/visits/{visit}/record", was_there("2026-01-19"))
    seen: dict[str, Any] = fact(lease, visit, "2026-01-19")
    assert (await visits.done("/findings", seen))["checklist_version"] == "CL-1"
    refused = await visits.act("/findings", {**seen, "item": "NEW-01"})
    assert reason(refused) == (409, "unknown-item")


async def test_an_ended_mandate_keeps_its_person_from_being_assigned(visits: Visits) -> None:
    visits.at("2026-07-01T09:00")
    given = MandateGivenV1(
        mandate="m1",
        person="sofie",
        role="counsellor",
        acts=("record_visit",),
        from_=date(2026, 1, 1),
        until=None,
        in_name_of=None,
        given_by="rita",
    )
    await visits.hears(given, MandateEndedV1(mandate="m1", person="sofie", until=date(2026, 6, 30)))
    lease = await a_lease(visits)
    change = {"counsellor": "sofie", "reason": "Vervanging."}
    refused = await visits.act(f"/leases/{lease}/change-counsellor", change, who="karel")
    assert reason(refused) == (403, "mandate-ended")
