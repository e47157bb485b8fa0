"""A lease that went to another office: the count, the rules it brought along, who acts on it (domain 4.6, EC-14)."""

import asyncio
import json
import random
from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

from hypothesis import given as supposing
from hypothesis import strategies as st

from services.evaluations.rules.before import checklists_of_lease, policies_of_lease, take_rules_over
from services.evaluations.rules.case import CASE
from services.evaluations.rules.checklist import first_checklist
from services.evaluations.rules.lease_file import Act
from services.evaluations.rules.policy import drafted, first_policy, in_force, version_of
from shared.contracts.visits import (
    FindingAttributedV1,
    FindingDiscussedV1,
    FindingEstablishedV1,
    FindingReattributedV1,
    FollowUpRecordedV1,
    OfficeChangedV1,
)
from shared.decisions import Recorded
from shared.inbox_rows import Itself
from tests.evaluations.a_lease import ALease, morning
from tests.evaluations.conftest import OFFICE, Evaluations
from tests.evaluations.test_doors import KAREL, OPERATOR, RITA, Lease, an_office, reason, recorded
from tests.evaluations.test_edge_cases import from_visits, inbox_of
from verifier.checks import Report, verify

ZUID = "woonmaatschappij-zuid"
THERE: dict[str, Any] = {"office": ZUID}
NORA: dict[str, Any] = {"role": "director", "sub": "nora", **THERE}
PIM: dict[str, Any] = {"role": "coordinator", "sub": "pim", **THERE}
LIV: dict[str, Any] = {"role": "counsellor", "sub": "liv", **THERE}
GOES_ON = date(2026, 6, 1)


async def another_office(it: Evaluations, **policy: Any) -> None:
    """Found the other office, with a policy of its own; nobody but its director has a mandate."""
    body = {"code": ZUID, "name": "Woonmaatschappij Zuid", "director": "nora", "from": "2025-01-01"}
    assert (await it.act("/offices", body, **OPERATOR)).status_code == 201
    if policy:
        adopted = await it.act("/policies", {"in_force_from": it.clock.today().isoformat(), **policy}, **NORA)
        assert recorded(adopted) == ["PolicyAdopted"]


async def goes(lease: Lease, *, on: date = GOES_ON, again: bool = False) -> None:
    """Let both offices tell that the lease went to the other one."""
    left = OfficeChangedV1(lease=lease.id, to_office=ZUID, starts_on=on)
    came = OfficeChangedV1(lease=lease.id, to_office=ZUID, starts_on=on, from_office=OFFICE)
    await lease.it.told(left, publisher="visits", stream=f"lease/{lease.id}", again=again)
    await lease.it.told(came, publisher="visits", stream=f"lease/{lease.id}", office=ZUID, again=again)


async def comes_back(lease: Lease, *, on: date) -> None:
    """Let both offices tell that the lease came back."""
    stream = f"lease/{lease.id}"
    left = OfficeChangedV1(lease=lease.id, to_office=OFFICE, starts_on=on)
    came = OfficeChangedV1(lease=lease.id, to_office=OFFICE, starts_on=on, from_office=ZUID)
    here = lease.it.versions[stream] - 1  # the last thing told of it under the office that it comes back to
    await lease.it.told(left, publisher="visits", stream=stream, office=ZUID)
    lease.it.versions[stream] = here
    await lease.it.told(came, publisher="visits", stream=stream)


async def two_evaluations(it: Evaluations, lease: Lease) -> list[str]:
    """Let two negative evaluations count."""
    ids = []
    for day in ("2026-01-12", "2026-03-10"):
        await it.days_until(day)
        ids.append(await lease.evaluated(*await lease.visit()))
        await lease.reached(ids[-1])
    return ids


async def begun(it: Evaluations, **policy: Any) -> Lease:
    await an_office(it)
    await another_office(it, **policy)
    return await Lease(it).begins()


