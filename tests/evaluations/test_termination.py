"""A termination file: opened, its gates recorded, hearings, the proposal (domain 3.6, 10.1)."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.evaluations.events import (
    GroundsDoubtful,
    HearingDeclined,
    HearingMissed,
    ReviewOpened,
    TerminationLapsed,
    TerminationNotPursued,
)
from services.evaluations.rules.refusals import InvitedTooLate, NoGround
from services.evaluations.rules.termination import (
    TERMINATION,
    GateNotRecorded,
    InterpreterIsMinor,
    InterpreterNotOffered,
    NotSerious,
    NotSeriousNorLasting,
    Termination,
    check_addressees,
    check_attribution,
    check_landlord_duties,
    decline_hearing,
    doubt,
    lapse,
    miss_hearing,
    open_by_threshold,
    open_serious_review,
    propose_termination,
    record_hearing,
    refuse_gate_that_is_not_recorded,
    write_proportionality_note,
)
from shared.contracts.evaluations import AddressCheck, Interpreter
from shared.refusals import DateOrder, NoProof, OccurredInFuture, ReasonMissing, WrongState
from tests.evaluations.a_file import (
    ADDRESSED,
    BY_KAREL,
    CHECKED,
    HEARD,
    IN_ORDER,
    LASTING,
    OPENED,
    SERIOUS,
    TODAY,
    WEIGHED,
    a_lease,
    decided,
    ground,
    proposed,
)
from tests.evaluations.a_lease import KAREL, LEASE, ALease, text
from tests.specification import given, recorded, state_of

CLOSED = TerminationNotPursued(reasons=text("wij gaan verder"), measures=(), by="rita")


def test_the_threshold_opens_a_review_and_writes_nothing_into_it() -> None:
    given(TERMINATION).when(open_by_threshold, lease=LEASE, evaluations=("E1", "E2", "E3")).then(OPENED)
    given(TERMINATION, OPENED).when(open_by_threshold, lease=LEASE, evaluations=("E1",)).then_nothing_happens()


def serious(lease: ALease | None = None, **changed: Any) -> dict[str, Any]:
    return {
        "lease": LEASE,
        "findings": (SERIOUS,),
        "why": text("brandgevaar"),
        "case": (lease or a_lease()).file.case,
        "terminations": {},
        "on": TODAY,
        "by": BY_KAREL,
        **changed,
    }


BY_FACTS = ReviewOpened(lease=LEASE, route="serious_facts", findings=(SERIOUS,), why=text("brandgevaar"), by=KAREL)


def test_serious_facts_open_a_review_without_a_threshold() -> None:
    given(TERMINATION).when(open_serious_review, **serious()).then(BY_FACTS)
    given(TERMINATION, BY_FACTS).when(open_serious_review, **serious()).then_nothing_happens()


def test_a_review_in_other_words_is_another_review() -> None:
    given(TERMINATION, BY_FACTS).when(open_serious_review, **serious(why=text("lawaai"))).then_refused(WrongState)


def test_a_review_on_facts_needs_a_serious_one_of_the_renters() -> None:
    given(TERMINATION).when(open_serious_review, **serious(findings=(LASTING,))).then_refused(NotSerious)
    lost = a_lease().reattribute(SERIOUS, to="owner", on=TODAY, item="SCH-03")
    given(TERMINATION).when(open_serious_review, **serious(lost)).then_refused(NotSerious)


def test_one_review_is_open_at_a_time() -> None:
    others = {"T0": state_of(TERMINATION, OPENED)}
    given(TERMINATION).when(open_serious_review, **serious(terminations=others)).then_refused(WrongState)
    given(TERMINATION, OPENED).when(open_serious_review, **serious()).then_refused(WrongState)


@pytest.mark.parametrize("gate", ["G1", "G4", "G5", "G6", "G7", "G10"])
def test_what_is_computed_or_filled_from_events_is_not_recorded(gate: str) -> None:
    with pytest.raises(GateNotRecorded):
        refuse_gate_that_is_not_recorded(gate)


def test_the_gates_of_people_are_recorded_once_with_proof() -> None:
    given(TERMINATION, OPENED).when(
        check_attribution, findings=(SERIOUS, LASTING), note=text("nagekeken"), on=TODAY, by=BY_KAREL
    ).then(CHECKED)
    given(TERMINATION, OPENED, CHECKED).when(
        check_attribution, findings=(SERIOUS, LASTING), note=text("Nagekeken"), on=TODAY, by=BY_KAREL
    ).then_nothing_happens()
    given(TERMINATION, OPENED).when(check_attribution, findings=(), note=text("x"), on=TODAY, by=BY_KAREL).then_refused(
        NoProof
    )
    given(TERMINATION, OPENED).when(
        write_proportionality_note, note=text("alleenstaand, twee kinderen"), on=TODAY, by=BY_KAREL
    ).then(WEIGHED)
    given(TERMINATION, OPENED).when(write_proportionality_note, note=None, on=TODAY, by=BY_KAREL).then_refused(NoProof)
    nothing_said: dict[str, Any] = {"in_order": None, "note": None, "on": TODAY, "by": BY_KAREL}
    given(TERMINATION, OPENED).when(check_landlord_duties, **nothing_said).then_refused(NoProof)
    given(TERMINATION, OPENED).when(check_landlord_duties, **{**nothing_said, "in_order": True}).then(
        replace(IN_ORDER, by=KAREL)
    )


def test_the_same_words_of_an_earlier_day_prove_more() -> None:
    written = recorded(WEIGHED, on=TODAY)
    again: dict[str, Any] = {"note": WEIGHED.note, "by": BY_KAREL}
    given(TERMINATION, OPENED, written).when(write_proportionality_note, on=TODAY, **again).then_nothing_happens()
    given(TERMINATION, OPENED, written).when(write_proportionality_note, on=date(2026, 5, 18), **again).then(WEIGHED)


def addressed(**changed: Any) -> dict[str, Any]:
    checks = (AddressCheck(party="p1", checked_on=date(2026, 5, 19), communication=None),)
    return {"addressees": checks, "today": TODAY, "by": BY_KAREL, **changed}


def test_addresses_are_checked_by_then() -> None:
    given(TERMINATION, OPENED).when(check_addressees, **addressed()).then(replace(ADDRESSED, by=KAREL))
    given(TERMINATION, OPENED).when(check_addressees, **addressed(addressees=())).then_refused(NoProof)
    given(TERMINATION, OPENED).when(check_addressees, **addressed(today=date(2026, 5, 18))).then_refused(
        OccurredInFuture
    )


def test_what_the_decision_rests_on_is_recorded_before_it() -> None:
    lease = a_lease()
    after = (OPENED, proposed(lease), decided(lease))
    note: dict[str, Any] = {"note": text("x"), "on": TODAY, "by": BY_KAREL}
    given(TERMINATION, *after).when(write_proportionality_note, **note).then_refused(WrongState)
    given(TERMINATION, *after).when(check_addressees, **addressed()).then(replace(ADDRESSED, by=KAREL))


def hearing(**changed: Any) -> dict[str, Any]:
    return {
        "on": date(2026, 5, 19),
        "invited_on": date(2026, 5, 5),
        "present": ("renter",),
        "interpreter": Interpreter(kind="none", age_over_18=None),
        "professional_offered": False,
        "said": text("ik wil blijven"),
        "notice_days": 7,
        "today": TODAY,
        "by": BY_KAREL,
        **changed,
    }


def test_the_renter_is_heard_once() -> None:
    given(TERMINATION, OPENED).when(record_hearing, **hearing()).then(HEARD)
    given(TERMINATION, OPENED, HEARD).when(record_hearing, **hearing()).then_nothing_happens()


def test_the_invitation_came_in_time() -> None:
    given(TERMINATION, OPENED).when(record_hearing, **hearing(invited_on=date(2026, 5, 12))).then_it_holds(
        lambda events: len(events) == 1
    )
    given(TERMINATION, OPENED).when(record_hearing, **hearing(invited_on=date(2026, 5, 13))).then_refused(
        InvitedTooLate
    )
    given(TERMINATION, OPENED).when(record_hearing, **hearing(invited_on=None)).then_refused(NoProof)
    given(TERMINATION, OPENED).when(record_hearing, **hearing(today=date(2026, 5, 18))).then_refused(OccurredInFuture)
    given(TERMINATION, OPENED, CLOSED).when(record_hearing, **hearing()).then_refused(WrongState)


def test_where_nobody_came_nobody_was_heard() -> None:
    given(TERMINATION, OPENED).when(record_hearing, **hearing(present=())).then_refused(NoProof)


def test_a_child_never_interprets() -> None:
    for kind, adult in (("professional", False), ("informal_adult", False), ("informal_adult", None)):
        interpreter = Interpreter(kind=kind, age_over_18=adult)  # type: ignore[arg-type]
        given(TERMINATION, OPENED).when(
            record_hearing, **hearing(interpreter=interpreter, professional_offered=True)
        ).then_refused(InterpreterIsMinor)


def test_an_acquaintance_interprets_only_after_a_professional_was_offered() -> None:
    friend = Interpreter(kind="informal_adult", age_over_18=True)
    given(TERMINATION, OPENED).when(record_hearing, **hearing(interpreter=friend)).then_refused(InterpreterNotOffered)
    given(TERMINATION, OPENED).when(record_hearing, **hearing(interpreter=friend, professional_offered=True)).then(
        replace(HEARD, interpreter=friend)
    )


def test_the_renter_may_decline_in_writing() -> None:
    asked: dict[str, Any] = {
        "on": date(2026, 5, 8),
        "invited_on": date(2026, 5, 5),
        "said": text("ik kom niet"),
        "today": TODAY,
        "by": BY_KAREL,
    }
    told = HearingDeclined(on=date(2026, 5, 8), invited_on=date(2026, 5, 5), said=text("ik kom niet"), by=KAREL)
    given(TERMINATION, OPENED).when(decline_hearing, **asked).then(told)
    given(TERMINATION, OPENED, told).when(decline_hearing, **asked).then_nothing_happens()
    given(TERMINATION, OPENED).when(decline_hearing, **{**asked, "said": None}).then_refused(NoProof)
    given(TERMINATION, OPENED).when(decline_hearing, **{**asked, "on": date(2026, 5, 4)}).then_refused(DateOrder)
    given(TERMINATION, OPENED).when(decline_hearing, **{**asked, "today": date(2026, 5, 7)}).then_refused(
        OccurredInFuture
    )
    given(TERMINATION, OPENED, CLOSED).when(decline_hearing, **asked).then_refused(WrongState)


def test_a_missed_hearing_is_noted_with_how_the_renter_was_invited() -> None:
    asked: dict[str, Any] = {
        "on": date(2026, 5, 19),
        "invited_on": date(2026, 5, 5),
        "method": "handover",
        "notice_days": 7,
        "today": TODAY,
        "by": BY_KAREL,
    }
    told = HearingMissed(on=date(2026, 5, 19), invited_on=date(2026, 5, 5), method="handover", by=KAREL)
    given(TERMINATION, OPENED).when(miss_hearing, **asked).then(told)
    given(TERMINATION, OPENED, told).when(miss_hearing, **asked).then_nothing_happens()
    given(TERMINATION, OPENED).when(miss_hearing, **{**asked, "notice_days": 21}).then_refused(InvitedTooLate)


def test_a_termination_is_proposed_on_serious_or_lasting_grounds() -> None:
    lease = a_lease()
    grounds = (ground(lease, SERIOUS), ground(lease, LASTING))
    asked: dict[str, Any] = {"grounds": grounds, "why": text("het gaat niet meer"), "by": BY_KAREL}
    given(TERMINATION, OPENED).when(propose_termination, **asked).then(proposed(lease))
    given(TERMINATION, OPENED, proposed(lease)).when(propose_termination, **asked).then_nothing_happens()
    given(TERMINATION, OPENED).when(propose_termination, **{**asked, "grounds": ()}).then_refused(NoGround)
    given(TERMINATION, OPENED).when(propose_termination, **{**asked, "why": None}).then_refused(ReasonMissing)
    given(TERMINATION, OPENED, CLOSED).when(propose_termination, **asked).then_refused(WrongState)
    weak = replace(grounds[1], lasting=False)
    given(TERMINATION, OPENED).when(propose_termination, **{**asked, "grounds": (weak,)}).then_refused(
        NotSeriousNorLasting, "NOT_SERIOUS_NOR_LASTING"
    )


def doubting(**changed: Any) -> dict[str, Any]:
    return {
        "findings": frozenset(),
        "evaluations": frozenset({"E2"}),
        "below_threshold": False,
        "count": 3,
        **changed,
    }


def test_a_doubt_is_raised_once_for_what_fell_away() -> None:
    raised = GroundsDoubtful(why="ground_invalid", evaluations=("E2",))
    given(TERMINATION, OPENED).when(doubt, **doubting()).then(raised)
    given(TERMINATION, OPENED, raised).when(doubt, **doubting()).then_nothing_happens()
    given(TERMINATION, OPENED, CLOSED).when(doubt, **doubting()).then_nothing_happens()
    given(TERMINATION, OPENED, raised).when(doubt, **doubting(below_threshold=True, count=2)).then(
        GroundsDoubtful(why="count_below_threshold")
    )


def test_ec_18_a_file_lapses_when_the_lease_ends_otherwise() -> None:
    given(TERMINATION, OPENED).when(lapse, ended_by_this_file=False).then(TerminationLapsed())
    given(TERMINATION, OPENED).when(lapse, ended_by_this_file=True).then_nothing_happens()
    assert not Termination().is_open
