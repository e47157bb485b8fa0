"""The home visit and its report (domain 3.2, 5.5)."""

from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest

from services.visits.events import (
    AccessRefused,
    AppointmentAgreed,
    LeaseEnded,
    LeaseVisited,
    PartyAdded,
    PartyLeft,
    RenterNotHome,
    ReportCorrected,
    ReportDrafted,
    ReportFixed,
    ReportLate,
    VisitAnnounced,
    VisitCancelled,
    VisitHandedOver,
    VisitPlanned,
    VisitRecorded,
    VisitRescheduled,
)
from services.visits.rules.lease import LEASE
from services.visits.rules.refusals import InterpreterIsMinor
from services.visits.rules.visit import (
    VISIT,
    ActorNotPresent,
    AnnouncedTooLate,
    GoesWellMissing,
    NoPermission,
    NoSource,
    NotAParty,
    TooEarly,
    announce,
    cancel,
    correct_report,
    draft_report,
    fix_report,
    plan,
    record,
    record_access_refused,
    record_not_home,
    renter_agrees,
    report_due_on,
    reschedule,
)
from shared.decisions import Elsewhere
from shared.refusals import DateOrder, OccurredInFuture, ReasonMissing, Unknown, WrongState
from tests.specification import given, state_of
from tests.visits.examples import (
    AGREED,
    ANNOUNCED,
    CARRIED_OUT,
    DENIZ,
    ESTABLISHED,
    NOT_HOME,
    PLANNED,
    POLICIES,
    POLICY,
    RECORDED,
    REGISTERED,
    VISIT_DAY,
    finding,
    lease,
    text,
    visit,
)

WHY = text("De huurder is ziek.")
GOES_WELL = text("De woonkamer is verlucht.")
PREPARED = state_of(LEASE, REGISTERED)


# --- before anybody rings a bell ---


def _plan(**other: Any) -> dict[str, Any]:
    asked = {"lease_id": "L1", "on": VISIT_DAY, "slot": "10:00", "purpose": "individual", "counsellor": None}
    return {**asked, "lease": lease(), **other}


def test_a_visit_is_planned_for_the_lease_s_counsellor() -> None:
    given(VISIT).when(plan, **_plan()).then(PLANNED)


def test_a_substitute_may_come() -> None:
    given(VISIT).when(plan, **_plan(counsellor="mia")).then(replace(PLANNED, counsellor="mia"))


def test_no_visit_is_planned_for_a_lease_that_does_not_run() -> None:
    given(VISIT).when(plan, **_plan(lease=PREPARED)).then_refused(WrongState)


def test_a_visit_is_planned_once() -> None:
    given(VISIT, PLANNED).when(plan, **_plan()).then_refused(WrongState)


def _announcement(**other: Any) -> dict[str, Any]:
    asked = {"channel": "whatsapp", "on": date(2026, 1, 5), "purpose_told": True, "agreed_on": None}
    return {**asked, "today": date(2026, 1, 11), "lease": lease(), "policies": POLICIES, **other}


def test_a_visit_is_announced_seven_days_ahead() -> None:
    given(VISIT, PLANNED).when(announce, **_announcement()).then(ANNOUNCED)


def test_nobody_is_told_of_a_visit_after_the_end_of_their_lease() -> None:
    ended = LeaseEnded(mode="renter_notice", ground="moved_on", ended_on=date(2026, 1, 11))
    given(VISIT, PLANNED).when(announce, **_announcement(lease=lease(ended))).then_refused(WrongState)
    that_day = replace(ended, ended_on=VISIT_DAY)  # what happened before may still be typed in
    given(VISIT, PLANNED).when(announce, **_announcement(lease=lease(that_day))).then(ANNOUNCED)


def test_six_days_ahead_is_too_late() -> None:
    given(VISIT, PLANNED).when(announce, **_announcement(on=date(2026, 1, 6))).then_refused(AnnouncedTooLate)


def test_the_renter_s_yes_allows_a_shorter_notice() -> None:
    day = date(2026, 1, 10)
    given(VISIT, PLANNED).when(announce, **_announcement(on=day, agreed_on=day)).then(
        VisitAnnounced(channel="whatsapp", announced_on=day, purpose_told=True, in_time=False, agreed_on=day)
    )