async def standing(it: Evaluations, lease: str, who: dict[str, Any], **asked: str) -> Any:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    answer = await it.read(f"/dossiers/{lease}/standing?{query}".rstrip("?"), **who)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_ec_14_a_merger_into_a_stricter_office_keeps_the_pin_and_reaches_nothing(
    evaluations: Evaluations,
) -> None:
    it = evaluations
    lease = await begun(it, threshold_n=2)
    other = await Lease(it).begins()
    ids = await two_evaluations(it, lease)
    await it.days_until(GOES_ON.isoformat())
    assert (await it.read(f"/dossiers/{lease.id}/standing", **PIM)).status_code == 404
    before = await lease.standing()
    await goes(lease)

    stood = await standing(it, lease.id, PIM)
    assert (stood["count"], stood["threshold"], stood["reached"]) == (2, 3, False)
    assert stood["counted"] == ids == before["counted"]
    assert [(track["pin"], track["threshold"]) for track in stood["tracks"]] == [(0, 3)]
    assert stood["policy_version"] == "P-2"  # the other office's own, in force there
    for id in ids:
        assert (await it.read(f"/evaluations/{id}", **PIM)).json()["state"] in ("communicated", "final")
    timeline = (await it.read(f"/dossiers/{lease.id}?limit=200", **PIM)).json()["entries"]
    assert [one["type"] for one in timeline].count("OfficeChanged") == 2
    assert "ThresholdReached" not in [one["type"] for one in timeline]

    # People of the other office need mandates there.
    visit, finding = await _visit_there(lease, "2026-06-02")
    body = {"lease": lease.id, "moment": visit, "outcome": "negative", "grounds": [{"finding": finding}], "why": "weer"}
    third = (await it.act("/evaluations", body, **LIV)).json()["id"]
    refused = await it.act(f"/evaluations/{third}/decide", {"outcome": "negative", "reasons": "zelf gewogen"}, **PIM)
    assert reason(refused) == (403, "no-mandate")
    given = {"person": "pim", "role": "coordinator", "acts": ["decide_evaluation"], "from": "2026-06-02"}
    await it.act("/mandates", {**given, "until": "2026-12-31"}, **NORA)
    decided = await it.act(f"/evaluations/{third}/decide", {"outcome": "negative", "reasons": "zelf gewogen"}, **PIM)
    assert recorded(decided) == ["EvaluationDecidedNegative"]
    assert (decided.json()["count_if_communicated"], decided.json()["threshold"]) == (3, 3)

    # The old one reads up to that day, and acts on it no more; its other leases stay behind the wall.
    assert (await lease.standing())["counted"] == ids
    withdrawn = await it.act(f"/evaluations/{ids[0]}/withdraw", {"why": "vergissing"}, **KAREL)
    assert reason(withdrawn) == (409, "wrong-state")
    assert withdrawn.json()["errors"][0]["code"] == "WITH_ANOTHER_OFFICE"
    unknown = await it.read(f"/dossiers/{other.id}/standing", **PIM)
    nobodys = await it.read("/dossiers/9b2d7f30-0000-4000-8000-000000000000/standing", **PIM)
    assert unknown.status_code == nobodys.status_code == 404
    assert {**unknown.json(), "instance": ""} == {**nobodys.json(), "instance": ""}


async def _visit_there(lease: Lease, day: str) -> tuple[str, str]:
    """Carry out a visit under the other office."""
    it = lease.it
    for _ in range((date.fromisoformat(day) - it.clock.today()).days):
        await it.days_until(date.fromordinal(it.clock.today().toordinal() + 1).isoformat())
    told = it.told

    async def there(fact: Any, **asked: Any) -> None:
        await told(fact, **{**asked, "office": ZUID})

    it.told = there  # type: ignore[method-assign]
    try:
        return await lease.visit()
    finally:
        it.told = told  # type: ignore[method-assign]


async def test_told_twice_it_goes_over_once(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it)
    ids = await two_evaluations(it, lease)
    await it.days_until(GOES_ON.isoformat())
    await goes(lease)
    came = OfficeChangedV1(lease=lease.id, to_office=ZUID, starts_on=GOES_ON, from_office=OFFICE)
    await it.told(came, publisher="visits", stream=f"lease/{lease.id}", office=ZUID, again=True)
    timeline = (await it.read(f"/dossiers/{lease.id}?limit=200", **PIM)).json()["entries"]
    events = [one["event"] for one in timeline]
    assert len(set(events)) == len(events)
    assert (await standing(it, lease.id, PIM))["counted"] == ids


