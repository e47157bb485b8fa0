"""The lease: registered, guided, running, under notice (domain 3.1, 5.3, 5.4)."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.visits.events import (
    AdministratorAppointed,
    AdministratorEnded,
    BalanceRecorded,
    CadenceSet,
    ContactPoint,
    CounsellorAssigned,
    FirstVisitDue,
    FirstVisitOverdue,
    HeadLeaseEnding,
    LandlordChanged,
    LeaseClosed,
    LeaseEnded,
    LeaseStarted,
    LeaseVisited,
    NextVisitOverdue,
    NoticeRunning,
    NoticeStopped,
    OfficeChanged,
    PartyAdded,
    PartyLeft,
    RenterInformedOfPolicy,
    StandstillEnded,
    StandstillStarted,
)
from services.visits.rules.due import overdue
from services.visits.rules.lease import (
    LEASE,
    CadenceNotOffered,
    LastParty,
    PartyMissing,
    PeriodOverlap,
    RenterNotInformed,
    add_party,
    appoint_administrator,
    assign_counsellor,
    be_visited,
    change_landlord,
    change_office,
    end_administration,
    end_standstill,
    inform_of_policy,
    note_overdue,
    party_leaves,
    record_balance,
    register,
    report_head_lease_end,
    run_notice,
    set_cadence,
    start,
    start_standstill,
    stop_notice,
)
from services.visits.rules.refusals import NotPermitted
from shared.contracts.evaluations import NoticePostedV1, NoticeWithdrawnV1
from shared.refusals import DateOrder, MandateEnded, NoProof, OccurredInFuture, ReasonMissing, Unknown, WrongState
from tests.specification import given, state_of
from tests.visits.examples import (
    AMINA,
    ASSIGNED,
    DAUGHTER,
    DENIZ,
    FATMA,
    FIRST_DUE,
    KAREL,
    MANDATES,
    MIA,
    POLICIES,
    REGISTERED,
    RUNNING,
    START,
    STRICTER,
    VISIT_DAY,
    VISITED,
    text,
)

TODAY = date(2026, 1, 12)
WHY = text("Een goede reden.")
ENDED = LeaseEnded(mode="renter_notice", ground="moved_on", ended_on=TODAY)


def _registration(**other: Any) -> dict[str, Any]:
    asked = {
        "parties": REGISTERED.parties,
        "dwelling_reference": REGISTERED.dwelling_reference,
        "dwelling_address": REGISTERED.dwelling_address,
        "landlord": REGISTERED.landlord,
        "start": START,
        "informed_on": START,
        "policy_version": None,
        "inventory_ref": None,
        "today": TODAY,
        "policies": POLICIES,
    }
    return {**asked, **other}


# --- registering ---


def test_a_lease_is_registered_under_the_policy_in_force_at_its_start() -> None:
    given(LEASE).when(register, **_registration()).then(REGISTERED)


def test_a_lease_may_be_registered_under_a_version_that_is_named() -> None:
    registration = _registration(policies=(*POLICIES, STRICTER), policy_version="P-2")
    given(LEASE).when(register, **registration).then(replace(REGISTERED, policy_version="P-2"))


def test_a_policy_version_the_office_does_not_have_is_unknown() -> None:
    given(LEASE).when(register, **_registration(policy_version="P-9")).then_refused(Unknown)


def test_a_lease_needs_a_party() -> None:
    given(LEASE).when(register, **_registration(parties=())).then_refused(PartyMissing)


def test_a_household_member_is_no_party() -> None:
    given(LEASE).when(register, **_registration(parties=(DAUGHTER,))).then_refused(PartyMissing)


def test_the_renter_must_have_been_given_the_policy() -> None:
    given(LEASE).when(register, **_registration(informed_on=None)).then_refused(RenterNotInformed)


@pytest.mark.parametrize(("informed_on", "in_time"), [(date(2025, 12, 3), True), (date(2025, 12, 4), False)])
def test_the_policy_is_given_at_most_thirty_days_after_the_start(informed_on: date, in_time: bool) -> None:
    when = given(LEASE).when(register, **_registration(informed_on=informed_on))
    if in_time:
        when.then(replace(REGISTERED, informed_on=informed_on))
    else:
        when.then_refused(RenterNotInformed)


def test_nobody_is_informed_in_the_future() -> None:
    registration = _registration(start=date(2026, 2, 2), informed_on=date(2026, 1, 13))
    given(LEASE).when(register, **registration).then_refused(OccurredInFuture)


def test_a_lease_is_registered_once() -> None:
    given(LEASE, REGISTERED).when(register, **_registration()).then_refused(WrongState)


@pytest.mark.parametrize(
    ("starts", "due"),
    [(date(2026, 4, 10), date(2026, 5, 4)), (date(2026, 3, 1), date(2026, 3, 23))],
    ids=["GV-09", "GV-10"],
)
def test_the_first_visit_is_due_three_weeks_after_the_start_on_a_working_day(starts: date, due: date) -> None:
    registration = _registration(start=starts, informed_on=START)
    given(LEASE).when(register, **registration).then_it_holds(lambda events: events[0].first_visit_due == due)


# --- the counsellor ---


def test_a_lease_whose_start_has_come_runs_as_soon_as_it_has_its_counsellor() -> None:
    given(LEASE, REGISTERED).when(
        assign_counsellor, counsellor="fatma", from_=START, today=START, mandates=MANDATES
    ).then(ASSIGNED, FirstVisitDue(due_on=FIRST_DUE), LeaseStarted())


def test_a_lease_assigned_late_has_its_first_visit_overdue_at_once() -> None:
    given(LEASE, REGISTERED).when(
        assign_counsellor, counsellor="fatma", from_=TODAY, today=TODAY, mandates=MANDATES
    ).then_it_holds(lambda events: events[-1] == FirstVisitOverdue(due_on=FIRST_DUE))


def test_a_lease_that_starts_later_waits_for_its_day() -> None:
    early = date(2025, 10, 20)
    assigned = replace(ASSIGNED, assigned_from=early)
    given(LEASE, REGISTERED).when(
        assign_counsellor, counsellor="fatma", from_=early, today=early, mandates=MANDATES
    ).then(assigned, FirstVisitDue(due_on=FIRST_DUE))
    waiting = (REGISTERED, assigned, FirstVisitDue(due_on=FIRST_DUE))
    given(LEASE, *waiting).when(start, today=date(2025, 11, 2)).then_nothing_happens()
    given(LEASE, *waiting).when(start, today=START).then(LeaseStarted())


def test_a_lease_without_a_counsellor_does_not_start() -> None:
    given(LEASE, REGISTERED).when(start, today=TODAY).then_nothing_happens()


def test_assigning_the_same_counsellor_again_changes_nothing() -> None:
    given(LEASE, REGISTERED, ASSIGNED).when(
        assign_counsellor, counsellor="fatma", from_=START, today=START, mandates=MANDATES
    ).then_nothing_happens()


def test_before_the_start_another_counsellor_may_be_assigned() -> None:
    early = date(2025, 10, 20)
    given(LEASE, REGISTERED, ASSIGNED).when(
        assign_counsellor, counsellor="mia", from_=early, today=early, mandates=MANDATES
    ).then(CounsellorAssigned(counsellor="mia", assigned_from=early, previous="fatma"))


def test_somebody_whose_mandate_for_visits_ended_is_not_assigned() -> None:
    given(LEASE, REGISTERED).when(
        assign_counsellor, counsellor="sofie", from_=TODAY, today=date(2026, 7, 1), mandates=MANDATES
    ).then_refused(MandateEnded)


def test_somebody_with_a_valid_mandate_for_visits_is_assigned() -> None:
    given(LEASE, REGISTERED).when(
        assign_counsellor, counsellor="sofie", from_=START, today=START, mandates=MANDATES
    ).then_it_holds(lambda events: events[0].counsellor == "sofie")


def test_a_running_lease_is_not_assigned_but_handed_over() -> None:
    given(LEASE, *RUNNING).when(
        assign_counsellor, counsellor="mia", from_=TODAY, today=TODAY, mandates=MANDATES
    ).then_refused(WrongState)


# --- visits and cadence ---


def test_only_a_visit_carried_out_moves_the_next_due_date() -> None:
    known = state_of(LEASE, *RUNNING)
    assert known.next_visit_due == FIRST_DUE
    given(LEASE, *RUNNING).when(be_visited, visit="v1", on=VISIT_DAY, today=TODAY).then(
        LeaseVisited(visit="v1", visited_on=VISIT_DAY)
    )


def test_a_running_lease_has_a_next_visit_or_a_reason_why_not() -> None:
    """I-11."""
    assert state_of(LEASE, REGISTERED).no_visit_due_because == "not_running"
    assert state_of(LEASE, *RUNNING).no_visit_due_because is None
    assert state_of(LEASE, *VISITED).no_visit_due_because == "cadence_not_set"
    assert state_of(LEASE, *RUNNING, ENDED).no_visit_due_because == "not_running"


def test_gv_13_the_next_visit_is_due_on_a_working_day_so_many_months_on() -> None:
    visited = LeaseVisited(visit="v1", visited_on=date(2026, 1, 31))
    given(LEASE, *RUNNING, visited).when(
        set_cadence, months=1, reason=WHY, on=date(2026, 2, 2), today=date(2026, 2, 2), by=FATMA, policies=POLICIES
    ).then(CadenceSet(months=1, reason=WHY, next_due_on=date(2026, 3, 2)))


def test_the_cadence_moves_on_with_each_visit_carried_out() -> None:
    monthly = CadenceSet(months=1, reason=WHY, next_due_on=date(2026, 2, 12))
    given(LEASE, *VISITED, monthly).when(be_visited, visit="v2", on=date(2026, 2, 10), today=date(2026, 2, 10)).then(
        LeaseVisited(visit="v2", visited_on=date(2026, 2, 10), next_due_on=date(2026, 3, 10))
    )


def test_an_older_visit_recorded_later_does_not_move_the_cadence_back() -> None:
    monthly = CadenceSet(months=1, reason=WHY, next_due_on=date(2026, 2, 12))
    given(LEASE, *VISITED, monthly).when(be_visited, visit="v0", on=date(2025, 12, 1), today=date(2026, 1, 13)).then(
        LeaseVisited(visit="v0", visited_on=date(2025, 12, 1), next_due_on=date(2026, 2, 12))
    )


def test_no_cadence_before_the_first_visit() -> None:
    given(LEASE, *RUNNING).when(
        set_cadence, months=3, reason=WHY, on=TODAY, today=TODAY, by=FATMA, policies=POLICIES
    ).then_refused(WrongState)
    given(LEASE, *VISITED).when(
        set_cadence, months=3, reason=WHY, on=date(2026, 1, 11), today=TODAY, by=FATMA, policies=POLICIES
    ).then_refused(WrongState)


def test_only_a_cadence_the_office_offers() -> None:
    given(LEASE, *VISITED).when(
        set_cadence, months=5, reason=WHY, on=TODAY, today=TODAY, by=FATMA, policies=POLICIES
    ).then_refused(CadenceNotOffered)


def test_a_day_that_passed_without_a_visit_stays_missed_whatever_cadence_follows() -> None:
    """K-04 counts the days that fell: a longer cadence, or the end of the lease, does not undo one."""
    monthly, missed = CadenceSet(months=1, reason=WHY, next_due_on=date(2026, 2, 12)), date(2026, 2, 12)
    yearly = CadenceSet(months=12, reason=WHY, next_due_on=date(2027, 1, 12))
    asked = {"months": 12, "reason": WHY, "on": date(2026, 2, 20), "today": date(2026, 2, 20)}
    given(LEASE, *VISITED, monthly).when(set_cadence, **asked, by=FATMA, policies=POLICIES).then(
        NextVisitOverdue(due_on=missed), yearly
    )
    changed = state_of(LEASE, *VISITED, monthly, NextVisitOverdue(due_on=missed), yearly)
    assert changed.fallen_due == ((missed, None),) and not changed.overdue
    ended = LeaseEnded(mode="mutual", ground="other", ended_on=date(2026, 3, 1))
    assert state_of(LEASE, *VISITED, monthly, NextVisitOverdue(due_on=missed), ended).fallen_due == ((missed, None),)
    assert state_of(LEASE, *VISITED, monthly, yearly).fallen_due == ()


def test_a_cadence_has_a_reason() -> None:
    given(LEASE, *VISITED).when(
        set_cadence, months=3, reason=None, on=TODAY, today=TODAY, by=FATMA, policies=POLICIES
    ).then_refused(ReasonMissing)


def test_a_counsellor_sets_the_cadence_of_their_own_leases_only() -> None:
    asked = {"months": 3, "reason": WHY, "on": TODAY, "today": TODAY, "policies": POLICIES}
    given(LEASE, *VISITED).when(set_cadence, by=MIA, **asked).then_refused(NotPermitted)
    given(LEASE, *VISITED).when(set_cadence, by=replace(MIA, in_name_of="fatma"), **asked).then_it_holds(bool)
    given(LEASE, *VISITED).when(set_cadence, by=KAREL, **asked).then_it_holds(bool)


def test_an_overdue_visit_is_noted_once() -> None:
    given(LEASE, *RUNNING).when(note_overdue, today=FIRST_DUE).then_nothing_happens()
    late = FirstVisitOverdue(due_on=FIRST_DUE)
    given(LEASE, *RUNNING).when(note_overdue, today=date(2025, 11, 25)).then(late)
    given(LEASE, *RUNNING, late).when(note_overdue, today=date(2025, 11, 26)).then_nothing_happens()


def test_a_later_visit_can_be_overdue_again() -> None:
    monthly = CadenceSet(months=1, reason=WHY, next_due_on=date(2026, 2, 12))
    given(LEASE, *VISITED, monthly).when(note_overdue, today=date(2026, 2, 13)).then(
        NextVisitOverdue(due_on=date(2026, 2, 12))
    )


def test_overdue_is_from_the_day_after() -> None:
    assert not overdue(TODAY, on=TODAY)
    assert overdue(TODAY, on=date(2026, 1, 13))
    assert not overdue(None, on=TODAY)


def test_a_lease_that_ended_is_never_overdue() -> None:
    assert state_of(LEASE, *RUNNING, ENDED).next_visit_due is None
    given(LEASE, *RUNNING, ENDED).when(note_overdue, today=TODAY).then_nothing_happens()


# --- policy, balance, parties ---


def test_the_renter_is_informed_of_a_later_policy_with_proof() -> None:
    asked = {"policy_version": "P-2", "proof": None, "policies": (*POLICIES, STRICTER)}
    told = RenterInformedOfPolicy(policy_version="P-2", delivered_on=TODAY)
    given(LEASE, *RUNNING).when(inform_of_policy, delivered_on=TODAY, **asked).then(told)
    given(LEASE, *RUNNING, told).when(inform_of_policy, delivered_on=TODAY, **asked).then_nothing_happens()
    given(LEASE, *RUNNING).when(inform_of_policy, delivered_on=None, **asked).then_refused(NoProof)
    given(LEASE, REGISTERED).when(inform_of_policy, delivered_on=TODAY, **asked).then_refused(WrongState)


def test_the_renter_is_informed_of_a_version_that_exists() -> None:
    given(LEASE, *RUNNING).when(
        inform_of_policy, policy_version="P-9", delivered_on=TODAY, proof=None, policies=POLICIES
    ).then_refused(Unknown)


def test_a_balance_is_a_fact_about_payment() -> None:
    asked = {"on": TODAY, "amount_cents": 45_000, "month_rent_cents": 42_000}
    noted = BalanceRecorded(balance_on=TODAY, amount_cents=45_000, month_rent_cents=42_000)
    given(LEASE, *RUNNING).when(record_balance, source=None, **asked).then(noted)
    given(LEASE, *RUNNING, noted).when(record_balance, source=None, **asked).then_nothing_happens()
    given(LEASE, REGISTERED).when(record_balance, source=None, **asked).then_refused(WrongState)


def test_the_balance_is_that_of_the_latest_day_whenever_it_was_typed_in() -> None:
    now = BalanceRecorded(balance_on=TODAY, amount_cents=0, month_rent_cents=45_000)
    before = BalanceRecorded(balance_on=date(2025, 12, 31), amount_cents=90_000, month_rent_cents=45_000)
    known = given(LEASE, *RUNNING, now, before)
    assert known.state.balance == now
    told = {"amount_cents": 90_000, "month_rent_cents": 45_000, "source": None}
    known.when(record_balance, on=before.balance_on, **told).then_nothing_happens()


def test_parties_join_and_leave() -> None:
    joined = PartyAdded(party=DENIZ, joined_on=TODAY)
    given(LEASE, *RUNNING).when(add_party, party=DENIZ, on=TODAY, reason=None).then(joined)
    left = PartyLeft(party="amina", left_on=TODAY)
    given(LEASE, *RUNNING, joined).when(party_leaves, party="amina", on=TODAY, reason=None).then(left)
    given(LEASE, *RUNNING, joined, left).when(party_leaves, party="amina", on=TODAY, reason=None).then_nothing_happens()
    assert [party.id for party in state_of(LEASE, *RUNNING, joined, left).renters] == ["deniz"]


def test_a_party_is_added_once_and_who_comes_back_is_another_one() -> None:
    joined, left = PartyAdded(party=DENIZ, joined_on=TODAY), PartyLeft(party="deniz", left_on=TODAY)
    asked = {"party": DENIZ, "on": TODAY, "reason": None}
    given(LEASE, *RUNNING, joined).when(add_party, **asked).then_nothing_happens()
    given(LEASE, *RUNNING, joined, left).when(add_party, **asked).then_refused(WrongState)
    given(LEASE, *RUNNING).when(add_party, **{**asked, "party": replace(DENIZ, id="amina")}).then_refused(WrongState)


def test_the_last_party_does_not_leave() -> None:
    given(LEASE, *RUNNING).when(party_leaves, party="amina", on=TODAY, reason=None).then_refused(LastParty)


def test_a_household_member_may_leave() -> None:
    given(LEASE, *RUNNING).when(party_leaves, party="daughter", on=TODAY, reason=None).then(
        PartyLeft(party="daughter", left_on=TODAY)
    )


def test_somebody_who_is_not_in_the_lease_does_not_leave_it() -> None:
    given(LEASE, *RUNNING).when(party_leaves, party="nobody", on=TODAY, reason=None).then_refused(Unknown)


def test_parties_of_a_closed_file_stay_as_they_are() -> None:
    closed = (*RUNNING, ENDED, LeaseClosed())
    given(LEASE, *closed).when(add_party, party=DENIZ, on=TODAY, reason=None).then_refused(WrongState)


# --- administrators and standstills ---

APPOINTED = AdministratorAppointed(
    administrator="a1", appointed_from=TODAY, scope="housing", judgment_ref=text("VR 26/14"), party="amina"
)


def _appointment(**other: Any) -> dict[str, Any]:
    asked = {
        "administrator": "a1",
        "from_": TODAY,
        "scope": "housing",
        "judgment_ref": APPOINTED.judgment_ref,
        "name": None,
        "party": "amina",
        "contacts": (),
    }
    return {**asked, **other}


def test_an_administrator_is_appointed_by_a_judgment() -> None:
    given(LEASE, *RUNNING).when(appoint_administrator, **_appointment()).then(APPOINTED)
    given(LEASE, *RUNNING).when(appoint_administrator, **_appointment(judgment_ref=None)).then_refused(NoProof)
    given(LEASE, *RUNNING).when(appoint_administrator, **_appointment(party="nobody")).then_refused(Unknown)


def test_an_administration_ends_after_it_began() -> None:
    ended = AdministratorEnded(administrator="a1", ended_on=date(2026, 3, 1))
    given(LEASE, *RUNNING, APPOINTED).when(end_administration, administrator=None, on=date(2026, 3, 1)).then(ended)
    given(LEASE, *RUNNING, APPOINTED).when(end_administration, administrator="a1", on=date(2026, 1, 1)).then_refused(
        DateOrder
    )
    given(LEASE, *RUNNING).when(end_administration, administrator=None, on=TODAY).then_refused(Unknown)


def test_an_administrator_told_of_twice_is_one() -> None:
    given(LEASE, *RUNNING, APPOINTED).when(appoint_administrator, **_appointment()).then_nothing_happens()
    given(LEASE, *RUNNING, APPOINTED).when(appoint_administrator, **_appointment(scope="all")).then_refused(WrongState)
    ended = AdministratorEnded(administrator="a1", ended_on=date(2026, 3, 1))
    over = given(LEASE, *RUNNING, APPOINTED, ended)
    over.when(appoint_administrator, **_appointment()).then_refused(WrongState)
    over.when(end_administration, administrator="a1", on=date(2026, 3, 1)).then_nothing_happens()
    over.when(end_administration, administrator="a1", on=date(2026, 3, 2)).then_refused(Unknown)


STANDSTILL = StandstillStarted(standstill="s1", starts_on=TODAY, kind="collective_debt_settlement")


def test_a_standstill_blocks_steps_against_arrears_until_it_ends() -> None:
    asked = {"kind": "collective_debt_settlement", "ref": None, "mediator_name": None, "mediator_contacts": ()}
    given(LEASE, *RUNNING).when(start_standstill, standstill="s1", from_=TODAY, **asked).then(STANDSTILL)
    given(LEASE, *RUNNING, STANDSTILL).when(end_standstill, standstill=None, on=date(2026, 3, 1)).then(
        StandstillEnded(standstill="s1", ended_on=date(2026, 3, 1))
    )
    given(LEASE, *RUNNING, STANDSTILL).when(end_standstill, standstill="s1", on=date(2026, 1, 1)).then_refused(
        DateOrder
    )
    given(LEASE, *RUNNING).when(end_standstill, standstill=None, on=TODAY).then_refused(Unknown)


def test_a_standstill_told_of_twice_is_one_and_can_end() -> None:
    ref, mediator = text("26/B/12"), text("Mr. Voorbeeld")
    points = (ContactPoint(kind="email", value=text("mr@voorbeeld.be")),)
    asked = {"standstill": "s1", "from_": TODAY, "kind": "court_order", "ref": ref, "mediator_name": mediator}
    asked |= {"mediator_contacts": points}
    known = given(LEASE, *RUNNING).when(start_standstill, **asked).events or []
    given(LEASE, *RUNNING, *known).when(start_standstill, **asked).then_nothing_happens()
    given(LEASE, *RUNNING, *known).when(start_standstill, **{**asked, "kind": "other"}).then_refused(WrongState)


def test_an_id_belongs_to_one_standstill() -> None:
    """Who hears of one of that id again takes it for the one that has ended."""
    ended = StandstillEnded(standstill="s1", ended_on=date(2026, 3, 1))
    over = given(LEASE, *RUNNING, STANDSTILL, ended)
    asked = {"kind": "collective_debt_settlement", "ref": None, "mediator_name": None, "mediator_contacts": ()}
    over.when(start_standstill, standstill="s1", from_=date(2026, 4, 1), **asked).then_refused(WrongState)
    over.when(end_standstill, standstill="s1", on=date(2026, 3, 1)).then_nothing_happens()
    over.when(end_standstill, standstill="s1", on=date(2026, 3, 2)).then_refused(Unknown)


# --- landlord, office, head lease, notice ---


def test_a_new_landlord_starts_after_the_present_one() -> None:
    to = text("Woonmaatschappij Groter Noord")
    changed = LandlordChanged(landlord=to, starts_on=date(2026, 7, 1))
    given(LEASE, *RUNNING).when(change_landlord, to=to, from_=date(2026, 7, 1)).then(changed)
    given(LEASE, *RUNNING, changed).when(change_landlord, to=to, from_=date(2026, 7, 1)).then_refused(PeriodOverlap)
    given(LEASE, *RUNNING).when(change_landlord, to=to, from_=START).then_refused(PeriodOverlap)


def test_a_new_office_starts_after_the_present_one() -> None:
    changed = OfficeChanged(to_office="kantoor-midden", starts_on=date(2026, 7, 1))
    given(LEASE, *RUNNING).when(change_office, to="kantoor-midden", from_=date(2026, 7, 1), own="kantoor-noord").then(
        changed
    )
    for history, present in (((), "kantoor-noord"), ((changed,), "kantoor-midden")):
        asked = {"to": present, "from_": date(2026, 8, 1), "own": "kantoor-noord"}
        given(LEASE, *RUNNING, *history).when(change_office, **asked).then_nothing_happens()
    given(LEASE, *RUNNING, changed).when(
        change_office, to="kantoor-zuid", from_=date(2026, 6, 1), own="kantoor-noord"
    ).then_refused(PeriodOverlap)


def test_the_end_of_the_head_lease_is_a_mark_and_nothing_against_the_renter() -> None:
    """EC-15."""
    ending = HeadLeaseEnding(ends_on=date(2027, 3, 31))
    given(LEASE, *RUNNING).when(report_head_lease_end, on=date(2027, 3, 31)).then(ending)
    given(LEASE, *RUNNING, ending).when(report_head_lease_end, on=date(2027, 3, 31)).then_nothing_happens()
    assert state_of(LEASE, *RUNNING, ending).state == "running"


POSTED = NoticePostedV1(
    lease="L1",
    termination="t1",
    posted_on=TODAY,
    method="registered_paper",
    communications=(),
    tracking=(),
    posted_on_closed_day=False,
)
WITHDRAWN = NoticeWithdrawnV1(lease="L1", termination="t1", why=WHY, by="rita")


def test_a_posted_notice_runs_until_it_is_withdrawn() -> None:
    noticed = NoticeRunning(termination="t1")
    given(LEASE, *RUNNING).when(run_notice, told=POSTED).then(noticed)
    given(LEASE, *RUNNING, noticed).when(run_notice, told=POSTED).then_nothing_happens()
    given(LEASE, *RUNNING, noticed).when(stop_notice, told=WITHDRAWN).then(NoticeStopped(termination="t1"))
    given(LEASE, *RUNNING).when(stop_notice, told=WITHDRAWN).then_nothing_happens()
    assert state_of(LEASE, *RUNNING, noticed, NoticeStopped(termination="t1")).state == "running"


def test_a_lease_that_ended_does_not_come_under_notice() -> None:
    given(LEASE, *RUNNING, ENDED).when(run_notice, told=POSTED).then_nothing_happens()


def test_under_notice_guidance_goes_on() -> None:
    assert state_of(LEASE, *RUNNING, NoticeRunning(termination="t1")).runs


def test_who_is_a_party() -> None:
    known = state_of(LEASE, *RUNNING)
    assert known.is_party("renter", on=TODAY)
    assert known.is_party(AMINA.id, on=TODAY)
    assert not known.is_party(DAUGHTER.id, on=TODAY)
