"""The agreement note and its commitments (domain 3.4)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.visits.events import (
    AgreementAccepted,
    AgreementBreached,
    AgreementDrafted,
    AgreementKept,
    AgreementLapsed,
    AgreementPartlyKept,
    AgreementProposed,
    AgreementRefused,
    AgreementRevised,
    AgreementStarted,
    Commitment,
    CommitmentDue,
    CommitmentFollowedUp,
    LeaseEnded,
    PartyAdded,
    PartyLeft,
    ReservationSettled,
)
from services.visits.rules.agreement import (
    AGREEMENT,
    Agreement,
    AgreementIncomplete,
    FollowUpMissing,
    LandlordCommitmentOpen,
    NoFollowUp,
    NotUnderstood,
    NotYetDue,
    Reservation,
    TooManyOpenCommitments,
    UnderReservation,
    accept,
    conclude,
    draft,
    follow_up,
    lapse,
    note_due,
    propose,
    refuse,
    revise,
    settle_reservation,
)
from services.visits.rules.lease import LEASE
from services.visits.rules.refusals import InterpreterIsMinor, NotPermitted, NotSeen
from services.visits.rules.smart import NotSmart
from shared.decisions import Elsewhere
from shared.refusals import DateOrder, ReasonMissing, Unknown, WrongState
from tests.specification import given, state_of
from tests.visits.examples import (
    ACCEPTED,
    CLEANS,
    COUNSELLOR,
    DENIZ,
    DRAFTED,
    DUE,
    ESTABLISHED,
    POLICIES,
    PROPOSED,
    PROPOSED_ON,
    REGISTERED,
    RUNS,
    TECHNICAL,
    agreement,
    finding,
    lease,
    text,
)
from tests.visits.test_smart import WISH

WHY = text("Een goede reden.")
LATER = DUE + timedelta(days=3)
KEPT = CommitmentFollowedUp(commitment="c1", seen_on=LATER, outcome="kept", seen_by="fatma")
CONCLUDED = AgreementKept(concluded_on=LATER)


# --- drafting and proposing ---


def _draft(**other: Any) -> dict[str, Any]:
    asked = {
        "lease_id": "L1",
        "goes_wrong": DRAFTED.goes_wrong,
        "why_renter_says": DRAFTED.why_renter_says,
        "goal": DRAFTED.goal,
        "renter_needs": DRAFTED.renter_needs,
        "findings": ("f1",),
        "lease": lease(),
        "known_findings": {"f1": finding(ESTABLISHED)},
    }
    return {**asked, **other}


def test_a_note_says_what_goes_wrong_why_the_goal_and_what_the_renter_needs() -> None:
    given(AGREEMENT).when(draft, **_draft()).then(DRAFTED)


def test_each_missing_text_is_named() -> None:
    given(AGREEMENT).when(draft, **_draft(goal=None)).then_refused(AgreementIncomplete, "goal")
    given(AGREEMENT).when(draft, **_draft(goes_wrong=None, renter_needs=None)).then_refused(
        AgreementIncomplete, "goes_wrong", "renter_needs"
    )


def test_a_note_is_about_findings_of_its_lease() -> None:
    given(AGREEMENT).when(draft, **_draft(findings=("f9",))).then_refused(Unknown)


def test_a_note_is_for_a_lease_that_runs() -> None:
    given(AGREEMENT).when(draft, **_draft(lease=state_of(LEASE, REGISTERED))).then_refused(WrongState)


def _proposal(**other: Any) -> dict[str, Any]:
    asked = {"id": "a1", "commitments": (WISH,), "on": PROPOSED_ON, "agreements": {}, "policies": POLICIES}
    return {**asked, "lease": lease(), **other}


def test_a_note_is_proposed_with_smart_commitments() -> None:
    given(AGREEMENT, DRAFTED).when(propose, **_proposal()).then(PROPOSED)


def test_a_vague_commitment_is_not_proposed() -> None:
    vague = replace(WISH, action=text("poetsen"), target=None)
    given(AGREEMENT, DRAFTED).when(propose, **_proposal(commitments=(vague,))).then_refused(NotSmart, "S", "M")


def test_nothing_is_proposed_once_the_lease_has_ended() -> None:
    ended = lease(LeaseEnded(mode="mutual", ground="other", ended_on=PROPOSED_ON))
    given(AGREEMENT, DRAFTED).when(propose, **_proposal(lease=ended)).then_refused(WrongState)


def test_a_note_is_proposed_once() -> None:
    given(AGREEMENT, DRAFTED, PROPOSED).when(propose, **_proposal()).then_refused(WrongState)


def _more(number: int, **other: Any) -> tuple[Any, ...]:
    return tuple(replace(WISH, id=f"n{one}", **other) for one in range(number))


def test_the_renter_has_at_most_three_open_commitments_over_all_running_notes() -> None:
    running = {"a0": agreement(*RUNS)}
    given(AGREEMENT, DRAFTED).when(propose, **_proposal(commitments=_more(2), agreements=running)).then_it_holds(bool)
    given(AGREEMENT, DRAFTED).when(propose, **_proposal(commitments=_more(3), agreements=running)).then_refused(
        TooManyOpenCommitments
    )


def test_commitments_of_the_office_or_followed_up_do_not_count() -> None:
    done = CommitmentFollowedUp(commitment="c1", seen_on=DUE, outcome="kept", seen_by="fatma")
    running = {"a0": agreement(*RUNS, done)}
    given(AGREEMENT, DRAFTED).when(propose, **_proposal(commitments=_more(3), agreements=running)).then_it_holds(bool)
    ours = _more(5, by="office", agreed_by_renter=None)
    given(AGREEMENT, DRAFTED).when(propose, **_proposal(commitments=ours)).then_it_holds(bool)


def test_an_id_belongs_to_one_commitment() -> None:
    for became in ((), (ACCEPTED, AgreementStarted()), (ACCEPTED, AgreementStarted(), KEPT, CONCLUDED)):
        other = {"a0": agreement(DRAFTED, PROPOSED, *became)}
        given(AGREEMENT, DRAFTED).when(propose, **_proposal(agreements=other)).then_refused(WrongState)


# --- the renter's answer ---


def _acceptance(**other: Any) -> dict[str, Any]:
    asked = {
        "on": PROPOSED_ON,
        "signed": True,
        "reservation": None,
        "read_in_language": "nl",
        "interpreter": "none",
        "interpreter_over_18": None,
        "by_party": None,
        "lease": lease(),
    }
    return {**asked, **other}


def test_an_accepted_note_runs() -> None:
    given(AGREEMENT, DRAFTED, PROPOSED).when(accept, **_acceptance()).then(ACCEPTED, AgreementStarted())
    assert agreement(*RUNS).state == "running"


def test_a_note_is_read_in_the_renter_s_language_or_interpreted() -> None:
    two = lease(PartyAdded(party=DENIZ, joined_on=PROPOSED_ON))
    given(AGREEMENT, DRAFTED, PROPOSED).when(accept, **_acceptance(lease=two)).then_refused(NotUnderstood)
    interpreted = _acceptance(lease=two, interpreter="social", interpreter_over_18=True)
    given(AGREEMENT, DRAFTED, PROPOSED).when(accept, **interpreted).then_it_holds(bool)
    given(AGREEMENT, DRAFTED, PROPOSED).when(
        accept, **_acceptance(lease=two, by_party="deniz", read_in_language="tr")
    ).then_it_holds(bool)
    given(AGREEMENT, DRAFTED, PROPOSED).when(accept, **_acceptance(by_party="nobody")).then_refused(Unknown)


def test_a_note_is_read_in_the_language_of_who_was_a_party_that_day() -> None:
    gone = PartyLeft(party="deniz", left_on=PROPOSED_ON + timedelta(days=1))
    couple = lease(PartyAdded(party=DENIZ, joined_on=PROPOSED_ON), gone)
    given(AGREEMENT, DRAFTED, PROPOSED).when(accept, **_acceptance(lease=couple)).then_refused(NotUnderstood)
    later = _acceptance(lease=couple, on=gone.left_on)
    given(AGREEMENT, DRAFTED, PROPOSED).when(accept, **later).then_it_holds(bool)


def test_a_child_does_not_interpret_a_note() -> None:
    given(AGREEMENT, DRAFTED, PROPOSED).when(
        accept, **_acceptance(interpreter="informal_adult", interpreter_over_18=False)
    ).then_refused(InterpreterIsMinor)


def test_nobody_accepts_before_it_was_proposed() -> None:
    given(AGREEMENT, DRAFTED, PROPOSED).when(accept, **_acceptance(on=date(2026, 1, 11))).then_refused(DateOrder)
    given(AGREEMENT, DRAFTED).when(accept, **_acceptance()).then_refused(WrongState)


def test_ec_28_a_refused_note_never_counts() -> None:
    refused = AgreementRefused(refused_on=PROPOSED_ON)
    given(AGREEMENT, DRAFTED, PROPOSED).when(refuse, on=PROPOSED_ON, reason=None).then(refused)
    given(AGREEMENT, DRAFTED, PROPOSED, refused).when(refuse, on=PROPOSED_ON, reason=None).then_nothing_happens()
    given(AGREEMENT, *RUNS).when(refuse, on=PROPOSED_ON, reason=None).then_refused(WrongState)
    given(AGREEMENT, DRAFTED, PROPOSED).when(refuse, on=date(2026, 1, 11), reason=None).then_refused(DateOrder)


WORDS = text("Niet akkoord met punt 2.")
SECOND = replace(CLEANS, id="c2")
TWO = AgreementProposed(proposed_on=PROPOSED_ON, commitments=(CLEANS, SECOND))


def test_ec_29_a_reservation_is_kept_verbatim_and_disputes_what_it_names() -> None:
    reservation = Reservation(words=WORDS, commitments=("c2",))
    accepted = replace(ACCEPTED, reservation=WORDS, disputed=("c2",))
    given(AGREEMENT, DRAFTED, TWO).when(accept, **_acceptance(reservation=reservation)).then(
        accepted, AgreementStarted()
    )
    runs = (DRAFTED, TWO, accepted, AgreementStarted())
    given(AGREEMENT, *runs).when(follow_up, **_seen(commitment="c2")).then_refused(UnderReservation)
    given(AGREEMENT, *runs).when(follow_up, **_seen(commitment="c1")).then_it_holds(bool)
    given(AGREEMENT, *runs).when(follow_up, **_seen(commitment="c2", outcome="kept")).then_it_holds(bool)


def test_a_general_reservation_disputes_everything() -> None:
    given(AGREEMENT, DRAFTED, TWO).when(accept, **_acceptance(reservation=Reservation(words=WORDS))).then_it_holds(
        lambda events: events[0].disputed == ("c1", "c2")
    )


def test_a_reservation_names_commitments_of_the_note() -> None:
    given(AGREEMENT, DRAFTED, TWO).when(
        accept, **_acceptance(reservation=Reservation(words=WORDS, commitments=("c9",)))
    ).then_refused(Unknown)


def test_a_settled_reservation_disputes_nothing_more() -> None:
    runs = (DRAFTED, TWO, replace(ACCEPTED, reservation=WORDS, disputed=("c2",)), AgreementStarted())
    office_said, renter_said = text("Wij leggen het uit."), text("Nu is het goed.")
    asked: dict[str, Any] = {"on": DUE, "office_said": office_said, "renter_said": renter_said}
    settled = ReservationSettled(settled_on=DUE, commitments=("c2",), office_said=office_said, renter_said=renter_said)
    given(AGREEMENT, *runs).when(settle_reservation, commitments=("c2",), **asked).then(settled)
    given(AGREEMENT, *runs, settled).when(settle_reservation, commitments=("c2",), **asked).then_nothing_happens()
    given(AGREEMENT, *runs, settled).when(follow_up, **_seen(commitment="c2")).then_it_holds(bool)
    given(AGREEMENT, *runs).when(settle_reservation, commitments=("c9",), **asked).then_refused(Unknown)
    given(AGREEMENT, DRAFTED, TWO).when(settle_reservation, commitments=("c2",), **asked).then_refused(WrongState)


def test_a_reservation_is_not_settled_before_it_was_made() -> None:
    runs = (DRAFTED, TWO, replace(ACCEPTED, reservation=WORDS, disputed=("c2",)), AgreementStarted())
    asked: dict[str, Any] = {"office_said": WORDS, "renter_said": WORDS, "commitments": ("c2",)}
    before = PROPOSED_ON - timedelta(days=1)
    given(AGREEMENT, *runs).when(settle_reservation, on=before, **asked).then_refused(DateOrder)


# --- following up ---


def _seen(**other: Any) -> dict[str, Any]:
    asked = {"commitment": "c1", "on": LATER, "outcome": "not_kept", "seen_by": "fatma", "roles": COUNSELLOR}
    return {**asked, "agreements": {"a1": agreement(*RUNS)}, **other}


BROKEN = replace(KEPT, outcome="not_kept")


def test_somebody_sees_what_became_of_a_commitment() -> None:
    given(AGREEMENT, *RUNS).when(follow_up, **_seen()).then(BROKEN)
    given(AGREEMENT, *RUNS, BROKEN).when(follow_up, **_seen()).then_nothing_happens()
    assert agreement(*RUNS, BROKEN).state_of("c1") == "not_kept"


def test_a_commitment_is_not_broken_before_its_day() -> None:
    before = DUE - timedelta(days=1)
    given(AGREEMENT, *RUNS).when(follow_up, **_seen(on=before)).then_refused(NotYetDue)
    given(AGREEMENT, *RUNS).when(follow_up, **_seen(on=DUE)).then_it_holds(bool)
    given(AGREEMENT, *RUNS).when(follow_up, **_seen(on=before, outcome="kept")).then_it_holds(bool)


def test_nothing_is_seen_of_a_commitment_before_the_renter_accepted_it() -> None:
    runs = (DRAFTED, PROPOSED, replace(ACCEPTED, accepted_on=DUE + timedelta(days=2)), AgreementStarted())
    given(AGREEMENT, *runs).when(follow_up, **_seen(on=DUE + timedelta(days=1))).then_refused(DateOrder)
    given(AGREEMENT, *runs).when(follow_up, **_seen(on=DUE + timedelta(days=2))).then_it_holds(bool)


def test_a_follow_up_needs_a_person_a_commitment_and_a_running_note() -> None:
    given(AGREEMENT, *RUNS).when(follow_up, **_seen(seen_by=None)).then_refused(NotSeen)
    given(AGREEMENT, *RUNS).when(follow_up, **_seen(commitment="c9")).then_refused(Unknown)
    given(AGREEMENT, DRAFTED, PROPOSED).when(follow_up, **_seen()).then_refused(WrongState)


def test_a_later_follow_up_stands_beside_the_earlier_one() -> None:
    done = replace(KEPT, seen_on=LATER + timedelta(days=9))
    known = agreement(*RUNS, BROKEN, done)
    assert known.state_of("c1") == "kept"
    assert known.follow_ups == (BROKEN, done)


def test_what_was_seen_last_stands_whenever_it_was_typed_in() -> None:
    done = replace(KEPT, seen_on=LATER + timedelta(days=9))
    known = agreement(*RUNS, done, BROKEN)
    assert known.state_of("c1") == "kept"
    assert known.follow_ups == (done, BROKEN)
    given(AGREEMENT, *RUNS, done, BROKEN).when(follow_up, **_seen()).then_nothing_happens()
    given(AGREEMENT, *RUNS, done, BROKEN).when(
        conclude, as_="broken", on=done.seen_on, why=WHY, agreements=_notes(*RUNS, done, BROKEN)
    ).then_refused(NoFollowUp)


def test_of_one_day_the_last_word_stands() -> None:
    typo = replace(BROKEN, outcome="partly")
    assert agreement(*RUNS, BROKEN, typo).state_of("c1") == "partly"
    given(AGREEMENT, *RUNS, BROKEN, typo).when(follow_up, **_seen()).then(BROKEN)


def test_what_nobody_could_help_is_dropped() -> None:
    assert agreement(*RUNS, replace(BROKEN, outcome="force_majeure")).state_of("c1") == "dropped"


def test_the_technical_service_follows_up_the_office_s_own_repairs() -> None:
    both = {"a1": agreement(*MENDING)}
    given(AGREEMENT, *MENDING).when(
        follow_up, **_seen(commitment="mend", outcome="kept", roles=TECHNICAL, agreements=both)
    ).then_it_holds(bool)
    given(AGREEMENT, *MENDING).when(
        follow_up, **_seen(commitment="c1", outcome="kept", roles=TECHNICAL, agreements=both)
    ).then_refused(NotPermitted)


# --- the office's own part ---

MEND = Commitment(
    id="mend",
    by="office",
    action=text("De afvoer herstellen"),
    place=text("keuken"),
    measure="seen_at_visit",
    target=text("loopt door"),
    due_on=DUE,
)
AFTER = replace(CLEANS, depends_on=("mend",))
MENDING = (
    DRAFTED,
    AgreementProposed(proposed_on=PROPOSED_ON, commitments=(MEND, AFTER)),
    ACCEPTED,
    AgreementStarted(),
)
MENDED = CommitmentFollowedUp(commitment="mend", seen_on=DUE, outcome="kept", seen_by="bart")


def test_ec_33_nothing_is_broken_while_the_office_s_own_commitment_is_open() -> None:
    both = {"a1": agreement(*MENDING)}
    given(AGREEMENT, *MENDING).when(follow_up, **_seen(agreements=both)).then_refused(LandlordCommitmentOpen)
    given(AGREEMENT, *MENDING).when(conclude, as_="broken", on=LATER, why=WHY, agreements=both).then_refused(
        LandlordCommitmentOpen
    )


def test_when_the_office_has_done_its_part_the_renter_s_can_be_broken() -> None:
    both = {"a1": agreement(*MENDING, MENDED)}
    given(AGREEMENT, *MENDING, MENDED).when(follow_up, **_seen(agreements=both)).then(BROKEN)


@pytest.mark.parametrize("outcome", ["partly", "not_kept", "force_majeure"])
def test_half_an_office_commitment_is_none(outcome: Any) -> None:
    half = replace(MENDED, outcome=outcome)
    both = {"a1": agreement(*MENDING, half)}
    given(AGREEMENT, *MENDING, half).when(follow_up, **_seen(agreements=both)).then_refused(LandlordCommitmentOpen)


def test_the_office_s_part_may_stand_in_another_note_and_further_away() -> None:
    other = (
        DRAFTED,
        AgreementProposed(proposed_on=PROPOSED_ON, commitments=(MEND,)),
        ACCEPTED,
        AgreementStarted(),
    )
    first = replace(CLEANS, id="c0", depends_on=("mend",))
    then = replace(CLEANS, depends_on=("c0",))
    mine = (
        DRAFTED,
        AgreementProposed(proposed_on=PROPOSED_ON, commitments=(first, then)),
        ACCEPTED,
        AgreementStarted(),
    )
    notes = {"a1": agreement(*mine), "a2": agreement(*other)}
    given(AGREEMENT, *mine).when(follow_up, **_seen(agreements=notes)).then_refused(LandlordCommitmentOpen)
    done = {"a1": agreement(*mine), "a2": agreement(*other, MENDED)}
    given(AGREEMENT, *mine).when(follow_up, **_seen(agreements=done)).then(BROKEN)


# --- concluding, revising, lapsing ---


def _notes(*events: object) -> dict[str, Agreement]:
    return {"a1": agreement(*events)}


def test_a_note_is_concluded_by_what_was_seen() -> None:
    kept, broken = (*RUNS, KEPT), (*RUNS, BROKEN)
    given(AGREEMENT, *kept).when(conclude, as_="kept", on=LATER, why=WHY, agreements=_notes(*kept)).then(
        AgreementKept(concluded_on=LATER, why=WHY)
    )
    given(AGREEMENT, *broken).when(conclude, as_="partly", on=LATER, why=WHY, agreements=_notes(*broken)).then(
        AgreementPartlyKept(concluded_on=LATER, why=WHY)
    )
    breached = AgreementBreached(concluded_on=LATER, not_kept=("c1",), why=WHY)
    asked = {"as_": "broken", "on": LATER, "why": WHY, "agreements": _notes(*broken)}
    given(AGREEMENT, *broken).when(conclude, **asked).then(breached)
    given(AGREEMENT, *broken, breached).when(conclude, **asked).then_nothing_happens()
    assert agreement(*broken, breached).state == "broken"


def test_a_note_is_broken_only_by_what_a_person_saw() -> None:
    kept = (*RUNS, KEPT)
    given(AGREEMENT, *kept).when(conclude, as_="broken", on=LATER, why=WHY, agreements=_notes(*kept)).then_refused(
        NoFollowUp
    )


def test_every_commitment_is_followed_up_before_the_note_is_concluded() -> None:
    given(AGREEMENT, *RUNS).when(conclude, as_="kept", on=LATER, why=WHY, agreements=_notes(*RUNS)).then_refused(
        FollowUpMissing
    )


def test_a_note_is_not_concluded_before_it_was_accepted() -> None:
    kept = (*RUNS, KEPT)
    given(AGREEMENT, *kept).when(
        conclude, as_="kept", on=date(2026, 1, 11), why=WHY, agreements=_notes(*kept)
    ).then_refused(DateOrder)
    given(AGREEMENT, DRAFTED).when(conclude, as_="kept", on=LATER, why=WHY, agreements={}).then_refused(WrongState)


def test_a_note_is_not_concluded_before_what_it_rests_on_was_seen() -> None:
    asked = {"as_": "broken", "why": WHY, "agreements": _notes(*RUNS, BROKEN)}
    given(AGREEMENT, *RUNS, BROKEN).when(conclude, on=LATER - timedelta(days=1), **asked).then_refused(DateOrder)
    given(AGREEMENT, *RUNS, BROKEN).when(conclude, on=LATER, **asked).then_it_holds(bool)


def _revision(**other: Any) -> dict[str, Any]:
    asked = {
        "id": "a1",
        "into": "a2",
        "commitments": (replace(WISH, id="n1"),),
        "why": WHY,
        "on": PROPOSED_ON,
        "agreements": {"a1": agreement(*RUNS)},
        "already": agreement(),
        "policies": POLICIES,
    }
    return {**asked, **other}


def test_a_revised_note_gives_way_to_another_one() -> None:
    proposed = AgreementProposed(proposed_on=PROPOSED_ON, commitments=(replace(CLEANS, id="n1"),))
    revised = AgreementRevised(into="a2", why=WHY, dropped=("c1",))
    given(AGREEMENT, *RUNS).when(revise, **_revision()).then(
        revised,
        Elsewhere(AGREEMENT, "a2", replace(DRAFTED, revises="a1")),
        Elsewhere(AGREEMENT, "a2", proposed),
    )
    assert agreement(*RUNS, revised).state_of("c1") == "dropped"


def test_a_revised_note_takes_the_place_of_no_other() -> None:
    for already in (agreement(*RUNS), agreement(replace(DRAFTED, lease="L2"))):
        given(AGREEMENT, *RUNS).when(revise, **_revision(already=already)).then_refused(WrongState)


def test_a_revision_has_a_reason_and_is_smart_again() -> None:
    given(AGREEMENT, *RUNS).when(revise, **_revision(why=None)).then_refused(ReasonMissing)
    vague = (replace(WISH, id="n1", due_on=None),)
    given(AGREEMENT, *RUNS).when(revise, **_revision(commitments=vague)).then_refused(NotSmart, "T")
    given(AGREEMENT, DRAFTED).when(revise, **_revision()).then_refused(WrongState)
    given(AGREEMENT, *RUNS).when(revise, **_revision(commitments=(WISH,))).then_refused(WrongState)


def test_a_lapsed_note_has_no_consequence() -> None:
    lapsed = AgreementLapsed(cause="by_person", why=WHY)
    given(AGREEMENT, *RUNS).when(lapse, why=WHY).then(lapsed)
    given(AGREEMENT, *RUNS, lapsed).when(lapse, why=WHY).then_nothing_happens()
    given(AGREEMENT, DRAFTED).when(lapse, why=WHY).then_refused(WrongState)
    assert agreement(*RUNS, lapsed).open_commitments == ()


# --- the day passes ---


def test_ec_34_a_day_that_passes_is_a_task_and_nothing_else() -> None:
    due = CommitmentDue(commitment="c1", due_on=DUE)
    given(AGREEMENT, *RUNS).when(note_due, today=DUE).then_nothing_happens()
    given(AGREEMENT, *RUNS).when(note_due, today=DUE + timedelta(days=1)).then(due)
    given(AGREEMENT, *RUNS, due).when(note_due, today=LATER).then_nothing_happens()
    assert agreement(*RUNS, due).state_of("c1") == "open"
    given(AGREEMENT, *RUNS, KEPT).when(note_due, today=LATER).then_nothing_happens()
    given(AGREEMENT, DRAFTED, PROPOSED).when(note_due, today=LATER).then_nothing_happens()


def test_a_draft_is_no_agreement() -> None:
    assert isinstance(DRAFTED, AgreementDrafted)
    assert isinstance(ACCEPTED, AgreementAccepted)
    assert agreement(DRAFTED).state == "concept"