async def test_what_comes_late_from_the_office_before_counts_in_the_one_that_has_it(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it)
    await it.days_until("2026-01-12")
    evaluation = await lease.evaluated(*await lease.visit())
    await it.days_until(GOES_ON.isoformat())
    await goes(lease)
    before = await lease.standing()
    await lease.reached(evaluation)  # told under the old office just before, and taken in after
    assert (await standing(it, lease.id, PIM))["counted"] == [evaluation]
    assert (await lease.standing())["counted"] == before["counted"] == []
    assert "LetterReached" in [
        one["type"] for one in (await it.read(f"/dossiers/{lease.id}?limit=200", **PIM)).json()["entries"]
    ]


async def test_the_past_is_answered_as_it_was_and_as_it_was_known(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it, threshold_n=2, cure_days=60)
    ids = await two_evaluations(it, lease)
    await it.days_until("2026-05-01")
    then = it.clock.now().isoformat().replace("+", "%2B")
    await it.days_until(GOES_ON.isoformat())
    asked = {"on": "2026-03-20", "known_at": then}
    before = (await it.read(f"/dossiers/{lease.id}/standing?on=2026-03-20&known_at={then}", **KAREL)).content
    await goes(lease)
    assert (await it.read(f"/dossiers/{lease.id}/standing?on=2026-03-20&known_at={then}", **KAREL)).content == before
    there = await standing(it, lease.id, PIM, **asked)
    here = json.loads(before)
    for name in ("count", "threshold", "reached", "tracks", "counted", "policy_version", "next_expiry", "as_known_at"):
        assert there[name] == here[name], name
    decided = next(
        one["event"]
        for one in (await it.read(f"/dossiers/{lease.id}?limit=200", **PIM)).json()["entries"]
        if one["type"] == "EvaluationDecidedNegative"
    )
    basis = [(await it.read(f"/decisions/{decided}/provenance", **who)).json() for who in (KAREL, PIM)]
    assert [one["id"] for one in basis[0]["events"]] == [one["id"] for one in basis[1]["events"]]
    assert [(one["version"], one["event"]) for one in basis[0]["policies"]] == [
        (one["version"], one["event"]) for one in basis[1]["policies"]
    ]
    assert {one["office"] for one in basis[1]["policies"]} == {OFFICE}
    assert ids


async def with_a_policy_to_come(it: Evaluations) -> tuple[Lease, list[str]]:
    """Let two evaluations count, and a stricter threshold be adopted that takes force once the lease has gone."""
    lease = await begun(it, threshold_n=2, cure_days=60)
    await two_evaluations(it, lease)
    await it.days_until("2026-05-01")
    later = {"in_force_from": "2026-09-01", "threshold_n": 5}
    assert recorded(await it.act("/policies", later, **RITA)) == ["PolicyAdopted"]
    it.clock.at += timedelta(seconds=1)
    then = it.clock.now().isoformat().replace("+", "%2B")
    days = ("2026-03-20", "2026-06-02", "2026-09-02")
    return lease, [f"/dossiers/{lease.id}/standing?on={on}&known_at={then}" for on in days]


async def test_what_was_known_of_days_to_come_is_the_same_in_both_offices(evaluations: Evaluations) -> None:
    it = evaluations
    lease, asked = await with_a_policy_to_come(it)
    before = [(await it.read(path, **KAREL)).json() for path in asked]
    assert [one["threshold"] for one in before] == [3, 3, 5]
    await it.days_until(GOES_ON.isoformat())
    await goes(lease)
    for path, here in zip(asked, before, strict=True):
        there = (await it.read(path, **PIM)).json()
        for name in ("count", "threshold", "tracks", "counted", "policy_version", "next_expiry"):
            assert there[name] == here[name], (here["on"], name)