def test_a_yes_after_the_visit_is_no_yes() -> None:
    late = VISIT_DAY + timedelta(days=1)
    asked = _announcement(today=late)
    given(VISIT, PLANNED).when(announce, **{**asked, "agreed_on": late}).then_refused(DateOrder)
    given(VISIT, PLANNED).when(announce, **{**asked, "on": late, "agreed_on": VISIT_DAY}).then_refused(DateOrder)


def test_nobody_says_yes_tomorrow() -> None:
    tomorrow = date(2026, 1, 12)
    given(VISIT, PLANNED).when(announce, **_announcement(agreed_on=tomorrow)).then_refused(OccurredInFuture)


def test_the_same_announcement_again_changes_nothing() -> None:
    given(VISIT, PLANNED, ANNOUNCED).when(announce, **_announcement()).then_nothing_happens()


def test_a_yes_that_comes_later_is_no_announcement() -> None:
    """Else it would be answered as if it were known, and the renter's yes were lost."""
    given(VISIT, PLANNED, ANNOUNCED).when(announce, **_announcement(agreed_on=date(2026, 1, 6))).then_refused(
        WrongState
    )


def test_an_announced_visit_is_not_announced_otherwise() -> None:
    given(VISIT, PLANNED, ANNOUNCED).when(announce, **_announcement(channel="sms")).then_refused(WrongState)


def test_being_told_is_not_agreeing() -> None:
    assert not visit(PLANNED, ANNOUNCED).agreed
    agreed = AppointmentAgreed(agreed_on=date(2026, 1, 6), channel="sms")
    given(VISIT, PLANNED, ANNOUNCED).when(renter_agrees, on=date(2026, 1, 6), channel="sms").then(agreed)
    given(VISIT, PLANNED, ANNOUNCED, agreed).when(
        renter_agrees, on=date(2026, 1, 7), channel="sms"
    ).then_nothing_happens()
    assert visit(PLANNED, ANNOUNCED, agreed).agreed


def test_nobody_agrees_to_a_visit_they_were_not_told_of_or_that_is_over() -> None:
    given(VISIT, PLANNED).when(renter_agrees, on=date(2026, 1, 6), channel="sms").then_refused(WrongState)
    given(VISIT, PLANNED, ANNOUNCED).when(renter_agrees, on=date(2026, 1, 13), channel="sms").then_refused(DateOrder)


def _moved(**other: Any) -> dict[str, Any]:
    asked = {"id": "v1", "new_visit": "v2", "new_on": date(2026, 1, 20), "new_slot": "14:00", "asked_by": "renter"}
    return {**asked, "reason": WHY, "lease": lease(), "already": visit(), **other}


def test_a_visit_that_is_moved_is_another_visit() -> None:
    day = date(2026, 1, 20)
    moved = VisitRescheduled(new_visit="v2", new_visit_on=day, new_slot="14:00", asked_by="renter", reason=WHY)
    planned = VisitPlanned(
        lease="L1", visit_on=day, slot="14:00", purpose="individual", counsellor="fatma", rescheduled_from="v1"
    )
    given(VISIT, PLANNED, ANNOUNCED).when(reschedule, **_moved()).then(moved, Elsewhere(VISIT, "v2", planned))


def test_a_visit_takes_the_place_of_no_other() -> None:
    for already in (visit(PLANNED, ANNOUNCED), CARRIED_OUT, visit(replace(PLANNED, lease="L2"))):
        given(VISIT, PLANNED, ANNOUNCED).when(reschedule, **_moved(already=already)).then_refused(WrongState)


def test_a_renter_who_asked_for_another_day_has_missed_nothing() -> None:
    moved = VisitRescheduled(new_visit="v2", new_visit_on=date(2026, 1, 20), new_slot="10:00", asked_by="renter")
    given(VISIT, PLANNED, AGREED, moved).when(
        record_not_home, on=VISIT_DAY, now=None, waited_minutes=30, card_left=True
    ).then_refused(WrongState)
    given(VISIT, PLANNED, AGREED, moved).when(
        record_access_refused, on=VISIT_DAY, by_whom="renter", said=None, reason_given=None, lease=lease()
    ).then_refused(WrongState)


