"""A letter's way from draft to proof, and the day on which it is communicated (domain 3.8, 9.3; edge cases 14.1)."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.notifications.events import (
    Addressee,
    CommunicationApprovalTakenBack,
    CommunicationDropped,
    CommunicationNotCollected,
    CommunicationRefused,
    CommunicationRepeated,
    CommunicationReturned,
    CommunicationSent,
    CommunicationSentAgain,
    LetterReached,
    ProofCorrected,
    Reached,
)
from services.notifications.rules.communication import (
    COMMUNICATION,
    Communication,
    Proof,
    approve,
    approve_reminder,
    correct_proof,
    draft,
    draft_from_fact,
    drop,
    drop_for,
    post_with_notice,
    record_delivered,
    record_not_collected,
    record_refused,
    record_returned,
    send,
    send_again,
    take_back_approval,
)
from services.notifications.rules.refusals import (
    AddresseeMissing,
    AddressUnchanged,
    ChannelNotAllowed,
    ContentMissing,
    DutchMissing,
    NotBadNewsSender,
    TranslationMissing,
)
from shared.contracts.visits import LeaseEndedV1, PartyLeftV1
from shared.decisions import Elsewhere
from shared.refusals import DateOrder, NoProof, ReasonMissing, SelfApproval, Unknown, WrongState
from tests.notifications.letters import (
    AGAIN,
    AN,
    APPROVED,
    BERT,
    CELIA,
    DECIDED,
    EVALUATION,
    FATMA,
    FROZEN,
    HANDED_OVER,
    KAREL,
    LEASE,
    LETTER,
    PROOF,
    RITA,
    SENT,
    TOM,
    WIM,
    annex,
    appointed,
    delivered,
    drafted,
    file_of,
    party,
    registered,
    sent,
    the_draft,
    to,
    words,
)
from tests.specification import given, recorded, state_of

READY: dict[str, Any] = {"today": DECIDED, "policy": "coordinator", "missing": (), "frozen": FROZEN}
BY_TOM: dict[str, Any] = {"by": TOM, "policy": "coordinator"}
TOLD: dict[str, Any] = {"id": LETTER, "letters": {}}
REACHED_AN = Reached(addressee=AN, party=AN, outcome="delivered", on=HANDED_OVER)
LETTER_REACHED = LetterReached(addressees=(REACHED_AN,), communicated_on=HANDED_OVER, sent_on=SENT)
ANEW: dict[str, Any] = {
    "id": LETTER,
    "again": AGAIN,
    "already": Communication(),
    "file": file_of(),
    "method": "handover",
    "on": date(2026, 6, 1),
}


# Draft


def test_a_persons_letter_is_drafted() -> None:
    given(COMMUNICATION).when(draft, drafted=the_draft(), official=True, missing=()).then(the_draft())


def test_the_same_draft_twice_is_one() -> None:
    given(COMMUNICATION, drafted()).when(draft, drafted=the_draft(), official=True, missing=()).then_nothing_happens()


def test_another_letter_under_the_same_id_is_refused() -> None:
    other = the_draft(text_nl=words("Iets anders"))
    given(COMMUNICATION, drafted()).when(draft, drafted=other, official=True, missing=()).then_refused(WrongState)


OUTSIDE = Addressee(addressee="x-1", role="other", name=words("Bo"), address=words("Kaai 1"))


def test_whoever_is_no_party_is_known_by_name_and_address() -> None:
    again = the_draft(to(AN), replace(OUTSIDE, addressee="x-2"))
    given(COMMUNICATION, drafted(to(AN), OUTSIDE)).when(
        draft, drafted=again, official=True, missing=()
    ).then_nothing_happens()


@pytest.mark.parametrize(
    "otherwise",
    [
        {"addressees": (to(AN), to(BERT))},
        {"addressees": (to(AN), OUTSIDE)},
        {"annexes": (annex("tr"),)},
        {"translation_waived_by": (AN,)},
    ],
)
def test_a_letter_to_others_or_with_other_annexes_is_another_letter(otherwise: dict[str, Any]) -> None:
    other = the_draft(**otherwise)
    given(COMMUNICATION, drafted()).when(draft, drafted=other, official=True, missing=()).then_refused(WrongState)


def test_ec_23_an_official_letter_with_only_a_turkish_text_is_not_drafted() -> None:
    given(COMMUNICATION).when(draft, drafted=None, official=True, missing=("reasons",)).then_refused(DutchMissing)


def test_each_missing_part_is_named() -> None:
    given(COMMUNICATION).when(draft, drafted=the_draft(), official=True, missing=("reasons", "count")).then_refused(
        ContentMissing, "reasons", "count"
    )


def test_a_message_without_words_is_not_drafted() -> None:
    given(COMMUNICATION).when(draft, drafted=None, official=False, missing=()).then_refused(ContentMissing, "text")


def test_who_is_no_party_gets_no_letter() -> None:
    given(COMMUNICATION).when(
        draft, drafted=the_draft(), official=True, missing=(), unknown=("p-unknown",)
    ).then_refused(Unknown)


def test_one_fact_asks_for_one_draft() -> None:
    given(COMMUNICATION).when(draft_from_fact, drafted=the_draft()).then(the_draft())
    given(COMMUNICATION, drafted()).when(draft_from_fact, drafted=the_draft()).then_nothing_happens()


# Approve


def test_the_coordinator_approves_bad_news() -> None:
    given(COMMUNICATION, drafted()).when(approve, by=KAREL, **READY).then(FROZEN)


def test_approving_twice_is_once() -> None:
    given(COMMUNICATION, drafted(), APPROVED).when(approve, by=KAREL, **READY).then_nothing_happens()


def test_what_another_approved_is_not_approved_again() -> None:
    given(COMMUNICATION, drafted(), APPROVED).when(approve, by=WIM, **READY).then_refused(WrongState)


def test_the_counsellor_brings_no_bad_news_where_the_coordinator_does() -> None:
    given(COMMUNICATION, drafted()).when(approve, by=FATMA, **READY).then_refused(NotBadNewsSender)


def test_the_counsellor_brings_bad_news_where_the_office_chose_so() -> None:
    given(COMMUNICATION, drafted()).when(approve, by=FATMA, **{**READY, "policy": "counsellor"}).then(FROZEN)


def test_administration_never_approves_bad_news() -> None:
    given(COMMUNICATION, drafted()).when(approve, by=TOM, **{**READY, "policy": "counsellor"}).then_refused(
        NotBadNewsSender
    )


def test_only_the_director_approves_a_notice() -> None:
    notice = drafted(kind="L-09", about_kind="termination", about_id="t-1")
    given(COMMUNICATION, notice).when(approve, by=KAREL, **READY).then_refused(NotBadNewsSender)
    given(COMMUNICATION, notice).when(approve, by=RITA, **READY).then(FROZEN)


def test_an_invitation_to_the_hearing_is_approved_by_coordinator_or_director() -> None:
    hearing = drafted(kind="L-08", about_kind="termination", actor="karel")
    given(COMMUNICATION, hearing).when(approve, by=FATMA, **{**READY, "policy": "counsellor"}).then_refused(
        NotBadNewsSender
    )
    given(COMMUNICATION, hearing).when(approve, by=WIM, **READY).then(FROZEN)


def test_who_decided_the_contest_approves_its_letter() -> None:
    upheld = drafted(kind="L-07", senders=("wim",))
    given(COMMUNICATION, upheld).when(approve, by=WIM, **READY).then(FROZEN)
    given(COMMUNICATION, upheld).when(approve, by=KAREL, **READY).then_refused(NotBadNewsSender)


def test_good_news_may_be_approved_by_administration() -> None:
    given(COMMUNICATION, drafted(kind="L-06", bad_news=False)).when(approve, by=TOM, **READY).then(FROZEN)


def test_who_drafted_bad_news_does_not_approve_it() -> None:
    given(COMMUNICATION, drafted(actor="karel")).when(approve, by=KAREL, **READY).then_refused(SelfApproval)
    given(COMMUNICATION, drafted(actor="karel")).when(approve, by=WIM, **READY).then(FROZEN)


def test_an_incomplete_system_draft_is_not_approved() -> None:
    given(COMMUNICATION, drafted()).when(approve, by=KAREL, **{**READY, "missing": ("landlord",)}).then_refused(
        ContentMissing, "landlord"
    )


def test_a_notice_whose_dates_no_longer_hold_is_not_approved() -> None:
    notice = drafted(kind="L-09", about_kind="termination", about_id="t-1")
    given(COMMUNICATION, notice).when(approve, by=RITA, **{**READY, "frozen": None}).then_refused(
        ContentMissing, "notice_dates"
    )


def test_ec_23_bad_news_without_a_turkish_annex_is_not_approved() -> None:
    given(COMMUNICATION, drafted(to(AN, "tr"))).when(approve, by=KAREL, **READY).then_refused(TranslationMissing)


def test_ec_23_with_the_annex_it_is_approved() -> None:
    given(COMMUNICATION, drafted(to(AN, "tr"), annexes=(annex("tr"),))).when(approve, by=KAREL, **READY).then(FROZEN)


def test_ec_23_or_when_the_renter_waived_it() -> None:
    waived = drafted(to(AN, "tr"), translation_waived_by=(AN,))
    given(COMMUNICATION, waived).when(approve, by=KAREL, **READY).then(FROZEN)


def test_on_a_welcome_letter_a_missing_annex_is_a_warning() -> None:
    welcome = drafted(to(AN, "tr"), kind="L-01", about_kind="lease", about_id=LEASE, bad_news=False)
    given(COMMUNICATION, welcome).when(approve, by=TOM, **READY).then(FROZEN)
    assert state_of(COMMUNICATION, welcome).warns_of_translation() == (to(AN, "tr"),)


def test_the_system_approves_its_own_reminders_and_nothing_else() -> None:
    reminder = drafted(kind="L-16", bad_news=False)
    given(COMMUNICATION, reminder).when(approve_reminder, frozen=FROZEN).then(FROZEN)
    given(COMMUNICATION, drafted()).when(approve_reminder, frozen=FROZEN).then_nothing_happens()


def test_an_approval_under_a_mandate_that_had_ended_is_taken_back() -> None:
    back = CommunicationApprovalTakenBack(mandate="m-1", person="karel")
    facts = {"approval": "ev-approved", "mandate": "m-1", "person": "karel"}
    given(COMMUNICATION, drafted(), APPROVED).when(take_back_approval, **facts).then(back)
    given(COMMUNICATION, drafted(), APPROVED, sent()).when(take_back_approval, **facts).then_nothing_happens()
    assert state_of(COMMUNICATION, drafted(), APPROVED, back).state == "draft"


# Drop


def test_a_draft_is_dropped_by_its_drafter_or_its_sender() -> None:
    given(COMMUNICATION, drafted(actor="fatma")).when(drop, by=FATMA, policy="coordinator").then(CommunicationDropped())
    given(COMMUNICATION, drafted()).when(drop, by=KAREL, policy="coordinator").then(CommunicationDropped())
    given(COMMUNICATION, drafted()).when(drop, by=FATMA, policy="coordinator").then_refused(NotBadNewsSender)


def test_dropping_twice_is_once_and_what_was_sent_is_not_dropped() -> None:
    gone = recorded(CommunicationDropped())
    given(COMMUNICATION, drafted(), gone).when(drop, by=KAREL, policy="coordinator").then_nothing_happens()
    given(COMMUNICATION, drafted(), APPROVED, sent()).when(drop, by=KAREL, policy="coordinator").then_refused(
        WrongState
    )


def test_a_letter_whose_count_no_longer_holds_is_dropped_unless_it_was_sent() -> None:
    facts: dict[str, Any] = {"because": "count_restated", "replaced_by": AGAIN}
    given(COMMUNICATION, drafted(), APPROVED).when(drop_for, **facts).then(
        CommunicationDropped(because="count_restated", replaced_by=AGAIN)
    )
    given(COMMUNICATION, drafted(), APPROVED, sent()).when(drop_for, **facts).then_nothing_happens()


# Send


def test_bad_news_goes_registered() -> None:
    given(COMMUNICATION, drafted(), APPROVED).when(
        send, **BY_TOM, method="registered_paper", on=SENT, file=file_of()
    ).then(sent())


def test_sending_twice_the_same_way_is_once() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent()).when(
        send, **BY_TOM, method="registered_paper", on=SENT, file=file_of()
    ).then_nothing_happens()


def test_the_number_of_a_letter_that_left_is_not_taken_for_another() -> None:
    left = replace(sent(), tracking=words("RR1"))
    facts: dict[str, Any] = {**BY_TOM, "method": "registered_paper", "on": SENT, "file": file_of()}
    base = given(COMMUNICATION, drafted(), APPROVED, left)
    base.when(send, **facts, tracking=words("RR1")).then_nothing_happens()
    base.when(send, **facts).then_nothing_happens()
    base.when(send, **facts, tracking=words("RR2")).then_refused(WrongState)


@pytest.mark.parametrize("chat", ["sms", "whatsapp", "facebook", "email", "letter", "phone"])
def test_bad_news_never_goes_by_chat_or_plain_post(chat: str) -> None:
    given(COMMUNICATION, drafted(), APPROVED).when(send, **BY_TOM, method=chat, on=SENT, file=file_of()).then_refused(
        ChannelNotAllowed
    )


def test_the_counsellor_does_not_send_what_the_counsellor_may_not_bring() -> None:
    facts: dict[str, Any] = {"by": FATMA, "method": "handover", "on": SENT, "file": file_of()}
    base = given(COMMUNICATION, drafted(), APPROVED)
    base.when(send, policy="coordinator", **facts).then_refused(NotBadNewsSender)
    base.when(send, policy="counsellor", **facts).then(sent(method="handover"))


def test_a_draft_is_not_sent() -> None:
    given(COMMUNICATION, drafted()).when(send, **BY_TOM, method="handover", on=SENT, file=file_of()).then_refused(
        WrongState
    )


def test_a_notice_is_posted_by_evaluations_only() -> None:
    notice = drafted(kind="L-09", about_kind="termination", about_id="t-1")
    given(COMMUNICATION, notice, APPROVED).when(
        send, **BY_TOM, method="registered_paper", on=SENT, file=file_of()
    ).then_refused(WrongState)
    given(COMMUNICATION, notice, APPROVED).when(
        post_with_notice, method="registered_paper", on=SENT, file=file_of()
    ).then(sent())
    given(COMMUNICATION, drafted(), APPROVED).when(
        post_with_notice, method="registered_paper", on=SENT, file=file_of()
    ).then_nothing_happens()


def test_the_spouse_is_not_forgotten() -> None:
    married = file_of(registered(party(AN), party(BERT, "spouse")))
    given(COMMUNICATION, drafted(), APPROVED).when(
        send, **BY_TOM, method="registered_paper", on=SENT, file=married
    ).then_refused(AddresseeMissing, "party")


def test_a_household_member_need_not_be_addressed() -> None:
    family = file_of(registered(party(AN), party(BERT, "household_member")))
    given(COMMUNICATION, drafted(), APPROVED).when(
        send, **BY_TOM, method="registered_paper", on=SENT, file=family
    ).then(sent())


def test_ec_21_who_left_the_lease_before_the_letter_date_is_left_out() -> None:
    left = PartyLeftV1(lease=LEASE, party=BERT, left_on=date(2026, 5, 1))
    divorced = file_of(registered(party(AN), party(BERT, "spouse")), left)
    given(COMMUNICATION, drafted(to(AN), to(BERT)), APPROVED).when(
        send, **BY_TOM, method="registered_paper", on=SENT, file=divorced
    ).then(CommunicationSent(method="registered_paper", sent_on=SENT, required=(AN,), left_out=(BERT,)))


def test_ec_22_an_administrator_appointed_after_the_letter_date_is_not_required() -> None:
    april = file_of(registered(), appointed(date(2026, 4, 1)))
    given(COMMUNICATION, drafted(), APPROVED).when(
        send, **BY_TOM, method="registered_paper", on=date(2026, 3, 30), file=april
    ).then(sent(on=date(2026, 3, 30)))
    given(COMMUNICATION, drafted(), APPROVED).when(
        send, **BY_TOM, method="registered_paper", on=date(2026, 4, 1), file=april
    ).then_refused(AddresseeMissing, "administrator")


def test_an_administrator_of_goods_gets_a_copy_and_is_not_required() -> None:
    goods = file_of(registered(), appointed(date(2026, 1, 1), "goods"))
    given(COMMUNICATION, drafted(), APPROVED).when(send, **BY_TOM, method="handover", on=SENT, file=goods).then(
        sent(method="handover")
    )


# What became of it


def test_a_delivery_to_the_only_renter_makes_the_letter_reach() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent()).when(
        record_delivered, addressee=AN, on=HANDED_OVER, proof=PROOF, **TOLD
    ).then(delivered(), LETTER_REACHED)


def test_ec_02_two_proofs_of_one_delivery_are_one_event() -> None:
    scanned = Proof(kind="receipt", reference=words("scan 2"))
    given(COMMUNICATION, drafted(), APPROVED, sent(), delivered(), recorded(LETTER_REACHED)).when(
        record_delivered, addressee=AN, on=HANDED_OVER, proof=scanned, **TOLD
    ).then_nothing_happens()


def test_another_date_is_a_correction_and_not_a_second_delivery() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent(), delivered()).when(
        record_delivered, addressee=AN, on=date(2026, 5, 14), proof=PROOF, **TOLD
    ).then_refused(WrongState)


def test_ec_03_a_letter_that_was_not_collected_is_not_communicated() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent()).when(
        record_not_collected, addressee=AN, on=date(2026, 5, 28), **TOLD
    ).then(CommunicationNotCollected(addressee=AN, not_collected_on=date(2026, 5, 28)))


def test_ec_04_the_proof_typed_in_later_gives_the_day_of_the_handover() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent(method="handover", on=HANDED_OVER)).when(
        record_delivered, addressee=AN, on=HANDED_OVER, proof=PROOF, **TOLD
    ).then(
        delivered(),
        LetterReached(addressees=(REACHED_AN,), communicated_on=HANDED_OVER, sent_on=HANDED_OVER),
    )


def test_who_refuses_the_letter_got_to_know_that_day() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent()).when(
        record_refused, addressee=AN, on=HANDED_OVER, **TOLD
    ).then_it_holds(lambda events: events[1].communicated_on == HANDED_OVER)


def test_what_came_back_is_not_communicated() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent()).when(record_returned, addressee=AN, on=HANDED_OVER, **TOLD).then(
        CommunicationReturned(addressee=AN, returned_on=HANDED_OVER)
    )


def test_the_same_outcome_twice_is_one() -> None:
    base = (COMMUNICATION, drafted(), APPROVED, sent())
    not_collected = CommunicationNotCollected(addressee=AN, not_collected_on=HANDED_OVER)
    refused = CommunicationRefused(addressee=AN, refused_on=HANDED_OVER)
    returned = CommunicationReturned(addressee=AN, returned_on=HANDED_OVER)
    facts: dict[str, Any] = {"addressee": AN, "on": HANDED_OVER, **TOLD}
    given(*base, not_collected).when(record_not_collected, **facts).then_nothing_happens()
    given(*base, refused).when(record_refused, **facts).then_nothing_happens()
    given(*base, returned).when(record_returned, **facts).then_nothing_happens()


def test_the_letter_has_reached_when_both_spouses_are_reached_and_the_latest_day_counts() -> None:
    base = (COMMUNICATION, drafted(to(AN), to(BERT)), APPROVED, sent(AN, BERT))
    given(*base).when(record_delivered, addressee=AN, on=HANDED_OVER, proof=PROOF, **TOLD).then(delivered())
    given(*base, delivered()).when(
        record_delivered, addressee=BERT, on=date(2026, 5, 20), proof=PROOF, **TOLD
    ).then_it_holds(lambda events: events[1].communicated_on == date(2026, 5, 20))


def test_a_copy_never_decides_whether_a_letter_has_reached() -> None:
    copy = to(CELIA, None, copy=True)
    given(COMMUNICATION, drafted(to(AN), copy), APPROVED, sent()).when(
        record_returned, addressee=CELIA, on=HANDED_OVER, **TOLD
    ).then(CommunicationReturned(addressee=CELIA, returned_on=HANDED_OVER))


def test_nothing_arrives_before_it_was_sent() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent()).when(
        record_delivered, addressee=AN, on=date(2026, 5, 10), proof=PROOF, **TOLD
    ).then_refused(DateOrder)


def test_a_delivery_needs_a_proof() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent()).when(
        record_delivered, addressee=AN, on=HANDED_OVER, proof=None, **TOLD
    ).then_refused(NoProof)


def test_signed_by_another_without_written_proxy_is_no_delivery() -> None:
    base = given(COMMUNICATION, drafted(), APPROVED, sent())
    facts: dict[str, Any] = {"addressee": AN, "on": HANDED_OVER, "proof": PROOF, "signed_by_other": True, **TOLD}
    base.when(record_delivered, **facts).then_refused(NoProof)
    base.when(record_delivered, written_proxy=True, **facts).then(delivered(), LETTER_REACHED)


def test_signed_by_a_minor_is_never_a_delivery() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent()).when(
        record_delivered,
        addressee=AN,
        on=HANDED_OVER,
        proof=PROOF,
        signed_by_other=True,
        written_proxy=True,
        signed_by_minor=True,
        **TOLD,
    ).then_refused(NoProof)


def test_nobody_else_can_be_delivered_to() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent()).when(
        record_delivered, addressee=BERT, on=HANDED_OVER, proof=PROOF, **TOLD
    ).then_refused(Unknown)


def test_nothing_became_yet_of_what_was_not_sent() -> None:
    given(COMMUNICATION, drafted(), APPROVED).when(record_refused, addressee=AN, on=HANDED_OVER, **TOLD).then_refused(
        WrongState
    )


# Notices


def test_a_notice_that_was_not_collected_stands() -> None:
    notice = drafted(to(AN), to(BERT), kind="L-09", about_kind="termination", about_id="t-1")
    base = (COMMUNICATION, notice, APPROVED, sent(AN, BERT), delivered())
    given(*base).when(record_not_collected, addressee=BERT, on=date(2026, 5, 28), **TOLD).then_it_holds(
        lambda events: (
            events[1].communicated_on == HANDED_OVER
            and [one.outcome for one in events[1].addressees] == ["delivered", "not_collected"]
        )
    )


def test_of_a_notice_that_was_not_collected_a_copy_goes_by_ordinary_post() -> None:
    notice = drafted(kind="L-09", about_kind="termination", about_id="t-1")
    missed = CommunicationNotCollected(addressee=AN, not_collected_on=date(2026, 5, 28))
    given(COMMUNICATION, notice, APPROVED, sent(), missed).when(
        send_again, **{**ANEW, "method": "letter", "on": date(2026, 5, 28)}
    ).then_it_holds(lambda events: events[0].method == "letter")


def test_a_notice_that_came_back_leaves_again_only_while_the_dates_it_states_hold() -> None:
    notice = drafted(kind="L-09", about_kind="termination", about_id="t-1")
    back = CommunicationReturned(addressee=AN, returned_on=date(2026, 5, 20))
    again: dict[str, Any] = {**ANEW, "method": "registered_electronic", "post_until": date(2026, 5, 26)}
    base = given(COMMUNICATION, notice, APPROVED, sent(), back)
    base.when(send_again, **{**again, "on": date(2026, 5, 26)}).then_it_holds(lambda events: len(events) == 2)
    base.when(send_again, **{**again, "on": date(2026, 5, 27)}).then_refused(ContentMissing, "notice_dates")


# Corrected proofs


CORRECTION: dict[str, Any] = {"addressee": AN, "outcome": "delivered", "on": date(2026, 5, 15), "why": words("typo")}
REACHED = recorded(LETTER_REACHED, id="ev-reached")


def test_a_corrected_date_is_told_again_and_supersedes() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent(), delivered(), REACHED).when(
        correct_proof, **CORRECTION, **TOLD
    ).then(
        ProofCorrected(
            addressee=AN,
            outcome="delivered",
            on=date(2026, 5, 15),
            why=words("typo"),
            proof_kind="carrier",
            reference=words("RR 123 BE"),
        ),
        LetterReached(
            addressees=(Reached(addressee=AN, party=AN, outcome="delivered", on=date(2026, 5, 15)),),
            communicated_on=date(2026, 5, 15),
            sent_on=SENT,
            supersedes="ev-reached",
        ),
    )


def test_a_delivery_that_was_none_takes_the_communication_back() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent(), delivered(), REACHED).when(
        correct_proof, **{**CORRECTION, "outcome": "returned"}, **TOLD
    ).then_it_holds(
        lambda events: (
            events[1] == LetterReached(addressees=(), communicated_on=None, sent_on=SENT, supersedes="ev-reached")
        )
    )


def test_the_same_correction_twice_is_one() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent(), delivered()).when(
        correct_proof, **{**CORRECTION, "on": HANDED_OVER}, **TOLD
    ).then_nothing_happens()


def test_a_correction_needs_a_reason_a_proof_and_something_to_correct() -> None:
    missed = CommunicationNotCollected(addressee=AN, not_collected_on=HANDED_OVER)
    base = (COMMUNICATION, drafted(), APPROVED, sent())
    given(*base, delivered()).when(correct_proof, **{**CORRECTION, "why": None}, **TOLD).then_refused(ReasonMissing)
    given(*base, missed).when(correct_proof, **CORRECTION, **TOLD).then_refused(NoProof)
    given(*base, missed).when(correct_proof, **CORRECTION, proof=PROOF, **TOLD).then_it_holds(
        lambda events: events[1].communicated_on == date(2026, 5, 15)
    )
    given(*base).when(correct_proof, **CORRECTION, **TOLD).then_refused(WrongState)
    given(*base, delivered()).when(correct_proof, **{**CORRECTION, "on": DECIDED}, **TOLD).then_refused(DateOrder)


# Send again


MISSED = CommunicationNotCollected(addressee=AN, not_collected_on=date(2026, 5, 28))
RETURNED = CommunicationReturned(addressee=AN, returned_on=date(2026, 5, 28))
SENT_AGAIN = CommunicationSentAgain(again=AGAIN, addressees=(AN,), method="handover", sent_on=date(2026, 6, 1))
REPEATED = CommunicationRepeated(
    lease=LEASE,
    kind="L-05",
    about_kind="evaluation",
    about_id=EVALUATION,
    first=LETTER,
    after=LETTER,
    addressees=(to(AN),),
    document="d0c",
    bad_news=True,
    method="handover",
    sent_on=date(2026, 6, 1),
    required=(AN,),
)


def test_what_was_not_collected_is_sent_again_as_a_communication_of_its_own() -> None:
    given(COMMUNICATION, drafted(), APPROVED, sent(), MISSED).when(send_again, **ANEW).then(
        SENT_AGAIN, Elsewhere(COMMUNICATION, AGAIN, REPEATED)
    )


def test_sending_again_twice_under_one_id_is_once() -> None:
    again = {**ANEW, "already": state_of(COMMUNICATION, recorded(REPEATED, on=SENT))}
    base = given(COMMUNICATION, drafted(), APPROVED, sent(), MISSED, SENT_AGAIN)
    base.when(send_again, **again).then_nothing_happens()
    for otherwise in (
        {"method": "registered_paper"},
        {"on": date(2026, 6, 2)},
        {"tracking": words("RR1")},
        {"addresses": {AN: words("Nieuwstraat 3")}},
    ):
        base.when(send_again, **{**again, **otherwise}).then_refused(WrongState)


def test_what_is_sent_again_takes_the_place_of_no_other_letter() -> None:
    letter = (drafted(), APPROVED, sent(), MISSED)
    for there in (letter, (drafted(kind="L-03", about_kind="visit"),)):
        given(COMMUNICATION, *letter).when(
            send_again, **{**ANEW, "already": state_of(COMMUNICATION, *there)}
        ).then_refused(WrongState)


def test_what_came_back_does_not_go_the_same_way_to_the_same_address() -> None:
    base = given(COMMUNICATION, drafted(), APPROVED, sent(), RETURNED)
    base.when(send_again, **{**ANEW, "method": "registered_paper"}).then_refused(AddressUnchanged)
    base.when(
        send_again, **{**ANEW, "method": "registered_paper"}, addresses={AN: words("Nieuwstraat 3")}
    ).then_it_holds(lambda events: events[1].event.addressees[0].address == words("Nieuwstraat 3"))


def test_again_does_not_mean_by_chat_nor_earlier_nor_to_who_has_it() -> None:
    base = given(COMMUNICATION, drafted(), APPROVED, sent(), MISSED)
    base.when(send_again, **{**ANEW, "method": "sms"}).then_refused(ChannelNotAllowed)
    base.when(send_again, **{**ANEW, "on": date(2026, 5, 27)}).then_refused(DateOrder)
    given(COMMUNICATION, drafted(), APPROVED, sent(), delivered()).when(send_again, **ANEW).then_refused(WrongState)


def test_nobody_who_is_named_is_silently_left_out_when_it_is_sent_again() -> None:
    received = (drafted(to(AN), to(BERT)), APPROVED, sent(AN, BERT), MISSED, delivered(BERT))
    base = given(COMMUNICATION, *received)
    base.when(send_again, **ANEW).then_it_holds(lambda events: events[0].addressees == (AN,))
    base.when(send_again, **ANEW, addressees=(AN, BERT)).then_refused(WrongState)
    base.when(send_again, **ANEW, addresses={BERT: words("Nieuwstraat 3")}).then_refused(WrongState)
    base.when(send_again, **ANEW, addressees=(AN, "nobody")).then_refused(Unknown)
    unheard = given(COMMUNICATION, drafted(to(AN), to(BERT)), APPROVED, sent(AN, BERT), MISSED)
    unheard.when(send_again, **ANEW, addressees=(AN, BERT)).then_refused(WrongState)
    went = {**ANEW, "already": state_of(COMMUNICATION, recorded(REPEATED, on=SENT))}
    given(COMMUNICATION, *received, SENT_AGAIN).when(send_again, **went, addressees=(AN, BERT)).then_refused(WrongState)


def test_again_means_to_nobody_who_died() -> None:
    base = given(COMMUNICATION, drafted(), APPROVED, sent(), MISSED)
    died = LeaseEndedV1(lease=LEASE, mode="by_law", ground="death_last_renter", ended_on=date(2026, 5, 30))
    base.when(send_again, **{**ANEW, "file": file_of(registered(), died)}).then_refused(AddresseeMissing)


def test_the_delivery_of_the_second_sending_makes_the_first_letter_reach() -> None:
    first = state_of(COMMUNICATION, drafted(), APPROVED, sent(), MISSED, SENT_AGAIN)
    second = state_of(COMMUNICATION, REPEATED)
    given(COMMUNICATION, REPEATED).when(
        record_delivered,
        id=AGAIN,
        letters={LETTER: first, AGAIN: second},
        addressee=AN,
        on=date(2026, 6, 1),
        proof=PROOF,
    ).then(
        delivered(on=date(2026, 6, 1)),
        Elsewhere(
            COMMUNICATION,
            LETTER,
            LetterReached(
                addressees=(Reached(addressee=AN, party=AN, outcome="delivered", on=date(2026, 6, 1)),),
                communicated_on=date(2026, 6, 1),
                sent_on=SENT,
            ),
        ),
    )


def test_one_spouse_by_the_first_sending_and_the_other_by_the_second() -> None:
    first = state_of(
        COMMUNICATION,
        drafted(to(AN), to(BERT)),
        APPROVED,
        sent(AN, BERT),
        delivered(),
        CommunicationNotCollected(addressee=BERT, not_collected_on=date(2026, 5, 28)),
    )
    only_bert = state_of(COMMUNICATION, recorded(REPEATED), recorded(delivered()))
    repeated = CommunicationRepeated(**{**REPEATED.__dict__, "addressees": (to(BERT),), "required": (BERT,)})
    assert only_bert.state == "delivered"
    given(COMMUNICATION, repeated).when(
        record_delivered,
        id=AGAIN,
        letters={LETTER: first, AGAIN: state_of(COMMUNICATION, repeated)},
        addressee=BERT,
        on=date(2026, 6, 1),
        proof=PROOF,
    ).then_it_holds(
        lambda events: (
            events[1].id == LETTER
            and events[1].event.communicated_on == date(2026, 6, 1)
            and {one.addressee: one.on for one in events[1].event.addressees}
            == {AN: HANDED_OVER, BERT: date(2026, 6, 1)}
        )
    )


def test_the_state_of_a_letter_is_the_one_of_who_is_least_far() -> None:
    base = (COMMUNICATION, drafted(to(AN), to(BERT)))
    assert state_of(*base).state == "draft"
    assert state_of(*base, APPROVED).state == "approved"
    assert state_of(*base, APPROVED, sent(AN, BERT)).state == "sent"
    assert state_of(*base, APPROVED, sent(AN, BERT), delivered()).state == "sent"
    assert state_of(*base, APPROVED, sent(AN, BERT), delivered(), delivered(BERT)).state == "delivered"