async def test_what_was_known_stays_as_it_was_once_the_lease_has_come_back(evaluations: Evaluations) -> None:
    it = evaluations
    lease, asked = await with_a_policy_to_come(it)
    before = [(await it.read(path, **KAREL)).json() for path in asked]
    await it.days_until(GOES_ON.isoformat())
    await goes(lease)
    await it.days_until("2026-07-01")
    await comes_back(lease, on=date(2026, 7, 1))
    assert [(await it.read(path, **KAREL)).json() for path in asked] == before
    assert len((await lease.standing())["counted"]) == 2


async def test_a_lease_that_comes_back_has_each_entry_once_in_the_ledger(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it)
    await two_evaluations(it, lease)
    await it.days_until(GOES_ON.isoformat())
    await goes(lease)
    await _visit_there(lease, "2026-06-02")
    await it.days_until("2026-07-01")
    await comes_back(lease, on=date(2026, 7, 1))
    timeline = (await it.read(f"/dossiers/{lease.id}?limit=200", **KAREL)).json()["entries"]
    told = [one["event"] for one in timeline]
    assert len(told) == len(set(told))
    there = [one["event"] for one in (await it.read(f"/dossiers/{lease.id}?limit=200", **PIM)).json()["entries"]]
    assert set(told) > set(there)
    issued = await it.act(f"/dossiers/{lease.id}/court", {}, **RITA)
    file = (await it.read(f"{issued.headers['location']}.json", **RITA)).content
    report = Report()
    verify(file, key=None, report=report)
    assert not any(line.startswith("LEFT OUT") for line in report.lines)


async def test_a_milder_office_takes_the_threshold_up_at_once(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it, threshold_n=5)
    await lease.three_evaluations()
    assert (await lease.standing())["reached"]
    await it.days_until(GOES_ON.isoformat())
    await goes(lease)
    stood = await standing(it, lease.id, PIM)
    assert (stood["count"], stood["threshold"], stood["reached"]) == (3, 5, False)
    timeline = (await it.read(f"/dossiers/{lease.id}?limit=200", **PIM)).json()["entries"]
    assert [one["occurred_on"] for one in timeline if one["type"] == "ThresholdNoLongerMet"] == [GOES_ON.isoformat()]
    (review,) = (await it.read(f"/terminations?lease={lease.id}", **PIM)).json()["items"]
    assert (review["state"], review["doubtful"]) == ("under_review", True)


async def test_what_if_and_the_days_work_look_at_it_where_it_is(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it)
    ids = await two_evaluations(it, lease)
    await it.days_until("2026-04-01")
    await goes(lease, on=date(2026, 4, 1))
    for who, number in ((KAREL, 0), (PIM, 1)):
        assert (await it.act("/simulations", {"threshold_n": 4}, **who)).json()["leases_looked_at"] == number
    await it.days_until("2026-04-20")  # the old office's days: its work no longer holds the lease
    assert (await it.read(f"/evaluations/{ids[0]}", **KAREL)).json()["state"] == "final"
    assert (await it.read(f"/evaluations/{ids[1]}", **KAREL)).json()["state"] == "communicated"


async def test_the_court_file_of_the_new_office_holds_the_whole_history(evaluations: Evaluations) -> None:
    it = evaluations
    lease = await begun(it)
    await two_evaluations(it, lease)
    await it.days_until(GOES_ON.isoformat())
    await goes(lease)
    issued = await it.act(f"/dossiers/{lease.id}/court", {}, **NORA)
    assert issued.status_code == 201, issued.text
    answer = await it.read(f"{issued.headers['location']}.json", **NORA)
    assert answer.status_code == 200, answer.text
    file = answer.content
    whole = json.loads(file)
    offices = [(line["type"], line["office"]) for line in whole["timeline"]]
    assert ("LeaseRegistered", OFFICE) in offices and ("OfficeChanged", ZUID) in offices
    assert ("EvaluationDecidedNegative", OFFICE) in offices
    assert "vuil fornuis" in file.decode()
    assert not [line for line in whole["timeline"] if line["arrived_late"] and line["office"] == OFFICE]
    shown = (await it.read(f"/dossiers/{lease.id}?limit=200", **PIM)).json()["entries"]
    late = [(line["position"], line["arrived_late"]) for line in whole["timeline"]]
    assert [(line["position"], line["arrived_late"]) for line in shown] == late
    verify(file, key=None, report=Report())