def test_a_visit_that_is_over_is_not_moved() -> None:
    given(VISIT, PLANNED, ANNOUNCED, RECORDED).when(reschedule, **_moved(new_slot=None)).then_refused(WrongState)


def test_a_visit_is_cancelled_with_a_reason() -> None:
    cancelled = VisitCancelled(cancelled_by="fatma", reason=WHY)
    given(VISIT, PLANNED).when(cancel, by="fatma", reason=WHY).then(cancelled)
    given(VISIT, PLANNED).when(cancel, by="fatma", reason=None).then_refused(ReasonMissing)
    given(VISIT, PLANNED, cancelled).when(cancel, by="fatma", reason=WHY).then_nothing_happens()
    given(VISIT, PLANNED, ANNOUNCED, RECORDED).when(cancel, by="fatma", reason=WHY).then_refused(WrongState)


def test_a_visit_handed_over_is_the_new_counsellor_s() -> None:
    assert visit(PLANNED, VisitHandedOver(counsellor="mia")).counsellor == "mia"


# --- at the door ---


def _visit(**other: Any) -> dict[str, Any]:
    asked = {
        "id": "v1",
        "on": VISIT_DAY,
        "present": ("amina", "fatma"),
        "permission": True,
        "interpreter": "none",
        "interpreter_over_18": None,
        "actor": "fatma",
        "today": VISIT_DAY,
        "lease": lease(),
        "policies": POLICIES,
    }
    return {**asked, **other}


def test_a_visit_carried_out_counts_for_the_lease() -> None:
    given(VISIT, PLANNED, ANNOUNCED).when(record, **_visit()).then(
        RECORDED, Elsewhere(LEASE, "L1", LeaseVisited(visit="v1", visited_on=VISIT_DAY))
    )


def test_an_unannounced_visit_does_not_exist() -> None:
    given(VISIT, PLANNED).when(record, **_visit()).then_refused(WrongState)


def test_nobody_enters_without_permission() -> None:
    given(VISIT, PLANNED, ANNOUNCED).when(record, **_visit(permission=False)).then_refused(NoPermission)


def test_ec_27_a_child_never_interprets() -> None:
    asked = _visit(interpreter="informal_adult", interpreter_over_18=False)
    given(VISIT, PLANNED, ANNOUNCED).when(record, **asked).then_refused(InterpreterIsMinor)


def test_a_friend_who_is_of_age_may_interpret_by_phone() -> None:
    asked = _visit(interpreter="informal_adult", interpreter_over_18=True)
    given(VISIT, PLANNED, ANNOUNCED).when(record, **asked).then_it_holds(
        lambda events: events[0].interpreter == "informal_adult"
    )


def test_who_records_a_visit_was_there() -> None:
    given(VISIT, PLANNED, ANNOUNCED).when(record, **_visit(present=("amina",))).then_refused(ActorNotPresent)


def test_no_visit_was_carried_out_before_it_was_announced() -> None:
    given(VISIT, PLANNED, ANNOUNCED).when(record, **_visit(on=date(2026, 1, 4))).then_refused(DateOrder)


def test_not_home_is_recorded_from_the_appointment_on() -> None:
    asked = {"on": VISIT_DAY, "waited_minutes": 20, "card_left": True}
    given(VISIT, PLANNED, ANNOUNCED).when(record_not_home, now=time(10, 20), **asked).then(NOT_HOME)
    given(VISIT, PLANNED, ANNOUNCED).when(record_not_home, now=None, **asked).then(NOT_HOME)
    given(VISIT, PLANNED, ANNOUNCED).when(record_not_home, now=time(9, 59), **asked).then_refused(TooEarly)
    given(VISIT, PLANNED, ANNOUNCED).when(record_not_home, now=None, **{**asked, "on": date(2026, 1, 11)}).then_refused(
        TooEarly
    )


