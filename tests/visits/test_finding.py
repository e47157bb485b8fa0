"""Findings (domain 3.3)."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.visits.events import (
    AccessRefused,
    ContactLogged,
    FindingAgreed,
    FindingAttributed,
    FindingDateConfirmed,
    FindingDiscussed,
    FindingEstablished,
    FindingLinkedAsRepeat,
    FindingMarkedMistaken,
    FindingReattributed,
    FollowUpRecorded,
    PersistenceComputed,
)
from services.visits.rules.contact import CONTACT
from services.visits.rules.finding import (
    FINDING,
    AgreementNotAccepted,
    AnonymousSource,
    ConsequenceMissing,
    NotLackOfCooperation,
    PresenceNoFinding,
    RepeatMismatch,
    UnknownItem,
    agree_on,
    attribute,
    confirm_date,
    discuss,
    establish,
    follow_up,
    is_technical,
    link_repeat,
    mark_mistaken,
    reattribute,
)
from services.visits.rules.lease import LEASE
from services.visits.rules.refusals import NotPermitted, NotSeen, RenterVoiceMissing
from shared.decisions import Elsewhere
from shared.refusals import DateOrder, OccurredInFuture, ReasonMissing, Unknown, WrongState
from tests.specification import given, state_of
from tests.visits.examples import (
    AGREED,
    ANNOUNCED,
    ATTRIBUTED,
    CARRIED_OUT,
    CHECKLISTS,
    COORDINATOR,
    COUNSELLOR,
    DISCUSSED,
    DRAFTED,
    ESTABLISHED,
    NOT_HOME,
    PLANNED,
    POLICIES,
    PROPOSED,
    REGISTERED,
    RUNS,
    TECHNICAL,
    VISIT_DAY,
    agreement,
    finding,
    lease,
    text,
    visit,
)

WHY = text("Een goede reden.")
ONCE = PersistenceComputed(observations=1, persistent_days=0, lasting=False)
TODAY = date(2026, 1, 14)


def _fact(**other: Any) -> dict[str, Any]:
    asked = {
        "lease_id": "L1",
        "item": "ONH-02",
        "place": None,
        "what_seen": ESTABLISHED.what_seen,
        "on": VISIT_DAY,
        "source": "visit",
        "visit_id": "v1",
        "source_identity": None,
        "evidence": (),
        "inventory_element": None,
        "date_suspect": False,
        "actor": "fatma",
        "lease": lease(),
        "visits": {"v1": CARRIED_OUT},
        "contacts": {},
        "photos": {},
        "checklists": CHECKLISTS,
    }
    return {**asked, **other}


# --- establishing ---


def test_a_fact_seen_at_a_visit_is_a_finding() -> None:
    given(FINDING).when(establish, **_fact()).then(ESTABLISHED)


def test_an_item_is_on_the_checklist_of_that_day() -> None:
    given(FINDING).when(establish, **_fact(item="ONH-99")).then_refused(UnknownItem)


def test_a_finding_from_a_visit_has_the_day_of_the_visit() -> None:
    given(FINDING).when(establish, **_fact(on=date(2026, 1, 13))).then_refused(DateOrder)


def test_a_visit_of_another_lease_is_unknown() -> None:
    given(FINDING).when(establish, **_fact(visits={})).then_refused(Unknown)
    given(FINDING).when(establish, **_fact(visit_id=None)).then_refused(Unknown)


def test_nothing_was_seen_at_a_visit_that_did_not_take_place() -> None:
    given(FINDING).when(establish, **_fact(visits={"v1": visit(PLANNED, ANNOUNCED)})).then_refused(WrongState)


def test_who_reports_is_known_by_name() -> None:
    asked = _fact(source="third_party", visit_id=None)
    given(FINDING).when(establish, **asked).then_refused(AnonymousSource)
    neighbour = text("Mevrouw Buur")
    given(FINDING).when(establish, **{**asked, "source_identity": neighbour}).then(
        replace(ESTABLISHED, source="third_party", visit=None, source_identity=neighbour)
    )


def test_nothing_is_found_in_a_presence_contact() -> None:
    coffee = ContactLogged(
        lease="L1", kind="presence_contact", channel="in_person", direction="outgoing", contact_on=VISIT_DAY
    )
    given(FINDING).when(establish, **_fact(source="contact", visit_id=None)).then_refused(PresenceNoFinding)
    contacts = {"k1": state_of(CONTACT, coffee)}
    given(FINDING).when(establish, **_fact(visit_id="k1", contacts=contacts)).then_refused(PresenceNoFinding)


def test_nothing_is_found_at_a_group_moment() -> None:
    group = replace(CARRIED_OUT, purpose="participation")
    given(FINDING).when(establish, **_fact(visits={"v1": group})).then_refused(PresenceNoFinding)


def test_ec_12_a_fact_from_a_device_with_a_wrong_clock_is_taken_in_and_marked() -> None:
    given(FINDING).when(establish, **_fact(on=date(2026, 1, 13), date_suspect=True)).then(
        replace(ESTABLISHED, seen_on=date(2026, 1, 13), date_suspect=True)
    )


@pytest.mark.parametrize("prepared", [state_of(LEASE), state_of(LEASE, REGISTERED)])
def test_nothing_is_found_before_the_lease_runs(prepared: Any) -> None:
    given(FINDING).when(establish, **_fact(lease=prepared)).then_refused(WrongState)


def test_a_finding_is_established_once() -> None:
    given(FINDING, ESTABLISHED).when(establish, **_fact()).then_refused(WrongState)


# --- lack of cooperation ---


def test_ec_31_not_home_at_a_visit_only_announced_is_no_lack_of_cooperation() -> None:
    missed = visit(PLANNED, ANNOUNCED, NOT_HOME)
    given(FINDING).when(establish, **_fact(item="MED-01", visits={"v1": missed})).then_refused(NotLackOfCooperation)


def test_a_missed_appointment_that_was_agreed_is() -> None:
    missed = visit(PLANNED, AGREED, NOT_HOME)
    given(FINDING).when(establish, **_fact(item="MED-01", visits={"v1": missed})).then(
        replace(ESTABLISHED, item="MED-01")
    )


def test_refused_access_at_a_visit_announced_in_time_is() -> None:
    refused = visit(PLANNED, ANNOUNCED, AccessRefused(by_whom="amina"))
    given(FINDING).when(establish, **_fact(item="MED-01", visits={"v1": refused})).then(
        replace(ESTABLISHED, item="MED-01")
    )


def test_nothing_else_is_a_lack_of_cooperation() -> None:
    given(FINDING).when(establish, **_fact(item="MED-01")).then_refused(NotLackOfCooperation)
    letter = _fact(item="MED-01", source="letter", visit_id=None)
    given(FINDING).when(establish, **letter).then_refused(NotLackOfCooperation)


# --- attribution ---


def _attribution(**other: Any) -> dict[str, Any]:
    asked = {
        "id": "f1",
        "to": "renter",
        "severity": 2,
        "consequence": None,
        "why": ATTRIBUTED.why,
        "roles": COUNSELLOR,
        "findings": {"f1": finding(ESTABLISHED)},
        "checklists": CHECKLISTS,
    }
    return {**asked, **other}


def test_a_person_attributes_with_a_reason() -> None:
    given(FINDING, ESTABLISHED).when(attribute, **_attribution()).then(ATTRIBUTED, ONCE)
    given(FINDING, ESTABLISHED).when(attribute, **_attribution(why=None)).then_refused(ReasonMissing)


def test_a_serious_finding_has_a_consequence() -> None:
    given(FINDING, ESTABLISHED).when(attribute, **_attribution(severity=3)).then_refused(ConsequenceMissing)
    given(FINDING, ESTABLISHED).when(attribute, **_attribution(severity=3, consequence="damage")).then(
        replace(ATTRIBUTED, severity=3, consequence="damage"), ONCE
    )


def test_serious_and_lasting_are_two_things() -> None:
    known = finding(ESTABLISHED, replace(ATTRIBUTED, severity=3, consequence="damage"), ONCE)
    assert known.serious
    assert known.persistence == ONCE


def test_what_is_not_the_renter_s_was_never_observed_of_the_renter() -> None:
    given(FINDING, ESTABLISHED).when(attribute, **_attribution(to="owner")).then(replace(ATTRIBUTED, to="owner"))


def test_the_technical_service_attributes_technical_items() -> None:
    mould = replace(ESTABLISHED, item="ONH-04")
    asked = _attribution(findings={"f1": finding(mould)})
    given(FINDING, mould).when(attribute, **asked).then_refused(NotPermitted)
    given(FINDING, mould).when(attribute, **{**asked, "roles": TECHNICAL}).then(ATTRIBUTED, ONCE)
    given(FINDING, mould).when(attribute, **{**asked, "roles": COORDINATOR}).then(ATTRIBUTED, ONCE)


@pytest.mark.parametrize(
    ("code", "technical"),
    [("VEI-01", True), ("SCH-03", True), ("ONH-03", False), ("ONH-04", True), ("ONH-06", True), ("ONH-07", False)],
)
def test_which_items_are_technical(code: str, technical: bool) -> None:
    assert is_technical(code) is technical


def test_a_finding_is_attributed_once_and_then_reattributed() -> None:
    given(FINDING, ESTABLISHED, ATTRIBUTED).when(attribute, **_attribution()).then_refused(WrongState)


def _other(**other: Any) -> dict[str, Any]:
    asked = {"id": "f1", "to": "owner", "why": WHY, "checklists": CHECKLISTS}
    return {**asked, "findings": {"f1": finding(ESTABLISHED, ATTRIBUTED, ONCE)}, **other}


def test_the_coordinator_attributes_to_another_in_any_later_state() -> None:
    again = FindingReattributed(to="owner", previously="renter", why=WHY)
    nothing = PersistenceComputed(observations=0, persistent_days=0, lasting=False)
    given(FINDING, ESTABLISHED, ATTRIBUTED, ONCE).when(reattribute, **_other()).then(again, nothing)
    discussed = (ESTABLISHED, ATTRIBUTED, ONCE, DISCUSSED)
    given(FINDING, *discussed).when(reattribute, **_other(findings={"f1": finding(*discussed)})).then(again, nothing)
    assert finding(*discussed, again).state == "discussed"


def test_reattributing_has_a_reason_and_something_to_change() -> None:
    given(FINDING, ESTABLISHED, ATTRIBUTED).when(reattribute, **_other(why=None)).then_refused(ReasonMissing)
    given(FINDING, ESTABLISHED, ATTRIBUTED).when(reattribute, **_other(to="renter")).then_nothing_happens()
    given(FINDING, ESTABLISHED).when(reattribute, **_other()).then_refused(WrongState)


# --- the renter's own view ---


def _talk(**other: Any) -> dict[str, Any]:
    asked = {
        "discussed_with": ("renter",),
        "on": VISIT_DAY,
        "renter_said": DISCUSSED.renter_said,
        "renter_plan": DISCUSSED.renter_plan,
        "obstacles": DISCUSSED.obstacles,
        "no_reaction": False,
        "invited_on": None,
        "policies": POLICIES,
    }
    return {**asked, **other}


def test_a_finding_is_discussed_with_the_renter_s_own_words() -> None:
    given(FINDING, ESTABLISHED, ATTRIBUTED).when(discuss, **_talk()).then(DISCUSSED)
    given(FINDING, ESTABLISHED, ATTRIBUTED).when(discuss, **_talk(renter_said=None)).then_refused(RenterVoiceMissing)


def test_silence_is_an_answer_only_after_a_written_invitation_in_time() -> None:
    silent = _talk(renter_said=None, no_reaction=True, on=date(2026, 1, 20), renter_plan=None, obstacles=None)
    invited = date(2026, 1, 13)
    given(FINDING, ESTABLISHED, ATTRIBUTED).when(discuss, **{**silent, "invited_on": invited}).then(
        FindingDiscussed(discussed_with=("renter",), discussed_on=date(2026, 1, 20), invited_on=invited)
    )
    given(FINDING, ESTABLISHED, ATTRIBUTED).when(discuss, **{**silent, "invited_on": date(2026, 1, 14)}).then_refused(
        RenterVoiceMissing
    )
    given(FINDING, ESTABLISHED, ATTRIBUTED).when(discuss, **silent).then_refused(RenterVoiceMissing)


def test_nothing_is_discussed_before_it_was_seen_or_attributed() -> None:
    given(FINDING, ESTABLISHED, ATTRIBUTED).when(discuss, **_talk(on=date(2026, 1, 11))).then_refused(DateOrder)
    given(FINDING, ESTABLISHED).when(discuss, **_talk()).then_refused(WrongState)


# --- agreeing and following up ---

TALKED = (ESTABLISHED, ATTRIBUTED, ONCE, DISCUSSED)
NOTES = {"a1": agreement(*RUNS)}
TIED = FindingAgreed(agreement="a1", commitment="c1")


def test_a_finding_is_tied_to_a_commitment_of_an_accepted_note() -> None:
    asked = {"agreement_id": "a1", "commitment_id": "c1"}
    given(FINDING, *TALKED).when(agree_on, agreements=NOTES, **asked).then(TIED)
    given(FINDING, *TALKED, TIED).when(agree_on, agreements=NOTES, **asked).then_nothing_happens()
    given(FINDING, ESTABLISHED, ATTRIBUTED).when(agree_on, agreements=NOTES, **asked).then_refused(WrongState)


def test_a_note_the_renter_did_not_accept_binds_nobody() -> None:
    asked = {"agreement_id": "a1", "commitment_id": "c1"}
    proposed = {"a1": agreement(DRAFTED, PROPOSED)}
    given(FINDING, *TALKED).when(agree_on, agreements=proposed, **asked).then_refused(AgreementNotAccepted)


def test_the_note_and_commitment_exist() -> None:
    given(FINDING, *TALKED).when(agree_on, agreement_id="a9", commitment_id="c1", agreements=NOTES).then_refused(
        Unknown
    )
    given(FINDING, *TALKED).when(agree_on, agreement_id="a1", commitment_id="c9", agreements=NOTES).then_refused(
        Unknown
    )


def test_without_plan_and_obstacles_nothing_is_agreed() -> None:
    asked = {"agreement_id": "a1", "commitment_id": "c1", "agreements": NOTES}
    silent = replace(DISCUSSED, renter_plan=None, obstacles=None)
    given(FINDING, ESTABLISHED, ATTRIBUTED, silent).when(agree_on, **asked).then_refused(
        RenterVoiceMissing, "renter_plan", "obstacles"
    )


def _seen(**other: Any) -> dict[str, Any]:
    asked = {"id": "f1", "on": date(2026, 2, 20), "outcome": "not_kept", "seen_by": "fatma"}
    return {**asked, "findings": {"f1": finding(*TALKED)}, "checklists": CHECKLISTS, **other}


NOT_KEPT = FollowUpRecorded(seen_on=date(2026, 2, 20), outcome="not_kept", seen_by="fatma")


def test_somebody_sees_what_became_of_it() -> None:
    given(FINDING, *TALKED).when(follow_up, **_seen()).then(NOT_KEPT)
    given(FINDING, *TALKED, NOT_KEPT).when(follow_up, **_seen()).then_nothing_happens()
    assert finding(*TALKED, NOT_KEPT).state == "not_kept"


def test_a_follow_up_was_seen_by_somebody_after_it_was_established() -> None:
    given(FINDING, *TALKED).when(follow_up, **_seen(seen_by=None)).then_refused(NotSeen)
    given(FINDING, *TALKED).when(follow_up, **_seen(on=date(2026, 1, 11))).then_refused(DateOrder)
    given(FINDING, ESTABLISHED).when(follow_up, **_seen()).then_refused(WrongState)


# --- repeats, mistakes, dates ---

LATER = replace(ESTABLISHED, seen_on=date(2026, 3, 16), visit="v2")


def _repeat(**other: Any) -> dict[str, Any]:
    known = {"f1": finding(ESTABLISHED, ATTRIBUTED, ONCE), "f2": finding(LATER, ATTRIBUTED, ONCE)}
    return {"id": "f2", "earlier_finding": "f1", "findings": known, "checklists": CHECKLISTS, **other}


def test_a_repeat_makes_a_shortcoming_last() -> None:
    given(FINDING, LATER, ATTRIBUTED, ONCE).when(link_repeat, **_repeat()).then(
        FindingLinkedAsRepeat(earlier="f1"),
        PersistenceComputed(observations=2, persistent_days=63, lasting=True),
    )
    given(FINDING, LATER, ATTRIBUTED, ONCE, FindingLinkedAsRepeat(earlier="f1")).when(
        link_repeat, **_repeat()
    ).then_nothing_happens()


@pytest.mark.parametrize(
    "earlier",
    [
        replace(ESTABLISHED, item="AFV-01"),
        replace(ESTABLISHED, seen_on=date(2026, 4, 1)),
    ],
    ids=["another item", "a later day"],
)
def test_what_is_no_repeat(earlier: FindingEstablished) -> None:
    known = {"f1": finding(earlier, ATTRIBUTED), "f2": finding(LATER, ATTRIBUTED)}
    given(FINDING, LATER, ATTRIBUTED).when(link_repeat, **_repeat(findings=known)).then_refused(RepeatMismatch)


def test_only_what_was_the_renter_s_is_repeated() -> None:
    known = {"f1": finding(ESTABLISHED, replace(ATTRIBUTED, to="owner")), "f2": finding(LATER, ATTRIBUTED)}
    given(FINDING, LATER, ATTRIBUTED).when(link_repeat, **_repeat(findings=known)).then_refused(RepeatMismatch)
    given(FINDING, LATER, ATTRIBUTED).when(link_repeat, **_repeat(findings={})).then_refused(RepeatMismatch)
    given(FINDING, LATER, ATTRIBUTED).when(link_repeat, **_repeat(earlier_finding="f2")).then_refused(RepeatMismatch)


def test_a_finding_repeats_one_other() -> None:
    given(FINDING, LATER, ATTRIBUTED, FindingLinkedAsRepeat(earlier="f0")).when(link_repeat, **_repeat()).then_refused(
        RepeatMismatch
    )


def test_findings_of_one_day_do_not_repeat_each_other_in_a_circle() -> None:
    known = {
        "f1": finding(ESTABLISHED, ATTRIBUTED, FindingLinkedAsRepeat(earlier="f2")),
        "f2": finding(ESTABLISHED, ATTRIBUTED),
    }
    given(FINDING, ESTABLISHED, ATTRIBUTED).when(link_repeat, **_repeat(findings=known)).then_refused(RepeatMismatch)


def test_what_was_established_under_another_office_s_checklist_can_last_here() -> None:
    first, later = (replace(one, checklist_version="CL-7") for one in (ESTABLISHED, LATER))
    known = {"f1": finding(first, ATTRIBUTED, ONCE), "f2": finding(later, ATTRIBUTED, ONCE)}
    given(FINDING, later, ATTRIBUTED, ONCE).when(link_repeat, **_repeat(findings=known)).then(
        FindingLinkedAsRepeat(earlier="f1"), PersistenceComputed(observations=2, persistent_days=63, lasting=True)
    )


def test_what_later_proves_another_s_no_longer_lasts() -> None:
    linked = (LATER, ATTRIBUTED, FindingLinkedAsRepeat(earlier="f1"))
    lasting = PersistenceComputed(observations=2, persistent_days=63, lasting=True)
    known = {"f1": finding(ESTABLISHED, ATTRIBUTED, ONCE), "f2": finding(*linked, lasting)}
    given(FINDING, ESTABLISHED, ATTRIBUTED, ONCE).when(reattribute, **_other(findings=known)).then(
        FindingReattributed(to="owner", previously="renter", why=WHY),
        PersistenceComputed(observations=0, persistent_days=0, lasting=False),
        Elsewhere(FINDING, "f2", ONCE),
    )


def test_a_mistake_is_one_for_good() -> None:
    asked = {"id": "f1", "findings": {"f1": finding(ESTABLISHED)}, "checklists": CHECKLISTS}
    mistaken = FindingMarkedMistaken(why=WHY)
    given(FINDING, ESTABLISHED).when(mark_mistaken, why=WHY, **asked).then(mistaken)
    given(FINDING, ESTABLISHED).when(mark_mistaken, why=None, **asked).then_refused(ReasonMissing)
    given(FINDING, ESTABLISHED, mistaken).when(mark_mistaken, why=WHY, **asked).then_nothing_happens()
    given(FINDING, ESTABLISHED, ATTRIBUTED, mistaken).when(discuss, **_talk()).then_refused(WrongState)
    given(FINDING, ESTABLISHED, mistaken).when(attribute, **_attribution()).then_refused(WrongState)
    given(FINDING).when(mark_mistaken, why=WHY, **asked).then_refused(WrongState)


SUSPECT = replace(ESTABLISHED, seen_on=date(2026, 1, 13), date_suspect=True)


def _confirmation(**other: Any) -> dict[str, Any]:
    asked = {"id": "f1", "seen_on": VISIT_DAY, "why": WHY, "today": TODAY, "checklists": CHECKLISTS}
    return {**asked, "visits": {"v1": CARRIED_OUT}, "findings": {"f1": finding(SUSPECT)}, **other}


def test_ec_12_a_person_confirms_the_day() -> None:
    confirmed = FindingDateConfirmed(seen_on=VISIT_DAY, why=WHY)
    given(FINDING, SUSPECT).when(confirm_date, **_confirmation()).then(confirmed)
    given(FINDING, SUSPECT, confirmed).when(confirm_date, **_confirmation()).then_nothing_happens()
    assert finding(SUSPECT, confirmed).seen_on == VISIT_DAY
    assert not finding(SUSPECT, confirmed).date_suspect


def test_a_day_is_confirmed_with_a_reason_and_not_in_the_future() -> None:
    given(FINDING, SUSPECT).when(confirm_date, **_confirmation(why=None)).then_refused(ReasonMissing)
    given(FINDING, SUSPECT).when(confirm_date, **_confirmation(seen_on=date(2026, 2, 1))).then_refused(OccurredInFuture)
    given(FINDING, ESTABLISHED).when(confirm_date, **_confirmation()).then_refused(WrongState)


def test_nothing_lasts_by_a_day_that_is_in_doubt() -> None:
    long_ago = replace(ESTABLISHED, seen_on=date(2025, 11, 10), source="letter", visit=None, date_suspect=True)
    first, second = (long_ago, ATTRIBUTED), (ESTABLISHED, ATTRIBUTED)
    asked = {"id": "f2", "earlier_finding": "f1", "checklists": CHECKLISTS}
    linked = given(FINDING, *second).when(
        link_repeat, **asked, findings={"f1": finding(*first), "f2": finding(*second)}
    )
    linked.then(
        FindingLinkedAsRepeat(earlier="f1"), PersistenceComputed(observations=1, persistent_days=0, lasting=False)
    )
    repeats = finding(*second, *(linked.events or ()))
    confirming = _confirmation(seen_on=date(2025, 11, 10), findings={"f1": finding(*first), "f2": repeats}, visits={})
    lasts = PersistenceComputed(observations=2, persistent_days=63, lasting=True)
    given(FINDING, *first).when(confirm_date, **confirming).then_it_holds(
        lambda events: events[-1] == Elsewhere(FINDING, "f2", lasts)
    )


def test_what_was_seen_at_a_visit_is_confirmed_to_be_of_that_day() -> None:
    for seen_on in (date(2026, 1, 11), TODAY):
        given(FINDING, SUSPECT).when(confirm_date, **_confirmation(seen_on=seen_on)).then_refused(DateOrder)
    told = replace(SUSPECT, source="third_party", visit=None)
    given(FINDING, told).when(confirm_date, **_confirmation(seen_on=date(2026, 1, 11))).then_it_holds(bool)


def test_an_attribution_is_kept_beside_the_later_one() -> None:
    again = FindingReattributed(to="landlord", previously="renter", why=WHY)
    known = finding(ESTABLISHED, ATTRIBUTED, again)
    assert isinstance(known.attributed, FindingAttributed)
    assert known.attributed.to == "renter"
    assert known.to == "landlord"