async def test_in_whatever_order_it_arrives_the_office_that_has_it_knows_all(evaluations: Evaluations) -> None:
    """Of what both offices told, in any order: late ones of the old one, early ones of the new one, and twice."""
    it = evaluations
    await an_office(it)
    await another_office(it)
    orders = random.Random(4).sample(list(permutations(range(7))), 30)
    leases = [await Lease(it).begins() for _ in orders]
    async with inbox_of(it) as inbox:
        for lease, order in zip(leases, orders, strict=True):
            finding, said = str(uuid4()), await it.words(lease.id, "vuil fornuis")
            of: dict[str, Any] = {"lease": lease.id, "finding": finding}
            day, at_lease, at_finding = it.clock.today(), f"lease/{lease.id}", f"finding/{finding}"
            seen = FindingEstablishedV1(
                **of, item="ONH-02", checklist_version="CL-1", seen_on=day, source="visit", what_seen=said
            )
            told = [
                (seen, at_finding, 1, OFFICE),
                (FindingAttributedV1(**of, item="ONH-02", to="renter", severity=2, why=said), at_finding, 2, OFFICE),
                (FindingDiscussedV1(**of, discussed_with=("renter",), discussed_on=day), at_finding, 3, OFFICE),
                (OfficeChangedV1(lease=lease.id, to_office=ZUID, starts_on=day), at_lease, 3, OFFICE),
                (
                    OfficeChangedV1(lease=lease.id, to_office=ZUID, starts_on=day, from_office=OFFICE),
                    at_lease,
                    4,
                    ZUID,
                ),
                (
                    FindingReattributedV1(**of, item="ONH-02", to="owner", previously="renter", why=said),
                    at_finding,
                    4,
                    ZUID,
                ),
                (
                    FollowUpRecordedV1(**of, item="ONH-02", seen_on=day, outcome="partly", seen_by="liv"),
                    at_finding,
                    5,
                    ZUID,
                ),
            ]
            first = it.positions["visits"] + 1
            it.positions["visits"] += len(told)
            sent = [
                from_visits(it, fact, stream=stream, version=version, position=first + number, office=office)
                for number, (fact, stream, version, office) in enumerate(told)
            ]
            for number in order:
                await inbox.take_in("visits", [sent[number]])
                await inbox.take_in("visits", [sent[number]])
            async with asyncio.timeout(60):
                await inbox.seen("visits", it.positions["visits"], office=ZUID)
            assert not inbox.progress["visits"].parked, order
            case = await it.store.state(CASE, lease.id, by=Itself(office=ZUID))
            assert [type(one.event).__name__ for one in case.findings[finding]] == [
                "FindingEstablishedV1",
                "FindingAttributedV1",
                "FindingDiscussedV1",
                "FindingReattributedV1",
                "FollowUpRecordedV1",
            ], order
            assert [one.office for one in case.findings[finding]] == [OFFICE] * 3 + [None] * 2, order
            assert case.registered is not None and len(case.of_lease) == 4, order
            entries = (await it.read(f"/dossiers/{lease.id}?limit=200", **PIM)).json()["entries"]
            assert sorted(one["type"] for one in entries) == sorted(
                [
                    "LeaseRegistered",
                    "CounsellorAssigned",
                    *(type(fact).__name__.removesuffix("V1") for fact, *_ in told),
                ]
            ), order


# -- the rules that come along ----------------------------------------------------------------------------------------


def version(event: Any, *, at: date, of: str = "own") -> Recorded[Any]:
    return Recorded(
        event=event,
        id=f"{event.version} of {at} ({of})",
        stream="policies/office",
        version=1,
        occurred_on=at,
        recorded_at=morning(at),
        taken_in_at=morning(at),
        actor="rita",
    )