def test_a_quarter_of_an_hour_is_waited() -> None:
    asked = {"on": VISIT_DAY, "now": None, "card_left": True}
    given(VISIT, PLANNED, ANNOUNCED).when(record_not_home, waited_minutes=14, **asked).then_refused(TooEarly)
    given(VISIT, PLANNED, ANNOUNCED).when(record_not_home, waited_minutes=15, **asked).then(
        RenterNotHome(waited_minutes=15, card_left=True)
    )
    given(VISIT, PLANNED).when(record_not_home, waited_minutes=15, **asked).then_refused(WrongState)


def test_only_a_party_refuses_access() -> None:
    asked = {"on": VISIT_DAY, "said": text("Nu niet."), "reason_given": None, "lease": lease()}
    refused = AccessRefused(by_whom="amina", said=text("Nu niet."))
    given(VISIT, PLANNED, ANNOUNCED).when(record_access_refused, by_whom="amina", **asked).then(refused)
    given(VISIT, PLANNED, ANNOUNCED).when(record_access_refused, by_whom="daughter", **asked).then_refused(NotAParty)
    given(VISIT, PLANNED).when(record_access_refused, by_whom="amina", **asked).then_refused(WrongState)
    given(VISIT, PLANNED, ANNOUNCED).when(
        record_access_refused, by_whom="amina", **{**asked, "on": date(2026, 1, 11)}
    ).then_refused(DateOrder)


def test_who_refuses_access_is_a_party_on_the_day_of_the_visit() -> None:
    since, after = VISIT_DAY + timedelta(days=1), date(2026, 1, 20)
    asked = {"on": after, "said": None, "reason_given": None}
    came = lease(PartyAdded(party=DENIZ, joined_on=since))
    given(VISIT, PLANNED, ANNOUNCED).when(record_access_refused, by_whom="deniz", lease=came, **asked).then_refused(
        NotAParty
    )
    gone = lease(PartyAdded(party=DENIZ, joined_on=VISIT_DAY), PartyLeft(party="deniz", left_on=since))
    given(VISIT, PLANNED, ANNOUNCED).when(record_access_refused, by_whom="deniz", lease=gone, **asked).then(
        AccessRefused(by_whom="deniz")
    )


# --- the report ---


def _draft(**other: Any) -> dict[str, Any]:
    return {"author": "fatma", "goes_well": GOES_WELL, "needs": (), "can_do": (), "needs_support": (), **other}


DRAFT = ReportDrafted(author="fatma", goes_well=GOES_WELL)


def test_a_report_is_drafted_after_somebody_went() -> None:
    given(VISIT, PLANNED, ANNOUNCED, RECORDED).when(draft_report, **_draft()).then(DRAFT)
    given(VISIT, PLANNED, ANNOUNCED, NOT_HOME).when(draft_report, **_draft(goes_well=None)).then(
        ReportDrafted(author="fatma")
    )
    given(VISIT, PLANNED, ANNOUNCED).when(draft_report, **_draft()).then_refused(WrongState)


def test_every_draft_is_kept() -> None:
    other = replace(DRAFT, author="mia", goes_well=text("De tuin is mooi."))
    assert visit(PLANNED, ANNOUNCED, RECORDED, DRAFT, other).drafts == (DRAFT, other)


def _report(**other: Any) -> dict[str, Any]:
    asked = {
        "id": "v1",
        "goes_well": GOES_WELL,
        "needs": (),
        "can_do": (),
        "needs_support": (),
        "findings": None,
        "observed_by": None,
        "author": "fatma",
        "today": VISIT_DAY,
        "known_findings": {"f1": finding(ESTABLISHED)},
        "policies": POLICIES,
    }
    return {**asked, **other}


FIXED = ReportFixed(fixed_on=VISIT_DAY, late=False, findings=("f1",), goes_well=GOES_WELL)
DONE = (PLANNED, ANNOUNCED, RECORDED)


def test_a_report_that_was_drafted_is_fixed_with_the_findings_of_the_visit() -> None:
    given(VISIT, *DONE, DRAFT).when(fix_report, **_report()).then(FIXED)


def test_a_report_that_was_not_drafted_is_drafted_by_fixing_it() -> None:
    given(VISIT, *DONE).when(fix_report, **_report()).then(DRAFT, FIXED)


def test_what_goes_well_cannot_be_empty_after_a_visit() -> None:
    given(VISIT, *DONE, DRAFT).when(fix_report, **_report(goes_well=None)).then_refused(GoesWellMissing)


