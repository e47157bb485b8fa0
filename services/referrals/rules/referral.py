"""A referral: from an offer of help, with consent and only as far as it reaches, up to the help itself (domain 3.7).

"Warm" is what the counsellor does beyond giving an address: calling together, going along (P08).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, Literal, assert_never

from services.referrals.events import (
    CalledTogether,
    ContactDetailsGiven,
    IntakeConfirmed,
    ReferralAccompanied,
    ReferralBrokenOff,
    ReferralConsentAsked,
    ReferralConsentGiven,
    ReferralConsentRefused,
    ReferralConsentWithdrawn,
    ReferralEvent,
    ReferralFellSilent,
    ReferralFinished,
    ReferralForgotten,
    ReferralOffered,
    ReferralProposed,
)
from services.referrals.rules.lease import Lease, must_not_be_over
from services.referrals.rules.offer import OFFER
from services.referrals.rules.partner import Partner
from services.referrals.rules.refusals import NoConsent
from shared.contracts.referrals import ReferralState
from shared.contracts.visits import Channel
from shared.decisions import Elsewhere, Named, Refusal, Stream
from shared.holds import Holds
from shared.refusals import DateOrder, Unknown, WrongState, has_begun
from shared.sealed import Sealed, is_the_same
from shared.working_days import add_years


class ShareListMissing(Refusal):
    """The renter must be told what would be shared before consent can be asked (domain 3.7)."""


class NoProtocol(Refusal):
    """Office and partner have no data-sharing protocol in force on that day (domain 3.7)."""


@dataclass(frozen=True, kw_only=True)
class Referral:
    """One referral, and what was recorded at each step of it."""

    state: ReferralState | None = None
    proposed: ReferralProposed | None = None
    asked: ReferralConsentAsked | None = None
    consent: ReferralConsentGiven | None = None
    refused: ReferralConsentRefused | None = None
    withdrawn: ReferralConsentWithdrawn | None = None
    details: tuple[ContactDetailsGiven, ...] = ()
    called: CalledTogether | None = None
    accompanied: ReferralAccompanied | None = None
    intake: IntakeConfirmed | None = None
    end: ReferralFinished | ReferralBrokenOff | None = None
    last_step_on: date | None = None
    silent_since: date | None = None  # the step after which a silence was noted already
    forgotten_on: date | None = None

    @property
    def lease(self) -> str:
        """The lease it is about; "" before it was proposed."""
        return self.proposed.lease if self.proposed else ""

    @property
    def is_warm(self) -> bool:
        """Whether somebody called or went along with the renter (K-07)."""
        return self.called is not None or self.accompanied is not None

    @property
    def partner_knows(self) -> bool:
        """Whether the partner has got or heard something of the renter, and must be told when consent ends."""
        given = any(step.to == "partner" for step in self.details)
        return given or self.is_warm or self.intake is not None


KEPT_YEARS: Final = 1  # after its end (domain 11, F)
ENDED: tuple[ReferralState, ...] = ("refused", "withdrawn", "finished", "broken_off")
WAITING: tuple[ReferralState, ...] = (
    "proposed",
    "consent_asked",
    "consent_given",
    "details_given",
    "called_together",
    "accompanied",
)


def propose_referral(
    referral: Referral,
    *,
    lease: Lease,
    of_lease: str,
    offer: str,
    partner: Partner,
    to_partner: Sealed | None,
    need: Sealed | None,
    on: date,
    why: Sealed | None = None,
) -> list[ReferralEvent | Elsewhere]:
    """Offer the help of a partner. That something was offered, and when, is recorded apart from what it is.

    :param offer: the id of that second record; it must not be derived from the referral's own.
    :raises Unknown: the partner does not stand in the directory.
    :raises WrongState: the lease has ended, or there is another referral under this id.
    """
    proposed = ReferralProposed(
        lease=of_lease,
        proposed_on=on,
        need=need,
        partner=to_partner,
        why=why,
        silent_after_days=partner.entry.silent_after_days if partner.entry else 14,
    )
    # How long a partner may be silent stands in its entry, which may have been changed since.
    before = referral.proposed and replace(referral.proposed, silent_after_days=proposed.silent_after_days)
    if has_begun(before, proposed):
        return []
    if not partner.is_in_the_directory:
        raise Unknown
    must_not_be_over(lease)
    return [proposed, Elsewhere(OFFER, offer, ReferralOffered(lease=of_lease, offered_on=on))]


def ask_consent(
    referral: Referral, *, what_is_shared: Sequence[Sealed], explained_in: Sealed | None, on: date
) -> list[ReferralEvent]:
    """Ask the renter, having told what would be shared, in a language they understand.

    :raises ShareListMissing: nothing was listed.
    :raises WrongState: it was asked before, or the referral has come to its end.
    """
    asked = ReferralConsentAsked(asked_on=on, explained_in=explained_in, what_is_shared=tuple(what_is_shared))
    if is_the_same(referral.asked, asked):
        return []
    _must_be(referral, "proposed")
    if not what_is_shared:
        raise ShareListMissing
    return [asked]


def refuse_consent(
    referral: Referral, *, on: date, by_party: str | None = None, why: Sealed | None = None
) -> list[ReferralEvent]:
    """Note that the renter does not want it. It ends here and has no effect on anything else (4.5).

    :raises WrongState: consent is not being asked.
    """
    if referral.refused is not None:
        return []
    _must_be(referral, "consent_asked")
    _must_follow_the_question(referral, on=on)
    return [ReferralConsentRefused(refused_on=on, by_party=by_party, why=why)]


def give_consent(
    referral: Referral,
    *,
    on: date,
    scope: Sequence[Sealed],
    form: Sealed | None = None,
    by_party: str | None = None,
) -> list[ReferralEvent]:
    """Note that the renter agrees, and to sharing what. An empty scope is a yes to the help and a no to sharing.

    :raises WrongState: consent is not being asked.
    """
    given = ReferralConsentGiven(given_on=on, scope=tuple(scope), form=form, by_party=by_party)
    if is_the_same(referral.consent, given):
        return []
    _must_be(referral, "consent_asked")
    _must_follow_the_question(referral, on=on)
    return [given]


def withdraw_consent(
    referral: Referral,
    *,
    on: date,
    counsellor: str | None = None,
    by_party: str | None = None,
    why: Sealed | None = None,
) -> list[ReferralEvent]:
    """Note that the renter takes the consent back: nothing is shared from now on, and who knows is told to stop.

    :raises WrongState: consent was never asked, was refused, or the referral has come to its end.
    """
    if referral.withdrawn is not None:
        return []
    _must_be(
        referral,
        "consent_asked",
        "consent_given",
        "details_given",
        "called_together",
        "accompanied",
        "intake_confirmed",
    )
    return [
        ReferralConsentWithdrawn(
            withdrawn_on=on, tell_partner=referral.partner_knows, by_party=by_party, why=why, counsellor=counsellor
        )
    ]


def give_contact_details(
    referral: Referral,
    *,
    to: Literal["renter", "partner"],
    partner: Partner,
    given_by: str,
    on: date,
    shared: Sequence[Sealed] = (),
) -> list[ReferralEvent]:
    """Give the renter the partner's details, for which no consent is needed, or the partner those of the renter.

    :param shared: what goes to the partner; empty: all that the renter agreed to.
    :raises NoConsent: data go to the partner without, before or beyond the renter's consent.
    :raises NoProtocol: data go to the partner and no data-sharing protocol is in force that day.
    :raises WrongState: the referral is further on, or has come to its end.
    """
    protocol = partner.protocol_on(on) if to == "partner" else None
    given = ContactDetailsGiven(given_on=on, to=to, given_by=given_by, shared=tuple(shared), protocol=protocol)
    if to == "partner":
        _must_not_have_said_no(referral)
    # Two colleagues who note one and the same step mean one step.
    if any(is_the_same(replace(step, protocol=protocol, given_by=given_by), given) for step in referral.details):
        return []
    if to == "partner":
        _must_agree(referral, on=on, to_share=shared)
        _must_be(referral, "consent_given")
        _must_be_covered(protocol)
    else:
        _must_be(referral, "proposed", "consent_asked", "consent_given")
    return [given]


def call_together(
    referral: Referral,
    *,
    partner: Partner,
    called_by: str,
    on: date,
    minutes: int | None = None,
    spoke_with: Sealed | None = None,
) -> list[ReferralEvent]:
    """Note that counsellor and renter called the partner together.

    :raises NoConsent: the renter had not agreed that day, or agreed to sharing nothing.
    :raises NoProtocol: no data-sharing protocol is in force that day.
    :raises WrongState: the referral is further on, or has come to its end.
    """
    protocol = partner.protocol_on(on)
    called = CalledTogether(
        called_on=on, called_by=called_by, minutes=minutes, spoke_with=spoke_with, protocol=protocol
    )
    _must_not_have_said_no(referral)
    earlier = replace(referral.called, protocol=protocol, called_by=called_by) if referral.called else None
    if is_the_same(earlier, called):
        return []
    _must_agree(referral, on=on, to_share=())
    _must_be(referral, "consent_given", "details_given")
    _must_be_covered(protocol)
    return [called]


def accompany(referral: Referral, *, accompanied_by: str, on: date, minutes: int | None = None) -> list[ReferralEvent]:
    """Note that a counsellor or bridge figure went along to the partner.

    :raises NoConsent: the renter had not agreed that day.
    :raises WrongState: somebody went along before, or the referral is further on or has come to its end.
    """
    accompanied = ReferralAccompanied(accompanied_on=on, accompanied_by=accompanied_by, minutes=minutes)
    _must_not_have_said_no(referral)
    if is_the_same(referral.accompanied, accompanied):
        return []
    _must_have_agreed(referral, on=on)
    _must_be(referral, "consent_given", "details_given", "called_together")
    return [accompanied]


def confirm_intake(
    referral: Referral, *, on: date, confirmed_by: Sealed | None, received_by: Channel | None = None
) -> list[ReferralEvent]:
    """Note the first real contact at the partner: the referral worked.

    :raises WrongState: no step towards the partner was taken yet, or the referral is further on or has ended.
    """
    intake = IntakeConfirmed(intake_on=on, confirmed_by=confirmed_by, received_by=received_by)
    if is_the_same(referral.intake, intake):
        return []
    _must_be(referral, "details_given", "called_together", "accompanied")
    return [intake]


def finish_referral(
    referral: Referral, *, on: date, by: Sealed | None = None, why: Sealed | None = None
) -> list[ReferralEvent]:
    """Note that the help came to its end as meant.

    :raises WrongState: no intake was confirmed, or it has ended.
    """
    finished = ReferralFinished(finished_on=on, by=by, why=why)
    if is_the_same(referral.end, finished):
        return []
    _must_be(referral, "intake_confirmed")
    return [finished]


def break_off_referral(
    referral: Referral, *, on: date, by: Sealed | None = None, why: Sealed | None = None
) -> list[ReferralEvent]:
    """Note that renter, partner or office stopped the help before its end.

    :raises WrongState: no intake was confirmed, or it has ended.
    """
    broken_off = ReferralBrokenOff(broken_off_on=on, by=by, why=why)
    if is_the_same(referral.end, broken_off):
        return []
    _must_be(referral, "intake_confirmed")
    return [broken_off]


def fall_silent(referral: Referral, *, today: date, lease: Lease) -> list[ReferralEvent]:
    """Note, once after each step, that nothing was heard for as many days as the partner's entry allows."""
    due = silent_on(referral)
    if referral.state is None or referral.last_step_on is None or due is None or today < due or lease.is_over:
        return []
    return [
        ReferralFellSilent(
            since=referral.last_step_on,
            days=(due - referral.last_step_on).days,
            state=referral.state,
            counsellor=lease.counsellor,
        )
    ]