FIRST = first_policy(in_force_from=date(2015, 1, 1))
LONG_AGO: dict[str, Any] = {"version": "P-1", "in_force_from": date(2015, 1, 1)}
FIVE = drafted(FIRST, version="P-2", in_force_from=date(2026, 9, 1), threshold_n=5)
OWN = (version(FIRST, at=date(2015, 1, 1)), version(FIVE, at=date(2026, 8, 1)))
THEIRS = (version(drafted(FIRST, **LONG_AGO, threshold_n=4), at=date(2015, 1, 1), of="noord"),)
CHECKLIST = (version(first_checklist(in_force_from=date(2015, 1, 1)), at=date(2015, 1, 1)),)
THEIR_CHECKLIST = (replace(CHECKLIST[0], id="CL-1 (noord)"),)


def taken_over(*, from_office: str = "noord", on: date = GOES_ON) -> Recorded[Any]:
    rules = take_rules_over(
        lease="L1", from_office=from_office, starts_on=on, policies=THEIRS, checklists=THEIR_CHECKLIST
    )
    return Recorded(
        event=rules,
        id="t",
        stream="before/L1",
        version=1,
        occurred_on=on,
        recorded_at=morning(on),
        taken_in_at=morning(on),
        actor="SYS",
    )


def test_each_offices_policy_is_in_force_while_it_is_competent() -> None:
    policies = policies_of_lease(OWN, (taken_over(),))
    for day, threshold in ((date(2026, 5, 31), 4), (GOES_ON, 3), (date(2026, 8, 31), 3), (date(2026, 9, 1), 5)):
        assert in_force(policies, on=day).threshold_n == threshold


def test_before_it_was_known_that_it_went_the_policy_before_holds() -> None:
    policies = policies_of_lease(OWN, (taken_over(),))
    assert in_force(policies, on=date(2026, 6, 2), known_at=morning(date(2026, 5, 1))).threshold_n == 4


def test_versions_of_one_name_are_told_apart_by_their_office() -> None:
    policies = policies_of_lease(OWN, (taken_over(),))
    theirs, own = version_of(policies, "P-1", office="noord"), version_of(policies, "P-1")
    assert theirs is not None and own is not None
    assert (theirs.threshold_n, own.threshold_n) == (4, 3)
    assert [told.office for told in checklists_of_lease(CHECKLIST, (taken_over(),))] == ["noord", None]


def test_a_lease_that_never_went_has_the_rules_of_its_office() -> None:
    assert policies_of_lease(OWN, ()) is OWN


@supposing(st.dates(min_value=date(2026, 1, 1), max_value=date(2027, 12, 31)))
def test_on_every_day_exactly_one_offices_policy_is_in_force(day: date) -> None:
    policies = policies_of_lease(OWN, (taken_over(),))
    found = next(told for told in policies if told.event is in_force(policies, on=day))
    assert found.office == ("noord" if day < GOES_ON else None)


def test_the_pin_is_the_milder_of_what_was_told_there_and_what_holds_here() -> None:
    lease = ALease()
    lease.evaluation("E1", date(2026, 1, 12), communicated=date(2026, 1, 20))
    left = lease.file
    rules = take_rules_over(
        lease="L1", from_office="noord", starts_on=GOES_ON, policies=left.policies, checklists=left.checklists
    )
    stricter = (
        version(drafted(OWN[0].event, version="P-1", in_force_from=date(2015, 1, 1), threshold_n=2), at=GOES_ON),
    )
    act = Act(on=GOES_ON, today=GOES_ON, at=morning(GOES_ON), actor="SYS", new_review="t1")
    came = left.came("noord", rules, policies=stricter, checklists=CHECKLIST, before=(), act=act)
    assert (came.standing(on=GOES_ON).count, came.standing(on=GOES_ON).threshold) == (1, 3)
    assert came.policy(on=GOES_ON).threshold_n == 2
    assert came.standing(on=date(2026, 5, 31)) == left.standing(on=date(2026, 5, 31))