def test_where_nobody_was_met_nothing_need_go_well() -> None:
    given(VISIT, PLANNED, ANNOUNCED, NOT_HOME, ReportDrafted(author="fatma")).when(
        fix_report, **_report(goes_well=None, known_findings={})
    ).then(ReportFixed(fixed_on=VISIT_DAY, late=False, findings=()))


def test_a_finding_of_the_report_comes_from_the_visit() -> None:
    elsewhere = {"f1": finding(replace(ESTABLISHED, visit="v9"))}
    given(VISIT, *DONE, DRAFT).when(fix_report, **_report(findings=("f1",), known_findings=elsewhere)).then_refused(
        NoSource
    )
    given(VISIT, *DONE, DRAFT).when(fix_report, **_report(findings=("f9",))).then_refused(Unknown)


def test_gv_12_a_report_is_in_time_through_the_fifth_working_day() -> None:
    easter = date(2026, 4, 3)
    assert report_due_on(POLICIES, visited_on=easter) == date(2026, 4, 13)
    came = replace(RECORDED, visited_on=easter, report_due_on=date(2026, 4, 13))
    done = (replace(PLANNED, visit_on=easter), ANNOUNCED, came, DRAFT)
    given(VISIT, *done).when(fix_report, **_report(today=date(2026, 4, 13))).then_it_holds(
        lambda events: [type(event) for event in events] == [ReportFixed] and not events[0].late
    )
    given(VISIT, *done).when(fix_report, **_report(today=date(2026, 4, 14))).then(
        ReportFixed(fixed_on=date(2026, 4, 14), late=True, findings=("f1",), goes_well=GOES_WELL),
        ReportLate(due_on=date(2026, 4, 13), fixed_on=date(2026, 4, 14)),
    )


def test_a_report_is_late_after_the_day_that_was_said_when_the_visit_was_recorded() -> None:
    shorter = (replace(POLICY, version="P-2", in_force_from=VISIT_DAY, late_report_working_days=1),)
    given(VISIT, *DONE, DRAFT).when(
        fix_report, **_report(policies=shorter, today=RECORDED.report_due_on)
    ).then_it_holds(lambda events: not events[0].late and len(events) == 1)


def test_a_fixed_report_is_only_corrected() -> None:
    given(VISIT, *DONE, DRAFT, FIXED).when(fix_report, **_report()).then_refused(WrongState)
    given(VISIT, *DONE, DRAFT, FIXED).when(draft_report, **_draft()).then_refused(WrongState)
    corrected = ReportCorrected(what=text("Het was de badkamer."), why=WHY, author="fatma")
    given(VISIT, *DONE, DRAFT, FIXED).when(correct_report, what=corrected.what, why=WHY, author="fatma").then(corrected)
    known = visit(*DONE, DRAFT, FIXED, corrected)
    assert known.report == FIXED
    assert known.report_state == "corrected"


def test_a_correction_has_a_reason_and_a_report_to_correct() -> None:
    what = text("Het was de badkamer.")
    given(VISIT, *DONE, DRAFT, FIXED).when(correct_report, what=what, why=None, author="fatma").then_refused(
        ReasonMissing
    )
    given(VISIT, *DONE, DRAFT).when(correct_report, what=what, why=WHY, author="fatma").then_refused(WrongState)


@pytest.mark.parametrize("state", ["not_home", "access_refused", "cancelled"])
def test_only_a_visit_carried_out_is_one(state: str) -> None:
    ends = {
        "not_home": NOT_HOME,
        "access_refused": AccessRefused(by_whom="amina"),
        "cancelled": VisitCancelled(cancelled_by="fatma", reason=WHY),
    }
    assert visit(PLANNED, ANNOUNCED, ends[state]).state == state
    given(VISIT, PLANNED, ANNOUNCED, ends[state]).when(record, **_visit()).then_refused(WrongState)


def test_a_recorded_visit_is_not_recorded_again() -> None:
    assert isinstance(RECORDED, VisitRecorded)
    given(VISIT, *DONE).when(record, **_visit()).then_refused(WrongState)
