"""From the posted notice to the end (domain 3.6, 5.2, 5.8): GV-14, EC-24, EC-35 and every refusal."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.evaluations.events import (
    AddresseesChecked,
    ClaimFiled,
    ConciliationHeld,
    EvictionAnnounced,
    EvictionCarriedOut,
    GroundsDoubtful,
    JudgmentGiven,
    JudgmentServed,
    NoticePosted,
    OcmwToldOfClaim,
    RenterLeft,
    TerminationClosed,
    TerminationDecided,
)
from services.evaluations.rules import refusals
from services.evaluations.rules.notice import compute
from services.evaluations.rules.refusals import GateOpen
from services.evaluations.rules.steps_of_law import (
    AddresseeMissing,
    ChannelNotAllowed,
    ConditionMissing,
    EvictionTooEarly,
    NotApproved,
    announce_eviction,
    close_termination,
    earliest_eviction,
    file_claim,
    post_notice,
    received,
    recompute_notice,
    record_conciliation,
    record_eviction,
    record_judgment,
    record_service,
    renter_left,
)
from services.evaluations.rules.termination import TERMINATION
from shared.contracts.evaluations import AddressCheck
from shared.contracts.notifications import (
    AddressedV1,
    CommunicationDeliveredV1,
    CommunicationReturnedV1,
    CommunicationSentV1,
    ProofCorrectedV1,
)
from shared.contracts.visits import PartyAddedV1, PartyV1, StandstillStartedV1
from shared.refusals import DateOrder, NoProof, OccurredInFuture, Unknown, WrongState
from tests.evaluations.a_file import OPENED, PROVEN, SERIOUS, TODAY, a_lease, approved, decided, facts, proposed
from tests.evaluations.a_lease import LEASE, ALease, text
from tests.specification import given

POSTED_ON = date(2026, 5, 22)
DOUBTFUL = GroundsDoubtful(why="count_below_threshold")
POSTED = NoticePosted(posted_on=POSTED_ON, method="registered_paper", communications=("c9",), tracking=("RR1",))
DATES = compute(posted_on=POSTED_ON, months=3, basis="latest")


def file(*more: Any, lease: ALease | None = None, findings: tuple[str, ...] = ()) -> tuple[Any, ...]:
    lease = lease or a_lease()
    termination = (*PROVEN, proposed(lease, *findings), decided(lease, *findings))
    return (*[_as_t1(event) for event in termination], *more)


def _as_t1(event: Any) -> Any:
    from tests.specification import recorded

    return recorded(event, stream="termination/T1") if event is OPENED else event


def posting(lease: ALease | None = None, **changed: Any) -> dict[str, Any]:
    lease = lease or approved(a_lease(), states=(DATES.start, DATES.end))
    return {
        "posted_on": POSTED_ON,
        "method": "registered_paper",
        "communications": ("c9",),
        "tracking": ("RR1",),
        **facts(lease),
        "today": POSTED_ON,
        **changed,
    }


def test_the_notice_is_posted_and_its_dates_computed() -> None:
    given(TERMINATION, *file()).when(post_notice, **posting()).then(POSTED, DATES)


def test_the_same_posting_twice_is_one() -> None:
    given(TERMINATION, *file(POSTED, DATES)).when(post_notice, **posting()).then_nothing_happens()


def test_gv_01_a_paper_letter_posted_on_a_sunday_is_marked() -> None:
    sunday = date(2026, 5, 24)
    states = compute(posted_on=sunday, months=3, basis="latest")
    lease = approved(a_lease(), states=(states.start, states.end))
    given(TERMINATION, *file()).when(post_notice, **posting(lease, posted_on=sunday, today=sunday)).then_it_holds(
        lambda events: events[0].posted_on_closed_day
    )


def test_ec_35_a_standstill_since_the_decision_blocks_the_posting() -> None:
    lease = approved(a_lease(arrears=True), states=(DATES.start, DATES.end))
    started = StandstillStartedV1(lease=LEASE, standstill="s1", starts_on=POSTED_ON, kind="court_order")
    given(TERMINATION, *file(lease=a_lease(arrears=True))).when(
        post_notice, **posting(lease.tell(started, on=POSTED_ON))
    ).then_refused(GateOpen, "G5")


def test_nothing_is_posted_while_the_grounds_are_doubtful() -> None:
    given(TERMINATION, *file(DOUBTFUL)).when(post_notice, **posting()).then_refused(refusals.GroundsDoubtful)


def test_only_a_decided_file_is_posted_registered_and_in_order_of_days() -> None:
    given(TERMINATION, *PROVEN).when(post_notice, **posting()).then_refused(WrongState)
    given(TERMINATION, *file()).when(post_notice, **posting(today=TODAY)).then_refused(OccurredInFuture)
    given(TERMINATION, *file()).when(post_notice, **posting(posted_on=date(2026, 5, 19))).then_refused(DateOrder)
    given(TERMINATION, *file()).when(post_notice, **posting(method="email")).then_refused(ChannelNotAllowed)


def test_the_letter_is_approved_and_states_the_dates_of_this_posting() -> None:
    given(TERMINATION, *file()).when(post_notice, **posting(a_lease())).then_refused(NotApproved, "NOT_APPROVED")
    given(TERMINATION, *file()).when(post_notice, **posting(communications=())).then_refused(NotApproved)
    other = approved(a_lease(), states=(date(2026, 7, 1), date(2026, 9, 30)))
    given(TERMINATION, *file()).when(post_notice, **posting(other)).then_refused(NotApproved, "NOT_APPROVED")


def test_every_addressee_was_checked_and_has_an_own_letter() -> None:
    unchecked = tuple(event for event in file() if type(event).__name__ != "AddresseesChecked")
    given(TERMINATION, *unchecked).when(post_notice, **posting()).then_refused(AddresseeMissing, "G8")
    stranger = approved(a_lease(), party="somebody", states=(DATES.start, DATES.end))
    given(TERMINATION, *file()).when(post_notice, **posting(stranger)).then_refused(
        AddresseeMissing, "ADDRESSEE_MISSING"
    )
    spouse = PartyV1(id="p2", name=text("naam"), role="spouse", language="nl")
    lease = approved(a_lease(), states=(DATES.start, DATES.end))
    lease.tell(PartyAddedV1(lease=LEASE, party=spouse, joined_on=TODAY), on=TODAY)
    given(TERMINATION, *file()).when(post_notice, **posting(lease)).then_refused(AddresseeMissing, "G8")


def test_a_later_receipt_moves_the_dates_back_and_an_earlier_one_never_forward() -> None:
    past = file(POSTED, DATES)
    later = compute(
        posted_on=POSTED_ON,
        months=3,
        basis="latest",
        receipts=(date(2026, 6, 2),),
        not_before=DATES.start,
        recomputed=True,
    )
    given(TERMINATION, *past).when(recompute_notice, received_on=date(2026, 6, 2)).then(later)
    given(TERMINATION, *past).when(recompute_notice, received_on=date(2026, 5, 23)).then_nothing_happens()
    given(TERMINATION, *file()).when(recompute_notice, received_on=date(2026, 6, 2)).then_nothing_happens()
    given(TERMINATION, *past, CLAIM).when(recompute_notice, received_on=date(2026, 6, 2)).then(later)


BACK_ON = date(2026, 6, 8)
ANEW_ON = date(2026, 6, 12)
ANEW = compute(posted_on=ANEW_ON, months=3, basis="latest", not_before=DATES.start, recomputed=True)
OF_NOTICE: dict[str, Any] = {"lease": LEASE, "kind": "L-09", "about_kind": "termination", "about_id": "T1"}


def sent(letter: str = "c9", *, on: date = POSTED_ON, again: str | None = None) -> CommunicationSentV1:
    to = (AddressedV1(addressee="p1", role="party", party="p1"),)
    return CommunicationSentV1(
        communication=letter,
        addressees=to,
        required=("p1",),
        method="registered_paper",
        sent_on=on,
        again=again,
        **OF_NOTICE,
    )


def returned(letter: str = "c9") -> ALease:
    """A lease whose notice was posted, and came back; a new letter is approved."""
    lease = approved(a_lease(), letter=letter, states=(DATES.start, DATES.end))
    lease.tell(sent(letter), on=POSTED_ON)
    back = CommunicationReturnedV1(communication=letter, addressee="p1", party="p1", returned_on=BACK_ON, **OF_NOTICE)
    lease.tell(back, on=BACK_ON)
    return approved(lease, letter="c10", states=(ANEW.start, ANEW.end))


def posting_anew(lease: ALease, **changed: Any) -> dict[str, Any]:
    anew: dict[str, Any] = {"posted_on": ANEW_ON, "today": ANEW_ON, "communications": ("c10",), "tracking": ("RR2",)}
    return posting(lease, **{**anew, **changed})


CHECKED_AGAIN = AddresseesChecked(
    addressees=(AddressCheck(party="p1", checked_on=BACK_ON, communication=None),), by="tom"
)


def test_a_notice_that_came_back_was_not_given_and_is_posted_anew() -> None:
    past = file(POSTED, DATES, CHECKED_AGAIN)
    again = replace(POSTED, posted_on=ANEW_ON, communications=("c10",), tracking=("RR2",))
    given(TERMINATION, *past).when(post_notice, **posting_anew(returned())).then(again, ANEW)
    given(TERMINATION, *past, again, ANEW).when(post_notice, **posting_anew(returned())).then_nothing_happens()
    unchecked = file(POSTED, DATES)
    given(TERMINATION, *unchecked).when(post_notice, **posting_anew(returned())).then_refused(AddresseeMissing, "G8")
    before = posting_anew(returned(), posted_on=date(2026, 6, 5))
    given(TERMINATION, *past).when(post_notice, **before).then_refused(DateOrder)


def test_a_notice_is_posted_once_where_it_did_not_come_back_or_was_sent_to_the_right_address_since() -> None:
    past = file(POSTED, DATES, CHECKED_AGAIN)
    for lease in (
        approved(a_lease(), letter="c10", states=(ANEW.start, ANEW.end)).tell(sent(), on=POSTED_ON),
        returned().tell(sent("c9b", on=BACK_ON, again="c9"), on=BACK_ON),
        returned().tell(corrected(outcome="delivered"), on=BACK_ON),
    ):
        given(TERMINATION, *past).when(post_notice, **posting_anew(lease)).then_refused(WrongState)


def corrected(*, outcome: Any, on: date = date(2026, 6, 2)) -> ProofCorrectedV1:
    return ProofCorrectedV1(
        communication="c9", addressee="p1", party="p1", outcome=outcome, on=on, why=text("andere straat"), **OF_NOTICE
    )


def test_of_two_renters_the_one_to_whom_it_came_back_gets_it_anew_and_the_later_dates_hold_for_both() -> None:
    lease = returned()
    other = PartyV1(id="p2", name=text("naam"), role="co_renter", language="nl")
    lease.tell(PartyAddedV1(lease=LEASE, party=other, joined_on=TODAY), on=TODAY)
    to_other = approved(lease, letter="c9x", party="p2", states=(DATES.start, DATES.end))
    to_other.tell(replace(sent("c9x"), required=("p2",)), on=POSTED_ON)
    both = replace(POSTED, communications=("c9", "c9x"))
    checked = replace(
        CHECKED_AGAIN,
        addressees=(*CHECKED_AGAIN.addressees, AddressCheck(party="p2", checked_on=TODAY, communication=None)),
    )
    again = replace(POSTED, posted_on=ANEW_ON, communications=("c10",), tracking=("RR2",))
    given(TERMINATION, *file(both, DATES, checked)).when(post_notice, **posting_anew(to_other)).then(again, ANEW)
    only_one = file(POSTED, DATES, checked)  # nothing was ever posted to the other
    given(TERMINATION, *only_one).when(post_notice, **posting_anew(to_other)).then_refused(
        AddresseeMissing, "ADDRESSEE_MISSING"
    )


@pytest.mark.parametrize(
    ("proof_kind", "outcome", "received_on"),
    [
        ("carrier", "delivered", date(2026, 6, 2)),
        ("receipt", "delivered", date(2026, 6, 3)),
        (None, "delivered", date(2026, 6, 3)),
        ("carrier", "returned", None),
    ],
)
def test_a_corrected_proof_says_when_the_notice_was_received(
    proof_kind: Any, outcome: Any, received_on: date | None
) -> None:
    lease = a_lease()
    if proof_kind is not None:
        first = CommunicationDeliveredV1(
            communication="c9",
            addressee="p1",
            party="p1",
            delivered_on=date(2026, 5, 26),
            proof_kind=proof_kind,
            reference=text("RR1"),
            **OF_NOTICE,
        )
        lease.tell(first, on=date(2026, 5, 26))
    assert received(corrected(outcome=outcome), case=lease.file.case) == received_on


def test_what_became_of_a_copy_says_nothing_of_the_notice() -> None:
    renter = AddressedV1(addressee="p1", role="party", party="p1")
    ocmw = AddressedV1(addressee="ocmw", role="ocmw", copy=True)
    lease = approved(a_lease(), letter="c10", states=(ANEW.start, ANEW.end))
    lease.tell(replace(sent(), addressees=(renter, ocmw)), on=POSTED_ON)
    to_ocmw: dict[str, Any] = {"communication": "c9", "addressee": "ocmw", "party": None, **OF_NOTICE}
    late = CommunicationDeliveredV1(
        delivered_on=date(2026, 6, 2), proof_kind="carrier", reference=text("RR9"), **to_ocmw
    )
    assert received(late, case=lease.file.case) is None
    assert received(replace(late, addressee="p1", party="p1"), case=lease.file.case) == date(2026, 6, 2)
    lease.tell(CommunicationReturnedV1(returned_on=BACK_ON, **to_ocmw), on=BACK_ON)
    given(TERMINATION, *file(POSTED, DATES, CHECKED_AGAIN)).when(post_notice, **posting_anew(lease)).then_refused(
        WrongState
    )


FILED_ON = date(2026, 9, 1)
CLAIM = ClaimFiled(court="vrederechter", filed_on=FILED_ON)


def claiming(lease: ALease | None = None, **changed: Any) -> dict[str, Any]:
    return {
        "court": "vrederechter",
        "filed_on": FILED_ON,
        **facts(lease or a_lease()),
        "today": FILED_ON,
        **changed,
    }


def test_the_ocmw_is_told_of_the_claim_the_same_day() -> None:
    past = file(POSTED, DATES)
    given(TERMINATION, *past).when(file_claim, **claiming()).then(CLAIM, OcmwToldOfClaim(on=FILED_ON))
    given(TERMINATION, *past, CLAIM).when(file_claim, **claiming()).then_nothing_happens()


def test_ec_24_no_claim_while_the_grounds_are_doubtful() -> None:
    given(TERMINATION, *file(POSTED, DATES, DOUBTFUL)).when(file_claim, **claiming()).then_refused(
        refusals.GroundsDoubtful
    )


def test_a_claim_has_a_court_a_decision_and_no_open_contest() -> None:
    past = file(POSTED, DATES)
    given(TERMINATION, *past).when(file_claim, **claiming(court="")).then_refused(NoProof)
    given(TERMINATION, *past).when(file_claim, **claiming(today=TODAY)).then_refused(OccurredInFuture)
    given(TERMINATION, *past).when(file_claim, **claiming(filed_on=date(2026, 5, 19))).then_refused(DateOrder)
    given(TERMINATION, *PROVEN).when(file_claim, **claiming()).then_refused(WrongState)
    contested = a_lease().contest("E3", date(2026, 6, 1))
    given(TERMINATION, *past).when(file_claim, **claiming(contested)).then_refused(GateOpen, "G6")


IN_COURT = (POSTED, DATES, CLAIM)
LATER = date(2026, 10, 5)


def test_the_judge_tries_to_conciliate() -> None:
    asked: dict[str, Any] = {"on": LATER, "result": "settled", "lease_continues": True, "today": LATER}
    told = ConciliationHeld(on=LATER, result="settled", lease_continues=True)
    given(TERMINATION, *file(*IN_COURT)).when(record_conciliation, **asked).then(told)
    given(TERMINATION, *file(*IN_COURT, told)).when(record_conciliation, **asked).then_nothing_happens()
    given(TERMINATION, *file(POSTED)).when(record_conciliation, **asked).then_refused(WrongState)
    given(TERMINATION, *file(*IN_COURT)).when(record_conciliation, **{**asked, "today": TODAY}).then_refused(
        OccurredInFuture
    )


def judging(**changed: Any) -> dict[str, Any]:
    return {
        "on": LATER,
        "result": "dissolved",
        "ground": "damage",
        "says_neglect": False,
        "condition_until": None,
        "term_set_by_judge": None,
        "today": LATER,
        **changed,
    }


JUDGED = JudgmentGiven(on=LATER, result="dissolved", ground="damage")


def test_the_judge_decides() -> None:
    given(TERMINATION, *file(*IN_COURT)).when(record_judgment, **judging()).then(JUDGED)
    given(TERMINATION, *file(*IN_COURT, JUDGED)).when(record_judgment, **judging()).then_nothing_happens()
    given(TERMINATION, *file(POSTED)).when(record_judgment, **judging()).then_refused(WrongState)
    given(TERMINATION, *file(*IN_COURT)).when(record_judgment, **judging(today=TODAY)).then_refused(OccurredInFuture)
    given(TERMINATION, *file(*IN_COURT)).when(record_judgment, **judging(on=TODAY)).then_refused(DateOrder)
    given(TERMINATION, *file(*IN_COURT)).when(record_judgment, **judging(result="conditional")).then_refused(
        ConditionMissing
    )


def test_a_rejected_claim_lets_the_lease_go_on() -> None:
    rejected = replace(JUDGED, result="rejected", ground=None)
    given(TERMINATION, *file(*IN_COURT, rejected)).when(record_service, on=LATER, today=LATER).then_refused(WrongState)


SERVED = JudgmentServed(on=date(2026, 10, 20))


def test_the_judgment_is_served() -> None:
    past = file(*IN_COURT, JUDGED)
    day = date(2026, 10, 20)
    given(TERMINATION, *past).when(record_service, on=day, today=day).then(SERVED)
    given(TERMINATION, *past, SERVED).when(record_service, on=day, today=day).then_nothing_happens()
    given(TERMINATION, *past).when(record_service, on=day, today=LATER).then_refused(OccurredInFuture)
    given(TERMINATION, *past).when(record_service, on=FILED_ON, today=day).then_refused(DateOrder)


@pytest.mark.parametrize(
    ("served", "told", "set_by_judge", "earliest"),
    [
        ("2026-04-20", "2026-05-11", None, "2026-05-20"),  # GV-14
        ("2026-04-20", "2026-05-14", None, "2026-05-21"),
        ("2026-01-31", "2026-02-02", None, "2026-03-02"),  # the last of February is a Saturday: it rolls
        ("2026-04-20", "2026-04-21", "2026-07-01", "2026-07-01"),
        ("2026-04-20", "2026-04-21", "2026-04-23", "2026-04-28"),
        ("2026-04-20", "2026-05-08", None, "2026-05-20"),  # Ascension on the 14th: five working days end on the 18th
    ],
)
def test_gv_14_the_earliest_day_of_an_eviction(served: str, told: str, set_by_judge: str | None, earliest: str) -> None:
    found = earliest_eviction(
        served_on=date.fromisoformat(served),
        told_on=date.fromisoformat(told),
        term_set_by_judge=date.fromisoformat(set_by_judge) if set_by_judge else None,
    )
    assert found == date.fromisoformat(earliest)


TOLD_ON = date(2026, 11, 9)
EVICTION_ON = date(2026, 11, 20)
ANNOUNCED = EvictionAnnounced(told_on=TOLD_ON, planned_on=EVICTION_ON, earliest=EVICTION_ON)


def announcing(**changed: Any) -> dict[str, Any]:
    return {"told_on": TOLD_ON, "planned_on": EVICTION_ON, "today": TOLD_ON, **changed}


def test_an_eviction_is_announced_not_too_early() -> None:
    past = file(*IN_COURT, JUDGED, SERVED)
    given(TERMINATION, *past).when(announce_eviction, **announcing()).then(ANNOUNCED)
    given(TERMINATION, *past, ANNOUNCED).when(announce_eviction, **announcing()).then_nothing_happens()
    given(TERMINATION, *past).when(announce_eviction, **announcing(planned_on=date(2026, 11, 19))).then_refused(
        EvictionTooEarly, "EVICTION_TOO_EARLY"
    )
    given(TERMINATION, *past, DOUBTFUL).when(announce_eviction, **announcing()).then_refused(refusals.GroundsDoubtful)
    given(TERMINATION, *past).when(announce_eviction, **announcing(today=LATER)).then_refused(OccurredInFuture)
    given(TERMINATION, *past).when(announce_eviction, **announcing(told_on=LATER)).then_refused(DateOrder)
    given(TERMINATION, *file(*IN_COURT)).when(announce_eviction, **announcing()).then_refused(WrongState)


EVICTED = EvictionCarriedOut(on=EVICTION_ON, goods_kept_until=date(2027, 5, 20))


def test_an_eviction_is_carried_out_on_the_day_announced_or_later() -> None:
    past = file(*IN_COURT, JUDGED, SERVED, ANNOUNCED)
    given(TERMINATION, *past).when(record_eviction, on=EVICTION_ON, today=EVICTION_ON).then(EVICTED)
    given(TERMINATION, *past, EVICTED).when(record_eviction, on=EVICTION_ON, today=EVICTION_ON).then_nothing_happens()
    given(TERMINATION, *past).when(record_eviction, on=date(2026, 11, 19), today=EVICTION_ON).then_refused(
        EvictionTooEarly
    )
    given(TERMINATION, *past, DOUBTFUL).when(record_eviction, on=EVICTION_ON, today=EVICTION_ON).then_refused(
        refusals.GroundsDoubtful
    )
    given(TERMINATION, *past).when(record_eviction, on=EVICTION_ON, today=TOLD_ON).then_refused(OccurredInFuture)
    given(TERMINATION, *file(POSTED)).when(record_eviction, on=EVICTION_ON, today=EVICTION_ON).then_refused(WrongState)


def test_the_renter_may_leave_at_any_step() -> None:
    keys = RenterLeft(keys_on=LATER)
    for past in (file(POSTED, DATES), file(*IN_COURT), file(*IN_COURT, JUDGED)):
        given(TERMINATION, *past).when(renter_left, keys_on=LATER, today=LATER).then(keys)
        given(TERMINATION, *past, keys).when(renter_left, keys_on=LATER, today=LATER).then_nothing_happens()
    given(TERMINATION, *file()).when(renter_left, keys_on=LATER, today=LATER).then_refused(WrongState)
    given(TERMINATION, *file(POSTED)).when(renter_left, keys_on=LATER, today=TODAY).then_refused(OccurredInFuture)


def test_the_file_closes_with_coded_mode_and_ground() -> None:
    left = file(POSTED, DATES, RenterLeft(keys_on=LATER), findings=(SERIOUS,))
    given(TERMINATION, *left).when(close_termination).then(
        TerminationClosed(outcome="ended", mode="landlord_notice", ground="damage")
    )
    evicted = file(*IN_COURT, JUDGED, SERVED, ANNOUNCED, EVICTED)
    closed = TerminationClosed(outcome="ended", mode="judicial_dissolution", ground="damage")
    given(TERMINATION, *evicted).when(close_termination).then(closed)
    given(TERMINATION, *evicted, closed).when(close_termination).then_nothing_happens()
    given(TERMINATION, *file(POSTED)).when(close_termination).then_refused(WrongState)


def test_no_bar_is_inferred_and_no_way_of_ending_guessed() -> None:
    silent = file(*IN_COURT, replace(JUDGED, ground=None), SERVED, ANNOUNCED, EVICTED, findings=(SERIOUS,))
    of_noise = [
        replace(one, grounds=(replace(one.grounds[0], category="liveability"),))
        if isinstance(one, TerminationDecided)
        else one
        for one in silent
    ]
    given(TERMINATION, *of_noise).when(close_termination).then(
        TerminationClosed(outcome="ended", mode="judicial_dissolution", ground="nuisance")
    )
    claimed = file(CLAIM, RenterLeft(keys_on=LATER))  # straight from the decision: no notice, no judgment
    given(TERMINATION, *claimed).when(close_termination).then_refused(Unknown)
    given(TERMINATION, *claimed).when(close_termination, mode="mutual", ground="damage").then(
        TerminationClosed(outcome="ended", mode="mutual", ground="damage")
    )


def test_a_settlement_lets_the_lease_go_on_or_end() -> None:
    on = ConciliationHeld(on=LATER, result="settled", lease_continues=True)
    given(TERMINATION, *file(*IN_COURT, on)).when(close_termination).then(TerminationClosed(outcome="continue"))
    off = replace(on, lease_continues=False)
    given(TERMINATION, *file(*IN_COURT, off)).when(close_termination, ground="damage").then(
        TerminationClosed(outcome="ended", mode="mutual", ground="damage")
    )
    unknown = replace(on, lease_continues=None)
    given(TERMINATION, *file(*IN_COURT, unknown)).when(close_termination).then_refused(Unknown)
    half: dict[str, Any] = {"on": LATER, "result": "settled", "today": LATER}
    given(TERMINATION, *file(*IN_COURT, unknown)).when(record_conciliation, **half, lease_continues=True).then(on)
    given(TERMINATION, *file(*IN_COURT, on)).when(record_conciliation, **half, lease_continues=False).then_refused(
        WrongState
    )


@pytest.mark.parametrize(
    ("ground", "says_neglect", "until"),
    [
        ("nuisance", False, date(2029, 11, 20)),
        ("neglect", False, date(2029, 11, 20)),
        ("maintenance", True, date(2029, 11, 20)),
        ("maintenance", False, None),
        ("arrears", False, None),
        ("damage", True, None),
    ],
)
def test_registration_is_barred_only_after_a_judge_said_nuisance_or_neglect(
    ground: str, says_neglect: bool, until: date | None
) -> None:
    judged = replace(JUDGED, ground=ground, says_neglect=says_neglect)
    given(TERMINATION, *file(*IN_COURT, judged, SERVED, ANNOUNCED, EVICTED)).when(close_termination).then_it_holds(
        lambda events: events[0].registration_bar_until == until
    )
    given(TERMINATION, *file(POSTED, DATES, RenterLeft(keys_on=LATER))).when(
        close_termination, ground=ground
    ).then_it_holds(lambda events: events[0].registration_bar_until is None)


def test_nobody_bars_a_registration_that_no_judge_barred() -> None:
    def bar(events: list[Any]) -> bool:
        return events[0].registration_bar_until is None

    of_arrears = replace(JUDGED, ground="arrears")
    evicted = file(*IN_COURT, of_arrears, SERVED, ANNOUNCED, EVICTED)
    given(TERMINATION, *evicted).when(close_termination, ground="nuisance").then_it_holds(bar)
    left = file(POSTED, DATES, RenterLeft(keys_on=LATER))
    given(TERMINATION, *left).when(close_termination, mode="judicial_dissolution", ground="nuisance").then_it_holds(bar)


def test_who_leaves_while_a_condition_runs_was_not_dissolved_unless_somebody_says_so() -> None:
    conditional = replace(JUDGED, result="conditional", ground="nuisance", condition_until=date(2027, 5, 1))
    left = file(*IN_COURT, conditional, RenterLeft(keys_on=LATER))
    given(TERMINATION, *left).when(close_termination).then_refused(Unknown)
    given(TERMINATION, *left).when(close_termination, mode="mutual").then(
        TerminationClosed(outcome="ended", mode="mutual", ground="nuisance")
    )
    evicted = file(*IN_COURT, conditional, SERVED, ANNOUNCED, EVICTED)
    given(TERMINATION, *evicted).when(close_termination).then_it_holds(
        lambda events: events[0].mode == "judicial_dissolution" and events[0].registration_bar_until is not None
    )