def silent_on(referral: Referral) -> date | None:
    """Return the day from which silence is a task; None while nothing is awaited, or once it was noted."""
    if referral.proposed is None or referral.state not in WAITING or referral.last_step_on is None:
        return None
    if referral.silent_since == referral.last_step_on:
        return None
    return referral.last_step_on + timedelta(days=referral.proposed.silent_after_days)


def forget_on(referral: Referral) -> date | None:
    """Return the day from which what it was about is not kept; None before its end, or once it is forgotten."""
    if referral.state not in ENDED or referral.last_step_on is None or referral.forgotten_on is not None:
        return None
    return add_years(referral.last_step_on, KEPT_YEARS)


def forget(referral: Referral, *, today: date, holds: Holds) -> list[ReferralEvent]:
    """Let what it was about be erased once its time has come; not while a hold forbids it."""
    due = forget_on(referral)
    return [] if due is None or today < due or holds.any else [ReferralForgotten(forgotten_on=today)]


def evolve(referral: Referral, event: ReferralEvent) -> Referral:
    match event:
        case ReferralProposed():
            return _step(referral, "proposed", event.proposed_on, proposed=event)
        case ReferralConsentAsked():
            return _step(referral, "consent_asked", event.asked_on, asked=event)
        case ReferralConsentGiven():
            return _step(referral, "consent_given", event.given_on, consent=event)
        case ReferralConsentRefused():
            return _step(referral, "refused", event.refused_on, refused=event)
        case ReferralConsentWithdrawn():
            return _step(referral, "withdrawn", event.withdrawn_on, withdrawn=event)
        case ContactDetailsGiven():
            # An address given to the renter before consent is a help, and no step past the consent.
            state = "details_given" if referral.state == "consent_given" else referral.state
            return _step(referral, state, event.given_on, details=(*referral.details, event))
        case CalledTogether():
            return _step(referral, "called_together", event.called_on, called=event)
        case ReferralAccompanied():
            return _step(referral, "accompanied", event.accompanied_on, accompanied=event)
        case IntakeConfirmed():
            return _step(referral, "intake_confirmed", event.intake_on, intake=event)
        case ReferralFinished():
            return _step(referral, "finished", event.finished_on, end=event)
        case ReferralBrokenOff():
            return _step(referral, "broken_off", event.broken_off_on, end=event)
        case ReferralFellSilent():
            return replace(referral, silent_since=event.since)
        case ReferralForgotten():
            return replace(referral, forgotten_on=event.forgotten_on)
        case _:
            assert_never(event)


