"""Whatever people do, and in whatever order: what holds of every referral (I-12)."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.referrals.events import (
    CalledTogether,
    ContactDetailsGiven,
    PartnerCovered,
    PartnerListed,
    PartnerNoLongerCovered,
    ReferralAccompanied,
    ReferralConsentGiven,
    ReferralConsentRefused,
    ReferralConsentWithdrawn,
    ReferralEvent,
    ReferralOffered,
)
from services.referrals.main import SERVICE
from services.referrals.publishing import published
from services.referrals.rules.offer import OFFER
from services.referrals.rules.partner import PARTNER
from services.referrals.rules.referral import (
    REFERRAL,
    Referral,
    accompany,
    ask_consent,
    break_off_referral,
    call_together,
    confirm_intake,
    fall_silent,
    finish_referral,
    give_consent,
    give_contact_details,
    propose_referral,
    refuse_consent,
    withdraw_consent,
)
from shared.bus import PARTS
from shared.codec import events_of
from shared.decisions import Elsewhere, Refusal
from shared.keys import GRANTS
from tests.referrals import words
from tests.referrals.test_referral import RUNNING
from tests.specification import state_of

FIRST = date(2026, 3, 2)
PARTNER_NOW = state_of(
    PARTNER,
    PartnerListed(kind="caw", name=words("CAW")),
    PartnerCovered(protocol="pr-1", in_force_from=FIRST + timedelta(3), in_force_until=FIRST + timedelta(20)),
    PartnerCovered(protocol="pr-2", in_force_from=FIRST + timedelta(25)),
    PartnerNoLongerCovered(protocol="pr-2", retired_on=FIRST + timedelta(35)),
)
ITEMS = st.lists(st.sampled_from(["naam", "telefoon", "schulden"]).map(words), max_size=3)
DAYS = st.integers(0, 40).map(lambda days: FIRST + timedelta(days))

Act = Callable[[Referral], list[Any]]


@st.composite
def acts(draw: st.DrawFn) -> Act:
    """Anything that anybody may try, on any day."""
    on, who = draw(DAYS), draw(st.sampled_from(["nora", "sofie"]))
    proposal = {"lease": RUNNING, "of_lease": "l-1", "offer": "o-1", "partner": PARTNER_NOW, "on": on}
    tried: list[Any] = [
        partial(propose_referral, **proposal, to_partner=words("p-1"), need=words("money")),
        partial(ask_consent, what_is_shared=draw(ITEMS), explained_in=words("nl"), on=on),
        partial(give_consent, scope=draw(ITEMS), on=on),
        partial(refuse_consent, on=on),
        partial(withdraw_consent, on=on),
        partial(give_contact_details, to="partner", partner=PARTNER_NOW, given_by=who, on=on, shared=draw(ITEMS)),
        partial(give_contact_details, to="renter", partner=PARTNER_NOW, given_by=who, on=on),
        partial(call_together, partner=PARTNER_NOW, called_by=who, on=on),
        partial(accompany, accompanied_by=who, on=on),
        partial(confirm_intake, on=on, confirmed_by=words("onthaal")),
        partial(finish_referral, on=on),
        partial(break_off_referral, on=on),
        partial(fall_silent, today=on, lease=RUNNING),
    ]
    return draw(st.sampled_from(tried))  # type: ignore[no-any-return]


def history(tried: list[Act]) -> tuple[list[ReferralEvent], list[Elsewhere]]:
    """Let people try these acts one after the other; return what was recorded."""
    referral, events, elsewhere = REFERRAL.initial, list[Any](), list[Elsewhere]()
    for act in tried:
        try:
            answered = act(referral)
        except Refusal:
            continue
        for one in answered:
            if isinstance(one, Elsewhere):
                elsewhere.append(one)
            else:
                events.append(one)
                referral = REFERRAL.evolve(referral, one)
    return events, elsewhere


def is_sharing(event: ReferralEvent) -> bool:
    """Whether something of the renter went to the partner with it."""
    return isinstance(event, CalledTogether) or (isinstance(event, ContactDetailsGiven) and event.to == "partner")


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.lists(acts(), max_size=14))
def test_nothing_is_shared_without_consent_that_covers_it_and_a_protocol_of_that_day(tried: list[Act]) -> None:
    consent: ReferralConsentGiven | None = None
    events, _ = history(tried)
    for event in events:
        if isinstance(event, ReferralConsentGiven):
            consent = event
        elif isinstance(event, ReferralConsentWithdrawn | ReferralConsentRefused):
            consent = None
        elif isinstance(event, ReferralAccompanied):
            assert consent is not None
        if is_sharing(event):
            assert consent is not None and consent.scope
            assert isinstance(event, CalledTogether | ContactDetailsGiven)
            day = event.called_on if isinstance(event, CalledTogether) else event.given_on
            assert day >= consent.given_on
            assert event.protocol is not None and PARTNER_NOW.covers[event.protocol].holds_on(day)
            beyond = event.shared if isinstance(event, ContactDetailsGiven) else ()
            assert all(any(item.says_the_same_as(agreed) for agreed in consent.scope) for item in beyond)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(acts(), max_size=14))
def test_after_a_no_nothing_is_recorded_any_more(tried: list[Act]) -> None:
    events, _ = history(tried)
    ends = [n for n, one in enumerate(events) if isinstance(one, ReferralConsentWithdrawn | ReferralConsentRefused)]
    assert all(n == len(events) - 1 for n in ends)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(acts(), max_size=14))
def test_trying_everything_twice_records_it_once(tried: list[Act]) -> None:
    once, _ = history(tried)
    twice, _ = history([act for act in tried for _ in range(2)])
    assert twice == once


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(acts(), max_size=14))
def test_of_every_history_evaluations_can_hear_lease_and_day_of_the_offer_only(tried: list[Act]) -> None:
    events, elsewhere = history(tried)
    may_hear = {f"{name}V1" for name in PARTS["evaluations", "referrals"]}
    told: list[Any] = []
    referral = REFERRAL.initial
    for event in events:
        referral = REFERRAL.evolve(referral, event)
        told += published(event, referral, "r-1")
    assert all(type(contract).__name__ not in may_hear for contract in told)
    assert all(one.stream is OFFER and isinstance(one.event, ReferralOffered) for one in elsewhere)
    offers = [published(one.event, state_of(OFFER, one.event), one.id) for one in elsewhere]
    assert all(vars(contract).keys() == {"lease", "offered_on"} for (contract,) in offers)


def test_what_evaluations_hears_lies_in_streams_that_hold_nothing_else() -> None:
    may_hear = set(PARTS["evaluations", "referrals"])
    for stream in SERVICE.streams:
        names = {event.__name__ for event in events_of(stream)}
        assert names <= may_hear or not names & may_hear, stream.kind


def test_evaluations_has_no_key_to_what_a_referral_is_about() -> None:
    assert {"F", "G"}.isdisjoint(GRANTS["evaluations"])
