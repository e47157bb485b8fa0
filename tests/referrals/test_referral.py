"""From an offer of help to the help itself (domain 3.7)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.referrals.events import (
    CalledTogether,
    ContactDetailsGiven,
    IntakeConfirmed,
    PartnerCovered,
    PartnerListed,
    PartnerNoLongerCovered,
    PartnerRetired,
    ReferralAccompanied,
    ReferralBrokenOff,
    ReferralConsentAsked,
    ReferralConsentGiven,
    ReferralConsentRefused,
    ReferralConsentWithdrawn,
    ReferralFellSilent,
    ReferralFinished,
    ReferralForgotten,
    ReferralOffered,
    ReferralProposed,
)
from services.referrals.rules.lease import LEASE
from services.referrals.rules.offer import OFFER
from services.referrals.rules.partner import PARTNER
from services.referrals.rules.referral import (
    REFERRAL,
    NoProtocol,
    ShareListMissing,
    accompany,
    ask_consent,
    break_off_referral,
    call_together,
    confirm_intake,
    fall_silent,
    finish_referral,
    forget,
    give_consent,
    give_contact_details,
    propose_referral,
    refuse_consent,
    silent_on,
    withdraw_consent,
)
from services.referrals.rules.refusals import NoConsent
from shared.contracts.visits import (
    CounsellorAssignedV1,
    LeaseEndedV1,
    LeaseRegisteredV1,
    LeaseStartedV1,
    NoticeRunningV1,
)
from shared.decisions import Elsewhere
from shared.holds import Holds
from shared.refusals import DateOrder, Unknown, WrongState
from tests.referrals import words
from tests.specification import given, state_of

MARCH_2, MARCH_3, MARCH_9, MARCH_10 = (date(2026, 3, day) for day in (2, 3, 9, 10))

REGISTERED = LeaseRegisteredV1(
    lease="l-1",
    dwelling_reference=words("KM-17"),
    dwelling_address=words("Kerkstraat 1"),
    landlord=words("Woonkans"),
    parties=(),
    start=date(2026, 1, 5),
    informed_on=date(2026, 1, 5),
    policy_version="P-1",
    first_visit_due=date(2026, 1, 26),
)
STARTED = LeaseStartedV1(lease="l-1", start=date(2026, 1, 5), counsellor="nora")
RUNNING = state_of(LEASE, REGISTERED, STARTED)
ENDED = state_of(
    LEASE,
    REGISTERED,
    STARTED,
    LeaseEndedV1(lease="l-1", mode="renter_notice", ground="moved_on", ended_on=MARCH_2),
)

LISTED = PartnerListed(kind="debt_mediation", name=words("Budgethulp"), silent_after_days=14)
COVERED = PartnerCovered(protocol="pr-1", in_force_from=date(2026, 1, 1), in_force_until=date(2026, 12, 31))
BUDGET_HELP = state_of(PARTNER, LISTED, COVERED)
WITHOUT_PROTOCOL = state_of(PARTNER, LISTED)

NAME, PHONE, DEBTS = words("naam"), words("telefoon"), words("schulden")

PROPOSED = ReferralProposed(lease="l-1", proposed_on=MARCH_2, need=words("money"), partner=words("p-1"))
ASKED = ReferralConsentAsked(asked_on=MARCH_2, explained_in=words("tr"), what_is_shared=(NAME, PHONE))
AGREED = ReferralConsentGiven(given_on=MARCH_3, scope=(NAME, PHONE), form=words("signed"))
AGREED_TO_NO_SHARING = ReferralConsentGiven(given_on=MARCH_3, scope=())
REFUSED = ReferralConsentRefused(refused_on=MARCH_3)
WITHDRAWN = ReferralConsentWithdrawn(withdrawn_on=MARCH_9, tell_partner=True, counsellor="nora")
TO_PARTNER = ContactDetailsGiven(given_on=MARCH_9, to="partner", given_by="nora", protocol="pr-1")
TO_RENTER = ContactDetailsGiven(given_on=MARCH_9, to="renter", given_by="nora")
CALLED = CalledTogether(called_on=MARCH_9, called_by="nora", minutes=20, protocol="pr-1")
WENT_ALONG = ReferralAccompanied(accompanied_on=MARCH_10, accompanied_by="nora")
INTAKE = IntakeConfirmed(intake_on=MARCH_10, confirmed_by=words("onthaal"))
FINISHED = ReferralFinished(finished_on=MARCH_10)
BROKEN_OFF = ReferralBrokenOff(broken_off_on=MARCH_10, by=words("renter"))

AGREED_REFERRAL = (PROPOSED, ASKED, AGREED)


def propose(**other: object) -> dict[str, object]:
    return {
        "lease": RUNNING,
        "of_lease": "l-1",
        "offer": "o-1",
        "partner": BUDGET_HELP,
        "to_partner": words("p-1"),
        "need": words("money"),
        "on": MARCH_2,
        **other,
    }


# Offering


def test_help_is_proposed_and_that_it_was_offered_is_recorded_apart() -> None:
    offered = Elsewhere(OFFER, "o-1", ReferralOffered(lease="l-1", offered_on=MARCH_2))
    given(REFERRAL).when(propose_referral, **propose()).then(PROPOSED, offered)


def test_an_offer_says_the_lease_and_the_day_and_nothing_else() -> None:
    assert set(ReferralOffered.__dataclass_fields__) == {"lease", "offered_on"}


def test_the_same_proposal_twice_is_one_offer() -> None:
    given(REFERRAL, PROPOSED).when(propose_referral, **propose()).then_nothing_happens()


def test_another_proposal_does_not_take_the_place_of_one() -> None:
    given(REFERRAL, PROPOSED).when(propose_referral, **propose(need=words("health"))).then_refused(WrongState)


def test_nobody_is_referred_to_a_partner_who_is_not_in_the_directory() -> None:
    given(REFERRAL).when(propose_referral, **propose(partner=PARTNER.initial)).then_refused(Unknown)


def test_nobody_is_referred_to_a_retired_partner() -> None:
    retired = state_of(PARTNER, LISTED, PartnerRetired(retired_on=MARCH_2))
    given(REFERRAL).when(propose_referral, **propose(partner=retired)).then_refused(Unknown)


def test_help_is_offered_while_a_notice_runs() -> None:
    under_notice = state_of(LEASE, REGISTERED, STARTED, NoticeRunningV1(lease="l-1"))
    given(REFERRAL).when(propose_referral, **propose(lease=under_notice)).then_it_holds(lambda events: len(events) == 2)


def test_no_help_is_offered_on_a_lease_that_has_ended() -> None:
    given(REFERRAL).when(propose_referral, **propose(lease=ENDED)).then_refused(WrongState)


# Consent


def test_consent_is_asked_after_telling_what_would_be_shared() -> None:
    given(REFERRAL, PROPOSED).when(
        ask_consent, what_is_shared=[NAME, PHONE], explained_in=words("tr"), on=MARCH_2
    ).then(ASKED)


def test_consent_is_not_asked_for_sharing_one_knows_not_what() -> None:
    given(REFERRAL, PROPOSED).when(ask_consent, what_is_shared=[], explained_in=words("nl"), on=MARCH_2).then_refused(
        ShareListMissing
    )


def test_consent_asked_twice_in_the_same_way_is_asked_once() -> None:
    given(REFERRAL, PROPOSED, ASKED).when(
        ask_consent, what_is_shared=[NAME, PHONE], explained_in=words("TR"), on=MARCH_2
    ).then_nothing_happens()


def test_consent_is_asked_once_only() -> None:
    given(REFERRAL, PROPOSED, ASKED).when(
        ask_consent, what_is_shared=[DEBTS], explained_in=words("tr"), on=MARCH_3
    ).then_refused(WrongState)


def test_the_renter_agrees_within_a_scope() -> None:
    given(REFERRAL, PROPOSED, ASKED).when(give_consent, on=MARCH_3, scope=[NAME, PHONE], form=words("signed")).then(
        AGREED
    )


def test_a_consent_given_twice_is_one_consent() -> None:
    given(REFERRAL, *AGREED_REFERRAL, CALLED).when(
        give_consent, on=MARCH_3, scope=[NAME, PHONE], form=words("signed")
    ).then_nothing_happens()


def test_consent_that_nobody_asked_for_is_not_recorded() -> None:
    given(REFERRAL, PROPOSED).when(give_consent, on=MARCH_3, scope=[NAME]).then_refused(WrongState)


def test_ec_30_a_renter_who_refuses_ends_the_referral() -> None:
    given(REFERRAL, PROPOSED, ASKED).when(refuse_consent, on=MARCH_3).then(REFUSED)


def test_refusing_twice_is_refusing_once() -> None:
    given(REFERRAL, PROPOSED, ASKED, REFUSED).when(refuse_consent, on=MARCH_9).then_nothing_happens()


def test_consent_that_was_given_is_withdrawn_and_not_refused() -> None:
    given(REFERRAL, *AGREED_REFERRAL).when(refuse_consent, on=MARCH_9).then_refused(WrongState)


def test_ec_30_nothing_follows_a_refusal() -> None:
    refused = given(REFERRAL, PROPOSED, ASKED, REFUSED)
    refused.when(give_consent, on=MARCH_9, scope=[NAME]).then_refused(WrongState)
    refused.when(call_together, partner=BUDGET_HELP, called_by="nora", on=MARCH_9).then_refused(WrongState)
    refused.when(accompany, accompanied_by="nora", on=MARCH_9).then_refused(WrongState)
    refused.when(give_contact_details, to="partner", partner=BUDGET_HELP, given_by="nora", on=MARCH_9).then_refused(
        WrongState
    )
    refused.when(give_contact_details, to="renter", partner=BUDGET_HELP, given_by="nora", on=MARCH_9).then_refused(
        WrongState
    )
    refused.when(withdraw_consent, on=MARCH_9).then_refused(WrongState)


# Contact details


def test_the_partner_gets_the_details_of_a_renter_who_agreed() -> None:
    given(REFERRAL, *AGREED_REFERRAL).when(
        give_contact_details, to="partner", partner=BUDGET_HELP, given_by="nora", on=MARCH_9
    ).then(TO_PARTNER)


def test_details_given_twice_are_given_once() -> None:
    given(REFERRAL, *AGREED_REFERRAL, TO_PARTNER).when(
        give_contact_details, to="partner", partner=BUDGET_HELP, given_by="nora", on=MARCH_9
    ).then_nothing_happens()


@pytest.mark.parametrize("past", [(PROPOSED,), (PROPOSED, ASKED)])
def test_nothing_goes_to_the_partner_before_the_renter_agrees(past: tuple[object, ...]) -> None:
    given(REFERRAL, *past).when(
        give_contact_details, to="partner", partner=BUDGET_HELP, given_by="nora", on=MARCH_9
    ).then_refused(NoConsent)


@pytest.mark.parametrize("past", [(PROPOSED,), (PROPOSED, ASKED), AGREED_REFERRAL])
def test_an_address_for_the_renter_needs_no_consent_and_no_protocol(past: tuple[object, ...]) -> None:
    given(REFERRAL, *past).when(
        give_contact_details, to="renter", partner=WITHOUT_PROTOCOL, given_by="nora", on=MARCH_9
    ).then(TO_RENTER)


def test_an_address_given_before_consent_does_not_stand_in_for_it() -> None:
    given(REFERRAL, PROPOSED, TO_RENTER).when(
        call_together, partner=BUDGET_HELP, called_by="nora", on=MARCH_9
    ).then_refused(NoConsent)


def test_an_address_given_after_consent_is_a_step() -> None:
    assert state_of(REFERRAL, *AGREED_REFERRAL, TO_RENTER).state == "details_given"


def test_an_address_is_given_to_the_renter_before_the_warmer_steps_only() -> None:
    given(REFERRAL, *AGREED_REFERRAL, CALLED).when(
        give_contact_details, to="renter", partner=BUDGET_HELP, given_by="nora", on=MARCH_10
    ).then_refused(WrongState)


def test_nothing_goes_to_a_partner_with_whom_no_protocol_is_in_force() -> None:
    given(REFERRAL, *AGREED_REFERRAL).when(
        give_contact_details, to="partner", partner=WITHOUT_PROTOCOL, given_by="nora", on=MARCH_9
    ).then_refused(NoProtocol)


def test_no_more_is_shared_than_the_renter_agreed_to() -> None:
    given(REFERRAL, *AGREED_REFERRAL).when(
        give_contact_details, to="partner", partner=BUDGET_HELP, given_by="nora", on=MARCH_9, shared=[NAME, DEBTS]
    ).then_refused(NoConsent, "BEYOND_CONSENT")


def test_less_may_be_shared_than_the_renter_agreed_to() -> None:
    given(REFERRAL, *AGREED_REFERRAL).when(
        give_contact_details, to="partner", partner=BUDGET_HELP, given_by="nora", on=MARCH_9, shared=[words("Naam")]
    ).then_it_holds(lambda events: events[0].shared == (words("Naam"),))


def test_a_yes_to_the_help_with_an_empty_scope_is_a_no_to_sharing() -> None:
    agreed = given(REFERRAL, PROPOSED, ASKED, AGREED_TO_NO_SHARING)
    agreed.when(give_contact_details, to="partner", partner=BUDGET_HELP, given_by="nora", on=MARCH_9).then_refused(
        NoConsent
    )
    agreed.when(call_together, partner=BUDGET_HELP, called_by="nora", on=MARCH_9).then_refused(NoConsent)
    agreed.when(accompany, accompanied_by="nora", on=MARCH_10).then(WENT_ALONG)


def test_nothing_is_shared_on_a_day_before_the_renter_agreed() -> None:
    agreed = given(REFERRAL, *AGREED_REFERRAL)
    agreed.when(give_contact_details, to="partner", partner=BUDGET_HELP, given_by="nora", on=MARCH_2).then_refused(
        NoConsent
    )
    agreed.when(call_together, partner=BUDGET_HELP, called_by="nora", on=MARCH_2).then_refused(NoConsent)
    agreed.when(accompany, accompanied_by="nora", on=MARCH_2).then_refused(NoConsent)


# Calling together


@pytest.mark.parametrize("past", [AGREED_REFERRAL, (*AGREED_REFERRAL, TO_PARTNER), (*AGREED_REFERRAL, TO_RENTER)])
def test_counsellor_and_renter_call_the_partner_together(past: tuple[object, ...]) -> None:
    given(REFERRAL, *past).when(call_together, partner=BUDGET_HELP, called_by="nora", on=MARCH_9, minutes=20).then(
        CALLED
    )


def test_one_call_noted_twice_is_one_call_also_by_a_colleague() -> None:
    given(REFERRAL, *AGREED_REFERRAL, CALLED).when(
        call_together, partner=WITHOUT_PROTOCOL, called_by="hilde", on=MARCH_9, minutes=20
    ).then_nothing_happens()


@pytest.mark.parametrize("past", [(PROPOSED,), (PROPOSED, ASKED)])
def test_nobody_calls_a_partner_before_the_renter_agrees(past: tuple[object, ...]) -> None:
    given(REFERRAL, *past).when(call_together, partner=BUDGET_HELP, called_by="nora", on=MARCH_9).then_refused(
        NoConsent
    )


@pytest.mark.parametrize(
    ("day", "in_force"),
    [
        (date(2025, 12, 31), False),
        (date(2026, 1, 1), True),
        (date(2026, 12, 31), True),
        (date(2027, 1, 1), False),
    ],
)
def test_a_protocol_is_in_force_from_its_first_to_its_last_day(day: date, in_force: bool) -> None:
    early = replace(AGREED, given_on=date(2025, 12, 1))
    call = given(REFERRAL, PROPOSED, ASKED, early).when(call_together, partner=BUDGET_HELP, called_by="nora", on=day)
    if in_force:
        call.then(CalledTogether(called_on=day, called_by="nora", protocol="pr-1"))
    else:
        call.then_refused(NoProtocol)


def test_a_protocol_is_not_in_force_any_more_on_the_day_it_is_retired() -> None:
    retired = state_of(PARTNER, LISTED, COVERED, PartnerNoLongerCovered(protocol="pr-1", retired_on=MARCH_9))
    agreed = given(REFERRAL, *AGREED_REFERRAL)
    agreed.when(call_together, partner=retired, called_by="nora", on=MARCH_9).then_refused(NoProtocol)
    agreed.when(call_together, partner=retired, called_by="nora", on=date(2026, 3, 8)).then_it_holds(
        lambda events: len(events) == 1
    )


# Going along


@pytest.mark.parametrize("past", [AGREED_REFERRAL, (*AGREED_REFERRAL, TO_PARTNER), (*AGREED_REFERRAL, CALLED)])
def test_somebody_goes_along(past: tuple[object, ...]) -> None:
    given(REFERRAL, *past).when(accompany, accompanied_by="nora", on=MARCH_10).then(WENT_ALONG)


def test_going_along_noted_twice_is_going_along_once() -> None:
    given(REFERRAL, *AGREED_REFERRAL, WENT_ALONG).when(
        accompany, accompanied_by="nora", on=MARCH_10
    ).then_nothing_happens()


@pytest.mark.parametrize("past", [(PROPOSED,), (PROPOSED, ASKED)])
def test_nobody_goes_along_before_the_renter_agrees(past: tuple[object, ...]) -> None:
    given(REFERRAL, *past).when(accompany, accompanied_by="nora", on=MARCH_9).then_refused(NoConsent)


def test_calling_and_going_along_are_warm_and_an_address_is_not() -> None:
    assert not state_of(REFERRAL, *AGREED_REFERRAL, TO_PARTNER).is_warm
    assert state_of(REFERRAL, *AGREED_REFERRAL, CALLED).is_warm
    assert state_of(REFERRAL, *AGREED_REFERRAL, WENT_ALONG, INTAKE).is_warm


# Intake and end


@pytest.mark.parametrize("step", [TO_PARTNER, TO_RENTER, CALLED, WENT_ALONG])
def test_the_first_real_contact_proves_that_the_referral_worked(step: object) -> None:
    given(REFERRAL, *AGREED_REFERRAL, step).when(confirm_intake, on=MARCH_10, confirmed_by=words("onthaal")).then(
        INTAKE
    )


def test_an_intake_confirmed_twice_is_one_intake() -> None:
    given(REFERRAL, *AGREED_REFERRAL, CALLED, INTAKE).when(
        confirm_intake, on=MARCH_10, confirmed_by=words("onthaal")
    ).then_nothing_happens()


def test_there_is_no_intake_before_a_step_towards_the_partner() -> None:
    given(REFERRAL, *AGREED_REFERRAL).when(confirm_intake, on=MARCH_10, confirmed_by=words("onthaal")).then_refused(
        WrongState
    )


def test_help_that_was_begun_is_finished() -> None:
    given(REFERRAL, *AGREED_REFERRAL, CALLED, INTAKE).when(finish_referral, on=MARCH_10).then(FINISHED)


def test_help_that_was_begun_is_broken_off() -> None:
    given(REFERRAL, *AGREED_REFERRAL, CALLED, INTAKE).when(break_off_referral, on=MARCH_10, by=words("renter")).then(
        BROKEN_OFF
    )


def test_an_end_noted_twice_is_one_end() -> None:
    given(REFERRAL, *AGREED_REFERRAL, CALLED, INTAKE, FINISHED).when(
        finish_referral, on=MARCH_10
    ).then_nothing_happens()
    given(REFERRAL, *AGREED_REFERRAL, CALLED, INTAKE, BROKEN_OFF).when(
        break_off_referral, on=MARCH_10, by=words("Renter")
    ).then_nothing_happens()


def test_help_that_has_ended_does_not_end_in_another_way() -> None:
    given(REFERRAL, *AGREED_REFERRAL, CALLED, INTAKE, FINISHED).when(break_off_referral, on=MARCH_10).then_refused(
        WrongState
    )


def test_help_that_never_began_is_not_finished() -> None:
    given(REFERRAL, *AGREED_REFERRAL, CALLED).when(finish_referral, on=MARCH_10).then_refused(WrongState)


# Withdrawal


@pytest.mark.parametrize(
    ("past", "tell_partner"),
    [
        ((PROPOSED, ASKED), False),
        (AGREED_REFERRAL, False),
        ((*AGREED_REFERRAL, TO_RENTER), False),
        ((*AGREED_REFERRAL, TO_PARTNER), True),
        ((*AGREED_REFERRAL, CALLED), True),
        ((*AGREED_REFERRAL, WENT_ALONG), True),
        ((*AGREED_REFERRAL, TO_RENTER, INTAKE), True),
    ],
)
def test_consent_can_always_be_withdrawn_and_a_partner_who_knows_is_told(
    past: tuple[object, ...], tell_partner: bool
) -> None:
    given(REFERRAL, *past).when(withdraw_consent, on=MARCH_10, counsellor="nora").then(
        ReferralConsentWithdrawn(withdrawn_on=MARCH_10, tell_partner=tell_partner, counsellor="nora")
    )


def test_withdrawing_twice_is_withdrawing_once() -> None:
    given(REFERRAL, *AGREED_REFERRAL, CALLED, WITHDRAWN).when(withdraw_consent, on=MARCH_10).then_nothing_happens()


def test_there_is_nothing_to_withdraw_before_consent_was_asked_or_after_the_end() -> None:
    given(REFERRAL, PROPOSED).when(withdraw_consent, on=MARCH_10).then_refused(WrongState)
    given(REFERRAL, *AGREED_REFERRAL, CALLED, INTAKE, FINISHED).when(withdraw_consent, on=MARCH_10).then_refused(
        WrongState
    )


def test_ec_32_sharing_stops_at_once_when_consent_is_withdrawn() -> None:
    withdrawn = given(REFERRAL, *AGREED_REFERRAL, CALLED, WITHDRAWN)
    withdrawn.when(accompany, accompanied_by="nora", on=MARCH_10).then_refused(WrongState)
    withdrawn.when(give_contact_details, to="partner", partner=BUDGET_HELP, given_by="nora", on=MARCH_10).then_refused(
        WrongState
    )
    withdrawn.when(confirm_intake, on=MARCH_10, confirmed_by=words("onthaal")).then_refused(WrongState)


def test_ec_32_a_call_like_the_one_before_is_a_new_call_once_consent_is_withdrawn() -> None:
    given(REFERRAL, *AGREED_REFERRAL, CALLED, WITHDRAWN).when(
        call_together, partner=BUDGET_HELP, called_by="nora", on=MARCH_9, minutes=20
    ).then_refused(WrongState)


# Silence


@pytest.mark.parametrize(("today", "noted"), [(date(2026, 3, 22), False), (date(2026, 3, 23), True)])
def test_silence_for_as_long_as_the_partners_entry_allows_is_a_task(today: date, noted: bool) -> None:
    silence = given(REFERRAL, *AGREED_REFERRAL, CALLED).when(fall_silent, today=today, lease=RUNNING)
    if noted:
        silence.then(ReferralFellSilent(since=MARCH_9, days=14, state="called_together", counsellor="nora"))
    else:
        silence.then_nothing_happens()


def test_one_silence_is_one_task() -> None:
    silent = ReferralFellSilent(since=MARCH_9, days=14, state="called_together", counsellor="nora")
    given(REFERRAL, *AGREED_REFERRAL, CALLED, silent).when(
        fall_silent, today=date(2026, 5, 1), lease=RUNNING
    ).then_nothing_happens()


def test_a_step_ends_the_silence_and_begins_a_new_wait() -> None:
    silent = ReferralFellSilent(since=MARCH_3, days=14, state="consent_given", counsellor="nora")
    assert silent_on(state_of(REFERRAL, *AGREED_REFERRAL, silent)) is None
    assert silent_on(state_of(REFERRAL, *AGREED_REFERRAL, silent, CALLED)) == date(2026, 3, 23)


def test_a_step_typed_in_late_does_not_make_the_silence_longer() -> None:
    backdated = replace(WENT_ALONG, accompanied_on=date(2026, 3, 4))
    assert silent_on(state_of(REFERRAL, *AGREED_REFERRAL, CALLED, backdated)) == date(2026, 3, 23)


@pytest.mark.parametrize(
    "past",
    [
        (PROPOSED, ASKED, REFUSED),
        (*AGREED_REFERRAL, CALLED, INTAKE),
        (*AGREED_REFERRAL, CALLED, INTAKE, FINISHED),
        (*AGREED_REFERRAL, CALLED, INTAKE, BROKEN_OFF),
        (*AGREED_REFERRAL, CALLED, WITHDRAWN),
    ],
)
def test_nothing_is_awaited_once_the_referral_landed_or_ended(past: tuple[object, ...]) -> None:
    given(REFERRAL, *past).when(fall_silent, today=date(2027, 1, 1), lease=RUNNING).then_nothing_happens()


def test_nothing_is_awaited_once_the_lease_has_ended() -> None:
    given(REFERRAL, *AGREED_REFERRAL).when(fall_silent, today=date(2027, 1, 1), lease=ENDED).then_nothing_happens()


def test_the_task_is_for_the_counsellor_the_lease_has_now() -> None:
    handed_over = state_of(
        LEASE, REGISTERED, STARTED, CounsellorAssignedV1(lease="l-1", counsellor="sofie", assigned_from=MARCH_9)
    )
    given(REFERRAL, *AGREED_REFERRAL, CALLED).when(fall_silent, today=date(2026, 4, 1), lease=handed_over).then(
        ReferralFellSilent(since=MARCH_9, days=14, state="called_together", counsellor="sofie")
    )


# Forgetting


ENDS = [
    ReferralConsentRefused(refused_on=MARCH_9),
    ReferralConsentWithdrawn(withdrawn_on=MARCH_9, tell_partner=False),
    ReferralFinished(finished_on=MARCH_9),
    ReferralBrokenOff(broken_off_on=MARCH_9),
]
A_YEAR_LATER = date(2027, 3, 9)


@pytest.mark.parametrize("end", ENDS)
def test_a_year_after_its_end_what_it_was_about_is_forgotten(end: Any) -> None:
    history = (*AGREED_REFERRAL, end)
    early, late = A_YEAR_LATER - timedelta(days=1), A_YEAR_LATER
    given(REFERRAL, *history).when(forget, today=early, holds=Holds()).then_nothing_happens()
    forgotten = ReferralForgotten(forgotten_on=late)
    given(REFERRAL, *history).when(forget, today=late, holds=Holds()).then(forgotten)
    given(REFERRAL, *history, forgotten).when(forget, today=late, holds=Holds()).then_nothing_happens()
    held = Holds(placed=frozenset({"h1"}))
    given(REFERRAL, *history).when(forget, today=late, holds=held).then_nothing_happens()


def test_a_referral_that_goes_on_is_not_forgotten() -> None:
    given(REFERRAL, *AGREED_REFERRAL, CALLED).when(forget, today=date(2040, 1, 1), holds=Holds()).then_nothing_happens()


def test_nobody_said_yes_or_no_before_they_were_asked() -> None:
    """A yes dated back would cover what was shared without one."""
    asked = [one for one in AGREED_REFERRAL if not isinstance(one, ReferralConsentGiven)]
    before = next(one.asked_on for one in asked if isinstance(one, ReferralConsentAsked)) - timedelta(days=1)
    given(REFERRAL, *asked).when(give_consent, on=before, scope=(words("naam"),)).then_refused(DateOrder)
    given(REFERRAL, *asked).when(refuse_consent, on=before).then_refused(DateOrder)