def _step(referral: Referral, state: ReferralState | None, on: date, **recorded: Any) -> Referral:
    # A step typed in late, with an earlier day than the one before it, does not make the silence longer.
    last = on if referral.last_step_on is None else max(on, referral.last_step_on)
    return replace(referral, state=state, last_step_on=last, **recorded)


def _must_be(referral: Referral, *states: ReferralState) -> None:
    if referral.state not in states:
        raise WrongState


def _must_follow_the_question(referral: Referral, *, on: date) -> None:
    # A yes dated back would cover what was shared without one.
    if referral.asked is not None and on < referral.asked.asked_on:
        raise DateOrder


def _must_not_have_said_no(referral: Referral) -> None:
    # Asked before "already so": what reads like an earlier step may be a second one, and that is never harmless now.
    if referral.state in ("refused", "withdrawn"):
        raise WrongState


def _must_have_agreed(referral: Referral, *, on: date) -> ReferralConsentGiven | None:
    """Return the consent that holds on a day; None only where the referral was never proposed."""
    if referral.state in ("proposed", "consent_asked"):
        raise NoConsent
    if referral.consent is not None and on < referral.consent.given_on:
        raise NoConsent
    return referral.consent


def _must_agree(referral: Referral, *, on: date, to_share: Sequence[Sealed]) -> None:
    """Refuse sharing without, before or beyond the renter's consent."""
    consent = _must_have_agreed(referral, on=on)
    if consent is None:
        return
    if not consent.scope:
        raise NoConsent
    beyond = [
        number
        for number, item in enumerate(to_share)
        if not any(item.says_the_same_as(agreed) for agreed in consent.scope)
    ]
    if beyond:
        raise NoConsent(*(Named("BEYOND_CONSENT", f"/shared/{number}") for number in beyond))


def _must_be_covered(protocol: str | None) -> None:
    if protocol is None:
        raise NoProtocol


REFERRAL = Stream("referral", initial=Referral(), evolve=evolve, events=ReferralEvent)
